"""The series that axes show, read back from what is drawn in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from seqtoys.plotting.style import ink, load
from seqtoys.plotting.texts import in_data, place_of, texts_in
from seqtoys.plotting.ticks import Writer, plain, tick_names, writer
from seqtoys.support.arrays import Floats

Points: TypeAlias = tuple[Floats, Floats]
NEAR = 0.45  # a point this close to a named row belongs to it
NAMELESS = re.compile(r"_(child\d+|container\d+|nolegend_)?")  # what matplotlib calls an artist


@dataclass(frozen=True)
class Artist:
    """Points of one color.

    Attributes:
        points: The coordinates.
        colour: The color, without opacity.
        label: The label of the artist, or `""`.
        is_joined: Whether a line joins the points.
        is_bound: Whether the points are the bounds of a band.
    """

    points: Points
    colour: str
    label: str
    is_joined: bool = False
    is_bound: bool = False


@dataclass(frozen=True)
class Series:
    """Numbers at places along one axis, all of one name.

    Attributes:
        name: The name, or `""`.
        places: The places, in order.
        low: The lowest number at each place.
        middle: The median at each place, without bounds; nan where there is nothing else.
        high: The highest number at each place.
        count: The amount of numbers in all.
        name_place: Formats a place.
        write: Formats a number.
        is_joined: Whether a line joins them.
        is_named: Whether each place has a name.
    """

    name: str
    places: Sequence[float]
    low: Floats
    middle: Floats
    high: Floats
    count: int
    name_place: Writer
    write: Writer
    is_joined: bool
    is_named: bool


def read_series(ax: Any) -> list[Series]:
    """Return the lines, points, bands and bars of axes, those of one name together.

    An artist without a label belongs to the only label of its color, if there is one. The
    coordinates of axes that are switched off have no meaning, and are not read.

    Args:
        ax: The axes.
    """
    if not ax.axison:
        return []
    artists = [each for each in (*_lines(ax), *_scattered(ax), *_bands(ax)) if len(each.points[0])]
    groups: dict[tuple[str, str], list[Artist]] = {}
    for each in artists:
        groups.setdefault(_key(each, artists), []).append(each)
    series = [_series(ax, _named(ax, *key), group) for key, group in groups.items()]
    return series + [_series(ax, *each) for each in _bars(ax)]


def _key(artist: Artist, artists: Sequence[Artist]) -> tuple[str, str]:
    """Return the label and the color that an artist is grouped by."""
    alike = {each.label for each in artists if each.label and each.colour == artist.colour}
    label = artist.label or (alike.pop() if len(alike) == 1 else "")
    return label, "" if label else artist.colour


def _named(ax: Any, label: str, colour: str) -> str:
    """Return the label, or the only text of this color."""
    colours = load("matplotlib.colors")
    if label or colour == colours.to_hex(ink()):
        return label
    texts = [each for each in ax.texts if each.get_text()]
    found = {plain(t.get_text()) for t in texts if colours.to_hex(t.get_color()) == colour}
    return found.pop() if len(found) == 1 else ""


def _series(ax: Any, name: str, group: Sequence[Artist]) -> Series:
    """Join artists; the places are along the axis whose ticks have names, or along x."""
    x, y = (np.concatenate([each.points[side] for each in group]) for side in (0, 1))
    bounds = np.concatenate([np.full(len(each.points[0]), each.is_bound) for each in group])
    named = np.array([*tick_names(ax.yaxis)])
    is_across = len(named) > 0 and not tick_names(ax.xaxis)
    if is_across:
        apart = np.abs(y[:, np.newaxis] - named)  # (points, names)
        is_across = bool((apart.min(1) < NEAR).all())
    along, axis = (named[apart.argmin(1)], ax.yaxis) if is_across else (x, ax.xaxis)
    values, other = (x, ax.xaxis) if is_across else (y, ax.yaxis)
    order = np.argsort(along, kind="stable")
    places, starts = np.unique(along[order], return_index=True)
    found = np.split(values[order], starts[1:])  # one array per place
    inner = np.split(np.where(bounds, np.nan, values)[order], starts[1:])
    known = (each[~np.isnan(each)] for each in inner)
    middles = [float(np.median(each)) if len(each) else np.nan for each in known]
    low, high = (np.array([f(each) for each in found]) for f in (np.min, np.max))
    joined = any(each.is_joined for each in group)
    is_named = {round(place, 6) for place in places.tolist()} <= tick_names(axis).keys()
    numbers = places.tolist(), low, np.array(middles), high, len(values)
    return Series(name, *numbers, writer(axis), writer(other), joined, is_named)


def _label(artist: Any) -> str:
    """Return the label of an artist; an underscore before it hides it in legends only."""
    label = plain(str(artist.get_label()))
    return "" if NAMELESS.fullmatch(label) else label.removeprefix("_")


def _lines(ax: Any) -> Iterator[Artist]:
    """Yield the lines in the coordinates of the data."""
    colours = load("matplotlib.colors")
    for line in ax.lines:
        if _moves_with(ax, line) == (True, True) and line.get_alpha() != 0:
            points = _finite(*np.asarray(line.get_xydata(), np.float64).T)
            joined = line.get_linestyle() not in ("None", "", " ")
            yield Artist(points, colours.to_hex(line.get_color()), _label(line), joined)


def _finite(x: Floats, y: Floats) -> Points:
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def _moves_with(ax: Any, artist: Any) -> tuple[bool, bool]:
    """Return whether x and y are coordinates of the data, rather than of the axes."""
    transform = artist.get_transform()
    sides = tuple(map(bool, transform.contains_branch_seperately(ax.transData)))
    if sides == (False, False) and transform != ax.transAxes:
        return True, True  # moved by some points
    return sides[0], sides[1]


def _scattered(ax: Any) -> Iterator[Artist]:
    """Yield scattered points; those that are not filled are rings."""
    module = load("matplotlib.collections")
    for each in ax.collections:
        if isinstance(each, module.PathCollection):
            x, y = np.asarray(each.get_offsets(), np.float64).T
            label = _label(each) or "rings" * (not len(each.get_facecolor()))
            yield Artist(_finite(x, y), _colour(each), label)


def _colour(collection: Any) -> str:
    """Return the color of the areas of a collection, or of its edges; "" if it has neither."""
    found = [*collection.get_facecolor(), *collection.get_edgecolor()]
    return str(load("matplotlib.colors").to_hex(found[0])) if found else ""


def _bands(ax: Any) -> Iterator[Artist]:
    """Yield the lower and upper bounds of bands."""
    module = load("matplotlib.collections")
    for each in ax.collections:
        is_in_data = each.get_transform().contains_branch(ax.transData)  # not that of a quiver
        if isinstance(each, module.PolyCollection) and is_in_data:
            for path in each.get_paths():
                points = _finite(*np.asarray(path.vertices, np.float64).T)
                yield Artist(points, _colour(each), _label(each), is_bound=True)


def _bars(ax: Any) -> Iterator[tuple[str, list[Artist]]]:
    """Yield the bars of each container."""
    for bars in ax.containers:
        if isinstance(bars, load("matplotlib.container").BarContainer) and bars.patches:
            lengths = np.asarray(bars.datavalues, np.float64)
            boxes = [bar.get_bbox() for bar in bars.patches]
            if bars.orientation == "vertical":
                points = np.array([(box.x0 + box.x1) / 2 for box in boxes]), lengths
            else:
                points = lengths, np.array([(box.y0 + box.y1) / 2 for box in boxes])
            yield _label(bars) or "bars", [Artist(points, "", "")]


def read_spans(ax: Any) -> list[str]:
    """Return the parts of the x axis that are shaded.

    Args:
        ax: The axes.
    """
    write = writer(ax.xaxis)
    boxes = [each.get_extents().transformed(ax.transData.inverted()) for each in ax.patches
             if _moves_with(ax, each) == (True, False)]  # fmt: skip
    return [f"{write(box.x0)} to {write(box.x1)}" for box in boxes]


def read_levels(ax: Any) -> list[str]:
    """Return the heights of the horizontal lines across axes that have no label.

    Args:
        ax: The axes.
    """
    write = writer(ax.yaxis)
    labeled = {place_of(text)[1] for text in texts_in(ax) if in_data(ax, text)[1]}
    lines = [line for line in ax.lines if _moves_with(ax, line) == (False, True)]
    heights = dict.fromkeys(round(float(line.get_ydata()[0]), 6) for line in lines)
    return [write(height) for height in heights if height not in labeled]
