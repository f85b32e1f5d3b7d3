"""The loss over the epochs, for one network or as quantiles over many seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError
from seqtoys.plotting.labels import (
    Mark,
    draw_levels,
    label_levels,
    number,
    plain_log_ticks,
    printable,
    whole_ticks,
)
from seqtoys.plotting.style import TEAL, VERMILLION, Axes, new_axes
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.row import describe
from seqtoys.support.arguments import checked

LASTING = 5  # epochs for which a prediction must persist to be labeled
FAN = (0.05, 0.25, 0.75, 0.95)  # quantiles
HIGHEST = 3  # losses above this multiple of the uniform baseline are cut off
UNIT = "nats per scored symbol"

Losses: TypeAlias = npt.NDArray[np.float64]


@checked
def plot_loss(
    history: History | EnsembleHistory,
    *,
    log: bool = False,
    answers: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss over the epochs, with its baselines.

    For an ensemble, plots the median over the seeds, a dark band with the middle 50% of them, and
    a light band with the middle 90%.

    Args:
        history: The result of `fit`.
        log: Whether to use a logarithmic loss axis.
        answers: Whether to label the curve of a single network with each prediction where it first
            appears, if it persists for at least five epochs.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; the loss is in nats per scored symbol.

    Raises:
        InputTypeError: If an argument has the wrong type.
        DataError: If the history has no epochs.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> ax = plot_loss(fit(model, "hihello", epochs=100, lr=0.05))
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('epoch', 'loss (nats per scored symbol)')
    """
    if not history.optimum:
        raise DataError("cannot plot an empty history: it has no epochs")
    ax = new_axes(ax)
    ax.set_yscale("log" if log else "linear")
    levels = baseline_marks(history.baselines, history.loss_floor)
    curves, bands = _curves(history), _bands(history)
    top = _frame(ax, levels, [*curves.values(), *bands])
    ends = _draw_lines(ax, curves)
    if isinstance(history, EnsembleHistory):
        _fill(ax, bands, top)
        _head(ax, history)
    elif answers:
        _write_answers(ax, history)
    draw_levels(ax, levels)
    label_levels(ax, [*levels, *ends])
    return ax


def baseline_marks(baselines: Baselines, floor: float = 0.0) -> list[Mark]:
    """Return the labeled levels of the baselines.

    Args:
        baselines: The losses that counting alone can reach.
        floor: The lowest loss that the model's readout can reach, or 0 if there is no bound.
    """
    named = {
        "uniform": baselines.uniform,
        "memoryless": baselines.memoryless,
        "optimum": baselines.full_past,
    }
    named |= baselines.references
    named |= {"tanh floor": floor} if floor else {}
    return [Mark(level, f"{name} {number(level)}") for name, level in named.items()]


def _curves(history: History | EnsembleHistory) -> dict[str, Losses]:
    """Return the losses to plot as lines, by name; for an ensemble, the medians."""
    if isinstance(history, History):
        name, loss, held_out = "model", history.loss, history.validation_loss
    else:
        name, loss = "median", history.quantiles(0.5)[0].tolist()
        known = history.validation_loss.nan_to_num(nan=np.inf, posinf=np.inf)
        held_out = known.median(1).values.tolist()  # (epochs, replicas) -> (epochs,)
    curves = {name: np.array(loss)}
    return {**curves, "held-out": np.array(held_out)} if held_out else curves


def _bands(history: History | EnsembleHistory) -> list[Losses]:
    """Return the quantiles of an ensemble in ascending order; empty for one network."""
    return [] if isinstance(history, History) else list(history.quantiles(*FAN).numpy())


def _frame(ax: Axes, levels: Sequence[Mark], losses: Sequence[Losses]) -> float:
    """Set the limits and labels of the axes; return the upper limit of the loss."""
    values = np.concatenate([*losses, [mark.level for mark in levels]])
    finite = values[np.isfinite(values)]
    ceiling = HIGHEST * levels[0].level or 1.0  # the first is the uniform baseline
    top, label = min(1.05 * finite.max(), ceiling) or 1.0, f"loss ({UNIT})"
    ax.set_ylabel(label + f", cut off at {top:.2g}" * bool(values.max() > ceiling))
    ax.set_xlabel("epoch")
    ax.set_xlim(0, max(len(losses[0]), 2))
    whole_ticks(ax.xaxis)
    if ax.get_yscale() == "linear":
        ax.set_ylim(-0.04 * top, top)
    else:
        bottom = 0.8 * min(finite[finite > 0], default=top / 10)
        ax.set_ylim(bottom, top)
        plain_log_ticks(ax.yaxis, decades=math.log10(top / bottom))
    return float(top)


def _draw_lines(ax: Axes, curves: dict[str, Losses]) -> list[Mark]:
    marks = []
    for (name, losses), colour in zip(curves.items(), (TEAL, VERMILLION), strict=False):
        lone = "o" if len(losses) == 1 else None  # a single point needs a marker
        ax.plot(range(1, len(losses) + 1), losses, color=colour, linewidth=2, marker=lone)
        marks.append(Mark(float(losses[-1]), f"{name} {number(losses[-1])}", colour))
    return marks


def _fill(ax: Axes, bands: Sequence[Losses], top: float) -> None:
    epochs = range(1, len(bands[0]) + 1)
    # Values beyond the axes may be infinite, which fill_between can't draw.
    lowest, low, high, highest = (np.minimum(band, 2 * top) for band in bands)
    ax.fill_between(epochs, lowest, highest, color=TEAL, alpha=0.25, linewidth=0)
    ax.fill_between(epochs, low, high, color=TEAL, alpha=0.4, linewidth=0)


def _head(ax: Axes, history: EnsembleHistory) -> None:
    lost = history.stopped.count("diverged")
    title = f"{len(history):,} seeds, {history.solve_rate.value:.1%} solved"
    ax.set_title(title + f", {lost:,} diverged" * bool(lost), fontsize="medium", loc="left")


def _write_answers(ax: Axes, history: History) -> None:
    """Label each persistent prediction at its first epoch."""
    for prediction, rows in groupby(history.rows, key=lambda row: row.prediction):
        held = list(rows)
        if prediction is not None and len(held) >= LASTING:
            at = held[0].epoch, held[0].loss
            ax.plot(*at, "o", color=TEAL)
            ax.annotate(
                printable(describe(prediction)), at, xytext=(6, 5), textcoords="offset points",
                family="monospace",
            )  # fmt: skip
