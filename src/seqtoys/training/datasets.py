"""Tasks as PyTorch datasets, for a `DataLoader` that generates batches in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import TypeAlias

import numpy as np
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from seqtoys.errors import OptionError
from seqtoys.support.arguments import check_type
from seqtoys.support.indices import check_index
from seqtoys.support.randomness import check_seed, seeded_generator
from seqtoys.support.values import MANY, check_count, check_length
from seqtoys.tasks.task import Task
from seqtoys.training.curriculum import Curriculum, LengthPlan, Lengths

Pair: TypeAlias = tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"]]
"""The inputs and the targets of a batch."""


class TaskStream(IterableDataset[Pair]):
    """An endless stream of new batches of a task, for `DataLoader(stream, batch_size=None)`.

    Each item is a whole batch, `(inputs, targets)`, because batches differ in width. Batch `n` has
    its own generator, derived from the seed and `n`, and each of `w` workers generates every
    `w`-th batch, so the batches and their order do not depend on the number of workers. Processes
    that train one model together (`DistributedDataParallel`) need different seeds.

    Args:
        task: The task.
        batch_size: The number of sequences per batch.
        lengths: Their length, or the shortest and longest. If None, the task's own lengths.
        seed: The random seed of the batches.

    Raises:
        OptionError: If the task has no sequence of such a length, or an option is out of range.

    Examples:
        >>> from torch.utils.data import DataLoader
        >>> from seqtoys import get_task
        >>> stream = TaskStream(get_task("parity"), batch_size=4, lengths=9, seed=1)
        >>> inputs, targets = next(iter(DataLoader(stream, batch_size=None)))
        >>> inputs.shape, targets.shape
        (torch.Size([4, 10]), torch.Size([4, 10]))
    """

    def __init__(
        self,
        task: Task,
        *,
        batch_size: int = 128,
        lengths: int | tuple[int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self._draw = _drawer(task, batch_size, lengths, seed)

    def __iter__(self) -> Iterator[Pair]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return map(self._draw, count(first, step))


class TaskDataset(Dataset[Pair]):
    """The first `batches` batches of a `TaskStream`, for `DataLoader(dataset, batch_size=None)`.

    They are the same in each epoch; a sampler can shuffle them or distribute them to processes.

    Args:
        task: The task.
        batches: The number of batches.
        batch_size: The number of sequences per batch.
        lengths: Their length, or the shortest and longest. If None, the task's own lengths.
        seed: The random seed of the batches.

    Raises:
        OptionError: If the task has no sequence of such a length, or an option is out of range.

    Examples:
        >>> from seqtoys import get_task
        >>> dataset = TaskDataset(get_task("parity"), 3, batch_size=4, lengths=9)
        >>> len(dataset), dataset[2][0].shape
        (3, torch.Size([4, 10]))
    """

    def __init__(
        self,
        task: Task,
        batches: int,
        *,
        batch_size: int = 128,
        lengths: int | tuple[int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self._batches = check_count("batches", batches, 1, MANY)
        self._draw = _drawer(task, batch_size, lengths, seed)

    def __getitem__(self, number: int) -> Pair:
        """Generate batch `number`, the same at each call.

        Raises:
            IndexRangeError: If there is no such batch.
        """
        return self._draw(check_index(number, len(self), "batch"))

    def __len__(self) -> int:
        return self._batches


def _drawer(task: Task, batch_size: int, lengths: Lengths, seed: int) -> partial[Pair]:
    """Check the options, and return a function that generates a batch by its number."""
    check_type("task", task, Task)
    batch_size = check_length(batch_size, "batch_size")
    if isinstance(lengths, Curriculum):
        raise OptionError(
            "a DataLoader cannot be combined with a Curriculum: batches are generated ahead of "
            "training, before its accuracy is known; give one length, or (shortest, longest)"
        )
    return partial(_draw, task, batch_size, LengthPlan(task, lengths), check_seed(seed))


def _draw(task: Task, batch_size: int, plan: LengthPlan, seed: int, number: int) -> Pair:
    mixed = np.random.SeedSequence([seed % 2**64, number]).generate_state(1, np.uint64)
    generator = seeded_generator(int(mixed[0]))
    batch = task.sample(batch_size, length=plan.draw(generator), generator=generator)
    return batch.inputs, batch.targets
