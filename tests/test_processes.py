"""Hidden Markov sources and bracket languages, checked against slow enumeration."""

from __future__ import annotations

import math
import pickle
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import Automaton, Batch, HiddenMarkov, Task, get_task
from seqtoys.errors import DataError, InputTypeError, OptionError, VocabError
from seqtoys.tasks.processes import beliefs, sources
from seqtoys.tasks.processes.shuffle_dyck import closing_entropies, partners

Weighted = dict[str, float]

# --- Hidden Markov sources

LAZY: Any = {
    "a": [[0.2, 0.3, 0.0], [0.0, 0.1, 0.0], [0.3, 0.0, 0.0]],
    "b": [[0.0, 0.0, 0.1], [0.4, 0.0, 0.0], [0.0, 0.7, 0.0]],
    "c": [[0.4, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]],
}
REST = [[0.0, 0.4, 0.0], [0.0, 0.0, 0.0], [0.0, 0.3, 0.0]]
MARKOV: dict[str, Callable[[], HiddenMarkov]] = {
    "mess3": sources.mess3,
    "mess3 of others": lambda: sources.mess3(x=0.2, a=0.4),
    "rrxor": sources.rrxor,
    "golden_mean": lambda: sources.golden_mean(p=0.2),
    "even_process": lambda: sources.even_process(p=0.3),
    "z1r": sources.z1r,
    "sns": lambda: sources.sns(p=0.3, q=0.6),
    "own": lambda: HiddenMarkov(LAZY, [0.1, 0.0, 0.9], lengths=(2, 4), longer=[5]),
    "own, stationary": lambda: HiddenMarkov(LAZY, lengths=(3, 3), longer=()),
}


def chance_of(task: HiddenMarkov, text: str) -> float:
    """Return the probability of a string: a sum over all paths of hidden states."""
    rows: list[list[list[float]]] = task.matrices.tolist()
    matrices = dict(zip(task.vocab.symbols[1:], rows, strict=True))

    def paths(state: int, rest: str) -> float:
        if not rest:
            return 1.0
        row = matrices[rest[0]][state]
        return sum(p * paths(after, rest[1:]) for after, p in enumerate(row) if p)

    start: list[float] = task.start.tolist()
    return sum(p * paths(state, text) for state, p in enumerate(start))


def strings_of(task: HiddenMarkov, length: int) -> Weighted:
    """List all strings of a length with their probabilities."""
    texts = map("".join, product(task.vocab.symbols[1:], repeat=length))
    return {text: p for text in texts if (p := chance_of(task, text)) > 0}


def losses_of(strings: Weighted) -> list[float]:
    """Return the expected surprise at each position of strings of one length."""
    length = len(next(iter(strings)))
    totals: Counter[str] = Counter()
    for text, p in strings.items():
        for t in range(length + 1):
            totals[text[:t]] += p  # type: ignore[assignment]
    return [
        sum(p * math.log(totals[t[:-1]] / p) for t, p in totals.items() if len(t) == at + 1)
        for at in range(length)
    ]


def pairs_of(weighted: Weighted) -> Counter[str]:
    pairs: Counter[str] = Counter()
    for text, p in weighted.items():
        for one, other in pairwise(text):
            pairs[one + other] += p  # type: ignore[assignment]
    return pairs


def memoryless_of(pairs: Counter[str]) -> float:
    above: Counter[str] = Counter()
    for pair, p in pairs.items():
        above[pair[0]] += p
    return sum(p * math.log(above[pair[0]] / p) for pair, p in pairs.items()) / pairs.total()


def chance_of_pairs(pairs: Counter[str]) -> float:
    below: Counter[str] = Counter()
    for pair, p in pairs.items():
        below[pair[1]] += p
    return max(below.values()) / pairs.total()


def symbols_in(task: Task, mask: torch.Tensor) -> set[str]:
    """Return the symbols for which a mask over the vocabulary is true."""
    return {task.vocab.symbols[i] for i in mask.nonzero().flatten().tolist()}


