"""The loss at each position of a text, with the symbols along the axis."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.data.baselines import Baselines, count_baselines
from seqtoys.data.batch import UNSCORED, Batch, Pair
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.evaluation.inspection import loss_by_position, vocab_of
from seqtoys.models.forward import count_replicas
from seqtoys.plotting.labels import (
    draw_levels,
    fitting,
    label_levels,
    symbol_ticks,
    whole_ticks,
)
from seqtoys.plotting.losses import baseline_marks
from seqtoys.plotting.style import TEAL, Axes, new_axes
from seqtoys.support.arguments import checked
from seqtoys.tasks.task import Task
from seqtoys.training.data import to_batch


@checked
def plot_loss_by_position(
    model: nn.Module,
    data: Symbols | Pair | Batch,
    *,
    task: Task | None = None,
    vocab: Vocab | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss of a model at each position of a text, with the target symbols on the axis.

    The loss falls within a word and rises at the start of the next one (Elman, 1990).
    For a batch of several sequences, plots the mean over those scored at each position, with the
    positions on the axis.

    Args:
        model: An `ElmanCharModel`, or any module that maps indices `(batch, time)` to logits.
        data: A text (the targets are its next symbols), an `(input, target)` pair, or a batch.
        task: The task that generated the text, for its baselines. If None, the baselines are
            computed from counts in the text.
        vocab: The vocabulary. Defaults to the model's.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; the loss is in nats.

    Raises:
        OptionError: If the model is an ensemble, or there is no vocabulary.
        SeqtoysError: If the data are invalid, for example with an unknown symbol.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> ax = plot_loss_by_position(ElmanCharModel(Vocab("hielo")), "hihello")
        >>> [label.get_text() for label in ax.get_xticklabels()]
        ['i', 'h', 'e', 'l', 'l', 'o']
    """
    if count_replicas(model):
        raise OptionError("expected one model, got an ensemble; pass a replica, as in ensemble[0]")
    vocab = vocab or vocab_of(model)
    batch = to_batch(data, vocab)
    losses = _mean(loss_by_position(model, batch), batch.tally.cpu())
    ax = new_axes(ax)
    steps = _steps(ax, batch, vocab)
    ax.plot(steps, losses[steps.start - 1 : steps.stop - 1], "o-", color=TEAL, linewidth=2)
    ax.set_xlim(steps.start - 0.5, steps.stop - 0.5)
    _name(ax, batch, vocab, steps)
    levels = baseline_marks(_baselines(batch, task, vocab), getattr(model, "loss_floor", 0.0))
    heights = np.array([*losses, *(mark.level for mark in levels)])
    top = 1.05 * heights[np.isfinite(heights)].max() or 1.0
    ax.set(ylabel="loss (nats)", ylim=(-0.04 * top, top))
    draw_levels(ax, levels)
    label_levels(ax, levels)
    return ax


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


def _name(ax: Axes, batch: Batch, vocab: Vocab, steps: range) -> None:
    """Label the x axis with the symbols of one sequence, or with positions for several."""
    if len(batch) > 1:
        ax.set_xlabel(f"position (mean of {len(batch.repeated()):,} sequences)")
        whole_ticks(ax.xaxis)
        return
    targets = batch.targets[0].tolist()
    symbols = ["·" if i == UNSCORED else vocab.symbols[i] for i in targets]
    symbol_ticks(ax.xaxis, symbols[steps.start - 1 : steps.stop - 1], steps.start)
    cut = f" ({steps.start:,} to {steps.stop - 1:,} of {len(symbols):,})"
    ax.set_xlabel("target symbol" + cut * (len(steps) < len(symbols)))


def _baselines(batch: Batch, task: Task | None, vocab: Vocab) -> Baselines:
    if task is None:
        return count_baselines(batch, len(vocab))
    references = {name: float(loss) for name, loss in task.references.items()}
    optimum = task.optimal_loss(batch)
    return Baselines(math.log(len(vocab)), float(task.memoryless), optimum, references)
