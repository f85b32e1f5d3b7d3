"""Many runs in one figure: lines by name; several runs with one name are a median with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch

from seqtoys.errors import DataError
from seqtoys.plotting.labels import Mark, printable
from seqtoys.plotting.style import Axes, line_style
from seqtoys.records.ensemble_row import quantiles_of
from seqtoys.support.arrays import Floats

Run = TypeVar("Run")
Named: TypeAlias = Run | Sequence[Run] | Mapping[str, Run | Sequence[Run]]
"""One run, several runs of one kind (such as seeds), or either by name."""


BANDS = {0.25: (0.05, 0.95), 0.4: (0.25, 0.75)}  # opacity: quantiles
MARKED = 8  # markers along a line


@dataclass(frozen=True)
class Curve:
    """A line, or the median of several with bands.

    Attributes:
        name: Its name.
        runs: The values of each run, `(runs, points)`; all nan at a point that is not drawn.
    """

    name: str
    runs: Floats

    @property
    def is_many(self) -> bool:
        """Whether there are several runs."""
        return len(self.runs) > 1

    @property
    def median(self) -> Floats:
        """The median of the runs, or the only run."""
        values: Floats = self.quantiles(0.5)[0] if self.is_many else self.runs[0]
        return values

    def quantiles(self, *shares: float) -> Floats:
        """Return quantiles over the runs, `(shares, points)`; nan ranks highest."""
        found = quantiles_of(torch.from_numpy(self.runs.T), shares).numpy()
        return np.where(np.isnan(self.runs).all(0), np.nan, found)


def by_name(runs: Named[Any], what: str) -> dict[str, list[Any]]:
    """Return the runs of each name; the name of runs without one is `""`.

    Args:
        runs: The runs.
        what: What to call one in the error message.

    Raises:
        DataError: If there are none, or none of one name.

    Examples:
        >>> by_name({"tanh": 1, "relu": [2, 3]}, "run")
        {'tanh': [1], 'relu': [2, 3]}
    """
    named = runs if isinstance(runs, Mapping) else {"": runs}
    listed = {
        name: list(each) if isinstance(each, Sequence) else [each] for name, each in named.items()
    }
    if not listed or not all(listed.values()):
        raise DataError(f"expected at least one {what}, got none")
    return listed


def stacked(runs: Sequence[Sequence[float]]) -> Floats:
    """Stack runs `(runs, points)`; the last value of a shorter run is repeated, as it ended there.

    Examples:
        >>> stacked([[3.0, 2.0, 1.0], [4.0]]).tolist()
        [[3.0, 2.0, 1.0], [4.0, 4.0, 4.0]]
    """
    longest = max(map(len, runs))
    return np.array([[*run, *[run[-1]] * (longest - len(run))] for run in runs], np.float64)


def draw_curves(
    ax: Axes, places: Sequence[int], curves: Sequence[Curve], *, marked: bool = False
) -> None:
    """Draw curves that differ in color, dashes and, if there are several, markers.

    The limits of the y axis must be set first.

    Args:
        ax: The axes.
        places: The position of each point on the x axis; of the first points, for shorter curves.
        curves: The curves.
        marked: Whether each point has a marker.
    """
    several = len(curves) > 1
    for index, curve in enumerate(curves):
        style, median = line_style(index), curve.median
        if not (marked or several or len(median) == 1):  # a single point needs a marker
            style["marker"] = None
        stride = 1 if marked else -(-len(median) // MARKED)
        draw_bands(ax, places[: len(median)], curve, style["color"], several=several)
        ax.plot(
            places[: len(median)], median, **style, linewidth=2, label=printable(curve.name),
            markevery=(index * stride // len(curves), stride),
        )  # fmt: skip


def curve_ends(curves: Sequence[Curve], labels: Sequence[str]) -> list[Mark]:
    """Return a labeled mark for each curve at its last value that is a number."""
    marks = []
    for index, (curve, label) in enumerate(zip(curves, labels, strict=True)):
        style, known = line_style(index), curve.median[~np.isnan(curve.median)]
        level = float(known[-1]) if len(known) else 0.0
        marks.append(Mark(level, printable(label), style["color"], style["linestyle"]))
    return marks


def draw_bands(
    ax: Axes,
    places: Sequence[int] | Sequence[float],
    curve: Curve,
    colour: str,
    *,
    several: bool = False,
) -> None:
    """Fill the middle 90% and 50% of the runs; only the latter if there are several curves."""
    if not curve.is_many:
        return
    top = 2 * max(map(abs, ax.get_ylim()))  # values beyond the axes may be infinite
    for opacity, shares in list(BANDS.items())[several:]:
        low, high = np.clip(curve.quantiles(*shares), -top, top)
        opacity = opacity / 2 if several else opacity
        ax.fill_between(places, low, high, color=colour, alpha=opacity, linewidth=0)


def band_note(sizes: Sequence[int]) -> list[str]:
    """Return what the bands of a figure show, if it has any.

    Args:
        sizes: The number of runs of each curve.
    """
    if max(sizes) == 1:
        return []
    return ["bands: middle 50%" if len(sizes) > 1 else "bands: middle 50% and 90%"]
