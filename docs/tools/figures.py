"""Figures drawn when a page is built, in the colors of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import pyplot

from seqtoys.plotting import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def show(ax: Axes) -> str:
    """Return a figure as HTML for a page, and close it.

    Args:
        ax: Axes of the figure.
    """
    svg = to_svg(ax)
    pyplot.close(ax.get_figure(root=True))
    return f'<div class="figure">{svg}</div>'
