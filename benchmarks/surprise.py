"""Surprise of the true source at each symbol of a sequence: a lower bound for any network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from seqtoys import Batch, Task
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.automata.state_tracker import StateTracker
from seqtoys.tasks.counting import CountingLanguage
from seqtoys.tasks.dyck import Dyck
from seqtoys.tasks.text import Beginnings, Listed


def surprise_of_source(task: Task, batch: Batch) -> list[float] | None:
    """Compute the surprise of the true source for one sequence, in nats.

    Returns None for a task whose answer follows the input, or that does not score every symbol.

    Args:
        task: The task.
        batch: One sequence of the task, with every symbol scored.

    Examples:
        >>> from seqtoys import get_task
        >>> task = get_task("anbn", p=0.5)
        >>> [round(x, 3) for x in surprise_of_source(task, task.sample(1, length=7))]
        [0.0, 0.693, 0.693, 0.693, 0.0, 0.0, 0.0]
    """
    if isinstance(task, Automaton):
        _, surprise = StateTracker(task.graph, task.vocab, task.name).read(batch)  # (time, 1)
        return [float(x) for x in surprise[:, 0]]
    if isinstance(task, Listed):
        listed = Beginnings(task.batch, np.ones(len(task.batch)))
        return [float(x) for x in listed.surprise(batch)[0]]  # (1, time)
    targets: list[int] = batch.targets[0].tolist()
    if isinstance(task, CountingLanguage):
        return list(_of_counts(task, targets))
    if isinstance(task, Dyck):
        opens, closes = -math.log(task.p / task.kinds), -math.log1p(-task.p)
        return [opens if target % 2 else closes for target in targets]
    return None


def _of_counts(task: CountingLanguage, targets: Sequence[int]) -> Iterator[float]:
    """Yield the surprise: only blocks of free length are uncertain, as to where they end."""
    free = task.blocks.shape[1]  # the first letters, whose counts are random
    before = 0  # the index of #
    for target in targets:
        if 1 <= before <= free:
            yield -math.log1p(-task.p) if target == before else -math.log(task.p)
        else:
            yield 0.0
        before = target