def batch_of(task: Task, texts: list[str]) -> Batch:
    return Batch.from_texts(texts, task.vocab)


@pytest.mark.parametrize("name", MARKOV)
def test_losses_of_a_source_match_all_its_strings(name: str) -> None:
    task = MARKOV[name]()
    each = {n: strings_of(task, n) for n in (1, 3, 5)}
    totals = {n: sum(losses_of(strings)) for n, strings in each.items()}
    for n, strings in each.items():
        assert task.optimum_of(n) == pytest.approx(totals[n] / n, abs=1e-12)
        assert task.optimum_of(n).is_exact
        marked = {f"#{text}": p for text, p in strings.items()}
        assert task.memoryless_of(n) == pytest.approx(memoryless_of(pairs_of(marked)), abs=1e-12)
    losses = losses_of(each[5])
    mixed = sum(losses[0:3]) + 2 / 3 * losses[3] + 1 / 3 * losses[4]  # 3, 4 or 5 symbols
    assert task.optimum_of((3, 5)) == pytest.approx(mixed / 4, abs=1e-12)
    lengths = range(task.lengths[0], task.lengths[1] + 1)
    if lengths[-1] < 6:
        marked = {f"#{t}": p for n in lengths for t, p in strings_of(task, n).items()}
        pairs = pairs_of(marked)
        assert task.memoryless == pytest.approx(memoryless_of(pairs), abs=1e-12)
        assert task.chance == pytest.approx(chance_of_pairs(pairs), abs=1e-12)
        assert task.optimum == pytest.approx(task.optimum_of(task.lengths), abs=1e-12)


@pytest.mark.type_checked
@pytest.mark.parametrize("name", MARKOV)
def test_surprise_beliefs_and_legal_symbols_match_path_sums(name: str) -> None:
    task = MARKOV[name]()
    texts = list(strings_of(task, 4))[::3] + list(strings_of(task, 2))[:2]
    batch = batch_of(task, [f"#{text}" for text in texts])
    surprise, believed = task.surprise(batch), task.beliefs(batch)
    legal = task.allowed(batch)
    for row, text in enumerate(texts):
        chances = [chance_of(task, text[:t]) for t in range(len(text) + 1)]
        expected = [math.log(a / b) for a, b in pairwise(chances)]
        assert surprise[row, : len(text)].tolist() == pytest.approx(expected, abs=1e-12)
        for t in range(len(text)):
            state = task.start
            for symbol in text[:t]:
                state = state @ task.matrices[task.vocab.symbols.index(symbol) - 1]
            assert believed[row, t].tolist() == pytest.approx(state / state.sum(), abs=1e-12)
            follows = {s for s in task.vocab.symbols[1:] if chance_of(task, text[:t] + s) > 0}
            assert symbols_in(task, legal[row, t]) == follows
        assert surprise[row, len(text) :].isnan().all()
        assert believed[row, len(text) :].isnan().all()
        assert not legal[row, len(text) :].any()
    total = sum(math.log(1 / chance_of(task, text)) for text in texts)
    assert task.optimal_loss(batch) == pytest.approx(total / sum(map(len, texts)))


@pytest.mark.parametrize("name", MARKOV)
def test_drawn_strings_of_a_source_have_their_probabilities(name: str) -> None:
    task = MARKOV[name]()
    batch = task.sample(4000, length=4)
    drawn = Counter(str(task.vocab.decode(row)) for row in batch.targets)
    strings = strings_of(task, 4)
    assert set(drawn) <= set(strings)
    for text, p in strings.items():
        assert abs(drawn[text] - 4000 * p) < 5 * math.sqrt(4000 * p * (1 - p)) + 1


