"""Confidence intervals of many small samples of seeds."""

from __future__ import annotations

from collections.abc import Sequence

from seqtoys.plotting.labels import Mark, draw_levels, label_levels
from seqtoys.plotting.style import TEAL, VERMILLION, new_axes
from seqtoys.results import Proportion
from tools.figures import show


def intervals(solved: Sequence[bool], size: int) -> str:
    """Plot each sample's fraction of solved seeds with its 95% interval, and that of all seeds.

    Args:
        solved: Whether each seed solved it.
        size: The number of seeds per sample.
    """
    everyone, ax = Proportion(sum(solved), len(solved)).value, new_axes(None, 7.0, 3.6)
    starts = range(0, len(solved), size)
    samples = [Proportion(sum(solved[start : start + size]), size) for start in starts]
    for place, rate in enumerate(samples, 1):
        is_right = rate.low <= everyone <= rate.high
        colour = TEAL if is_right else VERMILLION
        name = f"_intervals that {'contain' if is_right else 'miss'} the rate of all seeds"
        ax.plot([place, place], [rate.low, rate.high], color=colour, linewidth=1.5, label=name)
        ax.plot(place, rate.value, "o", color=colour, markersize=3)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel=f"sample of {size} seeds", ylabel="solved", ylim=(0, 1.02))
    ax.set_xlim(0, len(samples) + 1)
    mark = Mark(everyone, f"all {len(solved):,} {everyone:.1%}")
    draw_levels(ax, [mark])
    label_levels(ax, [mark])
    return show(ax)
