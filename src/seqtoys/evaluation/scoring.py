"""The scores of a model on batches: sums over their symbols, and means with standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys.data.baselines import conditional_entropy
from seqtoys.data.batch import Batch, check_targets
from seqtoys.evaluation.labels import Rows
from seqtoys.evaluation.means import paired_ratio, plus_error, with_error
from seqtoys.models.forward import count_replicas, in_mode, logits_in_parts
from seqtoys.models.metrics import precise_losses
from seqtoys.records.score import ByPosition, Score
from seqtoys.support.devices import device_of
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.splits import hashes


@dataclass(frozen=True)
class Sums:
    """What a model or each replica of an ensemble achieves on batches of sequences.

    Attributes:
        losses: The sum of the losses over each batch, in nats.
        hits: The number of correct symbols.
        wholes: The number of sequences with every scored symbol correct.
        legal: The number of scored symbols for which a legal symbol is predicted, if it is known
            which are.
        scored: The number of scored symbols.
        sizes: The number of sequences with scored symbols.
        by_position: The sums of losses and hits at each position.
        scored_by_position: The number of sequences scored at each position.
        by_row: The sums of losses and hits of each sequence by row, if there are rows.
        symbols: The number of logits.
    """

    losses: Float[Tensor, "replicas batches"]
    hits: Float[Tensor, "replicas batches"]
    wholes: Float[Tensor, "replicas batches"]
    legal: Float[Tensor, "replicas batches"] | None
    scored: Float[Tensor, " batches"]
    sizes: Float[Tensor, " batches"]
    by_position: Float[Tensor, "replicas 2 time"]
    scored_by_position: Float[Tensor, " time"]
    by_row: Float[Tensor, "replicas 2 sequences rows"] | None
    symbols: int


def sum_scores(
    model: nn.Module,
    batches: Sequence[Batch],
    symbols: int | None = None,
    *,
    allowed: Callable[[Batch], Bool[Tensor, "batch time vocab"] | None] = lambda batch: None,
    rows: Rows | None = None,
) -> Sums:
    """Run a model on batches, and sum its losses and correct predictions.

    Args:
        model: The model, or an ensemble.
        batches: The sequences.
        symbols: The number of symbols. If None, the number of logits.
        allowed: Returns which symbols are legal next in a batch, or None if unknown.
        rows: The rows of a table by label, if any.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
        IndexRangeError: If a target is out of range.
    """
    device, width = device_of(model), max(batch.inputs.shape[1] for batch in batches)
    total = torch.zeros(count_replicas(model) or 1, 2, width, dtype=torch.float64, device="cpu")
    places = torch.zeros(width, dtype=torch.float64, device="cpu")
    columns, legal, by_row = list[Tensor](), list[Tensor](), list[Tensor]()
    for index, batch in enumerate(batches):
        found, predicted, symbols = _measure(model, batch.to(device), symbols)
        gap = width - batch.inputs.shape[1]
        total += F.pad(found.sum(2).cpu(), (0, gap))  # (replicas, 2, time)
        places += F.pad(batch.scored.sum(0).cpu(), (0, gap))
        columns.append(_add_up(found, batch).cpu())  # (replicas, 3)
        if (can := allowed(batch)) is not None:
            legal.append(_count_legal(predicted, can.to(device)).cpu())  # (replicas,)
        if rows is not None:
            by_row.append(rows.sum_by_row(index, found.cpu()))  # (replicas, 2, batch, rows)
    losses, hits, wholes = torch.stack(columns, 2).unbind(1)  # each (replicas, batches)
    scored = [int(batch.scored.sum()) for batch in batches]
    sizes = [int(batch.scored.any(1).sum()) for batch in batches]
    assert symbols is not None, "there is at least one batch"
    return Sums(
        losses,
        hits,
        wholes,
        torch.stack(legal, 1) if legal else None,
        to_tensor(scored),
        to_tensor(sizes),
        total,
        places,
        torch.cat(by_row, 2) if by_row else None,
        symbols,
    )


@torch.no_grad()
def _measure(
    model: nn.Module, batch: Batch, symbols: int | None
) -> tuple[Float[Tensor, "replicas 2 batch time"], Int[Tensor, "replicas batch time"], int]:
    """Return the loss of each symbol and whether it is correct, the predictions, and the width."""
    losses, predictions = list[Tensor](), list[Tensor]()
    with in_mode(model, training=False):
        for part, logits in logits_in_parts(model, batch, symbols=symbols):
            symbols = logits.shape[-1]
            check_targets(part, symbols)
            losses.append(precise_losses(logits, part.targets))  # ([replicas,] rows, time)
            predictions.append(logits.argmax(-1))  # ([replicas,] rows, time)
    assert symbols is not None, "there is at least one sequence"
    loss, predicted = torch.cat(losses, -2), torch.cat(predictions, -2)
    if not count_replicas(model):
        loss, predicted = loss.unsqueeze(0), predicted.unsqueeze(0)  # (replicas, batch, time)
    hits = (predicted == batch.targets).double()  # no prediction equals -100
    return torch.stack([loss, hits], 1), predicted, symbols


def _add_up(
    found: Float[Tensor, "replicas 2 batch time"], batch: Batch
) -> Float[Tensor, "replicas 3"]:
    """Sum the losses and hits of a batch, and count the sequences without a wrong symbol."""
    scored = batch.scored.sum(1).to(found.device)  # (batch,)
    each = found.sum(3)  # (replicas, 2, batch)
    whole = (each[:, 1] == scored) & (scored > 0)  # (replicas, batch)
    return torch.cat([each.sum(2), whole.sum(1, keepdim=True)], 1)


def _count_legal(
    predicted: Int[Tensor, "replicas batch time"], can: Bool[Tensor, "batch time vocab"]
) -> Float[Tensor, " replicas"]:
    """Count the predictions that are legal."""
    every = can.expand(len(predicted), *can.shape)  # (replicas, batch, time, vocab)
    legal = every.gather(3, predicted.unsqueeze(3))  # (replicas, batch, time, 1)
    return legal.sum((1, 2, 3)).double()


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
        return with_error(mean(total, counts), drawn)

    legal = [None] * len(sums.losses) if sums.legal is None else sums.legal
    columns = zip(sums.losses, sums.hits, sums.wholes, legal, sums.by_position, strict=True)
    return [
        Score(
            loss=mean(loss, scored),
            excess=plus_error(mean(loss - best, scored), optimum_error),
            accuracy=proportion(hit, scored),
            whole_accuracy=proportion(right, sizes),
            legal=None if within is None else proportion(within, scored),
            by_position=_by_position(places, sums.scored_by_position),
            **shared,
        )
        for loss, hit, right, within, places in columns
    ]


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
