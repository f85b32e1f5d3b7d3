"""State tracking: groups, semiautomata, flip-flop and majority, against slow solvers."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any, cast

import numpy as np
import pytest
import torch

from seqtoys import Batch, ElmanCharModel, Semiautomaton, Task, evaluate, fit, get_task
from seqtoys.errors import DataError, InputTypeError, OptionError
from seqtoys.tasks.state_tracking.flip_flop import FlipFlop
from seqtoys.tasks.state_tracking.gridworld import gridworld
from seqtoys.tasks.state_tracking.groups import find_group
from seqtoys.tasks.state_tracking.majority import Majority
from seqtoys.tasks.state_tracking.word_problem import word_problem

Pairs = dict[tuple[str, str], float]


def conditional_entropy(pairs: Pairs) -> float:
    """Compute the entropy of the second part of a pair given the first."""
    above: dict[str, float] = defaultdict(float)
    for (symbol, _), weight in pairs.items():
        above[symbol] += weight
    nats = sum(n * math.log(above[symbol] / n) for (symbol, _), n in pairs.items() if n)
    return nats / sum(pairs.values())


def share_of_most_frequent(pairs: Pairs) -> float:
    below: dict[str, float] = defaultdict(float)
    for (_, target), weight in pairs.items():
        below[target] += weight
    return max(below.values()) / sum(below.values())


def read(task: Task, batch: Batch) -> list[tuple[list[str], list[str]]]:
    """Return the inputs and targets of each sequence as symbols, with "" where unscored."""
    names = [*task.vocab.symbols, ""]
    targets = batch.targets.where(batch.scored, -1)
    rows = zip(batch.inputs.tolist(), targets.tolist(), strict=True)
    return [([names[i] for i in inputs], [names[i] for i in row]) for inputs, row in rows]


# --- Groups

CLASSES = {  # the number of conjugacy classes
    "Z2": 2, "Z7": 7, "Z60": 60, "S3": 3, "S4": 5, "S5": 7, "A4": 4, "A5": 5, "D4": 5, "Q8": 5,
    "A4xZ5": 20,
}  # fmt: skip
SIZES = {"S3": 6, "S4": 24, "S5": 120, "A4": 12, "A5": 60, "D4": 8, "Q8": 8, "A4xZ5": 60}
UNITS = {  # the quaternions as complex matrices
    "1": np.eye(2),
    "i": np.array([[1j, 0], [0, -1j]]),
    "j": np.array([[0, 1], [-1, 0]]),
    "k": np.array([[0, 1j], [1j, 0]]),
}


def moved(cycles: str) -> dict[int, int]:
    """Read cycles such as (12)(345) as a mapping of points."""
    images = {point: point for point in range(1, 6)}
    for cycle in re.findall(r"\((\d+)\)", cycles):
        ring = [int(digit) for digit in cycle]
        images.update(zip(ring, ring[1:] + ring[:1], strict=True))
    return images


def is_product(name: str, left: str, right: str, result: str) -> bool:
    """Multiply two elements in another way: as numbers, matrices, pairs or mappings."""
    each = (left, right, result)
    if name.startswith("Z"):
        return (int(left) + int(right) - int(result)) % int(name[1:]) == 0
    if name == "Q8":
        one, two, three = (UNITS[q[-1]] * (-1) ** q.startswith("-") for q in each)
        return bool(np.allclose(one @ two, three))
    if name == "A4xZ5":
        (a, x), (b, y), (c, z) = (pair.split(",") for pair in each)
        return is_product("A4", a, b, c) and is_product("Z5", x, y, z)
    first, second, both = map(moved, each)
    return both == {point: second[first[point]] for point in first}


@pytest.mark.parametrize("name", CLASSES)
def test_products_match_numbers_matrices_pairs_and_mappings(name: str) -> None:
    group = find_group(name)
    assert len(set(group.elements)) == len(group.elements) == SIZES.get(name, CLASSES[name])
    drawn = np.random.default_rng(0).integers(len(group.elements), size=(1000, 2))
    for left, right in [[group.elements[i] for i in pair] for pair in drawn]:
        assert is_product(name, left, right, group.times(left, right))


@pytest.mark.parametrize("name", CLASSES)
def test_groups_have_identity_inverses_and_their_classes(name: str) -> None:
    products = find_group(name).products
    everyone = np.arange(len(products))
    assert (products[0] == everyone).all()
    assert (products[:, 0] == everyone).all()
    assert (np.sort(products, 0) == everyone[:, np.newaxis]).all()
    inverse = (products == 0).argmax(1)
    conjugates = products[products[inverse][:, everyone], everyone[:, np.newaxis]]
    assert len({frozenset(column) for column in conjugates.T.tolist()}) == CLASSES[name]
    left = products[products]  # (a b) c
    right = products[:, products]  # a (b c)
    assert (left == right).all()


def test_groups_of_eight_elements_differ_in_their_squares() -> None:
    for name, involutions in (("D4", 5), ("Q8", 1), ("Z8", 1)):
        squares = find_group(name).products.diagonal()
        assert (squares[1:] == 0).sum() == involutions
    corners = {frozenset(side) for side in ((1, 2), (2, 3), (3, 4), (4, 1))}
    for element in find_group("D4").elements:  # a square stays a square
        turned = moved(element)
        assert {frozenset(turned[point] for point in side) for side in corners} == corners


@pytest.mark.parametrize("name", CLASSES)
def test_generators_reach_every_element(name: str) -> None:
    group = find_group(name)
    task = word_problem(name, generators=True)
    assert set(task.graph.states) == set(group.elements)
    assert task.graph.symbols == [group.elements[0], *group.generators]
    assert set(task.vocab.symbols) == set(group.elements)


@pytest.mark.parametrize("name", ["Z1", "Z61", "Z05", "S6", "s5", "", "Z", "Z2x", "Z٣"])
def test_unknown_groups_raise(name: str) -> None:
    message = "expected group to be Z2 … Z60, S3, S4, S5, A4, A5, D4, A4xZ5 or Q8, got"
    with pytest.raises(OptionError, match=message):
        word_problem(name)


# --- Semiautomata

LAMP = {
    "off": {"push": "on", "wait": "off"},
    "on": {"push": "off", "wait": "on", "hit": "broken"},
    "broken": {"push": "broken", "wait": "broken"},
}
ODDS = {"on": {"push": 0.5, "wait": 0.4, "hit": 0.1}, "off": {"push": 0.9, "wait": 0.1}}
SHARED = {"a": {"a": "b", "b": "a", "x": "c"}, "b": {"b": "a"}, "c": {"a": "c", "x": "b"}}
MACHINES: dict[str, Callable[..., Semiautomaton]] = {
    "lamp": lambda **options: Semiautomaton(LAMP, "off", probabilities=ODDS, **options),
    "fair lamp": lambda **options: Semiautomaton(LAMP, "on", **options),
    "shared names": lambda **options: Semiautomaton(SHARED, "c", **options),
    "S3": lambda score="all": word_problem("S3", score=score),
    "Z5 generators": lambda score="all": word_problem("Z5", generators=True, score=score),
    "Q8 generators": lambda score="all": word_problem("Q8", generators=True, score=score),
}
BOUNDS = [(1, 1), (4, 4), (1, 5), (3, 5)]


def walks(task: Semiautomaton, length: int) -> list[tuple[tuple[str, ...], list[str], float]]:
    """List the inputs of one length with the states they lead to, and their probabilities."""
    found: list[tuple[tuple[str, ...], list[str], float]] = [((), [], 1.0)]
    for _ in range(length):
        longer = []
        for inputs, states, chance in found:
            at = task.graph.states.index(states[-1]) if states else task.graph.start
            for column, symbol in enumerate(task.graph.symbols):
                if p := float(task.graph.chances[at, column]):
                    after = str(task.graph.states[task.graph.following[at, column]])
                    longer.append(((*inputs, symbol), [*states, after], chance * p))
        found = longer
    return found


def pairs_of_walks(task: Semiautomaton, bounds: tuple[int, int]) -> Pairs:
    pairs: Pairs = defaultdict(float)
    for length in range(bounds[0], bounds[1] + 1):
        for inputs, states, chance in walks(task, length):
            begin = length - 1 if task.score == "answers" else 0
            for pair in zip(inputs[begin:], states[begin:], strict=True):
                pairs[pair] += chance
    return pairs


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("score", ["answers", "all"])
def test_baselines_match_all_walks(name: str, score: str) -> None:
    task = MACHINES[name](score=score)
    for bounds in BOUNDS:
        pairs = pairs_of_walks(task, bounds)
        loss = task.memoryless_of(bounds)
        assert loss.is_exact
        assert loss == pytest.approx(conditional_entropy(pairs), abs=1e-12)
        task.lengths = bounds
        assert task.memoryless == loss
        assert task.chance == pytest.approx(share_of_most_frequent(pairs), abs=1e-12)
        assert task.optimum == task.optimum_of(bounds) == 0.0


@pytest.mark.parametrize("name", MACHINES)
def test_drawn_inputs_have_the_probabilities_of_their_walks(name: str) -> None:
    task = MACHINES[name]()
    count = 5000
    drawn = Counter(tuple(inputs) for inputs, _ in read(task, task.sample(count, length=3)))
    expected = {inputs: chance for inputs, _, chance in walks(task, 3)}
    assert set(drawn) <= set(expected)
    for inputs, chance in expected.items():
        error = math.sqrt(chance * (1 - chance) / count)
        assert abs(drawn[inputs] / count - chance) < 5 * error


@pytest.mark.parametrize("name", MACHINES)
def test_targets_are_the_states_that_inputs_lead_to(name: str) -> None:
    task, answers = MACHINES[name](), MACHINES[name](score="answers")
    for inputs, targets in read(task, task.sample(20, length=12)):
        assert task.follow(inputs) == targets
    for inputs, targets in read(answers, answers.sample(20, length=12)):
        assert [""] * 11 + task.follow(inputs)[-1:] == targets
    batch = answers.sample(2, length=4)
    assert answers.labels(batch)["position"].tolist() == [[1, 2, 3, 4]] * 2
    assert task.surprise(task.sample(2, length=3)).tolist() == [[0.0] * 3] * 2


def test_only_unequal_transitions_are_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    uniform = get_task("word_problem", group="S3")
    unequal = Semiautomaton(
        {"a": {"x": "a", "y": "a"}}, "a", probabilities={"a": {"x": 0.25, "y": 0.75}}
    )
    monkeypatch.delattr(Semiautomaton, "_walk_any")
    assert len(uniform.sample(3)) == 3
    with pytest.raises(AttributeError, match="_walk_any"):
        unequal.sample(3)


def test_machine_is_followed_as_its_table_says() -> None:
    task = Semiautomaton(LAMP, "off", probabilities=ODDS)
    assert task.vocab.symbols == ("push", "wait", "hit", "off", "on", "broken")
    assert task.follow(["push", "wait", "hit", "wait"]) == ["on", "on", "broken", "broken"]
    assert task.follow([]) == []
    shared = Semiautomaton(SHARED, "c")
    assert shared.vocab.symbols == ("a", "x", "b", "c")
    assert shared.follow("axbx") == ["c", "b", "a", "c"]
    unreachable = Semiautomaton({"0": {"a": "0"}, "1": {"b": "0"}}, "0")
    assert unreachable.vocab.symbols == ("a", "0")


def test_word_problem_reads_products_from_left_to_right() -> None:
    task = word_problem("S3")
    assert task.follow(["(12)", "(23)"]) == ["(12)", "(132)"]
    assert task.vocab.symbols == ("()", "(23)", "(12)", "(123)", "(132)", "(13)")
    for name in ("Q8", "A5", "A4xZ5", "Z12"):
        task = word_problem(name)
        for inputs, targets in read(task, task.sample(30, length=9)):
            assert targets[0] == inputs[0]
            for (before, after), element in zip(pairwise(targets), inputs[1:], strict=True):
                assert is_product(name, before, element, after)


def loss_by_formula(n: int, first: float) -> float:
    """Compute the memoryless loss of n elements, given the proportion of first positions."""
    q = first + (1 - first) / n
    return -q * math.log(q) - (1 - q) * math.log((1 - q) / (n - 1))


@pytest.mark.parametrize("name", ["Z2", "S3", "D4", "Z60", "A5", "A4xZ5", "S5"])
def test_memoryless_loss_of_word_problems_matches_the_formula(name: str) -> None:
    task = word_problem(name)
    n = len(task.vocab)
    for bounds in ((1, 1), (2, 2), (20, 20), (1, 20), (5, 30)):
        mean = sum(bounds) / 2
        expected = loss_by_formula(n, 1 / mean) if bounds != (1, 1) else 0.0
        assert task.memoryless_of(bounds) == pytest.approx(expected, abs=1e-9)
    last = word_problem(name, score="answers")
    assert last.memoryless_of(7) == pytest.approx(math.log(n))
    assert last.memoryless_of((1, 4)) == pytest.approx(loss_by_formula(n, 1 / 4))
    assert task.chance == pytest.approx(1 / n)
    if n == 60:
        assert task.memoryless_of(20) == pytest.approx(4.051825, abs=5e-7)


def test_gridworld_matches_a_walk_between_walls() -> None:
    for size in (2, 4, 12):
        task = gridworld(size)
        for inputs, targets in read(task, task.sample(50, length=40)):
            cell = 0
            for step, target in zip(inputs, targets, strict=True):
                cell = min(max(cell + (1 if step == "R" else -1), 0), size - 1)
                assert target == str(cell)
    # With two cells, the last step alone determines the cell.
    assert gridworld(2).memoryless == 0.0
    # After one step R the cell is 1, after two it is 2 or, from cell 0, 1; the same for L and 0.
    assert gridworld(9).memoryless_of(2) == pytest.approx(conditional_entropy(
        {("R", "1"): 1 + 1 / 2, ("R", "2"): 1 / 2, ("L", "0"): 2.0}
    ))  # fmt: skip


def test_invalid_machines_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    def build(transitions: Any, start: str = "a", **options: Any) -> Callable[[], object]:
        return lambda: Semiautomaton(transitions, start, **options)

    loop, last = {"a": {"x": "a", "y": "a"}}, cast(Any, "last")
    undefined = "expected transitions for each state, got none for 'b'"
    back = "in a state that is never left, each symbol leads back to it"
    cases: list[tuple[Callable[[], object], str]] = [
        (build({"a": {"x": "b"}}), f"{undefined}; {back}"),
        (build(loop, "b"), f"{undefined}; {back}"),
        (
            build({"a": {"x": "b"}, "b": {}}),
            f"expected at least one symbol in each state, got none in 'b'; {back}",
        ),
        (
            build(loop, probabilities={"a": {"x": 0.5, "y": 0.4}}),
            "expected positive probabilities that sum to 1 in state 'a', got [0.5, 0.4]",
        ),
        (
            build(loop, probabilities={"a": {"x": 1.0}}),
            "expected the probabilities of the symbols ['x', 'y'] in state 'a', got those of "
            "['x']",
        ),
        (
            build(loop, probabilities={"b": {"x": 1.0}}),
            "expected the probabilities of the symbols [] in state 'b', got those of ['x']",
        ),
        (build(loop, score="some"), "expected score to be 'answers' or 'all', got 'some'"),
        (build(loop, lengths=(3, 2)), "expected lengths to be (shortest, longest), with shortest "
         "<= longest, got (3, 2)"),
        (build(loop, longer=[40]), "expected test lengths above 40, got 40"),
        (lambda: gridworld(1), "expected size to be an integer from 2 to 1,000, got 1"),
        (lambda: word_problem(score=last), "expected score to be 'answers' or 'all', got 'last'"),
    ]  # fmt: skip
    for call, message in cases:
        assert_error(call, OptionError, message)
    lamp = Semiautomaton(LAMP, "off")
    for symbols, state in ((["push", "hit", "hit"], "broken"), (["burn"], "off")):
        with pytest.raises(DataError, match=f"{symbols[-1]}' is impossible in state '{state}'"):
            lamp.follow(symbols)
    number = cast(Any, 5)
    for call in (
        lambda: word_problem(number),
        lambda: word_problem(generators=number),
        lambda: lamp.follow(number),
        build({"a": "x"}),
        build({"a": {"x": 5}}),
    ):
        with pytest.raises(InputTypeError):
            call()


# --- Flip-flop


def listed(task: FlipFlop, bounds: tuple[int, int]) -> list[tuple[str, float]]:
    """List the strings of a range of lengths, all lengths equally likely."""
    strings = []
    counts = [n for n in range(2, 20) if bounds[0] <= 2 * n - 1 <= bounds[1]]
    odds = {"w": (1 - task.ignore) / 2, "r": (1 - task.ignore) / 2, "i": task.ignore}
    for n in counts:
        for between in product("wri", repeat=n - 2):
            chance = math.prod(odds[step] for step in between) / len(counts)
            steps = ("w", *between, "r")
            for bits in product("01", repeat=n - steps.count("r")):
                left, memory, string = list(bits), "", ""
                for step in steps:
                    bit = memory if step == "r" else left.pop(0)
                    memory = bit if step == "w" else memory
                    string += step + bit
                strings.append((string, chance / 2 ** len(bits)))
    return strings


def surprises(strings: list[tuple[str, float]]) -> dict[str, float]:
    """Compute the surprise of the last symbol of each prefix given those before it."""
    prefixes: dict[str, float] = defaultdict(float)
    after: dict[str, float] = defaultdict(float)
    for string, weight in strings:
        for at in range(1, len(string)):
            prefixes[string[: at + 1]] += weight
            after[string[:at]] += weight
    return {text: math.log(after[text[:-1]] / n) for text, n in prefixes.items()}


def string_of(task: Task, batch: Batch, row: int, length: int) -> str:
    last = batch.targets[row, length - 1 : length]
    return str(task.vocab.decode(torch.cat([batch.inputs[row, :length], last])))


@pytest.mark.parametrize("ignore", [0.8, 0.3])
@pytest.mark.parametrize("bounds", [(3, 3), (5, 5), (9, 9), (3, 7), (1, 8), (6, 9)])
def test_flip_flop_matches_all_strings(ignore: float, bounds: tuple[int, int]) -> None:
    task = FlipFlop(ignore=ignore, score="all")
    strings = listed(task, bounds)
    assert sum(weight for _, weight in strings) == pytest.approx(1)
    each = surprises(strings)
    pairs: Pairs = defaultdict(float)
    nats = 0.0
    for string, weight in strings:
        nats += weight * sum(each[string[: at + 1]] for at in range(1, len(string)))
        for pair in pairwise(string):
            pairs[pair] += weight
    optimum = task.optimum_of(bounds)
    assert optimum.is_exact
    assert optimum == pytest.approx(nats / sum(pairs.values()), abs=1e-12)
    assert task.memoryless_of(bounds) == pytest.approx(conditional_entropy(pairs), abs=1e-12)
    for length in task.possible_lengths(bounds):
        batch = task.sample(30, length=length).with_length_range(bounds)
        found = task.surprise(batch)
        for row in range(30):
            string = string_of(task, batch, row, length)
            expected = [each[string[: at + 1]] for at in range(1, len(string))]
            assert found[row].tolist() == pytest.approx(expected, abs=1e-12)
    task.lengths = bounds
    assert task.optimum == optimum
    assert task.memoryless == task.memoryless_of(bounds)
    assert task.chance == pytest.approx(share_of_most_frequent(pairs), abs=1e-12)


def test_flip_flop_draws_each_string_as_often_as_listed() -> None:
    task, count = FlipFlop(0.5, 3, score="all"), 5000
    batch = task.sample(count)
    drawn = Counter(string_of(task, batch, row, 5) for row in range(count))
    expected = dict(listed(task, (5, 5)))
    assert set(drawn) == set(expected)
    for string, chance in expected.items():
        error = math.sqrt(chance * (1 - chance) / count)
        assert abs(drawn[string] / count - chance) < 5 * error


def test_flip_flop_has_the_optimum_of_a_slow_sum() -> None:
    # One instruction after the other, as in the definition.
    nats = math.log(2)
    for _ in range(254):
        nats -= 0.8 * math.log(0.8) + 2 * 0.1 * math.log(0.1)
        nats += 0.9 * math.log(2)
    assert get_task("flip_flop", score="all").optimum == pytest.approx(nats / 511, abs=1e-12)
    assert nats / 511 == pytest.approx(0.629082, abs=5e-7)
    assert get_task("flip_flop").optimum == 0


def test_flip_flop_reads_what_was_written() -> None:
    task = get_task("flip_flop", ignore=0.5, instructions=30)
    batch = task.sample(50)
    gaps = task.labels(batch)["gap"].tolist()
    for row, (inputs, targets) in enumerate(read(task, batch)):
        assert (inputs[0], inputs[-1]) == ("w", "r")
        written = 0
        for at in range(0, len(inputs), 2):
            assert inputs[at] in "wri"
            written = at if inputs[at] == "w" else written
            is_read = inputs[at] == "r"
            assert targets[at] == (inputs[written + 1] if is_read else "")
            assert gaps[row][at] == (at - written if is_read else 0)
            if is_read and at + 1 < len(inputs):
                assert inputs[at + 1] == targets[at]
        assert not any(targets[1::2])
        assert not any(gaps[row][1::2])
    assert (task.surprise(batch)[batch.scored] == 0).all()
    assert task.memoryless == task.memoryless_of((3, 99)) == math.log(2)
    assert (task.chance, task.optimum_of((3, 99))) == (0.5, 0.0)


def test_joined_lengths_keep_their_surprise() -> None:
    task = FlipFlop(0.3, 4, score="all")
    short, long = (task.sample(5, length=n).with_length_range((3, 7)) for n in (5, 7))
    surprise = task.surprise(Batch.join([short, long]))
    assert surprise[:5, 5:].isnan().all()
    assert torch.equal(surprise[:5, :5], task.surprise(short))
    assert torch.equal(surprise[5:], task.surprise(long))


def test_sequences_of_another_source_raise() -> None:
    answers, every = FlipFlop(0.5, 3), FlipFlop(0.5, 3, score="all")
    good = Batch.from_texts(["w1i0r1"], every.vocab)
    assert every.surprise(good)[0].tolist() == pytest.approx(
        [math.log(2), math.log(2), math.log(2), 0, 0]
    )
    for text in ("w1i0r0", "r1i0r1", "w1i0i1", "w1r0r1", "wwi0r1", "w110r1", "w1i0r1"[::-1]):
        with pytest.raises(DataError, match="sequences of flip_flop with their targets, got '"):
            every.surprise(Batch.from_texts([text], every.vocab))
    for task, other in ((every, answers), (answers, every)):
        with pytest.raises(DataError, match=r"got 'w[^']+' at position 0; draw sequences"):
            task.surprise(other.sample(2))
    longer = Batch.from_texts(["w1i0i1r1"], every.vocab)
    with pytest.raises(DataError, match=r"of length 7: the length_range of the batch is \(3, 5\)"):
        every.surprise(longer.with_length_range((3, 5)))
    with pytest.raises(DataError, match="got one of length 4: n instructions have length"):
        answers.surprise(Batch.from_texts(["w1i0r"], every.vocab))
    # No length is known to be the last here: i has probability 1/2, r 1/4.
    expected = [math.log(n) for n in (2, 2, 2, 2, 2, 4, 1)]
    assert every.surprise(longer)[0].tolist() == pytest.approx(expected)
    assert answers.surprise(answers.sample(2, length=9)).nansum() == 0


def test_flip_flop_is_trained_and_evaluated_at_other_lengths() -> None:
    task = FlipFlop(0.5, 4, score="all")
    model = ElmanCharModel(task.vocab, hidden_size=4)
    history = fit(model, task, epochs=3, lengths=(3, 7))
    assert history.baselines.full_past == task.optimum_of((3, 7))
    score = evaluate(model, task, count=32, longer=[15]).longer[15]
    # A source that does not know the length is surprised by the last r.
    assert score.source_loss == pytest.approx(score.optimum + math.log(4) / 15)


def test_split_of_flip_flop_has_the_optimum_of_its_own_strings() -> None:
    task = FlipFlop(0.5, 3, score="all")
    strings = listed(task, (5, 5))
    batch = Batch.from_texts([string for string, _ in strings], task.vocab)
    for split in task.held_out(0.3):
        is_here = split.parting.holds_out(batch) == split.is_held_out
        own = [pair for pair, here in zip(strings, is_here.tolist(), strict=True) if here]
        each, total = surprises(own), sum(weight for _, weight in own)
        nats = sum(
            weight * sum(each[string[: at + 1]] for at in range(1, 6)) for string, weight in own
        )
        assert split.optimum == pytest.approx(nats / total / 5, abs=1e-9)
        assert FlipFlop(0.5, 3).held_out(0.3)[split.is_held_out].optimum == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": 1.0}, "expected ignore to be above 0 and below 1, got 1.0"),
        ({"instructions": 1}, "expected instructions to be an integer from 2 to 100,000, got 1"),
        ({"score": "reads"}, "expected score to be 'answers' or 'all', got 'reads'"),
    ],
)
def test_invalid_flip_flops_raise(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        FlipFlop(**options)


# --- Majority


@pytest.mark.parametrize("score", ["answers", "all"])
@pytest.mark.parametrize("bounds", [(1, 1), (2, 2), (7, 7), (8, 8), (1, 9), (4, 10)])
def test_majority_matches_all_strings(score: Any, bounds: tuple[int, int]) -> None:
    task = Majority(score)
    pairs: Pairs = defaultdict(float)
    for length in range(bounds[0], bounds[1] + 1):
        for bits in product("01", repeat=length):
            for end in range(length if score == "answers" else 1, length + 1):
                ones = bits[:end].count("1")
                pairs[bits[end - 1], str(int(ones > end - ones))] += 2.0**-length
    assert task.memoryless_of(bounds) == pytest.approx(conditional_entropy(pairs), abs=1e-12)
    task.lengths = bounds
    assert task.memoryless == task.memoryless_of(bounds)
    assert task.chance == pytest.approx(share_of_most_frequent(pairs), abs=1e-12)
    for inputs, targets in read(task, task.sample(50)):
        answers = [
            str(int(2 * inputs[:end].count("1") > end)) for end in range(1, len(inputs) + 1)
        ]
        unscored = len(inputs) - 1 if score == "answers" else 0
        assert targets == [""] * unscored + answers[unscored:]


def test_majority_at_great_lengths_and_its_margin() -> None:
    task = Majority("all")
    assert task.memoryless_of(100_001) < math.log(2)
    last = Majority().memoryless_of(100_001)
    assert last == pytest.approx(math.log(2), abs=1e-5)
    batch = Batch.from_texts(["10110"], task.vocab)
    assert task.labels(batch)["margin"].tolist() == [[1, 0, 1, 2]]
    with pytest.raises(OptionError, match="expected score to be 'answers' or 'all', got 'end'"):
        Majority("end")  # type: ignore[arg-type]


@pytest.mark.type_checked
@pytest.mark.parametrize("task", [
    Semiautomaton(LAMP, "off", probabilities=ODDS), word_problem("D4"), gridworld(),
    FlipFlop(0.5, 8), FlipFlop(0.5, 8, score="all"), Majority(), Majority("all"),
], ids=lambda task: task.name)  # fmt: skip
def test_annotations_hold(task: Task) -> None:
    batch = task.sample(3)
    assert task.surprise(batch).shape == batch.targets.shape
    assert all(label.shape == batch.targets.shape for label in task.labels(batch).values())
    assert (task.optimum, task.memoryless, task.chance) > (-1, -1, -1)
    training, _ = task.held_out(0.4)
    assert len(training.sample(3)) == 3
