"""Solve rates over a grid of settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.plotting.labels import printable
from seqtoys.plotting.style import TEAL, VERMILLION, Axes, colour_map, load, new_axes
from seqtoys.rate import Rate

Setting: TypeAlias = tuple[str, Sequence[Any]]
"""What varies, and its values."""


def plot_solve_rate(
    rates: Sequence[Sequence[Rate | float]],
    down: Setting,
    across: Setting,
    *,
    mark: tuple[Any, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of seeds that solved it over a grid of settings, with the numbers written.

    Args:
        rates: A row of rates for each value of the first setting; nan leaves a cell empty.
        down: What varies from row to row, and its values.
        across: What varies from column to column, and its values.
        mark: The values of the cell to frame; None: none.
        ax: Where to draw; None: a new figure.

    Returns:
        The axes.

    Raises:
        DataError: If there is not a rate for each pair of values.
        OptionError: If there is no cell to be framed.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys.results import Rate
        >>> rates = [[Rate(5, 50), Rate(20, 50)], [Rate(39, 50), Rate(41, 50)]]
        >>> learning_rates, epochs = ("learning rate", [0.01, 0.05]), ("epochs", [100, 200])
        >>> ax = plot_solve_rate(rates, learning_rates, epochs, mark=(0.05, 100))
        >>> [text.get_text() for text in ax.texts]
        ['10%', '40%', '78%', '82%']
    """
    rows, columns, widths = list(down[1]), list(across[1]), [len(row) for row in rates]
    if widths != [len(columns)] * len(rows) or not widths:
        raise DataError(
            f"expected {len(rows)} rows of {len(columns)} rates, got rows of {quoted(widths)}"
        )
    if mark is not None and (mark[0] not in rows or mark[1] not in columns):
        raise OptionError(
            f"expected mark to be values of {down[0]} and {across[0]}, got {quoted(mark)}"
        )
    ax = new_axes(ax, max(3.0, 1.2 + 0.8 * len(columns)), 1.3 + 0.4 * len(rows))
    for y, row in enumerate(rates, 1):
        for x, rate in enumerate(row, 1):
            _draw_cell(ax, x, y, float(rate))
    if mark is not None:
        _draw_frame(ax, columns.index(mark[1]) + 1, rows.index(mark[0]) + 1)
    for axis, values in ((ax.xaxis, columns), (ax.yaxis, rows)):
        labels = [printable(str(value)) for value in values]
        axis.set_ticks(range(1, len(labels) + 1), labels)
        axis.set_tick_params(length=0)
    ax.set(ylabel=printable(down[0]), xlabel=printable(across[0]))
    ax.set(xlim=(0.5, len(columns) + 0.5), ylim=(len(rows) + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.set_title(_title(rates), fontsize="medium", loc="left")
    return ax


def _draw_cell(ax: Axes, x: int, y: int, rate: float) -> None:
    """Fill a cell the more the higher its rate, and write it there."""
    if not math.isnan(rate):
        colour = colour_map(TEAL)(rate)
        rectangle = load("matplotlib.patches").Rectangle
        ax.add_patch(rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, linewidth=0))
        ax.text(x, y, f"{rate:.0%}", ha="center", va="center")


def _draw_frame(ax: Axes, x: int, y: int) -> None:
    rectangle = load("matplotlib.patches").Rectangle
    frame = rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=VERMILLION, linewidth=3)
    frame.set(clip_on=False, zorder=3)
    ax.add_patch(frame)


def _title(rates: Sequence[Sequence[Rate | float]]) -> str:
    trials = {rate.trials for row in rates for rate in row if isinstance(rate, Rate)}
    return f"solved, of {trials.pop():,} seeds each" if len(trials) == 1 else "solved"
