"""Figures and inspection validate their arguments before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    SeqtoysError,
    Vocab,
    evaluate,
    fit,
    get_task,
)
from seqtoys.errors import DataError, InputTypeError, OptionError, ShapeError
from seqtoys.inspection import (
    gradient_by_distance,
    loss_by_position,
    mean_hidden_by_symbol,
    principal_components,
)
from seqtoys.models.vocabulary import vocab_of
from seqtoys.plotting import (
    plot_accuracy_by_label,
    plot_accuracy_by_length,
    plot_automaton,
    plot_dendrogram,
    plot_gradient_reach,
    plot_hidden,
    plot_loss,
    plot_loss_by_position,
    plot_one_hot,
    plot_probabilities,
    plot_solve_rate,
    plot_trajectory,
    to_svg,
)
from seqtoys.support.states import to_states

pytestmark = pytest.mark.usefixtures("unchecked")
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]

VOCAB = Vocab("hielo")
MODEL = ElmanCharModel(VOCAB, hidden_size=8)
BATCH = Batch.from_texts(["hihello", "hello"], VOCAB)
TRACE = MODEL.trace("hihello")
HISTORY = fit(ElmanCharModel(VOCAB), "hihello", epochs=9)
MANY = fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", epochs=9)
PARITY = get_task("parity")
REPORT = evaluate(ElmanCharModel(PARITY.vocab), PARITY, count=9, longer=[50])
DYCK = get_task("dyck")
BY_DEPTH = evaluate(ElmanCharModel(DYCK.vocab), DYCK, count=9, longer=[], by="depth")

CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "loss": (plot_loss, {"history": HISTORY, "log": True, "answers": True, "ax": None}),
    "losses": (plot_loss, {"history": MANY, "log": False, "ax": None}),
    "position": (
        plot_loss_by_position,
        {"model": MODEL, "data": "hihello", "task": None, "vocab": None, "ax": None},
    ),
    "length": (plot_accuracy_by_length, {"reports": REPORT, "trained": (1, 9), "ax": None}),
    "label": (plot_accuracy_by_label, {"reports": BY_DEPTH, "kind": "as in training", "ax": None}),
    "tree": (plot_dendrogram, {"states": {"a": [1.0, 0.0], "b": np.ones(2)}, "ax": None}),
    "rates": (
        plot_solve_rate,
        {
            "rates": [[0.1, 0.2]],
            "down": ("lr", [0.1]),
            "across": ("epochs", [1, 2]),
            "mark": (0.1, 2),
            "ax": None,
        },
    ),
    "probabilities": (plot_probabilities, {"trace": TRACE, "targets": "ihello ", "ax": None}),
    "automaton": (plot_automaton, {"automaton": get_task("reber"), "ax": None}),
    "one-hot": (plot_one_hot, {"vocab": VOCAB, "text": "hihell", "ax": None}),
    "reach": (
        plot_gradient_reach,
        {"model": MODEL, "data": "hihello", "vocab": None, "ax": None},
    ),
    "gradients": (gradient_by_distance, {"model": MODEL, "batch": BATCH}),
    "hidden": (plot_hidden, {"trace": TRACE, "ax": None}),
    "trajectory": (plot_trajectory, {"traces": TRACE, "ax": None}),
    "svg": (to_svg, {"ax": None}),
    "losses of a model": (loss_by_position, {"model": MODEL, "batch": BATCH}),
    "means": (mean_hidden_by_symbol, {"model": MODEL, "batch": BATCH, "vocab": None}),
    "components": (principal_components, {"states": np.eye(3), "count": 2}),
    "vocabulary": (vocab_of, {"model": MODEL}),
}


class Odd:
    """A value without working equality and repr."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no answer")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def removed() -> Any:
    ax = plt.subplots()[1]
    ax.remove()
    return ax


def closed() -> Any:
    ax = plt.subplots()[1]
    plt.close(ax.figure)  # type: ignore[arg-type]
    return ax


