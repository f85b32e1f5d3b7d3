"""The scan of a linear recurrence with elementwise factors: all its states, quickly.

The number of steps of a parallel scan (Blelloch, 1990) is logarithmic in the length, but it is
more work in total, and autograd stores each step. On a CPU, a loop over time whose gradient is
written by hand is the fastest: at least twice as fast as scanning by doubling or in chunks, for
batches of 64 and every length from 32 to 512. It also follows the order of the recurrence, and
never divides, so it is stable for factors of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor


def linear_scan(
    decay: Shaped[Tensor, "*#shape"],
    inputs: Shaped[Tensor, " time *shape"],
    initial: Shaped[Tensor, "*shape"],
) -> tuple[Shaped[Tensor, " time *shape"], Shaped[Tensor, "*shape"]]:
    """Compute every state of `h[t] = decay[t] * h[t - 1] + inputs[t]`, from an initial state.

    Products are elementwise. Time is the first axis, so that each step reads contiguous memory.
    Gradients of any order are supported, but not forward-mode differentiation.

    Args:
        decay: The factors, real or complex. Their shape broadcasts to that of `inputs`: it may be
            `(*shape)` if they are the same at every position.
        inputs: The terms, of the same dtype.
        initial: The state before the first position, of the same dtype.

    Returns:
        The state after each position, and the final state. If there are no positions, the final
        state is `initial`.

    Examples:
        >>> half, ones = torch.tensor([0.5]), torch.ones(4, 1)
        >>> states, final = linear_scan(half, ones, torch.zeros(1))
        >>> states.squeeze(1), final
        (tensor([1.0000, 1.5000, 1.7500, 1.8750]), tensor([1.8750]))
    """
    states = _scan(decay, inputs, initial, False)  # (1 + time, *shape)
    return states[1:], states[-1]


class _Scan(torch.autograd.Function):
    """The states of a scan in order of time, including the initial one: `(1 + time, *shape)`.

    A reverse scan starts from the end: `h[t] = decay[t] * h[t + 1] + inputs[t]`. The gradient of
    either is the other, with conjugate factors.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(decay: Tensor, inputs: Tensor, initial: Tensor, reverse: bool) -> Tensor:
        order = slice(None, None, -1 if reverse else 1)
        factors = decay.expand_as(inputs).unbind()[order]
        states = [initial]
        for factor, term in zip(factors, inputs.unbind()[order], strict=True):
            states.append(torch.addcmul(term, factor, states[-1]))
        return torch.stack(states[order])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        decay, _, _, ctx.reverse = inputs
        ctx.save_for_backward(decay, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        decay, states = ctx.saved_tensors
        conjugate = decay.conj().resolve_conj()  # once here, rather than in each step
        if ctx.reverse:
            total = _scan(conjugate, grad[1:], grad[0], False)
            grad_inputs, grad_initial, old = total[:-1], total[-1], states[1:]
        else:
            total = _scan(conjugate, grad[:-1], grad[-1], True)
            grad_inputs, grad_initial, old = total[1:], total[0], states[:-1]
        grad_decay = (grad_inputs * old.conj()).sum_to_size(decay.shape)
        return grad_decay, grad_inputs, grad_initial, None


_scan: Callable[[Tensor, Tensor, Tensor, bool], Tensor] = _Scan.apply
