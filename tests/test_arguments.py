"""Arguments of wrong types and sizes: errors name the expected and the actual value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

from seqtoys import (
    Automaton,
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    FiniteLanguage,
    TaskDataset,
    Text,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    save,
    stream,
    sweep,
)
from seqtoys.errors import (
    DataError,
    DeviceError,
    IndexRangeError,
    InputTypeError,
    OptionError,
    ShapeError,
)
from seqtoys.results import (
    Baselines,
    EnsembleHistory,
    EnsembleRow,
    History,
    Novelty,
    Proportion,
    Report,
    Row,
    SweepRow,
    Trace,
)
from seqtoys.support.arguments import check_type, checked
from seqtoys.support.uncertainty import Estimate
from tests.writers import Team

VOCAB = Vocab("hielo")
MODEL = ElmanCharModel(VOCAB)
ON_META = ElmanCharModel(VOCAB).to("meta")
ENSEMBLE = ElmanEnsemble(VOCAB, [1, 2])
BATCH = Batch.from_texts(["hello", "hi"], VOCAB)
PARITY = get_task("parity")
BASELINES = Baselines(1.6, 0.5, 0.0)
ONE_STEP = np.full((1, 5), 0.2)
TWO = torch.tensor([0.5, 0.25])
ROW = Row(1, 0.5, 0.5, 0.1, "hi")


def one_epoch_history() -> History:
    history = History(BASELINES)
    history.append(ROW)
    return history


def ensemble_history() -> EnsembleHistory:
    history = EnsembleHistory([1, 2], BASELINES)
    history.append(EnsembleRow(TWO, TWO, 0.1))
    return history


FITS: list[tuple[Any, Any]] = [
    (5, int), (0.5, float), (5, float), (math.inf, float), (True, bool),
    (None, int | None), ("h", str), ("h", Sequence[str]), (["h"], Sequence[str]), ([], list[int]),
    ((1, "h"), tuple[int, str]), ((1, 2, 3), tuple[int, ...]), ({"a": [1]}, dict[str, list[int]]),
    (iter("h"), Iterable[str]), (iter([5]), Iterable[str]), (Path("h"), str | Path),
    ("whatever", Literal["tanh"]), (object(), object), (print, Callable[[int], int]),
    ([("h", 1.0)], list[tuple[str, float]]), ({"h": 1}, Mapping[str, float]),
    ([1, ["h"]], list[int | list[str]]), (torch.ones(1), torch.Tensor),
]  # fmt: skip


@pytest.mark.parametrize(("value", "annotation"), FITS)
def test_matching_value_is_accepted(value: Any, annotation: Any) -> None:
    assert check_type("it", value, annotation) is value


MISFITS: list[tuple[Any, Any, str]] = [
    ("5", int, "expected it to be an integer, got '5'"),
    (5.0, int, "expected it to be an integer, got 5.0"),
    (True, int, "expected it to be an integer, got True"),
    (True, float, "expected it to be a number, got True"),
    (10**400, float, "expected it to be a number, got about 10^400"),
    (0.5j, float, "expected it to be a number, got a complex"),
    (np.bool_(True), int, "expected it to be an integer, got a bool"),
    (1, bool, "expected it to be True or False, got 1"),
    (None, str, "expected it to be a string, got None"),
    ("h" * 99, int | None, "expected it to be an integer or None, got a str of 99"),
    (
        b"h",
        str | list[int] | None,
        "expected it to be a string, a list or None, got a bytes; convert it with .decode()",
    ),
    ([1, 0.5], list[int], "expected it[1] to be an integer, got 0.5"),
    ([[1], ["h"]], list[list[int]], "expected it[1][0] to be an integer, got 'h'"),
    ((1,), tuple[int, str], "expected it to be a tuple of 2, got a tuple of 1"),
    ([1, "h"], tuple[int, str], "expected it to be a tuple of 2, got a list of 2"),
    ((1, 2), tuple[int, str], "expected it[1] to be a string, got 2"),
    ({"a": "b"}, dict[str, int], "expected it['a'] to be an integer, got 'b'"),
    ({1: 1}, dict[str, int], "expected it key to be a string, got 1"),
    ([1, ["h", 2]], list[int | list[str]], "expected it[1][1] to be a string, got 2"),
    ("hi", Sequence[int], "expected it[0] to be an integer, got 'h'"),
    (5, Iterable[str], "expected it to be a list, got 5"),
    ([], Mapping[str, float], "expected it to be a dict, got a list of 0"),
    (nn.Linear(1, 1), Vocab, "expected it to be a Vocab, got a Linear"),
    (
        nn.Linear,
        nn.Module,
        "expected it to be a torch.nn.Module, got a type; create one, as in Linear(…)",
    ),
    (5, torch.Generator | None, "expected it to be a torch.Generator or None, got 5"),
    (5, Callable[[int], int], "expected it to be a function, got 5"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), MISFITS)
def test_mismatched_value_raises(
    value: Any, annotation: Any, message: str, assert_error: Any
) -> None:
    assert_error(lambda: check_type("it", value, annotation), InputTypeError, message)


class Base:
    @checked
    def times(self, count: int, *, text: str = "h") -> str:
        return text * count


class Subclass(Base):
    def times(self, number: int, *, text: Any = "h") -> str:
        return f"{text}" * number


def test_positional_and_keyword_arguments_are_checked(assert_error: Any) -> None:
    wrong: Any = 0.5
    assert Base().times(2) == Base().times(count=2, text="h") == "hh"
    count = "expected count to be an integer, got 0.5"
    assert_error(lambda: Base().times(wrong), InputTypeError, count)
    assert_error(lambda: Base().times(count=wrong), InputTypeError, count)
    text = "expected text to be a string, got 0.5"
    assert_error(lambda: Base().times(1, text=wrong), InputTypeError, text)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'count'"):
        Base().times()  # type: ignore[call-arg]


@pytest.mark.usefixtures("unchecked")
def test_until_accepts_any_number_a_float_can_hold() -> None:
    assert fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", until=10**30).stopped == ["excess"] * 2


def test_annotations_can_come_from_another_function(assert_error: Any) -> None:
    times = checked(Subclass.times, Base.times)
    text: Any = 0.5
    assert times(Subclass(), 2, text="h") == "hh"
    assert_error(
        lambda: times(Subclass(), 2, text=text),
        InputTypeError,
        "expected text to be a string, got 0.5",
    )


class ReturnsList(nn.Linear):
    def forward(self, inputs: Any) -> Any:
        return []


class OnlyLengthFive(Text):
    def why_no_length(self, length: int) -> str | None:
        return None if length == 5 else "five it is"


CASES: dict[str, tuple[Callable[[Any], object], Any, type[Exception], str]] = {
    "a vocabulary": (
        ElmanCharModel, "hielo", InputTypeError,
        "expected vocab to be a Vocab, got 'hielo'; make one with Vocab.from_text(…)",
    ),
    "a size": (
        lambda size: ElmanCharModel(VOCAB, hidden_size=size), 0.5, InputTypeError,
        "expected hidden_size to be an integer or None, got 0.5",
    ),
    "a huge size": (
        lambda size: ElmanCharModel(VOCAB, hidden_size=size), 2**40, OptionError,
        f"not enough memory for {2**80 + 12 * 2**40 + 5:,} weights: ",
    ),
    "huge ensembles": (
        lambda size: ElmanEnsemble(VOCAB, [1, 2], hidden_size=size), 2**40, OptionError,
        f"not enough memory for {2 * (2**80 + 12 * 2**40 + 5):,} weights: ",
    ),
    "seeds": (
        lambda seeds: ElmanEnsemble(VOCAB, seeds), 5, InputTypeError,
        "expected seeds to be a list, got 5; for one value, pass [5]",
    ),
    "a choice": (
        lambda choice: ElmanCharModel(VOCAB, nonlinearity=choice), ["relu"], OptionError,
        "expected nonlinearity to be 'tanh' or 'relu', got ['relu']",
    ),
    "a batch size": (
        MODEL.initial_hidden, -1, OptionError,
        "expected batch_size to be a non-negative integer, got -1",
    ),
    "a huge batch": (
        MODEL.initial_hidden, 2**60, OptionError,
        "not enough memory for 1,152,921,504,606,846,976 states: ",
    ),
    "a replica": (
        lambda replica: ENSEMBLE[replica], "1", InputTypeError,
        "expected replica to be an integer, got '1'",
    ),
    "a replica out of range": (
        lambda replica: ENSEMBLE[replica], 2, IndexRangeError,
        "expected replica to be from -2 to 1, got 2",
    ),
    "a batch to learn": (
        MODEL.backprop, "hi", InputTypeError, "expected batch to be a Batch, got 'hi'",
    ),
    "a batch of another vocabulary": (
        MODEL.backprop, Batch(BATCH.inputs + 3, BATCH.targets), IndexRangeError,
        "expected inputs in 0 … 4, got 3 to 6 for a vocabulary of 5 symbols",
    ),
    "a network without backprop": (
        ElmanCharModel(VOCAB, embedding_size=2).backprop, BATCH, OptionError,
        "expected a network that supports backprop: ",
    ),
    "indices that can't be read": (
        VOCAB.decode, torch.ones(2, dtype=torch.int64).to_sparse(), InputTypeError,
        "expected integer indices, got a Tensor: ",
    ),
    "not an ensemble": (
        lambda model: evaluate(model, PARITY), SimpleNamespace(seeds=(1,)), InputTypeError,
        "expected model to be a torch.nn.Module, got a SimpleNamespace",
    ),
    "integer states": (
        lambda hidden: Trace(VOCAB, ["h"], hidden, ONE_STEP, ["i"]), np.ones((1, 5), int),
        InputTypeError, "expected hidden to be an array of floats, got int64",
    ),
    "probabilities of the wrong shape": (
        lambda probabilities: Trace(VOCAB, ["h"], ONE_STEP, probabilities, ["i"]), np.ones((1, 3)),
        ShapeError, "expected probabilities of shape (1, 5), got (1, 3)",
    ),
    "predictions of the wrong length": (
        lambda predictions: Trace(VOCAB, ["h"], ONE_STEP, ONE_STEP, predictions), [],
        ShapeError, "expected a prediction at each of 1 steps, got 0",
    ),
    "one text": (
        lambda texts: Batch.from_texts(texts, VOCAB), "hello", InputTypeError,
        "expected a list of sequences, got the single string 'hello'; write [text] for a batch "
        "of one",
    ),
    "no text": (
        lambda texts: Batch.from_texts(texts, VOCAB), [], DataError,
        "expected at least one sequence, got none",
    ),
    "no batch": (Batch.join, [], DataError, "expected at least one batch to join, got none"),
    "a device": (
        BATCH.to, "moon", DeviceError, "expected an available device, got 'moon': ",
    ),
    "rows": (
        BATCH.take, [0], InputTypeError,
        "expected rows to be a tensor of integers, got a list of 1; convert it with "
        "torch.as_tensor(…)",
    ),
    "rows out of range": (
        BATCH.take, torch.tensor([1, 2]), IndexRangeError,
        "expected rows from -2 to 1, got 1 to 2",
    ),
    "rows of rows": (
        BATCH.take, torch.tensor([[0]]), ShapeError,
        "expected rows of shape (rows,) = (1,), got (1, 1)",
    ),
    "rows on the meta device": (
        BATCH.take, torch.zeros(1, dtype=torch.int64, device="meta"), InputTypeError,
        "expected rows to be a dense tensor with values, got a tensor on the meta device",
    ),
    "lengths": (
        lambda lengths: Batch(BATCH.inputs, BATCH.targets, lengths), torch.tensor([4, 5]),
        DataError, "expected lengths from 0 to 4, got 4 to 5",
    ),
    "rows to show": (
        lambda rows: BATCH.show(VOCAB, rows=rows), 0, OptionError,
        "expected rows to be a positive integer, got 0",
    ),
    "symbols to show": (
        BATCH.show, Vocab("h"), IndexRangeError,
        "index 2 at position 0 is not in 0 … 0, the indices of the 1 symbol 'h'",
    ),
    "a vocabulary from a number": (
        Vocab, 5, InputTypeError, "expected symbols to be a list, got 5",
    ),
    "a text of numbers": (
        Vocab.from_text, [1], InputTypeError, "expected texts[0][0] to be a string, got 1",
    ),
    "a flag": (
        lambda flag: VOCAB.encode_batch(["h"], return_lengths=flag), 1, InputTypeError,
        "expected return_lengths to be True or False, got 1",
    ),
    "a task": (
        lambda data: evaluate(MODEL, data), 5, InputTypeError,
        "expected a text, an (input, target) tuple, a list of either, a Batch or a task, got 5",
    ),
    "a model to train": (
        lambda model: fit(model, "hihello"), nn.Linear, InputTypeError,
        "expected model to be a torch.nn.Module, got a type; create one, as in Linear(…)",
    ),
    "a model without weights": (
        lambda model: fit(model, "hihello", vocab=VOCAB), nn.Identity(), OptionError,
        "expected a model with trainable weights, got Identity, in which no parameter requires "
        "gradients",
    ),
    "training a model on the meta device": (
        lambda model: fit(model, "hihello"), ON_META, DeviceError,
        "expected a model with weights, got ElmanCharModel on the meta device; "
        "allocate it with model.to_empty(device='cpu'), then fill it with load_state_dict",
    ),
    **{
        f"a model on the meta device: {name}": (
            use, ON_META, DeviceError,
            "expected a model with weights, got ElmanCharModel on the meta device; "
            "allocate it with model.to_empty(device='cpu'), then fill it with load_state_dict",
        )
        for name, use in {
            "generate": lambda model: generate(model, "h", 3),
            "generate from an ensemble": lambda model: generate(Team([model]), "h", 3),
            "stream": lambda model: stream(model, "h", 3),
            "predict": lambda model: model.predict("hi"),
            "trace": lambda model: model.trace("hi"),
            "save": lambda model: save(model, "none"),
        }.items()
    },
    "an optimizer": (
        lambda optimizer: fit(MODEL, "hihello", optimizer=optimizer), "adam", InputTypeError,
        "expected optimizer to be a class of torch.optim or a partial of one, got 'adam'; use "
        "torch.optim.Adam",
    ),
    "not an optimizer": (
        lambda optimizer: fit(MODEL, "hihello", optimizer=optimizer),
        lambda parameters, lr: 5, OptionError,
        "expected optimizer to create a torch.optim optimizer, got 5",
    ),
    "too many batches": (
        lambda batches: TaskDataset(PARITY, batches), 2**63, OptionError,
        f"expected batches to be an integer from 1 to {10**15:,}, got {2**63}",
    ),
    "a goal": (
        lambda until: fit(MODEL, "hihello", until=until), np.array([0, 1]), OptionError,
        "expected until to be 'solved', a positive number of nats or None, got array([0, 1])",
    ),
    "a goal out of range": (
        lambda until: fit(ENSEMBLE, "hihello", until=until), 10**400, OptionError,
        "expected until to be 'solved', a positive number of nats or None, got about 10^400",
    ),
    "not a scheduler": (
        lambda scheduler: fit(MODEL, "hihello", scheduler=scheduler), lambda optimizer: 5,
        OptionError,
        "expected scheduler to create a torch.optim.lr_scheduler scheduler, got 5",
    ),
    "a scheduler with required arguments": (
        lambda scheduler: fit(MODEL, "hihello", scheduler=scheduler), StepLR, OptionError,
        "expected scheduler to require only an optimizer, got StepLR: StepLR.__init__() missing 1 "
        "required positional argument: 'step_size'; set further arguments with "
        "functools.partial(StepLR, …)",
    ),
    "an optimizer without lr": (
        lambda optimizer: fit(ENSEMBLE, "hihello", optimizer=optimizer), Exception, OptionError,
        "expected optimizer to require only parameters and lr, got Exception: Exception() takes "
        "no keyword arguments; set further arguments with functools.partial(Exception, …)",
    ),
    "make_model without a signature": (
        lambda make_model: sweep(make_model, "hihello", grid={}, seeds=[1], vocab=MODEL.vocab),
        str, OptionError,
        "expected make_model to have a signature, got: no signature found for builtin type "
        "<class 'str'>",
    ),
    "progress": (
        lambda progress: fit(MODEL, "hihello", progress=progress), "yes", InputTypeError,
        "expected progress to be True, False or None, got 'yes'",
    ),
    "logits": (
        lambda model: fit(model, BATCH), ReturnsList(5, 5), InputTypeError,
        "expected the model to return logits as a tensor of floats, got a list of 0; return them "
        "alone, as the first element of a tuple, or as logits in a dict or an object",
    ),
    "a path": (load, 5, InputTypeError, "expected path to be a string or a path, got 5"),
    "a path to save to": (
        lambda path: save(MODEL, path), None, InputTypeError,
        "expected path to be a string or a path, got None",
    ),
    "a history to save": (
        lambda history: save(MODEL, "x", history=history), "long", InputTypeError,
        "expected history to be a History, an EnsembleHistory or None, got 'long'",
    ),
    "a checkpoint interval": (
        lambda every: Checkpoint("x", every), 0, OptionError,
        "expected every to be a positive integer, got 0",
    ),
    "a length of a task": (
        PARITY.why_no_length, "5", InputTypeError, "expected length to be an integer, got '5'",
    ),
    "a length of a user-defined task": (
        OnlyLengthFive(["hi"]).why_no_length, "5", InputTypeError,
        "expected length to be an integer, got '5'",
    ),
    "a batch of a task": (
        PARITY.optimal_loss, "0110", InputTypeError, "expected batch to be a Batch, got '0110'",
    ),
    "a generator": (
        lambda generator: PARITY.sample(1, generator=generator), 5, InputTypeError,
        "expected generator to be a torch.Generator, got 5",
    ),
    "a tensor as generator": (
        lambda generator: PARITY.sample(1, generator=generator), torch.zeros(2), InputTypeError,
        "expected generator to be a torch.Generator, got a Tensor",
    ),
    "a generator for lengths": (
        PARITY.draw_length, 5, InputTypeError, "expected generator to be a torch.Generator, got 5",
    ),
    "many sequences": (
        PARITY.sample, 2**60, OptionError,
        "not enough memory for 1,152,921,504,606,846,976 sequences of parity: ",
    ),
    "strings": (
        FiniteLanguage, 5, InputTypeError,
        "expected strings to be a dict or a list, got 5",
    ),
    "weights of strings": (
        FiniteLanguage, {"h": "often"}, InputTypeError,
        "expected strings[0][1] to be a number, got 'often'",
    ),
    "a state that can't be hashed": (
        lambda start: Automaton({"a": [("h", "a", 1.0)]}, start), ({},), InputTypeError,
        "expected hashable states, got ({},)",
    ),
    "an option of a task": (
        lambda blank: get_task("delayed_copy", one_blank=blank), 1, InputTypeError,
        "expected one_blank to be True or False, got 1",
    ),
    "stepwise": (
        lambda stepwise: fit(MODEL, "hihello", stepwise=stepwise), torch.ones(0), InputTypeError,
        "expected stepwise to be True or False, got a Tensor",
    ),
    "a probability too small": (
        lambda p: get_task("anbn", p=p), 1e-300, OptionError,
        "expected p to be above 0.0001 and below 1, got 1e-300",
    ),
    "too many samples": (
        lambda number: Novelty(number, None, 4), 10**18, OptionError,
        "expected training to be an integer from 0 to 1,000,000,000,000,000, "
        "got 1000000000000000000",
    ),
    "a string": (
        Automaton({"a": [("h", "a", 1.0)]}, "a").accepts, 5, InputTypeError,
        "expected symbols to be a string or a list, got 5",
    ),
    "a long string": (
        lambda length: get_task("tomita_4").sample(1, length=length), 10_001, OptionError,
        "tomita_4 has no sequence of length 10001: the maximum is 10,000 symbols",
    ),
    "a grid": (
        lambda grid: sweep(ElmanEnsemble, Text(["hi"]), grid=grid), ["lr"], InputTypeError,
        "expected grid to be a dict, got a list of 1",
    ),
    "an epoch": (
        one_epoch_history().row, 1, IndexRangeError, "expected epoch to be from -1 to 0, got 1",
    ),
    "an epoch of an empty history": (
        History(BASELINES).row, 0, IndexRangeError,
        "cannot select epoch 0: there are none",
    ),
    "a row": (one_epoch_history().append, 5, InputTypeError, "expected row to be a Row, got 5"),
    "another row": (
        one_epoch_history().append, Row(2, 0.5, 0.5, 0.1), DataError,
        "expected a row with a prediction, like the rows before, got None",
    ),
    "a row with an extra column": (
        one_epoch_history().append, Row(2, 0.5, 0.5, 0.1, "hi", 0.5, 0.5), DataError,
        "expected a row with no validation_loss, like the rows before, got 0.5",
    ),
    "a loss": (
        lambda loss: Row(1, loss, 0.5, 0.1), "low", InputTypeError,
        "expected loss to be a number, got 'low'",
    ),
    "a column": (
        lambda loss: History(BASELINES, loss=loss), [0.5], DataError,
        "expected accuracy of 1 epochs, like the loss, got 0",
    ),
    "settings": (
        lambda settings: History(BASELINES, settings=settings).to_json(), {"a": {1}},
        InputTypeError,
        "expected settings that can be serialized as JSON, got: Object of type set is not JSON "
        "serializable",
    ),
    "a state": (
        History.from_state, {"loss": 5}, DataError,
        "expected a history as returned by state, got: 'int' object has no attribute 'tolist'",
    ),
    "no seeds": (
        lambda seeds: EnsembleHistory(seeds, BASELINES), [], DataError,
        "expected at least one replica and the same number of seeds, stopping reasons and epoch "
        "counts, got 0, 0 and 0",
    ),
    "losses of the wrong shape": (
        ensemble_history().append, EnsembleRow(torch.ones(3), torch.ones(3), 0.1), ShapeError,
        "expected a row of shape (replicas,) = (2,), got (3,)",
    ),
    "integer losses": (
        lambda loss: EnsembleRow(loss, TWO, 0.1), torch.tensor([1, 2]), InputTypeError,
        "expected loss to be a tensor of floats, got torch.int64",
    ),
    "accuracies of the wrong shape": (
        lambda accuracy: EnsembleRow(TWO, accuracy, 0.1), torch.ones(3), ShapeError,
        "expected accuracy of shape (replicas,) = (2,), got (3,)",
    ),
    "replicas that end": (
        lambda replicas: ensemble_history().end(replicas, "solved"), TWO, InputTypeError,
        "expected replicas to be a tensor of bool, got torch.float32",
    ),
    "a quantile": (
        ensemble_history().quantiles, 1.5, OptionError, "expected quantiles from 0 to 1, got 1.5",
    ),
    "a rate": (
        lambda count: Proportion(count, 4), 5, OptionError,
        "expected count to be an integer from 0 to 4, got 5",
    ),
    "no scores": (
        lambda scores: Report("hi", scores, 0.7, Estimate(0.5), Estimate(0.5), (1, 9)), {},
        DataError,
        "expected scores for either 'seen' or 'as in training', and optionally for 'unseen' and "
        "lengths such as 'length 100', got []",
    ),
    "a line": (
        SweepRow.from_json, "{}", DataError,
        "expected a row as returned by to_json, got one without 'loss'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_errors_name_expected_and_actual_values(case: str, unchecked: None) -> None:
    call, value, kind, message = CASES[case]
    with pytest.raises(kind) as caught:
        call(value)
    error = str(caught.value)
    assert error.startswith(message) if message.endswith(": ") else error == message


def test_value_matching_one_type_of_a_union_is_accepted() -> None:
    either = list[int] | list[str]
    assert check_type("values", ["h", "i"], either) == ["h", "i"]
    assert check_type("values", [1], either) == [1]
    with pytest.raises(InputTypeError, match=r"expected values\[1\] to be a string, got 1"):
        check_type("values", ["h", 1], either)


def test_a_field_takes_no_integer_that_python_cannot_print() -> None:
    with pytest.raises(InputTypeError, match="seed to be an integer of at most 1,024 bits"):
        SweepRow({"lr": 0.1}, 10**5000)
