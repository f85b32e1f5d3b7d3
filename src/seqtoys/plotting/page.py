"""Figures for web pages: SVG in the color of the surrounding text."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any
from xml.sax.saxutils import quoteattr

from seqtoys.errors import DataError
from seqtoys.plotting.alternatives import describe
from seqtoys.plotting.losses import plot_loss
from seqtoys.plotting.reports import plot_accuracy_by_length
from seqtoys.plotting.style import Axes, figure_of, ink, load
from seqtoys.plotting.traces import plot_probabilities
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.report import Report
from seqtoys.records.trace import Trace

INK = "#000000"
PAGE = {
    **{f"{part}color": INK for part in ("text.", "axes.label", "axes.edge", "xtick.", "ytick.")},
    "font.size": 12,  # points, equal to the 16 pixels of body text
}
ROOT = 'fill="currentColor" stroke-linejoin="round" role="img"'
FIGURES: dict[type, Callable[[Any], Axes]] = {
    History: plot_loss,
    EnsembleHistory: plot_loss,
    Report: plot_accuracy_by_length,
    Trace: plot_probabilities,
}


def to_svg(ax: Axes) -> str:
    """Convert a figure to inline SVG whose text and lines take the color of the page.

    IDs and styles that could clash with others on the page are omitted. An `aria-label` names the
    axes and the numbers for readers who do not see the figure.

    Args:
        ax: Axes of the figure.

    Returns:
        An `<svg>` element, with text as text and a transparent background.

    Raises:
        InputTypeError: If `ax` is not matplotlib axes.
        OptionError: If the axes were removed from their figure.

    Examples:
        >>> from seqtoys.results import Proportion
        >>> from seqtoys.plotting import plot_solve_rate
        >>> svg = to_svg(plot_solve_rate([[Proportion(3, 4)]], ("lr", [0.1]), ("epochs", [100])))
        >>> svg[:24], "75%" in svg
        ('<svg fill="currentColor"', True)
    """
    colours, buffer = load("matplotlib.colors"), StringIO()
    figure = figure_of(ax)
    with load("matplotlib").rc_context({"svg.hashsalt": "seqtoys", "svg.fonttype": "none"}):
        nothing = dict.fromkeys(["Date", "Creator", "Format", "Type"])
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue().replace(colours.to_hex(ink()), "currentColor")
    svg = re.sub(r"<style.*?</style>| id=\"[a-z0-9]+_\d+\"", "", svg, flags=re.DOTALL)
    root = f"<svg {ROOT} aria-label={quoteattr(describe(ax))} "
    return svg[svg.index("<svg") :].replace("<svg ", root, 1)


def draw_result(result: Any) -> str:
    """Plot a result for a notebook, as SVG.

    Args:
        result: A `History`, an `EnsembleHistory`, a `Report` or a `Trace`.

    Raises:
        DataError: If the result has no figure, or there is nothing to plot.
        MissingPackageError: If matplotlib is not installed.
    """
    plot = next((FIGURES[kind] for kind in FIGURES if isinstance(result, kind)), None)
    if plot is None:
        raise DataError(f"expected a result that has a figure, got {type(result).__name__}")
    pyplot = load("matplotlib.pyplot")
    # Load the backend first: a notebook's backend turns on interactive mode when loaded. Within
    # `ioff`, that would be undone on exit, for all later figures.
    pyplot.draw_if_interactive()
    with load("matplotlib").rc_context(PAGE), pyplot.ioff():
        ax = plot(result)
        try:
            return to_svg(ax)
        finally:
            pyplot.close(ax.figure)
