"""Trajectories of the hidden state in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from seqtoys.data.symbols import legible
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.evaluation.inspection import principal_components
from seqtoys.plotting.labels import name_axes, printable
from seqtoys.plotting.style import Axes, ink, line_style, new_axes, settle, text_height, text_size
from seqtoys.records.trace import Trace
from seqtoys.support.arguments import checked
from seqtoys.support.states import to_states

CLEAR = 40  # with more lines than this, they are drawn fainter
HEAD = 0.1  # inches: the length of an arrow head
SIDES = np.array([(x, y) for y in (1, 0, -1) for x in (0, 1, -1) if x or y])

Place = Float[npt.NDArray[np.floating], "2"]
Points = Float[npt.NDArray[np.floating], "_ 2"]


@checked
def plot_trajectory(traces: Trace | Sequence[Trace], *, ax: Axes | None = None) -> Axes:
    """Plot the trajectory of the hidden state in the plane of its largest variance.

    With two units, the axes are the units. With more, they are the first two principal components
    of all states, labeled with their proportions of the variance. Each point is a state, labeled
    with the symbol that led to it.

    Args:
        traces: The result of `model.trace` for one text, or a list for several.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with the same scale in both directions.

    Raises:
        InputTypeError: If an argument has the wrong type.
        DataError: If there are fewer than two states, a number is inf or nan, or the traces are
            from different networks.
        OptionError: If there is only one unit.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), hidden_size=2)
        >>> ax = plot_trajectory(model.trace("hihell"))
        >>> ax.get_xlabel(), [text.get_text() for text in ax.texts]
        ('unit 1', ['h', 'i', 'h', 'e', 'l', 'l'])
    """
    traces = [traces] if isinstance(traces, Trace) else list(traces)
    points, names = _plane(traces)
    ax = new_axes(ax, 6.0, 5.0)
    name_axes(ax, *names)
    ax.margins(0.1)
    ax.set_aspect("equal", adjustable="datalim")
    for index, way in enumerate(points):
        _draw_way(ax, way, line_style(index))
    settle(ax)
    labels = [printable(legible(symbol)) for trace in traces for symbol in trace.symbols]
    _label_points(ax, np.concatenate(points), labels)
    return ax


def _plane(traces: Sequence[Trace]) -> tuple[list[Points], list[str]]:
    """Return the points of each trace in a common plane, and the labels of its axes."""
    for trace in traces:
        trace.check_states()
    sizes = sorted({trace.hidden.shape[1] for trace in traces})
    if not sizes:
        raise DataError("expected at least one trace, got none")
    if len(sizes) > 1:
        raise DataError(f"expected traces of one network, got states of {quoted(sizes)} units")
    joined = np.concatenate([trace.hidden for trace in traces])
    states = to_states(joined, "the states", ("states", "hidden"))
    units = states.shape[1]
    if units < 2:
        raise OptionError("expected at least two hidden units, got one; use plot_hidden instead")
    names = ["unit 1", "unit 2"]
    if units > 2:
        states, shares = principal_components(states)
        names = [
            f"{order} principal component ({share:.0%} of the variance)"
            for order, share in zip(("first", "second"), shares, strict=True)
        ]
    ends = np.cumsum([len(trace) for trace in traces])[:-1]
    return np.split(states, ends), names


def _draw_way(ax: Axes, points: Points, style: dict[str, Any]) -> None:
    """Plot the states, connected by lines with arrow heads."""
    opacity = min(1.0, CLEAR / len(points))  # many lines would hide each other and the labels
    colour = style["color"]
    ax.scatter(points[:, 0], points[:, 1], s=25, color=colour, marker=style["marker"])
    ax.plot(*points.T, color=colour, linestyle=style["linestyle"], linewidth=1, alpha=opacity)
    steps = np.diff(points, axis=0)  # (time - 1, 2)
    moves = np.linalg.norm(steps, axis=1) > 0  # no arrow if the state does not change
    if moves.any():
        middles = (points[:-1] + steps / 2)[moves]
        aims = steps[moves] / np.linalg.norm(steps[moves], axis=1, keepdims=True)
        ax.quiver(
            *middles.T, *aims.T, color=colour, alpha=opacity, pivot="mid", units="inches",
            width=HEAD / 6, headlength=6, headaxislength=5, headwidth=4, scale_units="inches",
            scale=1 / HEAD,
        )  # fmt: skip


def _label_points(ax: Axes, points: Points, labels: Sequence[str]) -> None:
    """Label each point where there is most room; nearby points with the same label share it."""
    scale = 72 / ax.figure.dpi  # from pixels to typographic points
    places = ax.transData.transform(points) * scale
    taken, height, named = _lines(places), text_height(), list[int]()
    frame = ax.get_window_extent().get_points() * scale  # ((left, bottom), (right, top))
    frame += [(0, height / 2), (0, -height / 2)]  # half a line, away from the tick labels
    for index, (place, label) in enumerate(zip(places, labels, strict=True)):
        alike = [other for other in named if labels[other] == label]
        if any(np.abs(place - places[other]).max() < height for other in alike):
            continue
        half = np.array([0.25 * height * len(label), 0.0])  # about half of a label's width
        spots = place + SIDES * (half + 0.8 * height)  # (sides, 2)
        spot = spots[np.argmax([_room(spot, half, taken, frame) for spot in spots])]
        ax.annotate(
            label, points[index], xytext=spot - place, textcoords="offset points",
            ha="center", va="center", color=ink(), size=text_size(),
        )  # fmt: skip
        named.append(index)
        taken = np.vstack([taken, spot - half, spot, spot + half])


def _lines(places: Points) -> Points:
    """Return positions along the lines from each position to the next."""
    shares = np.linspace(0, 1, 20)[:, np.newaxis]
    between = [start + shares * (end - start) for start, end in pairwise(places)]
    return np.concatenate([places[:1], *between])


def _room(spot: Place, half: Place, taken: Points, frame: Float[np.ndarray, "2 2"]) -> float:
    """Return the distance from a label to the nearest obstacle, penalized outside the frame."""
    beyond = max((frame[0] - spot + half).max(), (spot + half - frame[1]).max(), 0)
    return float((np.abs(taken - spot) - half).max(-1).min() - 100 * beyond)
