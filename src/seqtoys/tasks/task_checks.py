"""Checks of the lengths and the vocabulary of a task, and of sequences that it should read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.arrays import Bools
from seqtoys.support.values import check_length
from seqtoys.tasks.task import Task, no_sequence


@runtime_checkable
class Source(Protocol):
    """What generates sequences: a task, or a part of it."""

    name: str
    vocab: Vocab


def check_sequences(source: Source, batch: Batch, fits: Bools, such: str = "") -> None:
    """Check that a source can generate each sequence of a batch.

    Args:
        source: The source.
        batch: The sequences.
        fits: Whether it can generate each of them, `(batch,)`.
        such: What the sequences should be like, for the message.

    Raises:
        DataError: If it cannot; the message shows the inputs of the first such sequence.
    """
    if not fits.all():
        row = int(np.flatnonzero(~fits)[0])
        shown = source.vocab.decode(batch.inputs[row, : int(batch.count_symbols()[row])])
        raise DataError(
            f"expected sequences of {source.name}{such}, got {quoted(shown)} at position {row}; "
            "draw sequences with task.sample"
        )


def check_tested(task: Task, lengths: tuple[int, int], longer: Sequence[int]) -> None:
    """Check that a task has sequences of the lengths to train and test on.

    Args:
        task: The task.
        lengths: The shortest and longest length to train on.
        longer: Greater lengths to test on.

    Raises:
        OptionError: If no training length is possible, or a test length is impossible or not
            greater than the training lengths.
    """
    shortest, longest = lengths
    if all(task.why_no_length(n) is not None for n in range(shortest, longest + 1)):
        raise OptionError(no_sequence(task, shortest, longest))
    for length in longer:
        check_length(length, "longer")
        if length <= longest:
            raise OptionError(f"expected test lengths above {longest}, got {length}")
        if task.why_no_length(length) is not None:
            raise OptionError(no_sequence(task, length, length))


def check_vocab(task: Task, vocab: Vocab | None) -> None:
    """Check that a model has the vocabulary of a task.

    Raises:
        OptionError: If its vocabulary differs.
    """
    if vocab is not None and vocab != task.vocab:
        raise OptionError(
            f"expected a model with the vocabulary of {task.name}, {quoted(task.vocab)}, "
            f"got {quoted(vocab)}; "
            "build it with task.vocab"
        )
