"""The loss over the epochs, for one or more networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError
from seqtoys.plotting.labels import (
    Mark,
    draw_levels,
    label_levels,
    name_axes,
    noted,
    number,
    plain_log_ticks,
    printable,
    room_for,
    whole_ticks,
)
from seqtoys.plotting.runs import (
    Curve,
    Named,
    band_note,
    by_name,
    curve_ends,
    draw_curves,
    stacked,
)
from seqtoys.plotting.style import TEAL, Axes, ink, new_axes, settle, text_size
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.row import describe
from seqtoys.support.arguments import checked

LASTING = 5  # epochs for which a prediction must persist to be labeled
HIGHEST = 3  # losses above this multiple of the uniform baseline are cut off
UNIT = "nats per scored symbol"

Histories: TypeAlias = Named[History | EnsembleHistory]


@checked
def plot_loss(
    history: Histories,
    *,
    log: bool = False,
    answers: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss over the epochs, with its baselines.

    Compares several histories by name. For an ensemble, or a list of histories such as those of
    several seeds, plots the median, a dark band with the middle 50% of the runs, and a light band
    with the middle 90%; of several names, only the band of 50%. A run that ended early keeps its
    last loss. For a single network, a diamond marks the epoch with the lowest held-out loss.

    Args:
        history: The result of `fit`, a list of results, or either by name.
        log: Whether to use a logarithmic loss axis.
        answers: Whether to label the curve of a single network with each prediction where it first
            appears, if it persists for at least five epochs.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; the loss is in nats per scored symbol.

    Raises:
        InputTypeError: If an argument has the wrong type.
        DataError: If there is no history, or one has no epochs.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> models = {name: ElmanCharModel(Vocab("hielo"), nonlinearity=name)
        ...           for name in ("tanh", "relu")}
        >>> histories = {name: fit(model, "hihello", lr=0.05) for name, model in models.items()}
        >>> ax = plot_loss(histories)
        >>> [line.get_label() for line in ax.lines[:2]], ax.get_ylabel()
        (['tanh', 'relu'], 'loss (nats per scored symbol)')
    """
    groups = by_name(history, "history")
    every = [each for group in groups.values() for each in group]
    if not all(each.optimum for each in every):
        raise DataError("cannot plot an empty history: it has no epochs")
    marks = (mark for each in every for mark in baseline_marks(each.baselines, each.loss_floor))
    levels = list(dict.fromkeys(marks))
    curves = [curve for name, group in groups.items() for curve in _curves(name, group)]
    ax = new_axes(ax, height=room_for(len(levels) + len(curves)))
    ax.set_yscale("log" if log else "linear")
    label, notes = _frame(ax, levels, curves), _notes(every, curves)
    longest = max(curve.runs.shape[1] for curve in curves)
    draw_curves(ax, range(1, longest + 1), curves)
    if len(every) == 1 and isinstance(every[0], History):
        notes += _mark_best(ax, every[0])
        if answers:
            _write_answers(ax, every[0])
    draw_levels(ax, levels)
    last = [f"{curve.name} {number(curve.median[-1])}" for curve in curves]
    label_levels(ax, [*levels, *curve_ends(curves, last)])
    settle(ax)
    name_axes(ax, noted("epoch", notes), label)
    return ax


def baseline_marks(
    baselines: Baselines, floor: float = 0.0, *, with_optimum: bool = True
) -> list[Mark]:
    """Return the labeled levels of the baselines.

    Args:
        baselines: The losses that counting alone can reach.
        floor: The lowest loss that the model's readout can reach, or 0 if there is no bound.
        with_optimum: Whether to include the optimum.
    """
    named = {"uniform": baselines.uniform, "memoryless": baselines.memoryless}
    named |= {"optimum": baselines.full_past} if with_optimum else {}
    named |= baselines.references
    named |= {"tanh floor": floor} if floor else {}
    return [Mark(level, f"{name} {number(level)}") for name, level in named.items()]


def _curves(name: str, group: Sequence[History | EnsembleHistory]) -> list[Curve]:
    """Return the losses in training of histories with one name, and those on held-out data."""
    losses, held_out = list[list[float]](), list[list[float]]()
    for history in group:
        if isinstance(history, History):
            losses.append(history.loss)
            held_out.append(history.validation_loss)
        else:
            losses += history.loss.T.tolist()  # (epochs, replicas) -> replicas of (epochs,)
            held_out += history.validation_loss.T.tolist()
    usual = "median" if len(losses) > 1 else "model"
    curves = [Curve(name or usual, stacked(losses))]
    if any(measured := list(filter(None, held_out))):
        curves.append(Curve(f"{name} held-out".strip(), stacked(measured)))
    return curves


def _notes(every: Sequence[History | EnsembleHistory], curves: Sequence[Curve]) -> list[str]:
    """Describe the runs of a figure, if there are several."""
    notes = list[str]()
    if len(every) == 1 and isinstance(one := every[0], EnsembleHistory):
        notes = [f"{len(one):,} seeds, {one.solve_rate.value:.1%} solved"]
        if lost := one.stopped.count("diverged"):
            notes[0] += f", {lost:,} diverged"
    return notes + band_note([len(curve.runs) for curve in curves])


def _frame(ax: Axes, levels: Sequence[Mark], curves: Sequence[Curve]) -> str:
    """Set the limits of the axes; return the label of the y axis."""
    losses = [np.array([mark.level for mark in levels])]
    for curve in curves:
        losses += [curve.median, *(curve.quantiles(0.05, 0.95) if curve.is_many else ())]
    values = np.concatenate(losses)
    finite = values[np.isfinite(values)]
    ceiling = HIGHEST * levels[0].level or 1.0  # the first is the uniform baseline
    top, label = float(min(1.05 * finite.max(), ceiling) or 1.0), f"loss ({UNIT})"
    ax.set_xlim(0, max(*(curve.runs.shape[1] for curve in curves), 2))
    whole_ticks(ax.xaxis)
    if ax.get_yscale() == "linear":
        ax.set_ylim(-0.04 * top, top)
    else:
        bottom = 0.8 * min(finite[finite > 0], default=top / 10)
        ax.set_ylim(bottom, top)
        plain_log_ticks(ax.yaxis, decades=math.log10(top / bottom))
    return label + f", cut off at {top:.2g}" * bool(values.max() > ceiling)


def _mark_best(ax: Axes, history: History) -> list[str]:
    """Mark the epoch with the lowest held-out loss, if the history has it, and return a note."""
    best: int | None = getattr(history, "best_epoch", None)
    if best is None:
        return []
    loss = history.validation_loss[best - 1]
    ax.plot(best, loss, "D", color=ink(), fillstyle="none", markersize=9, label="_best")
    return [f"diamond: lowest held-out loss, at {best:,}"]


def _write_answers(ax: Axes, history: History) -> None:
    """Label each persistent prediction at its first epoch."""
    for prediction, rows in groupby(history.rows, key=lambda row: row.prediction):
        held = list(rows)
        if prediction is not None and len(held) >= LASTING:
            at = held[0].epoch, held[0].loss
            ax.plot(*at, "o", color=TEAL)
            ax.annotate(
                printable(describe(prediction)), at, xytext=(6, 5), textcoords="offset points",
                family="monospace", size=text_size(),
            )  # fmt: skip
