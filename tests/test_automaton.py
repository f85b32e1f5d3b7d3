"""Automata and finite languages: against enumeration, formulas and walks written out here."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch

from seqtoys import Automaton, Batch, ElmanCharModel, FiniteLanguage, evaluate, fit
from seqtoys.errors import DataError, OptionError

COIN: dict[Any, Any] = {
    "begin": [("b", "toss", 1.0)],
    "toss": [("t", "toss", 0.2), ("h", "last", 0.8)],
    "last": [("x", "end", 0.5), ("y", "end", 0.25), ("t", "toss", 0.25)],
    "end": [],
}


def strings(graph: dict[Any, Any], start: Any, longest: int) -> dict[str, float]:
    """All strings up to a length, with their probabilities."""
    done: dict[str, float] = {}
    waiting = [("", start, 1.0)]
    while waiting:
        text, state, chance = waiting.pop()
        if not graph[state]:
            done[text] = done.get(text, 0.0) + chance
        elif len(text) < longest:
            waiting += [(text + s, after, chance * p) for s, after, p in graph[state]]
    return done


ALL = strings(COIN, "begin", 20)  # what is left out has a chance below 1e-4


def texts_of(task: Automaton, batch: Batch) -> list[str]:
    ends = batch.count_symbols().tolist()
    return [
        str(task.vocab.decode(row[:end])) + str(task.vocab.decode(targets[end - 1 : end]))
        for row, targets, end in zip(batch.inputs, batch.targets, ends, strict=True)
    ]


def test_the_losses_are_sums_over_all_strings() -> None:
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


def test_strings_come_with_their_probabilities() -> None:
    task = Automaton(COIN, "begin")
    drawn = Counter(texts_of(task, task.sample(20_000)))
    for text, chance in sorted(ALL.items(), key=lambda item: -item[1])[:12]:
        spread = math.sqrt(20_000 * chance * (1 - chance))
        assert abs(drawn[text] - 20_000 * chance) < 4 * spread
    assert all(task.accepts(text) for text in drawn)


@pytest.mark.parametrize("length", [2, 3, 6])
def test_strings_of_one_length_keep_their_proportions(length: int) -> None:
    task = Automaton(COIN, "begin")
    of_length = {text: p for text, p in ALL.items() if len(text) == length + 1}
    total = sum(of_length.values())
    drawn = Counter(texts_of(task, task.sample(8000, length=length)))
    assert set(drawn) <= set(of_length)
    for text, chance in of_length.items():
        share = chance / total
        assert abs(drawn[text] - 8000 * share) < 4 * math.sqrt(8000 * share * (1 - share)) + 1


def test_the_optimal_loss_is_that_of_these_strings() -> None:
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


def test_what_is_legal_follows_from_the_graph() -> None:
    task = Automaton(COIN, "begin")
    assert task.legal("") == {"b"}
    assert task.legal("bth") == {"x", "y", "t"}
    assert task.legal("bhx") == set()
    for bad in ("x", "b?"):
        assert not task.accepts(bad)
        with pytest.raises(DataError, match="expected the beginning of a string of automaton"):
            task.legal(bad)
    assert task.refusal(1) == "no string has 1 symbols and one more"


def test_an_endless_source_has_its_entropy_rate() -> None:
    sticky: dict[Any, Any] = {
        "a": [("a", "a", 0.9), ("b", "b", 0.1)],
        "b": [("b", "b", 0.7), ("a", "a", 0.3)],
    }
    task = Automaton(sticky, "a")
    # The share of the time in a is 0.3 / (0.3 + 0.1).
    entropy = [-sum(p * math.log(p) for p in ps) for ps in ((0.9, 0.1), (0.7, 0.3))]
    assert task.optimum == pytest.approx(0.75 * entropy[0] + 0.25 * entropy[1])
    assert task.memoryless == pytest.approx(task.optimum)  # the symbol tells the state
    assert task.chance == pytest.approx(0.75)
    assert task.best_accuracy == pytest.approx(0.75 * 0.9 + 0.25 * 0.7)
    assert math.isinf(task.expected_length)
    batch = task.sample(3, length=17)
    assert batch.inputs.shape == (3, 17)
    assert batch.scored.all()
    assert task.accepts("abba")


BAD: list[tuple[dict[Any, Any], str]] = [
    ({"s": [("a", "t", 1.0)]}, "expected each state to be defined, got none named 't'"),
    ({"s": [("a", "s", 0.5)]}, r"expected positive probabilities that sum to 1 in state 's'"),
    (
        {"s": [("a", "s", 0.5), ("a", "t", 0.5)], "t": []},
        "expected each symbol once in state 's', .* got 'a' twice",
    ),
    (
        {"s": [("a", "t", 0.5), ("b", "e", 0.5)], "t": [("a", "t", 1.0)], "e": []},
        "expected a way from each state to an end, got none from 't'",
    ),
    (
        {"s": [("a", "t", 1.0)], "t": [("a", "t", 1.0)]},
        "expected a way from each state to back to the start|got none from 't'",
    ),
    ({"s": [("a", "e", 1.0)], "e": []}, "expected strings of two symbols or more"),
]


@pytest.mark.parametrize(("graph", "message"), BAD)
def test_bad_graphs_are_told(graph: dict[Any, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Automaton(graph, "s")


def test_symbols_are_those_of_the_graph() -> None:
    assert Automaton(COIN, "begin", symbols="xythb").vocab.symbols == tuple("xythb")
    with pytest.raises(OptionError, match="expected symbols to be"):
        Automaton(COIN, "begin", symbols="xy")


def test_a_finite_language_is_its_prefix_tree() -> None:
    task = FiniteLanguage({"aab": 1.0, "aac": 2.0, "bca": 1.0, "bcb": 4.0})
    weights = [1 / 8, 2 / 8, 1 / 8, 4 / 8]
    first = [3 / 8, 5 / 8]  # the first symbol is read
    expected = -sum(p * math.log(p) for p in weights) + sum(p * math.log(p) for p in first)
    assert task.optimum == pytest.approx(expected / 2)
    assert task.level == "finite"
    drawn = Counter(texts_of(task, task.sample(4000)))
    assert abs(drawn["bcb"] - 2000) < 4 * math.sqrt(1000)
    words = FiniteLanguage([(["boys", "run"], 1.0), (["boys", "see", "dogs"], 1.0)])
    assert words.vocab.symbols == ("boys", "run", "see", "dogs")
    assert words.legal(["boys"]) == {"run", "see"}
    with pytest.raises(DataError, match="none is the beginning of another"):
        FiniteLanguage({"ab": 1.0, "abc": 1.0})
    with pytest.raises(DataError, match="none is the beginning of another"):
        FiniteLanguage({})
    with pytest.raises(OptionError, match="expected positive weights"):
        FiniteLanguage({"ab": 0.0})


def test_a_network_comes_near_the_optimum() -> None:
    task = Automaton(COIN, "begin")
    model = ElmanCharModel(task.vocab, hidden_size=8, seed=0)
    fit(model, task, epochs=400, lr=0.02)
    report = evaluate(model, task, count=2000, longer=[])
    assert -0.002 < report.seen.excess < 0.01
    assert torch.isfinite(torch.tensor(report.seen.loss))


def test_what_is_not_of_the_task_is_told() -> None:
    task = Automaton(COIN, "begin")
    with pytest.raises(DataError, match="expected sequences of automaton, got 'bt' at position 0"):
        task.optimal_loss(Batch.from_texts(["btt"], task.vocab))  # it has no end
    with pytest.raises(OptionError, match="expected a state of automaton, got 'nope'"):
        task.comes_from(task.sample(1), "nope")
    with pytest.raises(OptionError, match="expected positive probabilities"):
        Automaton({"s": [("a", "s", math.nan)]}, "s")
