"""Estimates from samples of a task: the memoryless loss, and the accuracy of chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch, check_range
from seqtoys.support.uncertainty import Estimate


def estimate_memoryless(batches: Iterable[Batch], vocab_size: int) -> Estimate:
    """Estimate the lowest loss of a model that sees only the current symbol, from samples.

    It is the conditional entropy of a target given the current input, from their joint counts. As
    an entropy computed from counts is too low on average, half of the number of pairs that occur,
    less the number of inputs, is added per scored symbol (Miller, 1955). This holds only to first
    order, so half of it counts as a standard error.

    Args:
        batches: The samples.
        vocab_size: The number of symbols.
    """
    counts, pairs = _count(_pairs(batch, vocab_size) for batch in batches)  # (batches, pairs)
    together, inputs = counts.sum(0), pairs // vocab_size
    above = torch.zeros(vocab_size, dtype=torch.float64, device="cpu").scatter_add(
        0, inputs, together
    )
    surprise = torch.log(above[inputs] / together)  # (pairs,)
    estimate = ratio(counts @ surprise, counts.sum(1))
    missing = (len(pairs) - int((above > 0).sum())) / (2 * float(together.sum()))
    return Estimate(estimate + missing, math.hypot(estimate.standard_error, missing / 2))


def estimate_chance(batches: Iterable[Batch], vocab_size: int) -> Estimate:
    """Estimate the proportion of the most frequent target, from samples.

    Args:
        batches: The samples.
        vocab_size: The number of symbols.
    """
    counts, _ = _count(_pairs(batch, vocab_size) % vocab_size for batch in batches)
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


def _pairs(batch: Batch, vocab_size: int) -> Int[Tensor, " scored"]:
    """Return one number for each pair of an input and its scored target."""
    check_range(batch, vocab_size)
    return (batch.inputs * vocab_size + batch.targets)[batch.scored]


def _count(
    batches: Iterable[Int[Tensor, " scored"]],
) -> tuple[Float[Tensor, "batches values"], Int[Tensor, " values"]]:
    """Count how often each value that occurs at all occurs in each batch.

    The table has a column for each value that occurs, since one for each possible pair of symbols
    would not fit in memory for large vocabularies.

    Returns:
        The counts and the values, in ascending order.
    """
    each = list(batches)
    values, columns = torch.cat(each).unique(return_inverse=True)
    parts = columns.split([len(part) for part in each])
    counts = [torch.bincount(part, minlength=len(values)) for part in parts]
    return torch.stack(counts).double(), values


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
