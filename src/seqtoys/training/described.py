"""What a training was given, in words: "2 texts, 11 next symbols; 1 held out"."""

from __future__ import annotations

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.words import counted
from seqtoys.tasks.given_data import TrainingData, is_pair
from seqtoys.tasks.task import Task


def describe_sequences(
    data: TrainingData, vocab: Vocab | None, training: Batch, held_out: int = 0
) -> str:
    """Describe sequences: whether they were taken for texts, pairs or a batch, and their sizes.

    Args:
        data: What was passed to `fit`.
        vocab: The vocabulary, if there is one.
        training: The sequences to train on.
        held_out: The number of held-out sequences.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> texts = ["hello", "hill"]
        >>> describe_sequences(texts, vocab, Batch.from_texts(texts, vocab))
        '2 texts, 7 next symbols'
        >>> describe_sequences(("hi", "ih"), vocab, Batch.from_pairs([("hi", "ih")], vocab))
        '1 pair of 2 symbols'
    """
    count, symbols = int(training.repeated().inputs.shape[0]), int(training.tally.sum())
    held = f"; {held_out:,} held out" if held_out else ""
    if isinstance(data, Batch):
        return f"{counted(count, 'sequence')}, {counted(symbols, 'scored symbol')}{held}"
    unit = unit_of(vocab)
    if is_pair(data) or is_pair(data[0]):  # type: ignore[index]
        join = " of" if count == 1 else ","
        return f"{counted(count, 'pair')}{join} {counted(symbols, unit)}{held}"
    return f"{counted(count, 'text')}, {counted(symbols, f'next {unit}')}{held}"


def describe_text(vocab: Vocab, *, symbols: int, chunk: int, streams: int, held_out: int) -> str:
    """Describe one long text.

    Args:
        vocab: The vocabulary.
        symbols: The number of symbols to predict.
        chunk: The number of symbols per chunk.
        streams: The number of parts of the text that are read in parallel.
        held_out: The number of symbols held out at the end.

    Examples:
        >>> describe_text(Vocab("hielo"), symbols=99, chunk=10, streams=1, held_out=9)
        '1 text, 99 next symbols, in chunks of 10; its last 9 symbols held out'
    """
    unit = unit_of(vocab)
    parallel = f", {streams:,} parts in parallel" if streams > 1 else ""
    held = f"; its last {counted(held_out, unit)} held out" if held_out else ""
    return f"1 text, {counted(symbols, f'next {unit}')}, in chunks of {chunk:,}{parallel}{held}"


def describe_task(task: Task, batch_size: int, validation: float | None) -> str:
    """Describe a task.

    Args:
        task: The task.
        batch_size: The number of sequences per epoch.
        validation: The proportion of its sequences that is held out, or None.

    Examples:
        >>> from seqtoys import get_task
        >>> describe_task(get_task("parity"), 128, 0.2)
        'the task parity, 128 new sequences per epoch; 20% held out'
    """
    held = f"; {100 * validation:.3g}% held out" if validation else ""
    return f"the task {task.name}, {counted(batch_size, 'new sequence')} per epoch{held}"


def unit_of(vocab: Vocab | None) -> str:
    """Return what the symbols of a vocabulary are called: symbols, or words."""
    return "word" if vocab is not None and vocab.has_words else "symbol"