def test_mess3_has_the_published_losses_by_position() -> None:
    task = get_task("mess3")
    totals = [n * task.optimum_of(n) for n in range(8)[1:]]
    by_position = [totals[0], *(b - a for a, b in pairwise(totals))]
    published = [1.09861, 0.85772, 0.81336, 0.79812, 0.79474, 0.79378, 0.79354]
    assert by_position == pytest.approx(published, abs=5e-6)
    assert 12 * task.optimum_of(12) - 11 * task.optimum_of(11) == pytest.approx(0.79346, abs=5e-6)
    assert task.lengths == (10, 10)
    assert task.memoryless == pytest.approx((published[0] + 9 * published[1]) / 10, abs=5e-6)


def test_losses_approach_the_entropy_rate() -> None:
    rates = {
        ("golden_mean", ()): 2 / 3 * math.log(2),
        ("even_process", ()): 2 / 3 * math.log(2),
        ("rrxor", ()): 2 / 3 * math.log(2),
        ("z1r", ()): 1 / 3 * math.log(2),
        ("golden_mean", (("p", 0.2),)): -(0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / 1.8,
    }
    for (name, options), rate in rates.items():
        task = get_task(name, **dict(options))
        late = 301 * task.optimum_of(301) - 300 * task.optimum_of(300)
        assert late == pytest.approx(rate, abs=1e-9)
        assert task.references["knows the state"] == pytest.approx(rate)
    sns = get_task("sns")  # the hidden state is worth more than the whole past
    assert sns.references["knows the state"] == pytest.approx(math.log(2) / 2)
    # The runs of 0s between two 1s are independent: their entropy, over their mean length of 4.
    waits = [(n - 1) / 2**n for n in range(2, 200)]
    rate = -sum(p * math.log(p) for p in waits) / sum(n * p for n, p in enumerate(waits, 2))
    assert 101 * sns.optimum_of(101) - 100 * sns.optimum_of(100) == pytest.approx(rate, abs=1e-9)


def test_baselines_of_the_sources_have_the_documented_form() -> None:
    def h(p: float) -> float:
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    for p in (0.2, 0.5, 0.7):
        s = 1 / (2 - p)
        golden, even = get_task("golden_mean", p=p), get_task("even_process", p=p)
        assert golden.optimum == pytest.approx((h(s) + 19 * s * h(p)) / 20)
        assert golden.memoryless == pytest.approx(golden.optimum)
        assert golden.chance == pytest.approx(max(s, 1 - s))
        later = s * p * h(p) + (1 - s * p) * h(p / 2)
        assert even.memoryless == pytest.approx((h(s * p) + 19 * later) / 20)
        assert even.chance == pytest.approx(max(s * p, 1 - s * p))
        sns, f = get_task("sns", p=p, q=0.4), p / (p + 0.4) * 0.4
        assert sns.memoryless == pytest.approx((h(f) + 19 * (1 - f) * h(f / (1 - f))) / 20)
        assert sns.chance == pytest.approx(1 - f)
    z1r = get_task("z1r")
    assert z1r.memoryless == pytest.approx((math.log(2) + 19 * h(1 / 3)) / 20)
    assert get_task("rrxor").memoryless == pytest.approx(math.log(2))
    assert [get_task(name).chance for name in ("z1r", "rrxor")] == pytest.approx([0.5, 0.5])


def test_too_many_beliefs_give_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = get_task("mess3").optimum_of((3, 8))
    for limit, most in (("MOST", 9 * 27), ("TOTAL", 9 * (1 + 3 + 9 + 27))):  # four symbols
        with monkeypatch.context() as patch:
            patch.setattr(beliefs, limit, most)
            task = get_task("mess3")
            estimate = task.optimum_of((3, 8))
            assert 0 < estimate.standard_error < 1e-3
            assert abs(estimate - exact) < 4 * estimate.standard_error
            assert task.optimum_of(4).is_exact
            assert not task.optimum_of(5).is_exact


def test_sources_of_any_numbers_are_equal() -> None:
    lists = {"a": [[0.5, 0.0], [0.125, 0.25]], "b": [[0.0, 0.5], [0.125, 0.5]]}
    arrays = {symbol: np.array(rows, np.float32) for symbol, rows in lists.items()}
    tensors = {symbol: torch.tensor(rows, dtype=torch.float32) for symbol, rows in lists.items()}
    one = HiddenMarkov(lists, np.array([1, 0]), mark="^", name="mine", source="me")
    assert "^" in one.sample(2).show(one.vocab)
    for other in (HiddenMarkov(arrays, [1.0, 0.0]), HiddenMarkov(tensors, torch.tensor([1, 0]))):
        assert other.optimum_of(9) == one.optimum_of(9)
        assert other.sample(3).inputs.equal(one.sample(3).inputs)


@pytest.mark.parametrize("name", ["mess3", "dyck_bounded", "shuffle_dyck"])
def test_tasks_can_be_sent_to_another_process(name: str) -> None:
    task = get_task(name)
    expected, batch = task.optimum, task.sample(3)
    copy = pickle.loads(pickle.dumps(task))
    assert copy.optimum == expected
    assert copy.sample(3).inputs.equal(batch.inputs)


def test_states_that_are_left_for_good_have_no_stationary_probability() -> None:
    task = HiddenMarkov({"a": [[0.5, 0.0, 0.1], [0.0, 0.0, 1.0], [0.0, 0.7, 0.0]], "b": REST})
    assert task.start.tolist() == pytest.approx([0.0, 0.5, 0.5])
    assert task.start[0] == 0
    assert str(task.surprise(batch_of(task, ["#aa"]))[0, 0].item()) != "-0.0"


def test_a_source_with_many_states_is_drawn() -> None:
    weights = np.random.default_rng(0).random((2, 70, 70))  # more transitions than paths are kept
    matrices = weights / weights.sum((0, 2))[:, np.newaxis]
    task = HiddenMarkov(dict(zip("ab", matrices, strict=True)), lengths=(2, 2), longer=())
    batch = task.sample(2000)
    assert task.optimal_loss(batch) == pytest.approx(task.optimum, abs=0.01)


def test_invalid_sources_raise() -> None:
    half = [[0.5, 0.0], [0.5, 0.0]]
    both = [[0.5, 0.0], [0.0, 0.5]]
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        ({}, None, OptionError, "expected a matrix for at least one symbol, got none"),
        ({"a": [[0.5, 0.5]]}, None, OptionError, r"square matrices.* got shape \(1, 2\) for 'a'"),
        (
            {"a": half, "b": [[1.0]]},
            None,
            OptionError,
            r"of one size.* got shape \(1, 1\) for 'b'",
        ),
        ({"a": []}, None, OptionError, r"got shape \(0,\) for 'a'"),
        ({"a": [[]]}, None, OptionError, r"got shape \(1, 0\) for 'a'"),
        ({"a": half}, None, OptionError, "sum to 1, got 0.5 for state 0"),
        ({"a": [[1.5]], "b": [[-0.5]]}, None, OptionError, "of 'a' to contain .*, got 1.5"),
        ({"a": [[math.nan]]}, None, OptionError, "to contain probabilities, got nan"),
        ({"a": [[1.0], [1.0, 2.0]]}, None, InputTypeError, "the matrix of 'a' to contain numbers"),
        ({"a": [["1"]]}, None, InputTypeError, "the matrix of 'a' to contain numbers"),
        ({"a": torch.empty(1, 1, device="meta")}, None, InputTypeError, "to contain numbers"),
        ({"a": half, "b": half}, [1.0], OptionError, r"each of 2 states, got shape \(1,\)"),
        ({"a": half, "b": half}, [0.5, 0.6], OptionError, "expected start to sum to 1, got 1.1"),
        ({"a": half, "b": half}, [1.5, -0.5], OptionError, "start to contain .*, got 1.5"),
        ({"a": half, "b": half}, {0.5}, InputTypeError, "expected start to contain numbers"),
        ({"a": both, "b": both}, None, OptionError, r"several stationary ones; pass start="),
        ({"#": [[1.0]]}, None, OptionError, "expected a mark that is not a symbol, got '#'"),
        ({"": [[1.0]]}, None, VocabError, "expected non-empty symbols"),
        (5, None, InputTypeError, "expected matrices to be a dict, got 5"),
    ]
    for matrices, start, error, message in cases:
        with pytest.raises(error, match=message):
            HiddenMarkov(matrices, start)
    for name, options in (
        ("mess3", {"x": 0.5}),
        ("mess3", {"a": 1.0}),
        ("golden_mean", {"p": 0.0}),
        ("even_process", {"p": 1.0}),
        ("sns", {"q": -1.0}),
    ):
        with pytest.raises(OptionError, match=f"expected {next(iter(options))} to be above 0"):
            get_task(name, **options)
    with pytest.raises(OptionError, match="the maximum is 1,000,000 symbols"):
        get_task("z1r").sample(1, length=1_000_001)


