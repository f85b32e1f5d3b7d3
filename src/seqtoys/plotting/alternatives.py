"""Text alternatives of figures, for readers who do not see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from seqtoys.plotting.matrices import Cells, read_cells
from seqtoys.plotting.series import Series, read_levels, read_series, read_spans
from seqtoys.plotting.style import Axes, figure_of
from seqtoys.plotting.texts import read_labels
from seqtoys.plotting.ticks import plain

LISTED = 12  # a series of more places is summarized
NAMED = 40  # more names than this are only counted
ROWS = 25  # of a table; a longer series is thinned


@dataclass(frozen=True)
class Table:
    """Numbers of a figure.

    Attributes:
        caption: What they are.
        head: The names of the columns.
        rows: The rows; the first cell of each is its name.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Alternative:
    """What a figure shows that can't be read from its lines, such as a graph.

    Attributes:
        text: Sentences.
        tables: The numbers.
    """

    text: str
    tables: Sequence[Table] = ()


_given: WeakKeyDictionary[Any, Alternative] = WeakKeyDictionary()


def set_alternative(ax: Axes, text: str, *tables: Table) -> None:
    """Describe what axes show, until they are cleared.

    Args:
        ax: The axes.
        text: Sentences.
        *tables: The numbers.
    """
    _given[ax.title] = Alternative(text, tables)  # clearing the axes replaces the title


def describe(ax: Axes) -> str:
    """Return a text description of a figure, with its numbers.

    Args:
        ax: Axes of the figure, which must have been drawn; all axes of the figure are described.

    Returns:
        Of each series, up to 12 numbers, or the first, the lowest, the highest and the last. Where
        several numbers are at one place, their median and range.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> from seqtoys.plotting import plot_loss
        >>> ax = plot_loss(fit(ElmanCharModel(Vocab("hielo"), seed=777), "hihello", epochs=2))
        >>> describe(ax)[:70]
        'loss (nats per scored symbol) by epoch. model: 1.693 at 1, 1.666 at 2.'
    """
    return " ".join(text for panel in _panels(ax) for text in _sentences(panel))


def tables(ax: Axes) -> list[Table]:
    """Return the numbers of a figure as tables, long series thinned.

    Args:
        ax: Axes of the figure, which must have been drawn.

    Returns:
        A table per matrix, and one with the series of each axes.

    Examples:
        >>> from matplotlib import pyplot as plt
        >>> ax = plt.subplots()[1]
        >>> line = ax.plot([1, 2], [0.5, 0.25], label="loss")
        >>> tables(ax)[0].rows
        [['1', '0.5'], ['2', '0.25']]
    """
    return [table for panel in _panels(ax) for table in _tables(panel)]


def _panels(ax: Any) -> list[Any]:
    """Return the axes of a figure that show something, except color bars and polar axes."""
    return [
        each
        for each in figure_of(ax).axes
        if each.name == "rectilinear" and each.get_label() != "<colorbar>" and each.get_visible()
    ]


def _sentences(ax: Any) -> Iterator[str]:
    title = ", ".join(filter(None, (plain(ax.get_title(loc)) for loc in ("left", "center"))))
    if title:
        yield f"{title}:"
    if ax.title in _given:
        yield _given[ax.title].text
        return
    if names := " by ".join(filter(None, _axis_names(ax))):
        yield f"{names}."
    cells = read_cells(ax)
    if cells is not None:
        yield from _of_cells(cells)
    series = read_series(ax)
    for each in series[:NAMED]:
        yield _of_series(each)
    if len(series) > NAMED:
        yield f"And {len(series) - NAMED} more."
    yield from _of_extras(ax, cells)


def _axis_names(ax: Any) -> tuple[str, str]:
    """Return the labels of the vertical and the horizontal axis, if they are shown."""
    return (plain(ax.get_ylabel()), plain(ax.get_xlabel())) if ax.axison else ("", "")


