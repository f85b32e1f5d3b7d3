"""The loss at each position of a text, with the symbols along the axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines, count_baselines
from seqtoys.data.batch import UNSCORED, Batch, Pair
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.evaluation.inspection import loss_by_position
from seqtoys.models.vocabulary import vocab_of
from seqtoys.plotting.labels import (
    Mark,
    draw_levels,
    fitting,
    label_levels,
    name_axes,
    noted,
    room_for,
    symbol_ticks,
    whole_ticks,
)
from seqtoys.plotting.losses import baseline_marks
from seqtoys.plotting.runs import Curve, Named, band_note, by_name, curve_ends, draw_curves
from seqtoys.plotting.style import Axes, ink, new_axes, settle
from seqtoys.support.arguments import checked
from seqtoys.tasks.given_data import to_batch
from seqtoys.tasks.task import Task


@checked
def plot_loss_by_position(
    model: Named[nn.Module],
    data: Symbols | Pair | Batch,
    *,
    task: Task | None = None,
    vocab: Vocab | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss of a model at each position of a text, with the target symbols on the axis.

    The loss falls within a word and rises at the start of the next one (Elman, 1990).
    For a batch of several sequences, plots the mean over those scored at each position, with the
    positions on the axis. Compares several models by name; of an ensemble, or a list of models,
    plots the median and the middle 50% and 90%.

    Args:
        model: An `ElmanCharModel`, or any module that maps indices `(batch, time)` to logits; an
            ensemble, a list of models, or any of these by name.
        data: A text (the targets are its next symbols), an `(input, target)` pair, or a batch.
        task: The task that generated the text, for its baselines. The optimum is then drawn at
            each position (dashes) if the task knows its `surprise`, and otherwise as a level. If
            None, the baselines are computed from counts in the text.
        vocab: The vocabulary. Defaults to that of the first model.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; the loss is in nats.

    Raises:
        OptionError: If there is no vocabulary.
        DataError: If there is no model.
        SeqtoysError: If the data are invalid, for example with an unknown symbol.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> ax = plot_loss_by_position(ElmanCharModel(Vocab("hielo")), "hihello")
        >>> [label.get_text() for label in ax.get_xticklabels()]
        ['i', 'h', 'e', 'l', 'l', 'o']
    """
    groups = by_name(model, "model")
    first = next(iter(groups.values()))[0]
    vocab = vocab_of(first, vocab)
    batch = to_batch(data, vocab)
    curves = [_curve(name, group, batch) for name, group in groups.items()]
    best = _optimal_curve(batch, task)
    floor, baselines = getattr(first, "loss_floor", 0.0), _baselines(batch, task, vocab)
    levels = baseline_marks(baselines, floor, with_optimum=not best)
    ax = new_axes(ax, height=room_for(len(levels) + len(curves) + len(best)))
    losses = [c.quantiles(0.95) if c.is_many else c.median for c in [*curves, *best]]
    heights = np.concatenate([[mark.level for mark in levels], *map(np.ravel, losses)])
    top = 1.05 * heights[np.isfinite(heights)].max() or 1.0
    ax.set_ylim(-0.04 * top, top)
    names = [curve.name for curve in curves] if len(curves) > 1 else []
    ends = [Mark(0.0, name) for name in [*names, *(each.name for each in best)]]
    place = label_levels(ax, [*levels, *ends])
    settle(ax)  # the symbols that fit depend on the width of these labels
    steps = _steps(ax, batch, vocab)
    shown = [_cut(curve, steps) for curve in curves]
    draw_curves(ax, steps, shown, marked=True)
    ends = curve_ends(shown, names) if names else []
    ends += [_draw_optimum(ax, steps, _cut(each, steps)) for each in best]
    ax.set_xlim(steps.start - 0.5, steps.stop - 0.5)
    _name(ax, batch, vocab, steps, band_note([len(curve.runs) for curve in curves]))
    draw_levels(ax, levels)
    for label in place:
        label.remove()
    label_levels(ax, [*levels, *ends])
    return ax


def _curve(name: str, models: Sequence[nn.Module], batch: Batch) -> Curve:
    """Return the mean loss at each position, for each model or replica."""
    losses = [loss_by_position(model, batch) for model in models]  # ([replicas,] batch, time)
    tally = batch.tally.cpu()
    rows = [
        _mean(each, tally) for loss in losses for each in loss.reshape(-1, *batch.inputs.shape)
    ]
    return Curve(name or ("median" if len(rows) > 1 else "model"), np.stack(rows))


def _optimal_curve(batch: Batch, task: Task | None) -> list[Curve]:
    """Return the mean surprise at each position, or nothing if the task does not know it."""
    if task is None:
        return []
    try:
        surprise = task.surprise(batch)
    except OptionError:
        return []
    return [Curve("optimum", _mean(surprise, batch.tally.cpu())[np.newaxis])]


def _draw_optimum(ax: Axes, steps: range, curve: Curve) -> Mark:
    """Draw the surprise as a dash at each position, joined by a thin line; return its label."""
    ax.plot(
        steps, curve.median, color=ink(), linestyle=":", linewidth=1, marker="_", markersize=9,
        zorder=1.5, label=curve.name,
    )  # fmt: skip
    (end,) = curve_ends([curve], [curve.name])
    return Mark(end.level, end.label)


def _cut(curve: Curve, steps: range) -> Curve:
    """Return the part of a curve at the positions shown."""
    return Curve(curve.name, curve.runs[:, steps.start - 1 : steps.stop - 1])


def _mean(
    losses: Float[Tensor, "batch time"], tally: Int[Tensor, "batch time"]
) -> Float[np.ndarray, " time"]:
    """Average over the sequences, weighted by their counts; nan where none is scored."""
    total = torch.where(tally > 0, losses * tally, 0).sum(0)  # (batch, time) -> (time,)
    return (total / tally.sum(0)).numpy()


def _steps(ax: Axes, batch: Batch, vocab: Vocab) -> range:
    """Return the positions to show, counted from 1; for one sequence, as many symbols as fit."""
    time = batch.inputs.shape[1]
    room = fitting(ax.xaxis, vocab) if len(batch) == 1 else time
    first_scored = int(batch.scored.any(0).nonzero()[0])
    start = max(0, min(first_scored, time - room))
    return range(start + 1, min(start + room, time) + 1)


def _name(ax: Axes, batch: Batch, vocab: Vocab, steps: range, notes: Sequence[str]) -> None:
    """Label the x axis with the symbols of one sequence, or with positions for several."""
    if len(batch) > 1:
        name, notes = "position", [f"mean of {len(batch.repeated()):,} sequences", *notes]
        whole_ticks(ax.xaxis)
    else:
        targets = batch.targets[0].tolist()
        symbols = ["·" if i == UNSCORED else vocab.symbols[i] for i in targets]
        symbol_ticks(ax.xaxis, symbols[steps.start - 1 : steps.stop - 1], steps.start)
        cut = [f"{steps.start:,} to {steps.stop - 1:,} of {len(symbols):,}"]
        name, notes = "target symbol", [*cut * (len(steps) < len(symbols)), *notes]
    name_axes(ax, noted(name, notes), "loss (nats)")


def _baselines(batch: Batch, task: Task | None, vocab: Vocab) -> Baselines:
    if task is None:
        return count_baselines(batch, len(vocab))
    references = {name: float(loss) for name, loss in task.references.items()}
    optimum = task.optimal_loss(batch)
    return Baselines(math.log(len(vocab)), float(task.memoryless), optimum, references)
