"""What an automaton accepts: prefixes, whole strings, and the states behind targets."""

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


def probability_of(text: str) -> float:
    """Return the probability of a string, or 0 if it is not in the language."""
    state, chance = "begin", 1.0
    for symbol in text:
        arcs = {s: (after, p) for s, after, p in COIN[state]}
        state, p = arcs.get(symbol, ("end", 0.0))
        chance *= p
    return chance if state == "end" else 0.0


@pytest.mark.parametrize("length", [2, 3, 4])
def test_only_strings_of_the_source_are_accepted(length: int) -> None:
    found = 0
    for text in map("".join, product("bthxy", repeat=length)):
        chance, batch = probability_of(text), Batch.from_texts([text], TASK.vocab)
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
INVALID = {
    "unknown first symbol": ([9, B, H, X], [B, H, X, -100]),
    "first index that fits a later state": ([8, T, H], [T, H, X]),
    "padding as first symbol": ([-100, H], [H, X]),
    "negative last symbol": ([B, H, X], [H, X, -3]),
    "negative inner symbol": ([B, H, -3], [H, -3, X]),
    "symbol out of range": ([B, H, 5], [H, 5, X]),
    "cut off": ([B, H, X], [H, -100, -100]),
    "targets that do not continue the inputs": ([B, T], [H, X]),
    "symbols after the end": ([B, H, X, B], [H, X, -100, B]),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_sequences_raise(case: str) -> None:
    inputs, targets = (torch.tensor([row]) for row in INVALID[case])
    with pytest.raises((DataError, IndexRangeError)):
        TASK.optimal_loss(Batch(inputs, targets))


def test_counts_weight_the_optimal_loss() -> None:
    counted = Batch(BATCH.inputs, BATCH.targets, BATCH.lengths, torch.tensor([3, 1]))
    surprises = -math.log(0.8 * 0.5), -math.log(0.2 * 0.2 * 0.8 * 0.25)
    assert TASK.optimal_loss(BATCH) == pytest.approx(sum(surprises) / 6)
    expected = (3 * surprises[0] + surprises[1]) / (3 * 2 + 4)
    assert TASK.optimal_loss(counted) == pytest.approx(expected)


def test_comes_from_marks_scored_targets_of_a_state() -> None:
    found = {state: TASK.comes_from(BATCH, state).tolist() for state in COIN}
    assert found == {
        "begin": [[False] * 4, [False] * 4],  # its symbol is only an input
        "toss": [[True, False, False, False], [True, True, True, False]],
        "last": [[False, True, False, False], [False, False, False, True]],
        "end": [[False] * 4, [False] * 4],
    }


def test_strings_below_the_training_lengths_use_the_unrestricted_graph() -> None:
    bounded = Automaton(COIN, "begin", lengths=(3, 5), longer=[8])
    below, within = (
        TASK.sample(20, length=n).with_length_range(None)
        for n in (2, 3)  # with the graph's own lengths
    )
    assert bounded.optimal_loss(below) == TASK.optimal_loss(below)
    assert bounded.optimal_loss(within) < TASK.optimal_loss(within)


def test_foreign_arguments_raise(assert_error: ErrorCheck) -> None:
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
