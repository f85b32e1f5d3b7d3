from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seqtoys import novelty
from seqtoys.errors import DataError, InputTypeError
from seqtoys.results import Novelty

pytestmark = pytest.mark.type_checked

TRAINING, HELD_OUT = ["hat", "hit", "hot"], ["hut"]


def test_samples_are_counted_by_origin() -> None:
    samples = ["hat", "hut", "het", "hat", "ha", "hats"]
    assert novelty(samples, TRAINING, HELD_OUT) == Novelty(training=2, held_out=1, new=3)
    assert novelty(samples, TRAINING) == Novelty(training=2, held_out=None, new=4)
    assert novelty(samples, []) == Novelty(training=0, held_out=None, new=6)
    assert novelty(samples, TRAINING, held_out=[]) == Novelty(training=2, held_out=0, new=4)
    assert len(novelty(samples, TRAINING, HELD_OUT)) == 6


def test_lists_of_words_and_any_iterable_are_accepted() -> None:
    samples = [["boy", "sees", "dog"], ["dog"]]
    assert novelty(samples, [("boy", "sees", "dog")]) == Novelty(1, None, 1)
    assert novelty(iter(["hat", "hut"]), iter(TRAINING), iter(HELD_OUT)) == Novelty(1, 1, 0)
    assert novelty(["hat"], [["h", "a", "t"]]) == Novelty(1, None, 0)


def test_str_is_one_line() -> None:
    assert str(Novelty(training=1, held_out=None, new=2)) == (
        "3 samples: 1 among the training texts (33%), 2 new (67%)"
    )
    assert str(Novelty(training=0, held_out=1, new=0)) == (
        "1 sample: 0 among the training texts (0%), 1 held out (100%), 0 new (0%)"
    )


ERRORS: dict[str, Any] = {
    "no sample": (
        lambda: novelty([], TRAINING),
        DataError,
        "expected at least one sample, got none",
    ),
    "one text": (
        lambda: novelty("hat", TRAINING),
        InputTypeError,
        "expected samples to be a list of texts, got the single string 'hat'; pass [text] for one",
    ),
    "one text to train on": (
        lambda: novelty(["hat"], "hat"),
        InputTypeError,
        "expected training_texts to be a list of texts, got the single string 'hat'; "
        "pass [text] for one",
    ),
    "numbers": (
        lambda: novelty(["hat"], TRAINING, held_out=[7]),  # type: ignore[list-item]
        InputTypeError,
        "expected held_out[0] to be a string or a list, got 7",
    ),
    "held out and trained on": (
        lambda: novelty(["hat"], TRAINING, held_out=["hut", "hit"]),
        DataError,
        "expected no held-out text among the training texts, got 'hit'",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(
    case: str, assert_error: Callable[[Callable[[], object], type[Exception], str], None]
) -> None:
    assert_error(*ERRORS[case])
