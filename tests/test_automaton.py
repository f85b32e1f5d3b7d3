"""Automata and finite languages, checked against enumeration, formulas and explicit walks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import Automaton, Batch, ElmanCharModel, FiniteLanguage, evaluate, fit, get_task
from seqtoys.errors import DataError, IndexRangeError, InputTypeError, OptionError
from seqtoys.tasks.automata import paths
from tests.graphs import COIN


def strings(graph: dict[Any, Any], start: Any, longest: int) -> dict[str, float]:
    """Return all strings up to a length, with their probabilities."""
    done: dict[str, float] = {}
    waiting = [("", start, 1.0)]
    while waiting:
        text, state, chance = waiting.pop()
        if not graph[state]:
            done[text] = done.get(text, 0.0) + chance
        elif len(text) < longest:
            waiting += [(text + s, after, chance * p) for s, after, p in graph[state]]
    return done


STICKY: dict[Any, Any] = {
    "a": [("a", "a", 0.9), ("b", "b", 0.1)],
    "b": [("b", "b", 0.7), ("a", "a", 0.3)],
}


def probability_of(text: str) -> float:
    """Return the probability of a prefix from the sticky source."""
    chances = {"aa": 0.9, "ab": 0.1, "bb": 0.7, "ba": 0.3}
    return math.prod(chances[a + b] for a, b in pairwise("a" + text))


ALL = strings(COIN, "begin", 20)  # the rest has a probability below 1e-4


def texts_of(task: Automaton, batch: Batch) -> list[str]:
    ends, symbols = batch.count_symbols().tolist(), task.vocab.symbols
    return [
        "".join(symbols[i] for i in [*row[:end], targets[end - 1]])
        for row, targets, end in zip(
            batch.inputs.tolist(), batch.targets.tolist(), ends, strict=True
        )
    ]


def test_losses_equal_sums_over_all_strings() -> None:
    task = Automaton(COIN, "begin")
    total = sum(ALL.values())
    assert total > 0.999
    scored = sum(p * (len(text) - 1) for text, p in ALL.items())
    assert task.optimum == pytest.approx(
        sum(-p * math.log(p) for p in ALL.values()) / scored, rel=1e-3
    )
    assert task.expected_length == pytest.approx(scored + 1, rel=1e-3)
    pairs: Counter[str] = Counter()
    for text, chance in ALL.items():
        for a, b in pairwise(text):
            pairs[a + b] += chance  # type: ignore[assignment]
    above: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for pair, weight in pairs.items():
        above[pair[0]] += weight
        below[pair[1]] += weight
    surprise = sum(w * math.log(above[pair[0]] / w) for pair, w in pairs.items())
    assert task.memoryless == pytest.approx(surprise / scored, rel=1e-3)
    assert task.chance == pytest.approx(max(below.values()) / scored, rel=1e-3)


def test_sampled_frequencies_match_probabilities() -> None:
    task = Automaton(COIN, "begin")
    drawn = Counter(texts_of(task, task.sample(20_000)))
    for text, chance in sorted(ALL.items(), key=lambda item: -item[1])[:12]:
        spread = math.sqrt(20_000 * chance * (1 - chance))
        assert abs(drawn[text] - 20_000 * chance) < 4 * spread
    assert all(task.accepts(text) for text in drawn)


def assert_proportions(drawn: Counter[str], weights: dict[str, float]) -> None:
    """Assert that strings occur in proportion to their weights, and no others occur."""
    count, total = drawn.total(), sum(weights.values())
    assert set(drawn) <= set(weights)
    for text, weight in weights.items():
        fraction = weight / total
        assert (
            abs(drawn[text] - count * fraction)
            < 5 * math.sqrt(count * fraction * (1 - fraction)) + 1
        )


@pytest.mark.parametrize("length", [2, 3, 6])
def test_fixed_length_keeps_relative_probabilities(length: int) -> None:
    task = Automaton(COIN, "begin")
    drawn = Counter(texts_of(task, task.sample(4000, length=length)))
    assert_proportions(drawn, {text: p for text, p in ALL.items() if len(text) == length + 1})


@pytest.mark.parametrize("many", [1, 10, 40])
def test_distribution_does_not_depend_on_step_size(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "MANY", many)
    drawn = Counter(texts_of(task := Automaton(COIN, "begin"), task.sample(4000)))
    common = {text: chance for text, chance in ALL.items() if chance > 0.01}
    assert_proportions(Counter({t: n for t, n in drawn.items() if t in common}), common)
    drawn = Counter(texts_of(task, task.sample(4000, length=5)))
    assert_proportions(drawn, {text: p for text, p in ALL.items() if len(text) == 6})
    endless = Automaton(STICKY, "a")
    drawn = Counter(texts_of(endless, endless.sample(4000, length=4)))
    assert_proportions(
        drawn, {text: probability_of(text) for text in map("".join, product("ab", repeat=5))}
    )


def test_strings_longer_than_a_step_are_complete() -> None:
    text = "a" * 100 + "b" * 50
    task = FiniteLanguage({text: 1.0})
    for length in (None, 149):
        assert set(texts_of(task, task.sample(3, length=length))) == {text}


def test_endless_source_is_cut_after_thirty_cycles() -> None:
    task = get_task("letters")
    assert isinstance(task, Automaton)
    for text in texts_of(task, task.sample(40)):
        assert sum(text[:-1].count(consonant) for consonant in "bdg") == 30
        assert task.accepts(text[:-1])
        assert text[-1] in "bdg"


def test_optimal_loss_is_that_of_the_batch() -> None:
    task = Automaton(COIN, "begin")
    batch = Batch.from_texts(["bhx", "btthy"], task.vocab)
    expected = -(math.log(ALL["bhx"]) + math.log(ALL["btthy"])) / 6
    assert task.optimal_loss(batch) == pytest.approx(expected)
    with pytest.raises(DataError, match="expected sequences of automaton, got 'bx' at position 0"):
        task.optimal_loss(Batch.from_texts(["bxx"], task.vocab))
    assert task.comes_from(batch, "last").tolist() == [
        [False, True, False, False],
        [False, False, False, True],
    ]


def test_legal_symbols_follow_the_graph() -> None:
    task = Automaton(COIN, "begin")
    assert task.legal("") == {"b"}
    assert task.legal("bth") == {"x", "y", "t"}
    assert task.legal("bhx") == set()
    for bad in ("x", "b?"):
        assert not task.accepts(bad)
        with pytest.raises(DataError, match="expected a prefix of a string of automaton"):
            task.legal(bad)
    assert (
        task.why_no_length(1) == "no string has 2 symbols (the length does not count the last one)"
    )


def test_optimum_of_endless_source_is_its_entropy_rate() -> None:
    task = Automaton(STICKY, "a")
    # The fraction of time spent in a is 0.3 / (0.3 + 0.1).
    entropy = [-sum(p * math.log(p) for p in ps) for ps in ((0.9, 0.1), (0.7, 0.3))]
    assert task.optimum == pytest.approx(0.75 * entropy[0] + 0.25 * entropy[1])
    assert task.memoryless == pytest.approx(task.optimum)  # the symbol determines the state
    assert task.chance == pytest.approx(0.75)
    assert task.best_accuracy == pytest.approx(0.75 * 0.9 + 0.25 * 0.7)
    assert math.isinf(task.expected_length)
    batch = task.sample(3, length=17)
    assert batch.inputs.shape == (3, 17)
    assert batch.scored.all()
    assert task.accepts("abba")


FORKED: dict[Any, Any] = {
    "begin": [("a", "more", 0.3), ("b", "more", 0.2), ("c", "last", 0.5)],
    "more": [("a", "more", 0.6), ("b", "last", 0.4)],
    "last": [("x", "end", 0.5), ("y", "end", 0.25), ("a", "more", 0.25)],
    "end": [],
}


def statistics_of(weights: dict[str, float]) -> dict[str, float]:
    """Compute a task's statistics from all of its strings and their weights."""
    above, below = Counter[str](), Counter[str]()
    pairs, beginnings, wholes = Counter[str](), Counter[str](), Counter[str]()
    for text, weight in weights.items():
        for t in range(1, len(text)):
            above[text[t - 1]] += weight  # type: ignore[assignment]
            below[text[t]] += weight  # type: ignore[assignment]
            pairs[text[t - 1 : t + 1]] += weight  # type: ignore[assignment]
            beginnings[text[:t]] += weight  # type: ignore[assignment]
            wholes[text[: t + 1]] += weight  # type: ignore[assignment]
    scored = sum(below.values())
    best = Counter[str]()
    for whole, weight in wholes.items():
        best[whole[:-1]] = max(best[whole[:-1]], weight)
    return {
        "optimum": sum(w * math.log(beginnings[t[:-1]] / w) for t, w in wholes.items()) / scored,
        "memoryless": sum(w * math.log(above[p[0]] / w) for p, w in pairs.items()) / scored,
        "chance": max(below.values()) / scored,
        "best_accuracy": sum(best.values()) / scored,
        "expected_length": 1 + scored / sum(weights.values()),
    }