def test_sequences_of_another_source_raise() -> None:
    task = get_task("golden_mean")
    fine = batch_of(task, ["#101", "#110"])
    assert task.optimal_loss(fine) > 0
    wrong = [
        batch_of(task, ["#101", "#100"]),  # two 0s in a row
        batch_of(task, ["#101", "1101"]),  # no mark
        batch_of(task, ["#101", "#1#1"]),  # two marks
        Batch(fine.inputs, fine.targets.roll(1, 0)),  # targets of another sequence
        Batch(fine.inputs, fine.targets + 1),  # a symbol that is not in the vocabulary
        Batch(fine.inputs, fine.targets.index_fill(1, torch.tensor([0]), -100)),
    ]
    for batch in wrong:
        with pytest.raises(
            DataError, match="expected sequences of golden_mean that start with '#', got '"
        ):
            task.surprise(batch)


# --- Bracket languages


def rule(name: str, kinds: int, number: float) -> Callable[[str], dict[str, float]]:
    """Return a function that computes what follows a prefix after `#`, symbol by symbol."""
    opening, closing = "([{"[:kinds], ")]}"[:kinds]

    def follows(prefix: str) -> dict[str, float]:
        counts: Counter[str] = Counter()
        stack: list[str] = []
        for symbol in prefix:
            if symbol in opening:
                stack.append(closing[opening.index(symbol)])
                counts[stack[-1]] += 1
            else:
                counts[symbol] -= 1
                stack = stack[:-1]
        p = number
        if name == "dyck_bounded":
            p = 0.0 if len(stack) == number else 0.5
        after = {symbol: p / kinds for symbol in opening if p}
        if not stack:
            return {**after, "#": 1 - p}
        if name == "shuffle_dyck":
            shares = {symbol: n / counts.total() for symbol, n in counts.items() if n}
            return {**after, **{symbol: (1 - p) * share for symbol, share in shares.items()}}
        return {**after, stack[-1]: 1 - p}

    return follows


