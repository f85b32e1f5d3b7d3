"""Paths of several symbols through a graph, to be drawn in one step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from seqtoys.tasks.automata.graph import Array, Floats, Graph, Ints

MANY = 4096  # paths are not made longer, if that makes more of them
LONGEST = 32  # symbols


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths of a few symbols, from all states, those from one state side by side.

    A path that has come to a stop goes nowhere: it ends in the state `rest`, one more than the
    graph has, and so does the one path that begins there.

    Attributes:
        start: The state that each begins in.
        after: The state that each ends in.
        chances: The probability of each, given its first state.
        counts: The number of symbols of each.
        symbols: Them, `(paths, steps)`, in few bytes; anything beyond their number.
    """

    start: Ints
    after: Ints
    chances: Floats
    counts: Ints
    symbols: Array

    @property
    def steps(self) -> int:
        """The number of symbols of those that do not stop."""
        return int(self.symbols.shape[1])

    @property
    def rest(self) -> int:
        """The state of those that have stopped."""
        return int(self.start[-1])

    @cached_property
    def line(self) -> Floats:
        """Where each path ends if those from state i lie between i and i + 1 by their chance."""
        return self.lay_out(self.chances)

    def lay_out(self, weights: Floats) -> Floats:
        """Tell where each path ends if those from state i lie between i and i + 1 by weight.

        Where a state has no weight, all its paths are alike: no walk gets there.
        """
        totals = np.add.reduceat(weights, self._first)[self.start]
        shares = np.divide(weights, totals, out=self._equal.copy(), where=totals > 0)
        ends = shares.cumsum()
        line: Floats = ends + (self.start - (ends - shares)[self._first][self.start])
        # Against rounding: what lies beyond its state would be found from the next one.
        np.minimum(line, self.start + 1, out=line)
        line[self._last] = np.arange(self.rest + 1) + 1
        return line

    @cached_property
    def _first(self) -> Ints:
        """The first path from each state."""
        return self.start.searchsorted(np.arange(self.rest + 1))

    @cached_property
    def _last(self) -> Ints:
        return np.append(self._first[1:], len(self.start)) - 1

    @cached_property
    def _equal(self) -> Floats:
        return 1 / np.bincount(self.start)[self.start]


def list_paths(graph: Graph, stops: npt.NDArray[np.bool_]) -> Paths:
    """List paths of one symbol, and lengthen them as long as there are not too many.

    Args:
        graph: The graph.
        stops: The states where a path stops.
    """
    rest, columns = len(graph.states), len(graph.symbols)
    chances = np.pad(graph.chances, ((0, 1), (0, 0)))  # (states + 1, symbols)
    following = np.full((rest + 1, columns), rest)
    following[:-1] = np.where(stops[graph.following], rest, graph.following)
    is_over = chances.sum(1) == 0
    chances[is_over, 0] = 1  # a path that goes nowhere
    states = np.arange(rest + 1)
    symbols = np.empty((rest + 1, 0), np.min_scalar_type(columns))
    paths = Paths(states, states, np.ones(rest + 1), 0 * states, symbols)
    while paths.steps < LONGEST and (paths.after < rest).any():
        row, symbol = np.nonzero(chances[paths.after])
        if paths.steps and len(row) > MANY:
            break
        at = paths.after[row]
        paths = Paths(
            paths.start[row],
            following[at, symbol],
            paths.chances[row] * chances[at, symbol],
            paths.counts[row] + ~is_over[at],
            np.column_stack([paths.symbols[row], symbol.astype(symbols.dtype)]),
        )
    return paths
