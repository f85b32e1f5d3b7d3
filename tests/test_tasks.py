"""One contract for every task of the catalogue."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from functools import cache
from itertools import chain, cycle

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys import AnswerTask, Batch, Task, Vocab, get_task, list_tasks
from seqtoys.errors import InputTypeError, OptionError
from seqtoys.tasks.answer_probabilities import KnownProbabilities
from seqtoys.tasks.catalogue import CATALOGUE

NAMES = list(CATALOGUE)
ANSWERED = [name for name in NAMES if isinstance(get_task(name), AnswerTask)]
SEQUENCES, PAIRS = 10_000, 20  # sequences to count, and the least number of batch pairs


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(batch: Batch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return each sequence without its padding."""
    ends = batch.count_symbols().tolist()
    pairs = zip(batch.inputs.tolist(), batch.targets.tolist(), ends, strict=True)
    return [(tuple(inputs[:end]), tuple(targets[:end])) for inputs, targets, end in pairs]


@cache
def samples(name: str) -> list[Batch]:
    """Draw a task's sequences as in training, in pairs of batches.

    A task that draws a length for each batch gets each length equally often: drawn at random,
    some would be missing, perhaps the decisive ones. The batches of a pair have one length.
    """
    return paired_batches(get_task(name))


def paired_batches(task: Task) -> list[Batch]:
    shortest, longest = task.lengths
    possible = [n for n in range(shortest, longest + 1) if task.why_no_length(n) is None]
    pairs = math.ceil(PAIRS / len(possible)) * len(possible)
    lengths = chain.from_iterable((n, n) for n in cycle(possible))
    generator = seeded(2026)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "draw_length", lambda *_: next(lengths))
        size = SEQUENCES // (2 * pairs)
        return [task.sample(size, generator=generator) for _ in range(2 * pairs)]


def ratio(sums: list[float], counts: list[float]) -> tuple[float, float]:
    """Compute a mean over pairs of batches and its standard error, from their differences."""
    mean = sum(sums) / sum(counts)
    rest = [s - mean * n for s, n in zip(sums, counts, strict=True)]
    squares = sum((a - b) ** 2 for a, b in zip(rest[::2], rest[1::2], strict=True))
    return mean, math.sqrt(squares) / sum(counts)


def assert_near(claimed: float, claimed_error: float, measured: tuple[float, float]) -> None:
    """Assert agreement within four standard errors."""
    mean, error = measured
    allowed = 4 * math.hypot(claimed_error, error) + 1e-6
    assert abs(claimed - mean) <= allowed, (
        f"the task says {claimed:.5f} ± {claimed_error:.5f}, but {SEQUENCES:,} sequences give "
        f"{mean:.5f} ± {error:.5f}"
    )


def pairs_of(batch: Batch) -> Counter[tuple[int, int]]:
    scored = batch.scored
    return Counter(zip(batch.inputs[scored].tolist(), batch.targets[scored].tolist(), strict=True))


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    return get_task(request.param)


def test_metadata_is_complete(task: Task) -> None:
    assert task.name in NAMES
    assert list_tasks()[task.name].endswith((".", "?"))
    assert task.source
    assert task.level in {
        "finite",
        "regular",
        "deterministic context-free",
        "context-free",
        "context-sensitive",
        "in context",
        None,
    }
    assert ">>>" in (inspect.getdoc(type(task)) or "") + (
        inspect.getdoc(CATALOGUE[task.name].build) or ""
    )
    assert 1 <= task.lengths[0] <= task.lengths[1]
    assert all(length > task.lengths[1] for length in task.longer)
    assert list(task.longer) == sorted(task.longer)
    assert all(task.why_no_length(length) is None for length in task.longer)
    assert all(name and value >= 0 for name, value in task.references.items())


def test_same_seed_gives_same_batch(task: Task) -> None:
    first, again, other = (task.sample(64, generator=seeded(seed)) for seed in (1, 1, 2))
    assert rows_of(first) == rows_of(again)
    assert rows_of(task.sample(5)) == rows_of(task.sample(5))
    if len(set(rows_of(first))) > 1:
        assert rows_of(first) != rows_of(other)
    generator = seeded(1)
    assert rows_of(task.sample(64, generator=generator)) == rows_of(first)
    if len(set(rows_of(first))) > 1:
        assert rows_of(task.sample(64, generator=generator)) != rows_of(first)


def test_batches_hold_symbols_of_the_vocabulary(task: Task) -> None:
    generator = seeded(3)
    longest = [n for n in range(1, 60) if task.why_no_length(n) is None][-2:]
    for length in (None, *longest, *task.longer[:1]):
        batch = task.sample(7, length=length, generator=generator)
        assert len(batch) == 7
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert 0 <= int(batch.inputs.min()) <= int(batch.inputs.max()) < len(task.vocab)
        scored = batch.targets[batch.scored]
        assert 0 <= int(scored.min()) <= int(scored.max()) < len(task.vocab)
        assert batch.scored.any(1).all()
        assert task.optimal_loss(batch) >= 0
        surprise = task.surprise(batch)
        assert torch.equal(surprise.isfinite(), batch.scored)
        assert surprise[batch.scored].mean() == pytest.approx(task.optimal_loss(batch), abs=1e-9)
        assert task.optimal_loss(batch.distinct()) == pytest.approx(task.optimal_loss(batch))
        assert "inputs" in batch.show(task.vocab)
        if (legal := task.allowed(batch)) is not None:
            assert legal.shape == (*batch.targets.shape, len(task.vocab))
            assert torch.equal(legal.any(2), batch.scored)
            assert legal[batch.scored].gather(1, scored.unsqueeze(1)).all()
        for labels in task.labels(batch).values():
            assert labels.shape == batch.targets.shape
            assert labels.dtype == torch.int64
        if batch.lengths is not None:
            outside = torch.arange(batch.inputs.shape[1]) >= batch.lengths.unsqueeze(1)
            assert not batch.scored[outside].any()


