"""Arguments of wrong types and sizes: each public function tells what it expected and got."""

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
NOWHERE = ElmanCharModel(VOCAB).to("meta")
ENSEMBLE = ElmanEnsemble(VOCAB, [1, 2])
BATCH = Batch.from_texts(["hello", "hi"], VOCAB)
PARITY = get_task("parity")
BASELINES = Baselines(1.6, 0.5, 0.0)
ONE_STEP = np.full((1, 5), 0.2)
TWO = torch.tensor([0.5, 0.25])
ROW = Row(1, 0.5, 0.5, 0.1, "hi")


def whole_history() -> History:
    history = History(BASELINES)
    history.append(ROW)
    return history


def many_history() -> EnsembleHistory:
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
def test_what_fits_an_annotation_passes(value: Any, annotation: Any) -> None:
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
    (b"h", str | list[int] | None, "expected it to be a string, a list or None, got a bytes"),
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
    (nn.Linear, nn.Module, "expected it to be a torch.nn.Module, got a type"),
    (5, torch.Generator | None, "expected it to be a torch.Generator or None, got 5"),
    (5, Callable[[int], int], "expected it to be a function, got 5"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), MISFITS)
def test_what_does_not_fit_an_annotation_is_told(
    value: Any, annotation: Any, message: str, assert_told: Any
) -> None:
    assert_told(lambda: check_type("it", value, annotation), InputTypeError, message)


class Base:
    @checked
    def times(self, count: int, *, text: str = "h") -> str:
        return text * count


class Own(Base):
    def times(self, number: int, *, text: Any = "h") -> str:
        return f"{text}" * number


def test_arguments_are_held_wherever_they_stand(assert_told: Any) -> None:
    wrong: Any = 0.5
    assert Base().times(2) == Base().times(count=2, text="h") == "hh"
    count = "expected count to be an integer, got 0.5"
    assert_told(lambda: Base().times(wrong), InputTypeError, count)
    assert_told(lambda: Base().times(count=wrong), InputTypeError, count)
    text = "expected text to be a string, got 0.5"
    assert_told(lambda: Base().times(1, text=wrong), InputTypeError, text)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'count'"):
        Base().times()  # type: ignore[call-arg]


@pytest.mark.usefixtures("unchecked")
def test_a_goal_may_be_any_number_that_a_float_can_hold() -> None:
    assert fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", until=10**30).stopped == ["excess"] * 2


def test_annotations_may_be_those_of_another_function(assert_told: Any) -> None:
    times = checked(Own.times, Base.times)
    text: Any = 0.5
    assert times(Own(), 2, text="h") == "hh"
    assert_told(
        lambda: times(Own(), 2, text=text), InputTypeError, "expected text to be a string, got 0.5"
    )


class Listing(nn.Linear):
    def forward(self, inputs: Any) -> Any:
        return []


class Refusing(Text):
    def why_no_length(self, length: int) -> str | None:
        return None if length == 5 else "five it is"


