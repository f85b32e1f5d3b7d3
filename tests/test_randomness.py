"""Each purpose has its own random stream: training batches are never evaluated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from seqtoys import Batch, TaskDataset, evaluate, fit
from seqtoys.errors import OptionError
from seqtoys.support.randomness import generator_for, seeded_generator
from seqtoys.tasks.chomsky.regular import Parity

LONG = 40  # bits: two strings this long are hardly ever equal by chance


class Spied(Parity):
    """Parity of long inputs that records the prefixes of all it draws."""

    lengths = (LONG, LONG + 10)
    longer = (60,)

    def __init__(self) -> None:
        self.drawn: set[bytes] = set()

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        batch = super().draw(batch_size, length, generator)
        # Prefixes, since equal random numbers also show in sequences of different lengths.
        rows = batch.inputs[:, :LONG].to(torch.uint8).numpy()
        self.drawn |= {row.tobytes() for row in rows}
        return batch


class Spy(nn.Module):
    """A model that records the prefixes it reads, by training and evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Embedding.from_pretrained(torch.zeros(3, 3), freeze=False)
        self.read: dict[bool, set[bytes]] = defaultdict(set)

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs[:, :LONG].to(torch.uint8).numpy()
        self.read[self.training] |= {row.tobytes() for row in rows}
        result: Tensor = self.logits(inputs)
        return result


BATCH_SIZES = (1, 7, 16, 31, 32, 33, 64, 128, 256)


def draws_of(work: Callable[[Spied], object]) -> set[bytes]:
    """Return the prefixes that a task draws during some work."""
    task = Spied()
    work(task)
    return task.drawn


def trained_on(seed: int, length: int | None) -> set[bytes]:
    spy = Spy()
    for size in BATCH_SIZES:
        fit(spy, Spied(), epochs=5, batch_size=size, seed=seed, lengths=length)
    return spy.read[True]


def evaluate_by_generators(task: Spied) -> None:
    """Use the same seeds as `fit`: evaluation derives another stream from its generator."""
    for seed in (0, 1, 2):
        for count in (100, 1024):
            generator = torch.Generator().manual_seed(seed)
            evaluate(Spy(), task, count=count, generator=generator)


def datasets(task: Spied, seed: int) -> None:
    for size in BATCH_SIZES:
        _ = TaskDataset(task, 9, batch_size=size, seed=seed)[0]


@pytest.mark.usefixtures("untraced")
@pytest.mark.usefixtures("unchecked")
def test_no_two_purposes_share_a_sequence() -> None:
    counts = (10, 100, 992, 1024, 4096)
    seen = {
        "evaluation": draws_of(lambda task: [evaluate(Spy(), task, count=n) for n in counts]),
        "evaluation by a generator": draws_of(evaluate_by_generators),
        "memoryless": draws_of(lambda task: task.memoryless_of(LONG)),
        "split": draws_of(lambda task: task.held_out(0.2)),
        "sample": draws_of(lambda task: [task.sample(size) for size in BATCH_SIZES]),
        "dataset": draws_of(lambda task: datasets(task, 0)),
        "other dataset": draws_of(lambda task: datasets(task, 1)),
        **{f"training of seed {seed}": trained_on(seed, None) for seed in (0, 1, 2)},
    }
    assert all(len(rows) > 100 for rows in seen.values())
    for one, other in combinations(seen, 2):
        assert not seen[one] & seen[other], (one, other)
    for length in (LONG, LONG + 10):
        for seed in (0, 1, 2):
            rows = trained_on(seed, length)
            for other in ("evaluation", "memoryless", "split", "sample", "dataset"):
                assert not rows & seen[other], (seed, length, other)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_model_is_not_evaluated_on_its_training_sequences(batch_size: int) -> None:
    for seed in (0, 3):
        spy = Spy()
        fit(spy, Spied(), epochs=12, batch_size=batch_size, seed=seed, validation=0.3)
        trained = set(spy.read[True])
        validated = set(spy.read[False])
        assert trained
        assert validated
        assert not trained & validated
        for count in (10, 32 * batch_size, 1000):
            evaluate(spy, Spied(), count=count)
        assert len(spy.read[False]) > 1000
        assert not trained & spy.read[False]


@pytest.mark.usefixtures("unchecked")
def test_batches_do_not_depend_on_validation() -> None:
    task = Spied()
    training, _ = task.held_out(0.3)
    spies = [Spy(), Spy()]
    fit(spies[0], training, epochs=6, batch_size=20)
    fit(spies[1], task, epochs=6, batch_size=20, validation=0.3)
    assert spies[0].read[True] == spies[1].read[True]


def test_streams_depend_on_seed_and_purpose() -> None:
    draws = {
        (purpose, seed): torch.rand(4, generator=generator_for(purpose, seed)).tolist()
        for purpose in ("validation", "evaluation", "sample", "baselines", "split")
        for seed in (0, 1, -1, 2**63)
    }
    draws |= {("none", s): torch.rand(4, generator=seeded_generator(s)).tolist() for s in (0, 1)}
    assert len({tuple(values) for values in draws.values()}) == len(draws)
    again = torch.rand(4, generator=generator_for("evaluation", 1)).tolist()
    assert draws["evaluation", 1] == again
    with pytest.raises(OptionError, match="expected seed to be an integer"):
        generator_for("evaluation", 2**64)
