"""Means with standard errors, from sums over batches or sequences."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from seqtoys.support.uncertainty import Estimate

ROUNDING = 1e-7  # relative differences between equal sequences in batches of different sizes


def paired_ratio(
    sums: Float[Tensor, " batches"],
    counts: Float[Tensor, " batches"],
    sizes: Float[Tensor, " batches"],
) -> Estimate:
    """Compute a mean from the sums and counts of batches, with its standard error.

    The error is estimated from the differences within pairs of consecutive batches, so that it
    does not include differences between lengths, all of which were drawn equally often. That of a
    single batch is unknown: inf.

    Args:
        sums: The sum over each batch.
        counts: The number of values in each sum.
        sizes: The number of independent sequences in each batch.

    Examples:
        >>> import torch
        >>> sums, counts = torch.tensor([10.0, 14.0, 21.0, 19.0]), torch.tensor([4.0, 4, 8, 8])
        >>> paired_ratio(sums, counts, torch.tensor([2.0, 2, 2, 2]))
        Estimate(2.6666..., 0.1863...)
    """
    mean = sums.sum() / counts.sum()
    pairs = len(sums) // 2
    if not pairs:
        return Estimate(mean.item(), math.inf)
    rest = ((sums - mean * counts) / sizes)[: 2 * pairs].view(pairs, 2)  # per sequence
    paired = sizes[: 2 * pairs].view(pairs, 2)
    variance = rest.diff(dim=1).square().flatten() @ paired.prod(1) * sizes.sum() / paired.sum()
    error = float(variance.sqrt() / counts.sum())
    return Estimate(mean.item(), 0.0 if error <= ROUNDING * abs(mean) else error)


def ratio_over_sequences(
    sums: Float[Tensor, "*replicas sequences rows"], counts: Float[Tensor, "sequences rows"]
) -> tuple[Float[Tensor, "*replicas rows"], Float[Tensor, "*replicas rows"]]:
    """Compute means from the sums and counts of independent sequences, with standard errors.

    The error of a row that only one sequence is in is unknown: inf.

    Args:
        sums: The sum over each sequence, for each row.
        counts: The number of values in each sum.

    Examples:
        >>> import torch
        >>> sums, counts = torch.tensor([[10.0], [14.0], [0.0]]), torch.tensor([[4.0], [4], [0]])
        >>> ratio_over_sequences(sums, counts)
        (tensor([3.]), tensor([0.5000]))
    """
    total, sequences = counts.sum(0), (counts > 0).sum(0)  # (rows,)
    mean = sums.sum(-2) / total  # ([replicas,] rows)
    rest = sums - mean.unsqueeze(-2) * counts  # ([replicas,] sequences, rows)
    error = (rest.square().sum(-2) * sequences / (sequences - 1)).sqrt() / total
    error = error.masked_fill(error <= ROUNDING * mean.abs(), 0.0)
    return mean, error.masked_fill(sequences < 2, math.inf)


def with_error(proportion: Estimate, drawn: int) -> Estimate:
    """Return a proportion with a standard error also if it is 0 or 1, or its error is unknown.

    Args:
        proportion: The proportion.
        drawn: The number of random sequences, or 0 if the sequences were given, so that there is
            no error.
    """
    is_known = math.isfinite(proportion.standard_error) and 0 < proportion < 1
    if is_known or not drawn:
        return proportion
    # Add two correct and two wrong sequences (Agresti & Coull, 1998).
    adjusted = (proportion * drawn + 2) / (drawn + 4)
    return Estimate(float(proportion), math.sqrt(adjusted * (1 - adjusted) / (drawn + 4)))


def plus_error(estimate: Estimate, error: float) -> Estimate:
    """Add an independent standard error."""
    return Estimate(float(estimate), math.hypot(estimate.standard_error, error))
