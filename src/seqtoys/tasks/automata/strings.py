"""Sampling of strings from a graph, of any or given lengths, several symbols per step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import count, repeat

import numpy as np
import torch

from seqtoys.support.arrays import Array, Floats, Ints
from seqtoys.tasks.automata.graph import Graph
from seqtoys.tasks.automata.paths import Paths, list_paths
from seqtoys.tasks.automata.string_lengths import StringLengths

BELOW_ONE = 1 - 2**-32  # keeps an index + a random number below the next index


class StringSampler:
    """Samples many strings at a time by random walks through a graph.

    Args:
        graph: The graph.
        lengths: The length distribution of its strings.
        cycles: The number of returns to the start after which an endless string is cut.
    """

    def __init__(self, graph: Graph, lengths: StringLengths, cycles: int) -> None:
        self.graph = graph
        self.cycles = cycles
        self._lengths = lengths

    def draw(
        self, batch_size: int, symbols: tuple[int, int] | None, generator: torch.Generator
    ) -> tuple[Ints, Ints]:
        """Draw strings `(batch, symbols)`, padded on the right, and count their symbols.

        Args:
            batch_size: The number of strings.
            symbols: The minimum and maximum number of symbols. If None, any number. An endless
                string gets the maximum number; if None, its cycles and the first symbol after.
            generator: The source of randomness.
        """
        if not self.graph.is_endless:
            strings, counts = self._draw_to_stop(batch_size, symbols, generator)
        elif symbols is None:
            strings, counts = self._draw_cycles(batch_size, generator)
        else:
            strings, counts = self._draw_through(batch_size, symbols[1], generator)
        return strings[:, : counts.max()].astype(np.int64), counts

    @cached_property
    def _paths(self) -> Paths:
        return list_paths(self.graph, self.graph.is_stop)

    @cached_property
    def _through(self) -> Paths:
        return list_paths(self.graph, self.graph.is_end)

    def _draw_to_stop(
        self, number: int, symbols: tuple[int, int] | None, generator: torch.Generator
    ) -> tuple[Array, Ints]:
        """Draw complete strings, or complete cycles of an endless source."""
        paths = self._paths
        lines = repeat(paths.line) if symbols is None else self._lines(*symbols)
        chosen = np.stack(list(self._walk(paths, lines, number, generator)), 1)
        strings = paths.symbols.take(chosen, axis=0)  # (number, walks, steps)
        return strings.reshape(number, -1), paths.counts.take(chosen).sum(1)

    def _draw_cycles(self, batch_size: int, generator: torch.Generator) -> tuple[Array, Ints]:
        """Draw cycles in parallel and join them, with an extra cycle for the symbol after them."""
        drawn, counts = self._draw_to_stop(batch_size * (self.cycles + 1), None, generator)
        joined = drawn[np.arange(drawn.shape[1]) < counts[:, np.newaxis]]
        counts = counts.reshape(batch_size, -1)  # (batch, cycles + 1)
        wanted, totals = counts[:, :-1].sum(1) + 1, counts.sum(1)
        first = totals.cumsum() - totals
        places = first[:, np.newaxis] + np.arange(wanted.max())  # (batch, symbols)
        return joined.take(places, mode="clip"), wanted

    def _draw_through(
        self, batch_size: int, symbols: int, generator: torch.Generator
    ) -> tuple[Array, Ints]:
        """Draw endless strings of `symbols` symbols."""
        paths = self._through
        walks = -(-symbols // paths.steps)
        drawn = torch.rand(walks * batch_size, dtype=torch.float64, generator=generator).numpy()
        chosen = np.empty((batch_size, walks), np.int64)
        state: Ints | int = self.graph.start
        for walk, random in enumerate(BELOW_ONE * drawn.reshape(walks, -1)):
            chosen[:, walk] = path = paths.line.searchsorted(state + random, side="right")
            state = paths.after.take(path)
        strings = paths.symbols.take(chosen, axis=0).reshape(batch_size, -1)
        return strings, np.full(batch_size, symbols)

    def _walk(
        self, paths: Paths, lines: Iterable[Floats], number: int, generator: torch.Generator
    ) -> Iterator[Ints]:
        """Draw one path after the other, until all have stopped."""
        state = np.full(number, self.graph.start)
        for line in lines:  # pragma: no branch - there is always another
            drawn = torch.rand(number, dtype=torch.float64, generator=generator).numpy()
            path = line.searchsorted(state + BELOW_ONE * drawn, side="right")
            yield path
            state = paths.after.take(path)
            if (state == paths.rest).all():
                return

    def _lines(self, low: int, high: int) -> Iterator[Floats]:
        """Yield the layout of the paths at each step, for strings of `low` to `high` symbols."""
        paths = self._paths
        has_stopped = paths.after == paths.rest
        for walked in count(0, paths.steps):  # pragma: no branch - it never ends
            least, most = low - walked, high - walked
            fits = (least <= paths.counts) & (paths.counts <= most)
            reach, _ = self._lengths.reach(least - paths.steps, most - paths.steps)
            ways = np.where(has_stopped, fits, np.append(reach, 0)[paths.after])
            yield paths.lay_out(paths.chances * ways)
