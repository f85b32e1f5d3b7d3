"""Solve rates over a grid of settings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from seqtoys.errors import DataError, OptionError
from seqtoys.plotting.labels import printable
from seqtoys.plotting.style import TEAL, VERMILLION, Axes, colour_map, load, new_axes
from seqtoys.rate import Rate

Cell = tuple[Hashable, Hashable]
"""The settings of a row and of a column."""


def plot_solve_rate(
    rates: Mapping[Cell, Rate | float],
    names: tuple[str, str],
    *,
    mark: Cell | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of seeds that solved it as a grid of settings, with the numbers in its cells.

    Args:
        rates: The rate of each `(row, column)`; a cell without one stays empty.
        names: What rows and columns are.
        mark: The cell to frame; None: none.
        ax: Where to draw; None: a new figure.

    Returns:
        The axes; rows and columns come in the order of the rates.

    Raises:
        DataError: If there are no rates.
        OptionError: If there is no cell to be framed.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import Rate
        >>> rates = {(lr, 100): Rate(solved, 50) for lr, solved in ((0.01, 5), (0.05, 39))}
        >>> ax = plot_solve_rate(rates, ("learning rate", "epochs"), mark=(0.05, 100))
        >>> [text.get_text() for text in ax.texts]
        ['10%', '78%']
    """
    if not rates:
        raise DataError("expected a rate or more, got none")
    if mark is not None and mark not in rates:
        raise OptionError(f"expected mark to be a cell of the grid, got {mark!r}")
    rows, columns = (list(dict.fromkeys(cell[axis] for cell in rates)) for axis in (0, 1))
    ax = new_axes(ax, max(3.0, 1.2 + 0.8 * len(columns)), 1.3 + 0.4 * len(rows))
    for (row, column), rate in rates.items():
        at = columns.index(column) + 1, rows.index(row) + 1
        _draw_cell(ax, at, float(rate), framed=(row, column) == mark)
    for axis, values in ((ax.xaxis, columns), (ax.yaxis, rows)):
        labels = [printable(str(value)) for value in values]
        axis.set_ticks(range(1, len(labels) + 1), labels)
        axis.set_tick_params(length=0)
    ax.set(xlabel=names[1], ylabel=names[0])
    ax.set(xlim=(0.5, len(columns) + 0.5), ylim=(len(rows) + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.set_title(_title(rates), fontsize="medium", loc="left")
    return ax


def _draw_cell(ax: Axes, at: tuple[int, int], rate: float, *, framed: bool) -> None:
    """Fill a cell the more the higher its rate, and write it there."""
    corner = at[0] - 0.5, at[1] - 0.5
    rectangle = load("matplotlib.patches").Rectangle
    ax.add_patch(rectangle(corner, 1, 1, facecolor=colour_map(TEAL)(rate), linewidth=0))
    ax.text(*at, f"{rate:.0%}", ha="center", va="center")
    if framed:
        frame = rectangle(corner, 1, 1, fill=False, edgecolor=VERMILLION, linewidth=3, zorder=3)
        frame.set_clip_on(False)
        ax.add_patch(frame)


def _title(rates: Mapping[Cell, Rate | float]) -> str:
    trials = {rate.trials for rate in rates.values() if isinstance(rate, Rate)}
    return f"solved, of {trials.pop():,} seeds each" if len(trials) == 1 else "solved"
