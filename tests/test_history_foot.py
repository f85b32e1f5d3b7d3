"""What a printed history says about its training, its one-line form, and its width."""

from __future__ import annotations

import copy
import pickle
import signal
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqtoys import (
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    check_task,
    fit,
    get_task,
    load,
    load_history,
    save,
)
from seqtoys.records.foot import ending, endings
from seqtoys.results import (
    Baselines,
    EnsembleHistory,
    Estimate,
    History,
    Row,
    SweepResult,
    SweepRow,
)

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]


def press(row: Row) -> None:
    if row.epoch == 3:
        signal.raise_signal(signal.SIGINT)


ENDS: dict[str, tuple[dict[str, Any], str]] = {
    "epochs": ({"epochs": 1200}, "Ran all 1,200 epochs."),
    "one epoch": ({"epochs": 1}, "Ran one epoch."),
    "solved": ({"epochs": 500, "until": "solved"}, "Solved at epoch 8 of 500."),
    "excess": (
        {"epochs": 500, "until": 0.5},
        "Within 0.5 nats of the optimum at epoch 11 of 500.",
    ),
    "interrupted": ({"epochs": 500, "on_epoch": press}, "Interrupted after epoch 3 of 500."),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_history_says_how_training_ended(name: str) -> None:
    options, expected = ENDS[name]
    history = fit(ElmanCharModel(VOCAB, hidden_size=20, seed=2), "hihello", lr=0.02, **options)
    assert str(history).endswith(f"\nTrained on 1 text, 6 next symbols.\n{expected}")
    assert f"\n{expected}</pre>" in history._repr_html_()
    assert repr(history).startswith(f"History({history.ending}, loss ")
    assert f"{history.ending[:1].upper()}{history.ending[1:]}." == expected


def test_a_history_says_that_patience_ended_it_and_which_weights_are_kept() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=20)
    history = fit(model, TEXTS, epochs=300, lr=0.05, validation=0.3, patience=4)
    best, last = history.best_epoch, len(history)
    assert best == last - 4
    assert str(history).endswith(
        f"\nRan out of patience at epoch {last} of 300.\n"
        f"The weights are those of epoch {best}, with the lowest held-out loss."
    )
    assert f"{history.loss[best - 1]:.4f}  <- the model at epoch {best}\n" in str(history)
    held_out = f"{history.validation_loss[best - 1]:.4f}"
    assert f"{held_out}  <- the model on held-out data\n" in str(history)
    assert repr(history).endswith(
        f", loss {history.loss[best - 1]:.4f}, accuracy {history.accuracy[best - 1]:.1%})"
    )
    (marked,) = [line for line in str(history).splitlines() if "  best  " in line]
    assert marked.split()[0] == str(best)
    assert "<td>best</td>" in history._repr_html_()
    kept_last = fit(model, TEXTS, epochs=9, lr=0.05, validation=0.3, keep="last")
    assert "The weights are" not in str(kept_last)
    assert f"<- the model at epoch {len(kept_last)}\n" in str(kept_last)


def test_an_error_is_said_and_nothing_about_the_weights() -> None:
    def fail(row: Row) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fit(ElmanCharModel(VOCAB), TEXTS, validation=0.3, on_epoch=fail)
    text = str(vars(caught.value)["history"])
    assert text.endswith("\nEnded by an error after epoch 1 of 100.")
    with pytest.raises(ZeroDivisionError) as caught:
        fit(ElmanEnsemble(VOCAB, [1, 2]), TEXTS, validation=0.3, on_epoch=fail)
    assert str(vars(caught.value)["history"]).endswith("\nSeeds: 2 ended by an error.")


