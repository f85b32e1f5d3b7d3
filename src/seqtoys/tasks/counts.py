"""Estimates from samples of a task: the memoryless loss, and the accuracy of chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from seqtoys.data.batch import Batch, check_range
from seqtoys.support.uncertainty import Estimate


def estimate_memoryless(batches: Iterable[Batch], vocab_size: int) -> Estimate:
    """Estimate the lowest loss of a model that sees only the current symbol, from samples.

    It is the conditional entropy of a target given the current input, from their joint counts.

    Args:
        batches: The samples.
        vocab_size: The number of symbols.
    """
    counts = _count(batches, vocab_size)  # (batches, vocab, vocab)
    together = counts.sum(0)
    surprise = torch.log(together.sum(1, keepdim=True) / together)  # (input, target)
    sums = (counts * surprise.nan_to_num(0, 0, 0)).sum((1, 2))
    return ratio(sums, counts.sum((1, 2)))


def estimate_chance(batches: Iterable[Batch], vocab_size: int) -> Estimate:
    """Estimate the proportion of the most frequent target, from samples.

    Args:
        batches: The samples.
        vocab_size: The number of symbols.
    """
    counts = _count(batches, vocab_size).sum(1)  # (batches, target)
    return ratio(counts[:, counts.sum(0).argmax()], counts.sum(1))


def estimate_mean(loss: Callable[[Batch], float], batches: Iterable[Batch]) -> Estimate:
    """Estimate the mean of a loss per scored symbol, from samples.

    Args:
        loss: The loss of a batch, in nats per scored symbol.
        batches: The samples.
    """
    pairs = [(loss(batch), float(batch.scored.sum())) for batch in batches]
    losses, scored = torch.tensor(pairs, dtype=torch.float64, device="cpu").unbind(
        1
    )  # of (batches,)
    return ratio(losses * scored, scored)


def _count(batches: Iterable[Batch], vocab_size: int) -> Float[Tensor, "batches vocab vocab"]:
    """Count how often each target occurs with each input, in each batch."""
    checked = (check_range(batch, vocab_size) for batch in batches)
    return torch.stack([_count_pairs(batch, vocab_size) for batch in checked])


def _count_pairs(batch: Batch, vocab_size: int) -> Float[Tensor, "vocab vocab"]:
    pairs = (batch.inputs * vocab_size + batch.targets)[batch.scored]
    return torch.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size).double()


def ratio(sums: Float[Tensor, " batches"], counts: Float[Tensor, " batches"]) -> Estimate:
    """Compute a mean from the sums and counts of batches, with its standard error.

    Args:
        sums: The sum over each batch.
        counts: The number of values in each sum.

    Examples:
        >>> ratio(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0]))
        Estimate(1.0, 0.3535...)
    """
    mean = sums.sum() / counts.sum()
    error = (sums - mean * counts).square().sum().sqrt() / counts.sum()
    return Estimate(mean.item(), error.item())
