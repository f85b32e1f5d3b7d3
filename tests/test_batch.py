from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqtoys import AnswerTask, Batch, ElmanCharModel, Vocab, evaluate, fit, get_task
from seqtoys.errors import (
    DataError,
    DeviceError,
    IndexRangeError,
    InputTypeError,
    OptionError,
    ShapeError,
)
from seqtoys.evaluation.inspection import loss_by_position
from seqtoys.tasks.given_data import split_rows, to_batch

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
WORDS = Vocab(["boy", "sees", "dog"])


def test_targets_are_the_next_symbols() -> None:
    batch = Batch.from_texts(["hello", "hi"], VOCAB)
    assert batch.inputs[0].tolist() == [0, 2, 3, 3]
    assert batch.targets.tolist() == [[2, 3, 3, 4], [1, -100, -100, -100]]
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [4, 1]
    assert batch.scored.sum() == 5
    assert len(batch) == 2


def test_distinct_counts_in_order_of_first_appearance() -> None:
    texts = ["hill", "hello", "oil", "hello", "hill", "hello"]
    batch = Batch.from_texts(texts, VOCAB).distinct()
    assert VOCAB.decode(batch.inputs) == ["hill", "hell", "oilh"]
    assert batch.counts is not None
    assert batch.counts.tolist() == [2, 3, 1]
    assert batch.tally.sum() == sum(len(text) - 1 for text in texts)
    again = Batch.join([batch, batch]).distinct()  # counts of equal sequences are added
    assert again.counts is not None
    assert again.counts.tolist() == [4, 6, 2]


def test_repeated_inverts_distinct() -> None:
    texts = ["hill", "hill", "hello", "oil", "oil", "oil"]
    batch = Batch.from_texts(texts, VOCAB)
    again = batch.distinct().repeated()
    assert again.counts is None
    assert torch.equal(again.inputs, batch.inputs)
    assert torch.equal(again.targets, batch.targets)
    assert torch.equal(again.count_symbols(), batch.count_symbols())
    assert batch.repeated() is batch


def test_show_aligns_inputs_and_targets() -> None:
    vocab = Vocab("01= \n")
    inputs = vocab.encode_batch(["0110=", "1 \n1="])
    targets = torch.full((2, 5), -100)
    targets[:, 4] = torch.tensor([0, 1])
    assert Batch(inputs, targets).show(vocab) == (
        "inputs   0110=\ntargets  ····0\n\ninputs   1␣\\n1=\ntargets  ··· ·1"
    )


def test_show_aligns_words_and_counts_omitted_rows() -> None:
    batch = Batch.from_texts([["boy", "sees", "dog"]] * 3, WORDS)
    assert batch.show(WORDS, rows=1) == "inputs   boy  sees\ntargets  sees dog\n\n… and 2 more"


def test_to_and_take_keep_lengths() -> None:
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
def test_to_batch_accepts_every_kind_of_data(
    data: object, vocab: Vocab, inputs: list[list[int]], targets: list[list[int]]
) -> None:
    batch = to_batch(data, vocab)  # type: ignore[arg-type]
    assert batch.inputs.tolist() == inputs
    assert batch.targets.tolist() == targets


def test_split_never_separates_equal_sequences() -> None:
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
def test_both_parts_of_a_split_are_nonempty(fraction: float) -> None:
    batch = Batch.from_texts(["hello", "hill", "hell"], VOCAB)
    training, held_out = split_rows(batch, fraction, torch.Generator())
    assert min(len(training), len(held_out)) == 1


INTEGERS = ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", INTEGERS)
def test_integer_dtype_does_not_matter(kind: str) -> None:
    dtype = getattr(torch, kind)
    rows = torch.tensor([[0, 1, 2], [3, 4, 0]])
    whole = Batch(rows, rows, torch.tensor([3, 2]), torch.tensor([1, 2]))
    batch = Batch(
        rows.to(dtype),
        rows.to(dtype),
        torch.tensor([3, 2], dtype=dtype),
        torch.tensor([1, 2]).to(dtype),
    )
    for name in ("inputs", "targets", "lengths", "counts"):
        part, wanted = getattr(batch, name), getattr(whole, name)
        assert part.dtype == torch.int64
        assert torch.equal(part, wanted)
    assert torch.equal(batch.take(torch.tensor([1], dtype=dtype)).inputs, rows[1:])


