"""Where the updates of an epoch come from: sequences, a long text, or a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Int, Integer
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines, count_baselines
from seqtoys.data.batch import Batch
from seqtoys.data.long_text import LongText, encode_compact
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, OptionError
from seqtoys.models.forward import measure
from seqtoys.support.digest import brief
from seqtoys.support.randomness import generator_for
from seqtoys.support.serialization import Plain
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_vocab
from seqtoys.training.curriculum import Lengths
from seqtoys.training.data import TrainingData, is_single, split_rows, to_batch
from seqtoys.training.task_source import TaskSource
from seqtoys.training.text_source import TextSource

Part = tuple[Tensor | None, Batch, int]
"""Rows among all sequences (None: all of them), the sequences there, and their scored symbols."""


@runtime_checkable
class Source(Protocol):
    """What a model is trained or measured on."""

    @property
    def scored(self) -> int:
        """The number of scored symbols."""

    @property
    def resumes(self) -> bool:
        """Whether each part goes on where the one before it ended."""

    @property
    def sequences(self) -> Batch | None:
        """All of it as one batch; None where it is too long for that, or never the same."""

    @property
    def optimum(self) -> float | None:
        """The lowest possible loss on the last epoch's data; None: on all there are."""

    def parts(self) -> Iterator[Part]:
        """Go through it once."""

    def together(self, predicted: list[Tensor], rows: list[Tensor | None]) -> Tensor | None:
        """Put the predictions of the parts in order; None where they are too many to keep."""

    def heed(self, accuracy: float | Tensor) -> None:
        """Take note of how well an epoch was predicted, by each replica of an ensemble."""

    def identity(self) -> str:
        """Name the data, so that no others have this name."""

    def state(self) -> Plain:
        """What decides how it goes on, but for the generator."""

    def restore(self, state: Plain) -> None:
        """Go on from what `state` gave."""

    def baselines(self, vocab_size: int) -> Baselines:
        """What can be predicted without a model."""

    def measure(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model, without training."""


class SequencesSource:
    """Sequences, all at once or in shuffled minibatches.

    Args:
        batch: The sequences.
        batch_size: How many share an update; None: all.
        generator: Decides their order.
    """

    resumes = False
    optimum = None

    def __init__(
        self, batch: Batch, *, batch_size: int | None, generator: torch.Generator
    ) -> None:
        self.sequences: Batch = _without_empty_columns(batch)
        self.scored: int = int(batch.tally.sum())
        self._size = len(batch) if batch_size is None else min(batch_size, len(batch))
        self._generator = generator
        self._order: Tensor | None = None  # in an epoch that has begun and not ended

    def parts(self) -> Iterator[Part]:
        """Go through the sequences once; a minibatch where nothing is scored is left out."""
        if self._size == len(self.sequences):
            yield None, self.sequences, self.scored
            return
        if self._order is None:
            self._order = torch.randperm(
                len(self.sequences), generator=self._generator, device="cpu"
            )
        for rows in self._order.to(self.sequences.inputs.device).split(self._size):
            if self.sequences.scored[rows].any():
                part = self.sequences.take(rows)
                yield rows, part, int(part.tally.sum())
        self._order = None

    def together(
        self, predicted: list[Tensor], rows: list[Tensor | None]
    ) -> Int[Tensor, "*replicas batch time"]:
        """Put the predictions of the parts in the order of the sequences."""
        first = predicted[0]
        if rows[0] is None:
            return first
        shape = (*first.shape[:-2], *self.sequences.targets.shape)
        whole = torch.zeros(shape, dtype=first.dtype, device=first.device)
        for at, part in zip(rows, predicted, strict=True):
            whole[..., at, :] = part  # (batch, time)
        return whole

    def heed(self, accuracy: float | Tensor) -> None:
        """Go on as before."""

    def identity(self) -> str:
        """Name the sequences, so that no others have this name."""
        batch = self.sequences
        fingerprint = brief(*batch.tensors.values())
        return f"{len(batch):,} sequence{'s' * (len(batch) > 1)} ({fingerprint})"

    def state(self) -> Tensor | None:
        """The order of an epoch that has begun."""
        return self._order

    def restore(self, state: Tensor | None) -> None:
        """Go on in that order.

        Raises:
            DataError: If it is no order of the sequences.
        """
        count = len(self.sequences)
        is_order = state is None or (
            state.dtype == torch.int64 and sorted(state.tolist()) == list(range(count))
        )
        if not is_order:
            raise DataError(f"expected an order of {count} sequences, got another")
        self._order = state

    def baselines(self, vocab_size: int) -> Baselines:
        """What counting alone can predict."""
        return count_baselines(self.sequences, vocab_size)

    def measure(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Compute the loss and the accuracy of a model, without training."""
        return measure(model, self.sequences)


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
) -> tuple[Source, Source | None, list[int]]:
    """Prepare what is trained on and what is held out, as `fit` is given them.

    Returns:
        Both sources, the second None where nothing is held out, and which of the given sequences
        are held out.

    Raises:
        SeqtoysError: If the data or options don't fit, as `fit` says.
    """
    if isinstance(data, Task):
        if chunk is not None:
            raise OptionError(f"expected one text for chunk=…, got the task {data.name}")
        check_vocab(data, vocab)
        sides = [data] if validation is None else data.held_out(validation)
        generators = (generator, generator_for("validation", seed))
        sizes = (
            batch_size,
            None,
        )  # what is held out is measured on the same sequences in any case
        sources = [
            TaskSource(side, batch_size=size, lengths=lengths, generator=each, device=device)
            for side, size, each in zip(sides, sizes, generators, strict=False)
        ]
        return sources[0], sources[1] if validation else None, []
    if lengths is not None:
        raise OptionError("expected a task for lengths=…, as given sequences have theirs")
    if chunk is not None:
        text = _to_text(data, vocab)
        return *_text_sources(text, batch_size or 1, chunk, validation, device), []
    batch = to_batch(data, vocab)
    rows, held_rows = split_rows(batch, validation, generator)
    sequences = SequencesSource(
        batch.take(rows).to(device), batch_size=batch_size, generator=generator
    )
    if not len(held_rows):
        return sequences, None, []
    held_out = SequencesSource(
        batch.take(held_rows).to(device), batch_size=None, generator=generator
    )
    return sequences, held_out, held_rows.tolist()


