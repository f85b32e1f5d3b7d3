"""The scores of a model on batches: sums over their symbols, and means with standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.baselines import conditional_entropy
from seqtoys.data.batch import Batch, check_targets
from seqtoys.models.forward import count_replicas, in_mode, logits_of
from seqtoys.models.metrics import symbol_losses
from seqtoys.records.score import ByPosition, Score
from seqtoys.support.devices import device_of
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.splits import hashes

ROUNDING = 1e-7  # relative differences between equal sequences in batches of different sizes


@dataclass(frozen=True)
class Sums:
    """What a model or each replica of an ensemble achieves on batches of sequences.

    Attributes:
        losses: The sum of the losses over each batch, in nats.
        hits: The number of correct symbols.
        wholes: The number of sequences with every scored symbol correct.
        scored: The number of scored symbols.
        sizes: The number of sequences with scored symbols.
        by_position: The sums of losses and hits at each position.
        scored_by_position: The number of sequences scored at each position.
        symbols: The number of logits.
    """

    losses: Float[Tensor, "replicas batches"]
    hits: Float[Tensor, "replicas batches"]
    wholes: Float[Tensor, "replicas batches"]
    scored: Float[Tensor, " batches"]
    sizes: Float[Tensor, " batches"]
    by_position: Float[Tensor, "replicas 2 time"]
    scored_by_position: Float[Tensor, " time"]
    symbols: int


def sum_scores(model: nn.Module, batches: Sequence[Batch], symbols: int | None = None) -> Sums:
    """Run a model on batches, and sum its losses and correct predictions.

    Args:
        model: The model, or an ensemble.
        batches: The sequences.
        symbols: The number of symbols. If None, the number of logits.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
        IndexRangeError: If a target is out of range.
    """
    device, width = device_of(model), max(batch.inputs.shape[1] for batch in batches)
    total = torch.zeros(count_replicas(model) or 1, 2, width, dtype=torch.float64, device="cpu")
    places = torch.zeros(width, dtype=torch.float64, device="cpu")
    columns = []
    for batch in batches:
        found, wholes, symbols = _measure(model, batch.to(device), symbols)
        gap = width - batch.inputs.shape[1]
        total += F.pad(found, (0, gap))  # (replicas, 2, time)
        places += F.pad(batch.scored.sum(0).cpu(), (0, gap))
        columns.append(torch.cat([found.sum(2), wholes.unsqueeze(1)], 1))  # (replicas, 3)
    losses, hits, wholes = torch.stack(columns, 2).unbind(1)  # each (replicas, batches)
    scored = [int(batch.scored.sum()) for batch in batches]
    sizes = [int(batch.scored.any(1).sum()) for batch in batches]
    assert symbols is not None, "there is at least one batch"
    return Sums(losses, hits, wholes, to_tensor(scored), to_tensor(sizes), total, places, symbols)


@torch.no_grad()
def _measure(
    model: nn.Module, batch: Batch, symbols: int | None
) -> tuple[Float[Tensor, "replicas 2 time"], Float[Tensor, " replicas"], int]:
    """Sum the losses and hits at each position, count right sequences, and return the width."""
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs, symbols=symbols)
    check_targets(batch, logits.shape[-1])
    if not count_replicas(model):
        logits = logits.unsqueeze(0)  # (replicas, batch, time, vocab)
    losses = symbol_losses(logits.double(), batch.targets)  # (replicas, batch, time)
    wrong = batch.scored & (logits.argmax(-1) != batch.targets)
    hits = batch.scored.sum(0) - wrong.sum(1)  # (replicas, time)
    whole = batch.scored.any(1) & ~wrong.any(2)  # (replicas, batch)
    by_position = torch.stack([losses.sum(1), hits.double()], 1)  # (replicas, 2, time)
    return by_position.cpu(), whole.sum(1).double().cpu(), logits.shape[-1]


def make_scores(
    sums: Sums,
    batches: Sequence[Batch],
    best: Float[Tensor, " batches"],
    *,
    is_given: bool,
    optimum_error: float = 0.0,
    **facts: Any,
) -> list[Score]:
    """Compute the score of each replica.

    Args:
        sums: The sums over the batches.
        batches: The sequences. If they are not given, consecutive batches form pairs.
        best: The sum of the losses of the best model over each batch.
        is_given: Whether the sequences are given rather than drawn, so that all means are exact.
        optimum_error: The standard error of the optimum.
        **facts: Other fields of the scores.
    """
    scored, sizes = sums.scored, sums.sizes
    drawn = 0 if is_given else int(sizes.sum())
    shared = {
        "sequences": int(sizes.sum()),
        "scored": int(scored.sum()),
        "optimum": float(best.sum() / scored.sum()),
        "uniform": math.log(sums.symbols),
        "is_given": is_given,
        **count_baselines(batches),
        **facts,
    }

    def mean(total: Tensor, counts: Tensor) -> Estimate:
        if is_given:
            return Estimate(float(total.sum() / counts.sum()))
        return paired_ratio(total, counts, sizes)

    def proportion(total: Tensor, counts: Tensor) -> Estimate:
        return _with_error(mean(total, counts), drawn)

    columns = zip(sums.losses, sums.hits, sums.wholes, sums.by_position, strict=True)
    return [
        Score(
            loss=mean(loss, scored),
            excess=_plus_error(mean(loss - best, scored), optimum_error),
            accuracy=proportion(hit, scored),
            whole_accuracy=proportion(right, sizes),
            by_position=_by_position(places, sums.scored_by_position),
            **shared,
        )
        for loss, hit, right, places in columns
    ]


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


def count_baselines(batches: Sequence[Batch]) -> dict[str, float]:
    """Compute the memoryless loss, the chance accuracy and the effective number of sequences."""
    pairs = np.concatenate(
        [torch.stack([b.inputs[b.scored], b.targets[b.scored]]).cpu().numpy() for b in batches], 1
    )  # (2, scored)
    _, frequencies = torch.cat([hashes(batch) for batch in batches]).unique(return_counts=True)
    proportions = frequencies.double() / frequencies.sum()
    return {
        "memoryless": conditional_entropy(*pairs),
        "chance": float(np.bincount(pairs[1]).max() / pairs.shape[1]),
        "effective_sequences": float(1 / (proportions**2).sum()),
    }


def to_tensor(values: Sequence[float] | Sequence[int]) -> Float[Tensor, " batches"]:
    """Return numbers as a tensor in double precision, on the CPU."""
    return torch.tensor(values, dtype=torch.float64, device="cpu")


def _by_position(sums: Float[Tensor, "2 time"], scored: Float[Tensor, " time"]) -> ByPosition:
    places = scored.nonzero().flatten()
    counts = scored[places]
    loss, accuracy = (sums[:, places] / counts).tolist()
    return ByPosition((places + 1).tolist(), counts.long().tolist(), loss, accuracy)


def _with_error(proportion: Estimate, drawn: int) -> Estimate:
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


def _plus_error(estimate: Estimate, error: float) -> Estimate:
    """Add an independent standard error."""
    return Estimate(float(estimate), math.hypot(estimate.standard_error, error))
