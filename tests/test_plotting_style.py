"""What all figures have in common: labels, colors, pages, notebooks and missing packages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy.optimize import isotonic_regression

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, evaluate, fit, get_task, plotting
from seqtoys.errors import MissingPackageError
from seqtoys.inspection import mean_hidden_by_symbol
from seqtoys.plotting.labels import Mark, label_levels, printable, spread
from seqtoys.plotting.style import COLOURS
from seqtoys.results import (
    Baselines,
    CardRow,
    EnsembleHistory,
    Estimate,
    History,
    ScoreCard,
)
from seqtoys.support.notebook import html_figure

VOCAB = Vocab("hielo")
MODEL = ElmanCharModel(VOCAB, seed=777)
HISTORY = fit(MODEL, "hihello", epochs=3)
PARITY = get_task("parity")
REPORT = evaluate(ElmanCharModel(PARITY.vocab), PARITY, count=40, longer=[50])
DYCK = get_task("dyck")
BY_DEPTH = evaluate(ElmanCharModel(DYCK.vocab), DYCK, count=40, longer=[], by="depth")
Draw = Callable[[Axes], Any]

ADDING = CardRow("add", "quick", 0, score=Estimate(97.0), longer=Estimate(-12.0))
CARD = ScoreCard("GRU", "quick", ["add"], [0], [ADDING])

FIGURES: dict[str, Callable[..., Axes]] = {
    "plot_accuracy_by_label": lambda **ax: plotting.plot_accuracy_by_label(BY_DEPTH, **ax),
    "plot_accuracy_by_length": lambda **ax: plotting.plot_accuracy_by_length(REPORT, **ax),
    "plot_automaton": lambda **ax: plotting.plot_automaton(get_task("reber"), **ax),
    "plot_dendrogram": lambda **ax: plotting.plot_dendrogram(
        mean_hidden_by_symbol(MODEL, Batch.from_texts(["hihello"], VOCAB)), **ax
    ),
    "plot_gradient_reach": lambda **ax: plotting.plot_gradient_reach(MODEL, "hihello", **ax),
    "plot_hidden": lambda **ax: plotting.plot_hidden(MODEL.trace("hihell"), **ax),
    "plot_loss": lambda **ax: plotting.plot_loss(HISTORY, **ax),
    "plot_loss_by_position": lambda **ax: plotting.plot_loss_by_position(MODEL, "hihello", **ax),
    "plot_one_hot": lambda **ax: plotting.plot_one_hot(VOCAB, "hihell", **ax),
    "plot_probabilities": lambda **ax: plotting.plot_probabilities(MODEL.trace("hihell"), **ax),
    "plot_scorecard": lambda **ax: plotting.plot_scorecard(CARD, **ax),
    "plot_solve_rate": lambda **ax: plotting.plot_solve_rate(
        [[0.25, 0.5]], ("lr", [0.1]), ("epochs", [50, 100]), **ax
    ),
    "plot_trajectory": lambda **ax: plotting.plot_trajectory(MODEL.trace("hihell"), **ax),
}


def linear(colour: str) -> list[float]:
    """Convert an sRGB color to linear red, green and blue."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def luminance(colour: str) -> float:
    """Return the relative luminance of a color (WCAG 2)."""
    return float(np.dot([0.2126, 0.7152, 0.0722], linear(colour)))


def contrast(one: str, other: str) -> float:
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#1e2129", "#000000"])
def test_colors_have_contrast_on_any_page(page: str) -> None:
    for colour in COLOURS:
        assert contrast(colour, page) >= 3  # WCAG 2 for graphics


def test_colors_have_contrast_as_text_and_under_text() -> None:
    for colour in COLOURS:
        assert contrast(colour, "#ffffff") >= 4.5  # WCAG 2 for text
    assert min(contrast(COLOURS[0], text) for text in ("#000000", "#ffffff")) >= 4.5


# Linear RGB as seen with three kinds of color blindness (Machado et al., 2009).
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


