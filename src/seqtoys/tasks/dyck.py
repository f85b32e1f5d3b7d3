"""Dyck languages: balanced brackets, predicted from `#` to `#`."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.support.amounts import check_count, check_probability
from seqtoys.support.entropy import entropy
from seqtoys.support.estimate import Estimate
from seqtoys.tasks.delimited import Array, between_marks, check_lengths_of, check_same
from seqtoys.tasks.task import Task

BRACKETS = "()[]{}<>⟨⟩⟦⟧⌈⌉⌊⌋"
RARE = 0.01  # of all strings are longer than those of training, when drawn as they come


class Dyck(Task):
    r"""Strings of balanced brackets of one or more kinds.

    A sequence is `#`, the string, `#`; each next symbol is predicted. Strings come from the
    grammar $S \to ( S ) S$ with probability $p$, all $k$ kinds of brackets alike, and else from
    $S \to$ nothing.

    **Optimum.** The grammar writes from left to right, and at each symbol decides for an $S$
    whether to open a bracket ($p$, each kind with $p / k$) or to end that $S$ ($1 - p$), which
    writes the bracket that closes the innermost open one, or `#` if there is none. So each scored
    symbol has the same surprise in expectation, whatever came before:

    $$\text{optimum} = h(p) + p \ln k, \qquad h(p) = -p \ln p - (1 - p) \ln(1 - p),$$

    which is 0.6109 nats for one kind at $p = 0.3$. A string of $m$ pairs has probability
    $(p / k)^m (1 - p)^{m + 1}$: all of one length are equally likely.

    **Expected length.** The number of pairs, $E$, is $p (1 + 2E)$, so $E = p / (1 - 2p)$, and
    $1 / (1 - 2p)$ symbols are scored. With $p$ of 1/2 or more, strings would never end, or have no
    expected length.

    **Memoryless.** What follows `#` and an opening bracket does not depend on more: the surprise
    there is the optimum. After a closing bracket comes an opening one with $p$, and `#` in $p$
    strings for the $E$ closing brackets of each, so with $1 - 2p$; the rest, $p$, is another
    closing one, of any kind, as kinds are drawn independently. There are $E$ closing brackets for
    $1 / (1 - 2p)$ scored symbols, so with $h(p, q, r) = -p \ln p - q \ln q - r \ln r$

    $$\text{memoryless} = (1 - p) \cdot \text{optimum} + p \, (h(p, 1 - 2p, p) + 2p \ln k).$$

    **Chance.** `#` is the target with $1 - 2p$, each bracket with $p / k$: the larger of the two.

    **Lengths.** `length` counts the input symbols, 1 more than the string has, so it is odd. By
    default strings have any length, 0 included; `lengths` is the range that holds 99 in 100 of
    them. For chosen lengths the optimum is smaller: all strings of $m$ pairs are equally likely,
    as many as there are shapes, the Catalan number $C_m$, times the choices of kinds, $k^m$. So a
    string of one of $n$ lengths, each equally likely, has a surprise of
    $\ln n + \ln C_m + m \ln k$ in all, over $2m + 1$ scored symbols.

    Source: Lan et al. (2022), Minimum description length recurrent neural networks; the languages
    are those of Chomsky & Schützenberger (1963), The algebraic theory of context-free languages.

    Args:
        kinds: How many kinds of brackets, $k$: 1 to 8.
        p: The probability to open a bracket at any symbol, below 1/2.

    Raises:
        OptionError: If an option is out of its range.

    Examples:
        >>> task = Dyck(kinds=2)
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #[([[]])]
        targets  [([[]])]#
        >>> Dyck().optimum, task.optimum
        (0.6108..., 0.8188...)
    """

    name = "dyck"
    source = "Lan et al. 2022"
    level = "deterministic context-free"

    def __init__(self, kinds: int = 1, p: float = 0.3) -> None:
        self.kinds: int = check_count("kinds", kinds, 1, len(BRACKETS) // 2)
        self.p: float = check_probability("p", p, below=0.5)
        self.vocab: Vocab = Vocab("#" + BRACKETS[: 2 * self.kinds])
        pairs = self._typical_pairs()
        self.lengths: tuple[int, int] = (1, 2 * pairs + 1)
        self.longer: tuple[int, ...] = tuple(2 * pairs * k + 1 for k in (2, 4, 8))

    @property
    def optimum(self) -> float:
        """The surprise at each symbol: h(p) + p ln(kinds)."""
        return entropy(self.p) + self.p * math.log(self.kinds)

    @property
    def memoryless(self) -> Estimate:
        """The surprise where only the symbol before is known."""
        p = self.p
        closing = entropy(p, 1 - 2 * p, p) + 2 * p * math.log(self.kinds)
        return Estimate((1 - p) * self.optimum + p * closing)

    @property
    def chance(self) -> Estimate:
        """The share of `#`, or of a bracket where that is larger."""
        return Estimate(max(1 - 2 * self.p, self.p / self.kinds))

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        if length % 2 and length > 0:
            return None
        return "lengths are odd: the opening # and pairs of brackets"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings as they come, or of one length."""
        if length is None:
            opens, lengths = walk(batch_size, self.p, generator)
        else:
            opens, lengths = shuffle(batch_size, length, generator), np.full(batch_size, length)
        kinds = np.zeros(opens.shape, np.int8)  # (batch, time)
        if self.kinds > 1:
            drawn = torch.empty(opens.shape, dtype=torch.int8)
            kinds = drawn.random_(self.kinds, generator=generator).numpy()
        return self._write(opens, lengths, kinds)

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the mean surprise of strings, from their number of brackets.

        Raises:
            DataError: If a sequence is not `#`, balanced brackets, `#`, or has a length outside
                `batch.length_range`.
        """
        return self._mean_surprise(batch)

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        return torch.zeros(len(batch), dtype=torch.float64, device="cpu")  # always #

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return True

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        surprise = self._log_choices(torch.tensor(lengths, device="cpu")) + math.log(len(lengths))
        return Estimate(float(surprise.sum() / sum(lengths)))

    def _log_choices(self, lengths: Int[Tensor, " lengths"]) -> Float[Tensor, " lengths"]:
        """The logarithm of the number of strings of each length."""
        pairs = (lengths.double() - 1) / 2
        shapes = (2 * pairs + 1).lgamma() - (pairs + 1).lgamma() - (pairs + 2).lgamma()
        return shapes + pairs * math.log(self.kinds)

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        targets = batch.targets.cpu().numpy()
        opens = (targets > 0) & (targets % 2 == 1)
        lengths = find_ends(opens)
        if not lengths.all():
            raise DataError(f"expected sequences of {self.name} that end, got an open bracket")
        kinds = (targets.clip(1, 2 * self.kinds) - 1) // 2
        check_same(self, self._write(opens, lengths, kinds), batch)
        if batch.length_range is not None:
            possible = self.possible_lengths(batch.length_range)
            choices = self._log_choices(check_lengths_of(self, batch, possible))
            return choices.clamp(min=0) + math.log(len(possible))
        opened = torch.from_numpy(opens.sum(1)).double()  # (batch,)
        scored = batch.scored.sum(1).cpu().double()
        return opened * math.log(self.kinds / self.p) - (scored - opened) * math.log1p(-self.p)

    def _write(self, opens: Array, lengths: Array, kinds: Array) -> Batch:
        """Write strings, told where brackets open, where they end, and the kinds of brackets."""
        if self.kinds > 1:
            kinds = share_kinds(kinds, heights(opens) + ~opens, lengths - 1)
        targets = 2 * kinds + 2 - opens  # (batch, time)
        targets[np.arange(len(targets)), lengths - 1] = 0
        return between_marks(targets, lengths)

    def _typical_pairs(self) -> int:
        """The number of pairs that all but a few strings stay within."""
        pairs, share = 0, 1 - self.p
        rest = 1 - share
        while rest > RARE:
            pairs += 1
            # Catalan numbers: from m - 1 to m pairs there are 2 (2m - 1) / (m + 1) times as many.
            share *= self.p * (1 - self.p) * 2 * (2 * pairs - 1) / (pairs + 1)
            rest -= share
        return pairs


def heights(opens: Array) -> Array:
    """How many brackets are open after each symbol; -1 where `#` closes the string."""
    return (2 * opens.view(np.int8) - 1).cumsum(-1, dtype=np.int32)  # (…, time)


def find_ends(opens: Array) -> Array:
    """How many symbols there are up to the first `#`, where nothing is left to close; 0: none."""
    is_below = heights(opens) < 0  # (batch, time)
    first = is_below.argmax(1)
    return np.where(is_below[np.arange(len(first)), first], first + 1, 0)


def walk(batch_size: int, p: float, generator: torch.Generator) -> tuple[Array, Array]:
    """Open a bracket with probability p at each symbol, string after string.

    Args:
        batch_size: How many strings.
        p: The probability.
        generator: Draws them.

    Returns:
        Where brackets open, `(batch, time)`, and where strings end, `(batch,)`.
    """
    # One walk for all: a string ends wherever it is lower than ever before, the first before them.
    opens = torch.rand(4 * batch_size + 32, dtype=torch.float32, generator=generator).numpy() < p
    opens[0] = False
    while (lowest := np.minimum.accumulate(heights(opens)))[-1] > -1 - batch_size:
        more = torch.rand(opens.shape, dtype=torch.float32, generator=generator).numpy() < p
        opens = np.concatenate([opens, more])  # twice as long
    ends = np.searchsorted(-lowest, np.arange(1, batch_size + 2, dtype=np.int32))
    lengths = ends[1:] - ends[:-1]
    places = ends[:-1, np.newaxis] + np.arange(1, lengths.max() + 1)  # (batch, time)
    return opens.take(places, mode="clip"), lengths


def shuffle(batch_size: int, length: int, generator: torch.Generator) -> Array:
    """Draw balanced strings of one length, all alike; the last symbol is their `#`.

    Of all rotations of m opening and m + 1 closing symbols, in any order, exactly one stays
    balanced up to its last symbol: the one that starts after the first lowest point (the cycle
    lemma of Dvoretzky & Motzkin, 1947). So shuffle them, and rotate.

    Args:
        batch_size: How many strings.
        length: The number of symbols, odd.
        generator: Draws them.

    Returns:
        Where brackets open, `(batch, length)`.
    """
    drawn = torch.rand(batch_size, length, dtype=torch.float64, generator=generator).numpy()
    opens = drawn.argsort(1) < length // 2  # (batch, length)
    start = heights(opens).argmin(1)[:, np.newaxis] + 1  # (batch, 1)
    return np.take_along_axis(opens, (start + np.arange(length)) % length, 1)


def share_kinds(kinds: Array, level: Array, lengths: Array) -> Array:
    """Give each closing bracket the kind of the bracket it closes.

    On each level of nesting, brackets open and close in turn: sorted by level, and by time within
    it, the two of each pair stand side by side.

    Args:
        kinds: The kind of each bracket, `(batch, time)`; those of closing ones are not read.
        level: How deep each bracket is, `(batch, time)`.
        lengths: The number of brackets, `(batch,)`.
    """
    beyond = np.arange(kinds.shape[1]) >= lengths[:, np.newaxis]  # (batch, time)
    order = np.where(beyond, level.max() + 1, level).argsort(1, kind="stable")
    pairs = np.take_along_axis(kinds, order, 1)
    even = pairs.shape[1] // 2 * 2
    pairs[:, 1:even:2] = pairs[:, 0:even:2]
    shared = np.empty_like(kinds)
    np.put_along_axis(shared, order, pairs, 1)
    return shared
