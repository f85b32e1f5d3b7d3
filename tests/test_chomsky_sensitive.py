"""Context-sensitive tasks of Delétang et al. (2023), checked against string solvers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import torch

from seqtoys.errors import OptionError
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.chomsky.arithmetic import BinaryAddition, BinaryMultiplication, ComputeSqrt
from seqtoys.tasks.chomsky.context_sensitive import (
    BucketSort,
    DuplicateString,
    MissingDuplicate,
    OddsFirst,
)

LENGTHS = [*range(1, 13), 39, 40, 100, 500]


def missing_duplicate(text: str) -> str:
    if text == "1":
        return "1"
    text = text.removesuffix("#")
    half = len(text) // 2
    matches = [
        bit for bit in "01" if text.replace("?", bit)[:half] == text.replace("?", bit)[half:]
    ]
    assert text.count("?") == len(matches) == 1
    return matches[0]


def lowest_first(number: int) -> str:
    return f"{number:b}"[::-1] + "$"


def operands(text: str, operator: str) -> tuple[int, int]:
    first, second = text.split(operator)
    assert "1" in first
    assert "1" in second
    return int(first[::-1], 2), int(second[::-1], 2)


def binary_addition(text: str) -> str:
    return lowest_first(sum(operands(text, "+")))


def binary_multiplication(text: str) -> str:
    return lowest_first(math.prod(operands(text, "*")))


def compute_sqrt(text: str) -> str:
    """Find the integer square root bit by bit."""
    number, root = int(text, 2), 0
    assert number
    width = (len(text) + 1) // 2
    for bit in reversed(range(width)):
        if (root + 2**bit) ** 2 <= number:
            root += 2**bit
    assert root**2 <= number < (root + 1) ** 2
    return f"{root:0{width}b}"


SOLVERS: dict[type[AnswerTask], Callable[[str], str]] = {
    DuplicateString: lambda text: text + text,
    MissingDuplicate: missing_duplicate,
    OddsFirst: lambda text: text[::2] + text[1::2],
    BinaryAddition: binary_addition,
    BinaryMultiplication: binary_multiplication,
    ComputeSqrt: compute_sqrt,
    BucketSort: lambda text: "".join(sorted(text)),
}
WORKED: list[tuple[type[AnswerTask], str, str]] = [
    (DuplicateString, "101", "101101"),
    (MissingDuplicate, "01100?10", "1"),
    (MissingDuplicate, "1011?1#", "0"),
    (MissingDuplicate, "1", "1"),
    (OddsFirst, "00110101", "01000111"),
    (BinaryAddition, "01001+011", "00011$"),
    (BinaryAddition, "1+1", "01$"),
    (BinaryMultiplication, "01001*011", "0011011$"),
    (BinaryMultiplication, "1*1", "1$"),
    (ComputeSqrt, "100101", "110"),
    (ComputeSqrt, "111", "10"),
    (ComputeSqrt, "1", "1"),
    (BucketSort, "10204112", "00111224"),
]
BLANKS: dict[type[AnswerTask], Callable[[int], int]] = {
    DuplicateString: lambda n: 2 * n,
    MissingDuplicate: lambda n: 1,
    OddsFirst: lambda n: n,
    BinaryAddition: lambda n: n + 1,
    BinaryMultiplication: lambda n: n,
    ComputeSqrt: lambda n: math.ceil(n / 2),
    BucketSort: lambda n: n,
}


def drawn(
    task: AnswerTask, length: int, count: int = 40, seed: int = 5
) -> Iterator[tuple[str, str]]:
    """Yield inputs and answers as strings, and check blanks and scoring."""
    batch = task.sample(count, length=length, generator=torch.Generator().manual_seed(seed))
    blanks = batch.inputs[:, length:]
    assert blanks.shape[1] == BLANKS[type(task)](length)
    assert (blanks == task.vocab.symbols.index(task.blank)).all()
    assert not batch.scored[:, :length].any()
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        scored = targets[length:] != -100
        assert scored[: int(scored.sum())].all()  # from the first blank on, without a gap
        text, answer = map(task.vocab.decode, (inputs[:length], targets[length:][scored]))
        assert isinstance(text, str)
        assert isinstance(answer, str)
        yield text, answer


def assert_uniform(found: list[int], possible: int) -> None:
    """Assert that all possible values are equally frequent, within 4.5 standard errors."""
    counts, expected = Counter(found), 1 / possible
    assert len(counts) == possible
    error = math.sqrt(expected * (1 - expected) / len(found))
    assert max(abs(n / len(found) - expected) for n in counts.values()) <= 4.5 * error


@pytest.fixture(params=SOLVERS, ids=lambda kind: kind.name)
def task(request: pytest.FixtureRequest) -> AnswerTask:
    built = request.param()
    assert isinstance(built, AnswerTask)
    return built


def test_answers_match_a_string_solver(task: AnswerTask) -> None:
    for length in LENGTHS:
        if task.why_no_length(length) is None:
            for text, answer in drawn(task, length):
                assert len(text) == length
                assert answer == SOLVERS[type(task)](text)


@pytest.mark.parametrize(("kind", "text", "answer"), WORKED)
def test_worked_examples(kind: type[AnswerTask], text: str, answer: str) -> None:
    task = kind()
    found = task.answer(task.vocab.encode_batch([text]))
    assert task.vocab.decode(found[found != -100]) == answer
    assert SOLVERS[kind](text) == answer


def test_optimum_is_zero_and_source_is_named(task: AnswerTask) -> None:
    assert task.optimum == 0 == task.optimal_loss(task.sample(3))
    assert task.source == "Delétang et al. 2023"
    assert task.level == "context-sensitive"


@pytest.mark.parametrize(
    ("kind", "shown"), [(BinaryAddition, "1.1"), (BinaryMultiplication, "1.1")]
)
@pytest.mark.parametrize("length", [1, 2])
def test_lengths_too_short_for_two_numbers_raise(
    kind: type[AnswerTask], shown: str, length: int
) -> None:
    with pytest.raises(OptionError, match=f"length {length}: the shortest is 3, as in {shown}"):
        kind().sample(2, length=length)


def test_both_numbers_and_the_first_length_are_uniform() -> None:
    texts = [text for text, _ in drawn(BinaryAddition(), 9, 8000)]
    assert_uniform([text.index("+") for text in texts], 7)
    for size in (1, 2, 3):
        first = [text[:size] for text in texts if text.index("+") == size]
        second = [text[-size:] for text in texts if text.index("+") == 8 - size]
        assert_uniform([int(bits, 2) for bits in first], 2**size - 1)
        assert_uniform([int(bits, 2) for bits in second], 2**size - 1)


def test_bits_of_long_numbers_are_uniform() -> None:
    texts = [text for text, _ in drawn(ComputeSqrt(), 100, 1000)]
    for place in (0, 50, 99):
        assert_uniform([int(text[place]) for text in texts], 2)


def test_radicands_are_uniform() -> None:
    assert_uniform([int(text, 2) for text, _ in drawn(ComputeSqrt(), 4, 4000)], 15)


def test_missing_position_and_symbol_are_uniform() -> None:
    texts = [text for text, _ in drawn(MissingDuplicate(), 9, 4000)]
    assert_uniform([text.index("?") for text in texts], 8)
    assert_uniform([int(answer) for _, answer in drawn(MissingDuplicate(), 9, 4000)], 2)
    assert all(text == "1" for text, _ in drawn(MissingDuplicate(), 1))


def test_symbols_to_sort_are_uniform() -> None:
    assert_uniform([int(s) for text, _ in drawn(BucketSort(), 10, 1000) for s in text], 5)


def test_baselines_match_samples(task: AnswerTask) -> None:
    generator = torch.Generator().manual_seed(8)
    each = []
    for _ in range(400):
        batch = task.sample(40, generator=generator)
        targets = batch.targets[batch.scored]
        each.append(torch.bincount(targets, minlength=len(task.vocab)).double())
    counts = torch.stack(each)
    best = int(counts.sum(0).argmax())
    mean = (counts[:, best].sum() / counts.sum()).item()
    error = (counts[:, best] - mean * counts.sum(1)).square().sum().sqrt() / counts.sum()
    assert abs(task.chance - mean) < 4.5 * math.hypot(error.item(), task.chance.standard_error)
    frequencies = counts.sum(0) / counts.sum()
    entropy = -(frequencies * frequencies.log().nan_to_num(neginf=0)).sum().item()
    assert task.memoryless == pytest.approx(entropy, abs=0.01 + 4 * task.memoryless.standard_error)


def test_baselines_match_closed_forms() -> None:
    for kind in (DuplicateString, OddsFirst):
        assert (kind().chance, kind().memoryless) == (0.5, math.log(2))
    assert BucketSort().chance == 0.2
    assert BucketSort().memoryless == pytest.approx(math.log(5))
    ones = 20.5 / 40  # always 1 at length 1, otherwise in half of the strings
    missing = MissingDuplicate()
    assert missing.chance == ones
    assert missing.memoryless == pytest.approx(
        -ones * math.log(ones) - (1 - ones) * math.log(1 - ones)
    )


@pytest.mark.parametrize(("lengths", "chance"), [((1, 4), 5 / 8), ((2, 9), 1 / 2), ((1, 1), 1)])
def test_missing_symbol_is_1_at_length_1_and_balanced_beyond(
    lengths: tuple[int, int], chance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MissingDuplicate, "lengths", lengths)
    assert MissingDuplicate().chance == chance
