"""Solve rates over a grid of settings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any, TypeAlias

from seqtoys.errors import ROOM, DataError, OptionError, quoted
from seqtoys.plotting.labels import fit_ticks, name_axes, printable
from seqtoys.plotting.style import TEAL, Axes, colour_map, inches, ink, load, new_axes, text_size
from seqtoys.support.arguments import check_type, checked, listed
from seqtoys.support.uncertainty import Proportion

MOST = 10_000  # cells; more would take minutes
Setting: TypeAlias = tuple[str, Iterable[Any]]
"""The name of a setting, and its values."""


@checked
def plot_solve_rate(
    rates: Iterable[Iterable[Proportion | float]],
    down: Setting,
    across: Setting,
    *,
    mark: tuple[Any, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot solve rates over a grid of settings, as a heat map annotated with the percentages.

    Args:
        rates: A row of rates for each value of the first setting; nan leaves a cell empty.
        down: The name and the values of the setting that varies between rows.
        across: The name and the values of the setting that varies between columns.
        mark: The `down` and `across` values of a cell to frame, or None.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes.

    Raises:
        InputTypeError: If an argument has the wrong type.
        DataError: If there is not one rate per pair of values, or a rate is not from 0 to 1.
        OptionError: If `mark` is not a cell of the grid.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys.results import Proportion
        >>> rates = [[Proportion(n, 50) for n in row] for row in ([5, 20], [39, 41])]
        >>> learning_rates, epochs = ("learning rate", [0.01, 0.05]), ("epochs", [100, 200])
        >>> ax = plot_solve_rate(rates, learning_rates, epochs, mark=(0.05, 100))
        >>> [text.get_text() for text in ax.texts]
        ['10%', '40%', '78%', '82%']
    """
    rows, columns = (
        listed(f"the values of {quoted(name)}", values) for name, values in (down, across)
    )
    cells = _read_rates(rates, len(rows), len(columns))
    framed = (
        None
        if mark is None
        else (_place(mark[1], across[0], columns), _place(mark[0], down[0], rows))
    )
    ax = new_axes(ax, inches(8 + 4.6 * len(columns)), inches(7.5 + 2.3 * len(rows)))
    _draw_cells(ax, cells)
    if framed is not None:
        _draw_frame(ax, *framed)
    for axis, values in ((ax.xaxis, columns), (ax.yaxis, rows)):
        labels = [printable(_label(value)) for value in values]
        axis.set_ticks(range(1, len(labels) + 1), labels)
        axis.set_tick_params(length=0)
    ax.set(xlim=(0.5, len(columns) + 0.5), ylim=(len(rows) + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    name_axes(ax, f"{printable(across[0])} (cells: {_meaning(cells)})", printable(down[0]))
    fit_ticks(ax.xaxis)
    fit_ticks(ax.yaxis)
    _fit_rates(ax, len(columns))
    return ax


def _read_rates(
    rates: Iterable[Iterable[Proportion | float]], rows: int, columns: int
) -> list[list[Proportion | float]]:
    lines = [listed(f"rates[{y}]", row) for y, row in enumerate(listed("rates", rates))]
    widths = [len(line) for line in lines]
    if widths != [columns] * rows or not rows * columns:
        raise DataError(f"expected {rows} rows of {columns} rates, got rows of {quoted(widths)}")
    if rows * columns > MOST:
        raise DataError(f"expected at most {MOST:,} rates, got {rows * columns:,}")
    for y, line in enumerate(lines):
        for x, rate in enumerate(line):
            check_type(f"rates[{y}][{x}]", rate, Proportion | Real)
            if not isinstance(rate, Proportion) and not (0 <= rate <= 1 or math.isnan(rate)):
                raise DataError(f"expected rates from 0 to 1, got {quoted(rate)}")
    return lines


def _place(value: Any, name: str, values: list[Any]) -> int:
    """Return the position of a marked value among those of a setting, counted from 1."""
    for place, each in enumerate(values, 1):
        if _are_equal(each, value):
            return place
    raise OptionError(
        f"expected mark to use one of the values of {quoted(name)}, {quoted(values)}, "
        f"got {quoted(value)}"
    )


def _are_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # comparing arrays is ambiguous, and a user's class may raise
        return one is other


def _label(value: Any) -> str:
    try:
        text = str(value)
    except Exception:  # from a user's class
        text = quoted(value)
    return text if len(text) <= ROOM else f"{text[:ROOM]}…"


def _draw_cells(ax: Axes, cells: list[list[Proportion | float]]) -> None:
    """Fill each cell with a color that depends on its rate, and write the rate in it."""
    colours, rectangle = colour_map(TEAL), load("matplotlib.patches").Rectangle
    for y, line in enumerate(cells, 1):
        for x, rate in enumerate(map(float, line), 1):
            if not math.isnan(rate):
                at, colour = (x - 0.5, y - 0.5), colours(rate)
                ax.add_patch(rectangle(at, 1, 1, facecolor=colour, linewidth=0))
                ax.text(x, y, f"{rate:.0%}", ha="center", va="center", size=text_size())


def _fit_rates(ax: Axes, columns: int) -> None:
    """Shrink the rates until they fit into their cells."""
    widest = max((text.get_window_extent().width for text in ax.texts), default=0.0)
    room = 0.9 * ax.get_window_extent().width / columns
    for text in ax.texts if widest > room else ():
        text.set_fontsize(text_size() * room / widest)


def _draw_frame(ax: Axes, x: int, y: int) -> None:
    rectangle = load("matplotlib.patches").Rectangle
    frame = rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=ink(), linewidth=3)
    frame.set(clip_on=False, zorder=3)
    ax.add_patch(frame)


def _meaning(cells: list[list[Proportion | float]]) -> str:
    trials = {rate.trials for line in cells for rate in line if isinstance(rate, Proportion)}
    return f"solved, of {trials.pop():,} seeds" if len(trials) == 1 else "solved"
