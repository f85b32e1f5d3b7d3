"""The loss of an Elman network and its gradients, with a hand-written backward pass.

`fit` uses this for networks with one layer and one-hot symbols. The results are those of autograd,
but at a lower cost: no graph is built, every large buffer is allocated once, and the logits of a
large vocabulary are never all in memory at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.models.elman.layers import project
from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.recurrence import (
    flattened,
    run_backward,
    run_forward,
    slopes_at,
    swapped,
    unflattened,
)
from seqtoys.models.elman.settings import Nonlinearity
from seqtoys.models.metrics import likeliest

NAMES = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "readout_weight", "readout_bias"}
HELD_LOGITS = 2**20  # the most logits per replica in memory at once


def is_covered(network: nn.Module) -> bool:
    """Whether `Backprop` supports an unmodified network: its parts, its device, nothing frozen.

    Networks with an embedding are left to autograd: their training is so sensitive to the order of
    summation that only PyTorch's own order reproduces PyTorch's losses epoch by epoch.
    """
    weights = parameters_of(network)
    return (
        weights.keys() <= NAMES
        and all(map(_is_free, weights.values()))
        and not torch.is_autocast_enabled("cpu")
    )


def _is_free(weight: nn.Parameter) -> bool:
    """Whether a weight is trainable, on the CPU, dense, and without gradient hooks."""
    return (
        weight.requires_grad
        and weight.device.type == "cpu"
        and (weight.is_contiguous() or torch.empty_like(weight).stride() == weight.stride())
        and not weight._backward_hooks
        and not weight._post_accumulate_grad_hooks
    )


def parameters_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a network under the names that `Backprop` uses."""
    return {
        name.removeprefix("rnn.").removesuffix("_l0").replace(".", "_"): value
        for name, value in model.named_parameters()
    }


