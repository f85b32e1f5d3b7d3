"""Lengths of an automaton's strings, checked against a list of all strings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqtoys import Automaton
from seqtoys.errors import OptionError
from seqtoys.tasks.automata.graph import read_graph
from seqtoys.tasks.automata.string_lengths import StringLengths
from tests.graphs import COIN, LOOP

pytestmark = pytest.mark.type_checked

EVEN: dict[Any, Any] = {  # strings of an even number of symbols
    "a": [("x", "b", 1.0)],
    "b": [("y", "a", 0.9), ("z", "end", 0.1)],
    "end": [],
}


def length_probabilities(written: dict[Any, Any], start: Any, longest: int) -> list[float]:
    """Compute the probability of 0, 1, … symbols by following each string."""
    chances, waiting = [0.0] * (longest + 1), [(0, start, 1.0)]
    while waiting:
        length, state, chance = waiting.pop()
        if not written[state]:
            chances[length] += chance
        elif length < longest:
            waiting += [(length + 1, after, chance * p) for _, after, p in written[state]]
    return chances


@pytest.mark.parametrize(
    "bounds", [(0, 0), (3, 3), (0, 5), (2, 6), (5, 9), (-4, 3), (-2, -1), (3, 2)]
)
def test_probability_of_ending_within_bounds_is_a_sum_over_strings(
    bounds: tuple[int, int],
) -> None:
    graph = read_graph(COIN, "begin")
    lengths, (low, high) = StringLengths(graph, 1), bounds
    for _ in range(2):  # cached results are reused
        chances, factor = lengths.reach(low, high)
        for state, chance in zip(graph.states, chances * math.exp(factor), strict=True):
            each = length_probabilities(COIN, state, 9)
            expected = sum(p for n, p in enumerate(each) if low <= n <= high)
            assert chance == pytest.approx(expected, rel=1e-12)
        lengths.reach(1, 7)


def test_underflowing_probabilities_keep_their_ratios() -> None:
    lengths = StringLengths(read_graph(EVEN, "a"), 1)
    chances, factor = lengths.reach(20_000, 20_000)
    assert np.log(chances[0]) + factor == pytest.approx(9_999 * math.log(0.9) + math.log(0.1))
    assert chances.tolist() == [1, 0, 0]


def test_lengths_exist_where_strings_do() -> None:
    lengths = StringLengths(read_graph(EVEN, "a"), 1)
    assert [n for n in range(9) if lengths.exist(n, n)] == [2, 4, 6, 8]
    assert lengths.exist(3, 4)
    assert not lengths.exist(4, 3)
    endless = StringLengths(read_graph(LOOP, "s"), 1)
    assert all(endless.exist(n, n) for n in range(1, 9))


@pytest.mark.parametrize(("written", "start"), [(COIN, "begin"), (EVEN, "a")])
def test_usual_lengths_cover_99_percent_of_strings(written: dict[Any, Any], start: Any) -> None:
    shortest, longest = StringLengths(read_graph(written, start), 1).usual()
    chances = length_probabilities(written, start, longest + 1)
    assert sum(chances[: shortest + 1]) == 0  # a length excludes the last symbol
    assert chances[shortest + 1] > 0
    assert sum(chances[: longest + 1]) < 0.99 <= sum(chances)
    assert Automaton(written, start).lengths == (shortest, longest)


def test_usual_length_of_an_endless_source_follows_its_cycles() -> None:
    task = Automaton(LOOP, "s")  # a cycle has 0.9 * 1 + 0.1 * (1 + 1 / 0.3) symbols on average
    assert task.lengths == (40, 40)
    assert task.longer == (80, 200)
    assert StringLengths(read_graph(LOOP, "s"), 3).usual() == (4, 4)


def test_longer_lengths_are_double_and_quadruple_or_the_next_possible() -> None:
    even = StringLengths(read_graph(EVEN, "a"), 1)
    assert even.longer(5) == (11, 21)  # counted without the last symbol
    few: dict[Any, Any] = {n: [("y", n + 1, 1.0)] for n in range(5)} | {5: []}
    few |= {"a": [("x", "b", 1.0)], "b": [("y", 0, 0.5), ("z", 5, 0.5)]}
    lengths = StringLengths(read_graph(few, "a"), 1)  # strings have 2 or 7 symbols
    assert lengths.longer(1) == ()  # neither 2 or 3 nor 4 or 5
    assert lengths.longer(2) == (6,)
    assert lengths.longer(3) == (6,)


def test_why_no_length_reports_possible_lengths(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    even, endless = Automaton(EVEN, "a"), Automaton(LOOP, "s", lengths=(3, 6))
    assert [n for n in range(-1, 8) if even.why_no_length(n) is None] == [1, 3, 5, 7]
    assert [n for n in range(-1, 4) if endless.why_no_length(n) is None] == [1, 2, 3]
    assert_error(
        lambda: even.sample(1, length=2),
        OptionError,
        "automaton has no sequence of length 2: no string has 3 symbols (the length does not "
        "count the last one)",
    )
    batch = endless.sample(4, length=9)  # all of one length, so that lengths are omitted
    assert batch.inputs.shape == (4, 9)
    assert batch.lengths is None
    assert even.sample(4, length=3).lengths is None


def test_default_source_of_an_automaton_is_my_own() -> None:
    assert repr(Automaton(COIN, "begin")) == "<task automaton: my own; regular>"