def test_seeds_are_counted_by_how_they_ended() -> None:
    ensemble = ElmanEnsemble(VOCAB, range(4), nonlinearity="relu", hidden_size=12)
    with torch.no_grad():
        ensemble.rnn.weight_hh_l0[1].fill_(1e30)  # type: ignore[union-attr,index]
    history = fit(ensemble, TEXTS, epochs=9, validation=0.3)
    assert history.ending == "3 ran all epochs, 1 diverged"
    assert str(history).endswith(
        "\nTrained on 4 texts, 9 next symbols; 2 held out.\n"
        "Seeds: 3 ran all epochs, 1 diverged.\n"
        "The weights are those of each replica's epoch with the lowest held-out loss,\n"
        "unless it reached the goal or diverged."
    )
    assert "held-out loss 50%" in str(history).splitlines()[0]
    column = history.validation_loss.nan_to_num(nan=torch.inf, posinf=torch.inf)
    middle = column[-1].sort().values[1]  # the lower of the two in the middle, or the next
    assert any(f"{value:.4f}" in str(history) for value in (middle, column[-1].sort().values[2]))


def test_unknown_reasons_and_missing_settings_are_printed_as_they_are() -> None:
    assert ending("tired", 5, {}) == "tired at epoch 5"
    assert ending("excess", 5, {"until": "solved"}) == "reached the goal at epoch 5"
    assert endings(["tired", "solved", "tired"]) == "2 tired, 1 solved"


def histories() -> dict[str, Any]:
    many = History(Baselines(1.6, 0.5, 0.0))
    for epoch in range(3000):
        prediction = ["hello" * 20] * 5
        many.append(Row(epoch + 1, 1.5, 0.5, 0.1, prediction, 12345.6789, 0.25))
    return {
        "3,000 epochs": many,
        "no epochs": History(Baselines(1.6, 0.5, 0.0)),
        "seeds": fit(ElmanEnsemble(VOCAB, range(50)), TEXTS, epochs=2, validation=0.3),
        "no epochs of seeds": EnsembleHistory(range(500), Baselines(1.6, 0.5, 0.0)),
        "words": fit(
            ElmanCharModel(Vocab(["boy" * 9, "sees"])), [["boy" * 9, "sees"] * 30], epochs=3
        ),
    }


HISTORIES = histories()


def columns_of(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in line)


def test_wide_characters_are_aligned_and_fit_a_terminal() -> None:
    texts = ["日本語の文字列と漢字" * 4, "漢字と文字列" * 6, "ab日本" * 9]
    model = ElmanCharModel(Vocab.from_text(*texts), hidden_size=8)
    history = fit(model, texts, epochs=30, validation=0.3)
    lines = str(history).splitlines()
    assert 70 < max(map(columns_of, lines)) <= 80
    batch = Batch.from_texts(["漢a字b", "abab"], Vocab("漢字ab"))
    shown = batch.show(Vocab("漢字ab"), rows=1)
    assert shown.startswith("inputs   漢a 字\ntargets  a 字b\n")


@pytest.mark.parametrize("name", HISTORIES)
def test_a_printed_history_fits_a_terminal(name: str) -> None:
    assert max(map(len, str(HISTORIES[name]).splitlines())) <= 80


SWEPT = SweepResult(
    [SweepRow({"lr": 0.1}, 3, solved=True, excess=Estimate(0.25, 0.1))], {"lr": [0.1]}
)


