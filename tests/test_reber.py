"""The Reber grammars, checked against a transition table and published numbers."""

from __future__ import annotations

import math

import pytest
import torch

from seqtoys import Automaton, Batch
from seqtoys.tasks.reber import embedded_reber, long_range, reber

pytestmark = pytest.mark.type_checked


def grammatical(text: str) -> bool:
    """Follow the published diagram: two letters lead on from each state."""
    table = {
        (1, "T"): 2,
        (1, "P"): 3,
        (2, "S"): 2,
        (2, "X"): 4,
        (3, "T"): 3,
        (3, "V"): 5,
        (4, "X"): 3,
        (4, "S"): 6,
        (5, "P"): 4,
        (5, "V"): 6,
    }
    state = 1
    if text[:1] != "B" or text[-1:] != "E":
        return False
    for letter in text[1:-1]:
        state = table.get((state, letter), 0)
        if not state:
            return False
    return state == 6


def texts_of(task: Automaton, batch: Batch) -> list[str]:
    ends = batch.count_symbols().tolist()
    return [
        str(task.vocab.decode(row[:end])) + str(task.vocab.decode(targets[end - 1 : end]))
        for row, targets, end in zip(batch.inputs, batch.targets, ends, strict=True)
    ]


@pytest.mark.parametrize("text", ["BTXSE", "BPVVE", "BTSSXXTVVE", "BTXXVPSE", "BPTVPXTTVVE"])
def test_published_strings_are_accepted(text: str) -> None:
    assert grammatical(text)
    assert reber().accepts(text)


@pytest.mark.parametrize("text", ["BTSSE", "BPTVPE", "TXSE", "BTXS", "BE"])
def test_ungrammatical_strings_are_rejected(text: str) -> None:
    assert not grammatical(text)
    assert not reber().accepts(text)


def test_samples_are_grammatical() -> None:
    task = reber()
    assert all(grammatical(text) for text in texts_of(task, task.sample(2000)))
    for length in (4, 9, 20):
        texts = texts_of(task, task.sample(200, length=length))
        assert all(grammatical(text) and len(text) == length + 1 for text in texts)
    outer = embedded_reber()
    for text in texts_of(outer, outer.sample(2000)):
        assert text[0] == "B"
        assert text[1] == text[-2] in "TP"
        assert text[-1] == "E"
        assert grammatical(text[2:-2])


def test_optima_match_the_published_ones() -> None:
    task = reber()
    assert task.optimum == pytest.approx(6 / 7 * math.log(2), rel=1e-12)
    assert task.best_accuracy == pytest.approx(4 / 7, rel=1e-12)
    assert task.expected_length == pytest.approx(8, rel=1e-12)
    outer = embedded_reber()
    assert outer.optimum == pytest.approx(7 / 11 * math.log(2), rel=1e-12)
    assert outer.optimum == pytest.approx(0.4411, abs=5e-5)
    # Without long-range memory the second-last symbol costs one bit more.
    assert outer.optimum + math.log(2) / 11 == pytest.approx(0.5041, abs=5e-5)


def test_long_range_symbol_is_the_second_last() -> None:
    task = embedded_reber()
    batch = task.sample(50)
    mask, ends = long_range(task, batch), batch.count_symbols()
    assert mask.sum(1).eq(1).all()
    assert torch.equal(mask.long().argmax(1), ends - 2)
    assert torch.equal(batch.targets[mask], batch.inputs[:, 1])
