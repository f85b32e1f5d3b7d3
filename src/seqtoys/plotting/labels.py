"""Text in figures: symbols along an axis, and labels next to lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import fill
from typing import Any

import numpy as np

from seqtoys.data.symbols import legible
from seqtoys.plotting.style import FAINT, Axes, inches, ink, load, settle, text_height, text_size

DECADES = 3  # a logarithmic axis with fewer decades also has ticks at 2 and 5
SLIM = 1.2  # characters that fit in the space of one vertical word
SIZE = "legend.fontsize"  # the labels next to lines are their legend
LONGEST = 28  # characters in a line of a label
LEADER = 22.0  # points from the axes to a label
WORD = 2  # labels with more characters are vertical under an axis


@dataclass(frozen=True)
class Mark:
    """A labeled level: a baseline, or the end of a curve.

    Attributes:
        level: Its position on the vertical axis.
        label: Its name and value.
        colour: The color of its label. If None, the text color.
        dashes: The dashes of its curve, which lead to the label. If None, a thin line does.
    """

    level: float
    label: str
    colour: str | None = None
    dashes: Any = None


def draw_levels(ax: Axes, marks: Sequence[Mark]) -> None:
    """Draw a horizontal line at each level; levels of 0 are skipped on a logarithmic axis."""
    for mark in marks:
        if mark.level > 0 or ax.get_yscale() == "linear":
            ax.axhline(mark.level, color=ink(), linewidth=1, linestyle="--", alpha=FAINT, zorder=1)


def room_for(labels: int) -> float:
    """Return the height in inches of a new figure with labels of levels under each other."""
    return max(3.8, inches(labels + 4.0, SIZE))


def label_levels(ax: Axes, marks: Sequence[Mark]) -> list[Any]:
    """Write labels to the right of the axes, moved apart if they would overlap; return them.

    The limits of the axes must be set first; the positions are computed whenever the figure is
    drawn, because its layout may change.
    """
    low, high = ax.get_ylim()
    levels = [min(max(mark.level, low), high) for mark in marks]
    labels = list[Any]()
    lines = (-(-len(mark.label) // LONGEST) for mark in marks)
    gap = text_height(SIZE) * max(lines, default=1)  # points
    for index, (mark, level) in enumerate(zip(marks, levels, strict=True)):
        colour = mark.colour or ink()
        beyond = "" if low <= mark.level <= high else " ↓" if mark.level < low else " ↑"
        line = {"linewidth": 1, "alpha": FAINT}
        if mark.dashes is not None:
            line = {"linewidth": 2, "linestyle": mark.dashes}
        label = ax.annotate(
            fill(f"{mark.label}{beyond}", LONGEST, break_long_words=False),
            (1, level),
            xycoords=ax.get_yaxis_transform(),
            xytext=(LEADER, 0),
            textcoords=partial(_beside, ax, levels, index, gap),
            va="center",
            size=text_size(SIZE),
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "relpos": (0, 0.5), **line},
        )
        labels.append(label)
    return labels


def _beside(ax: Any, levels: Sequence[float], index: int, gap: float, renderer: Any) -> Any:
    """Return the transform from points to pixels, with the origin at the place of a label."""
    transforms, scale = load("matplotlib.transforms"), ax.figure.dpi / 72
    heights = ax.transData.transform([(1, level) for level in levels])[:, 1]  # pixels
    right, place = ax.bbox.x1, spread(heights.tolist(), gap * scale)[index]
    return transforms.Affine2D().scale(scale).translate(right, place)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move positions as little as possible to be at least a gap apart, in the same order.

    Examples:
        >>> spread([10.0, 30.0, 10.0], gap=4.0)
        [8.0, 30.0, 12.0]
    """
    order = np.argsort(places, kind="stable")
    blocks: list[list[float]] = []  # adjacent positions, minus the gaps before each
    for rank, index in enumerate(order):
        blocks.append([places[index] - rank * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    moved = [float(np.mean(block)) for block in blocks for _ in block]
    result = [0.0] * len(moved)
    for rank, index in enumerate(order):
        result[index] = moved[rank] + rank * gap
    return result


def number(value: float) -> str:
    """Format a loss or proportion with four decimal places, and 0 as "0".

    Examples:
        >>> number(0.46209), number(0.0)
        ('0.4621', '0')
    """
    return f"{value:.4f}" if value else "0"


def symbol_ticks(axis: Any, symbols: Sequence[str], first: int = 1) -> None:
    """Label the positions along an axis with symbols; words under the x axis are vertical.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
        symbols: The symbols.
        first: The position of the first symbol.
    """
    labels = [printable(legible(symbol)) for symbol in symbols]
    upright = axis.axis_name == "x" and any(len(label) > WORD for label in labels)
    axis.set_ticks(range(first, first + len(labels)), labels, rotation=90 if upright else 0)
    axis.set_tick_params(length=0)


def plain_log_ticks(axis: Any, decades: float) -> None:
    """Label a logarithmic y axis with plain numbers such as 0.02 rather than powers of ten.

    Args:
        axis: `ax.yaxis`.
        decades: The number of decades it spans.
    """
    ticker = load("matplotlib.ticker")
    box = axis.axes.get_window_extent()
    room = box.height * 72 / axis.axes.figure.dpi / text_height()  # lines of text
    is_short = decades < min(DECADES, room / 5)
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if is_short else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def whole_ticks(axis: Any) -> None:
    """Label an axis with integers only.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
    """
    axis.set_major_locator(
        load("matplotlib.ticker").MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True)
    )


def name_axes(ax: Axes, across: str, up: str) -> None:
    """Label both axes, in lines that are no longer than the axes.

    Args:
        ax: The axes.
        across: The label of the x axis.
        up: The label of the y axis.
    """
    for axis, text, side in ((ax.xaxis, across, 0), (ax.yaxis, up, 1)):
        axis.set_label_text(text)
        room = ax.get_window_extent().size[side]
        lines = math.ceil(max(axis.label.get_window_extent().size) / room)
        if lines > 1:
            breaks = (fill(text, width) for width in range(len(text) // lines, len(text) + 1))
            axis.set_label_text(next(each for each in breaks if each.count("\n") < lines))
            settle(ax)  # more lines below leave less room for the label of the y axis


def fitting(axis: Any, symbols: Iterable[str]) -> int:
    """Return the number of symbols that fit along an axis.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
        symbols: The possible symbols, to distinguish words from characters.
    """
    box, is_x = axis.axes.get_window_extent(), axis.axis_name == "x"
    length = (box.width if is_x else box.height) * 72 / axis.axes.figure.dpi  # points
    has_words = any(len(printable(legible(symbol))) > WORD for symbol in set(symbols))
    line = text_height(f"{axis.axis_name}tick.labelsize")
    return max(1, int(length / line * (1 if has_words or not is_x else SLIM)))


def fit_ticks(axis: Any) -> None:
    """Turn the labels of an x axis, and shrink those of any axis, until they do not overlap.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`, with a label at each of the integers along it.
    """
    settle(axis.axes)
    labels, is_x = axis.get_ticklabels(), axis.axis_name == "x"
    width, height = np.max([label.get_window_extent().size for label in labels], 0)
    room = axis.axes.get_window_extent().size[0 if is_x else 1] / len(labels)
    if is_x and width > room:
        axis.set_tick_params(rotation=90)
    longest = min(width, height) if is_x else height
    if longest > room:
        axis.set_tick_params(labelsize=labels[0].get_fontsize() * room / longest)


def noted(name: str, notes: Sequence[str]) -> str:
    """Return the label of an axis with notes.

    Examples:
        >>> noted("epoch", ["3 seeds", "bands: middle 50%"]), noted("epoch", [])
        ('epoch (3 seeds; bands: middle 50%)', 'epoch')
    """
    return f"{name} ({'; '.join(notes)})" if notes else name


def cut(shown: Sequence[object], every: Sequence[object]) -> str:
    """Return the note that only the first items are shown, or `""` if all are.

    Examples:
        >>> cut("hi", "hihello"), cut("hi", "hi")
        (' (first 2 of 7)', '')
    """
    return f" (first {len(shown):,} of {len(every):,})" * (len(shown) < len(every))


def printable(text: str) -> str:
    """Replace characters missing from the fonts by their code points.

    Examples:
        >>> printable("h🦜")
        'hU+1F99C'
    """
    fonts = list(_fonts())
    known = (any(font.get_char_index(ord(c)) for font in fonts) for c in text)
    shown = (c if k else f"U+{ord(c):04X}" for c, k in zip(text, known, strict=True))
    return "".join(shown).replace("$", r"\$")  # not as math text


def _fonts() -> Iterator[Any]:
    """Yield the text fonts, in order of preference."""
    fonts = load("matplotlib.font_manager")
    for family in fonts.FontProperties().get_family():
        properties = fonts.FontProperties(family=[family])
        yield fonts.get_font(fonts.findfont(properties))
