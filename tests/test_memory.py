from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from seqtoys import Batch
from seqtoys.errors import OptionError
from seqtoys.support.randomness import seeded_generator
from seqtoys.tasks.memory_copy import Copy, RepeatCopy
from seqtoys.tasks.memory_delay import DelayedCopy
from seqtoys.tasks.memory_recall import AssociativeRecall, FirstSymbol, NBack
from seqtoys.tasks.task import Task


def solve_copy(inputs: str) -> str:
    string = inputs[: inputs.index(":")]
    return "·" * (len(string) + 1) + string


def solve_repeat_copy(inputs: str) -> str:
    string, number = inputs.rstrip(".")[:-1], inputs.rstrip(".")[-1]
    answer = "·" * (len(string) + 1) + string * int(number) + "$"
    return answer.ljust(len(inputs), "·")


def solve_delayed_copy(inputs: str) -> str:
    return "_" * (len(inputs) - 10) + inputs[:10]


def solve_associative_recall(inputs: str) -> str:
    pairs, key = inputs.rstrip("=").split("?")
    values = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert 2 * len(values) == len(pairs)  # no key twice
    return "·" * (len(inputs) - 1) + values[key]


def solve_2_back(inputs: str) -> str:
    answers = ("Y" if inputs[t] == inputs[t - 2] else "N" for t in range(2, len(inputs)))
    return "··" + "".join(answers)


def solve_1_back(inputs: str) -> str:
    return "·" + "".join("NY"[a == b] for a, b in pairwise(inputs))


def solve_first_symbol(inputs: str) -> str:
    return "·" * (len(inputs) - 1) + inputs[0]


Solver = Callable[[str], str]
CASES: list[tuple[Task, Solver]] = [
    (Copy(), solve_copy),
    (Copy(symbols=3), solve_copy),
    (RepeatCopy(), solve_repeat_copy),
    (RepeatCopy(symbols=2, repeats=3), solve_repeat_copy),
    (DelayedCopy(), solve_delayed_copy),
    (DelayedCopy(delay=3, one_blank=True), solve_delayed_copy),
    (AssociativeRecall(), solve_associative_recall),
    (AssociativeRecall(pairs=26), solve_associative_recall),
    (NBack(), solve_2_back),
    (NBack(n=1, symbols=3, matches=0.2), solve_1_back),
    (FirstSymbol(), solve_first_symbol),
    (FirstSymbol(symbols=2), solve_first_symbol),
]
NAMES = [f"{task.name}-{number}" for number, (task, _) in enumerate(CASES)]
each_case = pytest.mark.parametrize(("task", "solve"), CASES, ids=NAMES)


def rows(task: Task, batch: Batch) -> list[tuple[str, str]]:
    """Return inputs and targets as `show` prints them."""
    shown = batch.show(task.vocab, rows=len(batch)).split("\n\n")
    lines = [row.split("\n") for row in shown]
    return [(above.split()[1], below.split()[1]) for above, below in lines]


@each_case
def test_targets_match_a_plain_solver(task: Task, solve: Solver) -> None:
    lengths = [*range(task.lengths[0], task.lengths[1] + 1), *task.longer, None]
    generator = seeded_generator(1)
    for length in lengths:
        if length is None or task.why_no_length(length) is None:
            for inputs, targets in rows(task, task.sample(20, length=length, generator=generator)):
                assert targets == solve(inputs)


@each_case
def test_losses_and_chance_match_counts(task: Task, solve: Solver) -> None:
    generator = seeded_generator(2)
    batches = [task.sample(64, generator=generator) for _ in range(400)]
    counts = [
        Counter(zip(b.inputs[b.scored].tolist(), b.targets[b.scored].tolist(), strict=True))
        for b in batches
    ]
    together = sum(counts, Counter[tuple[int, int]]())
    above, below = Counter[int](), Counter[int]()
    for (symbol, target), n in together.items():
        above[symbol] += n
        below[target] += n
    surprise = {pair: math.log(above[pair[0]] / n) for pair, n in together.items()}
    sizes = [c.total() for c in counts]
    losses = [sum(n * surprise[pair] for pair, n in c.items()) for c in counts]
    # An entropy of k symbols estimated from N samples is too low by about (k - 1) / 2N.
    bias = len(together) / sum(sizes)
    assert_close(task.memoryless, losses, sizes, bias)
    assert task.memoryless.is_exact
    best = max(below, key=below.__getitem__)
    likeliest = below[best] / sum(sizes)
    # The most frequent of k equally likely symbols exceeds 1 / k by some standard errors.
    assert abs(likeliest - task.chance) < 4 * math.sqrt(task.chance / sum(sizes)) + 0.002
    assert task.chance.is_exact
    assert task.optimum == task.optimal_loss(batches[0]) == 0


