from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch

from seqtoys import Batch
from seqtoys.errors import DataError, OptionError
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks import counting
from seqtoys.tasks.counting import CountingLanguage
from seqtoys.tasks.dyck import Dyck
from seqtoys.tasks.task import Task

CLOSES = dict(zip(")]}>", "([{<", strict=True))


def counts(text: str) -> list[int]:
    """Return the length of each block of letters, or nothing if they are out of order."""
    found = re.fullmatch("(a+)(b+)(c*)(d*)", text)
    return [len(block) for block in found.groups() if block] if found else []


def log_p(p: float, *ns: int) -> float:
    return sum(math.log(p * (1 - p) ** (n - 1)) for n in ns)


def read_string(name: str, text: str, p: float) -> float | None:
    """Return the log-probability of a string, or None if it is not in the language."""
    match name, counts(text):
        case ("anbn", [n, m]) if n == m:
            return log_p(p, n)
        case ("anb2n", [n, m]) if 2 * n == m:
            return log_p(p, n)
        case ("anbncn", [n, m, k]) if n == m == k:
            return log_p(p, n)
        case ("anbncndn", [n, m, k, j]) if n == m == k == j:
            return log_p(p, n)
        case ("anbmcnm", [n, m, k]) if n + m == k:
            return log_p(p, n, m)
    return None


def read_brackets(text: str, p: float, kinds: int) -> float | None:
    """Return the log-probability of a string of brackets, or None if it is not balanced."""
    stack: list[str] = []
    for symbol in text:
        if symbol not in CLOSES:
            stack.append(symbol)
        elif not stack or stack.pop() != CLOSES[symbol]:
            return None
    pairs = len(text) // 2
    return None if stack else pairs * math.log(p / kinds) + (pairs + 1) * math.log(1 - p)


Reader = Callable[[str], float | None]
BUILDERS = (
    counting.anbn,
    counting.anbncn,
    counting.anbncndn,
    counting.anb2n,
    counting.anbmcnm,
)
CASES: list[tuple[Task, Reader]] = [
    *((build(), partial(read_string, build.__name__, p=0.3)) for build in BUILDERS),
    (counting.anbmcnm(0.5), partial(read_string, "anbmcnm", p=0.5)),
    *(
        (Dyck(k, p), partial(read_brackets, p=p, kinds=k))
        for k, p in ((1, 0.3), (2, 0.3), (4, 0.4))
    ),
]
NAMES = [f"{task.name}-{number}" for number, (task, _) in enumerate(CASES)]
each_case = pytest.mark.parametrize(("task", "reader"), CASES, ids=NAMES)


def texts_of(task: Task, batch: Batch) -> list[str]:
    """Return whole sequences, from # to #, and assert that targets are the next symbols."""
    assert batch.lengths is not None
    texts = []
    for row, length in enumerate(batch.lengths.tolist()):
        above = str(task.vocab.decode(batch.inputs[row, :length]))
        below = str(task.vocab.decode(batch.targets[row, :length]))
        assert above[1:] == below[:-1]
        assert (batch.targets[row, length:] == -100).all()
        texts.append(above + below[-1])
    return texts


def draw(task: Task, count: int, length: int | None = None) -> tuple[Batch, list[str]]:
    batch = task.sample(count, length=length, generator=seeded_generator(3))
    return batch, texts_of(task, batch)


@each_case
def test_samples_are_in_the_language_and_match_its_optimal_loss(
    task: Task, reader: Reader
) -> None:
    batch, texts = draw(task, 3000)
    assert {text[0] + text[-1] for text in texts} == {"##"}
    surprises, scored = [], [len(text) - 1 for text in texts]
    for text in texts:
        log_probability = reader(text[1:-1])
        assert log_probability is not None
        surprises.append(-log_probability)
    assert task.optimal_loss(batch) == pytest.approx(sum(surprises) / sum(scored), abs=1e-9)
    assert_close(task.optimum, surprises, scored)


def assert_close(exact: float, sums: list[float], sizes: list[int]) -> None:
    """Assert that a ratio of expectations is within 4 standard errors of the sample's."""
    mean = sum(sums) / sum(sizes)
    spread = sum((a - mean * n) ** 2 for a, n in zip(sums, sizes, strict=True))
    assert abs(mean - exact) < 4 * math.sqrt(spread) / sum(sizes)


@each_case
def test_memoryless_and_chance_match_counts(task: Task, reader: Reader) -> None:
    _, texts = draw(task, 4000)
    pairs = [Counter(pairwise(text)) for text in texts]
    sizes = [len(text) - 1 for text in texts]
    together = sum(pairs, Counter[tuple[str, str]]())
    above, below = Counter[str](), Counter[str]()
    for (symbol, target), count in together.items():
        above[symbol] += count
        below[target] += count
    surprise = {pair: math.log(above[pair[0]] / n) for pair, n in together.items()}
    losses = [sum(n * surprise[pair] for pair, n in found.items()) for found in pairs]
    assert isinstance(task.memoryless, Estimate)
    assert task.memoryless.is_exact
    assert_close(task.memoryless, losses, sizes)
    frequency = {symbol: count / sum(sizes) for symbol, count in below.items()}
    best = max(frequency, key=frequency.__getitem__)
    if sorted(frequency.values())[-2] < 0.9 * frequency[best]:  # otherwise the maximum is biased
        hits = [float(text[1:].count(best)) for text in texts]
        assert_close(task.chance, hits, sizes)
    assert task.chance == pytest.approx(frequency[best], rel=0.05)