def strings_from(follows: Callable[[str], dict[str, float]], longest: int) -> Weighted:
    """List all strings of up to `longest` symbols after the first `#`, with both `#`."""
    found, waiting = {}, [("", 1.0)]
    while waiting:
        prefix, chance = waiting.pop()
        if prefix.endswith("#"):
            found[f"#{prefix}"] = chance
        elif len(prefix) < longest:
            waiting += [(prefix + s, chance * p) for s, p in follows(prefix).items()]
    return found


BRACKETS: dict[str, tuple[str, dict[str, Any]]] = {
    "bounded 2, 3": ("dyck_bounded", {"kinds": 2, "depth": 3}),
    "bounded 3, 1": ("dyck_bounded", {"kinds": 3, "depth": 1}),
    "bounded 1, 2": ("dyck_bounded", {"kinds": 1, "depth": 2}),
    "shuffle 2": ("shuffle_dyck", {"kinds": 2, "p": 0.4}),
    "shuffle 3": ("shuffle_dyck", {"kinds": 3, "p": 0.3}),
    "shuffle 1": ("shuffle_dyck", {"kinds": 1, "p": 0.2}),
}


def made(case: str) -> tuple[Task, Callable[[str], dict[str, float]]]:
    name, options = BRACKETS[case]
    kinds, number = options.values()
    return get_task(name, **options), rule(name, kinds, number)


