"""The accuracy by length, for one or more models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtoys.plotting.labels import (
    Mark,
    draw_levels,
    label_levels,
    name_axes,
    noted,
    printable,
    room_for,
    spread,
)
from seqtoys.plotting.runs import Curve, Named, band_note, by_name, draw_bands
from seqtoys.plotting.style import Axes, ink, line_style, load, new_axes, settle
from seqtoys.records.report import Report
from seqtoys.support.arguments import checked
from seqtoys.support.uncertainty import NORMAL_95, Estimate
from seqtoys.support.values import check_lengths

THICK = 3.0  # points between lines that would hide each other


@checked
def plot_accuracy_by_length(
    reports: Named[Report], *, trained: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the accuracy on longer sequences, compared with that on the training lengths.

    The training lengths are shaded. The line across them is the accuracy on seen sequences, the
    marker among them that on unseen ones. The other markers are longer sequences. Bars are 95%
    confidence intervals. The thin dashed line is chance. Of several reports with one name, such
    as those of an ensemble, plots the median, with bands and bars of the middle 50%.

    Args:
        reports: The result of `evaluate`, a list of results, or either by name.
        trained: The shortest and longest training lengths. Defaults to those of the task.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; accuracies are proportions of the scored symbols.

    Raises:
        DataError: If there is no report.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, get_task
        >>> task = get_task("parity")
        >>> report = evaluate(ElmanCharModel(task.vocab, hidden_size=8), task, count=100)
        >>> ax = plot_accuracy_by_length({"untrained": report})
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('length (shaded: training)', 'accuracy')
    """
    named = by_name(reports, "report")
    groups = [Group(*each, line_style(index)) for index, each in enumerate(named.items())]
    every = [report for group in groups for report in group.reports]
    known = [length for report in every for length in report.lengths]
    span = check_lengths(trained or (min(known), max(known)))
    levels = chance_marks(every)
    ax = new_axes(ax, height=room_for(len(levels) + len(groups)))
    ax.axvspan(span[0] - 0.5, span[1] + 0.5, color=ink(), alpha=0.08, linewidth=0)
    ax.set_xlim(0, 1.05 * max([span[1], *(n for r in every for n in r.longer)]))
    percent_axis(ax)
    notes = ["shaded: training"]
    notes += ["marker in it: unseen"] if any(group.unseen for group in groups) else []
    notes += band_note([len(group.reports) for group in groups])
    _draw_seen(ax, groups, span)
    _draw_unseen(ax, groups, span)
    draw_levels(ax, levels)
    label_levels(ax, [*levels, *_draw_longer(ax, groups)])
    settle(ax)
    name_axes(ax, noted("length", notes), "accuracy")
    return ax


def chance_marks(reports: Sequence[Report]) -> list[Mark]:
    """Return the labeled levels of chance."""
    chances = {float(report.chance): None for report in reports}
    return [Mark(chance, f"chance {chance:.1%}") for chance in chances]


def percent_axis(ax: Axes) -> None:
    """Let the y axis show proportions from 0 to 1 in percent."""
    ax.set_ylim(0, 1.05)
    ax.yaxis.set_major_formatter(load("matplotlib.ticker").PercentFormatter(1))


