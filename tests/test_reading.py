"""What an automaton reads: beginnings, whole strings, and the states that targets come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch

from seqtoys import Automaton, Batch
from seqtoys.errors import DataError, IndexRangeError, OptionError
from tests.graphs import COIN

pytestmark = pytest.mark.type_checked

ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
TASK = Automaton(COIN, "begin")
BATCH = Batch.from_texts(["bhx", "btthy"], TASK.vocab)


def chance_of(text: str) -> float:
    """The probability of a string, 0 if it is none."""
    state, chance = "begin", 1.0
    for symbol in text:
        arcs = {s: (after, p) for s, after, p in COIN[state]}
        state, p = arcs.get(symbol, ("end", 0.0))
        chance *= p
    return chance if state == "end" else 0.0


@pytest.mark.parametrize("length", [2, 3, 4])
def test_the_strings_of_the_source_are_read_and_no_others(length: int) -> None:
    found = 0
    for text in map("".join, product("bthxy", repeat=length)):
        chance, batch = chance_of(text), Batch.from_texts([text], TASK.vocab)
        found += chance > 0
        assert TASK.accepts(text) == (chance > 0)
        if chance > 0:
            surprise = -math.log(chance) / (length - 1)
            assert TASK.optimal_loss(batch) == pytest.approx(surprise)
        else:
            with pytest.raises(DataError, match=f"got '{text[:-1]}' at position 0"):
                TASK.optimal_loss(batch)
    assert found == {2: 0, 3: 2, 4: 2}[length]


B, T, H, X = range(4)
NO_STRINGS = {
    "of a first symbol that is none": ([9, B, H, X], [B, H, X, -100]),
    "of a first index that would fit a later state": ([8, T, H], [T, H, X]),
    "of a first symbol that is padding": ([-100, H], [H, X]),
    "of a last symbol that is none": ([B, H, X], [H, X, -3]),
    "of a symbol between that is none": ([B, H, -3], [H, -3, X]),
    "of a symbol beyond the last": ([B, H, 5], [H, 5, X]),
    "cut off": ([B, H, X], [H, -100, -100]),
    "whose targets do not follow their inputs": ([B, T], [H, X]),
    "that goes on after its end": ([B, H, X, B], [H, X, -100, B]),
}


@pytest.mark.parametrize("case", NO_STRINGS)
def test_no_sequences_are_read(case: str) -> None:
    inputs, targets = (torch.tensor([row]) for row in NO_STRINGS[case])
    with pytest.raises((DataError, IndexRangeError)):
        TASK.optimal_loss(Batch(inputs, targets))


def test_sequences_count_as_often_as_they_say() -> None:
    counted = Batch(BATCH.inputs, BATCH.targets, BATCH.lengths, torch.tensor([3, 1]))
    surprises = -math.log(0.8 * 0.5), -math.log(0.2 * 0.2 * 0.8 * 0.25)
    assert TASK.optimal_loss(BATCH) == pytest.approx(sum(surprises) / 6)
    expected = (3 * surprises[0] + surprises[1]) / (3 * 2 + 4)
    assert TASK.optimal_loss(counted) == pytest.approx(expected)


def test_no_padding_comes_from_a_state() -> None:
    found = {state: TASK.comes_from(BATCH, state).tolist() for state in COIN}
    assert found == {
        "begin": [[False] * 4, [False] * 4],  # its symbol is read
        "toss": [[True, False, False, False], [True, True, True, False]],
        "last": [[False, True, False, False], [False, False, False, True]],
        "end": [[False] * 4, [False] * 4],
    }


def test_shorter_strings_than_those_of_training_are_those_of_the_graph() -> None:
    bounded = Automaton(COIN, "begin", lengths=(3, 5), longer=[8])
    below, within = (
        TASK.sample(20, length=n).with_length_range(None)
        for n in (2, 3)  # as the graph has them
    )
    assert bounded.optimal_loss(below) == TASK.optimal_loss(below)
    assert bounded.optimal_loss(within) < TASK.optimal_loss(within)


def test_what_does_not_fit_is_told(assert_error: ErrorCheck) -> None:
    assert_error(
        lambda: TASK.legal("bx"),
        DataError,
        "expected a prefix of a string of automaton, got 'bx'",
    )
    assert_error(
        lambda: TASK.comes_from(BATCH, "nope"),
        OptionError,
        "expected a state of automaton, got 'nope'",
    )
    assert_error(
        lambda: TASK.optimal_loss(Batch.from_texts(["bhx", "bxx"], TASK.vocab)),
        DataError,
        "expected sequences of automaton, got 'bx' at position 1; draw sequences with task.sample",
    )
