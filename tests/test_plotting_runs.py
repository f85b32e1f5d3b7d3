"""Several runs in one figure: by name, of several seeds, and of own modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from torch import nn

from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.errors import DataError
from seqtoys.plotting import plot_loss, plot_loss_by_position, plot_trajectory
from seqtoys.plotting.style import COLOURS
from seqtoys.results import Baselines, History

VOCAB = Vocab("hielo")
BASELINES = Baselines(uniform=1.6, memoryless=0.5, full_past=0.0)
Draw = Callable[[Axes], Any]


def history(*losses: float, **columns: Any) -> History:
    numbers = {"accuracy": 0.5, "lr": 0.1, "optimum": 0.0}
    same: dict[str, Any] = {name: [number] * len(losses) for name, number in numbers.items()}
    return History(BASELINES, loss=list(losses), **same, **columns)


def curves(ax: Axes) -> dict[str, list[float]]:
    lines: Any = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    return {line.get_label(): line.get_ydata().tolist() for line in lines}


def band(ax: Axes, index: int, x: float) -> tuple[float, float]:
    points: Any = ax.collections[index].get_paths()[0].vertices
    heights = points[points[:, 0] == x, 1]
    return float(heights.min()), float(heights.max())


def test_histories_are_compared_by_name(draw: Draw) -> None:
    ax = draw(plot_loss({"tanh": history(1.5, 1.0), "relu": history(1.6, 0.9, 0.4)}))
    assert curves(ax) == {"tanh": [1.5, 1.0], "relu": [1.6, 0.9, 0.4]}
    assert [line.get_color() for line in ax.lines[:2]] == list(COLOURS[:2])
    written = [text.get_text() for text in ax.texts]
    assert written == [
        "uniform 1.6000", "memoryless 0.5000", "optimum 0", "tanh 1.0000", "relu 0.4000",
    ]  # fmt: skip
    names = [text.get_text() for text in ax.legend().get_texts()]  # a legend needs no more
    assert names == ["tanh", "relu"]


def test_list_is_a_median_with_bands_and_ended_runs_keep_their_last_loss(draw: Draw) -> None:
    runs = [history(1.0 + i / 100, *[0.5 + i / 100] * (i > 0)) for i in range(21)]
    ax = draw(plot_loss(runs))
    assert curves(ax)["median"] == pytest.approx([1.1, 0.61])  # the first run ended at 1.0
    assert band(ax, 0, 1) == pytest.approx((1.01, 1.19))
    assert band(ax, 1, 1) == pytest.approx((1.05, 1.15))
    assert band(ax, 1, 2) == pytest.approx((0.56, 0.66))
    assert ax.get_xlabel() == "epoch (bands: middle 50% and 90%)"


def test_names_have_only_the_inner_band_and_ensembles_equal_their_seeds(draw: Draw) -> None:
    made = fit(ElmanEnsemble(VOCAB, range(9)), "hihello", epochs=3)
    ax = draw(plot_loss({"at once": made, "one by one": [made[i] for i in range(9)]}))
    assert len(ax.collections) == 2
    assert ax.get_xlabel() == "epoch (bands: middle 50%)"
    together, alone = curves(ax).values()
    assert together == alone == pytest.approx(np.median(made.loss.numpy(), axis=1))
    assert band(ax, 0, 2) == pytest.approx(band(ax, 1, 2))


def test_held_out_loss_belongs_to_its_name(draw: Draw) -> None:
    held_out: dict[str, Any] = {"validation_loss": [1.7, 1.8], "validation_accuracy": [0.1, 0.2]}
    ax = draw(plot_loss({"small": history(1.5, 1.0, **held_out), "large": history(1.4, 0.8)}))
    assert list(curves(ax)) == ["small", "small held-out", "large"]
    assert curves(ax)["small held-out"] == [1.7, 1.8]


def test_different_baselines_are_all_drawn_once(draw: Draw) -> None:
    other = history(1.2, 1.1)
    other.baselines = Baselines(uniform=1.6, memoryless=0.7, full_past=0.3)
    ax = draw(plot_loss({"a": history(1.5, 1.0), "b": other}))
    assert sorted(text.get_text() for text in ax.texts)[2:] == [
        "memoryless 0.5000", "memoryless 0.7000", "optimum 0", "optimum 0.3000", "uniform 1.6000",
    ]  # fmt: skip


def test_epoch_of_the_lowest_held_out_loss_is_marked(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(History, "best_epoch", 1, raising=False)
    held_out: dict[str, Any] = {"validation_loss": [1.2, 1.8], "validation_accuracy": [0.1, 0.2]}
    ax = draw(plot_loss(history(1.5, 1.0, **held_out)))
    (mark,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert mark.get_xydata().tolist() == [[1, 1.2]]
    assert ax.get_xlabel() == "epoch (diamond: lowest held-out loss, at 1)"
    assert list(curves(ax)) == ["model", "held-out"]


def test_models_are_compared_at_each_position(draw: Draw) -> None:
    ensemble = ElmanEnsemble(VOCAB, [1, 2, 3])
    own = nn.Embedding.from_pretrained(torch.eye(5))
    ax = draw(plot_loss_by_position({"seeds": ensemble, "own": own}, "hihello", vocab=VOCAB))
    singles = [curves(plot_loss_by_position(each, "hihello"))["model"] for each in ensemble]
    assert curves(ax)["seeds"] == pytest.approx(np.median(singles, axis=0), rel=1e-5)
    assert curves(ax)["own"] == curves(plot_loss_by_position(own, "hihello", vocab=VOCAB))["model"]
    assert [text.get_text() for text in ax.texts][-2:] == ["seeds", "own"]
    assert ax.get_xlabel() == "target symbol (bands: middle 50%)"
    assert "median" in curves(draw(plot_loss_by_position(ensemble, "hihello")))


def test_traces_differ_in_markers_as_well_as_colors() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=2)
    ax = plot_trajectory([model.trace(text) for text in ("hill", "hell", "hole")])
    dots: Any = [part for part in ax.collections if hasattr(part, "get_sizes")]
    shapes = {str(part.get_paths()[0].vertices) for part in dots[::2]}
    assert len(shapes) > 1


def test_no_runs_raise(assert_error: Any) -> None:
    nothing: list[Any] = [{}, [], {"tanh": []}]
    for none in nothing:
        message = "expected at least one history, got none"
        assert_error(lambda none=none: plot_loss(none), DataError, message)
    empty = History(BASELINES)
    message = "cannot plot an empty history: it has no epochs"
    assert_error(lambda: plot_loss({"a": history(1.0), "b": [empty]}), DataError, message)
