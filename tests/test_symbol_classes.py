"""Baselines from classes of exchangeable symbols, and the options that choose what is scored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys import Batch, Task, Vocab, get_task
from seqtoys.data.baselines import conditional_entropy
from seqtoys.errors import OptionError
from seqtoys.tasks.scoring import check_scoring
from seqtoys.tasks.symbol_classes import SymbolClasses


def test_baselines_match_all_pairs_of_symbols() -> None:
    sizes = {"letter": 3, "bit": 2, "mark": 1}
    pairs = {("letter", "bit"): 6.0, ("letter", "mark"): 3.0, ("bit", "letter"): 12.0}
    members = {"letter": [0, 1, 2], "bit": [3, 4], "mark": [5]}
    inputs, targets, weights = [], [], []
    for (before, after), count in pairs.items():
        for i in members[before]:
            for j in members[after]:
                inputs.append(i)
                targets.append(j)
                weights.append(count / sizes[before] / sizes[after])
    classes = SymbolClasses(sizes, {**pairs, ("mark", "mark"): 0.0})
    expected = conditional_entropy(np.array(inputs), np.array(targets), np.array(weights))
    assert classes.memoryless == pytest.approx(expected)
    assert classes.chance == pytest.approx(np.bincount(targets, weights).max() / 21)


def test_scoring_must_be_known() -> None:
    assert check_scoring("all") == "all"
    wrong: Any = "every"
    with pytest.raises(OptionError, match="expected score to be 'answers' or 'all', got 'every'"):
        check_scoring(wrong)


class Large(Task):
    """A random symbol of many, followed by itself or by the next one."""

    name, level, lengths, optimum = "large", None, (2, 2), math.log(2) / 2
    vocab = Vocab([f"s{i}" for i in range(10_000)])

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        inputs = torch.randint(9_999, (batch_size, 2), generator=generator)
        targets = inputs.clone()
        targets[:, 1] += torch.randint(2, (batch_size,), generator=generator)
        return Batch(inputs, targets)

    def surprise(self, batch: Batch) -> Tensor:
        return torch.tensor([0.0, math.log(2)], dtype=torch.float64).expand(len(batch), 2)

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        return {"step": torch.arange(2).expand(len(batch), 2)}


def test_large_vocabulary_needs_no_table_of_pairs() -> None:
    task = Large()
    # A table of pairs would need 800 MB for each of 64 batches.
    assert 0 < task.memoryless < math.log(2)
    assert 0 < task.chance < 1e-3
    assert repr(task) == "<task large: my own>"
    training, held_out = task.held_out(0.2)
    assert training.level is None
    assert training.references == held_out.references == {}
    assert training.labels(batch := training.sample(3))["step"].tolist() == [[0, 1]] * 3
    assert get_task("parity").labels(batch) == {}


def sources_of(batch: Batch) -> list[int]:
    assert batch.latent is not None
    return [int(source) for source in batch.latent]


def test_split_divides_the_sources_of_a_batch() -> None:
    class Pool(Large):
        def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
            source = torch.randint(10, (batch_size,), generator=generator)
            symbols = torch.randint(9, (batch_size, 3), generator=generator)
            return Batch(symbols[:, :-1], symbols[:, 1:], latent=source)

    training, held_out = Pool().held_out(0.3)
    shown, kept = (set(sources_of(split.sample(400))) for split in (training, held_out))
    assert shown | kept == set(range(10))
    assert not shown & kept
    batch = training.sample(4)
    joined = Batch.join([batch, batch.take(torch.tensor([-1]))])
    assert sources_of(joined) == [*sources_of(batch), sources_of(batch)[-1]]
    twice = Batch(joined.inputs[:2] * 0, joined.targets[:2] * 0, latent=torch.tensor([1, 2]))
    assert len(twice.distinct()) == 2
    assert Batch.join([batch, Large().sample(2)]).latent is None
    with pytest.raises(ValueError, match="expected latent"):
        Batch(batch.inputs, batch.targets, latent=torch.tensor([1]))
