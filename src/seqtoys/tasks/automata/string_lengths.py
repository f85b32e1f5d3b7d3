"""The length distribution of the strings of a graph."""

from __future__ import annotations

import numpy as np

from seqtoys.support.arrays import Floats
from seqtoys.tasks.automata.graph import Graph, count_visits

RARE = 0.01  # the fraction of strings that are longer than the usual lengths


class StringLengths:
    """The probabilities that strings end after a given number of symbols.

    Args:
        graph: The graph.
        cycles: The number of returns to the start after which an endless string is cut.
    """

    def __init__(self, graph: Graph, cycles: int) -> None:
        self.graph = graph
        self.cycles = cycles
        self._within = [graph.is_end.astype(np.float64)]  # 0, 1, … symbols
        self._ahead: dict[int, list[tuple[Floats, float]]] = {}

    def reach(self, low: int, high: int) -> tuple[Floats, float]:
        """Compute the probability of ending after `low` to `high` more symbols, from each state.

        Returns:
            The probabilities divided by a common factor, since they may be too small for a float,
            and the logarithm of this factor.
        """
        low, width = max(low, 0), high - max(low, 0)
        if width < 0:
            return np.zeros(len(self.graph.states)), 0.0
        while len(self._within) <= width:
            self._within.append(self.graph.is_end + self.graph.look_ahead(self._within[-1]))
        known = self._ahead.setdefault(width, [(self._within[width], 0.0)])
        while len(known) <= low:
            chances, factor = known[-1]
            chances = self.graph.look_ahead(chances)
            largest = chances.max() or 1.0
            known.append((chances / largest, factor + float(np.log(largest))))
        return known[low]

    def exist(self, low: int, high: int) -> bool:
        """Return whether there are strings of `low` to `high` symbols."""
        return self.graph.is_endless or bool(self.reach(low, high)[0][self.graph.start])

    def usual(self) -> tuple[int, int]:
        """Return the range of nearly all string lengths, not counting the last symbol."""
        if self.graph.is_endless:
            mean = round(self.cycles / count_visits(self.graph)[self.graph.start])
            return mean, mean
        here = self.graph.is_start.astype(np.float64)
        ended, shortest, length = 0.0, 0, -1
        while ended < 1 - RARE:
            here = self.graph.move(here)
            length += 1
            ended += float(here[self.graph.is_end].sum())
            shortest = shortest or (length if ended else 0)
        return shortest, length

    def longer(self, length: int) -> tuple[int, ...]:
        """Return some possible lengths above a given one."""
        factors = (2, 5) if self.graph.is_endless else (2, 4)
        wanted = (range(k * length, (k + 1) * length + 1) for k in factors)
        found = (next((n for n in each if self.exist(n + 1, n + 1)), 0) for each in wanted)
        return tuple(sorted({n for n in found if n > length}))
