"""The arithmetic of an automaton: expected visits, and what follows from them exactly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.errors import OptionError

Transitions: TypeAlias = Mapping[Any, Sequence[tuple[str, Any, float]]]
"""For each state, any hashable, what may come: the symbol, the next state, the probability."""

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Graph:
    """The tables of an automaton, states and symbols by their numbers.

    Attributes:
        states: The states that can be reached.
        symbols: The symbols.
        chances: The probability of each symbol in each state, `(states, symbols)`.
        following: The state that each symbol leads to, `(states, symbols)`; -1: none.
        start: The number of the first state.
    """

    states: list[Hashable]
    symbols: list[str]
    chances: Floats
    following: Ints
    start: int

    @cached_property
    def is_end(self) -> npt.NDArray[np.bool_]:
        """Which states end a string: those from which nothing comes."""
        ends: npt.NDArray[np.bool_] = self.chances.sum(1) == 0
        return ends

    @cached_property
    def moves(self) -> Floats:
        """The probability to go from state to state."""
        moves = np.zeros((len(self.states), len(self.states)))
        at, symbol = np.nonzero(self.chances)
        np.add.at(moves, (at, self.following[at, symbol]), self.chances[at, symbol])
        return moves

    @cached_property
    def visits(self) -> Floats:
        """How often a string is expected to be in each state; an endless one, for each symbol.

        A visit is the first, or comes by a move from another: `visits = first + visits moves`,
        one linear system. Without an end the visits are shares: `visits = visits moves`, and they
        add up to 1.
        """
        count = len(self.states)
        if self.is_end.any():
            return np.linalg.solve(np.eye(count) - self.moves.T, np.eye(count)[self.start])
        system = np.vstack([np.eye(count) - self.moves.T, np.ones(count)])
        shares: Floats = np.linalg.lstsq(system, np.eye(count + 1)[-1], rcond=None)[0]
        return shares

    @cached_property
    def pairs(self) -> Floats:
        """How often each symbol is expected with each next one, `(symbols, symbols)`.

        These are the scored symbols: all but the first of a string.
        """
        arrivals = np.zeros((len(self.states), len(self.symbols)))
        at, symbol = np.nonzero(self.chances)
        weights = self.visits[at] * self.chances[at, symbol]
        np.add.at(arrivals, (self.following[at, symbol], symbol), weights)
        paired: Floats = arrivals.T @ self.chances
        return paired

    def per_scored_symbol(self, values: Floats) -> float:
        """The mean over scored symbols of a value of the state that each comes from."""
        first = values[self.start] if self.is_end.any() else 0.0
        return float((self.visits @ values - first) / self.pairs.sum())

    def surprise_of_pairs(self) -> float:
        """The entropy of a scored symbol given the one before it, in nats."""
        totals = self.pairs.sum(1, keepdims=True)
        shares = np.divide(self.pairs, totals, out=np.zeros_like(self.pairs), where=totals > 0)
        return float(totals[:, 0] @ entropies(shares) / totals.sum())

    def surprises(self) -> Floats:
        """The expected surprise at what comes in each state, in nats."""
        return entropies(self.chances)


def entropies(rows: Floats) -> Floats:
    """The entropy of each row of shares, in nats; 0 for a row of zeros."""
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    totals: Floats = -(rows * logs).sum(1)
    return totals


def read_graph(
    transitions: Transitions, start: Hashable, symbols: Sequence[str] | None = None
) -> Graph:
    """Check an automaton and turn it into tables; states out of reach are left out.

    Args:
        transitions: For each state what may come.
        start: The first state.
        symbols: The symbols in their order; None: as they are first met.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, one symbol leads
            to two states, or some strings end and others never can.
    """
    states = _reachable(transitions, start)
    met = dict.fromkeys(symbol for state in states for symbol, _, _ in transitions[state])
    ordered = list(met) if symbols is None else list(symbols)
    if set(ordered) != set(met):
        raise OptionError(f"expected symbols to be {sorted(met)} in some order, got {ordered}")
    number = {state: row for row, state in enumerate(states)}
    column = {symbol: index for index, symbol in enumerate(ordered)}
    shape = (len(states), len(ordered))
    chances, following = np.zeros(shape), np.full(shape, -1)
    for row, state in enumerate(states):
        for symbol, after, chance in transitions[state]:
            chances[row, column[symbol]] = chance
            following[row, column[symbol]] = number[after]
    graph = Graph(states, ordered, chances, following, number[start])
    _check_ends(graph)
    return graph


def _reachable(transitions: Transitions, start: Hashable) -> list[Hashable]:
    found, waiting = dict[Hashable, None](), [start]
    while waiting:
        state = waiting.pop(0)
        if state in found:
            continue
        if state not in transitions:
            raise OptionError(
                f"expected each state to be defined, got none named {state!r}; "
                f"an end is {state!r}: []"
            )
        found[state] = None
        _check_state(state, transitions[state])
        waiting += [after for _, after, _ in transitions[state]]
    return list(found)


def _check_state(state: Hashable, arcs: Sequence[tuple[str, Hashable, float]]) -> None:
    chances = [chance for _, _, chance in arcs]
    if arcs and not (min(chances) > 0 and abs(sum(chances) - 1) <= 1e-9):  # nan is neither
        raise OptionError(
            f"expected positive probabilities that sum to 1 in state {state!r}, got {chances}"
        )
    names = [symbol for symbol, _, _ in arcs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(
            f"expected each symbol once in state {state!r}, so that a string tells its path, "
            f"got {twice!r} twice"
        )


def _check_ends(graph: Graph) -> None:
    """Make sure that all strings end, or that none does and all come back to the start."""
    goal = graph.is_end if graph.is_end.any() else np.arange(len(graph.states)) == graph.start
    can = goal.copy()
    for _ in graph.states:
        can |= (graph.moves > 0) @ can
    if not can.all():
        lost = graph.states[int(np.flatnonzero(~can)[0])]
        where = "an end" if graph.is_end.any() else "back to the start"
        raise OptionError(f"expected a way from each state to {where}, got none from {lost!r}")
    after = graph.following[graph.start]
    if graph.is_end[graph.start] or graph.is_end[after[after >= 0]].any():
        raise OptionError("expected strings of two symbols or more: one to read, one to predict")