class Backprop:
    """Computes the loss, predictions and gradients of a network on sequences.

    Args:
        parameters: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, each `([replicas,] …)`; with a
            linear readout also `readout_weight` and `readout_bias`.
        layout: The memory layout of states and replicas.
        nonlinearity: `"tanh"` or `"relu"`.
        batch: The sequences, the same for every replica.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("hielo")
        >>> model = ElmanCharModel(vocab, seed=777)
        >>> backprop = model.backprop(Batch.from_texts(["hihello"], vocab))
        >>> loss, predicted = backprop.loss_and_predictions()
        >>> backprop.backward()
        >>> loss, model.rnn.weight_hh_l0.grad.shape
        (tensor(1.6925), torch.Size([5, 5]))
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        layout: Layout,
        nonlinearity: Nonlinearity,
        batch: Batch,
    ) -> None:
        self._layout, self._nonlinearity = layout, nonlinearity
        grads = {name: torch.empty_like(value) for name, value in parameters.items()}
        self._owned = [(parameters[name], grad) for name, grad in grads.items()]
        self._weights = {name: layout.arrange(p.detach()) for name, p in parameters.items()}
        self._grads = {name: layout.arrange(grad) for name, grad in grads.items()}
        self._has_readout = "readout_weight" in parameters
        last = parameters["readout_weight" if self._has_readout else "weight_hh"]
        self._classes = last.shape[-2]
        weight_hh = self._weights["weight_hh"]
        self._rows_forward = layout.rows(swapped(weight_hh, layout))
        self._rows_backward = layout.rows(weight_hh)
        self._replicas = parameters["weight_hh"].shape[:-2]
        self._allocate(*batch.inputs.T.shape)
        self.load(batch)

    def _allocate(self, time: int, batch: int) -> None:
        """Allocate the buffers, and split them into steps."""
        layout, at = self._layout, self._layout.positions
        self._shape = (time, batch)
        rows = self._weight_rows = swapped(self._weights["weight_ih"], layout)
        self._rows, self._grad_rows = (
            torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(2)
        )
        self._grad_columns = swapped(self._grad_rows, layout)
        self._biases = [self._weights[name].unsqueeze(at) for name in ("bias_ih", "bias_hh")]
        positions = torch.zeros((time + 1) * batch, dtype=torch.int64, device="cpu")
        states = self._rows.zero_().index_select(at, positions)  # all zeros; the first is h_0
        states = unflattened(states, (time + 1, batch), layout)
        self._states = states.unbind(layout.time)
        self._first = layout.columns(self._states[0])
        later = [layout.columns(state) for state in self._states[1:-1]]
        self._earlier: list[Sequence[Tensor] | None] = [None, *later]  # the state before each step
        self._before = flattened(states.narrow(layout.time, 0, time), layout)
        self._after = flattened(states.narrow(layout.time, 1, time), layout)
        # The gradient of the drive; that of the states, until the backward pass overwrites it.
        self._drive = torch.empty_like(self._after, memory_format=torch.contiguous_format)
        self._steps = unflattened(self._drive, self._shape, layout).unbind(layout.time)
        self._step_columns = [layout.columns(step) for step in self._steps]
        self._slopes = torch.empty_like(self._drive)
        self._one = self._slopes.new_ones(())
        self._held = max(1, HELD_LOGITS // self._classes)  # positions
        if self._has_readout:
            weight = swapped(self._weights["readout_weight"], layout)  # (units, classes)
            held = positions[: min(self._held, time * batch)]
            self._logits, self._chances = (weight.index_select(at, held) for _ in range(2))
        self._slope_steps = unflattened(self._slopes, self._shape, layout).unbind(layout.time)

    def load(self, batch: Batch) -> None:
        """Load other sequences of the same shape."""
        arrange = self._layout.arrange
        self._symbols = batch.inputs.T.flatten().long()  # (time * batch,)
        targets = batch.targets.T.reshape(-1, 1).long()
        tally = batch.tally.T.reshape(-1, 1).to(self._rows.dtype)
        shape = (*self._replicas, *targets.shape)
        targets = arrange(targets.clamp(min=0).expand(shape))
        share = arrange((tally / tally.sum()).expand(shape))  # weights in the mean loss
        columns = (self._after, self._drive, targets, share, -share)
        cut = (column.split(self._held, self._layout.positions) for column in columns)
        self._parts = list(zip(*cut, strict=True))

    def start(self, state: Tensor | None) -> None:
        """Set the initial state of the next sequences, such as `final_state`; None means zeros."""
        if state is None:
            self._states[0].zero_()
        else:
            self._states[0].copy_(state)
        self._earlier[0] = None if state is None else self._first

    @property
    def final_state(self) -> Tensor:
        """The state after the last step, in the layout; the next `measure` overwrites it."""
        return self._states[-1]

    @torch.inference_mode()
    def loss_and_predictions(
        self,
    ) -> tuple[Float[Tensor, "*replicas"], Int[Tensor, "*replicas batch time"]]:
        """Run the forward pass; return the mean loss and the predicted symbols."""
        layout, states = self._layout, self._states[1:]
        torch.add(self._weight_rows, torch.add(*self._biases), out=self._rows)
        # The states overwrite the drive: with separate buffers, each product copies it first.
        torch.index_select(self._rows, layout.positions, self._symbols, out=self._after)
        run_forward(states, self._earlier, states, self._rows_forward, layout, self._nonlinearity)
        losses, predicted = zip(*(self._score(*part) for part in self._parts), strict=True)
        return sum(losses[1:], losses[0]), self._by_sequence(predicted)

    @torch.inference_mode()
    def backward(self) -> None:
        """Run the backward pass, and set the gradients of the parameters."""
        layout, grads, at = self._layout, self._grads, self._layout.positions
        slopes_at(self._after, self._nonlinearity, one=self._one, out=self._slopes)
        run_backward(
            self._steps,
            self._slope_steps,
            self._rows_backward,
            layout,
            totals=self._steps,
            driven=self._steps,
            columns=self._step_columns,
        )
        layout.add_outer_(grads["weight_hh"].zero_(), self._drive, self._before)
        self._grad_rows.zero_().index_add_(at, self._symbols, self._drive)
        grads["weight_ih"].copy_(self._grad_columns)
        torch.sum(self._grad_rows, at, out=grads["bias_ih"])
        grads["bias_hh"].copy_(grads["bias_ih"])
        for parameter, grad in self._owned:
            parameter.grad = grad if parameter.requires_grad else None

    def _score(
        self, states: Tensor, grads: Tensor, targets: Tensor, share: Tensor, minus_share: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the loss, the predictions and the gradients of the states at some positions."""
        at, units = self._layout.positions, self._layout.units
        logits, place = states, grads
        if self._has_readout:
            logits, place = self._read_out(states)
        chances = torch.log_softmax(logits, units, out=place)  # (positions, classes)
        loss = chances.gather(units, targets).mul_(minus_share).sum((at, units))
        # The gradient with respect to the logits: probabilities minus the one-hot target.
        grad = chances.exp_().mul_(share).scatter_add_(units, targets, minus_share)
        if self._has_readout:
            self._back_through_readout(grad, states, out=grads, first=grads is self._parts[0][1])
        return loss, likeliest(logits, units)

    def _read_out(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the logits at some positions; return them and a buffer for their gradients."""
        layout, weights = self._layout, self._weights
        count = states.shape[layout.positions]
        logits, room = (
            x.narrow(layout.positions, 0, count) for x in (self._logits, self._chances)
        )
        weight, bias = weights["readout_weight"], weights["readout_bias"]
        return project(states, weight, bias, layout, out=logits), room

    def _back_through_readout(
        self, grad: Tensor, states: Tensor, *, out: Tensor, first: bool
    ) -> None:
        weight, bias = self._grads["readout_weight"], self._grads["readout_bias"]
        if first:
            weight.zero_()
            bias.zero_()
        self._layout.add_outer_(weight, grad, states)
        bias.add_(grad.sum(self._layout.positions))
        rows = self._layout.rows(self._weights["readout_weight"])
        self._layout.multiply_add(out.zero_(), self._layout.columns(grad), rows, out=out)

    def _by_sequence(self, predicted: Sequence[Tensor]) -> Tensor:
        """Rearrange predicted symbols from positions to `([replicas,] batch, time)`."""
        positions = predicted[0]
        if self._layout.units == -1:
            positions = torch.cat(list(predicted), -1) if len(predicted) > 1 else positions
        else:
            positions = torch.cat(list(predicted), 0).movedim(-1, 0)
        by_step = positions.view(*positions.shape[:-1], *self._shape)  # ([replicas,] time, batch)
        return by_step.transpose(-1, -2)
