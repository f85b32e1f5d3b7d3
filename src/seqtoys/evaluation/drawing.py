"""The sequences that a model is evaluated on, drawn evenly over the lengths."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import torch

from seqtoys.data.batch import Batch
from seqtoys.errors import DataError
from seqtoys.records.report import FRESH
from seqtoys.tasks.splits import NotListed, hashes
from seqtoys.tasks.task import Task, TaskSplit

PAIRS, MOST_PAIRS = 16, 64  # pairs of batches, whose differences give the standard errors
ROUNDS = 100  # rounds of sampling before giving up on finding unseen sequences
EMPTY_ROUNDS = 10  # the same if none was found at all
GIVEN = 32  # batches of given sequences
UNIT = 2**20  # the resolution of a random place in a share


@dataclass(frozen=True)
class Part:
    """Sequences of one kind, in batches.

    Attributes:
        name: The name of the kind.
        source: The task, or the part of its split, that they were drawn from.
        batches: The batches. Unless given, consecutive ones form pairs with the same length.
        is_given: Whether these are the training sequences themselves rather than fresh ones.
        is_longer: Whether these are longer sequences, of one chosen length.
    """

    name: str
    source: Task
    batches: list[Batch]
    is_given: bool = False
    is_longer: bool = False


def draw_parts(
    task: Task,
    seen: Batch | None,
    count: int,
    longer: tuple[int, ...],
    generator: torch.Generator,
) -> Iterator[Part]:
    """Draw the sequences of each kind.

    Args:
        task: The task, or one part of its split.
        seen: The training sequences, if they are given.
        count: The number of sequences of each kind.
        longer: The lengths of longer sequences.
        generator: The source of randomness.

    Raises:
        DataError: If the task has no unseen sequences.
    """
    whole = task.whole if isinstance(task, TaskSplit) else task
    if seen is not None:
        seen = seen.to("cpu")  # tasks and hashes are on the CPU
        yield Part("seen", whole, in_groups(seen), is_given=True)
        unseen = TaskSplit(whole, 1.0, NotListed(seen), is_held_out=True)
        yield Part("unseen", unseen, _draw_unseen(task, seen, count, generator))
    elif isinstance(task, TaskSplit):
        splits = (task.complement, task) if task.is_held_out else (task, task.complement)
        for name, split in zip(("seen", "unseen"), splits, strict=True):
            yield Part(name, split, _draw(split, count, generator))
    else:
        yield Part(FRESH, task, _draw(task, count, generator))
    for n in longer:
        yield Part(f"length {n}", whole, _draw(whole, count, generator, n), is_longer=True)


def in_groups(batch: Batch) -> list[Batch]:
    """Split given sequences into batches, and omit batches in which nothing is scored."""
    batch = batch.repeated()
    rows = torch.arange(len(batch), device="cpu").chunk(GIVEN)
    return [batch.take(part) for part in rows if batch.scored[part].any()]


def _draw(
    task: Task, count: int, generator: torch.Generator, length: int | None = None
) -> list[Batch]:
    """Draw pairs of batches; if each batch has one length, all lengths are drawn equally often."""
    whole = task.whole if isinstance(task, TaskSplit) else task
    lengths = whole.possible_lengths(whole.lengths if length is None else length)
    pairs = min(len(lengths) * -(-PAIRS // len(lengths)), MOST_PAIRS, count // 2)
    ends = [at * count // (2 * pairs or 1) for at in range((2 * pairs or 1) + 1)]
    batches = list[Batch]()
    for at, (start, end) in enumerate(pairwise(ends)):
        source = task
        if length is None and pairs:
            source = _in_share(task, lengths, at // 2, pairs)
        batches.append(source.sample(end - start, length=length, generator=generator))
    return batches


def _in_share(task: Task, lengths: tuple[int, ...], share: int, shares: int) -> Task:
    """Return a copy of a task whose next batch has a length in the given share of its lengths.

    With independent lengths, some would be missing and others frequent, which makes the standard
    error several times as large. Both batches of a pair have the same share: their difference then
    shows the remaining variance, also if there are fewer pairs than lengths. Tasks that don't call
    `draw_length` are unaffected.
    """
    if isinstance(task, TaskSplit):
        split = copy(task)
        split.whole = _in_share(task.whole, lengths, share, shares)
        return split
    if type(task).draw_length is not Task.draw_length:  # a distribution of the user's own
        return task
    left = [share]  # for one call: a split may lack this length, and then calls again

    def draw_length(generator: torch.Generator, bounds: tuple[int, int] | None = None) -> int:
        if bounds is not None or not left:
            return task.draw_length(generator, bounds)
        place = left.pop() * UNIT + int(torch.randint(UNIT, (), generator=generator))
        return lengths[place * len(lengths) // (shares * UNIT)]

    even = copy(task)
    vars(even)["draw_length"] = draw_length
    return even


def _draw_unseen(task: Task, seen: Batch, count: int, generator: torch.Generator) -> list[Batch]:
    known, found = hashes(seen), list[Batch]()
    for drawn in range(1, ROUNDS + 1):
        for batch in _draw(task, count, generator):
            rows = (~torch.isin(hashes(batch), known)).nonzero().flatten()
            if len(rows):
                found.append(batch.take(rows))
        if sum(map(len, found)) >= count or (drawn >= EMPTY_ROUNDS and not found):
            break
    if found:
        return found
    raise DataError(f"expected {task.name} to have unseen sequences, found none")