@pytest.mark.parametrize(("low", "high"), [(1, 3), (2, 2), (4, 7)])
def test_lengths_restrict_the_source(low: int, high: int) -> None:
    task = Automaton(FORKED, "begin", lengths=(low, high), longer=[9, 12])
    assert (task.lengths, task.longer) == ((low, high), (9, 12))
    within = {t: p for t, p in strings(FORKED, "begin", 9).items() if low < len(t) <= high + 1}
    for name, number in statistics_of(within).items():
        assert getattr(task, name) == pytest.approx(number, rel=1e-9)
    batch = task.sample(4000)
    drawn = Counter(texts_of(task, batch))
    assert_proportions(drawn, within)
    first = Counter[str]()
    for text, chance in within.items():
        first[text[0]] += chance  # type: ignore[assignment]
    surprise = sum(n * math.log(first[t[0]] / within[t]) for t, n in drawn.items())
    assert task.optimal_loss(batch) == pytest.approx(surprise / int(batch.scored.sum()))


def test_outside_its_lengths_the_source_is_unrestricted() -> None:
    bounded = Automaton(FORKED, "begin", lengths=(1, 3))
    graph = Automaton(FORKED, "begin")
    batch = bounded.sample(20, length=9)
    assert bounded.optimal_loss(batch) == graph.optimal_loss(batch)
    both = Batch.join([batch, bounded.sample(20)])
    assert bounded.optimal_loss(both) < graph.optimal_loss(both)
    assert bounded.accepts("aaaaaaaabx")


