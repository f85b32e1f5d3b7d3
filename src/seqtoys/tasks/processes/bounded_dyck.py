"""Dyck languages of bounded depth, which a finite automaton can recognize."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import torch

from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_count
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.dyck import heights, innermost, share_kinds
from seqtoys.tasks.processes.brackets import BracketLanguage

DEEPEST = 30  # strings of greater depth have thousands of symbols
NAME, SOURCE = "dyck_bounded", "Hewitt et al. 2020"


class BoundedDyck(BracketLanguage):
    r"""Balanced brackets of bounded depth, which a finite automaton can recognize.

    A sequence is `#`, the string, `#`; each next symbol is predicted. With no bracket open, the
    string ends or a bracket opens, with probability 1/2 each; with $m$ brackets open, the greatest
    depth, the innermost one closes; in between, it closes or another opens, with probability 1/2
    each. All $k$ kinds of brackets are equally likely. Since the depth is bounded, the language is
    regular, but its smallest automaton needs a state for each stack: $1 + k + \dots + k^m$.

    **Expected length.** At depth 0, a string ends with probability 1/2, so it is there twice on
    average, and one bracket opens from there. As many brackets open from a depth as return to it,
    so each depth below $m$ is visited twice, too, and the depth $m$ once: $2 m + 1$ scored
    symbols.

    **Optimum.** At each depth below $m$, the choice between two symbols costs $\ln 2$, and with
    probability 1/2 the kind of a bracket $\ln k$. At depth $m$, the next symbol is certain. Thus

    $$\text{optimum} = \frac{2 m}{2 m + 1} \left( \ln 2 + \tfrac 1 2 \ln k \right) ,$$

    which is 0.8912 nats for two kinds and depth 3.

    **Memoryless.** Per string, one symbol follows the first `#`, an opening bracket or `#`. Of the
    $m$ symbols after an opening bracket, $(m - 1) / 2$ open and $(m + 1) / 2$ close the same kind.
    Of the $m$ symbols after a closing bracket, $m / 2$ open, $(m - 1) / 2$ close, of any kind, and
    1/2 are `#`. With $h(p, q, r) = -p \ln p - q \ln q - r \ln r$ and $h(p) = h(p, 1 - p, 0)$,

    $$\text{memoryless} = \frac{\ln 2 + m \, h\left(\frac{m - 1}{2 m}\right)
    + m \, h\left(\frac 1 2, \frac 1 {2 m}, \frac{m - 1}{2 m}\right)
    + \left(m + \frac{m - 1} 2\right) \ln k}{2 m + 1} .$$

    **Chance.** One symbol per string is `#`, and $m / k$ are each bracket: the larger of 1 and
    $m / k$, over $2 m + 1$.

    **Lengths.** `length` counts the input symbols, one more than the string has, so it is odd. By
    default, strings have any length, and `lengths` is a range that contains 99% of them. For
    chosen lengths, the optimum is that of the automaton of depths, plus $\ln k$ for each pair.

    Source: Hewitt et al. (2020), RNNs can generate bounded hierarchical languages with optimal
    memory. There, strings outside a range of lengths are discarded, and the end of a string is
    drawn again if it comes too early, which changes the probabilities above.

    Args:
        kinds: The number of kinds of brackets, $k$: 1 to 8.
        depth: The greatest number of open brackets, $m$: 1 to 30.

    Raises:
        OptionError: If an option is out of range.

    Examples:
        >>> task = BoundedDyck()
        >>> batch = task.sample(1, length=9)
        >>> print(batch.show(task.vocab))
        inputs   #[](())[]
        targets  [](())[]#
        >>> task.labels(batch)["depth"].tolist()
        [[0, 1, 0, 1, 2, 1, 0, 1, 0]]
        >>> task.optimum
        0.8911...
    """

    source = SOURCE
    level: str | None = "regular"

    def __init__(self, kinds: int = 2, depth: int = 3) -> None:
        self.depth: int = check_count("depth", depth, 1, DEEPEST)
        super().__init__(NAME, _automaton(self.depth), kinds)

    @property
    def optimum(self) -> float:
        """The surprise of the choices below the greatest depth."""
        m = self.depth
        return 2 * m / (2 * m + 1) * (math.log(2) + math.log(self.kinds) / 2)

    @property
    def memoryless(self) -> Estimate:
        """The expected surprise given only the current symbol."""
        m = self.depth
        opened, closed = entropy((m - 1) / (2 * m)), entropy(1 / 2, 1 / (2 * m), (m - 1) / (2 * m))
        kinds = (m + (m - 1) / 2) * math.log(self.kinds)
        return Estimate((math.log(2) + m * (opened + closed) + kinds) / (2 * m + 1))

    @property
    def chance(self) -> Estimate:
        """The proportion of `#` or of one bracket, whichever is larger."""
        return Estimate(max(1, self.depth / self.kinds) / (2 * self.depth + 1))

    def _close(
        self, opens: Array, kinds: Array, lengths: Array, generator: torch.Generator
    ) -> Array:
        closed: Array = share_kinds(kinds, heights(opens) + ~opens, lengths - 1)
        return closed

    def _closing_chances(self, opens: Array, kinds: Array) -> Array:
        last = innermost(opens, kinds)[:, :, np.newaxis]  # (batch, time, 1)
        chances: Array = (last == np.arange(self.kinds)).astype(np.float64)
        return chances  # (batch, time, kinds)


def _automaton(depth: int) -> Automaton:
    """Return the strings with one kind of bracket; the state is the number of open ones."""
    arcs: dict[Hashable, list[tuple[str, Hashable, float]]] = {
        "begin": [("#", 0, 1.0)],
        0: [("(", 1, 0.5), ("#", "end", 0.5)],
        **{at: [("(", at + 1, 0.5), (")", at - 1, 0.5)] for at in range(1, depth)},
        depth: [(")", depth - 1, 1.0)],
        "end": [],
    }
    return Automaton(arcs, "begin", symbols="#()", name=NAME, source=SOURCE)