def _without_empty_columns(batch: Batch) -> Batch:
    """Cut off the columns in which every sequence has ended.

    A model says the same without them, but sums over more numbers may be rounded otherwise.
    """
    width = int(batch.count_symbols().max())
    inputs, targets = batch.inputs[:, :width], batch.targets[:, :width]
    return replace(batch, inputs=inputs.contiguous(), targets=targets.contiguous())


def _to_text(data: TrainingData, vocab: Vocab | None) -> Integer[Tensor, " time"]:
    if vocab is None:
        raise OptionError("expected a vocabulary, as the model has none: give fit a vocab=…")
    if isinstance(data, Batch | tuple) or not is_single(data, vocab):
        raise InputTypeError(
            f"expected one text for chunk=…, got a {type(data).__name__}; join several to one, "
            "or leave chunk out"
        )
    return encode_compact(cast(Symbols, data), vocab)


def _text_sources(
    text: Tensor, streams: int, chunk: int, validation: float | None, device: torch.device
) -> tuple[TextSource, TextSource | None]:
    """Cut a text into what is trained on, in parallel streams, and its end, read as one stream.

    Each stream starts without a past. If the end were cut into many, its loss would be that of
    many beginnings, and depend on their number.
    """
    held = 0 if validation is None else round(validation * len(text))
    if validation is not None and held < 2:
        raise DataError(
            f"expected a text whose held-out end has 2 symbols or more, got {len(text)} symbols, "
            f"of which validation={validation:g} holds out {held}; hold out more"
        )
    split = len(text) - held
    training = TextSource(LongText(text[:split], streams=streams, chunk=chunk, device=device))
    if not held:
        return training, None
    end = LongText(text[split:], streams=1, chunk=chunk, device=device)
    return training, TextSource(end)