def _of_extras(ax: Any, cells: Cells | None) -> Iterator[str]:
    """Describe what is neither a series nor a matrix."""
    labels = [] if cells is not None else read_labels(ax)
    if labels:
        more = f", and {len(labels) - NAMED} more" * (len(labels) > NAMED)
        yield f"Labels: {', '.join(labels[:NAMED])}{more}."
    for name, found in (("Lines at", read_levels(ax)), ("Shaded:", read_spans(ax))):
        if found:
            yield f"{name} {', '.join(found[:NAMED])}."
    if not ax.axison and (count := sum(len(each.get_offsets()) for each in ax.collections)):
        yield f"{count:,} points."


def _of_series(series: Series) -> str:
    name = _name(series)
    last = len(series.places) - 1
    if last < (NAMED if series.is_named and not series.is_joined else LISTED):
        return f"{name}: {_listed(series, range(last + 1), {})}."
    if not series.is_joined:
        low, high = series.write(series.low.min()), series.write(series.high.max())
        return f"{name}: {series.count:,} numbers from {low} to {high}."
    extremes, middles = dict[int, str](), series.middle.tolist()
    for word, find in (("lowest ", np.nanargmin), ("highest ", np.nanargmax)):
        if middles[place := int(find(middles))] not in (middles[0], middles[last]):
            extremes[place] = word
    return f"{name}: {_listed(series, sorted({0, *extremes, last}), extremes)}."


def _name(series: Series) -> str:
    return series.name or ("line" if series.is_joined else "points")


def _listed(series: Series, order: Sequence[int], words: Mapping[int, str]) -> str:
    parts = (
        f"{words.get(i, '')}{_value(series, i)} at {series.name_place(series.places[i])}"
        for i in order
    )
    return ", ".join(parts)


def _value(series: Series, index: int) -> str:
    """Format the numbers at one place: the only one, or the median with the range."""
    numbers = (each[index] for each in (series.low, series.middle, series.high))
    low, middle, high = map(series.write, numbers)
    if low == high:
        return low
    is_band = np.isnan(series.middle[index])
    return f"{low} to {high}" if is_band else f"{middle} ({low} to {high})"


def _of_cells(cells: Cells) -> Iterator[str]:
    rows, columns = len(cells.rows), len(cells.columns)
    if np.isnan(cells.values).all() or (cells.is_named and rows * columns <= LISTED):
        lines = zip(cells.rows, cells.texts, strict=True)
        yield "; ".join(f"{name}: {', '.join(filter(None, line))}" for name, line in lines) + "."
        return
    low, high = np.nanmin(cells.values), np.nanmax(cells.values)
    yield f"{rows} rows and {columns} columns of numbers from {low:.2g} to {high:.2g}."
    if columns <= NAMED and cells.is_named:
        tops = np.nan_to_num(cells.values, nan=-np.inf).argmax(0)  # (columns,)
        found = (
            f"{name}: {cells.rows[top]} ({cells.texts[top][column]})"
            for column, (name, top) in enumerate(zip(cells.columns, tops.tolist(), strict=True))
        )
        yield f"The highest in each column: {', '.join(found)}."


def _tables(ax: Any) -> Iterator[Table]:
    title = plain(ax.get_title("left") or ax.get_title())
    if ax.title in _given:
        yield from _given[ax.title].tables
        return
    up, across = _axis_names(ax)
    caption = title or " by ".join(filter(None, (up, across)))
    if (cells := read_cells(ax)) is not None:
        rows = [[name, *row] for name, row in zip(cells.rows, cells.texts, strict=True)]
        yield Table(caption, [up or "row", *cells.columns], rows)
    if series := read_series(ax):
        yield _table_of(caption, across or "place", series)


def _table_of(caption: str, across: str, series: Sequence[Series]) -> Table:
    """Return a row for each place that some series has, thinned to a fixed number of rows."""
    found = [{place: i for i, place in enumerate(each.places)} for each in series]
    places = list(dict.fromkeys(place for each in found for place in each))
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), ROWS)).round())
    rows = [
        [series[0].name_place(place), *(_value(one, each[place]) if place in each else ""
                                        for each, one in zip(found, series, strict=True))]
        for place in (places[int(index)] for index in chosen)
    ]  # fmt: skip
    return Table(caption, [across, *map(_name, series)], rows)
