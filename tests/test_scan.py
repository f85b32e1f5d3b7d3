"""The scan of linear recurrences, against a loop in NumPy and numerical gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqtoys.models.scan import linear_scan

SHAPE = (2, 3)
TYPES = [torch.float64, torch.complex128]


def loop(decay: Tensor, inputs: Tensor, initial: Tensor) -> NDArray[Any]:
    """Compute all states including the initial one, one number at a time."""
    factors = np.broadcast_to(decay.detach().numpy(), inputs.shape)
    states = np.zeros((1 + len(inputs), *initial.shape), dtype=factors.dtype)
    states[0] = initial.detach().numpy()
    for t, index in np.ndindex(len(inputs), initial.numel()):
        at = np.unravel_index(index, initial.shape)
        states[(t + 1, *at)] = factors[(t, *at)] * states[(t, *at)] + inputs[(t, *at)].item()
    return states


def example(
    dtype: torch.dtype, time: int, *, constant: bool = False, size: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(time)
    shapes = (SHAPE if constant else (time, *SHAPE)), (time, *SHAPE), SHAPE
    decay, inputs, initial = (torch.randn(x, dtype=dtype, generator=generator) for x in shapes)
    decay = size * decay / decay.abs()
    return decay.requires_grad_(), inputs.requires_grad_(), initial.requires_grad_()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("time", [0, 1, 2, 7, 64])
@pytest.mark.parametrize("constant", [False, True])
def test_states_equal_a_loop(dtype: torch.dtype, time: int, constant: bool) -> None:
    decay, inputs, initial = example(dtype, time, constant=constant)
    wanted = torch.from_numpy(loop(decay, inputs, initial))
    states, final = linear_scan(decay, inputs, initial)
    torch.testing.assert_close(states, wanted[1:], rtol=0, atol=1e-12)
    torch.testing.assert_close(final, wanted[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-30, 0.5, 0.999999, 1.0])
def test_single_precision_is_stable_for_any_factor(size: float) -> None:
    """A scan that divides by products of factors would overflow for small ones."""
    decay, inputs, initial = example(torch.complex128, 512, size=size)
    wanted = torch.from_numpy(loop(decay, inputs, initial))
    single = [x.detach().to(torch.complex64) for x in (decay, inputs, initial)]
    states, _ = linear_scan(*single)
    error = (states - wanted[1:]).abs().max() / wanted.abs().max()
    assert error < 2e-5


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("time", [0, 1, 3])
@pytest.mark.parametrize("constant", [False, True])
def test_gradients_of_first_and_second_order(
    dtype: torch.dtype, time: int, constant: bool
) -> None:
    arguments = example(dtype, time, constant=constant)
    with torch.random.fork_rng(devices=[]):
        torch.autograd.gradcheck(linear_scan, arguments, check_batched_grad=True)
        torch.autograd.gradgradcheck(linear_scan, arguments)


@pytest.mark.parametrize("dtype", TYPES)
def test_gradients_equal_those_of_autograd(dtype: torch.dtype) -> None:
    decay, inputs, initial = example(dtype, 50)
    states, h = [], initial
    for t in range(50):
        h = decay[t] * h + inputs[t]
        states.append(h)
    weights = torch.randn(50, *SHAPE, dtype=dtype, generator=torch.Generator().manual_seed(0))

    def gradients(values: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((values * weights).abs().sum(), (decay, inputs, initial))

    wanted, found = (
        gradients(torch.stack(states)),
        gradients(linear_scan(decay, inputs, initial)[0]),
    )
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("in_dims", [(0, 1, 0), (None, 2, None), (1, None, None), (None, None, 2)])
def test_vmap_equals_one_after_the_other(in_dims: tuple[int | None, ...]) -> None:
    arguments = [x.detach() for x in example(torch.float64, 5)]
    batched = [
        x if dim is None else torch.stack([x, 2 * x, -x], dim)
        for x, dim in zip(arguments, in_dims, strict=True)
    ]

    def loss(*values: Tensor) -> Tensor:
        return linear_scan(*values)[0].pow(2).sum()

    gradients = torch.func.vmap(torch.func.grad(loss, (0, 1, 2)), in_dims)(*batched)
    for replica in range(3):
        alone = [
            x if dim is None else x.select(dim, replica)
            for x, dim in zip(batched, in_dims, strict=True)
        ]
        for found, wanted in zip(gradients, torch.func.grad(loss, (0, 1, 2))(*alone), strict=True):
            torch.testing.assert_close(found[replica], wanted)
