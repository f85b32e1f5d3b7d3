"""The figures of chapter 13: strategies that a network goes through, and triangles of beliefs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from seqtoys.plotting.style import COLOURS, FAINT, TEAL, ink
from seqtoys.tasks.in_context.markov import InContextMarkov
from tools.figures.show import show

Array = npt.NDArray[np.floating[Any]]
CORNERS = np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]])  # of the triangle of beliefs
SHARP = 200  # dots per inch of points that are drawn as an image
STYLES = ("-", "--", "-.")  # told apart without their colors


def stages(
    moments: Sequence[int],
    distances: Mapping[str, Sequence[float]],
    losses: Array,
    task: InContextMarkov,
) -> str:
    """Plot the loss of a network in training, and its distances from simple strategies.

    Args:
        moments: The batches after which the distances were measured, in ascending order.
        distances: The distance from each strategy at these moments, in nats.
        losses: The loss at each batch.
        task: The task, for the losses of the strategies.
    """
    _, (above, below) = plt.subplots(2, 1, figsize=(7.0, 6.0), layout="constrained", sharex=True)
    _draw_losses(above, moments, losses, task)
    for (name, each), colour, style in zip(distances.items(), COLOURS, STYLES, strict=True):
        below.plot(moments, each, style, color=colour, linewidth=2, label=name)
    below.set(xscale="log", ylim=(0, None))
    below.set(xlabel="batches", ylabel="distance from a strategy (nats)")
    below.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(distances), frameon=False)
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
    return show(above)


def _draw_losses(ax: Any, moments: Sequence[int], losses: Array, task: InContextMarkov) -> None:
    """Draw the mean loss between moments, and the levels of the strategies."""
    means = [losses[start:end].mean() for start, end in pairwise([0, *moments])]
    ax.plot(moments, means, color=TEAL, linewidth=2)
    levels = {
        "uniform": math.log(task.symbols),
        "single symbols": task.references["counts single symbols"],
        "pairs (optimum)": task.optimum,
    }
    for name, level in levels.items():
        ax.axhline(level, color=ink(), linewidth=1, linestyle="--", alpha=FAINT)
        ax.text(
            0.01, level, f"{name} {level:.3f}", va="bottom", transform=ax.get_yaxis_transform()
        )
    ax.margins(y=0.12)
    ax.set_ylabel("loss (nats)")


def triangles(panels: Mapping[str, tuple[Array, Array]]) -> str:
    """Draw beliefs about three states as points in a triangle, one panel next to the other.

    Args:
        panels: The title of each panel, the points, and the beliefs that give them their colors,
            both `(points, states)`.
    """
    side = 7.0 / max(len(panels), 1.5)
    options: dict[str, Any] = {"figsize": (side * len(panels), side), "layout": "constrained"}
    _, row = plt.subplots(1, len(panels), dpi=SHARP, squeeze=False, **options)
    for ax, (title, (points, beliefs)) in zip(row[0], panels.items(), strict=True):
        draw_beliefs(ax, points, beliefs)
        ax.set_title(title)
    return show(row[0, 0])


def draw_beliefs(ax: Any, places: Array, beliefs: Array) -> None:
    """Draw points in the triangle of beliefs, each in the color of a belief."""
    x, y = (places @ CORNERS).T
    colours = beliefs @ np.array([to_rgb(colour) for colour in COLOURS])
    ax.scatter(x, y, s=1.5, c=colours, linewidths=0, rasterized=True)
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=ink(), linewidth=1, alpha=FAINT)
    ax.set_aspect("equal")
    ax.set_axis_off()
