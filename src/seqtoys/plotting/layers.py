"""The places of the states of a graph: columns by their distance from the start."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from statistics import mean
from typing import TypeAlias

SWEEPS = 8  # passes that move the states of a column next to their neighbors

Arrow: TypeAlias = tuple[Hashable, Hashable]
Place: TypeAlias = tuple[int, float]


def layered(states: Sequence[Hashable], arrows: Iterable[Arrow]) -> dict[Hashable, Place]:
    """Return a column and a row for each state, with few crossings (Sugiyama et al., 1981).

    Args:
        states: The states, the start first; all are reachable from it.
        arrows: The pairs of states with an arrow from the first to the second.

    Returns:
        The column, counted from 0, and the row, relative to the middle of the column.

    Examples:
        >>> layered("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
        {'a': (0, 0.0), 'b': (1, -0.5), 'c': (1, 0.5), 'd': (2, 0.0)}
    """
    pairs = [(one, other) for one, other in arrows if one != other]
    columns = _columns(states, pairs)
    layers = [[s for s in states if columns[s] == at] for at in range(max(columns.values()) + 1)]
    rows = {state: row for layer in layers for state, row in zip(layer, _rows(layer), strict=True)}
    near = {
        state: [b if a == state else a for a, b in pairs if state in (a, b)] for state in states
    }
    for sweep in range(SWEEPS):  # forward, then backward
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            pull = {state: mean(rows[each] for each in near[state] or [state]) for state in layer}
            layer.sort(key=pull.__getitem__)
            rows |= dict(zip(layer, _rows(layer), strict=True))
    return {state: (columns[state], rows[state]) for state in states}


def _columns(states: Sequence[Hashable], pairs: Sequence[Arrow]) -> dict[Hashable, int]:
    """Return the distance from the start; a state without arrows comes after all before it."""
    columns, waiting = {states[0]: 0}, [states[0]]
    for state in waiting:  # grows
        for one, other in pairs:
            if one == state and other not in columns:
                columns[other] = columns[state] + 1
                waiting.append(other)
    for end in set(states) - {one for one, _ in pairs}:
        columns[end] = max((columns[a] + 1 for a, b in pairs if b == end), default=0)
    return columns


def _rows(layer: Sequence[Hashable]) -> list[float]:
    return [row - (len(layer) - 1) / 2 for row in range(len(layer))]