@pytest.mark.usefixtures("unchecked")
def test_narrow_integers_give_the_same_results() -> None:
    """Embeddings, losses and the library's own tables accept only int64."""
    task = get_task("parity")
    wide = task.sample(9)
    narrow = Batch(wide.inputs.to(torch.uint8), wide.targets.to(torch.int16))
    model = ElmanCharModel(task.vocab, hidden_size=4, embedding_size=2, seed=1)
    reports = [
        evaluate(model, task, count=9, longer=[50], seen=seen).to_json() for seen in (wide, narrow)
    ]
    assert reports[0] == reports[1]
    losses = [fit(copy.deepcopy(model), seen, epochs=2).loss for seen in (wide, narrow)]
    assert losses[0] == losses[1]
    own = torch.nn.Embedding(3, 3, _weight=torch.eye(3))
    assert (
        loss_by_position(own, narrow).nan_to_num().equal(loss_by_position(own, wide).nan_to_num())
    )


@pytest.mark.usefixtures("unchecked")
def test_task_may_return_unsigned_integers() -> None:
    class Last(AnswerTask):
        name, level, vocab, lengths = "last", "regular", Vocab("01="), (1, 9)

        def draw_inputs(self, batch_size: int, length: int, generator: Any) -> Any:
            return torch.randint(2, (batch_size, length), generator=generator).to(torch.uint8)

        def answer(self, inputs: Any) -> Any:
            assert inputs.dtype == torch.uint8  # unchanged from draw_inputs
            return inputs[:, -1:]

    batch = Last().sample(5, length=4)
    assert (batch.targets[:, :-1] == -100).all()
    assert torch.equal(batch.targets[:, -1], batch.inputs[:, -2])


def test_batch_stores_plain_tensors() -> None:
    class Subclass(torch.Tensor):
        pass

    rows = torch.tensor([[0, 1], [2, 3]])
    for values in (
        rows.T.contiguous().T,
        rows.as_subclass(Subclass),
        torch.nn.Parameter(rows, requires_grad=False),
    ):
        batch = Batch(values, values)
        assert type(batch.inputs) is torch.Tensor
        assert torch.equal(batch.inputs, rows)
    spread = torch.tensor([1]).expand(2, 3)
    assert Batch(spread, spread).inputs.tolist() == [[1, 1, 1]] * 2
    assert Batch(rows, rows).inputs is rows  # no unnecessary copy


@pytest.mark.filterwarnings("ignore::UserWarning")  # about PyTorch's prototype features
def test_non_integer_tensors_raise(assert_error: ErrorCheck) -> None:
    def check(inputs: Any, got: str) -> None:
        assert_error(lambda: Batch(inputs, ONE), InputTypeError, f"expected inputs to be {got}")

    check(ONE.bool(), "a tensor of integers, got torch.bool")
    check(ONE.to("meta"), "a dense tensor with values, got a tensor on the meta device")
    check(ONE.to_sparse(), "a dense tensor with values, got a torch.sparse_coo tensor")
    nested = torch.nested.nested_tensor([torch.tensor([1]), torch.tensor([1, 2])])
    check(nested, "a dense tensor with values, got a nested tensor")
    masked = torch.masked.masked_tensor(ONE, ONE == 0)
    check(masked, "a plain tensor, got a MaskedTensor")
    check(ONE.numpy(), "a tensor of integers, got an ndarray; convert it with torch.as_tensor(…)")
    check("hi", "a tensor of integers, got 'hi'")


def test_integers_over_63_bits_raise(assert_error: ErrorCheck) -> None:
    huge = torch.tensor([[1, 2**63]], dtype=torch.uint64)
    message = "expected inputs of at most 63 bits, got 9223372036854775808"
    assert_error(lambda: Batch(huge, ONE), IndexRangeError, message)


