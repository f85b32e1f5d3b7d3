"""Draw the strings of a graph, as they come or of one length."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.tasks.graph import Graph

RARE = 0.01  # of all strings are longer than the usual ones
STEPS = 32  # of random numbers that are drawn at a time

Floats = npt.NDArray[np.float64]


class StringSampler:
    """Walks through a graph, many strings at a time.

    Args:
        graph: The graph.
        cycles: How often an endless string comes back to the start before it is cut.
    """

    def __init__(self, graph: Graph, cycles: int) -> None:
        self.graph = graph
        self.cycles = cycles
        chances, following = graph.chances.copy(), graph.following.copy()
        chances[graph.is_end, 0], following[graph.is_end, 0] = 1, np.flatnonzero(graph.is_end)
        # The arcs, state by state; whoever has come to an end stays there.
        self._from, self._symbols = np.nonzero(chances)
        self._after = following[self._from, self._symbols]
        self._chances = chances[self._from, self._symbols]
        self._line = self._lay_out(self._chances)

    def draw(
        self, batch_size: int, length: int | None, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch symbols"], Int[Tensor, " batch"]]:
        """Draw strings, padded on the right, and count their symbols but one."""
        if length is not None and self.graph.is_end.any():
            strings = self._draw_of_length(batch_size, length, generator)
        else:
            strings, ends = self._draw_freely(batch_size, length, generator)
            lengths = torch.from_numpy(ends)
            width = int(lengths.max()) + 1
            return torch.from_numpy(strings[:, :width]), lengths
        return torch.from_numpy(strings), torch.full((batch_size,), length)

    def exists(self, length: int) -> bool:
        """Whether there are strings of so many symbols and one more."""
        if length < 1:
            return False
        return not self.graph.is_end.any() or bool(self._ways(length + 1)[-1][self.graph.start])

    def usual_lengths(self) -> tuple[tuple[int, int], tuple[int, ...]]:
        """The lengths that nearly all strings have, and some beyond."""
        if not self.graph.is_end.any():
            mean = round(self.cycles / self.graph.visits[self.graph.start])
            return (mean, mean), (2 * mean, 5 * mean)
        here = np.eye(len(self.graph.states))[self.graph.start]
        ended, shortest, length = 0.0, 0, -1
        while ended < 1 - RARE:
            here = here @ self.graph.moves
            length += 1
            ended += float(here[self.graph.is_end].sum())
            shortest = shortest or (length if ended else 0)
        wanted = (2 * length, 4 * length)
        longer = [next((n for n in range(w, w + length + 1) if self.exists(n)), 0) for w in wanted]
        return (shortest, length), tuple(sorted({n for n in longer if n > length}))

    def _draw_freely(
        self, batch_size: int, length: int | None, generator: torch.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Walk until all strings have ended, have come back often enough, or are long enough."""
        state = np.full(batch_size, self.graph.start)
        left = np.full(batch_size, self.cycles)
        columns: list[npt.NDArray[np.int64]] = []
        ends = np.zeros(batch_size, np.int64)
        is_endless = not self.graph.is_end.any()
        while True:
            for draws in torch.rand(STEPS, batch_size, generator=generator).numpy():
                state = self._step(state, draws, columns, self._line)
                if length is not None:
                    ends += 1
                    if len(columns) == length + 1:
                        return np.stack(columns, 1), ends - 1
                    continue
                if is_endless:
                    # The symbol after the last return is scored, too: it begins the next cycle.
                    ends += left > 0
                    left -= state == self.graph.start
                else:
                    ends += ~self.graph.is_end[state]
                    left = ~self.graph.is_end[state]
                if not (left > 0).any() and len(columns) > ends.max():
                    return np.stack(columns, 1), ends

    def _lay_out(self, weights: Floats) -> Floats:
        """Tell where each arc ends if those of state i lie between i and i + 1 by their weight."""
        counts = np.bincount(self._from)
        totals = np.bincount(self._from, weights)
        equal = np.repeat(1 / counts, counts)  # where none leads on, no walk gets
        shares = np.divide(weights, totals[self._from], out=equal, where=totals[self._from] > 0)
        ends, first = shares.cumsum(), counts.cumsum() - counts
        line: Floats = ends - (ends[first] - shares[first] - np.arange(len(counts)))[self._from]
        line[first + counts - 1] = np.arange(len(counts)) + 1  # against rounding
        return line

    def _step(
        self,
        state: npt.NDArray[np.int64],
        draws: npt.NDArray[np.float32],
        columns: list[npt.NDArray[np.int64]],
        line: Floats,
    ) -> npt.NDArray[np.int64]:
        """Take one arc from each state; note its symbol."""
        arc = line.searchsorted(state + draws.astype(np.float64), side="right")
        columns.append(self._symbols.take(arc))
        after: npt.NDArray[np.int64] = self._after.take(arc)
        return after

    def _draw_of_length(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> npt.NDArray[np.int64]:
        """Walk with the chances of strings that end after so many symbols and one more."""
        ways = self._ways(length + 1)
        state = np.full(batch_size, self.graph.start)
        columns: list[npt.NDArray[np.int64]] = []
        draws = torch.rand(length + 1, batch_size, generator=generator).numpy()
        for left, numbers in zip(range(length, -1, -1), draws, strict=True):
            line = self._lay_out(self._chances * ways[left][self._after])
            state = self._step(state, numbers, columns, line)
        return np.stack(columns, 1)

    def _ways(self, length: int) -> list[Floats]:
        """The relative chance to end after exactly 0 to `length` symbols, from each state."""
        while len(self._known) <= length:
            ways = self.graph.moves @ self._known[-1]
            self._known.append(ways / (ways.max() or 1))
        return self._known[: length + 1]

    @cached_property
    def _known(self) -> list[Floats]:
        return [self.graph.is_end.astype(np.float64)]
