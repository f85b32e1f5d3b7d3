"""How often each answer symbol is correct at one length: the accuracy of guessing it."""

from __future__ import annotations

import torch

from seqtoys import get_task
from seqtoys.tasks.answer_probabilities import KnownProbabilities

COUNTED = 2000  # sequences sampled to estimate the frequencies of tasks that can't compute them


def answer_shares(name: str, length: int) -> list[float]:
    """Compute the frequency of each target symbol at one length, exactly where the task can.

    Args:
        name: The name of the task.
        length: The length of the sequences.

    Examples:
        >>> answer_shares("even_pairs", 1), answer_shares("even_pairs", 3)
        ([1.0, 0.0], [0.5, 0.5])
    """
    task = get_task(name)
    if isinstance(task, KnownProbabilities):
        task.lengths = (length, length)
        return task.answer_probabilities()
    batch = task.sample(COUNTED, length=length)
    counts = torch.bincount(batch.targets[batch.scored], minlength=len(task.vocab)).double()
    shares: list[float] = (counts / counts.sum()).tolist()
    return shares
