from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtoys.errors import DataError
from seqtoys.records.row import describe
from seqtoys.results import Baselines, History, Row
from seqtoys.support.tables import text_table
from seqtoys.training.progress import Progress

pytestmark = pytest.mark.type_checked

BASELINES = Baselines(uniform=1.6, memoryless=0.5, full_past=0.0)


def history(epochs: int, *, held_out: bool = False, predictions: bool = True) -> History:
    made = History(BASELINES, loss_floor=0.4, settings={"lr": 0.1}, seconds=0.5)
    for epoch in range(1, epochs + 1):
        extra = (2.0, 0.25) if held_out else (None, None)
        text = "ih" if predictions else None
        made.append(Row(epoch, 1 / epoch, (epoch - 1) / epochs, 0.1, text, *extra))
    return made


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("predictions", [False, True])
def test_rows_and_json_match_the_columns(held_out: bool, predictions: bool) -> None:
    made = history(3, held_out=held_out, predictions=predictions)
    again = History.from_json(made.to_json())
    assert again == made
    assert [row.loss for row in again.rows] == made.loss == [1, 1 / 2, 1 / 3]
    assert made.row(-1) == made.rows[2]
    assert made.row(-1).epoch == 3
    assert made.row(0).prediction == ("ih" if predictions else None)
    assert made.row(0).validation_loss == (2.0 if held_out else None)
    assert made.optimum == [0.0] * 3
    assert json.loads(made.to_json())["settings"] == {"lr": 0.1}


NUMBERS = st.floats(allow_nan=False)
TEXTS = st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


VALIDATION = ("validation_loss", "validation_accuracy")


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of a History."""
    epochs = draw(st.integers(0, 4))
    kinds = (TEXTS, st.lists(TEXTS, max_size=2), st.lists(st.lists(TEXTS, max_size=2), max_size=2))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=epochs, max_size=epochs))

    return {
        "loss_floor": draw(NUMBERS),
        "settings": draw(st.dictionaries(TEXTS, JSON, max_size=3)),
        "held_out": draw(st.lists(st.integers(0), max_size=3)),
        **{name: column(NUMBERS) for name in ("loss", "accuracy", "lr", "optimum")},
        **{name: column(NUMBERS) * draw(st.integers(0, 1)) for name in VALIDATION},
        "predictions": column(draw(st.sampled_from(kinds))) * draw(st.integers(0, 1)),
        "stopped": draw(st.sampled_from(["running", "epochs", "solved", "excess", "patience"])),
        "seconds": draw(NUMBERS),
    }


@settings(max_examples=30)  # each has dozens of numbers
@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), fields())
def test_json_round_trips_any_history(
    baselines: tuple[float, float, float], columns: dict[str, Any]
) -> None:
    made = History(Baselines(*baselines), **columns)
    text = made.to_json()
    assert History.from_json(text) == made
    assert json.loads(text) == asdict(made)  # the columns are plain JSON
    assert History.from_json(text).to_json() == text


def test_row_out_of_range_raises() -> None:
    with pytest.raises(IndexError):
        history(2).row(2)


def test_solved_requires_every_symbol_in_the_last_epoch() -> None:
    made = history(2)
    assert not made.solved
    assert not History(BASELINES).solved
    made.append(Row(3, 0.1, 1.0, 0.1, "hi"))
    assert made.solved


def test_str_shows_a_table_and_ranks_the_loss() -> None:
    assert str(history(2, held_out=True)) == (
        "epoch    loss  accuracy  held-out loss  held-out accuracy        predicted\n"
        "    1  1.0000      0.0%         2.0000              25.0%  best  ih\n"
        "    2  0.5000     50.0%         2.0000              25.0%        ih\n"
        "\n"
        "nats per scored symbol\n"
        "2.0000  <- the model on held-out data\n"
        "1.6000  uniform guess\n"
        "0.5000  best without memory\n"
        "0.5000  <- the model at epoch 2\n"
        "0.4000  lowest loss this readout can reach\n"
        "0.0000  best with full history (optimum)\n"
        "\n"
        "Still running after epoch 2."
    )
    assert "<td>ih</td>" in history(2)._repr_html_()


@pytest.mark.parametrize("epochs", [0, 1, 5, 6, 7, 100, 1001])
def test_long_table_shows_few_rows_including_first_and_last(epochs: int) -> None:
    lines = str(history(epochs)).split("\n\n")[0].splitlines()[1:]
    shown = [int(line.split()[0]) for line in lines]
    assert len(shown) <= 6
    assert shown[:1] + shown[-1:] == ([1, epochs] if epochs else [])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"baselines": {}}', "null"])
def test_foreign_json_raises(text: str) -> None:
    with pytest.raises(DataError, match="expected a history as returned by to_json, got"):
        History.from_json(text)


def test_predictions_are_described_on_one_short_line() -> None:
    assert describe(["a", "b"]) == "a, b"
    assert describe([["boy", "sees"], ["dog"]]) == "boy sees, dog"
    assert describe("a\nb") == "a\\nb"
    assert describe("x" * 51) == "x" * 49 + "…"


def test_text_columns_are_left_aligned_and_numbers_right_aligned() -> None:
    table = text_table(["a", "long"], [["x", "1"], ["", "…"], ["yy", "-20.5%"]])
    assert table == "a     long\nx        1\n         …\nyy  -20.5%"


def test_no_report_without_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(3, history(0), show=False, report_every=1):
        pass
    assert capsys.readouterr().out == ""


def test_a_report_without_predictions_ends_with_the_accuracy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress(1, history(0), show=False, report_every=1) as progress:
        progress.update(Row(epoch=1, loss=1.5, accuracy=0.5, lr=0.1))
    assert capsys.readouterr().out == "epoch    1  loss 1.5000  accuracy  50.0%\n"