def least_loss(strings: Weighted) -> float:
    """Compute the loss of the best causal model from the frequencies after each prefix."""
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for string, p in strings.items():
        for t in range(1, len(string)):
            after[string[:t]][string[t]] += p  # type: ignore[assignment]
    nats = sum(
        -sum(p * math.log(p / counts.total()) for p in counts.values())
        for counts in after.values()
    )
    return nats / sum(counts.total() for counts in after.values())


@pytest.mark.parametrize("case", BRACKETS)
def test_optimum_of_brackets_at_lengths_matches_all_strings(case: str) -> None:
    task, follows = made(case)
    strings = strings_from(follows, 7)
    by_length: dict[int, Weighted] = defaultdict(dict)
    for string, p in strings.items():
        by_length[len(string) - 1][string] = p
    mixed: Weighted = {}
    for length, some in by_length.items():
        total = sum(some.values())
        assert task.optimum_of(length) == pytest.approx(least_loss(some), abs=1e-12)
        mixed |= {string: p / total for string, p in some.items()}
    assert task.optimum_of((1, 7)) == pytest.approx(least_loss(mixed), abs=1e-12)
    assert task.optimum_of((2, 6)) == pytest.approx(
        least_loss({s: p for s, p in mixed.items() if 3 <= len(s) - 1 <= 6}), abs=1e-12
    )


def expectations(name: str, options: dict[str, Any]) -> tuple[float, Counter[str]]:
    """Follow the distribution over open brackets, until nearly all strings have ended.

    Returns:
        The optimum, and the expected count of each pair of symbols.
    """
    follows = cache(rule(name, *options.values()))
    here, pairs, nats = {("", "#"): 1.0}, Counter[str](), 0.0
    while here:
        after: dict[tuple[str, str], float] = defaultdict(float)
        for (prefix, last), share in here.items():
            for symbol, p in follows(prefix).items():
                pairs[last + symbol] += share * p  # type: ignore[assignment]
                nats -= share * p * math.log(p)
                if symbol != "#":
                    after[shortened(name, prefix + symbol), symbol] += share * p
        here = {state: share for state, share in after.items() if share > 1e-16}
    return nats / pairs.total(), pairs


@cache
def shortened(name: str, prefix: str) -> str:
    """Return the open brackets of a prefix: as a stack, or in alphabetical order."""
    waiting: list[str] = []
    for symbol in prefix:
        partner = "([{"[")]}".index(symbol)] if symbol in ")]}" else ""
        if partner:
            at = max(i for i, other in enumerate(waiting) if other == partner)
            waiting.pop(at)
        else:
            waiting.append(symbol)
    return "".join(sorted(waiting) if name == "shuffle_dyck" else waiting)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dyck_bounded", {"kinds": 2, "depth": 3}),
        ("dyck_bounded", {"kinds": 3, "depth": 1}),
        ("dyck_bounded", {"kinds": 1, "depth": 4}),
        ("shuffle_dyck", {"kinds": 1, "p": 0.2}),
        ("shuffle_dyck", {"kinds": 2, "p": 0.15}),
        ("shuffle_dyck", {"kinds": 3, "p": 0.1}),
    ],
)
def test_baselines_of_brackets_match_a_walk_over_all_states(
    name: str, options: dict[str, Any]
) -> None:
    task = get_task(name, **options)
    optimum, pairs = expectations(name, options)
    assert task.optimum == pytest.approx(optimum, abs=1e-10)
    assert task.memoryless == pytest.approx(memoryless_of(pairs), abs=1e-10)
    assert task.chance == pytest.approx(chance_of_pairs(pairs), abs=1e-10)