def test_rare_lengths_can_be_sampled() -> None:
    task = Automaton(FORKED, "begin", lengths=(4000, 4001))
    assert set(task.sample(20).count_symbols().tolist()) == {4000, 4001}
    assert task.optimal_loss(batch := task.sample(200)) == pytest.approx(task.optimum, rel=0.01)
    assert int(batch.scored.sum()) / 200 == pytest.approx(task.expected_length - 1, abs=0.2)


TOSS: Any = {
    "begin": [("b", "toss", 1.0)],
    "toss": [("t", "toss", 0.5), ("h", "end", 0.5)],
    "end": [],
}


@pytest.mark.parametrize(
    ("lengths", "surprise", "scored"),
    [
        (None, 2 * math.log(2), 2.0),  # a symbol after each toss until heads: 2 on average
        ((1, 2), math.log(3) - 2 / 3 * math.log(2), 4 / 3),  # "bh" twice as likely as "bth"
        ((2, 2), 0.0, 2.0),  # only "bth"
    ],
)
def test_optimum_is_the_surprise_of_the_expected_scored_symbols(
    lengths: tuple[int, int] | None, surprise: float, scored: float
) -> None:
    task = Automaton(TOSS, "begin", lengths=lengths, longer=())
    assert task.expected_scored == pytest.approx(scored)
    assert task.expected_length == pytest.approx(scored + 1)
    assert task.optimum == pytest.approx(surprise / scored)


@pytest.mark.parametrize("lengths", [None, (2, 2), (3, 6)])
def test_endless_sequences_have_the_expected_number_of_scored_symbols(
    lengths: tuple[int, int] | None,
) -> None:
    arcs: Any = {"a": [("x", "a", 0.3), ("y", "b", 0.7)], "b": [("z", "a", 0.5), ("y", "b", 0.5)]}
    task = Automaton(arcs, "a", lengths=lengths, longer=())
    generator = torch.Generator().manual_seed(3)
    batches = [task.sample(50, generator=generator) for _ in range(60)]
    scored = sum(int(batch.scored.sum()) for batch in batches) / 3000
    assert scored == pytest.approx(task.expected_scored, rel=0.05)


def test_endless_source_is_cut_at_its_lengths() -> None:
    task = Automaton(STICKY, "a", lengths=(3, 6))
    assert task.longer == (12, 30)
    cut: dict[str, float] = {}
    for length in range(3, 7):
        for text in map("".join, product("ab", repeat=length + 1)):
            cut[text] = probability_of(text) / 4
    expected = statistics_of(cut)
    # The probabilities are those of the source, wherever it is cut.
    letters = [(probability_of(text), text) for text in cut]
    scored = sum(p * (len(text) - 1) for p, text in letters)
    surprise = sum(p * math.log(probability_of(text[0]) / p) for p, text in letters)
    assert task.optimum == pytest.approx(surprise / scored, rel=1e-9)
    for name in ("memoryless", "chance"):
        assert getattr(task, name) == pytest.approx(expected[name], rel=1e-9)
    assert math.isinf(task.expected_length)
    generator = torch.Generator().manual_seed(1)
    batches = [task.sample(100, generator=generator) for _ in range(60)]
    assert {batch.inputs.shape[1] for batch in batches} == {3, 4, 5, 6}
    together = Batch.join(batches)
    assert task.optimal_loss(together) == pytest.approx(task.optimum, abs=0.02)


