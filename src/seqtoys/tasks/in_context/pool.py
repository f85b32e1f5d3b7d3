"""A pool of random automata, as tables in which all are followed at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from seqtoys.support.arrays import Array
from seqtoys.support.randomness import generator_for

MARK = 0  # the index of the mark between strings; the letters follow
START = 0  # the state in which each string begins


@dataclass(frozen=True, eq=False)
class Pool:
    """Automata with the same letters, in tables `(automata, states, …)`.

    Each state leads to others by some of the letters, all equally likely.

    Attributes:
        letters: The number of letters; symbol 0 is the mark, and the letters follow.
        degrees: The number of letters that may follow in each state, `(automata, states)`.
        symbols: These letters, `(automata, states, edges)`; arbitrary beyond the degree.
        following: The state that each leads to, `(automata, states, edges)`.
        numbers: The number of each automaton, `(automata,)`.
    """

    letters: int
    degrees: Array
    symbols: Array
    following: Array
    numbers: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Array) -> Pool:
        """Return a part of the pool, in which the automata keep their numbers."""
        parts = (self.degrees, self.symbols, self.following, self.numbers)
        return Pool(self.letters, *(part[rows] for part in parts))

    @cached_property
    def chances(self) -> Array:
        """The probability of each symbol in each state, `(automata, states, symbols)`."""
        chances = np.zeros((*self.degrees.shape, self.letters + 1))
        automaton, state, edge = self._edges
        symbol = self.symbols[automaton, state, edge]
        chances[automaton, state, symbol] = 1 / self.degrees[automaton, state]
        return chances

    @cached_property
    def after(self) -> Array:
        """The state after each symbol in each state, `(automata, states, symbols)`; 0 if none."""
        after = np.zeros(self.chances.shape, np.int64)
        automaton, state, edge = self._edges
        symbol = self.symbols[automaton, state, edge]
        after[automaton, state, symbol] = self.following[automaton, state, edge]
        return after

    @cached_property
    def _edges(self) -> tuple[Array, Array, Array]:
        is_edge = np.arange(self.symbols.shape[2]) < self.degrees[:, :, np.newaxis]
        automaton, state, edge = np.nonzero(is_edge)
        return automaton, state, edge

    def joints(self, steps: int) -> Iterator[Array]:
        """Yield the distribution of the state and the last symbol after 0, 1, … letters.

        Args:
            steps: How many distributions to yield.

        Yields:
            Probabilities, `(automata, states, symbols)`.
        """
        automaton, _, symbol = np.indices(self.chances.shape)
        cells = np.ravel_multi_index((automaton, self.after, symbol), self.chances.shape).ravel()
        joint = np.zeros(self.chances.shape)
        joint[:, START, MARK] = 1.0
        for _ in range(steps):
            yield joint
            flow = joint.sum(2, keepdims=True) * self.chances
            joint = np.bincount(cells, flow.ravel(), flow.size).reshape(flow.shape)


def draw_pool(
    count: int,
    states: tuple[int, int],
    letters: tuple[int, int],
    edges: tuple[int, int],
    seed: int,
) -> Pool:
    """Draw random automata.

    Each draws its number of states and of letters, and which letters these are. Each of its states
    draws its number of edges, different letters for them, and any states that they lead to. All
    are uniform, independent, and the same for a seed.

    Args:
        count: The number of automata.
        states: The smallest and largest number of states.
        letters: The smallest and largest number of letters of an automaton.
        edges: The smallest and largest number of edges from a state.
        seed: The seed.

    Examples:
        >>> pool = draw_pool(5, states=(4, 12), letters=(4, 18), edges=(1, 4), seed=0)
        >>> pool.degrees.shape, pool.chances.sum(2).round(9).min()
        ((5, 12), np.float64(1.0))
    """
    generator = generator_for("source", seed)

    def random(size: tuple[int, ...]) -> Array:
        drawn = torch.rand(size, dtype=torch.float64, generator=generator, device="cpu")
        return drawn.numpy()

    def whole(size: tuple[int, ...], low: int, high: int | Array) -> Array:
        return np.asarray(low + (random(size) * (high + 1 - low)).astype(np.int64))

    def order(*size: int) -> Array:
        return random(size).argsort(-1)

    most = states[1], letters[1], edges[1]
    sizes, known = whole((count, 1), *states), whole((count, 1), *letters)
    degrees = whole((count, most[0]), *edges)
    following = whole((count, most[0], most[2]), 0, sizes[:, :, np.newaxis] - 1)
    # Each automaton uses the first letters of its own random order; each of its states, the first
    # of a random order of these.
    alphabet = order(count, most[1])
    ranks = order(count, most[0], most[1])
    is_known = ranks < known[:, :, np.newaxis]
    first = (~is_known).argsort(-1, kind="stable")[..., : most[2]]
    chosen = np.take_along_axis(ranks, first, 2)  # (automata, states, edges)
    symbols = np.take_along_axis(alphabet[:, np.newaxis], chosen, 2) + 1
    return Pool(most[1], degrees, symbols, following, np.arange(count))