def assert_close(exact: float, sums: list[float], sizes: list[int], bias: float) -> None:
    """Assert that a ratio of expectations is within 4 standard errors of the sample's."""
    mean = sum(sums) / sum(sizes)
    spread = sum((a - mean * n) ** 2 for a, n in zip(sums, sizes, strict=True))
    assert abs(mean - exact) < 4 * math.sqrt(spread) / sum(sizes) + bias


@each_case
def test_same_seed_gives_same_batch(task: Task, solve: Solver) -> None:
    length = task.lengths[1]
    first, again, other = (
        task.sample(16, length=length, generator=seeded_generator(seed)).inputs
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_delayed_copy_has_the_published_layout() -> None:
    batch = DelayedCopy(delay=7).sample(2)
    (inputs, targets), _ = rows(DelayedCopy(delay=7), batch)
    assert inputs == targets[-10:] + "_" * 6 + ">" + "." * 10
    assert batch.scored.all()
    one = DelayedCopy(delay=7, one_blank=True)
    assert rows(one, one.sample(1))[0][0].endswith("______>__________")


@pytest.mark.parametrize("delay", [1, 100, 500])
def test_memoryless_loss_of_delayed_copy_is_the_published_one(delay: int) -> None:
    assert DelayedCopy(delay).memoryless == pytest.approx(10 * math.log(8) / (delay + 20))


def test_letters_are_uniform_and_matches_equally_likely() -> None:
    task = NBack(n=3, symbols=4, matches=0.25)
    batch = task.sample(4000, length=12, generator=seeded_generator(4))
    assert abs(batch.inputs.double().mean() - 1.5) < 4 * math.sqrt(1.25 / 4000)
    for position in (3, 11):
        for symbol in range(4):
            here = batch.inputs[:, position] == symbol
            frequency = (batch.targets[here, position] == task.vocab.encode("Y")).double().mean()
            assert abs(frequency - 0.25) < 4 * math.sqrt(0.1875 / 900)


def test_keys_and_positions_are_uniform() -> None:
    task = AssociativeRecall()
    batch = task.sample(8000, length=10, generator=seeded_generator(4))
    place = (batch.inputs[:, :8:2] == batch.inputs[:, 9:10]).byte().argmax(1)
    assert (place.bincount(minlength=4) - 2000).abs().max() < 4 * math.sqrt(1500)
    for column in range(4):
        keys = batch.inputs[:, 2 * column].bincount(minlength=26)
        assert (keys[:26] - 8000 / 26).abs().max() < 5 * math.sqrt(8000 / 26)


def test_impossible_options_and_lengths_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    def check(call: Callable[[], object], message: str) -> None:
        assert_error(call, OptionError, message)

    check(lambda: Copy(symbols=1), "expected symbols to be an integer from 2 to 26, got 1")
    check(lambda: RepeatCopy(repeats=10), "expected repeats to be an integer from 1 to 9, got 10")
    check(lambda: DelayedCopy(0), "expected delay to be a positive integer, got 0")
    check(lambda: AssociativeRecall(27), "expected pairs to be an integer from 1 to 26, got 27")
    check(lambda: NBack(0), "expected n to be a positive integer, got 0")
    check(lambda: NBack(matches=1.0), "expected matches to be above 0 and below 1, got 1.0")
    check(lambda: FirstSymbol(27), "expected symbols to be an integer from 2 to 26, got 27")
    check(
        lambda: Copy().sample(1, length=1),
        "copy has no sequence of length 1: the shortest is 2, a letter and the end marker",
    )
    check(
        lambda: RepeatCopy().sample(1, length=1),
        "repeat_copy has no sequence of length 1: "
        "the shortest is 2, a letter and the number of repeats",
    )
    check(
        lambda: DelayedCopy().sample(1, length=20),
        "delayed_copy has no sequence of length 20: the shortest, with delay 1, is 21",
    )
    check(
        lambda: AssociativeRecall().sample(1, length=7),
        "associative_recall has no sequence of length 7: "
        "n pairs, a ? and a key take 2 n + 2 symbols, for n from 1 to 26",
    )
    check(
        lambda: NBack().sample(1, length=2),
        "n_back has no sequence of length 2: the first answer is at symbol 3",
    )