def test_invalid_lengths_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    def build(**options: Any) -> Callable[[], object]:
        return lambda: Automaton(FORKED, "begin", **options)

    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"lengths": (5, 3)},
            "expected lengths to be (shortest, longest), with shortest <= longest, got (5, 3)",
        ),
        ({"lengths": (5, 10**7)}, "expected lengths of at most 1,000,000, got (5, 10000000)"),
        ({"lengths": (0, 3)}, "expected lengths to be a positive integer, got 0"),
        ({"lengths": (1, 3), "longer": [3]}, "expected test lengths above 3, got 3"),
    ]
    for options, message in cases:
        assert_error(build(**options), OptionError, message)
    cases = [
        ({"lengths": 5}, "expected lengths to be a tuple of 2 or None, got 5"),
        ({"lengths": (1, 2, 3)}, "expected lengths to be a tuple of 2 or None, got a tuple of 3"),
        ({"longer": ["9"]}, "expected longer[0] to be an integer, got '9'"),
    ]
    for options, message in cases:
        assert_error(build(**options), InputTypeError, message)
    even: dict[Any, Any] = {
        "a": [("x", "b", 1.0)],
        "b": [("y", "c", 1.0)],
        "c": [("x", "b", 0.5), ("z", "end", 0.5)],
        "end": [],
    }
    assert_error(
        lambda: Automaton(even, "a", lengths=(3, 3)),
        OptionError,
        "automaton has no sequence of length 3: no string has 4 symbols (the length does not "
        "count the last one)",
    )
    assert_error(
        lambda: Automaton(even, "a", lengths=(2, 4), longer=[7]),
        OptionError,
        "automaton has no sequence of length 7: no string has 8 symbols (the length does not "
        "count the last one)",
    )


BAD: list[tuple[dict[Any, Any], str]] = [
    ({"s": [("a", "t", 1.0)]}, "expected each state to be defined, got no transitions for 't'"),
    ({"s": [("a", "s", 0.5)]}, r"expected positive probabilities that sum to 1 in state 's'"),
    (
        {"s": [("a", "s", 0.5), ("a", "t", 0.5)], "t": []},
        "expected each symbol once in state 's', .* got 'a' twice",
    ),
    (
        {"s": [("a", "t", 0.5), ("b", "e", 0.5)], "t": [("a", "t", 1.0)], "e": []},
        "expected a path from each state to an end, got none from 't'",
    ),
    (
        {"s": [("a", "t", 1.0)], "t": [("a", "t", 1.0)]},
        "expected a path from each state back to the start, got none from 't'",
    ),
    ({"s": [("a", "e", 1.0)], "e": []}, "expected strings of at least two symbols"),
]


