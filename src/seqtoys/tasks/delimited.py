"""Strings between two `#`: what the tasks that predict them share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.errors import DataError, quoted
from seqtoys.tasks.task import Task

Array: TypeAlias = npt.NDArray[Any]


def between_marks(targets: Array, lengths: Array) -> Batch:
    """Make a batch of sequences that start with `#`, the symbol of index 0.

    Args:
        targets: What follows the first `#`, up to the last; anything after that. `(batch, time)`
        lengths: How many symbols follow the first `#`, `(batch,)`.

    Examples:
        >>> batch = between_marks(np.array([[1, 0, 2], [1, 1, 0]]), np.array([2, 3]))
        >>> batch.inputs.tolist(), batch.targets.tolist()
        ([[0, 1, 0], [0, 1, 1]], [[1, 0, -100], [1, 1, 0]])
    """
    beyond = np.arange(targets.shape[1]) >= lengths[:, np.newaxis]  # (batch, time)
    targets = np.where(beyond, UNSCORED, targets)
    inputs = np.zeros(targets.shape, np.int64)
    np.maximum(targets[:, :-1], 0, out=inputs[:, 1:])
    lengths = lengths.clip(max=targets.shape[1])  # a string may be longer than the width
    return Batch(
        torch.from_numpy(inputs),
        torch.from_numpy(targets.astype(np.int64)),
        torch.from_numpy(lengths),
    )


def check_lengths_of(task: Task, batch: Batch, lengths: tuple[int, ...]) -> Int[Tensor, " batch"]:
    """Check that the sequences of a batch have lengths of its range, and return their lengths.

    Raises:
        DataError: If one has another length.
    """
    scored = batch.scored.sum(1).cpu()
    other = ~torch.isin(scored, torch.tensor(lengths, device="cpu"))
    if other.any():
        raise DataError(
            f"expected sequences of {task.name} of lengths in {batch.length_range}, as the "
            f"batch's length_range has it, got one of length {int(scored[other][0])}"
        )
    return scored


def check_same(task: Task, written: Batch, batch: Batch) -> None:
    """Make sure that sequences are those which a task would write.

    Args:
        task: The task.
        written: Them, as the task writes them.
        batch: Them, as they came.

    Raises:
        DataError: If one differs; it tells which.
    """
    inputs, targets = batch.inputs.cpu(), batch.targets.cpu()
    differs = (targets != written.targets) | ((inputs != written.inputs) & written.scored)
    if differs.any():
        row = int(differs.any(1).nonzero()[0])
        shown = task.vocab.decode(inputs[row, : int(batch.count_symbols()[row])])
        raise DataError(
            f"expected sequences of {task.name} from # to #, got {quoted(shown)} "
            f"at position {row}; task.sample draws them"
        )
