"""Figures drawn when a page is built, in the colors of its text, with their numbers below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from matplotlib import pyplot
from matplotlib.colors import to_hex

from seqtoys.plotting import to_svg
from seqtoys.plotting.alternatives import tables
from seqtoys.plotting.style import figure_of, ink
from seqtoys.plotting.texts import labels_beside
from seqtoys.plotting.ticks import plain
from tools.figures.svg import framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from seqtoys.plotting.alternatives import Table

INCH = 96  # pixels of a page
CLOUD = 0.8  # the opacity of points and lines that overlap; still 3:1 against the page


def show(ax: Axes) -> str:
    """Return a figure as HTML for a page, with its numbers folded below, and close it.

    Args:
        ax: Axes of the figure.
    """
    svg, figure = to_svg(ax), figure_of(ax)
    below = _labels(figure) + _folded("".join(map(_table, tables(ax))))
    pyplot.close(figure)
    return framed(svg, figure.get_figwidth() * INCH) + below


def _labels(figure: Any) -> str:
    """Repeat the labels on the right of the axes, for narrow pages, where they need scrolling."""
    labels = [text for ax in figure.axes for text in labels_beside(ax)]
    spans = (
        f'<span style="color: {to_hex(each.get_color())}">{escape(plain(each.get_text()))}</span>'
        for each in labels
    )
    text = " · ".join(spans).replace(to_hex(ink()), "currentColor")
    return f'<p class="labels" data-search-exclude aria-hidden="true">{text}</p>' if text else ""


def _folded(numbers: str) -> str:
    """Fold the tables below their figure; the search finds the words of the page instead."""
    if not numbers:
        return ""
    summary = "<summary>The numbers of this figure</summary>"
    return f'<details class="numbers" data-search-exclude>{summary}{numbers}</details>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
