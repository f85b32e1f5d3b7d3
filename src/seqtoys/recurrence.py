"""The Elman recurrence (Elman, 1990) as pure functions: forward, and backward through time.

Step by step, `h_t = squash(drive_t + W_hh h_{t-1})`, where the drive of a step is all that does
not depend on the step before: `drive_t = W_ih x_t + b_ih + b_hh`.

A *layout* says where the axes lie; read the functions with `(time, batch, units)` in mind, and
know that each also runs with an axis of replicas, many networks side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from seqtoys.layouts import Layout
from seqtoys.settings import Nonlinearity

Squash = Callable[[Tensor], Tensor]
SQUASH: dict[Nonlinearity, Squash] = {"tanh": torch.tanh, "relu": torch.relu}
MANY = 8192  # numbers


def tanh_(values: Tensor) -> Tensor:
    """Compute tanh in place; of many numbers as `2 sigmoid(2 x) - 1`, which PyTorch does faster.

    One thread: 13.5 against 35.8 µs for 8,192 numbers, 39 against 116 for 32,768. The two
    differ by rounding: by 1.8e-7 at most, in float32.
    """
    if values.numel() < MANY:
        return values.tanh_()
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


SQUASH_IN_PLACE: dict[Nonlinearity, Squash] = {"tanh": tanh_, "relu": torch.relu_}


@dataclass(frozen=True)
class LayerWeights:
    """The parameters of a layer in a layout: of one network, or of many replicas.

    Attributes:
        weight_ih: `(units, features)`.
        weight_hh: `(units, units)`.
        bias: `(units,)`: the sum of both biases.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    @classmethod
    def of(cls, rnn: nn.Module, layer: int, layout: Layout) -> LayerWeights:
        """Take them from a `torch.nn.RNN`, or a module with parameters of the same names."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weight_ih, weight_hh, bias_ih, bias_hh = (
            layout.arrange(getattr(rnn, f"{name}_l{layer}")) for name in names
        )
        return cls(weight_ih, weight_hh, bias_ih + bias_hh)


def run_layers(
    inputs: Tensor,
    layers: Sequence[LayerWeights],
    h_0: Tensor,
    layout: Layout,
    nonlinearity: Nonlinearity,
) -> tuple[Tensor, Tensor]:
    """Run stacked layers: the states of each are the inputs of the next.

    Args:
        inputs: Symbol indices `(time, batch)`, or vectors `(time, batch, features)` in the layout.
        layers: The parameters, from the first layer to the last.
        h_0: The states before the first step, `(layers, batch, units)`, in the layout.
        layout: Where the axes lie.
        nonlinearity: `"tanh"` or `"relu"`.

    Returns:
        The states of the last layer, and the states of all layers after the last step.
    """
    states, last = inputs, []
    for layer, before in zip(layers, h_0.unbind(layout.time), strict=True):
        if states.is_floating_point():
            drive = drive_by_vectors(states, layer, layout)
        else:
            drive = drive_by_symbols(states, layer, layout)
        states = recur(drive, layer.weight_hh, before, layout, nonlinearity)
        last.append(states.select(layout.time, -1) if states.shape[layout.time] else before)
    return states, torch.stack(last, layout.time)


def step_layers(
    symbols: Tensor, layers: Sequence[LayerWeights], hidden: Tensor, nonlinearity: Nonlinearity
) -> Tensor:
    """Run stacked layers of one network on one symbol of each sequence.

    Args:
        symbols: Symbol indices `(batch,)`.
        layers: The parameters, from the first layer to the last.
        hidden: The states before, `(layers, batch, units)`.
        nonlinearity: `"tanh"` or `"relu"`.

    Returns:
        The states after, `(layers, batch, units)`.
    """
    states: list[Tensor] = []
    for layer, before in zip(layers, hidden.unbind(), strict=True):
        if states:
            inputs = states[-1] @ layer.weight_ih.T
        else:
            inputs = F.embedding(symbols, layer.weight_ih.T)  # the rows, as in drive_by_symbols
        total = torch.addmm(inputs + layer.bias, before, layer.weight_hh.T)
        states.append(SQUASH[nonlinearity](total))
    return torch.stack(states)


def drive_by_symbols(symbols: Tensor, layer: LayerWeights, layout: Layout) -> Tensor:
    """Compute the drive of symbols `(time, batch)` without a one-hot vector.

    A one-hot vector times a matrix is a row of that matrix, so the rows are looked up.

    Examples:
        >>> from seqtoys.layouts import UNITS_LAST
        >>> layer = LayerWeights(torch.tensor([[1.0, 2.0, 3.0]]), torch.eye(1), torch.zeros(1))
        >>> drive_by_symbols(torch.tensor([[2], [0]]), layer, UNITS_LAST).flatten()
        tensor([3., 1.])
    """
    at = layout.positions
    rows = swapped(layer.weight_ih, layout)  # (symbols, units)
    drive = rows.index_select(at, symbols.flatten()) + layer.bias.unsqueeze(at)
    return unflattened(
        drive, symbols.shape, layout
    )  # (time * batch, units) -> (time, batch, units)


def drive_by_vectors(vectors: Tensor, layer: LayerWeights, layout: Layout) -> Tensor:
    """Compute the drive of input vectors `(time, batch, features)`, in the layout."""
    steps, batch = vectors.shape[layout.time], vectors.shape[layout.positions]
    flat = project(flattened(vectors, layout), layer.weight_ih, layer.bias, layout)
    return unflattened(flat, (steps, batch), layout)


def project(vectors: Tensor, weight: Tensor, bias: Tensor, layout: Layout) -> Tensor:
    """Multiply vectors `(positions, features)` by a matrix `(units, features)`, and add a bias."""
    return layout.multiply_add(bias.unsqueeze(layout.positions), vectors, swapped(weight, layout))


def recur(
    drive: Tensor, weight_hh: Tensor, h_0: Tensor, layout: Layout, nonlinearity: Nonlinearity
) -> Tensor:
    """Compute the states `(time, batch, units)` from the drive, with gradients of any order.

    Args:
        drive: `(time, batch, units)`, in the layout.
        weight_hh: `(units, units)`, in the layout.
        h_0: The state before the first step, `(batch, units)`, in the layout.
        layout: Where the axes lie.
        nonlinearity: `"tanh"` or `"relu"`.

    Examples:
        >>> from seqtoys.layouts import UNITS_LAST
        >>> drive, double = torch.ones(3, 1, 1), torch.tensor([[2.0]])
        >>> recur(drive, double, torch.zeros(1, 1), UNITS_LAST, "relu").flatten()
        tensor([1., 3., 7.])
    """
    if drive.shape[layout.time] > 1 and _is_written_out(drive):
        written: Callable[..., Tensor] = _Recurrence.apply
        return written(drive, weight_hh, h_0, layout, nonlinearity)
    states = [h_0]
    for step in drive.unbind(layout.time):
        total = layout.multiply_add(step, states[-1], swapped(weight_hh, layout))
        states.append(SQUASH[nonlinearity](total))
    return torch.stack(states[1:], layout.time) if len(states) > 1 else drive


def run_forward(
    drive: Sequence[Tensor],
    states: Sequence[Tensor],
    weight_hh: Tensor,
    layout: Layout,
    nonlinearity: Nonlinearity,
) -> None:
    """Write the states of all steps; the first of `states`, before any step, is given."""
    squash_, turned = SQUASH_IN_PLACE[nonlinearity], swapped(weight_hh, layout)
    for step, before, state in zip(drive, states[:-1], states[1:], strict=True):
        squash_(layout.multiply_add(step, before, turned, out=state))


def run_backward(
    grads: Sequence[Tensor],
    slopes: Sequence[Tensor],
    weight_hh: Tensor,
    layout: Layout,
    *,
    in_place: bool,
) -> list[Tensor]:
    """Go back through time: from the gradients of the states to those of the drive.

    A state acts on the loss directly, and through the step after it: `weight_hh` carries the
    gradient of that step's drive back. The slope of the nonlinearity turns the gradient of a
    state into that of its drive.

    Args:
        grads: The direct gradient of the loss by each state.
        slopes: The slope of the nonlinearity at each state.
        weight_hh: `(units, units)`, in the layout.
        layout: Where the axes lie.
        in_place: Whether to overwrite `grads`, faster but without gradients of the gradients.
    """
    driven: list[Tensor] = []
    for grad, slope in zip(reversed(grads), reversed(slopes), strict=True):
        place = grad if in_place else None
        total = layout.multiply_add(grad, driven[-1], weight_hh, out=place) if driven else grad
        driven.append(torch.mul(total, slope, out=place))
    return driven[::-1]


def slopes_at(states: Tensor, nonlinearity: Nonlinearity, *, out: Tensor | None = None) -> Tensor:
    """Compute the slope of the nonlinearity from its result: 1 - tanh², or 0 and 1 for relu."""
    if nonlinearity == "relu":
        return torch.sign(states, out=out)
    return torch.addcmul(states.new_ones(()), states, states, value=-1, out=out)


def swapped(weight: Tensor, layout: Layout) -> Tensor:
    """View a matrix with rows for columns."""
    return weight.transpose(layout.positions, layout.units)


def flattened(states: Tensor, layout: Layout) -> Tensor:
    """Put steps and sequences on one axis: `(time, batch, units)` to `(time * batch, units)`."""
    return states.flatten(layout.time, layout.positions)


def unflattened(states: Tensor, shape: Sequence[int], layout: Layout) -> Tensor:
    """Part steps and sequences: `(time * batch, units)` to `(time, batch, units)`."""
    parted: Tensor = states.unflatten(layout.positions, shape)
    return parted


def is_left_to_pytorch(tensor: Tensor) -> bool:
    """Whether PyTorch's own recurrence is wanted: on a GPU, or in a graph to be compiled."""
    return tensor.device.type != "cpu" or torch.compiler.is_compiling()


