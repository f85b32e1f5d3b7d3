"""Figures of losses, accuracies and solve rates show the data legibly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from torch import nn

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, evaluate, fit, get_task
from seqtoys.errors import DataError, OptionError
from seqtoys.plotting import (
    plot_accuracy_by_label,
    plot_accuracy_by_length,
    plot_loss,
    plot_loss_by_position,
    plot_solve_rate,
)
from seqtoys.plotting.style import TEAL, VERMILLION
from seqtoys.records.score import Score
from seqtoys.results import (
    Baselines,
    ByLabel,
    EnsembleHistory,
    EnsembleRow,
    History,
    Proportion,
    Report,
    Row,
)
from seqtoys.support.uncertainty import Estimate

VOCAB = Vocab("hielo")
BASELINES = Baselines(uniform=1.6, memoryless=0.5, full_past=0.0)
Draw = Callable[[Axes], Any]


def history(losses: list[float], **columns: Any) -> History:
    numbers = {"accuracy": 0.5, "lr": 0.1, "optimum": 0.0}
    same: dict[str, Any] = {name: [number] * len(losses) for name, number in numbers.items()}
    return History(BASELINES, loss=losses, **same, **columns)


def ensemble_history(losses: np.ndarray) -> EnsembleHistory:
    """A history of losses `(epochs, replicas)`."""
    made = EnsembleHistory(range(losses.shape[1]), BASELINES)
    for row in torch.from_numpy(losses):
        made.append(EnsembleRow(row, torch.ones(losses.shape[1]), 0.1))
    return made


def curves(ax: Axes) -> list[Any]:
    """Return the lines that a legend would list."""
    return [line for line in ax.lines if not str(line.get_label()).startswith("_")]


def levels(ax: Any) -> list[float]:
    """Return the levels of the thin dashed lines."""
    thin = [line for line in ax.lines if line.get_linewidth() == 1]
    return [line.get_ydata()[0] for line in thin if line.get_linestyle() == "--"]


def points(ax: Any) -> list[Any]:
    """Return the points with bars."""
    return [container.lines[0] for container in ax.containers]


def labels(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def ticks(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_xticklabels()]


# --- the loss over the epochs


def test_loss_is_a_line_among_its_baselines(draw: Draw) -> None:
    ax = draw(plot_loss(history([1.5, 1.0, 0.6], loss_floor=0.4)))
    (line,) = curves(ax)
    assert line.get_xydata().tolist() == [[1, 1.5], [2, 1.0], [3, 0.6]]
    assert levels(ax) == [1.6, 0.5, 0.0, 0.4]
    assert labels(ax) == [
        "uniform 1.6000", "memoryless 0.5000", "optimum 0", "tanh floor 0.4000",
        "model 0.6000",
    ]  # fmt: skip
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats per scored symbol)")
    assert ax.get_xlim() == (0, 3)
    assert ax.get_ylim()[0] < 0
    assert ax.get_ylim()[1] > 1.6


def test_held_out_loss_has_another_color(draw: Draw) -> None:
    made = history([1.5, 1.0], validation_loss=[1.6, 2.0], validation_accuracy=[0.1, 0.2])
    ax = draw(plot_loss(made))
    assert [line.get_ydata().tolist() for line in curves(ax)] == [[1.5, 1.0], [1.6, 2.0]]
    assert [line.get_color() for line in curves(ax)] == [TEAL, VERMILLION]
    assert [line.get_marker() for line in curves(ax)] == ["o", "s"]
    assert labels(ax)[-2:] == ["model 1.0000", "held-out 2.0000"]
    assert ax.get_ylim()[1] > 2


def test_one_epoch_is_a_point(draw: Draw) -> None:
    (line,) = curves(draw(plot_loss(history([1.0]))))
    assert (line.get_marker(), line.get_xydata().tolist()) == ("o", [[1, 1.0]])


def test_optimum_of_zero_is_labeled_below_a_logarithmic_axis(draw: Draw) -> None:
    ax = draw(plot_loss(history([1.5, 0.1, 0.004]), log=True))
    assert ax.get_yscale() == "log"
    assert levels(ax) == [1.6, 0.5]
    assert "optimum 0 ↓" in labels(ax)
    assert 0 < ax.get_ylim()[0] < 0.004
    shown = [label.get_text() for label in ax.get_yticklabels()]
    assert {"0.005", "0.01", "0.1", "1"} <= set(shown)
    far = draw(plot_loss(history([1.5, 1e-7]), log=True))
    assert {"1e-05", "0.001", "1"} & {label.get_text() for label in far.get_yticklabels()}


def test_all_zero_losses_can_be_drawn(draw: Draw) -> None:
    certain = History(Baselines(0.0, 0.0, 0.0))
    certain.append(Row(1, 0.0, 1.0, 0.1))
    assert draw(plot_loss(certain)).get_ylim()[1] > 0
    assert draw(plot_loss(certain, log=True)).get_ylim()[0] > 0


def test_losses_far_above_uniform_are_cut_off_and_labeled(draw: Draw) -> None:
    ax = draw(plot_loss(history([50.0, 1.0, 70.0])))
    assert ax.get_ylim()[1] == pytest.approx(3 * 1.6)
    assert " ".join(ax.get_ylabel().split()) == "loss (nats per scored symbol), cut off at 4.8"
    assert labels(ax)[-1] == "model 70.0000 ↑"


def test_lasting_predictions_are_labeled_where_they_begin(draw: Draw) -> None:
    predictions = ["x"] * 4 + ["hi\n🦜"] * 5 + ["y"] * 2 + ["b c"] * 6
    ax = draw(
        plot_loss(history([2 / n for n in range(2, 19)], predictions=predictions), answers=True)
    )
    dots = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert dots == [[[5, 2 / 6]], [[12, 2 / 13]]]
    assert labels(ax)[:2] == ["hi\\nU+1F99C", "b c"]
    silent = plot_loss(history([1.0] * 9), answers=True)
    assert not any(line.get_marker() == "o" for line in silent.lines)


def test_bands_cover_50_and_90_percent_of_the_seeds(draw: Draw) -> None:
    losses = np.random.default_rng(0).uniform(0, 1.5, size=(30, 101))
    ax = draw(plot_loss(ensemble_history(losses)))
    order = np.sort(losses, axis=1)  # of 101 values, the k-th is the k-th percentile
    assert curves(ax)[0].get_ydata() == pytest.approx(order[:, 50])
    for band, (low, high) in zip(ax.collections, [(5, 95), (25, 75)], strict=True):
        points = band.get_paths()[0].vertices
        for epoch in (1, 17, 30):
            heights = points[points[:, 0] == epoch, 1]
            assert heights.min() == pytest.approx(order[epoch - 1, low])
            assert heights.max() == pytest.approx(order[epoch - 1, high])
    assert ax.get_xlabel() == "epoch (101 seeds, 100.0% solved; bands: middle 50% and 90%)"
    assert labels(ax)[-1] == f"median {order[-1, 50]:.4f}"


def test_diverged_seeds_are_counted_and_cut_off(draw: Draw) -> None:
    losses = np.ones((4, 10))
    losses[2:, :3], losses[3, 3] = math.inf, math.nan
    made = ensemble_history(losses)
    made.end(torch.arange(10) < 4, "diverged")
    ax = draw(plot_loss(made))
    note = " ".join(ax.get_xlabel().split())  # in two lines
    assert note.startswith("epoch (10 seeds, 100.0% solved, 4 diverged; bands:")
    assert " ".join(ax.get_ylabel().split()) == "loss (nats per scored symbol), cut off at 1.7"
    assert np.isfinite(ax.collections[0].get_paths()[0].vertices).all()
    assert curves(ax)[0].get_ydata().tolist() == [1, 1, 1, 1]
    assert made.quantiles(0.5, 1.0)[:, -1].tolist() == [1, math.inf]
    all_lost = draw(plot_loss(ensemble_history(np.full((2, 3), math.inf)), log=True))
    assert labels(all_lost)[-1] == "median inf ↑"


def test_held_out_loss_of_an_ensemble_is_its_median(draw: Draw) -> None:
    texts = ["hello", "hill", "hole", "oil"]
    made = fit(ElmanEnsemble(VOCAB, range(5)), texts, epochs=3, validation=0.3)
    ax = draw(plot_loss(made))
    expected = made.validation_loss.numpy()
    assert curves(ax)[1].get_ydata() == pytest.approx(np.median(expected, axis=1))


def test_given_axes_are_used(draw: Draw) -> None:
    figure, (left, right) = plt.subplots(2, 1, figsize=(8, 8))
    assert draw(plot_loss(history([1.0, 0.7]), ax=right)) is right
    assert not left.lines
    assert plt.get_fignums() == [figure.number]


def test_history_without_epochs_raises(assert_error: Any) -> None:
    message = "cannot plot an empty history: it has no epochs"
    assert_error(lambda: plot_loss(History(BASELINES)), DataError, message)
    assert_error(lambda: plot_loss(EnsembleHistory([1], BASELINES)), DataError, message)


# --- the loss at each position


def test_losses_are_placed_at_the_target_symbols(draw: Draw) -> None:
    model = ElmanCharModel(VOCAB, seed=777)
    ax = draw(plot_loss_by_position(model, "hihello"))
    logits, _ = model(VOCAB.encode_batch(["hihell"]))
    expected = nn.functional.cross_entropy(logits[0], VOCAB.encode("ihello"), reduction="none")
    assert curves(ax)[0].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert curves(ax)[0].get_ydata() == pytest.approx(expected.detach().numpy(), rel=1e-5)
    assert ticks(ax) == list("ihello")
    assert levels(ax) == pytest.approx([math.log(5), math.log(2) * 2 / 3, 0, 0.4327], abs=1e-4)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target symbol", "loss (nats)")


def test_pair_is_labeled_with_its_targets(draw: Draw) -> None:
    ax = draw(plot_loss_by_position(ElmanCharModel(VOCAB), ("hi", "ol")))
    assert ticks(ax) == ["o", "l"]


def test_long_text_is_cut_before_labels_overlap(draw: Draw) -> None:
    model = ElmanCharModel(Vocab("mw "))
    ax = draw(plot_loss_by_position(model, "mw wm" * 200))
    shown = len(ticks(ax))
    assert 20 < shown < 100
    assert set(ticks(ax)) == {"m", "w", "␣"}
    assert ax.get_xlabel() == f"target symbol (1 to {shown} of 999)"
    assert len(curves(ax)[0].get_xdata()) == shown
    wide = plt.subplots(figsize=(20, 3))[1]
    assert len(ticks(draw(plot_loss_by_position(model, "mw wm" * 200, ax=wide)))) > 2 * shown


def test_word_labels_are_vertical(draw: Draw) -> None:
    words = ["sandwich", "see", "many"]
    model = ElmanCharModel(Vocab(words), hidden_size=3)
    ax = draw(plot_loss_by_position(model, words * 30))
    assert ticks(ax)[:2] == ["see", "many"]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90}


def test_unscored_positions_leave_a_gap(draw: Draw) -> None:
    task = get_task("parity")
    batch = task.sample(1, length=100)
    ax = draw(plot_loss_by_position(ElmanCharModel(task.vocab), batch, task=task))
    assert ticks(ax)[-2:] == ["·", task.vocab.decode(batch.targets[0, -1:])]
    *unscored, answer = curves(ax)[0].get_ydata()
    assert np.isnan(unscored).all()
    assert answer > 0
    assert ax.get_xlabel().endswith("to 101 of 101)")
    assert levels(ax)[:2] == [math.log(3), float(task.memoryless)]
    assert curves(ax)[1].get_ydata()[-1] == 0.0


def test_surprise_of_the_task_is_drawn_at_each_position(draw: Draw) -> None:
    task = get_task("reber")
    batch, model = Batch.from_texts(["BPVVE", "BTSXSE"], task.vocab), ElmanCharModel(task.vocab)
    ax = draw(plot_loss_by_position(model, batch, task=task))
    _, optimum = curves(ax)
    assert optimum.get_label() == labels(ax)[-1] == "optimum"
    # Each state has two equally likely symbols, or only E.
    expected = [math.log(2)] * 3 + [math.log(2) / 2, 0.0]
    assert optimum.get_ydata() == pytest.approx(expected)
    training, _ = task.held_out(0.3)
    part = training.sample(4)
    unknown = plot_loss_by_position(model, part, task=training)
    assert f"optimum {training.optimal_loss(part):.4f}" in labels(unknown)


def test_sequences_are_averaged_where_scored(draw: Draw) -> None:
    model = ElmanCharModel(VOCAB, seed=1)
    ax = draw(plot_loss_by_position(model, Batch.from_texts(["hello", "hi", "he"], VOCAB)))
    singles = [plot_loss_by_position(model, text) for text in ("hello", "hi", "he")]
    alone = [curves(single)[0].get_ydata() for single in singles]
    first = np.mean([losses[0] for losses in alone])
    assert curves(ax)[0].get_ydata() == pytest.approx([first, *alone[0][1:]])
    assert ax.get_xlabel() == "position (mean of 3 sequences)"
    assert ticks(ax)[1] == "1"


def test_counts_weight_the_average(draw: Draw) -> None:
    model = ElmanCharModel(VOCAB, seed=1)
    batch = Batch.from_texts(["hello", "hi", "hello"], VOCAB)
    repeated, counted = (plot_loss_by_position(model, each) for each in (batch, batch.distinct()))
    assert curves(counted)[0].get_ydata() == pytest.approx(curves(repeated)[0].get_ydata())
    assert counted.get_xlabel() == repeated.get_xlabel() == "position (mean of 3 sequences)"
    three = Batch(batch.inputs[:1], batch.targets[:1], counts=torch.tensor([3]))
    assert ticks(draw(plot_loss_by_position(model, three))) == list("ello")


def test_any_model_works_with_a_given_vocabulary(draw: Draw, assert_error: Any) -> None:
    certain = nn.Embedding.from_pretrained(torch.tensor([[-math.inf, 0.0], [0.0, 0.0]]))
    ax = draw(plot_loss_by_position(certain, "aabb", vocab=Vocab("ab")))
    assert curves(ax)[0].get_ydata() == pytest.approx([math.inf, 0.0, math.log(2)])
    assert_error(
        lambda: plot_loss_by_position(certain, "ab"),
        OptionError,
        "expected a vocabulary, because Embedding has none; pass vocab=…",
    )


# --- the accuracy by length


def score(accuracy: float, error: float = 0.0) -> Score:
    estimate, loss = Estimate(accuracy, error), Estimate(0.1)
    return Score(100, loss, 0.0, loss, estimate, estimate)


def report(**accuracies: float) -> Report:
    scores = {
        name.replace("_", " "): score(accuracy, 0.05) for name, accuracy in accuracies.items()
    }
    return Report("parity", scores, 1.1, Estimate(0.7), Estimate(0.5), (3, 40))


def test_accuracies_are_placed_at_their_lengths(draw: Draw) -> None:
    measured = report(seen=1.0, unseen=0.9, length_100=0.7, length_50=0.8)
    ax = draw(plot_accuracy_by_length(measured))
    (seen,), (unseen, longer) = curves(ax), points(ax)
    assert seen.get_xydata().tolist() == [[2.5, 1.0], [40.5, 1.0]]
    assert unseen.get_xydata().tolist() == [[21.5, 0.9]]
    assert longer.get_xydata().tolist() == [[50, 0.8], [100, 0.7]]
    bars = ax.collections[1].get_segments()
    assert bars[1] == pytest.approx(np.array([[100, 0.7 - 0.098], [100, 0.7 + 0.098]]), abs=1e-3)
    shaded = ax.patches[0]
    assert (shaded.get_x(), shaded.get_x() + shaded.get_width()) == (2.5, 40.5)
    assert levels(ax) == [0.5]
    assert labels(ax) == ["chance 50.0%", "parity 70.0%"]
    assert ax.get_xlabel() == "length (shaded: training; marker in it: unseen)"


def test_several_reports_have_names_and_colors(draw: Draw) -> None:
    reports = {"Elman": report(seen=1.0), "GRU 🦜": report(seen=0.9, length_50=0.4)}
    ax = draw(plot_accuracy_by_length(reports, trained=(1, 20)))
    assert labels(ax) == ["chance 50.0%", "Elman 100.0%", "GRU U+1F99C 40.0%"]
    assert [text.get_color() for text in ax.texts[1:]] == [TEAL, VERMILLION]
    assert ax.patches[0].get_x() + ax.patches[0].get_width() == 20.5
    assert ax.get_xlabel() == "length (shaded: training)"


def test_replicas_are_a_median_with_bands(draw: Draw) -> None:
    task = get_task("parity")
    reports = evaluate(ElmanEnsemble(task.vocab, range(3)), task, count=40, longer=[50])
    ax = draw(plot_accuracy_by_length(reports))
    assert curves(ax)[0].get_ydata()[0] == np.median([each.seen.accuracy for each in reports])
    middle = np.median([each.longer[50].accuracy for each in reports])
    assert labels(ax) == ["chance 50.0%", f"median {middle:.1%}"]
    assert ax.get_xlabel() == "length (shaded: training; bands: middle 50% and 90%)"
    assert reports[0].lengths == task.lengths
    assert Report.from_json(reports[0].to_json()).lengths == task.lengths


def test_equal_accuracies_do_not_hide_each_other(draw: Draw) -> None:
    """A memoriser and a learner are both perfect on what they have seen."""
    memoriser, learner = report(seen=1.0, unseen=0.1), report(seen=1.0, unseen=1.0)
    ax = draw(plot_accuracy_by_length({"memoriser": memoriser, "learner": learner}))
    first, second = curves(ax)
    assert list(first.get_ydata()) == list(second.get_ydata()) == [1.0, 1.0]
    heights = [line.get_window_extent().y0 for line in (first, second)]  # with half of the width
    width = first.get_linewidth() * ax.get_figure(root=True).dpi / 72
    assert abs(heights[1] - heights[0]) >= width
    one, other = points(ax)
    assert one.get_xdata()[0] < other.get_xdata()[0]  # unseen ones are side by side
    assert one.get_marker() != other.get_marker()


def test_only_lengths_of_all_reports_are_drawn(draw: Draw) -> None:
    reports = [report(seen=1.0, length_50=0.5, length_60=0.6), report(seen=0.5, length_60=0.8)]
    ax = draw(plot_accuracy_by_length({"both": [*reports, report(seen=0.9, length_60=0.7)]}))
    assert points(ax)[0].get_xydata().tolist() == [[60, 0.7]]
    assert labels(ax)[-1] == "both 70.0%"
    bar = ax.collections[-1].get_segments()[0]
    assert bar == pytest.approx(np.array([[60, 0.6], [60, 0.8]]))  # nearest of three


def by_gap(low: list[int], accuracy: list[float], name: str = "gap") -> Report:
    high = [low[0], *(2 * n - 1 for n in low[1:])]
    shares, losses = [Estimate(each, 0.05) for each in accuracy], [Estimate(0.1)] * len(low)
    table = ByLabel(name, low, high, [9] * len(low), losses, shares)
    measured = {"seen": score(1.0), "unseen": replace(score(0.5), by_label=table)}
    return Report("hop", measured, 1.1, Estimate(0.7), Estimate(0.25), (9, 9))


def test_accuracies_are_placed_at_the_rows_of_their_label(draw: Draw) -> None:
    ax = draw(plot_accuracy_by_label(by_gap([1, 2, 4], [1.0, 0.8, 0.6])))
    (shown,) = points(ax)
    assert shown.get_xydata().tolist() == [[0, 1.0], [1, 0.8], [2, 0.6]]
    assert ticks(ax) == ["1", "2 to 3", "4 to 7"]
    assert levels(ax) == [0.25]
    assert labels(ax) == ["chance 25.0%", "hop 60.0%"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gap", "accuracy")
    seeds = [by_gap([1, 2, 4], [1.0, 0.6, share]) for share in (0.1, 0.2, 0.5)]
    ax = draw(plot_accuracy_by_label({"GRU": seeds, "one": by_gap([2, 4, 8], [0.9, 0.7, 0.5])}))
    assert ticks(ax) == ["4 to 7"]
    assert labels(ax) == ["chance 25.0%", "GRU 20.0%", "one 70.0%"]
    assert ax.get_xlabel() == "gap (bands: middle 50%)"


def test_reports_without_a_common_label_raise(assert_error: Any) -> None:
    one, other, far = (by_gap([n], [0.5], name) for n, name in ((1, "gap"), (1, "a"), (8, "gap")))
    wanted = "expected reports by the same label with a row in common, got results by"
    assert_error(lambda: plot_accuracy_by_label([one, other]), DataError, f"{wanted} 'gap', 'a'")
    assert_error(lambda: plot_accuracy_by_label([one, far]), DataError, f"{wanted} 'gap'")
    assert_error(
        lambda: plot_accuracy_by_label(one, kind="seen"),
        DataError,
        "expected results by label, got a report of hop without; pass by=… to evaluate",
    )
    assert_error(
        lambda: plot_accuracy_by_label(one, kind="long"),
        OptionError,
        "expected kind to be in report.scores ('seen', 'unseen'), got 'long'",
    )


def test_no_reports_raise(assert_error: Any) -> None:
    message = "expected at least one report, got none"
    assert_error(lambda: plot_accuracy_by_length({}), DataError, message)
    assert_error(lambda: plot_accuracy_by_length([]), DataError, message)


# --- solve rates over a grid

GRID = ("learning rate", [0.01, 0.05]), ("epochs", [50, 100, 200])


def test_rates_label_and_shade_their_cells(draw: Draw) -> None:
    rates: list[list[Proportion | float]] = [
        [Proportion(0, 8), Proportion(2, 8), math.nan],
        [Proportion(4, 8), Proportion(7, 8), Proportion(8, 8)],
    ]
    ax = draw(plot_solve_rate(rates, *GRID, mark=(0.05, 100)))
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(1, 1): "0%", (2, 1): "25%", (1, 2): "50%", (2, 2): "88%", (3, 2): "100%"}
    *cells, frame = ax.patches
    opacities = [cell.get_facecolor()[3] for cell in cells]
    assert opacities == pytest.approx([0, 2 / 8, 4 / 8, 7 / 8, 1], abs=0.01)
    assert {to_hex(cell.get_facecolor()) for cell in cells} == {TEAL}
    assert [cell.get_xy() for cell in cells] == [(x - 0.5, y - 0.5) for x, y in written]
    assert (frame.get_xy(), to_hex(frame.get_edgecolor())) == ((1.5, 1.5), "#000000")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.01", "0.05"]
    assert ticks(ax) == ["50", "100", "200"]
    assert ax.get_ylabel().split() == ["learning", "rate"]
    assert ax.get_xlabel() == "epochs (cells: solved, of 8 seeds)"
    assert not any(ax.get_title(side) for side in ("left", "center", "right"))
    assert ax.yaxis.get_inverted()


def test_rates_with_unequal_or_unknown_trials_show_no_count() -> None:
    one = ("lr", [0.1])
    rows: list[list[Proportion | float]] = [[Proportion(1, 2), Proportion(1, 3)], [0.5, 0.25]]
    for row in rows:
        ax = plot_solve_rate([row], one, ("layers", [1, 2]))
        assert ax.get_xlabel().split() == ["layers", "(cells:", "solved)"]
        assert len(ax.patches) == 2


def test_mismatched_grid_raises(assert_error: Any) -> None:
    assert_error(
        lambda: plot_solve_rate([[0.5]], *GRID),
        DataError,
        "expected 2 rows of 3 rates, got rows of [1]",
    )
    assert_error(
        lambda: plot_solve_rate([], ("lr", []), ("epochs", [])),
        DataError,
        "expected 0 rows of 0 rates, got rows of []",
    )
    assert_error(
        lambda: plot_solve_rate([[0.5] * 3] * 2, *GRID, mark=(0.05, 1)),
        OptionError,
        "expected mark to use one of the values of 'epochs', [50, 100, 200], got 1",
    )


def test_reports_with_different_lengths_are_not_equal() -> None:
    original = report(seen=1.0)
    assert replace(original, lengths=(1, 2)) != original
