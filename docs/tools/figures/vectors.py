"""The figures of chapters 1 and 2: vectors as pictures, sounds and places in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from seqtoys.plotting.alternatives import set_alternative
from seqtoys.plotting.style import SIGNED, TEAL, VERMILLION, VIOLET, colour_map, ink, new_axes
from tools.figures.show import show

Array = npt.NDArray[np.floating[Any]]
SHAPE = (7, 5)  # rows and columns of a letter's picture


def pictures(rows: Mapping[str, Sequence[Array]], names: Sequence[str] = ()) -> str:
    """Draw pictures of letters: positive numbers (ink) are light, negative ones dark.

    Args:
        rows: The label of each row, and its pictures, each a vector.
        names: The labels below the pictures.
    """
    columns = max(map(len, rows.values()))
    size = (1.0 + 0.95 * columns, 0.3 + 1.3 * len(rows))
    options: dict[str, Any] = {"figsize": size, "layout": "constrained", "squeeze": False}
    _, grid = plt.subplots(len(rows), columns, **options)
    for axes, (row, vectors) in zip(grid, rows.items(), strict=True):
        for ax, vector in zip(axes, vectors, strict=True):
            _draw_picture(ax, vector)
        axes[0].set_ylabel(row, rotation=0, ha="right", va="center", labelpad=12)
    for ax, name in zip(grid[-1], names, strict=False):
        ax.set_xlabel(name)
    return show(grid[0, 0])


def _draw_picture(ax: Any, vector: Array) -> None:
    largest = max(float(np.abs(vector).max()), 1e-9)
    colours = colour_map(*SIGNED)
    ax.imshow(vector.reshape(SHAPE), cmap=colours, vmin=-1.3 * largest, vmax=1.3 * largest)
    ax.set(xticks=[], yticks=[])


def bars(values: Array, names: Sequence[str], label: str) -> str:
    """Draw a bar for each number, with the largest in teal.

    Args:
        values: The numbers.
        names: The labels below the bars.
        label: The label of the vertical axis.
    """
    ax = new_axes(None, 5.0, 2.6)
    highest = values == values.max()
    colours = [TEAL if is_highest else VERMILLION for is_highest in highest]
    drawn = ax.bar(range(len(values)), values, color=colours, width=0.6)
    ax.bar_label(drawn, [f"{value:.0f}" for value in values], padding=3)
    ax.axhline(0, color=ink(), linewidth=1)
    ax.set_xticks(range(len(values)), names)
    ax.tick_params(axis="x", length=0)
    ax.margins(y=0.18)
    ax.set(ylabel=label, yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    return show(ax)


def signal(samples: Array, templates: Array, matches: Array) -> str:
    """Plot a sound, some of the waves it is compared with, and how well each wave matches.

    Args:
        samples: The sound.
        templates: Some of the waves, one per row.
        matches: The match of each wave, in order.
    """
    _, parts = plt.subplots(3, 1, figsize=(7.0, 6.0), layout="constrained")
    parts[0].plot(samples, color=TEAL, linewidth=2, label="pressure")
    parts[1].plot(templates.T + 2.5 * np.arange(len(templates)), color=VIOLET, linewidth=2)
    set_alternative(parts[1], f"{len(templates)} of the waves, one above the other.")
    drawn = parts[2].bar(range(1, len(matches) + 1), matches, color=VERMILLION, width=0.6)
    drawn[int(matches.argmax())].set_color(TEAL)
    parts[2].axhline(0, color=ink(), linewidth=1)
    parts[2].set_xticks(range(1, len(matches) + 1))
    for ax, name in zip(parts, ("the sound", "some templates", "match of each"), strict=True):
        ax.set_title(name, loc="left", fontsize="medium")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_yticks([])
    for ax in parts[:2]:
        ax.set_xticks([0, 16, 32, 48, 63])
    parts[2].spines["bottom"].set_visible(False)
    parts[2].set_xlabel("note")
    return show(parts[0])


def letters(places: Array, names: Sequence[str], marked: str) -> str:
    """Plot letters at their positions in a plane, some of them in another color.

    Args:
        places: Two numbers for each letter.
        names: The letters.
        marked: The letters to draw in teal.
    """
    ax = new_axes(None, 7.0, 5.4)
    ax.plot(*places.T, alpha=0)  # sets the limits
    for place, name in zip(places, names, strict=True):
        colour = TEAL if name in marked else VERMILLION
        text = ax.text(place[0], place[1], name, ha="center", va="center")
        text.set(color=colour, fontsize="x-large", weight="bold")
    ax.set(xlabel="first number", ylabel="second number")
    return show(ax)
