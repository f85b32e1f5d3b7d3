"""Heat maps of a trace: predicted probabilities and hidden states over time."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, excerpt
from seqtoys.plotting.labels import cut, fitting, name_axes, symbol_ticks, whole_ticks
from seqtoys.plotting.style import (
    SIGNED,
    TEAL,
    Axes,
    colour_map,
    inches,
    ink,
    load,
    new_axes,
    settle,
    text_height,
)
from seqtoys.records.trace import Trace
from seqtoys.support.arguments import checked

BAR = (1.03, 0.0, 0.03, 1.0)  # left, bottom, width, height, in axes coordinates
ROW, UNIT = 1.6, 0.9  # lines of text: the height of the row of a symbol, and of a unit
AROUND, TALLEST = 4.8, 52.0  # lines of text: the labels around the rows, and a whole figure
WIDEST = 7.0  # inches: a page
RINGS = "; rings: actual next symbol"

Floats: TypeAlias = npt.NDArray[np.floating]


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
    ax = new_axes(ax, *_size(trace, ROW * len(trace.vocab)))
    image = _draw_heat(ax, trace.probabilities, colour_map(TEAL), (0.0, 1.0), "probability")
    symbol_ticks(ax.yaxis, [max(trace.vocab, key=len)])
    steps = _steps_that_fit(ax, trace, RINGS, "next symbol")
    rows = _likeliest(trace, came[:steps], fitting(ax.yaxis, trace.vocab))
    _show(image, trace.probabilities[:steps, rows])
    rings = {step: rows.index(row) + 1 for step, row in enumerate(came[:steps], 1) if row in rows}
    size = (0.6 * text_height()) ** 2  # square points
    ax.scatter(list(rings), list(rings.values()), s=size, facecolors="none", edgecolors=ink())
    symbol_ticks(ax.yaxis, [trace.vocab.symbols[row] for row in rows])
    some = f" ({len(rows)} of {len(trace.vocab):,})" * (len(rows) < len(trace.vocab))
    _name(ax, trace, steps, RINGS, "next symbol" + some)
    return ax


@checked
def plot_hidden(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """Plot the hidden state over time, with a row for each unit.

    Positive values are light and negative ones dark. Without negative values, 0 is transparent.

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
    ax = new_axes(ax, *_size(trace, UNIT * trace.hidden.shape[1]))
    largest = max(1.0, float(np.abs(trace.hidden).max()))  # above 1 for relu only
    is_signed = trace.hidden.min() < 0
    colours, lowest = (SIGNED, -largest) if is_signed else ((TEAL,), 0.0)
    image = _draw_heat(ax, trace.hidden, colour_map(*colours), (lowest, largest), "activation")
    whole_ticks(ax.yaxis)
    steps = _steps_that_fit(ax, trace, "", "unit")
    _show(image, trace.hidden[:steps])
    _name(ax, trace, steps, "", "unit")
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


def _size(trace: Trace, lines: float) -> tuple[float, float]:
    """Return the size of a figure in inches, from its steps and the height of its rows."""
    width = min(max(2.5 + 0.4 * len(trace), 4.5), WIDEST)
    return width, inches(min(max(AROUND + lines, 10.0), TALLEST))


def _draw_heat(
    ax: Axes, values: Floats, colours: Any, limits: tuple[float, float], unit: str
) -> Any:
    """Plot values `(steps, rows)` as cells with a color bar; return the image."""
    image = ax.imshow(
        values.T, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="none"
    )
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    bar = ax.figure.colorbar(image, cax=ax.inset_axes(BAR), label=unit)
    bar.outline.set_visible(False)
    bar.locator = load("matplotlib.ticker").LinearLocator(3)
    bar.update_ticks()
    return image


def _show(image: Any, values: Floats) -> None:
    """Show these values `(steps, rows)`, as cells at coordinates from 1."""
    right, bottom = values.shape[0] + 0.5, values.shape[1] + 0.5
    image.set_data(values.T)
    image.set_extent((0.5, right, bottom, 0.5))
    image.axes.set(xlim=(0.5, right), ylim=(bottom, 0.5))


def _steps_that_fit(ax: Axes, trace: Trace, more: str, up: str) -> int:
    """Return the number of steps whose labels fit, when all other labels have their room."""
    _name(ax, trace, 0, more, up)
    symbol_ticks(ax.xaxis, [max(trace.symbols, key=len)], 0)  # as tall as the labels will be
    settle(ax)
    return min(len(trace), fitting(ax.xaxis, trace.symbols))


def _name(ax: Axes, trace: Trace, steps: int, more: str, up: str) -> None:
    shown = trace.symbols[:steps]
    symbol_ticks(ax.xaxis, shown)
    name_axes(ax, f"input symbol{cut(shown, trace.symbols)}{more}", up)