WILD: dict[str, Callable[[], Any]] = {
    "a string": lambda: "x",
    "a formula": lambda: r"$\nothing{",
    "a number": lambda: 5,
    "nothing": lambda: None,
    "nan": lambda: float("nan"),
    "a large number": lambda: 10**30,
    "an empty list": list,
    "a list in a list": lambda: [[1, 2], [3]],
    "an empty dict": dict,
    "an odd object": Odd,
    "a class": lambda: int,
    "a history": lambda: HISTORY,
    "histories": lambda: [HISTORY, MANY],
    "a trace": lambda: TRACE,
    "traces": lambda: [TRACE, ElmanCharModel(VOCAB).trace("hi")],
    "a report by its name": lambda: {"parity": REPORT},
    "a report by a number": lambda: {1: REPORT},
    "a model": lambda: MODEL,
    "another model": lambda: ElmanCharModel(Vocab("ab")),
    "an ensemble": lambda: ElmanEnsemble(VOCAB, [1, 2]),
    "a vocabulary": lambda: Vocab("ab"),
    "a batch of another vocabulary": lambda: Batch.from_texts(["=01="], Vocab("xyzwvu=01")),
    "states of several lengths": lambda: {"a": [1, 2], "b": [3]},
    "complex states": lambda: {"a": [1j], "b": [2]},
    "states as strings": lambda: {"a": "x", "b": [2]},
    "a state that is nan": lambda: {"a": [np.nan], "b": [2]},
    "a tensor": lambda: torch.zeros(2, 2),
    "an array with inf": lambda: np.array([[np.inf, 1.0], [1.0, 2.0]]),
    "an array of strings": lambda: np.array(["a", "b"]),
    "a pair": lambda: (5, 1),
    "a set": lambda: {0.5},
    "an iterator": lambda: iter([0.5]),
    "a function": lambda: print,
    "3D axes": lambda: plt.figure().add_subplot(projection="3d"),
    "polar axes": lambda: plt.figure().add_subplot(projection="polar"),
    "removed axes": removed,
    "axes of a closed figure": closed,
    "axes in a part of a figure": lambda: (
        plt.figure().subfigures(1, 1, squeeze=False)[0, 0].subplots()
    ),
    "axes without room": lambda: plt.figure().add_axes((0, 0, 0, 0)),
    "logarithmic axes": lambda: plot_loss(HISTORY, log=True),
    "a figure": plt.figure,
}


AXES = {kind for kind in WILD if "axes" in kind and kind != "removed axes"}
"""Kinds that differ in how a figure is drawn in them: for other arguments, one kind is enough."""
TRIALS = [
    (name, kind) for kind in WILD for name in CALLS if kind not in AXES or "ax" in CALLS[name][1]
]


@pytest.mark.parametrize(("name", "kind"), TRIALS)
def test_wild_argument_gives_a_figure_or_a_library_error(name: str, kind: str) -> None:
    function, arguments = CALLS[name]
    for argument in ["ax"] if kind in AXES else arguments:
        value = WILD[kind]()
        before, message = plt.get_fignums(), None
        try:
            function(**{**arguments, argument: value})
        except SeqtoysError as error:
            message = str(error)
        if message is not None:
            assert 10 < len(message) < 1000
            assert plt.get_fignums() == before  # no figure is left half drawn
        plt.close("all")


def test_invalid_arguments_raise(assert_error: ErrorCheck) -> None:
    def check(call: Callable[[], object], kind: type[Exception], message: str) -> None:
        assert_error(call, kind, message)

    wanted = "expected ax to be axes, as created by plt.subplots(), got "
    check(lambda: plot_loss(HISTORY, ax="x"), InputTypeError, wanted + "'x'")  # type: ignore[arg-type]
    check(lambda: to_svg(plt), InputTypeError, wanted + "a module")  # type: ignore[arg-type]
    check(
        lambda: plot_loss(HISTORY, ax=plt.figure().add_subplot(projection="polar")),
        InputTypeError,
        "expected Cartesian axes, got polar ones",
    )
    check(
        lambda: plot_hidden(TRACE, ax=removed()),
        OptionError,
        "expected axes in a figure, got axes that were removed from theirs",
    )
    check(
        lambda: plot_hidden(TRACE, ax=plt.figure().add_axes((0, 0, 0, 0))),
        OptionError,
        "expected axes with a nonzero width and height, got empty ones",
    )
    check(
        lambda: plot_loss("x"),  # type: ignore[arg-type]
        InputTypeError,
        "expected history[0] to be a History or an EnsembleHistory, got 'x'",
    )
    check(
        lambda: plot_accuracy_by_length(REPORT, trained=(9, 1)),
        OptionError,
        "expected lengths to be (shortest, longest), with shortest <= longest, got (9, 1)",
    )
    check(
        lambda: plot_dendrogram({str(i): [i] for i in range(2001)}),
        DataError,
        "expected the states of 2 to 2,000 symbols, got 2,001",
    )
    check(
        lambda: plot_dendrogram({"a": [1.0, 2.0], "b": [1.0]}),
        ShapeError,
        "expected states of the same length, got lengths [1, 2]",
    )
    check(
        lambda: plot_dendrogram({"a": [1.0], "b": [float("nan")]}),
        DataError,
        "expected the state of 'b' to be finite, got inf or nan",
    )
    check(
        lambda: plot_dendrogram({"a": [1.0], "b": "x"}),
        InputTypeError,
        "expected the state of 'b' to be numbers, got 'x'",
    )
    check(
        lambda: principal_components([[1.0], [1.0, 2.0]]),  # type: ignore[arg-type]
        InputTypeError,
        "expected states to be an array, got a list of 2",
    )


