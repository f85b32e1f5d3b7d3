"""Strings between two `#`: what the tasks that predict them share."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.batch import UNSCORED, Batch
from seqtoys.errors import DataError
from seqtoys.tasks.task import Task


def between_marks(targets: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Batch:
    """Make a batch of sequences that start with `#`, the symbol of index 0.

    Args:
        targets: What follows the first `#`, up to the last; anything after that.
        lengths: How many symbols follow the first `#`.

    Examples:
        >>> batch = between_marks(torch.tensor([[1, 0, 2], [1, 1, 0]]), torch.tensor([2, 3]))
        >>> batch.inputs.tolist(), batch.targets.tolist()
        ([[0, 1, 0], [0, 1, 1]], [[1, 0, -100], [1, 1, 0]])
    """
    beyond = torch.arange(targets.shape[1]) >= lengths.unsqueeze(1)  # (batch, time)
    inputs = F.pad(targets.masked_fill(beyond, 0)[:, :-1], (1, 0))
    return Batch(inputs, targets.masked_fill(beyond, UNSCORED), lengths)


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
            f"expected sequences of {task.name} from # to #, got {shown!r} at position {row}; "
            "task.sample draws them"
        )