def _is_written_out(tensor: Tensor) -> bool:
    """Whether the backward pass written out here can stand in for PyTorch's.

    `torch.func` and forward-mode derivatives get operations that they know.
    """
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    return not is_left_to_pytorch(tensor) and not transformed


class _Recurrence(torch.autograd.Function):
    """The recurrence with its backward pass written out."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        weight_hh: Tensor,
        h_0: Tensor,
        layout: Layout,
        nonlinearity: Nonlinearity,
    ) -> Tensor:
        states = torch.empty_like(drive)
        steps = states.unbind(layout.time)
        run_forward(drive.unbind(layout.time), (h_0, *steps), weight_hh, layout, nonlinearity)
        ctx.save_for_backward(states, weight_hh, h_0)
        ctx.layout, ctx.nonlinearity = layout, nonlinearity
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        states, weight_hh, h_0 = ctx.saved_tensors
        layout: Layout = ctx.layout
        slopes = slopes_at(states, ctx.nonlinearity).unbind(layout.time)
        steps = grads[0].unbind(layout.time)
        driven = run_backward(steps, slopes, weight_hh, layout, in_place=False)
        before = torch.stack([h_0, *states.unbind(layout.time)[:-1]], layout.time)
        drive = torch.stack(driven, layout.time)  # (time, batch, units)
        grad_weight = layout.sum_of_outer(flattened(drive, layout), flattened(before, layout))
        grad_h_0 = layout.multiply_add(torch.zeros_like(h_0), driven[0], weight_hh)
        return drive, grad_weight, grad_h_0, None, None
