"""Graphs: named states in columns, and labeled arrows between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.plotting.layers import layered
from seqtoys.plotting.style import (
    TEAL,
    Axes,
    inches,
    ink,
    load,
    new_axes,
    settle,
    text_height,
    text_size,
)

MARGIN = 0.1  # inches around the graph
ACROSS, DOWN = 3.8, 3.6  # lines of text between the circles of states
BEND, DETOUR = 0.2, 0.45  # of an arrow, relative to its length: beside another, around a state
ALONG = (0.46, 0.38, 0.56, 0.3, 0.66)  # where the label of an arrow may be, of its length
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
    arrows = _arrows(labels, places, radius)
    low, high = _limits(places, arrows, radius)
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
    for arrow in arrows:
        pen.draw_arrow(arrow)
    return ax


@dataclass(frozen=True)
class Arrow:
    """A labeled arrow from a state to another, or to itself.

    Attributes:
        start: The place of the first state, in lines of text like all lengths here.
        end: The place of the second state.
        text: The label.
        radius: The radius of a state.
        bend: Positive to the right, 0 if it is straight; relative to the length.
        along: Where the label is, of the length.
    """

    start: Vector
    end: Vector
    text: str
    radius: float
    bend: float = 0.0
    along: float = ALONG[0]

    @property
    def is_loop(self) -> bool:
        """Whether it leads from a state to itself."""
        return bool((self.start == self.end).all())

    @property
    def box(self) -> tuple[Vector, Vector]:
        """The lower left and the upper right corner of the label."""
        middle, extent = self.label_at(self.start, self.end, 1.0), _extent(self.text)
        return middle - extent, middle + extent

    def label_at(self, start: Vector, end: Vector, line: float) -> Vector:
        """Return the middle of the label, outside of the bend.

        Args:
            start: The place of the first state, in any unit.
            end: The place of the second state.
            line: The height of a line of text in that unit.
        """
        up = _up(self.start + self.end)
        if self.is_loop:
            return start + up * (0, (LOOP_TOP * self.radius + 0.65) * line)
        right = _right(start, end)
        middle = (start + end) / 2 + self.bend * right  # the control point of a quadratic curve
        t = self.along
        at = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        is_vertical = abs(right[1]) < abs(right[0]) / 9
        outside = right[0] if is_vertical else right[1] * up[1]
        side = right * np.sign(self.bend or outside) / np.linalg.norm(right)
        away = float(np.abs(side) @ _extent(self.text)) + 0.2
        place: Vector = at + away * line * side
        return place


def _arrows(labels: Labels, places: Mapping[Hashable, Vector], radius: float) -> list[Arrow]:
    """Return the arrows, with labels that avoid the states and each other where they can."""
    arrows, taken = (
        list[Arrow](),
        [(at - 0.7 * radius, at + 0.7 * radius) for at in places.values()],
    )
    for (one, other), each in labels.items():
        text = ("\n" if " " in each[0] and one != other else ", ").join(each)
        bend = 0.0 if one == other else _bend((one, other), labels, places, radius)
        choices = [Arrow(places[one], places[other], text, radius, bend, t) for t in ALONG]
        arrows.append(min(choices, key=lambda arrow: sum(_overlaps(arrow.box, t) for t in taken)))
        taken.append(arrows[-1].box)
    return arrows


def _overlaps(one: tuple[Vector, Vector], other: tuple[Vector, Vector]) -> bool:
    return bool((one[0] < other[1]).all() and (other[0] < one[1]).all())


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
    places: Mapping[Hashable, Vector], arrows: Sequence[Arrow], radius: float
) -> tuple[Vector, Vector]:
    """Return the lowest and highest coordinates of everything that is drawn."""
    edge = np.array([radius + 0.3, radius + 0.6])
    lows, highs = [at - edge for at in places.values()], [at + edge for at in places.values()]
    lows[0] = lows[0] - (BEFORE, 0)  # the arrow to the start
    for arrow in arrows:
        low, high = arrow.box
        lows.append(low - 0.3)
        highs.append(high + 0.3)
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
            # Not clipped, as the labels of other axes may make these smaller afterwards.
            self.ax.scatter(
                *place, s=(2 * radius) ** 2, facecolors="none", edgecolors=TEAL, linewidths=1.5,
                clip_on=False,
            )  # fmt: skip
        self._write(name, place)

    def draw_start(self, state: Hashable) -> None:
        """Draw an arrow from nowhere to the first state."""
        end, size = self.places[state], self.radius + BEFORE * self.line
        path = np.array([(-size, 0), (-self.radius, 0)])
        self._draw_path(end, path, [1, 2])

    def draw_arrow(self, arrow: Arrow) -> None:
        """Draw an arrow from a state to another, or to itself away from the middle."""
        if arrow.is_loop:
            self._draw_path(arrow.start, LOOP * _up(arrow.start) * self.radius, [1, 4, 4, 4])
        else:
            patch = load("matplotlib.patches").FancyArrowPatch(
                arrow.start, arrow.end, connectionstyle=f"arc3,rad={arrow.bend}",
                shrinkA=self.radius, shrinkB=self.radius, **self._style,
            )  # fmt: skip
            self.ax.add_patch(patch)
        self._write(arrow.text, arrow.start, textcoords=partial(self._label_at, arrow))

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

    def _write(self, text: str, place: Vector, *, textcoords: Any = "offset points") -> None:
        self.ax.annotate(
            text, place, xytext=(0, 0), textcoords=textcoords, ha="center", va="center",
            size=self.line / text_height() * text_size(),
        )  # fmt: skip

    def _label_at(self, arrow: Arrow, renderer: Any) -> Any:
        """Return the transform to pixels with the origin at the place of a label."""
        start, end = self.ax.transData.transform([arrow.start, arrow.end])
        place = arrow.label_at(start, end, self.line * self.ax.figure.dpi / 72)
        return load("matplotlib.transforms").Affine2D().translate(*place)
