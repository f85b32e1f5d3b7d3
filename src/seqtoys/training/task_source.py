"""Updates from a task: each epoch is one fresh batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines
from seqtoys.data.batch import Batch
from seqtoys.data.ranges import check_range
from seqtoys.models.forward import measure
from seqtoys.support.digest import brief
from seqtoys.support.serialization import Plain
from seqtoys.tasks.task import Task
from seqtoys.training.curriculum import LengthPlan, Lengths

BATCH_SIZE = 128  # where `fit` is given none
IDENTIFYING = 8  # sequences that tell one task from another


class TaskSource:
    """Batches of a task, drawn anew for each epoch.

    Args:
        task: The task.
        batch_size: How many sequences a batch has; None: 128.
        lengths: Their lengths, as `fit` takes them.
        generator: Draws them.
        device: Where the model is.
    """

    resumes = False
    sequences = None

    def __init__(
        self,
        task: Task,
        *,
        batch_size: int | None,
        lengths: Lengths,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.task = task
        self.plan: LengthPlan = LengthPlan(task, lengths)
        self.scored: int = 0
        self.optimum: float | None = None
        self._size = batch_size or BATCH_SIZE
        self._generator, self._device = generator, device
        self._measured: Batch | None = None
        self._is_new = True

    def parts(self) -> Iterator[tuple[None, Batch, int]]:
        """Draw one batch."""
        batch = self._draw()
        self.scored = int(batch.scored.sum())
        self.optimum = self.task.optimal_loss(batch)
        yield None, batch.to(self._device), self.scored

    def together(self, predicted: list[Tensor], rows: list[Tensor | None]) -> None:
        """Keep nothing: the sequences are other ones in each epoch."""

    def heed(self, accuracy: float | Tensor) -> None:
        """Take note of how well an epoch was predicted, by each replica of an ensemble."""
        self.plan.heed(float(torch.as_tensor(accuracy, device="cpu").mean()))

    def identity(self) -> str:
        """Name the task, so that no other has this name: by what it draws, too."""
        task, batch = self.task, self.task.sample(IDENTIFYING)
        facts = f"{task.lengths} {float(task.optimum)!r}"
        fingerprint = brief(*batch.tensors.values(), text=facts)
        return f"the task {task.name} ({fingerprint})"

    def state(self) -> Plain:
        """How long sequences are by now, and the batch that is measured each time."""
        kept = self._measured
        batch = None if kept is None else kept.tensors
        return {"plan": self.plan.state(), "measured": batch}

    def restore(self, state: Plain) -> None:
        """Go on from what `state` gave.

        Raises:
            SeqtoysError: If it is something else.
        """
        self.plan.restore(state["plan"])
        kept = state["measured"]
        if kept is not None:
            batch = check_range(Batch(**kept), len(self.task.vocab))
            self._measured = batch.to(self._device)

    def baselines(self, vocab_size: int) -> Baselines:
        """The losses without a model; with a curriculum, at the lengths it ends with."""
        uniform, bounds = math.log(vocab_size), self.plan.range
        if bounds is None:
            return Baselines(uniform, float(self.task.memoryless), float(self.task.optimum))
        memoryless, optimum = self.task.memoryless_of(bounds), self.task.optimum_of(bounds)
        return Baselines(uniform, float(memoryless), float(optimum))

    def measure(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model on one batch, the same each time."""
        if self._measured is None:
            self._measured = self._draw().to(self._device)
        return measure(model, self._measured)

    def _draw(self) -> Batch:
        length = self.plan.draw(self._generator)
        batch = self.task.sample(self._size, length=length, generator=self._generator)
        batch = batch.with_length_range(self.plan.current_range)
        if self._is_new:  # once is enough to see that a task of one's own is in order
            self._is_new = False
            check_range(batch, len(self.task.vocab))
        return batch
