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
MINUS_ONE = torch.tensor(-1.0, device="cpu")  # adding a Python number takes twice as long


def recur(
    drive: Tensor,
    weight_hh: Tensor,
    h_0: Tensor,
    steps: int,
    layout: Layout,
    nonlinearity: Nonlinearity,
) -> Tensor:
    """Compute the states `(time * batch, units)` from the drive, with gradients of any order.

    Args:
        drive: `(time * batch, units)`, in the layout. The states may overwrite it, so it must be
            neither a leaf of the autograd graph nor a view.
        weight_hh: `(units, units)`, in the layout.
        h_0: The state before the first step, `(batch, units)`, in the layout.
        steps: The number of steps.
        layout: The order of the axes.
        nonlinearity: `"tanh"` or `"relu"`.

    Examples:
        >>> from seqtoys.models.elman.layouts import UNITS_LAST
        >>> drive, double = torch.ones(3, 1), torch.tensor([[2.0]])
        >>> recur(drive, double, torch.zeros(1, 1), 3, UNITS_LAST, "relu").flatten()
        tensor([1., 3., 7.])
    """
    if steps > 1 and _is_written_out(drive):
        written: Callable[..., Tensor] = _Recurrence.apply
        return written(drive, weight_hh, h_0, steps, layout, nonlinearity)
    states, rows = [h_0], layout.rows(swapped(weight_hh, layout))
    for step in by_step(drive, steps, layout) if steps else ():
        total = layout.multiply_add(step, layout.columns(states[-1]), rows)
        states.append(SQUASH[nonlinearity](total))
    return torch.cat(states[1:], layout.positions) if steps else drive