@pytest.mark.parametrize(
    "value",
    [
        *HISTORIES.values(),
        HISTORIES["3,000 epochs"].row(-1),
        HISTORIES["seeds"].rows[0],
        Batch.from_texts(["hello" * 50, "hi"] * 300, VOCAB),
        Batch.from_texts(["hi"], VOCAB),
        ElmanCharModel(VOCAB, hidden_size=300).trace("hihello" * 500),
        HISTORIES["seeds"].solve_rate,
        SWEPT,
        SWEPT.rows[0],
        SweepRow({}, 0),
        check_task(get_task("reber"), count=1000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_result_has_a_form_of_one_line(value: Any) -> None:
    assert "\n" not in repr(value)
    assert len(repr(value)) <= 130
    assert repr(value).startswith(f"{type(value).__name__}(")


def test_the_one_line_forms_have_the_main_numbers() -> None:
    assert repr(HISTORIES["3,000 epochs"]) == (
        "History(still running after epoch 3,000, loss 1.5000, accuracy 50.0%)"
    )
    assert repr(History(Baselines(1.6, 0.5, 0.0))) == "History(still running after epoch 0)"
    assert repr(Batch.from_texts(["hi", "hello"], VOCAB)) == (
        "Batch(2 sequences of 1 to 4 symbols, 5 scored)"
    )
    assert repr(Batch.from_texts(["hill"], VOCAB)) == "Batch(1 sequence of 3 symbols, 3 scored)"
    row = Row(3, loss=0.5, accuracy=0.25, lr=0.1, prediction="ih", validation_loss=2.0)
    assert repr(row) == (
        "Row(epoch 3, loss 0.5000, accuracy 25.0%, held-out loss 2.0000, predicted ih)"
    )
    assert repr(SWEPT) == (
        "SweepResult(1 setting, 1 row, solved 100.0% of 1 (95% interval 2.5 to 100.0%))"
    )
    assert repr(SWEPT.rows[0]) == "SweepRow(lr=0.1, seed 3: solved, excess 0.25 ± 0.10)"
    trace = ElmanCharModel(VOCAB, seed=777).trace("hihell")
    assert repr(trace) == f"Trace('hihell' -> '{''.join(trace.predictions)}', 5 hidden units)"
    words = ElmanCharModel(Vocab(["boy", "sees"]), seed=0).trace(["boy", "sees"])
    assert repr(words).startswith("Trace('boy sees' -> '")
    seeds = HISTORIES["seeds"]
    assert repr(seeds) == (
        f"EnsembleHistory(50 seeds, 2 epochs, median loss {seeds.loss[-1].median():.4f}, "
        "50 ran all epochs)"
    )
    assert repr(seeds.rows[1]) == (
        f"EnsembleRow(50 replicas, median loss {seeds.loss[1].median():.4f}, mean accuracy "
        f"{seeds.accuracy[1].mean():.1%})"
    )


AGAIN = "The model had already been trained for {}.\n"


def again(model: Any) -> str:
    return str(fit(model, "hihello", epochs=2, vocab=None if hasattr(model, "vocab") else VOCAB))


class Own(nn.Module):
    """A model of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(5))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(*inputs.shape, 5)


@pytest.mark.parametrize(
    "make", [lambda: ElmanCharModel(VOCAB), lambda: ElmanEnsemble(VOCAB, [1, 2]), Own]
)
def test_a_history_says_that_training_went_on_from_trained_weights(make: Any) -> None:
    model, start = make(), copy.deepcopy(make().state_dict())
    assert "already" not in again(model)
    copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for trained in (model, copied, pickled):
        assert AGAIN.format("2 epochs") in again(trained)
        assert AGAIN.format("4 epochs") in again(trained)
    model.load_state_dict(start)  # no longer trained
    assert "already" not in again(model)


def test_copies_in_files_and_replicas_are_trained_too(tmp_path: Path) -> None:
    ensemble = ElmanEnsemble(VOCAB, [1, 2])
    assert "already" not in again(ensemble[0])
    history = fit(ensemble, "hihello", epochs=1)
    assert AGAIN.format("1 epoch") in again(ensemble[1])
    save(ensemble, tmp_path / "with", history=history)
    assert AGAIN.format("1 epoch") in again(load(tmp_path / "with"))
    save(ensemble, tmp_path / "without")
    assert "already" not in again(load(tmp_path / "without"))  # nothing is known of its training


def test_a_resumed_training_is_not_another_one(tmp_path: Path) -> None:
    path, model = tmp_path / "run", ElmanCharModel(VOCAB)
    options: dict[str, Any] = {"lr": 0.05, "checkpoint": Checkpoint(path, every=1)}
    fit(model, "hihello", epochs=3, **options)
    resumed = fit(model, "hihello", epochs=7, resume=path, **options)
    assert (resumed.epochs_before, len(resumed)) == (0, 7)
    assert load_history(path).epochs_before == 0
    options["checkpoint"] = Checkpoint(path, every=1, overwrite=True)
    fit(model, "hihello", epochs=2, **options)
    longer = fit(ElmanCharModel(VOCAB), "hihello", epochs=4, resume=path, **options)
    assert (longer.epochs_before, len(longer)) == (7, 4)
    assert AGAIN.format("11 epochs") in again(load(path))
