"""The data of the updates of an epoch: sequences, a long text, or a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines, count_baselines
from seqtoys.data.batch import Batch, replace_parts
from seqtoys.data.long_text import LongText
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError
from seqtoys.models.forward import loss_and_accuracy
from seqtoys.support.digest import brief
from seqtoys.support.randomness import generator_for
from seqtoys.support.serialization import Plain
from seqtoys.support.words import counted
from seqtoys.tasks.given_data import (
    TrainingData,
    check_data,
    is_single,
    split_rows,
    to_batch,
    to_text,
)
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_vocab
from seqtoys.training.curriculum import Lengths
from seqtoys.training.described import describe_sequences, describe_task, describe_text
from seqtoys.training.task_source import BATCH_SIZE, TaskSource
from seqtoys.training.text_source import TextSource

NARROWEST = 16  # the width of the narrowest mini-batch: as many steps as check_model reads

Part = tuple[Tensor | None, Batch, int]
"""Row indices (None for all sequences), the sequences, and their number of scored symbols."""


@runtime_checkable
class Source(Protocol):
    """Data that a model is trained or measured on."""

    @property
    def scored(self) -> int:
        """The number of scored symbols."""

    @property
    def resumes(self) -> bool:
        """Whether each part continues the previous one."""

    @property
    def sequences(self) -> Batch | None:
        """All sequences as one batch; None if the data are too long, or differ each epoch."""

    @property
    def optimum(self) -> float | None:
        """The lowest possible loss on the last epoch's data; None if the data never change."""

    @property
    def is_growing(self) -> bool:
        """Whether the last epoch's data were shorter than the longest ones to come."""

    def parts(self) -> Iterator[Part]:
        """Iterate over the data of one epoch."""

    def reassemble(self, predicted: list[Tensor], rows: list[Tensor | None]) -> Tensor | None:
        """Reassemble the predictions of the parts; None if predictions are not kept."""

    def record_accuracy(self, accuracy: float | Tensor) -> None:
        """Record the accuracy of an epoch, for each replica of an ensemble."""

    def identity(self) -> str:
        """Return a description that identifies the data."""

    def state(self) -> Plain:
        """Return the state to resume from, without the generator."""

    def restore(self, state: Plain) -> None:
        """Restore a `state()`."""

    def baselines(self, vocab_size: int) -> Baselines:
        """Compute the losses that counting alone can reach."""

    def loss_and_accuracy(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model, without training."""


class SequencesSource:
    """Sequences, all at once or in shuffled mini-batches.

    Args:
        batch: The sequences.
        batch_size: The number of sequences per update. If None, all.
        generator: Shuffles them.
        symbols: The number of symbols. If None, the number of logits of the model.
    """

    resumes = False
    optimum = None
    is_growing = False

    def __init__(
        self,
        batch: Batch,
        batch_size: int | None,
        generator: torch.Generator,
        symbols: int | None = None,
    ) -> None:
        self.sequences: Batch = _without_empty_columns(batch)
        self.scored: int = int(batch.tally.sum())
        self._is_scored = batch.scored.any(1)  # (batch,): once, as there may be many mini-batches
        self._size = len(batch) if batch_size is None else min(batch_size, len(batch))
        self._generator = generator
        self._symbols = symbols
        self._order: Tensor | None = None  # of the epoch in progress

    def parts(self) -> Iterator[Part]:
        """Iterate over the sequences once, skipping mini-batches without scored symbols."""
        if self._size == len(self.sequences):
            yield None, self.sequences, self.scored
            return
        if self._order is None:
            self._order = torch.randperm(
                len(self.sequences), generator=self._generator, device="cpu"
            )
        for rows in self._order.to(self.sequences.inputs.device).split(self._size):
            if self._is_scored[rows].any():
                part = _narrowed(self.sequences.take(rows))
                yield rows, part, int(part.tally.sum())
        self._order = None

    def reassemble(
        self, predicted: list[Tensor], rows: list[Tensor | None]
    ) -> Int[Tensor, "*replicas batch time"]:
        """Reassemble the predictions of the parts in the order of the sequences."""
        first = predicted[0]
        if rows[0] is None:
            return first
        shape = (*first.shape[:-2], *self.sequences.targets.shape)
        in_order = torch.zeros(shape, dtype=first.dtype, device=first.device)
        for part_rows, part in zip(rows, predicted, strict=True):
            in_order[..., part_rows, : part.shape[-1]] = part  # (batch, time), or less of the time
        return in_order

    def record_accuracy(self, accuracy: float | Tensor) -> None:
        """Do nothing: the sequences don't depend on the accuracy, unlike those of a curriculum."""

    def identity(self) -> str:
        """Return a description that identifies the sequences."""
        batch = self.sequences
        fingerprint = brief(*batch.tensors.values())
        return f"{counted(len(batch), 'sequence')} ({fingerprint})"

    def state(self) -> Tensor | None:
        """Return the order of the epoch in progress."""
        return self._order

    def restore(self, state: Tensor | None) -> None:
        """Restore that order.

        Raises:
            DataError: If it is not an order of the sequences.
        """
        count = len(self.sequences)
        is_order = state is None or (
            state.dtype == torch.int64 and sorted(state.tolist()) == list(range(count))
        )
        if not is_order:
            raise DataError(f"expected a permutation of {count} sequences, got something else")
        self._order = state

    def baselines(self, vocab_size: int) -> Baselines:
        """Compute the losses that counting alone can reach."""
        return count_baselines(self.sequences, vocab_size)

    def loss_and_accuracy(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model, without training."""
        return loss_and_accuracy(model, self.sequences, symbols=self._symbols)


@dataclass(frozen=True)
class Sources:
    """The data of a training run.

    Attributes:
        training: What the model is trained on.
        held_out: What it is measured on after each epoch, or None.
        held_rows: The indices of the held-out sequences, if they were split.
        single: Whether there is one text or pair, so that a prediction is one sequence.
        about: What the training data are, in words.
    """

    training: Source
    held_out: Source | None = None
    held_rows: list[int] = field(default_factory=list[int])
    single: bool = False
    about: str = ""


def to_sources(
    data: TrainingData,
    vocab: Vocab | None,
    *,
    batch_size: int | None,
    chunk: int | None,
    lengths: Lengths,
    validation: float | None,
    seed: int,
    generator: torch.Generator,
    device: torch.device,
) -> Sources:
    """Decide what the data are (a task, one long text or sequences), and prepare them.

    Raises:
        SeqtoysError: If the data or options don't match; see `fit`.
    """
    check_data(data)
    if isinstance(data, Task):
        if chunk is not None:
            raise OptionError(f"chunk=… cannot be combined with the task {data.name}; omit chunk")
        check_vocab(data, vocab)
        return _task_sources(data, batch_size, lengths, validation, seed, generator, device)
    if lengths is not None:
        raise OptionError(
            "lengths=… applies only to tasks; the sequences you passed already have lengths"
        )
    if chunk is not None:
        return _text_sources(data, vocab, batch_size or 1, chunk, validation, device)
    batch, single = to_batch(data, vocab), is_single(data, vocab)
    symbols = None if vocab is None else len(vocab)
    if validation is None:
        source = SequencesSource(batch.to(device), batch_size, generator, symbols)
        return Sources(source, single=single, about=describe_sequences(data, vocab, batch))
    rows, held_rows = split_rows(batch, validation, generator)
    training, held_out = batch.take(rows), batch.take(held_rows)
    del batch  # one long sequence among many makes it large, and more copies follow
    return Sources(
        SequencesSource(training.to(device), batch_size, generator, symbols),
        SequencesSource(held_out.to(device), None, generator, symbols),
        held_rows.tolist(),
        single,
        describe_sequences(data, vocab, training, len(held_rows)),
    )


def _task_sources(
    task: Task,
    batch_size: int | None,
    lengths: Lengths,
    validation: float | None,
    seed: int,
    generator: torch.Generator,
    device: torch.device,
) -> Sources:
    shared: Any = {"lengths": lengths, "device": device}
    about = describe_task(task, batch_size or BATCH_SIZE, validation)
    if validation is None:
        source = TaskSource(task, batch_size=batch_size, generator=generator, **shared)
        return Sources(source, about=about)
    training, held_out = task.held_out(validation)
    # The held-out loss is measured on the same sequences whatever batch_size is.
    validation_generator = generator_for("validation", seed)
    return Sources(
        TaskSource(training, batch_size=batch_size, generator=generator, **shared),
        TaskSource(held_out, batch_size=None, generator=validation_generator, **shared),
        about=about,
    )


def _without_empty_columns(batch: Batch) -> Batch:
    """Remove the columns that are padding in every sequence.

    They don't affect the result, but sums over more numbers may be rounded differently.
    """
    width = int(batch.count_symbols().max())
    inputs, targets = batch.inputs[:, :width], batch.targets[:, :width]
    # Copies, since autograd can't use tensors that were made inside torch.inference_mode().
    whole = {"memory_format": torch.contiguous_format}
    return replace_parts(batch, inputs=inputs.clone(**whole), targets=targets.clone(**whole))


def width_for(lengths: Int[Tensor, " batch"], width: int) -> int:
    """Return the width of a mini-batch: that of all sequences, halved while its sequences fit.

    Otherwise, one long sequence among many short ones would make every update slow. Widths are
    rounded up in this way because a learner keeps buffers for each.

    Args:
        lengths: The lengths of its sequences.
        width: The width of all sequences.

    Examples:
        >>> [width_for(torch.tensor([length]), 1000) for length in (600, 500, 90, 1)]
        [1000, 500, 125, 31]
    """
    fitting = max(int(lengths.max()), NARROWEST)
    while width // 2 >= fitting:
        width //= 2
    return width


def _narrowed(batch: Batch) -> Batch:
    full = batch.inputs.shape[1]
    width = width_for(batch.count_symbols(), full)
    if width == full:
        return batch
    inputs, targets = batch.inputs[:, :width], batch.targets[:, :width]
    return replace_parts(batch, inputs=inputs.contiguous(), targets=targets.contiguous())


def _text_sources(
    data: TrainingData,
    vocab: Vocab | None,
    streams: int,
    chunk: int,
    validation: float | None,
    device: torch.device,
) -> Sources:
    """Split a text into training data, in parallel streams, and a held-out end, in one stream.

    Each stream starts without context. If the held-out end were split into several, its loss would
    depend on their number.
    """
    text = to_text(data, vocab)
    assert vocab is not None  # or there would be no text
    held_symbols = 0 if validation is None else round(validation * len(text))
    if validation is not None and held_symbols < 2:
        raise DataError(
            f"expected at least 2 held-out symbols, got {held_symbols} of {len(text)} symbols "
            f"with validation={validation:g}; increase validation"
        )
    split = len(text) - held_symbols
    training = TextSource(LongText(text[:split], streams=streams, chunk=chunk, device=device))
    about = describe_text(
        vocab, symbols=training.scored, chunk=chunk, streams=streams, held_out=held_symbols
    )
    if not held_symbols:
        return Sources(training, about=about)
    held_out = LongText(text[split:], streams=1, chunk=chunk, device=device)
    return Sources(training, TextSource(held_out), about=about)
