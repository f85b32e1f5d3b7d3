"""Shuffled Dyck languages: a counter for each kind of bracket, but no stack."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch

from seqtoys.support.arrays import Array, Bools, Floats, Ints
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_probability
from seqtoys.tasks.dyck import Dyck, depths
from seqtoys.tasks.processes.brackets import BracketLanguage

NAME = "shuffle_dyck"
HIGHEST_P = 0.49  # closer to 1/2, strings become very long
NEGLIGIBLE = 1e-18  # a probability


class ShuffleDyck(BracketLanguage):
    r"""Brackets of several kinds, each balanced by itself: `([)]` is correct.

    A sequence is `#`, the string, `#`; each next symbol is predicted. At each symbol, a bracket
    opens with probability $p$, with all $k$ kinds equally likely. Otherwise one of the open
    brackets closes, each with the same probability $1 / n$ if $n$ are open, or the string ends
    with `#` if none is. So a kind of which $c$ brackets are open closes with probability $c / n$:
    a model needs a counter for each kind, but not their order.

    **Optimum.** Where brackets open and close, regardless of kind, is a string of `dyck` with one
    kind, which costs $h(p)$ per symbol; an opening bracket costs another $\ln k$. The kinds of the
    $n$ open brackets are independent and uniform, since the one that closes is drawn without
    regard to its kind. So if a bracket closes, the expected surprise of its kind is

    $$E_n = -k \sum_{c=1}^{n} \binom n c \frac{(k - 1)^{n - c}}{k^n} \, \frac c n \ln \frac c n .$$

    A fraction $(1 - r) r^n$ of the symbols is drawn while $n$ brackets are open, with
    $r = p / (1 - p)$, so

    $$\text{optimum} = h(p) + p \ln k + (1 - p) \sum_{n \ge 1} (1 - r) \, r^n E_n ,$$

    which is 1.0786 nats for two kinds at $p = 0.4$.

    **Memoryless.** After `#` or a closing bracket, the next symbol has the same distribution as in
    `dyck`: after `#`, the surprise is $h(p) + p \ln k$; after a closing bracket, it is
    $h(p, 1 - 2p, p) + 2 p \ln k$. After an opening bracket, $n - 1$ others are open with
    probability $(1 - r) r^{n - 1}$. If a bracket closes, it is the same one with the expected
    probability $a$ of $1 / n$, otherwise it is of any kind:

    $$a = \sum_{n \ge 1} \frac{(1 - r) \, r^{n - 1}} n = \frac{1 - r} r \ln \frac 1 {1 - r} .$$

    So the same kind closes with probability $(1 - p) (a + (1 - a) / k)$, and each other kind with
    $(1 - p) (1 - a) / k$. A fraction $1 - 2p$ of the symbols follows `#`, and $p$ each an opening
    and a closing bracket.

    **Chance.** As in `dyck`, `#` has the proportion $1 - 2p$, and each bracket $p / k$; chance is
    the larger of the two.

    **Lengths.** `length` counts the input symbols, one more than the string has, so it is odd. By
    default, strings have any length, and `lengths` is a range that contains 99% of them. For
    chosen lengths, all shapes of $m$ pairs are equally likely, and together they have
    $\frac{2 n + 1}{2 m + 1} \binom{2 m + 1}{m - n}$ brackets that close while $n$ are open.
    Divided by the number of shapes, the Catalan number, and multiplied by $E_n$, this gives the
    surprise of their kinds, which is added to that of `dyck` at this length.

    Source: Bhattamishra et al. (2020), On the ability and limitations of transformers to recognize
    formal languages. There, the strings are random shuffles of Dyck strings, whose optimum is
    unknown, and a model predicts the set of all legal next symbols: `task.allowed`.

    Args:
        kinds: The number of kinds of brackets, $k$: 1 to 8.
        p: The probability of opening a bracket at each symbol, below 0.49.

    Raises:
        OptionError: If an option is out of range.

    Examples:
        >>> task = ShuffleDyck()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #[([[])]]
        targets  [([[])]]#
        >>> task.optimum
        1.0785...
    """

    source = "Bhattamishra et al. 2020"
    level: str | None = "context-sensitive"

    def __init__(self, kinds: int = 2, p: float = 0.4) -> None:
        self.p: float = check_probability("p", p, below=HIGHEST_P)
        shape = Dyck(1, self.p)
        shape.name = NAME  # for messages
        super().__init__(NAME, shape, kinds)

    @cached_property
    def optimum(self) -> float:
        """The surprise of the shape, of kinds that open, and of kinds that close."""
        r = self.p / (1 - self.p)
        most = math.ceil(math.log(NEGLIGIBLE) / math.log(r))
        open_brackets = (1 - r) * r ** np.arange(most + 1)  # the distribution of their number
        closing = float(open_brackets @ closing_entropies(self.kinds, most))
        return entropy(self.p) + self.p * math.log(self.kinds) + (1 - self.p) * closing

    @property
    def memoryless(self) -> Estimate:
        """The expected surprise given only the current symbol."""
        p, k, r = self.p, self.kinds, self.p / (1 - self.p)
        a = (1 - r) / r * -math.log1p(-r)  # the probability that the same bracket closes
        same, other = (1 - p) * (a + (1 - a) / k), (1 - p) * (1 - a) / k
        opened = entropy(*[p / k] * k, same, *[other] * (k - 1))
        closed = entropy(p, 1 - 2 * p, p) + 2 * p * math.log(k)
        first = entropy(p) + p * math.log(k)
        return Estimate((1 - 2 * p) * first + p * (opened + closed))

    @property
    def chance(self) -> Estimate:
        """The proportion of `#` or of one bracket, whichever is larger."""
        return Estimate(max(1 - 2 * self.p, self.p / self.kinds))

    def _close(
        self, opens: Array, kinds: Array, lengths: Array, generator: torch.Generator
    ) -> Array:
        inside = np.arange(opens.shape[1]) < lengths[:, np.newaxis] - 1  # (batch, time)
        is_open, count = opens[inside], depths(opens)[inside]  # (brackets,): string after string
        drawn = torch.rand(len(count), dtype=torch.float64, generator=generator).numpy()
        closed = kinds.copy()
        closed[inside] = kinds[inside][partners(is_open, count, (drawn * count).astype(np.int64))]
        return closed

    def _closing_chances(self, opens: Array, kinds: Array) -> Array:
        is_kind = kinds[:, :, np.newaxis] == np.arange(self.kinds)  # (batch, time, kinds)
        steps = np.where(opens, 1, -1)[:, :, np.newaxis] * is_kind
        counters = steps.cumsum(1) - steps  # before each symbol
        chances: Array = counters / depths(opens).clip(min=1)[:, :, np.newaxis]
        return chances

    def _closing_surprise(self, lengths: tuple[int, ...]) -> float:
        each = closing_entropies(self.kinds, (lengths[-1] - 1) // 2)
        pairs = [(length - 1) // 2 for length in lengths]
        return sum(float(_closings(m) @ each[: m + 1]) for m in pairs)


def _closings(m: int) -> Floats:
    """Return how many brackets close while n are open, on average over all shapes of m pairs."""
    n = np.arange(m + 1)
    logs = [_log_binomial(2 * m + 1, m - at) - _log_catalan(m) for at in range(m + 1)]
    closings: Floats = (2 * n + 1) / (2 * m + 1) * np.exp(logs)
    closings[0] = 0.0  # what ends a string is no bracket
    return closings


def partners(is_open: Bools, count: Ints, chosen: Ints) -> Ints:
    """Return the index of the bracket that each bracket closes; its own if it opens.

    Imagine a row of cells for the open brackets. One that opens is put into the first free cell.
    One that closes takes the bracket in the chosen cell, and the last one moves there. So what is
    in a cell was put there by the last bracket before that wrote to it, and all of these are found
    by sorting, without a loop over time.

    Args:
        is_open: Whether each bracket opens, in strings after each other.
        count: The number of open brackets before each.
        chosen: The cell that it takes, from 0 to `count` - 1, if it closes.

    Examples:
        In `([)]`, the first of two open brackets closes first.

        >>> is_open = np.array([True, True, False, False])
        >>> partners(is_open, count=np.array([0, 1, 2, 1]), chosen=np.zeros(4, int))
        array([0, 1, 0, 1])
    """
    here = np.arange(len(count))
    target = np.where(is_open, count, chosen)
    moved = np.where(is_open, count, count - 1)
    # Each bracket looks into two cells, and then writes to one.
    cells = np.stack([target, moved, target], 1).ravel()  # (3 brackets,)
    order = cells.astype(np.min_scalar_type(cells.max(initial=0))).argsort(kind="stable")
    writes = np.where(order % 3 == 2, np.arange(len(order)), 0)
    before = np.empty_like(order)
    before[order] = order[np.maximum.accumulate(writes)] // 3  # the last to write to the cell
    found = np.where(is_open, here, before[1::3])
    while not np.array_equal(following := found[found], found):  # moved several times
        found = following
    return np.where(is_open, here, found[before[0::3]])


def closing_entropies(kinds: int, most: int) -> Floats:
    """Return the expected entropy of the kind of one of n brackets, for n up to `most`.

    Their kinds are independent and uniform, and known.

    Args:
        kinds: The number of kinds.
        most: The largest number of brackets.

    Examples:
        >>> closing_entropies(2, 2)  # two brackets differ in kind half of the time: ln 2 / 2
        array([0.        , 0.        , 0.34657359])
    """
    counts = np.arange(most + 1.0)
    surprise = counts * np.log(counts.clip(min=1))  # c ln c
    chances = np.zeros(most + 1)  # of the number of brackets of one kind, if there are n in all
    chances[0] = 1.0
    found = np.zeros(most + 1)
    for n in range(1, most + 1):
        chances[1:] = chances[1:] * (1 - 1 / kinds) + chances[:-1] / kinds
        chances[0] *= 1 - 1 / kinds
        found[n] = math.log(n) - kinds * float(chances @ surprise) / n
    return found.clip(min=0.0)  # rounding may give slightly less


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_catalan(m: int) -> float:
    return _log_binomial(2 * m, m) - math.log(m + 1)
