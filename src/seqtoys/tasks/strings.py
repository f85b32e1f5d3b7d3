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
        arcs = np.maximum(np.count_nonzero(graph.chances, axis=1), 1)
        self._width = int(arcs.max())
        order = np.argsort(graph.chances == 0, axis=1, kind="stable")[:, : self._width]
        chances = np.take_along_axis(graph.chances, order, 1)  # (states, arcs), none left out
        self._symbols = order
        self._bounds = chances.cumsum(1)[:, :-1]  # the last is 1
        self._bounds[np.arange(self._width - 1) >= arcs[:, np.newaxis] - 1] = 2  # never passed
        self._after = np.take_along_axis(graph.following, order, 1)
        self._after[graph.is_end] = np.flatnonzero(graph.is_end)[:, np.newaxis]  # stay there

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
                state = self._step(state, draws, columns)
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

    def _step(
        self,
        state: npt.NDArray[np.int64],
        draws: npt.NDArray[np.float32],
        columns: list[npt.NDArray[np.int64]],
        bounds: Floats | None = None,
    ) -> npt.NDArray[np.int64]:
        """Take one arc from each state; note its symbol."""
        bounds = self._bounds if bounds is None else bounds
        arc = state * self._width
        for bound in bounds.T:
            arc += draws >= bound.take(state)
        columns.append(self._symbols.take(arc))
        return self._after.take(arc)

    def _draw_of_length(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> npt.NDArray[np.int64]:
        """Walk with the chances of strings that end after so many symbols and one more."""
        ways = self._ways(length + 1)
        state = np.full(batch_size, self.graph.start)
        columns: list[npt.NDArray[np.int64]] = []
        draws = torch.rand(length + 1, batch_size, generator=generator).numpy()
        base = np.diff(np.pad(self._bounds.clip(max=1), ((0, 0), (1, 0))), axis=1)
        base = np.concatenate([base, 1 - base.sum(1, keepdims=True)], 1)  # (states, arcs)
        for left, numbers in zip(range(length, -1, -1), draws, strict=True):
            weights = base * ways[left][self._after]
            totals = weights.sum(1, keepdims=True)
            bounds = np.divide(
                weights.cumsum(1), totals, out=np.ones_like(weights), where=totals > 0
            )
            state = self._step(state, numbers, columns, bounds[:, :-1])
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
