"""Heat maps of a trace: predicted probabilities and hidden states over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, excerpt
from seqtoys.plotting.labels import fitting, symbol_ticks, whole_ticks
from seqtoys.plotting.style import TEAL, VERMILLION, Axes, colour_map, ink, load, new_axes
from seqtoys.records.trace import Trace
from seqtoys.support.arguments import checked

BAR = (1.03, 0.0, 0.03, 1.0)  # left, bottom, width, height, in axes coordinates
RING = 60  # square points
ROW, UNIT = 0.28, 0.15  # inches: the height of the row of a symbol, and of a unit


@checked
def plot_probabilities(
    trace: Trace, targets: Symbols | None = None, *, ax: Axes | None = None
) -> Axes:
    """Plot the probability of each next symbol over time, with rings on the actual next symbols.

    Of a large vocabulary, only the symbols with the largest probabilities are shown; of a long
    text, only its beginning. The axis labels indicate this.

    Args:
        trace: The result of `model.trace`.
        targets: The actual next symbols. If None, those of the text itself, except after its end.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with a row for each next symbol and a column for each step.

    Raises:
        DataError: If the trace has no steps, or there is not one target per step.
        UnknownSymbolError: If a target is not in the vocabulary.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> ax = plot_probabilities(model.trace("hihell"), "ihello")
        >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
        ('input symbol; rings: actual next symbol', ['h', 'i', 'e', 'l', 'o'])
    """
    came = _came(trace, targets)
    ax = new_axes(ax, *_size(len(trace), ROW * len(trace.vocab)))
    steps = min(len(trace), fitting(ax.xaxis, trace.symbols))
    rows = _likeliest(trace, came[:steps], fitting(ax.yaxis, trace.vocab))
    _draw_heat(ax, trace.probabilities[:steps, rows], colour_map(TEAL), (0.0, 1.0), "probability")
    rings = {step: rows.index(row) + 1 for step, row in enumerate(came[:steps], 1) if row in rows}
    ax.scatter(list(rings), list(rings.values()), s=RING, facecolors="none", edgecolors=ink())
    symbol_ticks(ax.yaxis, [trace.vocab.symbols[row] for row in rows])
    cut = f" ({len(rows)} of {len(trace.vocab):,})"
    ax.set_ylabel("next symbol" + cut * (len(rows) < len(trace.vocab)))
    _name_steps(ax, trace, steps, "; rings: actual next symbol")
    return ax


@checked
def plot_hidden(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """Plot the hidden state over time, with a row for each unit.

    Args:
        trace: The result of `model.trace`.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with a column for each step; of a long text, only the beginning is shown.

    Raises:
        DataError: If the trace has no steps, or no hidden states.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> ax = plot_hidden(ElmanCharModel(Vocab("hielo"), hidden_size=8).trace("hihell"))
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('input symbol', 'unit')
    """
    _check_steps(trace)
    trace.check_states()
    ax = new_axes(ax, *_size(len(trace), UNIT * trace.hidden.shape[1]))
    steps = min(len(trace), fitting(ax.xaxis, trace.symbols))
    largest = max(1.0, float(np.abs(trace.hidden).max()))  # above 1 for relu only
    colours, limits = colour_map(VERMILLION, TEAL), (-largest, largest)
    _draw_heat(ax, trace.hidden[:steps], colours, limits, "activation")
    whole_ticks(ax.yaxis)
    ax.set_ylabel("unit")
    _name_steps(ax, trace, steps)
    return ax


def _came(trace: Trace, targets: Symbols | None) -> list[int]:
    """Return the index of the actual next symbol at each step, as far as known."""
    _check_steps(trace)
    if targets is None:
        targets = trace.symbols[1:]
    elif len(targets) != len(trace):
        raise DataError(
            f"expected a target for each of the {len(trace)} steps, got {len(targets)}: "
            f"{excerpt(targets)}"
        )
    return trace.vocab.encode(targets).tolist() if targets else []


def _check_steps(trace: Trace) -> None:
    if not len(trace):
        raise DataError("cannot plot an empty trace: it has no steps")


def _likeliest(trace: Trace, came: list[int], room: int) -> list[int]:
    """Select the rows to show: actual symbols, then likely ones, in the vocabulary's order."""
    weights = trace.probabilities.max(0).astype(np.float64)  # (vocab,)
    weights[came] += 1
    return sorted(np.argsort(-weights, kind="stable")[:room].tolist())


def _size(steps: int, height: float) -> tuple[float, float]:
    """Return the size of a figure in inches, from its number of steps and the height of its rows.

    Both are limited to the size of a page.
    """
    return min(max(2.5 + 0.4 * steps, 4.5), 7.0), min(max(1.2 + height, 2.4), 9.0)


def _draw_heat(
    ax: Axes,
    values: npt.NDArray[np.floating],
    colours: Any,
    limits: tuple[float, float],
    unit: str,
) -> None:
    """Plot values `(steps, rows)` as cells at coordinates from 1, with a color bar."""
    steps, rows = values.shape
    image = ax.imshow(
        values.T, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto",
        interpolation="none", extent=(0.5, steps + 0.5, rows + 0.5, 0.5),
    )  # fmt: skip
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(image, cax=ax.inset_axes(BAR), label=unit)
    bar.outline.set_visible(False)
    bar.locator = load("matplotlib.ticker").LinearLocator(3)
    bar.update_ticks()


def _name_steps(ax: Axes, trace: Trace, steps: int, more: str = "") -> None:
    symbol_ticks(ax.xaxis, trace.symbols[:steps])
    cut = f" (first {steps:,} of {len(trace):,})"
    ax.set_xlabel("input symbol" + cut * (steps < len(trace)) + more)
