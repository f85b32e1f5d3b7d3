"""Stacks of blocks, each with a state of two tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from seqtoys.models.checks import Pair


def run_blocks(
    blocks: Iterable[Callable[[Tensor, Pair], tuple[Tensor, Pair]]], x: Tensor, hidden: Pair
) -> tuple[Tensor, Pair]:
    """Run blocks one after another; each reads the outputs of the one before.

    Args:
        blocks: Functions of the inputs and the state of one block, which return its outputs and
            its next state.
        x: The inputs of the first block.
        hidden: The states of all blocks: two tensors whose first axis is that of the blocks.

    Returns:
        The outputs of the last block, and the next states.

    Examples:
        >>> def count(x, state):
        ...     reads, total = state
        ...     return 2 * x, (reads + 1, total + x)
        >>> x, (reads, total) = run_blocks([count, count], torch.ones(1), (torch.zeros(2, 1),) * 2)
        >>> x, total.flatten()
        (tensor([4.]), tensor([1., 2.]))
    """
    states: list[Any] = []
    for block, before in zip(blocks, zip(*hidden, strict=True), strict=True):
        x, after = block(x, before)
        states.append(after)
    first, second = (torch.stack(parts) for parts in zip(*states, strict=True))
    return x, (first, second)
