"""The forward and the backward pass of an Elman network, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seqtoys.models.elman.layers import project
from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.recurrence import (
    run_backward,
    run_forward,
    slopes_at,
    swapped,
)
from seqtoys.models.elman.settings import Nonlinearity
from seqtoys.models.elman.workspace import Workspace
from seqtoys.models.metrics import likeliest


class Passes:
    """Computes the loss, predictions and gradients of one network, or of some replicas.

    Args:
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, in the layout; with a linear
            readout also `readout_weight` and `readout_bias`.
        grads: Output tensors for their gradients.
        layout: The memory layout of states and replicas.
        nonlinearity: `"tanh"` or `"relu"`.
        workspace: The sequences and the buffers.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        grads: Mapping[str, Tensor],
        layout: Layout,
        nonlinearity: Nonlinearity,
        workspace: Workspace,
    ) -> None:
        self._layout, self._nonlinearity = layout, nonlinearity
        self._weights, self._grads = weights, grads
        self.workspace: Workspace = workspace
        weight_hh, at = weights["weight_hh"], layout.positions
        self._input_rows = swapped(weights["weight_ih"], layout)  # (symbols, units)
        self._biases = [weights[name].unsqueeze(at) for name in ("bias_ih", "bias_hh")]
        self._grad_weight_ih = swapped(workspace.grad_rows, layout)  # (units, symbols)
        self._one = weight_hh.new_ones(())
        self._rows_forward = layout.rows(swapped(weight_hh, layout))
        self._rows_backward = layout.rows(weight_hh)
        # A single network uses PyTorch's own tanh, so that its losses are those of PyTorch.
        self._doubles = nonlinearity == "tanh" and weight_hh.ndim == 3

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the mean loss and the predicted symbols; write the gradients of the readout."""
        layout, work = self._layout, self.workspace
        torch.add(self._input_rows, torch.add(*self._biases), out=work.rows)
        if self._doubles:
            work.rows.mul_(2)
        # The states overwrite the drive: with separate buffers, each product copies it first.
        torch.index_select(work.rows, layout.positions, work.symbols, out=work.after)
        run_forward(
            work.later,
            work.earlier,
            work.later,
            self._rows_forward,
            layout,
            self._nonlinearity,
            totals=work.state_totals,
            doubled=self._doubles,
        )
        if work.has_readout:
            self._grads["readout_weight"].zero_()
            self._grads["readout_bias"].zero_()
        losses, predicted = zip(*(self._score(*piece) for piece in work.pieces), strict=True)
        return sum(losses[1:], losses[0]), self._joined(predicted)

    def backward(self) -> None:
        """Write the gradients of the recurrent layer, from those of the states."""
        layout, grads, work = self._layout, self._grads, self.workspace
        slopes_at(work.after, self._nonlinearity, one=self._one, out=work.slopes)
        run_backward(
            work.grad_steps,
            work.slope_steps,
            self._rows_backward,
            layout,
            totals=work.grad_totals,
            driven=work.grad_steps,
            columns=work.grad_columns,
        )
        layout.add_outer_(grads["weight_hh"].zero_(), work.grads, work.before)
        layout.add_rows_(work.grad_rows.zero_(), work.symbols, work.grads)
        grads["weight_ih"].copy_(self._grad_weight_ih)
        torch.sum(work.grad_rows, layout.positions, out=grads["bias_ih"])
        grads["bias_hh"].copy_(grads["bias_ih"])

    def _score(
        self, states: Tensor, grads: Tensor, targets: Tensor, share: Tensor, minus_share: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the loss, the predictions and the gradients of the states at some positions."""
        layout, work, classes = self._layout, self.workspace, self.workspace.class_axis
        logits, place = work.score_buffers(states, grads)
        if work.has_readout:
            weight, bias = self._weights["readout_weight"], self._weights["readout_bias"]
            project(states, weight, bias, layout, out=work.turned(logits))
        elif logits is not states:
            logits.copy_(work.turned(states))
        chances = torch.log_softmax(logits, classes, out=place)
        loss = layout.pick(chances, targets, classes).mul_(minus_share)
        # The gradient with respect to the logits: probabilities minus the one-hot target.
        grad = layout.add_at_(chances.exp_().mul_(share), targets, classes, minus_share)
        if work.has_readout:
            self._back_through_readout(work.turned(grad), states, grads)
        elif logits is not states:
            grads.copy_(work.turned(grad))
        return loss.sum((work.position_axis, classes)), likeliest(logits, classes)

    def _back_through_readout(self, grad: Tensor, states: Tensor, out: Tensor) -> None:
        """Add to the gradients of the readout, and write those of the states."""
        weight, bias = self._grads["readout_weight"], self._grads["readout_bias"]
        self._layout.add_outer_(weight, grad, states)
        bias.add_(grad.sum(self._layout.positions))
        rows = self._layout.rows(self._weights["readout_weight"])
        self._layout.multiply_add(out.zero_(), self._layout.columns(grad), rows, out=out)

    def _joined(self, predicted: Sequence[Tensor]) -> Tensor:
        """Rearrange predicted symbols from positions to `([replicas,] batch, time)`."""
        first, *others = map(self._layout.restore, predicted)  # each ([replicas,] positions)
        positions = torch.cat([first, *others], -1) if others else first
        shape = self.workspace.shape
        by_step = positions.view(*positions.shape[:-1], *shape)  # ([replicas,] time, batch)
        return by_step.transpose(-1, -2)
