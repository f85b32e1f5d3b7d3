"""Losses and hits, checked against sums over single scored symbols."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqtoys import Batch
from seqtoys.models import metrics
from seqtoys.models.metrics import (
    accuracy,
    count_hits,
    cross_entropy,
    likeliest,
    precise_losses,
    symbol_losses,
)

pytestmark = pytest.mark.type_checked

INPUTS = torch.tensor([[0, 1, 2, 3], [4, 0, 1, 2], [3, 3, 0, 0]])
TARGETS = torch.tensor([[1, -100, 3, 4], [0, 1, 2, 2], [-100, 0, -100, -100]])
BATCHES = {
    "each sequence once": Batch(INPUTS, TARGETS),
    "counted": Batch(INPUTS, TARGETS, counts=torch.tensor([3, 1, 2])),
}
LOGITS = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))  # of 2 replicas
batches = pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)


def surprise(logits: list[float], target: int) -> float:
    """Return the negative log-probability of the target."""
    return math.log(sum(map(math.exp, logits))) - logits[target]


def scored_symbols(batch: Batch) -> list[tuple[int, int, int]]:
    """List row, step and target of each scored symbol, repeated by its count."""
    times = [1, 1, 1] if batch.counts is None else batch.counts.tolist()
    return [
        (row, step, target)
        for row, targets in enumerate(batch.targets.tolist())
        for step, target in enumerate(targets)
        for _ in range(times[row])
        if target >= 0
    ]


@batches
def test_loss_is_the_mean_surprise_of_scored_symbols(batch: Batch) -> None:
    scored, together = scored_symbols(batch), cross_entropy(LOGITS, batch)
    for logits, loss in zip(LOGITS, together, strict=True):
        values = logits.tolist()
        total = sum(surprise(values[row][step], target) for row, step, target in scored)
        assert loss.item() == pytest.approx(total / len(scored), rel=1e-6)
        torch.testing.assert_close(cross_entropy(logits, batch), loss)


@pytest.mark.parametrize("held", [1, 7, 2**20])
def test_symbol_losses_match_each_position(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "HELD_LOGITS", held)
    expected = torch.zeros(2, 3, 4)
    for replica, values in enumerate(LOGITS.tolist()):
        for row, step, target in scored_symbols(BATCHES["each sequence once"]):
            expected[replica, row, step] = surprise(values[row][step], target)
    torch.testing.assert_close(symbol_losses(LOGITS, TARGETS), expected)
    torch.testing.assert_close(symbol_losses(LOGITS[0], TARGETS), expected[0])
    for logits in (LOGITS, LOGITS.movedim(0, -1).contiguous().movedim(-1, 0)):  # replicas last
        precise = precise_losses(logits, TARGETS)
        assert precise.dtype == torch.float64
        torch.testing.assert_close(precise.float(), expected)


@batches
def test_hits_count_correctly_predicted_scored_symbols(batch: Batch) -> None:
    predicted = torch.stack([TARGETS.clamp(min=0), torch.full_like(TARGETS, 2), INPUTS])
    scored = scored_symbols(batch)
    hits = [
        sum(rows[row][step] == target for row, step, target in scored)
        for rows in predicted.tolist()
    ]
    assert count_hits(predicted, batch).tolist() == hits
    assert accuracy(predicted, batch).tolist() == [number / len(scored) for number in hits]
    assert hits[0] == len(scored)
    assert count_hits(predicted[1], batch).item() == hits[1]
    assert accuracy(predicted[1], batch).item() == hits[1] / len(scored)


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("count", [256, 257])
def test_likeliest_works_in_low_precision(axis: int, dtype: torch.dtype, count: int) -> None:
    logits: Tensor = torch.eye(count, dtype=dtype)  # each symbol is the likeliest once
    assert likeliest(logits, axis).tolist() == list(range(count))