@pytest.mark.parametrize(("graph", "message"), BAD)
def test_invalid_graphs_raise(graph: dict[Any, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Automaton(graph, "s")


def test_symbols_must_match_the_graph() -> None:
    assert Automaton(COIN, "begin", symbols="xythb").vocab.symbols == tuple("xythb")
    with pytest.raises(OptionError, match="expected symbols to be"):
        Automaton(COIN, "begin", symbols="xy")


def test_finite_language_is_its_prefix_tree() -> None:
    task = FiniteLanguage({"aab": 1.0, "aac": 2.0, "bca": 1.0, "bcb": 4.0})
    weights = [1 / 8, 2 / 8, 1 / 8, 4 / 8]
    first = [3 / 8, 5 / 8]  # the first symbol is only an input
    expected = -sum(p * math.log(p) for p in weights) + sum(p * math.log(p) for p in first)
    assert task.optimum == pytest.approx(expected / 2)
    assert task.level == "finite"
    drawn = Counter(texts_of(task, task.sample(4000)))
    assert abs(drawn["bcb"] - 2000) < 4 * math.sqrt(1000)
    words = FiniteLanguage([(["boys", "run"], 1.0), (["boys", "see", "dogs"], 1.0)])
    assert words.vocab.symbols == ("boys", "run", "see", "dogs")
    assert words.legal(["boys"]) == {"run", "see"}


def test_end_symbol_distinguishes_a_string_from_a_prefix() -> None:
    task = FiniteLanguage(
        {"to": 1.0, "tom": 2.0, "tomb": 1.0}, end=".", lengths=(2, 3), longer=[4]
    )
    within = {"to.": 1.0, "tom.": 2.0}
    assert_proportions(Counter(texts_of(task, task.sample(4000))), within)
    assert task.optimum == pytest.approx(statistics_of(within)["optimum"])
    assert texts_of(task, task.sample(2, length=4)) == ["tomb."] * 2


def test_language_of_thousands_of_words() -> None:
    letters = torch.randint(5, (3000, 7), generator=torch.Generator().manual_seed(0)).tolist()
    weights = {"".join("abcde"[i] for i in row): float(n) for n, row in enumerate(letters, 1)}
    task, total = FiniteLanguage(weights), sum(weights.values())
    assert len(task.graph.states) > 5000
    first = [sum(w for t, w in weights.items() if t[0] == s) / total for s in "abcde"]
    entropy = -sum(w / total * math.log(w / total) for w in weights.values())
    # The first of the seven symbols is only an input.
    assert task.optimum == pytest.approx((entropy + sum(p * math.log(p) for p in first)) / 6)
    assert set(texts_of(task, task.sample(50))) <= set(weights)


def test_invalid_languages_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    start = "expected no string to be a prefix of another, got "
    end = "; add an end symbol, as in end='.'"
    few = "expected at least one string, each of at least two symbols, got "
    weights = "expected positive weights, got "
    words = [(["boys", "run"], 1.0), (["boys"], 1.0)]
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"strings": {"abc": 1.0, "ab": 1.0}}, DataError, f"{start}'ab' and 'abc'{end}"),
        ({"strings": words}, DataError, f"{start}['boys'] and ['boys', 'run']{end}"),
        ({"strings": {}}, DataError, few + "none"),
        ({"strings": {"": 1.0}}, DataError, few + "an empty one"),
        ({"strings": {"ab": 0.0}}, OptionError, f"{weights}0.0 for 'ab'"),
        ({"strings": {"ab": math.nan}}, OptionError, f"{weights}nan for 'ab'"),
        (
            {"strings": {"a.": 1.0}, "end": "."},
            OptionError,
            "expected an end symbol that is in no string, got '.' in 'a.'",
        ),
    ]
    for options, kind, message in cases:
        assert_error(lambda options=options: FiniteLanguage(**options), kind, message)  # type: ignore[misc]


def test_network_approaches_the_optimum() -> None:
    task = Automaton(COIN, "begin")
    model = ElmanCharModel(task.vocab, hidden_size=8, seed=0)
    fit(model, task, epochs=400, lr=0.02)
    report = evaluate(model, task, count=2000, longer=[])
    assert -0.002 < report.seen.excess < 0.01
    assert torch.isfinite(torch.tensor(report.seen.loss))


def test_foreign_sequences_and_states_raise() -> None:
    task = Automaton(COIN, "begin")
    with pytest.raises(DataError, match="expected sequences of automaton, got 'bt' at position 0"):
        task.optimal_loss(Batch.from_texts(["btt"], task.vocab))  # without an end
    for index in (-3, 6):  # no symbol
        inputs, targets = torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, index]])
        with pytest.raises((DataError, IndexRangeError)):
            task.optimal_loss(Batch(inputs, targets))
        with pytest.raises((DataError, IndexRangeError)):
            task.optimal_loss(Batch(torch.tensor([[index, 1]]), torch.tensor([[1, 2]])))
    with pytest.raises(OptionError, match="expected a state of automaton, got 'nope'"):
        task.comes_from(task.sample(1), "nope")
    with pytest.raises(OptionError, match="expected positive probabilities"):
        Automaton({"s": [("a", "s", math.nan)]}, "s")


def test_huge_lengths_and_foreign_states_get_the_librarys_answers() -> None:
    reber = get_task("reber")
    assert isinstance(reber, Automaton)
    assert reber.why_no_length(10**5000) == "the maximum is 1,000,000 symbols"
    assert "about 10^5000" in str(get_task("modular_arithmetic").why_no_length(10**5000))
    with pytest.raises(OptionError, match="expected a state of reber, got "):
        reber.comes_from(reber.sample(1), np.float32(1.0))
