"""The Elman recurrence (Elman, 1990) as pure functions: forward, and backward through time.

At each step, `h_t = squash(drive_t + W_hh h_{t-1})`. The drive is the part that does not depend on
the previous step: `drive_t = W_ih x_t + b_ih + b_hh`.

A *layout* defines the order of the axes. The shapes are documented as `(time, batch, units)`, but
all functions also work with an additional axis of replicas, for many networks in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqtoys.models.elman.layouts import Layout
from seqtoys.models.elman.settings import Nonlinearity

Squash = Callable[[Tensor], Tensor]
SQUASH: dict[Nonlinearity, Squash] = {"tanh": torch.tanh, "relu": torch.relu}
SQUASH_IN_PLACE: dict[Nonlinearity, Squash] = {"tanh": torch.tanh_, "relu": torch.relu_}


def recur(
    drive: Tensor, weight_hh: Tensor, h_0: Tensor, layout: Layout, nonlinearity: Nonlinearity
) -> Tensor:
    """Compute the states `(time, batch, units)` from the drive, with gradients of any order.

    Args:
        drive: `(time, batch, units)`, in the layout.
        weight_hh: `(units, units)`, in the layout.
        h_0: The state before the first step, `(batch, units)`, in the layout.
        layout: The order of the axes.
        nonlinearity: `"tanh"` or `"relu"`.

    Examples:
        >>> from seqtoys.models.elman.layouts import UNITS_LAST
        >>> drive, double = torch.ones(3, 1, 1), torch.tensor([[2.0]])
        >>> recur(drive, double, torch.zeros(1, 1), UNITS_LAST, "relu").flatten()
        tensor([1., 3., 7.])
    """
    if drive.shape[layout.time] > 1 and _is_written_out(drive):
        written: Callable[..., Tensor] = _Recurrence.apply
        return written(drive, weight_hh, h_0, layout, nonlinearity)
    states, rows = [h_0], layout.rows(swapped(weight_hh, layout))
    for step in drive.unbind(layout.time):
        total = layout.multiply_add(step, layout.columns(states[-1]), rows)
        states.append(SQUASH[nonlinearity](total))
    return torch.stack(states[1:], layout.time) if len(states) > 1 else drive


def run_forward(
    drive: Sequence[Tensor],
    before: Sequence[Sequence[Tensor] | None],
    states: Sequence[Tensor],
    rows: Sequence[Tensor],
    layout: Layout,
    nonlinearity: Nonlinearity,
) -> None:
    """Run forward through time, writing to `states`.

    Args:
        drive: The drive of each step.
        before: The state before each step, split into columns; all but the first are views of
            `states`. None is a state of zeros.
        states: Output tensors for the state after each step.
        rows: `weight_hh` swapped, split into rows.
        layout: The order of the axes.
        nonlinearity: `"tanh"` or `"relu"`.
    """
    squash_ = SQUASH_IN_PLACE[nonlinearity]
    for step, columns, state in zip(drive, before, states, strict=True):
        if columns is None:
            squash_(state.copy_(step))
        else:
            squash_(layout.multiply_add(step, columns, rows, out=state))


def run_backward(
    grads: Sequence[Tensor],
    slopes: Sequence[Tensor],
    rows: Sequence[Tensor],
    layout: Layout,
    *,
    in_place: Sequence[Sequence[Tensor]] | None = None,
) -> list[Tensor]:
    """Run backward through time: compute the gradients of the drive from those of the states.

    A state affects the loss directly and through the next step, whose drive gradient `weight_hh`
    propagates back. Multiplying the gradient of a state by the slope of the nonlinearity gives the
    gradient of its drive.

    Args:
        grads: The direct gradient of the loss with respect to each state.
        slopes: The slope of the nonlinearity at each state.
        rows: `weight_hh`, split into rows.
        layout: The order of the axes.
        in_place: `grads` split into columns, to overwrite them: faster, but without higher-order
            gradients.
    """
    driven: list[Tensor] = []
    for step in reversed(range(len(grads))):
        total, place = grads[step], None if in_place is None else grads[step]
        if driven:
            after = layout.columns(driven[-1]) if in_place is None else in_place[step + 1]
            total = layout.multiply_add(total, after, rows, out=place)
        driven.append(torch.mul(total, slopes[step], out=place))
    return driven[::-1]


def slopes_at(states: Tensor, nonlinearity: Nonlinearity, *, out: Tensor | None = None) -> Tensor:
    """Compute the slope of the nonlinearity from its output: 1 - tanh², or 0 and 1 for relu."""
    if nonlinearity == "relu":
        return torch.sign(states, out=out)
    return torch.addcmul(states.new_ones(()), states, states, value=-1, out=out)


def swapped(weight: Tensor, layout: Layout) -> Tensor:
    """Return a view of a matrix with rows and columns swapped."""
    return weight.transpose(layout.positions, layout.units)


def flattened(states: Tensor, layout: Layout) -> Tensor:
    """Flatten steps and sequences: `(time, batch, units)` to `(time * batch, units)`."""
    return states.flatten(layout.time, layout.positions)


def unflattened(states: Tensor, shape: Sequence[int], layout: Layout) -> Tensor:
    """Unflatten steps and sequences: `(time * batch, units)` to `(time, batch, units)`."""
    parted: Tensor = states.unflatten(layout.positions, shape)
    return parted


def is_left_to_pytorch(tensor: Tensor) -> bool:
    """Whether to use PyTorch's own recurrence: on a GPU, or while compiling."""
    return tensor.device.type != "cpu" or torch.compiler.is_compiling()


def _is_written_out(tensor: Tensor) -> bool:
    """Whether to use the hand-written backward pass instead of PyTorch's.

    Under `torch.func` and forward-mode differentiation, only PyTorch operations work.
    """
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    return not is_left_to_pytorch(tensor) and not transformed


class _Recurrence(torch.autograd.Function):
    """The recurrence with a hand-written backward pass."""

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
        before = [layout.columns(state) for state in (h_0, *steps[:-1])]
        rows = layout.rows(swapped(weight_hh, layout))
        run_forward(drive.unbind(layout.time), before, steps, rows, layout, nonlinearity)
        ctx.save_for_backward(states, weight_hh, h_0)
        ctx.layout, ctx.nonlinearity = layout, nonlinearity
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        states, weight_hh, h_0 = ctx.saved_tensors
        layout: Layout = ctx.layout
        slopes = slopes_at(states, ctx.nonlinearity).unbind(layout.time)
        steps = grads[0].unbind(layout.time)
        rows = layout.rows(weight_hh)
        driven = run_backward(steps, slopes, rows, layout)
        before = torch.stack([h_0, *states.unbind(layout.time)[:-1]], layout.time)
        drive = torch.stack(driven, layout.time)  # (time, batch, units)
        pairs = flattened(drive, layout), flattened(before, layout)
        grad_weight = layout.add_outer_(torch.zeros_like(weight_hh), *pairs)
        grad_h_0 = layout.multiply_add(torch.zeros_like(h_0), layout.columns(driven[0]), rows)
        return drive, grad_weight, grad_h_0, None, None