def test_bounded_dyck_has_the_published_optimum() -> None:
    assert get_task("dyck_bounded").optimum == pytest.approx(0.891189, abs=5e-7)
    for kinds, depth in product((1, 2, 8), (1, 2, 10)):
        task = get_task("dyck_bounded", kinds=kinds, depth=depth)
        shape = get_task("dyck_bounded", kinds=1, depth=depth)
        assert isinstance(shape._shape, Automaton)  # type: ignore[attr-defined]
        expected = shape._shape.expected  # type: ignore[attr-defined]
        assert expected.scored == pytest.approx(2 * depth + 1)
        assert shape.optimum == pytest.approx(shape._shape.optimum)  # type: ignore[attr-defined]
        more = depth * math.log(kinds) / (2 * depth + 1)
        assert task.optimum == pytest.approx(shape.optimum + more)


def test_brackets_of_one_kind_are_dyck() -> None:
    for p in (0.2, 0.45):
        dyck, shuffled = get_task("dyck", p=p), get_task("shuffle_dyck", kinds=1, p=p)
        assert shuffled.optimum == pytest.approx(dyck.optimum)
        assert shuffled.memoryless == pytest.approx(dyck.memoryless)
        assert shuffled.sample(30).inputs.equal(dyck.sample(30).inputs)
    assert get_task("dyck_bounded").why_no_length(4) == get_task("dyck").why_no_length(4)


@pytest.mark.type_checked
@pytest.mark.parametrize("case", BRACKETS)
def test_surprise_of_brackets_matches_the_rule(case: str) -> None:
    task, follows = made(case)
    batch = task.sample(60)
    surprise, legal = task.surprise(batch), task.allowed(batch)
    depth = task.labels(batch)["depth"]
    assert legal is not None
    for row, end in enumerate(batch.count_symbols().tolist()):
        text = str(task.vocab.decode(batch.targets[row, :end]))
        for t, symbol in enumerate(text):
            after = follows(text[:t])
            assert surprise[row, t] == pytest.approx(-math.log(after[symbol]), abs=1e-12)
            assert symbols_in(task, legal[row, t]) == set(after)
            assert depth[row, t] == sum(1 if s in "([{" else -1 for s in text[:t])
        assert not legal[row, end:].any()
        assert not depth[row, end:].any()


