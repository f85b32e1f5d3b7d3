"""Figures for the pages: drawn when the page is built, legible in light and dark."""

from __future__ import annotations

from io import StringIO
from itertools import groupby
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "seqtoys", "svg.fonttype": "none", "font.size": 12})

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seqtoys import History

TEAL = "#26a69a"
LASTING = 5  # epochs for which an answer must last to be marked


def loss_figure(history: History) -> str:
    """Draw the loss over the epochs among its baselines, with the answers that lasted."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.6, 4.2))
    axes.plot(range(1, len(history) + 1), history.loss, color=TEAL, linewidth=2.5)
    marks = [
        (history.baselines.uniform, "uniform"),
        (history.baselines.memoryless, "without memory"),
        (history.loss_floor, "floor of tanh"),
        (history.baselines.full_past, "with the full past"),
    ]
    for level, name in marks:
        above = name != "floor of tanh"
        axes.axhline(level, color="#000000", linewidth=1, linestyle="--", alpha=0.6)
        text = f"{name} {level:.4f}"
        offset = (0, 4) if above else (0, -4)
        axes.annotate(
            text, (len(history), level), xytext=offset, textcoords="offset points",
            ha="right", va="bottom" if above else "top",
        )  # fmt: skip
    for prediction, epochs in groupby(history.rows, key=lambda row: row.prediction):
        held = list(epochs)
        if len(held) >= LASTING:
            at = held[0].epoch, held[0].loss
            axes.plot(*at, "o", color=TEAL)
            axes.annotate(
                str(prediction), at, xytext=(7, 5), textcoords="offset points",
                family="monospace",
            )  # fmt: skip
    axes.set(xlabel="epoch", ylabel="loss (nats per symbol)", ylim=(-0.1, 1.85))
    axes.spines[["top", "right"]].set_visible(False)
    return to_svg(figure)


def to_svg(figure: Figure) -> str:
    """Write a figure as inline SVG that takes the colour of the text around it."""
    from matplotlib import pyplot as plt

    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    svg = svg.replace("<svg ", '<svg fill="currentColor" ', 1)
    return f'<div class="figure">{svg}</div>'
