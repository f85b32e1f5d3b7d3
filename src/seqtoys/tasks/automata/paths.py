"""Paths of several symbols through a graph, for sampling several symbols in one step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqtoys.support.arrays import Array, Bools, Floats, Ints
from seqtoys.tasks.automata.graph import Graph

MANY = 4096  # paths are not extended beyond this number of paths
LONGEST = 32  # symbols per path


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths of a few symbols from all states, grouped by their first state.

    A path that has reached a stop ends in an additional absorbing state, `rest`, which also has
    one path, to itself.

    Attributes:
        start: The first state of each path.
        after: The last state of each path.
        chances: The probability of each path, given its first state.
        counts: The number of symbols in each path.
        symbols: The symbols, `(paths, steps)`, in a small integer type; arbitrary beyond `counts`.
    """

    start: Ints
    after: Ints
    chances: Floats
    counts: Ints
    symbols: Array

    @property
    def steps(self) -> int:
        """The number of symbols in paths that do not stop."""
        return int(self.symbols.shape[1])

    @property
    def rest(self) -> int:
        """The absorbing state of paths that have stopped."""
        return int(self.start[-1])

    @cached_property
    def line(self) -> Floats:
        """The result of `lay_out` for the probabilities of the paths."""
        return self.lay_out(self.chances)

    def lay_out(self, weights: Floats) -> Floats:
        """Divide [i, i + 1] among the paths from state i by weight; return the upper ends.

        If the weights of a state are all 0, its paths get equal parts, since no walk gets there.
        """
        totals = np.add.reduceat(weights, self._first)[self.start]
        shares = np.divide(weights, totals, out=self._equal.copy(), where=totals > 0)
        ends = shares.cumsum()
        line: Floats = ends + (self.start - (ends - shares)[self._first][self.start])
        # With rounding, a value beyond i + 1 would be attributed to the next state.
        np.minimum(line, self.start + 1, out=line)
        line[self._last] = np.arange(self.rest + 1) + 1
        return line

    @cached_property
    def _first(self) -> Ints:
        """The index of the first path from each state."""
        return self.start.searchsorted(np.arange(self.rest + 1))

    @cached_property
    def _last(self) -> Ints:
        return np.append(self._first[1:], len(self.start)) - 1

    @cached_property
    def _equal(self) -> Floats:
        return 1 / np.bincount(self.start)[self.start]


def list_paths(graph: Graph, stops: Bools) -> Paths:
    """List paths of one symbol, and extend them until there would be too many.

    Args:
        graph: The graph.
        stops: A mask of the states where a path stops.
    """
    rest, columns = len(graph.states), len(graph.symbols)
    chances = np.pad(graph.chances, ((0, 1), (0, 0)))  # (states + 1, symbols)
    following = np.full((rest + 1, columns), rest)
    following[:-1] = np.where(stops[graph.following], rest, graph.following)
    is_over = chances.sum(1) == 0
    chances[is_over, 0] = 1  # an empty path
    states = np.arange(rest + 1)
    symbols = np.empty((rest + 1, 0), np.min_scalar_type(columns))
    paths = Paths(states, states, np.ones(rest + 1), 0 * states, symbols)
    branches = np.count_nonzero(chances, axis=1)
    while paths.steps < LONGEST and (paths.after < rest).any():
        if paths.steps and branches[paths.after].sum() > MANY:
            break
        row, symbol = np.nonzero(chances[paths.after])
        at = paths.after[row]
        paths = Paths(
            paths.start[row],
            following[at, symbol],
            paths.chances[row] * chances[at, symbol],
            paths.counts[row] + ~is_over[at],
            np.column_stack([paths.symbols[row], symbol.astype(symbols.dtype)]),
        )
    return paths
