"""The matrix that axes show, read back from what is drawn in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtoys.plotting.style import load
from seqtoys.plotting.texts import place_of, texts_in
from seqtoys.plotting.ticks import number, plain, tick_names, writer
from seqtoys.support.arrays import Floats


@dataclass(frozen=True)
class Cells:
    """A matrix of numbers.

    Attributes:
        rows: The name of each row.
        columns: The name of each column.
        texts: The numbers, as text.
        values: The numbers, `(rows, columns)`; of cells that only have a text, nan.
        is_named: Whether each row has a name.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    texts: Sequence[Sequence[str]]
    values: Floats
    is_named: bool


def read_cells(ax: Any) -> Cells | None:
    """Return the matrix that axes show as an image, as a mesh, or as texts in a grid.

    Args:
        ax: The axes.
    """
    for image in ax.images:
        if isinstance(image, load("matplotlib.image").AxesImage) and image.get_array().ndim == 2:
            left, right, bottom, top = image.get_extent()
            values = _filled(image)
            height, width = values.shape
            first, last = (bottom, top) if image.origin == "lower" else (top, bottom)
            return _cells(ax, values, _middles(left, right, width), _middles(first, last, height))
    for mesh in ax.collections:
        if isinstance(mesh, load("matplotlib.collections").QuadMesh):
            corners, values = mesh.get_coordinates(), _filled(mesh)  # (rows + 1, columns + 1, 2)
            if values.shape == (len(corners) - 1, len(corners[0]) - 1):  # not one per corner
                columns, rows = corners[0, :, 0], corners[:, 0, 1]
                return _cells(ax, values, *((s[1:] + s[:-1]) / 2 for s in (columns, rows)))
    return _written_cells(ax)


def _filled(artist: Any) -> Floats:
    """Return the numbers of an artist; those that are masked are nan."""
    values: Floats = np.ma.filled(np.ma.asarray(artist.get_array(), np.float64), np.nan)
    return values


def _middles(start: float, end: float, count: int) -> Floats:
    return start + (np.arange(count) + 0.5) * (end - start) / count


def _cells(ax: Any, values: Floats, columns: Floats, rows: Floats) -> Cells:
    across, down = writer(ax.xaxis), writer(ax.yaxis)
    texts = [["" if np.isnan(v) else number(float(f"{v:.2g}")) for v in row] for row in values]
    names = [down(at) for at in rows.tolist()], [across(at) for at in columns.tolist()]
    is_named = {round(at, 6) for at in rows.tolist()} <= tick_names(ax.yaxis).keys()
    return Cells(*names, texts, values, is_named)


def _written_cells(ax: Any) -> Cells | None:
    """Return the texts at the crossings of named rows and columns."""
    columns, rows = tick_names(ax.xaxis), tick_names(ax.yaxis)
    written = {place_of(text): plain(text.get_text()) for text in texts_in(ax)}
    if not {(x, y) for x in columns for y in rows} & written.keys():
        return None
    texts = [[written.get((x, y), "") for x in columns] for y in rows]
    unknown = np.full((len(rows), len(columns)), np.nan)
    return Cells([*rows.values()], [*columns.values()], texts, unknown, is_named=True)
