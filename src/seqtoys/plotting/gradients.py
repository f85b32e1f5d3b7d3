"""How far back in time the gradient of a loss reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import nn

from seqtoys.data.batch import Batch, Pair
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.evaluation.gradients import gradient_by_distance
from seqtoys.models.forward import count_replicas
from seqtoys.models.vocabulary import vocab_of
from seqtoys.plotting.labels import label_levels, name_axes, noted, room_for, whole_ticks
from seqtoys.plotting.runs import Curve, Named, band_note, by_name, curve_ends, draw_curves
from seqtoys.plotting.style import FAINT, Axes, ink, new_axes, settle
from seqtoys.support.arguments import checked
from seqtoys.tasks.given_data import to_batch

LOWEST = 1e-8  # the smallest relative gradient that is drawn


@checked
def plot_gradient_reach(
    model: Named[nn.Module],
    data: Symbols | Pair | Batch,
    *,
    vocab: Vocab | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot how the gradient of the last loss shrinks on its way back through time.

    The loss is that at the last scored symbol of a sequence, and its gradient that with respect to
    the state 0, 1, 2 … steps before (for a model without `step`, the embedding); the mean over the
    sequences is plotted relative to that at distance 0. Where it is very small, a network can
    hardly learn that a symbol mattered (Hochreiter, 1991; Bengio, Simard & Frasconi, 1994).

    Several models can be compared by name. For an ensemble or a list of models, the figure shows
    the median and the middle 50% and 90%.

    Args:
        model: An `ElmanCharModel`, or another module, as in
            `seqtoys.inspection.gradient_by_distance`; an ensemble, a list of models, or any of
            these by name.
        data: A text, an `(input, target)` pair, or a batch. A longer one shows a longer distance.
        vocab: The vocabulary. Defaults to that of the first model.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with a logarithmic vertical axis.

    Raises:
        OptionError: If a model has neither `step` nor an embedding, or there is no vocabulary.
        DataError: If there is no model, or one whose loss does not depend on its last state.
        SeqtoysError: If the data are invalid, for example with an unknown symbol.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> models = {start: ElmanCharModel(Vocab("hielo"), hidden_size=32, recurrent_init=start)
        ...           for start in ("uniform", "orthogonal")}
        >>> ax = plot_gradient_reach(models, "hihello" * 5)
        >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()
        ('steps back', 'gradient (last step = 1)', 'log')
    """
    groups = by_name(model, "model")
    batch = to_batch(data, vocab_of(next(iter(groups.values()))[0], vocab))
    curves = [_curve(name, group, batch) for name, group in groups.items()]
    names = [curve.name for curve in curves] if len(curves) > 1 else []
    ax = new_axes(ax, height=room_for(len(names)))
    ax.set_yscale("log")
    reached = np.concatenate([curve.runs.ravel() for curve in curves])
    lowest = reached[reached > 0].min()
    ax.set_ylim(max(0.5 * lowest, LOWEST), 2 * reached.max())
    ax.set_xlim(0, max(len(curves[0].median) - 1, 1))
    whole_ticks(ax.xaxis)
    draw_curves(ax, range(len(curves[0].median)), curves)
    ax.axhline(1, color=ink(), linewidth=1, alpha=FAINT, zorder=1)
    label_levels(ax, curve_ends(curves, names) if names else [])
    settle(ax)
    notes = band_note([len(curve.runs) for curve in curves])
    name_axes(ax, noted("steps back", notes), "gradient (last step = 1)")
    return ax


def _curve(name: str, models: Sequence[Any], batch: Batch) -> Curve:
    """Return the relative size of the gradient at each distance, for each model or replica."""
    rows = []
    for model in _each(models):
        sizes = gradient_by_distance(model, batch).numpy()  # (distance,)
        if not sizes[0] > 0:
            raise DataError(
                f"expected a loss that depends on the last state, got a gradient of {sizes[0]}; "
                "let step compute its logits from the state that it returns"
            )
        rows.append(sizes / sizes[0])
    return Curve(name or ("median" if len(rows) > 1 else "model"), np.stack(rows))


def _each(models: Sequence[Any]) -> Iterator[nn.Module]:
    """Yield the models, and the replicas of ensembles."""
    for model in models:
        yield from [model[i] for i in range(count_replicas(model))] or [model]
