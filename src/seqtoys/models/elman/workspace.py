"""The buffers in which an Elman network is run forward and backward, and their views."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.recurrence import flattened, swapped, totals_of, unflattened

HELD_LOGITS = 2**20  # the most logits in memory at once
LANES = 16  # PyTorch vectorizes log_softmax along a last axis of this length or more


class Workspace:
    """The sequences, states and gradients of one network, or of some replicas of an ensemble.

    Args:
        weights: The weights of the network or the replicas, in the layout.
        layout: The memory layout of states and replicas.
        batch: The sequences, the same for every replica.
        shared: The workspace of as many other replicas. The two share the buffers whose contents
            are not needed after a pass.

    Attributes:
        shape: The numbers of steps and of sequences.
        has_readout: Whether the logits are computed from the states by a linear readout.
        symbols: The input symbols `(time * batch,)`.
        rows: The drive of each symbol, or twice the drive, `(symbols, units)`; `grad_rows` is the
            gradient of the drive of each symbol.
        first: The state before the first step.
        later: The states after each step.
        earlier: The state before each step, split into columns; for the first, None means zeros.
        before: The states before each step, `(time * batch, units)`.
        after: The states after each step, `(time * batch, units)`; at first, the drive.
        grads: The gradient of the loss with respect to the states, `(time * batch, units)`; that
            with respect to the drive overwrites it.
        grad_steps: The same for each step, `(batch, units)`.
        grad_columns: The same, split into columns.
        state_totals: Output tensors for sums of products at each step in the forward pass;
            `grad_totals` are those in the backward pass.
        slopes: The slope of the nonlinearity at each state; `slope_steps` are those of each step.
        position_axis: The axis of the positions of logits.
        class_axis: The axis of the classes of logits.
        pieces: The states, their gradients, the targets, and the weights in the mean loss (also
            negated) of the positions that are scored at once.
    """

    shape: tuple[int, int]
    has_readout: bool
    symbols: Tensor
    rows: Tensor
    grad_rows: Tensor
    first: Tensor
    later: list[Tensor]
    earlier: list[Sequence[Tensor] | None]
    before: Tensor
    after: Tensor
    grads: Tensor
    grad_steps: Sequence[Tensor]
    grad_columns: list[Sequence[Tensor]]
    state_totals: Sequence[Tensor]
    grad_totals: Sequence[Tensor]
    slopes: Tensor
    slope_steps: Sequence[Tensor]
    position_axis: int
    class_axis: int
    pieces: list[tuple[Tensor, ...]]

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        layout: Layout,
        batch: Batch,
        *,
        shared: Workspace | None = None,
    ) -> None:
        self._layout = layout
        self.has_readout = "readout_weight" in weights
        weight_hh = weights["weight_hh"]
        last = weights["readout_weight"] if self.has_readout else weight_hh
        self._classes = last.shape[layout.positions]
        self._replicas = layout.restore(weight_hh).shape[:-2]
        # Along a short last axis, log_softmax is 20 times slower than along another one.
        self._turns = layout.has_parts and self._classes < LANES
        axes = layout.positions, layout.units
        self.position_axis, self.class_axis = axes[::-1] if self._turns else axes
        time, count = batch.inputs.T.shape
        self.shape = (time, count)
        self._held = max(1, HELD_LOGITS // (self._classes * math.prod(self._replicas)))
        self._allocate(weights, *self.shape)
        if shared is None:
            self._allocate_shared(last)
        else:
            self.slopes, self._logits, self._grad_logits = shared._shared
        self.slope_steps = unflattened(self.slopes, self.shape, layout).unbind(layout.time)
        self.load(batch)

    def _allocate(self, weights: Mapping[str, Tensor], time: int, batch: int) -> None:
        """Allocate the buffers of states and gradients, and split them into steps."""
        layout, at = self._layout, self._layout.positions
        rows = swapped(weights["weight_ih"], layout)
        self.rows, self.grad_rows = (_dense_like(rows) for _ in range(2))
        positions = torch.zeros((time + 1) * batch, dtype=torch.int64, device="cpu")
        states = self.rows.zero_().index_select(at, positions)  # all zeros; the first is h_0
        states = unflattened(states, (time + 1, batch), layout)
        self.first, *self.later = states.unbind(layout.time)
        columns = [layout.columns(state) for state in self.later[:-1]]
        self.earlier = [None, *columns]
        self._first_columns = layout.columns(self.first)
        self.before = flattened(states.narrow(layout.time, 0, time), layout)
        self.after = flattened(states.narrow(layout.time, 1, time), layout)
        self.grads = _dense_like(self.after)
        self.grad_steps = unflattened(self.grads, self.shape, layout).unbind(layout.time)
        self.grad_columns = [layout.columns(step) for step in self.grad_steps]
        self.state_totals, self.grad_totals = totals_of(self.later), totals_of(self.grad_steps)

    def _allocate_shared(self, last: Tensor) -> None:
        """Allocate the buffers that other replicas can use, too."""
        self.slopes = _dense_like(self.grads)
        self._logits = self._grad_logits = None
        if self.has_readout or self._turns:
            held = min(self._held, math.prod(self.shape))
            zeros = torch.zeros(held, dtype=torch.int64, device="cpu")
            logits = swapped(last, self._layout).index_select(self._layout.positions, zeros)
            logits = self.turned(logits)  # of the right shape
            self._logits, self._grad_logits = (_dense_like(logits) for _ in range(2))

    @property
    def _shared(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        return self.slopes, self._logits, self._grad_logits

    def load(self, batch: Batch) -> None:
        """Load other sequences of the same shape."""
        layout, replicas = self._layout, math.prod(self._replicas)
        self.symbols = batch.inputs.T.flatten().long()  # (time * batch,)
        targets = batch.targets.T.flatten().long().clamp(min=0)
        tally = batch.tally.T.flatten().to(self.rows.dtype)
        share = self.turned(layout.per_position(tally / tally.sum()))  # weights in the mean loss
        located = (
            self.turned(layout.locate(some, self._classes, replicas))
            for some in targets.split(self._held)
        )
        vectors = (x.split(self._held, layout.positions) for x in (self.after, self.grads))
        shares = (x.split(self._held, self.position_axis) for x in (share, -share))
        self.pieces = list(zip(*vectors, located, *shares, strict=True))

    def start(self, state: Tensor | None) -> None:
        """Set the initial state of the next sequences; None means zeros."""
        if state is None:
            self.first.zero_()
        else:
            self.first.copy_(state)
        self.earlier[0] = None if state is None else self._first_columns

    def turned(self, logits: Tensor) -> Tensor:
        """View logits `(positions, classes)` in the order of axes in which they are scored."""
        return swapped(logits, self._layout) if self._turns else logits

    def score_buffers(self, states: Tensor, grads: Tensor) -> tuple[Tensor, Tensor]:
        """Return where to store the logits of some states, and their gradients."""
        if self._logits is None or self._grad_logits is None:
            return states, grads
        at, count = self.position_axis, states.shape[self._layout.positions]
        return self._logits.narrow(at, 0, count), self._grad_logits.narrow(at, 0, count)


def _dense_like(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)