def test_invalid_rates_raise(assert_error: ErrorCheck) -> None:
    def check(
        rates: Any, kind: type[Exception], message: str, mark: Any = None, size: int = 1
    ) -> None:
        values = ("lr", range(size)), ("epochs", [0.5])
        assert_error(lambda: plot_solve_rate(rates, *values, mark=mark), kind, message)

    check([["x"]], InputTypeError, "expected rates[0][0] to be a Proportion or a number, got 'x'")
    check([[1.5]], DataError, "expected rates from 0 to 1, got 1.5")
    check([5], InputTypeError, "expected rates[0] to be a list, got 5")
    check([[0.5]] * 10_001, DataError, "expected at most 10,000 rates, got 10,001", size=10_001)
    check(
        [[0.5]],
        OptionError,
        "expected mark to use one of the values of 'epochs', [0.5], got 7",
        mark=(0, 7),
    )


def test_grid_values_of_any_type_are_labeled() -> None:
    values = [np.float64(0.5), Odd(), "h" * 500, np.zeros(2), np.float32(3)]
    rates = np.linspace(0, 1, 5)[np.newaxis]
    ax = plot_solve_rate(rates, ("lr", iter([1])), ("value", values), mark=(1.0, values[1]))
    assert [text.get_text() for text in ax.texts] == ["0%", "25%", "50%", "75%", "100%"]
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["0.5", "an Odd", "h" * 80 + "…", "[0. 0.]", "3.0"]
    frame = ax.patches[-1]
    assert frame.get_bbox().bounds == (1.5, 0.5, 1, 1)  # type: ignore[attr-defined]


def test_states_of_any_array_type_are_accepted() -> None:
    states = {
        "a": torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True),
        "b": [1, 2],
        "c": np.array([5.0, 5.0], np.float16),
    }
    ax = plot_dendrogram(states)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c", "a", "b"]


def test_components_of_huge_and_tiny_states_are_scaled() -> None:
    states = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    points, variance_ratios = principal_components(states)
    for size in (1e200, 1e-200):
        scaled, same = principal_components(states * size)
        np.testing.assert_allclose(scaled, points * size, rtol=1e-9, atol=1e-12 * size)
        np.testing.assert_allclose(same, variance_ratios, rtol=1e-9)


class Unreadable:
    def __array__(self, *_: object, **__: object) -> object:
        raise ZeroDivisionError


def test_states_must_be_finite_numbers_of_equal_length() -> None:
    axes = ("states", "hidden")
    half = torch.tensor([[0.5, 1.0]], dtype=torch.bfloat16, requires_grad=True)
    assert to_states(half, "states", axes).tolist() == [[0.5, 1.0]]
    cases: list[tuple[Any, type[Exception], str]] = [
        ([[0, 1], [1]], ShapeError, "in rows of equal length"),
        ([0, 1], ShapeError, r"of shape \(states, hidden\), got \(2,\)"),
        ([["a", "b"]], InputTypeError, "expected states to be numbers"),
        (Unreadable(), InputTypeError, "expected states to be numbers"),
        ([[0.0, math.inf]], DataError, "expected states to be finite"),
    ]
    for values, kind, message in cases:
        with pytest.raises(kind, match=message):
            to_states(values, "states", axes)
