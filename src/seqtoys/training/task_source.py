"""Updates from a task: each epoch is one new batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines
from seqtoys.data.batch import Batch, check_range
from seqtoys.models.forward import loss_and_accuracy
from seqtoys.support.digest import brief
from seqtoys.support.serialization import Plain
from seqtoys.tasks.task import Task
from seqtoys.training.curriculum import LengthPlan, Lengths

BATCH_SIZE = 128  # the default of `fit`
IDENTIFYING = 8  # sequences that identify a task


class TaskSource:
    """Batches of a task, a new one for each epoch.

    Args:
        task: The task.
        batch_size: The number of sequences per batch. Defaults to 128.
        lengths: Their lengths, as for `fit`.
        generator: Draws them.
        device: The device of the model.
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
        self.is_growing: bool = self.plan.is_growing
        self._size = batch_size or BATCH_SIZE
        self._generator, self._device = generator, device
        self._measured: Batch | None = None
        self._is_new = True

    def parts(self) -> Iterator[tuple[None, Batch, int]]:
        """Draw one batch."""
        self.is_growing = self.plan.is_growing
        batch = self._draw()
        self.scored = int(batch.scored.sum())
        self.optimum = self.task.optimal_loss(batch)
        yield None, batch.to(self._device), self.scored

    def reassemble(self, predicted: list[Tensor], rows: list[Tensor | None]) -> None:
        """Return None: the sequences differ in each epoch."""

    def record_accuracy(self, accuracy: float | Tensor) -> None:
        """Pass the mean accuracy of an epoch to the curriculum."""
        self.plan.record_accuracy(float(torch.as_tensor(accuracy, device="cpu").mean()))

    def identity(self) -> str:
        """Return a description that identifies the task, also by its sequences."""
        task, batch = self.task, self.task.sample(IDENTIFYING)
        facts = f"{task.lengths} {float(task.optimum)!r}"
        fingerprint = brief(*batch.tensors.values(), text=facts)
        return f"the task {task.name} ({fingerprint})"

    def state(self) -> Plain:
        """Return the state of the lengths, and the batch that `measure` uses."""
        kept = self._measured
        batch = None if kept is None else kept.tensors
        return {"plan": self.plan.state(), "measured": batch}

    def restore(self, state: Plain) -> None:
        """Restore a `state()`.

        Raises:
            SeqtoysError: If `state` is invalid.
        """
        self.plan.restore(state["plan"])
        kept = state["measured"]
        if kept is not None:
            batch = check_range(Batch(**kept), len(self.task.vocab))
            self._measured = batch.to(self._device)

    def baselines(self, vocab_size: int) -> Baselines:
        """Return the baselines; with a curriculum, those of its final lengths."""
        uniform, bounds = math.log(vocab_size), self.plan.range
        if bounds is None:
            references = {name: float(loss) for name, loss in self.task.references.items()}
            memoryless, optimum = self.task.memoryless, self.task.optimum
            return Baselines(uniform, float(memoryless), float(optimum), references)
        memoryless, optimum = self.task.memoryless_of(bounds), self.task.optimum_of(bounds)
        return Baselines(uniform, float(memoryless), float(optimum))

    def loss_and_accuracy(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model on one batch, the same at each call."""
        if self._measured is None:
            self._measured = self._draw().to(self._device)
        return loss_and_accuracy(model, self._measured, symbols=len(self.task.vocab))

    def _draw(self) -> Batch:
        length = self.plan.draw(self._generator)
        batch = self.task.sample(self._size, length=length, generator=self._generator)
        batch = batch.with_length_range(self.plan.current_range)
        if self._is_new:  # one check is enough to validate a user's own task
            self._is_new = False
            check_range(batch, len(self.task.vocab))
        return batch