@pytest.mark.parametrize("case", BRACKETS)
def test_surprise_of_brackets_of_known_lengths_matches_all_strings(case: str) -> None:
    task, follows = made(case)
    strings = strings_from(follows, 7)
    totals: Counter[int] = Counter()
    for string, p in strings.items():
        totals[len(string)] += p  # type: ignore[assignment]
    for low, high in ((5, 5), (3, 7)):
        known = {s: p / totals[len(s)] for s, p in strings.items() if low < len(s) <= high + 1}
        below: Counter[str] = Counter()
        for string, p in known.items():
            for t in range(1, len(string) + 1):
                below[string[:t]] += p  # type: ignore[assignment]
        texts = list(known)[:: max(1, len(known) // 20)]
        surprise = task.surprise(batch_of(task, texts).with_length_range((low, high)))
        for row, text in enumerate(texts):
            chances = [below[text[:t]] for t in range(1, len(text) + 1)]
            expected = [math.log(a / b) for a, b in pairwise(chances)]
            assert surprise[row, : len(expected)].tolist() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("case", BRACKETS)
def test_drawn_brackets_have_their_probabilities(case: str) -> None:
    task, follows = made(case)
    strings = {s: p for s, p in strings_from(follows, 7).items() if len(s) == 6}
    batch = task.sample(3000, length=5)
    drawn = Counter("#" + str(task.vocab.decode(row)) for row in batch.targets)
    total = sum(strings.values())
    assert set(drawn) <= set(strings)
    for string, p in strings.items():
        expected = 3000 * p / total
        assert abs(drawn[string] - expected) < 5 * math.sqrt(expected) + 1


def test_partners_match_a_row_of_cells() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        is_open, count, chosen, cells, expected = [], [], [], list[int](), []
        for at in range(60):
            opens = not cells or generator.random() < 0.5
            cell = 0 if opens else int(generator.integers(len(cells)))
            is_open.append(opens)
            count.append(len(cells))
            chosen.append(cell)
            if opens:
                cells.append(at)
                expected.append(at)
            else:
                expected.append(cells[cell])
                cells[cell] = cells[-1]
                cells.pop()
        found = partners(np.array(is_open), np.array(count), np.array(chosen))
        assert found.tolist() == expected
    assert len(partners(np.zeros(0, bool), np.zeros(0, int), np.zeros(0, int))) == 0


def test_closing_entropies_match_all_kinds() -> None:
    for kinds in (1, 2, 3):
        found = closing_entropies(kinds, 6)
        for n in range(1, 7):
            each = [Counter(chosen) for chosen in product(range(kinds), repeat=n)]
            entropies = [-sum(c / n * math.log(c / n) for c in one.values()) for one in each]
            assert found[n] == pytest.approx(sum(entropies) / len(entropies), abs=1e-12)


def test_wrong_brackets_raise() -> None:
    for name, right, wrong in (
        ("dyck_bounded", "#([])#", "#([)]#"),
        ("shuffle_dyck", "#([)]#", "#([))#"),
    ):
        task = get_task(name)
        assert task.optimal_loss(batch_of(task, [right])) > 0
        with pytest.raises(DataError, match=f"{name} in which only open .*, got .* position 1;"):
            task.surprise(batch_of(task, [right, wrong]))
        for other in (wrong, "#()", "##(", "#[#", "(#)#"):
            with pytest.raises(DataError, match=f"expected sequences of {name}"):
                task.surprise(batch_of(task, [other]))
        fine = batch_of(task, [right])
        for targets in (fine.targets + 9, fine.targets.index_fill(1, torch.tensor([1]), -100)):
            with pytest.raises(DataError, match=f"expected sequences of {name}"):
                task.surprise(Batch(fine.inputs, targets))
        with pytest.raises(DataError, match="length_range, got one of length 5"):
            task.surprise(fine.with_length_range((3, 3)))
    with pytest.raises(DataError, match="expected sequences of dyck_bounded, got '#"):
        get_task("dyck_bounded").surprise(batch_of(get_task("dyck_bounded"), ["#(((())))#"]))


def test_invalid_options_of_brackets_raise() -> None:
    for name, options, message in (
        ("dyck_bounded", {"kinds": 9}, "expected kinds to be an integer from 1 to 8, got 9"),
        ("dyck_bounded", {"depth": 31}, "expected depth to be an integer from 1 to 30, got 31"),
        ("shuffle_dyck", {"p": 0.49}, "expected p to be above 0 and below 0.49, got 0.49"),
        ("shuffle_dyck", {"kinds": 0}, "expected kinds to be an integer from 1 to 8, got 0"),
    ):
        with pytest.raises(OptionError, match=message):
            get_task(name, **options)


def test_optimum_of_a_split_matches_its_strings() -> None:
    source = HiddenMarkov(LAZY, [0.1, 0.0, 0.9], lengths=(4, 4), longer=())
    shuffled = get_task("shuffle_dyck")
    brackets = strings_from(rule("shuffle_dyck", 2, 0.4), 7)
    cases: list[tuple[Task, int, Weighted]] = [
        (source, 4, {f"#{text}": p for text, p in strings_of(source, 4).items()}),
        (shuffled, 7, {s: p for s, p in brackets.items() if len(s) == 8}),
    ]
    for task, length, strings in cases:
        for split in task.held_out(0.3):
            holds = split._holds(batch_of(task, list(strings))).tolist()
            kept = {
                s: p for (s, p), is_kept in zip(strings.items(), holds, strict=True) if is_kept
            }
            assert split.optimum_of(length) == pytest.approx(least_loss(kept), abs=1e-9)
    for split in source.held_out(0.3):
        assert split.optimum == pytest.approx(split.optimum_of(4), abs=1e-9)