def test_mixed_devices_raise(monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck) -> None:
    # Let the meta tensor through, so that the device check is reached.
    monkeypatch.setattr("seqtoys.data.batch.to_int64", lambda part, name: part)
    message = (
        "expected inputs and targets on the same device, got cpu and meta; move them with .to(…)"
    )
    assert_error(lambda: Batch(ONE, ONE.to("meta")), DeviceError, message)


ONE = torch.zeros(1, 2, dtype=torch.int64)
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
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
        "expected an input and a target of the same length, got 'hi' (length 2) and 'h' "
        "(length 1) in the pair at position 0; a tuple of two texts is a pair, so list texts as "
        "[a, b]",
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
        "expected inputs and targets of the same shape (batch, time), got (1, 2) and (1, 1)",
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
    "a count of 0": (
        lambda: Batch(ONE, ONE, counts=torch.tensor([0])),
        DataError,
        "expected positive counts, got 0",
    ),
    "huge counts": (
        lambda: Batch(ONE, ONE, counts=torch.tensor([2**62])),
        DataError,
        "expected counts of at most 1,000,000,000,000,000 symbols, got 4611686018427387904",
    ),
    "padded inputs": (
        lambda: Batch(ONE - 100, ONE),
        IndexRangeError,
        "expected inputs of 0 or more, got -100; pad with any index",
    ),
    "another padding index": (
        lambda: Batch(ONE, ONE - 1),
        IndexRangeError,
        "expected targets of 0 or more, or -100 where nothing is scored, got -1",
    ),
    "wrapped -100": (
        lambda: to_batch(Batch(ONE, torch.tensor([[1, -100]]).to(torch.uint8)), VOCAB),
        IndexRangeError,
        "expected scored targets in 0 … 4, got 1 to 156 for a vocabulary of 5 symbols; "
        "as uint8, -100 becomes 156",
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
        "convert it with torch.as_tensor(…)",
    ),
    "no vocabulary": (
        lambda: to_batch("hello", None),
        OptionError,
        "expected a vocabulary, because the model has none; pass vocab=…",
    ),
    "no data": (
        lambda: to_batch(5, VOCAB),  # type: ignore[arg-type]
        InputTypeError,
        "expected a text, an (input, target) tuple, a list of either, a Batch or a task, got 5",
    ),
    "targets out of range": (
        lambda: to_batch(Batch(ONE, ONE + 7), VOCAB),
        IndexRangeError,
        "expected scored targets in 0 … 4, got 7 to 7 for a vocabulary of 5 symbols",
    ),
    "validation of 1": (
        lambda: fit(ElmanCharModel(VOCAB), ["hello", "hill"], validation=1.0),
        OptionError,
        "expected validation to be a fraction between 0 and 1, got 1.0",
    ),
    "validation as a string": (
        lambda: fit(ElmanCharModel(VOCAB), ["hello", "hill"], validation="half"),  # type: ignore[call-overload]
        OptionError,
        "expected validation to be a fraction between 0 and 1, got 'half'",
    ),
    "one sequence": (
        lambda: split_rows(Batch(ONE, ONE), 0.5, torch.Generator()),
        DataError,
        "expected at least two distinct sequences to hold one out, got one; "
        "to hold out the end of a long text, pass chunk=…",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_batch_without_values_has_a_repr() -> None:
    batch = Batch.from_texts(["hello"], Vocab("hielo")).to("meta")
    assert repr(batch) == "Batch(inputs of shape (1, 4), on the meta device)"


def test_split_is_the_same_for_indices_that_need_more_bytes() -> None:
    small = Batch.from_texts(["hihello", "hill", "hello", "hi", "hill", "hole"], Vocab("hielo"))
    scored = small.targets >= 0
    targets = torch.where(scored, small.targets + 2**15, small.targets)
    large = Batch(small.inputs + 2**15, targets)
    splits = [split_rows(each, 0.5, torch.Generator().manual_seed(3)) for each in (small, large)]
    for rows, same in zip(*splits, strict=True):
        assert rows.tolist() == same.tolist()
