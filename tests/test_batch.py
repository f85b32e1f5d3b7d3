from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqtoys import Batch, Vocab
from seqtoys.data import split_rows, to_batch
from seqtoys.errors import (
    DataError,
    IndexRangeError,
    InputTypeError,
    OptionError,
    ShapeError,
)

VOCAB = Vocab("hielo")
WORDS = Vocab(["boy", "sees", "dog"])


def test_texts_predict_their_next_symbol() -> None:
    batch = Batch.from_texts(["hello", "hi"], VOCAB)
    assert batch.inputs[0].tolist() == [0, 2, 3, 3]
    assert batch.targets.tolist() == [[2, 3, 3, 4], [1, -100, -100, -100]]
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [4, 1]
    assert batch.scored.sum() == 5
    assert len(batch) == 2


def test_equal_sequences_are_counted_in_order_of_first_appearance() -> None:
    texts = ["hill", "hello", "oil", "hello", "hill", "hello"]
    batch = Batch.from_texts(texts, VOCAB).distinct()
    assert VOCAB.decode(batch.inputs) == ["hill", "hell", "oilh"]
    assert batch.counts is not None
    assert batch.counts.tolist() == [2, 3, 1]
    assert batch.tally.sum() == sum(len(text) - 1 for text in texts)
    again = Batch.join([batch, batch]).distinct()  # counts of equal sequences add up
    assert again.counts is not None
    assert again.counts.tolist() == [4, 6, 2]


def test_repeating_undoes_counting() -> None:
    texts = ["hill", "hill", "hello", "oil", "oil", "oil"]
    batch = Batch.from_texts(texts, VOCAB)
    again = batch.distinct().repeated()
    assert again.counts is None
    assert torch.equal(again.inputs, batch.inputs)
    assert torch.equal(again.targets, batch.targets)
    assert torch.equal(again.count_symbols(), batch.count_symbols())
    assert batch.repeated() is batch


def test_show_aligns_what_is_scored() -> None:
    vocab = Vocab("01= \n")
    inputs = vocab.encode_batch(["0110=", "1 \n1="])
    targets = torch.full((2, 5), -100)
    targets[:, 4] = torch.tensor([0, 1])
    assert Batch(inputs, targets).show(vocab) == (
        "inputs   0110=\ntargets  ····0\n\ninputs   1␣\\n1=\ntargets  ··· ·1"
    )


def test_show_spaces_words_and_tells_how_many_more_there_are() -> None:
    batch = Batch.from_texts([["boy", "sees", "dog"]] * 3, WORDS)
    assert batch.show(WORDS, rows=1) == "inputs   boy  sees\ntargets  sees dog\n\n… and 2 more"


def test_moving_and_taking_keep_the_lengths() -> None:
    batch = Batch.from_texts(["hello", "hi"], VOCAB).to("cpu").take(torch.tensor([1]))
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [1]
    bare = Batch(batch.inputs, batch.targets)
    assert bare.to("cpu").take(torch.tensor([0])).lengths is None


@pytest.mark.parametrize(
    ("data", "vocab", "inputs", "targets"),
    [
        ("hel", VOCAB, [[0, 2]], [[2, 3]]),
        (("hel", "elo"), VOCAB, [[0, 2, 3]], [[2, 3, 4]]),
        (["hel"], VOCAB, [[0, 2]], [[2, 3]]),
        ([("hi", "ih"), ("e", "l")], VOCAB, [[0, 1], [2, 0]], [[1, 0], [3, -100]]),
        (["boy", "sees", "dog"], WORDS, [[0, 1]], [[1, 2]]),
        ([["boy", "sees", "dog"]], WORDS, [[0, 1]], [[1, 2]]),
        ((["boy"], ["dog"]), WORDS, [[0]], [[2]]),
    ],
)
def test_what_can_be_trained_on(
    data: object, vocab: Vocab, inputs: list[list[int]], targets: list[list[int]]
) -> None:
    batch = to_batch(data, vocab)  # type: ignore[arg-type]
    assert batch.inputs.tolist() == inputs
    assert batch.targets.tolist() == targets


