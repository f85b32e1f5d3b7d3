"""Losses and hits, against sums over the scored symbols, one after the other."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqtoys import Batch
from seqtoys.models.metrics import accuracy, count_hits, cross_entropy, likeliest, symbol_losses

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
    """Minus the logarithm of the target's chance."""
    return math.log(sum(map(math.exp, logits))) - logits[target]


def scored_symbols(batch: Batch) -> list[tuple[int, int, int]]:
    """The row, the step and the target of each scored symbol, as often as it counts."""
    times = [1, 1, 1] if batch.counts is None else batch.counts.tolist()
    return [
        (row, step, target)
        for row, targets in enumerate(batch.targets.tolist())
        for step, target in enumerate(targets)
        for _ in range(times[row])
        if target >= 0
    ]


@batches
def test_the_loss_is_the_mean_surprise_of_the_scored_symbols(batch: Batch) -> None:
    scored, together = scored_symbols(batch), cross_entropy(LOGITS, batch)
    for logits, loss in zip(LOGITS, together, strict=True):
        values = logits.tolist()
        total = sum(surprise(values[row][step], target) for row, step, target in scored)
        assert loss.item() == pytest.approx(total / len(scored), rel=1e-6)
        torch.testing.assert_close(cross_entropy(logits, batch), loss)


def test_each_position_has_its_loss() -> None:
    expected = torch.zeros(2, 3, 4)
    for replica, values in enumerate(LOGITS.tolist()):
        for row, step, target in scored_symbols(BATCHES["each sequence once"]):
            expected[replica, row, step] = surprise(values[row][step], target)
    torch.testing.assert_close(symbol_losses(LOGITS, TARGETS), expected)
    torch.testing.assert_close(symbol_losses(LOGITS[0], TARGETS), expected[0])


@batches
def test_hits_are_the_scored_symbols_that_are_predicted(batch: Batch) -> None:
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
def test_few_digits_are_enough_to_name_the_likeliest(
    axis: int, dtype: torch.dtype, count: int
) -> None:
    logits: Tensor = torch.eye(count, dtype=dtype)  # each symbol is once the likeliest
    assert likeliest(logits, axis).tolist() == list(range(count))