@dataclass(frozen=True)
class Group:
    """The reports with one name.

    Attributes:
        name: The name, or `""`.
        reports: The reports.
        style: The color, dashes and marker.
    """

    name: str
    reports: Sequence[Report]
    style: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The name to show."""
        usual = "median" if len(self.reports) > 1 else self.reports[0].task
        return printable(self.name or usual)

    @property
    def line(self) -> dict[str, Any]:
        """The style of lines."""
        return {**self.style, "marker": None, "linewidth": 2}

    @property
    def points(self) -> dict[str, Any]:
        """The style of points: hollow, so that none hides another."""
        return {**self.style, "linestyle": "", "fillstyle": "none", "capsize": 3}

    def mark(self, end: float) -> Mark:
        """Return a label for the last accuracy."""
        style = self.style["color"], self.style["linestyle"]
        return Mark(end, f"{self.label} {end:.1%}", *style)

    @property
    def seen(self) -> list[Estimate]:
        """The accuracies on seen sequences."""
        return [report.seen.accuracy for report in self.reports]

    @property
    def unseen(self) -> list[Estimate]:
        """The accuracies on unseen sequences, of the reports that have them."""
        return [report.unseen.accuracy for report in self.reports if "unseen" in report.scores]

    @property
    def longer(self) -> dict[int, list[Estimate]]:
        """The accuracies at each length that all reports have."""
        lengths = sorted(set.intersection(*({*report.longer} for report in self.reports)))
        return {n: [report.longer[n].accuracy for report in self.reports] for n in lengths}


def _draw_seen(ax: Axes, groups: Sequence[Group], span: tuple[int, int]) -> None:
    """Draw a line across the training lengths for each name, next to each other if they meet."""
    across = span[0] - 0.5, span[1] + 0.5
    curves = [curve_of([group.seen] * 2) for group in groups]
    pixels = ax.transData.transform([(0, curve.median[0]) for curve in curves])[:, 1]
    heights = pixels * 72 / ax.figure.dpi  # points
    transforms = load("matplotlib.transforms")
    for group, curve, at, place in zip(
        groups, curves, heights, spread(heights.tolist(), THICK), strict=True
    ):
        moved = transforms.ScaledTranslation(0, (place - at) / 72, ax.figure.dpi_scale_trans)
        draw_bands(ax, across, curve, group.style["color"], several=len(groups) > 1)
        ax.plot(
            across, curve.median, **group.line, transform=ax.transData + moved, label=group.label
        )


def _draw_unseen(ax: Axes, groups: Sequence[Group], span: tuple[int, int]) -> None:
    """Draw a point among the training lengths for each name, side by side."""
    places = np.linspace(*span, len(groups) + 2)[1:-1]
    for group, place in zip(groups, places, strict=True):
        if group.unseen:
            middle, bars = curve_of([group.unseen]).median, bars_of([group.unseen])
            ax.errorbar([place], middle, bars, **group.points)


def _draw_longer(ax: Axes, groups: Sequence[Group]) -> list[Mark]:
    """Draw a curve over the longer lengths for each name; return marks of their last values."""
    marks = list[Mark]()
    for group in groups:
        if group.longer:
            draw_points(ax, group, group.longer, several=len(groups) > 1)
        end = float(curve_of([*group.longer.values()][-1:] or [group.seen]).median[-1])
        marks.append(group.mark(end))
    return marks


def draw_points(
    ax: Axes, group: Group, shares: Mapping[int, Sequence[Estimate]], *, several: bool
) -> None:
    """Draw the accuracies of a group at each place, joined by a line.

    Args:
        ax: The axes.
        group: The reports.
        shares: The accuracies of each report by place.
        several: Whether there are several groups.
    """
    places, values = list(shares), list(shares.values())
    curve = curve_of(values)
    draw_bands(ax, places, curve, group.style["color"], several=several)
    ax.plot(places, curve.median, **group.line)
    ax.errorbar(places, curve.median, bars_of(values), **group.points)


def curve_of(shares: Sequence[Sequence[Estimate]]) -> Curve:
    """Convert accuracies `(points, reports)` to a curve."""
    return Curve("", np.array(shares, np.float64).T)


def bars_of(shares: Sequence[Sequence[Estimate]]) -> Any:
    """Return how far the 95% interval of one report, or the middle 50% of several, reaches."""
    if len(shares[0]) == 1:
        return [NORMAL_95 * share.standard_error for (share,) in shares]
    low, middle, high = curve_of(shares).quantiles(0.25, 0.5, 0.75)
    return [middle - low, high - middle]