def test_equal_sequences_are_never_parted() -> None:
    texts = ["hello", "hill", "hell", "hole", "lolo"] * 7
    batch = Batch.from_texts(texts, VOCAB)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        training, held_out = split_rows(batch, 0.4, generator)
        assert sorted([*training.tolist(), *held_out.tolist()]) == list(range(35))
        seen, unseen = ({texts[row] for row in rows} for rows in (training, held_out))
        assert not seen & unseen
        assert len(unseen) == 2


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_both_sides_of_a_split_get_a_sequence(fraction: float) -> None:
    batch = Batch.from_texts(["hello", "hill", "hell"], VOCAB)
    training, held_out = split_rows(batch, fraction, torch.Generator())
    assert min(len(training), len(held_out)) == 1


ONE = torch.zeros(1, 2, dtype=torch.int64)
AssertTold = Callable[[Callable[[], object], type[Exception], str], None]
ERRORS: dict[str, Any] = {
    "short text": (
        lambda: Batch.from_texts(["hello", "h"], VOCAB),
        DataError,
        "expected texts of at least two symbols (one to read, one to predict), "
        "got 'h' at position 1",
    ),
    "no text": (
        lambda: to_batch(["hello", 3], VOCAB),  # type: ignore[arg-type]
        InputTypeError,
        "expected texts[1] to be a string or a list, got 3",
    ),
    "uneven pair": (
        lambda: Batch.from_pairs([("hi", "h")], VOCAB),
        DataError,
        "expected a target for each input symbol, got 2 inputs 'hi' and 1 targets 'h' "
        "in the pair at position 0",
    ),
    "nothing": (
        lambda: to_batch([], VOCAB),
        DataError,
        "expected at least one sequence, got none",
    ),
    "nothing scored": (
        lambda: Batch(ONE, torch.full((1, 2), -100)),
        DataError,
        "expected at least one scored position, got targets of only -100",
    ),
    "shapes": (
        lambda: Batch(ONE, ONE[:, :1]),
        ShapeError,
        "expected inputs and targets of one shape (batch, time), got (1, 2) and (1, 1)",
    ),
    "lengths": (
        lambda: Batch(ONE, ONE, torch.tensor([1, 2])),
        ShapeError,
        "expected lengths of shape (batch,) = (1,), got (2,)",
    ),
    "counts": (
        lambda: Batch(ONE, ONE, counts=torch.ones(2, dtype=torch.int64)),
        ShapeError,
        "expected counts of shape (batch,) = (1,), got (2,)",
    ),
    "no count": (
        lambda: Batch(ONE, ONE, counts=torch.tensor([0])),
        DataError,
        "expected positive counts, got 0",
    ),
    "floats": (
        lambda: Batch(ONE.float(), ONE),
        InputTypeError,
        "expected inputs to be a tensor of integers, got torch.float32",
    ),
    "lists": (
        lambda: Batch(ONE, [[0, 1]]),  # type: ignore[arg-type]
        InputTypeError,
        "expected targets to be a tensor of integers, got a list of 1; "
        "torch.as_tensor(…) makes one",
    ),
    "no vocabulary": (
        lambda: to_batch("hello", None),
        OptionError,
        "expected a vocabulary, as the model has none: give fit a vocab=…",
    ),
    "no data": (
        lambda: to_batch(5, VOCAB),  # type: ignore[arg-type]
        InputTypeError,
        "expected a text, an (input, target) tuple, a list of either, a Batch or a task, got 5",
    ),
    "foreign indices": (
        lambda: to_batch(Batch(ONE, ONE + 7), VOCAB),
        IndexRangeError,
        "expected scored targets in 0 … 4, got 7 to 7 for a vocabulary of 5 symbols",
    ),
    "share": (
        lambda: split_rows(Batch(ONE, ONE), 1.0, torch.Generator()),
        OptionError,
        "expected validation to be a share between 0 and 1, got 1.0",
    ),
    "no share": (
        lambda: split_rows(Batch(ONE, ONE), "half", torch.Generator()),  # type: ignore[arg-type]
        OptionError,
        "expected validation to be a share between 0 and 1, got 'half'",
    ),
    "one sequence": (
        lambda: split_rows(Batch(ONE, ONE), 0.5, torch.Generator()),
        DataError,
        "expected two distinct sequences or more to hold one out, got one",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_was_expected_and_what_came(case: str, assert_told: AssertTold) -> None:
    assert_told(*ERRORS[case])