def test_one_length_gives_sequences_of_one_length(task: Task) -> None:
    possible = [n for n in range(1, 40) if task.why_no_length(n) is None]
    widths = []
    for length in possible[-2:]:
        batch = task.sample(5, length=length)
        assert len(set(batch.count_symbols().tolist())) == 1
        widths.append(int(batch.count_symbols()[0]))
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("name", ANSWERED)
def test_answer_depends_only_on_the_input(name: str) -> None:
    task = get_task(name)
    assert isinstance(task, AnswerTask)
    length = next(n for n in range(12, 30) if task.why_no_length(n) is None)
    batch = task.sample(40, length=length)
    inputs, answers = batch.inputs[:, :length], batch.targets[:, length:]
    assert torch.equal(task.answer(inputs), answers)
    drawn = task.draw_inputs(40, length, seeded(4))
    assert drawn.shape == inputs.shape
    blank = task.vocab.symbols.index(task.blank)
    assert not (torch.cat([drawn, inputs]) == blank).any()
    assert (batch.inputs[:, length:] == blank).all()


@pytest.mark.parametrize("length", [0, -1, True])
def test_length_must_be_a_positive_integer(task: Task, length: int) -> None:
    with pytest.raises((OptionError, InputTypeError), match=r"expected length to be a.* integer"):
        task.sample(2, length=length)


def test_impossible_length_raises(task: Task) -> None:
    impossible = [n for n in range(1, 30) if task.why_no_length(n) is not None]
    for length in impossible[:3]:
        with pytest.raises(OptionError, match=f"{task.name} has no sequence of length {length}: "):
            task.sample(2, length=length)


def test_optimum_is_the_mean_surprise(task: Task) -> None:
    counts = [float(batch.scored.sum()) for batch in samples(task.name)]
    sums = [task.optimal_loss(b) * n for b, n in zip(samples(task.name), counts, strict=True)]
    assert_near(task.optimum, 0, ratio(sums, counts))


def test_memoryless_loss_matches_counts(task: Task) -> None:
    each = [pairs_of(batch) for batch in samples(task.name)]
    together = sum(each, Counter[tuple[int, int]]())
    above: Counter[int] = Counter()
    for (symbol, _), count in together.items():
        above[symbol] += count
    surprise = {pair: math.log(above[pair[0]] / count) for pair, count in together.items()}
    sums = [sum(surprise[pair] * n for pair, n in counts.items()) for counts in each]
    mean, error = ratio(sums, [float(counts.total()) for counts in each])
    claimed = task.memoryless
    # Counts underestimate the entropy by about this much (Miller, 1955).
    missing = (len(together) - len(above)) / (2 * together.total())
    measured = mean + missing, math.hypot(error, missing / 4)
    assert_near(claimed, claimed.standard_error, measured)
    assert claimed >= task.optimum - 4 * claimed.standard_error - 1e-9


def test_chance_is_the_frequency_of_the_most_frequent_target(task: Task) -> None:
    each = [Counter(batch.targets[batch.scored].tolist()) for batch in samples(task.name)]
    together = sum(each, Counter[int]())
    totals = [float(counts.total()) for counts in each]
    measured = [  # near a tie, another may be the most frequent
        ratio([float(counts[symbol]) for counts in each], totals)
        for symbol, _ in together.most_common(3)
    ]
    nearest = min(measured, key=lambda found: abs(found[0] - task.chance))
    assert_near(task.chance, task.chance.standard_error, nearest)


def test_training_and_held_out_sequences_are_disjoint(task: Task) -> None:
    if len(set(rows_of(task.sample(250, generator=seeded(2026))))) < 20:
        pytest.skip("too few sequences to split at random")
    training, held_out = task.held_out(0.3)
    shown, kept = (
        set().union(*(rows_of(split.sample(100, generator=seeded(n))) for n in range(5)))
        for split in (training, held_out)
    )
    assert shown
    assert kept
    assert not shown & kept
    assert training.sample(3, generator=seeded(0)).inputs.shape[0] == 3
    assert (held_out.memoryless, training.chance) == (task.memoryless, task.chance)
    assert held_out.complement.name == training.name


class Palindrome(KnownProbabilities):
    """Does a string read the same backwards? At most lengths, hardly any does."""

    name = "palindrome"
    level = "context-free"
    lengths = (1, 40)
    vocab = Vocab("01=")
    off = 0.0  # an error added to the probability of 1

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        return torch.randint(2, (batch_size, length), generator=generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        return (inputs == inputs.flip(1)).all(1, keepdim=True).long()

    def answer_probabilities(self) -> list[float]:
        probability = sum(2.0 ** -(n // 2) for n in range(1, 41)) / 40 + self.off
        return [1 - probability, probability]


def test_contract_detects_errors_where_few_short_lengths_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Palindrome()
    monkeypatch.setitem(globals(), "samples", lambda _: paired_batches(task))
    test_chance_is_the_frequency_of_the_most_frequent_target(task)
    test_memoryless_loss_matches_counts(task)

    task.off = 0.01
    message = r"the task says 0\.\d+ ± 0\.00000, but 10,000 sequences give 0\.\d+ ± 0\.\d+"
    with pytest.raises(AssertionError, match=message):
        test_chance_is_the_frequency_of_the_most_frequent_target(task)
    with pytest.raises(AssertionError, match=message):
        test_memoryless_loss_matches_counts(task)
