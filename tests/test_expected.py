"""Expectations over an automaton's strings, checked against sums over all of them."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from seqtoys import Automaton
from seqtoys.support.uncertainty import entropy
from seqtoys.tasks.automata.expectations import Expected, entropies
from tests.graphs import LOOP

CHANCES = {"aa": 0.9, "ab": 0.1, "bb": 0.7, "ba": 0.3}  # the last symbol determines the state
SEVERAL: dict[Any, Any] = {
    "s": [("a", "t", 0.5), ("b", "t", 0.3), ("c", "u", 0.2)],
    "t": [("a", "u", 0.6), ("c", "end", 0.4)],
    "u": [("b", "end", 1.0)],
    "end": [],
}
STRINGS = {"aab": 0.3, "ac": 0.2, "bab": 0.18, "bc": 0.12, "cb": 0.2}


def counted(weights: dict[str, float], symbols: str) -> list[list[float]]:
    """Return the expected count of each pair of adjacent symbols."""
    return [
        [sum(w * [*pairwise(text)].count((a, b)) for text, w in weights.items()) for b in symbols]
        for a in symbols
    ]


def test_unrestricted_strings() -> None:
    expected = Automaton(SEVERAL, "s").expected
    assert expected.pairs == pytest.approx(np.array(counted(STRINGS, "abc")))
    assert expected.scored == pytest.approx(0.48 * 2 + 0.52)
    tosses = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert expected.surprise == pytest.approx(0.8 * tosses)  # all else is certain
    assert expected.hits == pytest.approx(0.8 * 0.6 + 0.8 * 0.6 + 0.2)


@pytest.mark.parametrize(("low", "high"), [(3, 6), (1, 1), (4, 5)])
def test_endless_sequences_are_cut_at_each_length_equally_often(low: int, high: int) -> None:
    cut: dict[str, float] = {}
    for length in range(low, high + 1):
        for text in map("".join, product("ab", repeat=length + 1)):
            chance = math.prod(CHANCES[a + b] for a, b in pairwise("a" + text))
            cut[text] = chance / (high + 1 - low)
    expected = Automaton(LOOP, "s", lengths=(low, high)).expected
    assert expected.scored == pytest.approx((low + high) / 2)
    assert expected.pairs == pytest.approx(np.array(counted(cut, "ab")))
    steps = [(CHANCES[a + b], w) for text, w in cut.items() for a, b in pairwise(text)]
    assert expected.surprise == pytest.approx(sum(-w * math.log(p) for p, w in steps))
    assert expected.hits == pytest.approx(sum(w for p, w in steps if p > 0.5))


def test_strings_within_lengths() -> None:
    within = {text: w / 0.48 for text, w in STRINGS.items() if len(text) == 3}
    expected = Automaton(SEVERAL, "s", lengths=(2, 2)).expected
    assert expected.pairs == pytest.approx(np.array(counted(within, "abc")))
    assert expected.scored == pytest.approx(2)
    assert expected.surprise == pytest.approx(0)  # after the first symbol, "ab" for sure
    assert expected.hits == pytest.approx(2)


def test_statistics_of_pair_counts() -> None:
    pairs = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
    expected = Expected(pairs, 1.0, 2.0)
    surprises = [3 * math.log(4 / 3), math.log(4), 6 * math.log(3)]
    assert expected.memoryless == pytest.approx(sum(surprises) / 10)
    assert expected.chance == 0.5
    double = expected + expected
    assert (double.scored, double.surprise, double.hits) == (20, 2, 4)
    assert entropies(pairs / 4)[:2] == pytest.approx([surprises[0] / 4 + surprises[1] / 4, 0])


def test_entropy_of_a_certain_outcome_is_zero() -> None:
    assert repr(entropy(1.0)) == repr(entropy(0.0, 1.0)) == "0.0"
    assert entropy(0.5, 0.0, 0.5) == pytest.approx(math.log(2))
    assert entropy(0.25) == entropy(0.25, 0.75)