def run_forward(
    drive: Sequence[Tensor],
    before: Sequence[Sequence[Tensor] | None],
    states: Sequence[Tensor],
    rows: Sequence[Tensor],
    layout: Layout,
    nonlinearity: Nonlinearity,
    *,
    totals: Sequence[Tensor],
    doubled: bool = False,
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
        totals: Output tensors for the argument of the nonlinearity; they may be those of `states`,
            or one tensor for all steps.
        doubled: Whether `drive` is twice the drive of each step, from which tanh is computed
            faster.
    """
    squash = tanh_of_half_into if doubled else SQUASH_INTO[nonlinearity]
    squash_ = SQUASH_IN_PLACE[nonlinearity] if totals is states and not doubled else None
    scale = 2 if doubled else 1
    for step, columns, total, state in zip(drive, before, totals, states, strict=True):
        if columns is None:
            total.copy_(step)
        else:
            layout.multiply_add(step, columns, rows, scale=scale, out=total)
        if squash_ is not None:  # half as long as with out=, for few numbers
            squash_(state)
        else:
            squash(total, state)


def _tanh_into(total: Tensor, state: Tensor) -> Tensor:
    return torch.tanh(total, out=state)


def _relu_into(total: Tensor, state: Tensor) -> Tensor:
    return torch.clamp(total, min=0, out=state)


def tanh_of_half_into(total: Tensor, state: Tensor) -> Tensor:
    """Write tanh of half of `total` to `state`; this overwrites `total`.

    Examples:
        >>> tanh_of_half_into(torch.tensor([-2.0, 0.0, 2.0]), torch.empty(3))
        tensor([-0.7616,  0.0000,  0.7616])
    """
    # tanh x = 2 sigmoid(2 x) - 1. In PyTorch, this is five times faster than tanh. The error is at
    # most 2e-7 in single precision, in which numbers just below 1 are 6e-8 apart. It is absolute:
    # states around 1e-5 are accurate to about 1%. Their slopes, 1 - tanh², remain exact.
    return torch.add(MINUS_ONE, total.sigmoid_(), alpha=2, out=state)


SQUASH_IN_PLACE: dict[Nonlinearity, Squash] = {"tanh": Tensor.tanh_, "relu": Tensor.relu_}
SQUASH_INTO: dict[Nonlinearity, Callable[[Tensor, Tensor], Tensor]] = {
    "tanh": _tanh_into,
    "relu": _relu_into,
}


def totals_of(steps: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return output tensors for the products of each step: the steps, or one buffer for all.

    Batches of matrix products are fast only if their results are contiguous, and with the replicas
    first, the steps are not.
    """
    if all(step.is_contiguous() for step in steps):
        return steps
    return [torch.empty_like(steps[0], memory_format=torch.contiguous_format)] * len(steps)


def run_backward(
    grads: Sequence[Tensor],
    slopes: Sequence[Tensor],
    rows: Sequence[Tensor],
    layout: Layout,
    *,
    totals: Sequence[Tensor],
    driven: Sequence[Tensor],
    columns: Sequence[Sequence[Tensor]],
) -> None:
    """Run backward through time: compute the gradients of the drive from those of the states.

    A state affects the loss directly and through the next step, whose drive gradient `weight_hh`
    propagates back. Multiplying the gradient of a state by the slope of the nonlinearity gives the
    gradient of its drive.

    Args:
        grads: The direct gradient of the loss with respect to each state.
        slopes: The slope of the nonlinearity at each state.
        rows: `weight_hh`, split into rows.
        layout: The order of the axes.
        totals: Output tensors for the whole gradient of each state; they may be those of `grads`,
            or one tensor for all steps.
        driven: Output tensors for the gradient of each drive; they may be those of `totals` or
            `slopes`.
        columns: `driven`, split into columns.
    """
    last = len(grads) - 1
    torch.mul(grads[last], slopes[last], out=driven[last])
    for step in range(last - 1, -1, -1):
        total = layout.multiply_add(grads[step], columns[step + 1], rows, out=totals[step])
        torch.mul(total, slopes[step], out=driven[step])


def slopes_at(
    states: Tensor,
    nonlinearity: Nonlinearity,
    *,
    one: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Compute the slope of the nonlinearity from its output: 1 - tanh², or 0 and 1 for relu.

    Args:
        states: The output of the nonlinearity.
        nonlinearity: `"tanh"` or `"relu"`.
        one: The number 1, in the dtype of the states. If None, it is created.
        out: The output tensor.
    """
    if nonlinearity == "relu":
        return torch.sign(states, out=out)
    one = states.new_ones(()) if one is None else one
    return torch.addcmul(one, states, states, value=-1, out=out)


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


def by_step(states: Tensor, steps: int, layout: Layout) -> tuple[Tensor, ...]:
    """Split states `(time * batch, units)` into those of each step, `(batch, units)`."""
    batch = states.shape[layout.positions] // steps
    return unflattened(states, (steps, batch), layout).unbind(layout.time)


def is_left_to_pytorch(tensor: Tensor) -> bool:
    """Whether to use PyTorch's own recurrence: on a GPU, or while compiling."""
    return tensor.device.type != "cpu" or torch.compiler.is_compiling()


def _is_written_out(tensor: Tensor) -> bool:
    """Whether to use the hand-written backward pass instead of PyTorch's."""
    return not is_left_to_pytorch(tensor) and not _is_transformed()


def _is_transformed() -> bool:
    """Whether `torch.func` or forward-mode differentiation is active: no hand-written formulas."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


class _Recurrence(torch.autograd.Function):
    """The recurrence with a hand-written backward pass; the states replace the drive."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        weight_hh: Tensor,
        h_0: Tensor,
        steps: int,
        layout: Layout,
        nonlinearity: Nonlinearity,
    ) -> Tensor:
        ctx.mark_dirty(drive)
        states = by_step(drive, steps, layout)
        before = [layout.columns(state) for state in (h_0, *states[:-1])]
        rows = layout.rows(swapped(weight_hh, layout))
        totals = totals_of(states)
        run_forward(states, before, states, rows, layout, nonlinearity, totals=totals)
        ctx.save_for_backward(drive, weight_hh, h_0)
        ctx.steps, ctx.layout, ctx.nonlinearity = steps, layout, nonlinearity
        return drive

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        # Autograd enables gradients within a backward pass only if it is to be differentiated.
        differentiable = torch.is_grad_enabled() or _is_transformed()
        back = _back_out_of_place if differentiable else _back_in_place
        return (*back(ctx, *grads), None, None, None)


def _back_in_place(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Compute the gradients of drive, weight and first state; the incoming one is only read."""
    states, weight_hh, h_0 = ctx.saved_tensors
    layout: Layout = ctx.layout
    rows = layout.rows(weight_hh)
    drive = slopes_at(states, ctx.nonlinearity)  # overwritten by the gradients, step by step
    driven = by_step(drive, ctx.steps, layout)
    run_backward(
        by_step(grad, ctx.steps, layout),
        driven,
        rows,
        layout,
        totals=[torch.empty_like(driven[0], memory_format=torch.contiguous_format)] * ctx.steps,
        driven=driven,
        columns=[layout.columns(step) for step in driven],
    )
    _, needs_weight, needs_h_0, *_ = ctx.needs_input_grad
    grad_weight = grad_h_0 = None
    if needs_weight:
        batch, at = h_0.shape[layout.positions], layout.positions
        rest = states.shape[at] - batch
        grad_weight = layout.add_outer_(torch.zeros_like(weight_hh), driven[0], h_0)
        layout.add_outer_(grad_weight, drive.narrow(at, batch, rest), states.narrow(at, 0, rest))
    if needs_h_0:
        grad_h_0 = layout.multiply_add(torch.zeros_like(h_0), layout.columns(driven[0]), rows)
    return drive, grad_weight, grad_h_0


def _back_out_of_place(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the same gradients by operations that can be differentiated or vectorized."""
    states, weight_hh, h_0 = ctx.saved_tensors
    layout: Layout = ctx.layout
    rows, steps = layout.rows(weight_hh), by_step(grad, ctx.steps, layout)
    slopes = by_step(slopes_at(states, ctx.nonlinearity), ctx.steps, layout)
    driven = [steps[-1] * slopes[-1]]
    for step, slope in zip(steps[-2::-1], slopes[-2::-1], strict=True):
        driven.append(layout.multiply_add(step, layout.columns(driven[-1]), rows) * slope)
    drive = torch.cat(driven[::-1], layout.positions)  # (time * batch, units)
    before = torch.cat([h_0, *by_step(states, ctx.steps, layout)[:-1]], layout.positions)
    outer = layout.columns(swapped(drive, layout)), layout.rows(before)
    grad_weight = layout.multiply_add(torch.zeros_like(weight_hh), *outer)
    grad_h_0 = layout.multiply_add(torch.zeros_like(h_0), layout.columns(driven[-1]), rows)
    return drive, grad_weight, grad_h_0