CASES: dict[str, tuple[Callable[[Any], object], Any, type[Exception], str]] = {
    "a vocabulary": (
        ElmanCharModel, "hielo", InputTypeError, "expected vocab to be a Vocab, got 'hielo'",
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
    "a replica beyond": (
        lambda replica: ENSEMBLE[replica], 2, IndexRangeError,
        "expected replica to be from -2 to 1, got 2",
    ),
    "a batch to learn": (
        MODEL.backprop, "hi", InputTypeError, "expected batch to be a Batch, got 'hi'",
    ),
    "a foreign batch": (
        MODEL.backprop, Batch(BATCH.inputs + 3, BATCH.targets), IndexRangeError,
        "expected inputs in 0 … 4, got 3 to 6 for a vocabulary of 5 symbols",
    ),
    "a network of autograd": (
        ElmanCharModel(VOCAB, embedding_size=2).backprop, BATCH, OptionError,
        "expected a network that supports backprop: ",
    ),
    "indices that can't be read": (
        VOCAB.decode, torch.ones(2, dtype=torch.int64).to_sparse(), InputTypeError,
        "expected integer indices, got a Tensor: ",
    ),
    "an ensemble that is none": (
        lambda model: evaluate(model, PARITY), SimpleNamespace(seeds=(1,)), InputTypeError,
        "expected model to be a torch.nn.Module, got a SimpleNamespace",
    ),
    "states of whole numbers": (
        lambda hidden: Trace(VOCAB, ["h"], hidden, ONE_STEP, ["i"]), np.ones((1, 5), int),
        InputTypeError, "expected hidden to be an array of floats, got int64",
    ),
    "probabilities of others": (
        lambda chances: Trace(VOCAB, ["h"], ONE_STEP, chances, ["i"]), np.ones((1, 3)),
        ShapeError, "expected probabilities of shape (1, 5), got (1, 3)",
    ),
    "predictions of others": (
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
    "rows beyond": (
        BATCH.take, torch.tensor([1, 2]), IndexRangeError,
        "expected rows from -2 to 1, got 1 to 2",
    ),
    "rows of rows": (
        BATCH.take, torch.tensor([[0]]), ShapeError,
        "expected rows of shape (rows,) = (1,), got (1, 1)",
    ),
    "rows that are nowhere": (
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
    "a vocabulary of nothing": (
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
        lambda task: evaluate(MODEL, task), "parity", InputTypeError,
        "expected task to be a Task, got 'parity'",
    ),
    "a model to train": (
        lambda model: fit(model, "hihello"), nn.Linear, InputTypeError,
        "expected model to be a torch.nn.Module, got a type",
    ),
    "a model without weights": (
        lambda model: fit(model, "hihello", vocab=VOCAB), nn.Identity(), OptionError,
        "expected a model with trainable weights, got Identity, in which no parameter requires "
        "gradients",
    ),
    "a model that is nowhere": (
        lambda model: fit(model, "hihello"), NOWHERE, DeviceError,
        "expected a model with weights, got ElmanCharModel on the meta device; "
        "allocate it with model.to_empty(device='cpu'), then fill it with load_state_dict",
    ),
    **{
        f"a model that is nowhere, and is to {name}": (
            use, NOWHERE, DeviceError,
            "expected a model with weights, got ElmanCharModel on the meta device; "
            "allocate it with model.to_empty(device='cpu'), then fill it with load_state_dict",
        )
        for name, use in {
            "write": lambda model: generate(model, "h", 3),
            "write in a team": lambda model: generate(Team([model]), "h", 3),
            "stream": lambda model: stream(model, "h", 3),
            "predict": lambda model: model.predict("hi"),
            "be followed": lambda model: model.trace("hi"),
            "be saved": lambda model: save(model, "none"),
        }.items()
    },
    "an optimizer": (
        lambda optimizer: fit(MODEL, "hihello", optimizer=optimizer), "adam", InputTypeError,
        "expected optimizer to be a class of torch.optim or a partial of one, got 'adam'; "
        "fit creates the optimizer itself",
    ),
    "what an optimizer is not": (
        lambda optimizer: fit(MODEL, "hihello", optimizer=optimizer),
        lambda parameters, lr: 5, OptionError,
        "expected optimizer to create a torch.optim optimizer, got 5",
    ),
    "more batches than can be counted": (
        lambda batches: TaskDataset(PARITY, batches), 2**63, OptionError,
        f"expected batches to be an integer from 1 to {10**15:,}, got {2**63}",
    ),
    "a goal": (
        lambda until: fit(MODEL, "hihello", until=until), np.array([0, 1]), OptionError,
        "expected until to be 'solved', a positive number of nats or None, got array([0, 1])",
    ),
    "a goal beyond numbers": (
        lambda until: fit(ENSEMBLE, "hihello", until=until), 10**400, OptionError,
        "expected until to be 'solved', a positive number of nats or None, got about 10^400",
    ),
    "what a scheduler is not": (
        lambda scheduler: fit(MODEL, "hihello", scheduler=scheduler), lambda optimizer: 5,
        OptionError,
        "expected scheduler to create a torch.optim.lr_scheduler scheduler, got 5",
    ),
    "a scheduler that needs more": (
        lambda scheduler: fit(MODEL, "hihello", scheduler=scheduler), StepLR, OptionError,
        "expected scheduler to require only an optimizer, got StepLR: StepLR.__init__() missing 1 "
        "required positional argument: 'step_size'; set further arguments with "
        "functools.partial(StepLR, …)",
    ),
    "an optimizer that needs less": (
        lambda optimizer: fit(ENSEMBLE, "hihello", optimizer=optimizer), Exception, OptionError,
        "expected optimizer to require only parameters and lr, got Exception: Exception() takes "
        "no keyword arguments; set further arguments with functools.partial(Exception, …)",
    ),
    "what makes models, not written in Python": (
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
        lambda model: fit(model, BATCH), Listing(5, 5), InputTypeError,
        "expected the model to return logits as a tensor, got a list of 0; return them alone, or "
        "as the first element of a tuple",
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
    "how often": (
        lambda every: Checkpoint("x", every), 0, OptionError,
        "expected every to be a positive integer, got 0",
    ),
    "a length of a task": (
        PARITY.why_no_length, "5", InputTypeError, "expected length to be an integer, got '5'",
    ),
    "a length of one's own": (
        Refusing(["hi"]).why_no_length, "5", InputTypeError,
        "expected length to be an integer, got '5'",
    ),
    "a batch of a task": (
        PARITY.optimal_loss, "0110", InputTypeError, "expected batch to be a Batch, got '0110'",
    ),
    "what draws": (
        lambda generator: PARITY.sample(1, generator=generator), 5, InputTypeError,
        "expected generator to be a torch.Generator, got 5",
    ),
    "what draws, and is no yes or no": (
        lambda generator: PARITY.sample(1, generator=generator), torch.zeros(2), InputTypeError,
        "expected generator to be a torch.Generator, got a Tensor",
    ),
    "what draws a length": (
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
    "whether step by step": (
        lambda stepwise: fit(MODEL, "hihello", stepwise=stepwise), torch.ones(0), InputTypeError,
        "expected stepwise to be True or False, got a Tensor",
    ),
    "a chance too small": (
        lambda p: get_task("anbn", p=p), 1e-300, OptionError,
        "expected p to be above 0.0001 and below 1, got 1e-300",
    ),
    "more samples than can be counted": (
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
        whole_history().row, 1, IndexRangeError, "expected epoch to be from -1 to 0, got 1",
    ),
    "an epoch of none": (
        History(BASELINES).row, 0, IndexRangeError,
        "cannot select epoch 0: there are none",
    ),
    "a row": (whole_history().append, 5, InputTypeError, "expected row to be a Row, got 5"),
    "another row": (
        whole_history().append, Row(2, 0.5, 0.5, 0.1), DataError,
        "expected a row with a prediction, like the rows before, got None",
    ),
    "a row with more": (
        whole_history().append, Row(2, 0.5, 0.5, 0.1, "hi", 0.5, 0.5), DataError,
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
    "losses of others": (
        many_history().append, EnsembleRow(torch.ones(3), torch.ones(3), 0.1), ShapeError,
        "expected a row of shape (replicas,) = (2,), got (3,)",
    ),
    "whole losses": (
        lambda loss: EnsembleRow(loss, TWO, 0.1), torch.tensor([1, 2]), InputTypeError,
        "expected loss to be a tensor of floats, got torch.int64",
    ),
    "accuracies of others": (
        lambda accuracy: EnsembleRow(TWO, accuracy, 0.1), torch.ones(3), ShapeError,
        "expected accuracy of shape (replicas,) = (2,), got (3,)",
    ),
    "who ends": (
        lambda replicas: many_history().end(replicas, "solved"), TWO, InputTypeError,
        "expected replicas to be a tensor of bool, got torch.float32",
    ),
    "a quantile": (
        many_history().quantiles, 1.5, OptionError, "expected quantiles from 0 to 1, got 1.5",
    ),
    "a rate": (
        lambda count: Proportion(count, 4), 5, OptionError,
        "expected count to be an integer from 0 to 4, got 5",
    ),
    "no scores": (
        lambda scores: Report("hi", scores, 0.7, Estimate(0.5), Estimate(0.5), (1, 9)), {},
        DataError,
        "expected scores for 'seen' and optionally for 'unseen' and lengths such as 'length 100', "
        "got []",
    ),
    "a line": (
        SweepRow.from_json, "{}", DataError,
        "expected a row as returned by to_json, got one without 'longer_accuracy'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_errors_say_what_was_expected_and_what_came(case: str, unchecked: None) -> None:
    call, value, kind, message = CASES[case]
    with pytest.raises(kind) as caught:
        call(value)
    told = str(caught.value)
    assert told.startswith(message) if message.endswith(": ") else told == message


def test_a_value_that_fits_one_of_several_types_fits() -> None:
    either = list[int] | list[str]
    assert check_type("values", ["h", "i"], either) == ["h", "i"]
    assert check_type("values", [1], either) == [1]
    with pytest.raises(InputTypeError, match=r"expected values\[1\] to be a string, got 1"):
        check_type("values", ["h", 1], either)
