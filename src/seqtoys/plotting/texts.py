"""The texts in axes, and the points that they label."""

from __future__ import annotations

import re
from typing import Any

from seqtoys.plotting.style import load
from seqtoys.plotting.ticks import plain, writer

NUMBER = re.compile(r"[-\N{MINUS SIGN}]?[\d.,]+%?")


def texts_in(ax: Any) -> list[Any]:
    """Return the texts in axes that are not blank.

    Args:
        ax: The axes.
    """
    return [each for each in ax.texts if each.get_text().strip()]


def place_of(text: Any) -> tuple[float, float]:
    """Return the point that a text is at, or that it labels.

    Args:
        text: A text in axes.
    """
    x, y = getattr(text, "xy", text.get_position())
    return round(float(x), 6), round(float(y), 6)


def read_labels(ax: Any) -> list[str]:
    """Return the texts in axes; those at a point of the data with its coordinates.

    Numbers are left out: they repeat what is drawn.

    Args:
        ax: The axes.
    """
    across, up = writer(ax.xaxis), writer(ax.yaxis)
    labels = []
    for text in texts_in(ax):
        if NUMBER.fullmatch(plain(text.get_text())):
            continue
        x, y = place_of(text)
        at = f" at ({across(x)}, {up(y)})" if ax.axison and all(in_data(ax, text)) else ""
        labels.append(plain(text.get_text()) + at)
    return labels


def labels_beside(ax: Any) -> list[Any]:
    """Return the texts beside axes that label a height, such as the end of a curve.

    Args:
        ax: The axes.
    """
    return [text for text in texts_in(ax) if in_data(ax, text) == (False, True)]


def in_data(ax: Any, text: Any) -> tuple[bool, bool]:
    """Return whether x and y of a text, or of what it labels, are coordinates of the data.

    Args:
        ax: The axes.
        text: A text in them.
    """
    system = getattr(text, "xycoords", text.get_transform())
    if isinstance(system, load("matplotlib.transforms").Transform):
        x, y = system.contains_branch_seperately(ax.transData)
        return bool(x), bool(y)
    across, up = system if isinstance(system, tuple) else (system, system)
    return across == "data", up == "data"
