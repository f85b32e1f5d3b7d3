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

    from seqtoys import EnsembleHistory, History, Vocab

TEAL = "#26a69a"
RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
EPOCHS = [25, 50, 100, 200]
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


def fan_figure(histories: dict[str, EnsembleHistory]) -> str:
    """Draw the quantiles of the loss over many seeds, one panel for each training."""
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(histories), figsize=(9.2, 3.8), sharey=True)
    for axes, (name, history) in zip(panels, histories.items(), strict=True):
        epochs = range(1, len(history.rows) + 1)
        low, lower, middle, upper, high = history.quantiles(0.05, 0.25, 0.5, 0.75, 0.95).numpy()
        axes.fill_between(epochs, low, high, color=TEAL, alpha=0.25, linewidth=0)
        axes.fill_between(epochs, lower, upper, color=TEAL, alpha=0.5, linewidth=0)
        axes.plot(epochs, middle, color=TEAL, linewidth=2.5)
        marks = {"without memory": history.baselines.memoryless}
        marks["floor of tanh" if history.loss_floor else "optimum"] = history.loss_floor
        for mark, level in marks.items():
            above = mark == "without memory"
            axes.axhline(level, color="#000000", linewidth=1, linestyle="--", alpha=0.6)
            axes.annotate(
                f"{mark} {level:.4f}", (len(epochs), level), xytext=(0, 4 if above else -4),
                textcoords="offset points", ha="right", va="bottom" if above else "top",
            )  # fmt: skip
        axes.set(title=f"{name}: {history.solve_rate.value:.1%} solved", xlabel="epoch")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set(ylabel="loss (nats per symbol)", ylim=(-0.15, 1.9))
    return to_svg(figure)


def solve_rate_figure(vocab: Vocab, pair: tuple[str, str], seeds: int) -> str:
    """Draw the share of seeds that memorise a pair, by learning rate and epochs."""
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from seqtoys import ElmanEnsemble, fit

    figure, panels = plt.subplots(1, 2, figsize=(9.2, 4.2), sharey=True)
    titles = {"the state as logits": None, "a linear readout": 5}
    for axes, (title, hidden_size) in zip(panels, titles.items(), strict=True):
        ensembles = [ElmanEnsemble(vocab, range(seeds), hidden_size=hidden_size) for _ in RATES]
        trained = [
            fit(ensemble, pair, epochs=max(EPOCHS), lr=lr)
            for ensemble, lr in zip(ensembles, RATES, strict=True)
        ]
        solved = [
            [(history.accuracy[epochs - 1] == 1).double().mean().item() for epochs in EPOCHS]
            for history in trained
        ]
        axes.imshow(solved, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        for row, shares in enumerate(solved):
            for column, share in enumerate(shares):
                colour = "#111111" if share > 0.55 else "#eeeeee"
                axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour,
                          fontsize=10)  # fmt: skip
        corner = EPOCHS.index(100) - 0.5, RATES.index(0.05) - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#ff5252", linewidth=3))
        axes.set(title=title, xlabel="epochs")
        axes.set_xticks(range(len(EPOCHS)), EPOCHS)
        axes.set_yticks(range(len(RATES)), RATES)
    panels[0].set_ylabel("learning rate")
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
