"""In any size of figure and font, no text is cut or overlaps another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.axes import Axes

from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, evaluate, fit, get_task, plotting

VOCAB = Vocab("hielo")
WORDS = Vocab(["monster", "dragon", "sandwich", "see", "eat", "."])
MODEL = ElmanCharModel(VOCAB, seed=777)
SPEAKER = ElmanCharModel(WORDS, hidden_size=12, seed=1)
SPOKEN = ["monster", "see", "sandwich", ".", "dragon", "eat", "monster", "."] * 6
HISTORY = fit(MODEL, ["hihello", "hello", "hill"], epochs=12, validation=0.3)
SEEDS = fit(ElmanEnsemble(VOCAB, range(9)), "hihello", epochs=12)
REPORT = evaluate(MODEL, get_task("hihello"))
REPORTS = {"Elman": REPORT, "Elman, orthogonal": REPORT}
MQAR = get_task("mqar")
BY_GAP = evaluate(ElmanCharModel(MQAR.vocab), MQAR, by="gap", count=99, longer=[])
GRID = ("learning rate", [0.01, 0.05]), ("epochs", [50, 100])
Draw = Callable[[Axes], Any]

FIGURES: dict[str, Callable[..., Axes]] = {
    "loss": lambda **ax: plotting.plot_loss(HISTORY, **ax),
    "seeds": lambda **ax: plotting.plot_loss(SEEDS, log=True, **ax),
    "losses": lambda **ax: plotting.plot_loss({"tanh": SEEDS, "relu": [HISTORY] * 3}, **ax),
    "position": lambda **ax: plotting.plot_loss_by_position(SPEAKER, SPOKEN, **ax),
    "probabilities": lambda **ax: plotting.plot_probabilities(SPEAKER.trace(SPOKEN), **ax),
    "hidden": lambda **ax: plotting.plot_hidden(MODEL.trace("hihell"), **ax),
    "trajectory": lambda **ax: plotting.plot_trajectory(SPEAKER.trace(SPOKEN[:5]), **ax),
    "accuracy": lambda **ax: plotting.plot_accuracy_by_length(REPORTS, **ax),
    "gap": lambda **ax: plotting.plot_accuracy_by_label(BY_GAP, **ax),
    "rates": lambda **ax: plotting.plot_solve_rate([[0.1, 0.5], [1.0, 0.2]], *GRID, **ax),
    "tree": lambda **ax: plotting.plot_dendrogram({w: [len(w), ord(w[0])] for w in WORDS}, **ax),
    "one-hot": lambda **ax: plotting.plot_one_hot(WORDS, SPOKEN, **ax),
    "reach": lambda **ax: plotting.plot_gradient_reach({"a": MODEL, "b": MODEL}, "hihello", **ax),
}
PAPER = (3.3, 2.5)  # inches: a column


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize(("points", "size"), [(20, None), (8, PAPER)])
def test_no_text_is_cut_or_overlaps(
    figure: Callable[..., Axes], points: int, size: Any, draw: Draw
) -> None:
    style = {"font.size": points} | ({"figure.figsize": size} if size else {})
    with rc_context(style):
        ax: Any = figure()
        ax.set_title("my title")
        draw(ax)
    if size:
        assert tuple(ax.get_figure(root=True).get_size_inches()) == size


def test_axes_of_one_figure_make_room_for_each_other(draw: Draw) -> None:
    with rc_context({"font.size": 14}):
        axes = plt.subplots(2, 2, figsize=(12, 9))[1]  # without a layout engine
        for ax, name in zip(axes.flat, ("seeds", "hidden", "accuracy", "loss"), strict=True):
            FIGURES[name](ax=ax).set_title(name)
        draw(axes[0, 0])
    boxes = [ax.get_tightbbox() for ax in axes.flat]
    assert not any(a.padded(-1).overlaps(b) for a in boxes for b in boxes if a is not b)


def test_later_tight_layout_is_silent_and_own_layouts_are_kept(draw: Draw) -> None:
    figure, ax = plt.subplots()
    draw(FIGURES["loss"](ax=ax))
    plt.tight_layout()
    figure, ax = plt.subplots(layout="constrained")
    before = figure.get_layout_engine()
    FIGURES["loss"](ax=ax)
    assert figure.get_layout_engine() is before
    figure = plt.figure()
    ax = figure.add_axes((0.1, 0.1, 0.3, 0.8))  # placed by hand
    FIGURES["loss"](ax=ax)
    figure.canvas.draw()
    assert ax.get_position().bounds == pytest.approx((0.1, 0.1, 0.3, 0.8))


def test_tree_that_does_not_fit_is_taller_than_the_style() -> None:
    with rc_context({"figure.figsize": PAPER}):
        ax: Any = plotting.plot_dendrogram({str(i): [float(i)] for i in range(50)})
    figure = ax.get_figure(root=True)
    assert figure.get_figwidth() == PAPER[0]
    assert figure.get_figheight() > 5


def test_subfigures_and_long_names_have_room(draw: Draw) -> None:
    figure: Any = plt.figure(figsize=(14, 5))
    for part, name in zip(figure.subfigures(1, 2), ("loss", "hidden"), strict=True):
        ax = part.subplots()
        FIGURES[name](ax=ax)
    draw(ax)
    name = "hidden_size=32, nonlinearity=relu, recurrent_init=orthogonal"
    long = draw(plotting.plot_loss({name: SEEDS, "other": SEEDS}))
    assert max(map(len, long.texts[-2].get_text().split("\n"))) <= 31
    assert long.get_window_extent().width > 200


def test_labels_stay_apart_when_the_figure_is_resized(draw: Draw) -> None:
    levels = replace(HISTORY.baselines, memoryless=0.01, full_past=0.0)
    ax: Any = plotting.plot_loss(replace(HISTORY, baselines=levels))
    for size in ((5.0, 3.0), (12.0, 9.0)):
        ax.get_figure(root=True).set_size_inches(size)
        draw(ax)


def test_gray_lines_differ_in_dashes_or_markers() -> None:
    ax: Any = plotting.plot_loss({str(i): HISTORY for i in range(5)})
    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    shapes = {(str(line._dash_pattern), line.get_marker()) for line in lines}
    assert len(lines) == len(shapes) == 10  # in training and held-out
    assert len({line.get_marker() for line in lines}) > 3
    assert np.unique([line.get_linewidth() for line in lines]).tolist() == [2]


def test_sizes_of_ticks_and_legends_count_too(draw: Draw) -> None:
    """Many styles set these sizes, but not that of the font."""
    sizes: Any = {f"{name}.labelsize": 15 for name in ("xtick", "ytick", "axes")}
    with rc_context({**sizes, "legend.fontsize": 15, "axes.grid": True}):
        for name in ("loss", "position", "probabilities", "rates", "one-hot", "trajectory"):
            ax = draw(FIGURES[name]())
            assert {text.get_fontsize() for text in ax.texts} <= {15}


def test_text_shrinks_in_axes_that_are_too_small() -> None:
    lr, epochs = [10.0**-i for i in range(9)], range(100_000, 112_000, 1000)
    rates = [[1.0] * len(epochs)] * len(lr)
    with rc_context({"figure.figsize": PAPER, "font.size": 6}):
        ax: Any = plotting.plot_solve_rate(rates, ("lr", lr), ("epochs", epochs))
        tree: Any = plt.subplots()[1]
        plotting.plot_dendrogram({f"word {i}": [float(i)] for i in range(40)}, ax=tree)
    for texts in (
        [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()],
        tree.get_yticklabels(),
    ):
        texts[0].figure.canvas.draw()
        boxes = [text.get_window_extent().padded(-0.5) for text in texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