@each_case
def test_best_accuracy_is_that_of_the_best_guess_after_each_prefix(
    task: Task, reader: Reader
) -> None:
    _, texts = draw(task, 6000)
    known, tested = texts[:4000], texts[4000:]
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for text in known:
        for t in range(1, len(text)):
            after[context(text[:t])][text[t]] += 1
    guesses = {before: symbols.most_common(1)[0][0] for before, symbols in after.items()}

    def guess(before: str) -> str:
        return guesses.get(context(before), before[-1])  # long strings are rare

    hits = [float(sum(guess(text[:t]) == text[t] for t in range(1, len(text)))) for text in tested]
    best: Any = task
    assert_close(best.best_accuracy, hits, [len(text) - 1 for text in tested])


def context(prefix: str) -> str:
    """Return what matters for the next symbol: the innermost open bracket, or the whole prefix."""
    if prefix[1:].isalpha() or prefix == "#":
        return prefix
    while prefix != (prefix := re.sub(r"\(\)|\[\]|\{\}|<>", "", prefix)):
        pass
    return prefix[-1]


@each_case
@pytest.mark.parametrize("rank", [0, 1, 6, 200])
def test_requested_length_is_kept_and_impossible_ones_raise(
    task: Task, reader: Reader, rank: int
) -> None:
    possible = [n for n in range(1, 1700) if task.why_no_length(n) is None]
    length = possible[rank]
    _, texts = draw(task, 20, length)
    assert {len(text) - 1 for text in texts} == {length}
    assert all(reader(text[1:-1]) is not None for text in texts)
    with pytest.raises(OptionError, match=f"{task.name} has no sequence of length {length + 1}"):
        task.sample(1, length=length + 1)
    assert {*task.lengths, *task.longer} <= set(possible)


@each_case
def test_fixed_length_keeps_relative_probabilities(task: Task, reader: Reader) -> None:
    length = [n for n in range(1, 100) if task.why_no_length(n) is None][3]
    _, texts = draw(task, 4000, length)
    found = Counter(texts)
    weights = {text: math.exp(reader(text[1:-1]) or 0) for text in found}
    expected = {text: 4000 * w / sum(weights.values()) for text, w in weights.items()}
    for text, count in found.items():
        assert abs(count - expected[text]) <= 5 * math.sqrt(expected[text])
    if task.name == "dyck":
        assert isinstance(task, Dyck)
        assert len(found) == 5 * task.kinds**3  # Catalan number of 3 pairs
    assert task.name != "anbmcnm" or len(found) == 4


@each_case
def test_sequences_outside_the_language_raise(task: Task, reader: Reader) -> None:
    batch, _ = draw(task, 5, task.lengths[0] + (2 if task.name == "dyck" else 0))
    for position in range(batch.targets.shape[1]):
        targets = batch.targets.clone()
        targets[2, position] = (targets[2, position] + 1) % len(task.vocab)
        with pytest.raises(DataError, match=f"expected sequences of {task.name}"):
            task.optimal_loss(Batch(batch.inputs, targets, batch.lengths))
    inputs = batch.inputs.clone()
    inputs[4, 0] = 1
    with pytest.raises(DataError, match="at position 4"):
        task.optimal_loss(Batch(inputs, batch.targets, batch.lengths))


def test_published_optima() -> None:
    assert counting.anbn().optimum == pytest.approx(0.2656, abs=5e-5)
    assert Dyck().optimum == pytest.approx(0.6109, abs=5e-5)
    assert Dyck(kinds=2).optimum == pytest.approx(0.6109 + 0.3 * math.log(2), abs=5e-5)


def test_crossed_brackets_raise() -> None:
    task = Dyck(kinds=2)
    with pytest.raises(DataError, match="'#\\(\\[\\)\\]' at position 0"):
        task.optimal_loss(Batch.from_texts(["#([)]#"], task.vocab))
    with pytest.raises(DataError, match="expected sequences of dyck"):
        task.optimal_loss(Batch.from_texts(["#()(#"], task.vocab))
    assert task.optimal_loss(Batch.from_texts(["#([])#"], task.vocab)) == pytest.approx(
        (2 * math.log(2 / 0.3) - 3 * math.log(0.7)) / 5
    )


def test_training_lengths_cover_99_percent_of_strings() -> None:
    for task, _ in CASES:
        scored = task.sample(40_000, generator=seeded_generator(3)).lengths
        assert scored is not None
        beyond = int((scored > task.lengths[1]).sum())
        assert 40 < beyond < 480  # 400 at most in expectation


def test_long_strings_and_option_bounds() -> None:
    batch = Dyck(p=0.49).sample(64)
    assert batch.inputs.shape[1] > 100
    assert Dyck(kinds=8).sample(2, length=501).inputs.shape == (2, 501)
    for kinds, p in ((1, 0.5), (9, 0.3), (0, 0.3)):
        with pytest.raises(OptionError, match="expected"):
            Dyck(kinds, p)
    for p in (0.0, 1.0, -1.0):
        with pytest.raises(OptionError, match="expected p to be above"):
            counting.anbn(p)


def test_same_seed_gives_same_batch() -> None:
    for task, _ in CASES:
        first, again, other = (
            task.sample(16, generator=seeded_generator(seed)).targets for seed in (5, 5, 6)
        )
        assert torch.equal(first, again)
        assert first.shape != other.shape or not torch.equal(first, other)


def test_user_defined_language() -> None:
    task = CountingLanguage("anb3n", ((1,), (3,)))
    _, texts = draw(task, 3)
    assert all(text.count("b") == 3 * text.count("a") for text in texts)