def perceived(colour: str, blindness: Any) -> np.ndarray:
    """Convert a color to CIELAB, where distances match perceived differences."""
    seen = np.clip(np.array(blindness) @ linear(colour), 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.array(to_xyz) @ seen / [0.9505, 1, 1.089]
    f = [np.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", [np.eye(3), *BLINDNESS.values()], ids=["none", *BLINDNESS])
def test_colors_are_distinguishable_with_color_blindness(blindness: Any) -> None:
    for one, other in combinations(COLOURS, 2):
        assert np.linalg.norm(perceived(one, blindness) - perceived(other, blindness)) > 20


def test_black_and_white_text_is_legible_on_a_full_cell() -> None:
    assert contrast(COLOURS[0], "#000000") >= 4.2
    assert contrast(COLOURS[0], "#ffffff") >= 4.2


# --- every figure


def test_every_figure_is_public() -> None:
    assert [*FIGURES, "to_svg"] == plotting.__all__


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_uses_given_axes(figure: Callable[..., Axes], draw: Draw) -> None:
    given = plt.subplots(figsize=(9, 6), layout="constrained")[1]
    assert draw(figure(ax=given)) is given
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_legible_in_a_dark_style(figure: Callable[..., Axes]) -> None:
    with plt.style.context("dark_background"):
        ax: Any = figure()
    ax.get_figure(root=True).canvas.draw()
    inks = {to_hex(text.get_color()) for text in ax.findobj(Text) if text.get_text()}
    assert inks <= {"#ffffff", *COLOURS}
    lines = {to_hex(line.get_color()) for line in ax.lines}
    assert lines <= {"#ffffff", *COLOURS}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_converts_to_inline_svg(figure: Callable[..., Axes]) -> None:
    ax = figure()
    svg = plotting.to_svg(ax)
    assert svg == plotting.to_svg(figure())  # equal figures give equal SVG
    root = ElementTree.fromstring(svg)
    assert root.get("fill") == "currentColor"
    assert "#000000" not in svg
    assert "<style" not in svg
    names = [name for part in root.iter() if (name := part.get("id"))]
    assert len(names) == len(set(names))
    shown = "".join(root.itertext())
    assert ax.get_xlabel() in shown


def test_light_ink_takes_the_page_color() -> None:
    with rc_context({"text.color": "#fafafa", "axes.edgecolor": "#fafafa"}):
        svg = plotting.to_svg(FIGURES["plot_loss"]())
    assert "#fafafa" not in svg


# --- labels

places = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@given(places, st.floats(0.1, 20))
def test_labels_move_apart_as_little_as_possible(wanted: list[float], gap: float) -> None:
    moved = spread(wanted, gap)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    sorted_moved = [moved[i] for i in order]
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(sorted_moved))
    shifted = [wanted[i] - rank * gap for rank, i in enumerate(order)]
    best = isotonic_regression(shifted).x
    assert sorted_moved == pytest.approx([x + rank * gap for rank, x in enumerate(best)], abs=1e-6)


def test_many_labels_at_one_level_do_not_overlap(draw: Draw) -> None:
    ax = plt.subplots(layout="constrained")[1]
    label_levels(ax, [Mark(0.5, f"number {i}") for i in range(8)] + [Mark(2.0, "far")])
    assert draw(ax).texts[-1].get_text() == "far ↑"


def test_second_font_provides_missing_glyphs() -> None:
    assert printable("hé🦜") == "héU+1F99C"
    missing = "\u0b85"  # a Tamil letter
    assert printable(missing) == "U+0B85"
    with rc_context({"font.family": ["DejaVu Sans", "STIXGeneral"]}):
        assert printable("\u2a00") == "\u2a00"  # only in the second font


# --- notebooks


@pytest.mark.parametrize(
    "result",
    [
        HISTORY,
        fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", epochs=2),
        REPORT,
        MODEL.trace("hihell"),
    ],
    ids=lambda result: type(result).__name__,
)
def test_notebooks_show_a_figure_and_a_table(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = result._repr_html_()
    assert shown.startswith("<div><svg ")
    assert "</svg></div><table>" in shown.replace("\n", "")
    assert not plt.get_fignums()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert result._repr_html_().startswith("<table>")


@pytest.mark.parametrize("empty", [History, lambda b: EnsembleHistory([1], b)])
def test_history_without_epochs_shows_only_a_table(empty: Any) -> None:
    assert empty(Baselines(1.0, 0.5, 0.0))._repr_html_().startswith("<table>")


def test_dark_style_notebook_takes_the_page_colors() -> None:
    with plt.style.context("dark_background"):
        shown = HISTORY._repr_html_()
    assert "#ffffff" not in shown
    assert shown == HISTORY._repr_html_()


def test_notebook_still_shows_figures_after_a_result(tmp_path: Path) -> None:
    """The backend enables interactive mode when it is loaded, like that of notebooks."""
    backend = "import matplotlib\nfrom matplotlib.backends.backend_agg import FigureCanvas\n"
    (tmp_path / "inline.py").write_text(f"{backend}matplotlib.interactive(True)\n")
    code = (
        "import matplotlib; from seqtoys import ElmanCharModel, Vocab;"
        "shown = ElmanCharModel(Vocab('hielo')).trace('hihell')._repr_html_();"
        "print('<svg' in shown, matplotlib.is_interactive())"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    env = {**os.environ, "MPLBACKEND": "module://inline", "PYTHONPATH": path}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)
    assert run.stdout.split() == [b"True", b"True"]


def test_value_without_a_figure_gives_no_html() -> None:
    assert html_figure("hihello") == ""


# --- packages


def test_missing_package_raises(assert_error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    message = 'this figure requires {}; install it with pip install "seqtoys[plot]"'
    monkeypatch.setitem(sys.modules, "scipy.cluster.hierarchy", None)
    assert_error(FIGURES["plot_dendrogram"], MissingPackageError, message.format("scipy"))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert_error(FIGURES["plot_loss"], MissingPackageError, message.format("matplotlib"))
