"""Regular and context-free tasks of Delétang et al. (2023), checked against string solvers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import product

import pytest
import torch

from seqtoys.errors import OptionError
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.chomsky.context_free import (
    ModularArithmeticBrackets,
    ReverseString,
    SolveEquation,
    StackManipulation,
)
from seqtoys.tasks.chomsky.regular import (
    CycleNavigation,
    EvenPairs,
    ModularArithmetic,
    Parity,
)

LENGTHS = [*range(1, 13), 39, 40, 100]
OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def even_pairs(text: str) -> str:
    pairs = [text[i : i + 2] for i in range(len(text) - 1)]
    return str((pairs.count("01") + pairs.count("10")) % 2)


def parity(text: str) -> str:
    return str(text.count("1") % 2)


def cycle_navigation(text: str) -> str:
    return str((text.count("+") - text.count("-")) % 5)


def modular_arithmetic(text: str) -> str:
    """Add and subtract products."""
    value, sign, start = 0, 1, 0
    for end in range(1, len(text) + 1, 2):
        if end == len(text) or text[end] in "+-":
            value += sign * math.prod(int(digit) for digit in text[start:end].split("*"))
            sign, start = (-1 if text[end:].startswith("-") else 1), end + 1
    return str(value % 5)


def stack_manipulation(text: str) -> str:
    stack: list[str] = []
    for symbol in text:
        if symbol == "P":
            del stack[-1:]
        else:
            stack.append({"a": "0", "b": "1"}.get(symbol, symbol))
    return "".join(reversed(stack)) + "$"


def parse(text: str, at: int = 0) -> tuple[int, int]:
    """Return the value of the expression that starts at `at`, and where it ends."""
    if text[at] in "01234":
        return int(text[at]), at + 1
    if text[at] == "-":
        assert text[at + 1] in "01234"
        return -int(text[at + 1]), at + 2
    assert text[at] == "("
    value, end = parse(text, at + 1)
    if text[end] == ")":
        assert text[at + 1] != "("  # brackets around a digit, with or without its sign
        return value, end + 1
    other, last = parse(text, end + 1)
    assert text[last] == ")"
    return OPERATORS[text[end]](value, other), last + 1


def modular_arithmetic_brackets(text: str) -> str:
    value, end = parse(text)
    assert end == len(text)
    return str(value % 5)


def solve_equation(text: str) -> str:
    expression, value = text.split("=")
    assert text.count("x") == 1
    assert "*" not in text
    candidates = [modular_arithmetic_brackets(expression.replace("x", x)) for x in "01234"]
    assert candidates.count(value) == 1
    return str(candidates.index(value))


SOLVERS: dict[type[AnswerTask], Callable[[str], str]] = {
    EvenPairs: even_pairs,
    Parity: parity,
    CycleNavigation: cycle_navigation,
    ModularArithmetic: modular_arithmetic,
    StackManipulation: stack_manipulation,
    ReverseString: lambda text: text[::-1],
    ModularArithmeticBrackets: modular_arithmetic_brackets,
    SolveEquation: solve_equation,
}
WORKED: list[tuple[type[AnswerTask], str, str]] = [
    (EvenPairs, "001110", "0"),
    (EvenPairs, "0101001", "1"),
    (Parity, "0110", "0"),
    (Parity, "0111", "1"),
    (CycleNavigation, "+-0--", "3"),
    (ModularArithmetic, "1+2*3", "2"),
    (ModularArithmetic, "1-1-1", "4"),
    (StackManipulation, "0110bPP", "110$"),
    (StackManipulation, "0PPa", "0$"),  # a pop on the empty stack does nothing
    (StackManipulation, "0P", "$"),
    (ReverseString, "0010", "0100"),
    (ModularArithmeticBrackets, "(1+(2*3))", "2"),
    (ModularArithmeticBrackets, "(3-(-4))", "2"),
    (ModularArithmeticBrackets, "(-1--2)", "1"),  # signs without brackets
    (ModularArithmeticBrackets, "-3", "2"),
    (SolveEquation, "(x+3)=1", "3"),
    (SolveEquation, "-x=1", "4"),
    (SolveEquation, "x=2", "2"),
]


def drawn(
    task: AnswerTask, length: int, count: int = 60, seed: int = 5
) -> Iterator[tuple[str, str]]:
    """Yield inputs and answers as strings, and check blanks and scoring."""
    batch = task.sample(count, length=length, generator=torch.Generator().manual_seed(seed))
    blanks = batch.inputs[:, length:]
    assert (blanks == task.vocab.symbols.index(task.blank)).all()
    assert not batch.scored[:, :length].any()
    assert torch.equal(task.answer(batch.inputs[:, :length]), batch.targets[:, length:])
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        scored = targets[length:] != -100
        assert scored[: int(scored.sum())].all()  # from the first blank on, without a gap
        text, answer = map(task.vocab.decode, (inputs[:length], targets[length:][scored]))
        assert isinstance(text, str)
        assert isinstance(answer, str)
        yield text, answer


def answer_to(task: AnswerTask, text: str) -> str:
    answer = task.answer(task.vocab.encode_batch([text]))
    decoded = task.vocab.decode(answer[answer != -100])
    assert isinstance(decoded, str)
    return decoded


def assert_uniform(found: list[int] | list[str], possible: int) -> None:
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
    assert answer_to(kind(), text) == answer
    assert SOLVERS[kind](text) == answer


def test_optimum_is_zero_and_source_is_named(task: AnswerTask) -> None:
    assert task.optimum == 0 == task.optimal_loss(task.sample(3))
    assert task.source == "Delétang et al. 2023"
    assert all(task.why_no_length(length) is None for length in task.longer)


def test_impossible_lengths_raise() -> None:
    for length in (2, 40):
        with pytest.raises(OptionError, match=f"alternate, .* {length - 1} or {length + 1}"):
            ModularArithmetic().sample(2, length=length)
    for length in (1, 2):
        with pytest.raises(OptionError, match="the shortest is 3, as in x=2"):
            SolveEquation().sample(2, length=length)


@pytest.mark.parametrize(
    ("kind", "symbols"), [(EvenPairs, "01"), (CycleNavigation, "-0+"), (ReverseString, "01")]
)
def test_symbols_are_uniform(kind: type[AnswerTask], symbols: str) -> None:
    found = [symbol for text, _ in drawn(kind(), 10, 2000) for symbol in text]
    assert set(found) == set(symbols)
    assert_uniform(found, len(symbols))


def test_digits_and_operators_are_uniform() -> None:
    texts = [text for text, _ in drawn(ModularArithmetic(), 9, 2000)]
    assert_uniform([symbol for text in texts for symbol in text[::2]], 5)
    assert_uniform([symbol for text in texts for symbol in text[1::2]], 3)


def test_stacks_have_uniform_heights_and_symbols() -> None:
    texts = [text for text, _ in drawn(StackManipulation(), 9, 4000)]
    stacks = [text.rstrip("abP") for text in texts]
    assert_uniform([len(stack) for stack in stacks], 8)
    assert_uniform(list("".join(stacks)), 2)
    assert_uniform(list("".join(text.lstrip("01") for text in texts)), 3)


@pytest.mark.parametrize("length", [9, 14])
def test_expressions_are_split_uniformly(length: int) -> None:
    texts = [text for text, _ in drawn(ModularArithmeticBrackets(), length, 4000)]
    middles = [parse(text, 1)[1] for text in texts]
    assert_uniform([middle - 1 for middle in middles], length - 4)
    assert_uniform([text[middle] for text, middle in zip(texts, middles, strict=True)], 3)
    assert_uniform([symbol for text in texts for symbol in text if symbol.isdigit()], 5)


def test_expressions_in_a_batch_have_different_structures() -> None:
    texts = [text for text, _ in drawn(ModularArithmeticBrackets(), 40, 200)]
    shapes = {"".join("d" if symbol.isdigit() else symbol for symbol in text) for text in texts}
    assert len(shapes) == 200


def test_x_replaces_the_first_digit_from_a_uniform_position() -> None:
    texts = [text.split("=")[0] for text, _ in drawn(SolveEquation(), 10, 6000)]
    found, expected = Counter[int](), defaultdict[int, float](float)
    for text in texts:
        digits = [i for i, symbol in enumerate(text) if symbol in "01234x"]
        found[text.index("x")] += 1
        for position in range(len(text)):
            chosen = next((i for i in digits if i >= position), digits[0])
            expected[chosen] += 1 / len(text)
    assert found.keys() <= expected.keys()
    for place, mean in expected.items():
        assert abs(found[place] - mean) < 4.5 * math.sqrt(mean)
    assert_uniform([answer for _, answer in drawn(SolveEquation(), 10, 4000)], 5)


def weighted_expressions(length: int) -> Iterator[tuple[str, Fraction]]:
    """Yield every expression of a length with its probability."""
    if length <= 4:
        pattern = {1: "{}", 2: "-{}", 3: "({})", 4: "(-{})"}[length]
        yield from ((pattern.format(digit), Fraction(1, 5)) for digit in range(5))
        return
    for left in range(1, length - 3):
        pairs = product(weighted_expressions(left), weighted_expressions(length - 3 - left))
        for (a, p), (b, q) in pairs:
            yield from ((f"({a}{op}{b})", p * q / 3 / (length - 4)) for op in "+-*")


def weighted_stacks(length: int) -> Iterator[tuple[str, Fraction]]:
    """Yield every stack followed by actions, with its probability."""
    heights = range(1, max(2, length))
    for height in heights:
        columns = ["01"] * height + ["Pab"] * (length - height)
        chance = Fraction(1, len(heights) * math.prod(map(len, columns)))
        yield from (("".join(row), chance) for row in product(*columns))


def all_of(kind: type[AnswerTask], length: int) -> Iterator[tuple[str, Fraction]]:
    """Yield every input of a length with its probability."""
    if kind is ModularArithmeticBrackets:
        yield from weighted_expressions(length)
        return
    if kind is StackManipulation:
        yield from weighted_stacks(length)
        return
    alphabets = {"cycle_navigation": ["-0+"], "modular_arithmetic": ["01234", "+-*"]}
    symbols = alphabets.get(kind.name, ["01"])
    columns = [symbols[i % len(symbols)] for i in range(length)]
    count = math.prod(map(len, columns))
    yield from (("".join(row), Fraction(1, count)) for row in product(*columns))


@pytest.mark.parametrize("shortest", [1, 3])
@pytest.mark.parametrize(
    ("kind", "longest"),
    [
        (EvenPairs, 6),
        (Parity, 6),
        (CycleNavigation, 5),
        (ModularArithmetic, 5),
        (StackManipulation, 7),
        (ReverseString, 6),
        (ModularArithmeticBrackets, 9),
    ],
)
def test_exact_baselines_match_all_short_inputs(
    kind: type[AnswerTask], longest: int, shortest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_exact(kind, (shortest, longest), monkeypatch)


@pytest.mark.parametrize("lengths", [(1, 1), (1, 2), (2, 2)])
def test_exact_baselines_of_the_smallest_stacks(
    lengths: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_exact(StackManipulation, lengths, monkeypatch)


def test_exact_baselines_of_stack_manipulation() -> None:
    """Computed independently, from the distribution of heights for each initial stack."""
    heights = [mean_height(length) for length in range(1, 41)]
    height = sum(heights) / len(heights)
    task = StackManipulation()
    assert task.chance == pytest.approx(float(height / 2 / (height + 1)), rel=1e-12)
    assert f"{task.memoryless:.6f} {100 * task.chance:.3f}" == "0.894372 46.602"


def mean_height(length: int) -> Fraction:
    """Compute the mean final height over all initial heights, pushes and pops."""
    starts = range(1, max(2, length))
    return sum((final_height(s, length - s) for s in starts), Fraction(0)) / len(starts)


@cache
def final_height(height: int, actions: int) -> Fraction:
    if not actions:
        return Fraction(height)
    pushed, popped = height + 1, max(0, height - 1)
    return (2 * final_height(pushed, actions - 1) + final_height(popped, actions - 1)) / 3


def assert_exact(
    kind: type[AnswerTask], lengths: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert that a task's baselines match all of its inputs of these lengths."""
    monkeypatch.setattr(kind, "lengths", lengths)
    task = kind()
    weights = defaultdict[str, float](float)
    possible = [n for n in range(lengths[0], lengths[1] + 1) if task.why_no_length(n) is None]
    for length in possible:
        for text, chance in all_of(kind, length):
            for symbol in SOLVERS[kind](text):
                weights[symbol] += float(chance)
    total = sum(weights.values())
    assert task.chance == pytest.approx(max(weights.values()) / total)
    assert task.memoryless == pytest.approx(
        -sum(n / total * math.log(n / total) for n in weights.values())
    )
    assert task.chance.is_exact
    assert task.memoryless.is_exact


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
    # If all symbols are equally likely, a sample's most frequent one is slightly above that.
    assert abs(task.chance - mean) < 4.5 * math.hypot(error.item(), task.chance.standard_error)
