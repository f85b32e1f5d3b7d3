"""Graphs: named states in columns, and labeled arrows between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.plotting.layers import layered
from seqtoys.plotting.style import TEAL, Axes, inches, ink, load, new_axes, settle, text_height

MARGIN = 0.1  # inches around the graph
ACROSS, DOWN = 3.8, 3.6  # lines of text between the circles of states
BEND, DETOUR = 0.2, 0.45  # of an arrow, relative to its length: beside another, around a state
ALONG = (0.46, 0.38)  # where the label of a straight and of a bent arrow is, of its length
LOOP = np.array([(-0.5, 0.87), (-2.0, 2.6), (2.0, 2.6), (0.5, 0.87)])  # relative to the radius
LOOP_TOP = 2.2  # the height of its highest point above the middle of the state
BEFORE = 1.6  # lines of text: the length of the arrow to the start

Vector: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = tuple[Hashable, Hashable]
Labels: TypeAlias = dict[Pair, list[str]]
"""The labels of the arrow from a state to another, or to itself."""


def draw_graph(
    names: Mapping[Hashable, str], labels: Labels, ends: Collection[Hashable], ax: Axes | None
) -> Axes:
    """Draw a graph, as large as it needs, or smaller in smaller axes.

    Args:
        names: The name of each state, the start first.
        labels: The labels of the arrows.
        ends: The states with two rings.
        ax: The axes. If None, those of a new figure.
    """
    radius = max(max(float(np.hypot(*_extent(name))), 0.9) for name in names.values())
    step = np.array([2 * radius + ACROSS, -2 * radius - DOWN])
    places: dict[Hashable, Vector] = {
        state: np.array(at) * step for state, at in layered(list(names), labels).items()
    }
    bends = {pair: _bend(pair, labels, places, radius) for pair in labels}
    low, high = _limits(places, bends, radius)
    ax = new_axes(ax, *(inches(side) + MARGIN for side in (high - low).tolist()))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_axis_off()
    settle(ax)
    room = np.array(ax.get_window_extent().size) * 72 / ax.figure.dpi  # points
    line = min(text_height(), *(room / (high - low)).tolist())
    pen = Pen(ax, places, line, radius * line)
    for state, name in names.items():
        pen.draw_state(state, name, has_ring=state in ends)
    pen.draw_start(next(iter(names)))
    for (one, other), bend in bends.items():
        if one == other:
            pen.draw_loop(one, labels[one, other])
        else:
            pen.draw_arrow(one, other, labels[one, other], bend)
    return ax


def _extent(text: str) -> Vector:
    """Return about half of the width and height of a text, in lines of text."""
    lines = text.split("\n")
    return np.array([0.25 * max(map(len, lines)), 0.5 * len(lines)])


def _bend(
    pair: Pair, pairs: Collection[Pair], places: Mapping[Hashable, Vector], radius: float
) -> float:
    """Return the bend of an arrow: positive to its right, 0 if it is straight."""
    start, end = places[pair[0]], places[pair[1]]
    if (pair[1], pair[0]) in pairs:
        return BEND
    others = [place for state, place in places.items() if state not in pair]
    if min((_distance(place, start, end) for place in others), default=radius) >= radius:
        return 0.0
    is_outside = _right(start, end)[1] * (start + end)[1] >= 0
    return DETOUR if is_outside else -DETOUR


def _distance(place: Vector, start: Vector, end: Vector) -> float:
    """Return the distance of a place from a straight arrow."""
    along = (place - start) @ (end - start) / ((end - start) @ (end - start))
    return float(np.linalg.norm(start + np.clip(along, 0, 1) * (end - start) - place))


def _right(start: Vector, end: Vector) -> Vector:
    """Return the way from start to end, turned to the right."""
    return np.array([(end - start)[1], (start - end)[0]])


def _limits(
    places: Mapping[Hashable, Vector], bends: Mapping[Pair, float], radius: float
) -> tuple[Vector, Vector]:
    """Return the lowest and highest coordinates of everything that is drawn, in lines of text."""
    edge = np.array([radius + 0.3, radius + 0.6])
    lows, highs = [at - edge for at in places.values()], [at + edge for at in places.values()]
    lows[0] = lows[0] - (BEFORE, 0)
    for (one, other), bend in bends.items():
        start, end = places[one], places[other]
        if one == other:
            top = start + _up(start) * (0, LOOP_TOP * radius + 1.3)
        else:
            top = (start + end) / 2 + bend / 2 * _right(start, end)
            top = top + np.sign(bend) * np.array([0, np.sign(_right(start, end)[1]) * 1.5])
        lows.append(top)
        highs.append(top)
    return np.min(lows, 0), np.max(highs, 0)


def _up(place: Vector) -> Vector:
    """Return the direction away from the middle of the graph, as factors of x and y."""
    return np.array([1.0, 1.0 if place[1] >= 0 else -1.0])


@dataclass(frozen=True)
class Pen:
    """Draws the parts of a graph.

    Attributes:
        ax: The axes.
        places: The place of each state, in the coordinates of the axes.
        line: The height of a line of text, in points.
        radius: The radius of a state, in points.
    """

    ax: Any
    places: Mapping[Hashable, Vector]
    line: float
    radius: float

    def draw_state(self, state: Hashable, name: str, *, has_ring: bool) -> None:
        """Draw a circle, with a second one if a string may end there."""
        place = self.places[state]
        for radius in (self.radius, self.radius - 0.2 * self.line)[: 1 + has_ring]:
            size = (2 * radius) ** 2
            self.ax.scatter(*place, s=size, facecolors="none", edgecolors=TEAL, linewidths=1.5)
        self._write(name, place)

    def draw_start(self, state: Hashable) -> None:
        """Draw an arrow from nowhere to the first state."""
        end, size = self.places[state], self.radius + BEFORE * self.line
        path = np.array([(-size, 0), (-self.radius, 0)])
        self._draw_path(end, path, [1, 2])

    def draw_loop(self, state: Hashable, labels: Sequence[str]) -> None:
        """Draw an arrow from a state to itself, away from the middle of the graph."""
        place = self.places[state]
        up = _up(place)
        self._draw_path(place, LOOP * up * self.radius, [1, 4, 4, 4])
        text = ", ".join(labels)
        offset = up * (0, LOOP_TOP * self.radius + 0.65 * self.line)
        self._write(text, place, xytext=offset)

    def draw_arrow(
        self, one: Hashable, other: Hashable, labels: Sequence[str], bend: float
    ) -> None:
        """Draw an arrow from a state to another."""
        start, end = self.places[one], self.places[other]
        patches = load("matplotlib.patches")
        arrow = patches.FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", shrinkA=self.radius,
            shrinkB=self.radius, **self._style,
        )  # fmt: skip
        self.ax.add_patch(arrow)
        text = ("\n" if " " in labels[0] else ", ").join(labels)
        self._write(text, start, textcoords=partial(self._beside, start, end, bend, text))

    @property
    def _style(self) -> dict[str, Any]:
        return {"arrowstyle": "-|>", "color": ink(), "mutation_scale": self.line, "linewidth": 1}

    def _draw_path(self, place: Vector, points: Vector, codes: Sequence[int]) -> None:
        """Draw an arrow along a path in points, relative to a place."""
        figure, module = self.ax.figure, load("matplotlib.transforms")
        origin = module.ScaledTranslation(*place, self.ax.transData)
        path = load("matplotlib.path").Path(points / 72, codes)
        patch = load("matplotlib.patches").FancyArrowPatch
        transform = figure.dpi_scale_trans + origin
        self.ax.add_patch(patch(path=path, transform=transform, **self._style))

    def _write(
        self, text: str, place: Vector, *, xytext: Any = (0, 0), textcoords: Any = "offset points"
    ) -> None:
        self.ax.annotate(
            text, place, xytext=xytext, textcoords=textcoords, ha="center", va="center",
            size=self.line / text_height() * float(load("matplotlib").rcParams["font.size"]),
        )  # fmt: skip

    def _beside(self, start: Vector, end: Vector, bend: float, text: str, renderer: Any) -> Any:
        """Return the transform to pixels with the origin beside an arrow, outside of its bend."""
        one, other = self.ax.transData.transform([start, end])
        right = _right(one, other)
        middle = (one + other) / 2 + bend * right  # the control point of a quadratic curve
        along = ALONG[bend != 0]
        at = (1 - along) ** 2 * one + 2 * along * (1 - along) * middle + along**2 * other
        is_vertical = abs(right[1]) < abs(right[0]) / 9
        outside = right[0] if is_vertical else right[1] * _up(start + end)[1]
        side = right * np.sign(bend or outside) / np.linalg.norm(right)
        away = (np.abs(side) @ _extent(text) + 0.2) * self.line * self.ax.figure.dpi / 72
        return load("matplotlib.transforms").Affine2D().translate(*(at + away * side))
