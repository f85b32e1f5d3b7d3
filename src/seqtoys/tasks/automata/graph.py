"""The tables of an automaton, built from the user's transitions and checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from seqtoys.errors import InputTypeError, OptionError, excerpt, quoted
from seqtoys.support.arrays import Bools, Floats, Ints

Transitions: TypeAlias = Mapping[Any, Sequence[tuple[str, Any, float]]]
"""For each state, which may be any hashable: a list of (symbol, next state, probability)."""


@dataclass(frozen=True, eq=False)
class Graph:
    """The tables of an automaton, with states and symbols as indices.

    Attributes:
        states: The reachable states.
        symbols: The symbols.
        chances: The probability of each symbol in each state, `(states, symbols)`.
        following: The next state for each symbol, `(states, symbols)`; -1 if there is none.
        start: The index of the start state.
    """

    states: list[Hashable]
    symbols: list[str]
    chances: Floats
    following: Ints
    start: int

    @cached_property
    def is_end(self) -> Bools:
        """A mask of the states that end a string: those without transitions."""
        ends: Bools = self.chances.sum(1) == 0
        return ends

    @property
    def is_endless(self) -> bool:
        """Whether no string ends."""
        return not self.is_end.any()

    @cached_property
    def is_start(self) -> Bools:
        """A mask of the start state."""
        starts: Bools = np.arange(len(self.states)) == self.start
        return starts

    @cached_property
    def is_stop(self) -> Bools:
        """A mask of the states that end a string or, in an endless source, a cycle (the start)."""
        return self.is_start if self.is_endless else self.is_end

    @cached_property
    def arcs(self) -> tuple[Ints, Ints, Ints, Floats]:
        """The state, symbol, next state and probability of each transition."""
        at, symbol = np.nonzero(self.chances)
        return at, symbol, self.following[at, symbol], self.chances[at, symbol]

    def move(self, shares: Floats) -> Floats:
        """Return the distribution over states after one more symbol."""
        at, _, after, chances = self.arcs
        return _add_up(after, shares[at] * chances, len(self.states))

    def look_ahead(self, values: Floats) -> Floats:
        """Return the expected value after one more symbol, from each state."""
        at, _, after, chances = self.arcs
        return _add_up(at, chances * values[after], len(self.states))

    def arrivals(self, visits: Floats, chances: Floats) -> Floats:
        """Return how often each state is reached by each symbol, `(states, symbols)`.

        Args:
            visits: How often each state is left.
            chances: The probability of each symbol in each state at this position.
        """
        at, symbol, after, _ = self.arcs
        weights = visits[at] * chances[at, symbol]
        cells = after * len(self.symbols) + symbol
        return _add_up(cells, weights, self.chances.size).reshape(self.chances.shape)


def count_visits(graph: Graph) -> Floats:
    """Compute the expected visits to each state per string, or per symbol of an endless source.

    A state is visited at the start or by a move from another: `visits = first + visits moves`. In
    a tree, iterating this a few times is enough; otherwise it is solved as a linear system. For an
    endless source, the visits of one cycle from start to start are normalized to fractions.

    Args:
        graph: The graph.
    """
    count = len(graph.states)
    first = here = graph.is_start.astype(np.float64)
    visits = first.copy()
    for _ in range(count):
        here = graph.move(here) * ~graph.is_stop
        if not here.any():
            break
        visits += here
    else:
        at, _, after, chances = graph.arcs
        moves = np.zeros((count, count))
        np.add.at(moves, (after, at), chances * ~graph.is_stop[after])
        visits = np.asarray(np.linalg.solve(np.eye(count) - moves, first), np.float64)
    shares: Floats = visits / visits.sum()
    return shares if graph.is_endless else visits


def _add_up(cells: Ints, weights: Floats, count: int) -> Floats:
    """Add up the weights in each of `count` cells."""
    return np.asarray(np.bincount(cells, weights, count), np.float64)


def read_graph(
    transitions: Transitions, start: Hashable, symbols: Sequence[str] | None = None
) -> Graph:
    """Check an automaton and convert it to tables; unreachable states are dropped.

    Args:
        transitions: The transitions of each state.
        start: The start state.
        symbols: The symbols in vocabulary order. If None, in order of first appearance.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, one symbol leads
            to two states, or some strings can never end (or return to the start).
    """
    graph = tabulate(transitions, start, symbols)
    _check_ends(graph)
    return graph


def tabulate(
    transitions: Transitions, start: Hashable, symbols: Sequence[str] | None = None
) -> Graph:
    """Convert transitions to tables, whether or not their strings can end.

    Args:
        transitions: The transitions of each state.
        start: The start state.
        symbols: The symbols in vocabulary order. If None, in order of first appearance.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, or one symbol
            leads to two states.
    """
    states = _reachable(transitions, start)
    met = dict.fromkeys(symbol for state in states for symbol, _, _ in transitions[state])
    ordered = list(met) if symbols is None else list(symbols)
    if set(ordered) != set(met):
        raise OptionError(
            f"expected symbols to be {excerpt(sorted(met))} in some order, got {excerpt(ordered)}"
        )
    number = {state: row for row, state in enumerate(states)}
    column = {symbol: index for index, symbol in enumerate(ordered)}
    shape = (len(states), len(ordered))
    chances, following = np.zeros(shape), np.full(shape, -1)
    for row, state in enumerate(states):
        for symbol, after, chance in transitions[state]:
            chances[row, column[symbol]] = chance
            following[row, column[symbol]] = number[after]
    return Graph(states, ordered, chances, following, number[start])


def _reachable(transitions: Transitions, start: Hashable) -> list[Hashable]:
    found, waiting = dict[Hashable, None](), deque([start])
    while waiting:
        state = waiting.popleft()
        _check_hashable(state)
        if state in found:
            continue
        if state not in transitions:
            raise OptionError(
                f"expected each state to be defined, got no transitions for {quoted(state)}; "
                f"if it is an end state, define it as {quoted(state)}: []"
            )
        found[state] = None
        _check_state(state, transitions[state])
        waiting += [after for _, after, _ in transitions[state]]
    return list(found)


def _check_hashable(state: Hashable) -> None:
    try:
        hash(state)
    except TypeError as error:  # a tuple with an unhashable item
        raise InputTypeError(f"expected hashable states, got {quoted(state)}") from error


def _check_state(state: Hashable, arcs: Sequence[tuple[str, Hashable, float]]) -> None:
    chances = [chance for _, _, chance in arcs]
    if arcs and not (min(chances) > 0 and abs(sum(chances) - 1) <= 1e-9):  # rejects nan, too
        raise OptionError(
            f"expected positive probabilities that sum to 1 in state {quoted(state)}, "
            f"got {quoted(chances)}"
        )
    names = [symbol for symbol, _, _ in arcs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(
            f"expected each symbol once in state {quoted(state)}, so that a string determines its "
            f"path, got {quoted(twice)} twice"
        )


def _check_ends(graph: Graph) -> None:
    """Check that all strings end, or that none ends and all return to the start."""
    at, _, after, _ = graph.arcs
    can, count = graph.is_stop.copy(), 0
    while can.sum() > count:
        count = can.sum()
        can[at[can[after]]] = True
    if not can.all():
        lost = graph.states[int(np.flatnonzero(~can)[0])]
        where = "back to the start" if graph.is_endless else "to an end"
        raise OptionError(f"expected a path from each state {where}, got none from {quoted(lost)}")
    after = graph.following[graph.start]
    if graph.is_end[graph.start] or graph.is_end[after[after >= 0]].any():
        raise OptionError("expected strings of at least two symbols: one to read, one to predict")
