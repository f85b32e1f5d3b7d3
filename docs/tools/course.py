"""Figures of the course that need more than a few lines of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from seqtoys.plotting.alternatives import set_alternative
from seqtoys.plotting.labels import Mark, draw_levels, label_levels
from seqtoys.plotting.style import SIGNED, TEAL, VERMILLION, VIOLET, colour_map, ink, new_axes
from seqtoys.results import EnsembleHistory
from tools.figures import show

Array = npt.NDArray[np.floating[Any]]
SHAPE = (7, 5)  # rows and columns of a letter's picture
RESOLUTION = 200  # dots per inch for curves too numerous to draw as vectors


def learning_curves(history: EnsembleHistory, seed: int) -> str:
    """Plot the loss of each network of an ensemble, and the predictions of one as it learns.

    Args:
        history: The history of an ensemble trained on a text or a pair.
        seed: The seed of the network whose predictions are shown.
    """
    ax = new_axes(None, 7.0, 4.6)
    ax.set_yscale("log")
    ax.set(xlim=(0, len(history.loss)), ylim=(0.41, 1.95), xlabel="epoch")
    ax.set_ylabel("loss (nats per scored symbol)")
    ax.set_yticks([0.5, 1.0, 1.5], ["0.5", "1", "1.5"])
    ax.set_yticks([], minor=True)
    share, marks = history.solve_rate.value, []
    for solved, colour, says in ((True, TEAL, "learn it"), (False, VERMILLION, "do not")):
        losses = history.loss[:, history.solved == solved].numpy()  # (epochs, those networks)
        drawn = ax.plot(range(1, len(losses) + 1), losses, color=colour, linewidth=1)
        plt.setp(drawn, alpha=0.08, rasterized=True, label=f"_networks that {says}")
        amount = share if solved else 1 - share
        marks += [Mark(float(np.median(losses[-1])), f"{amount:.1%} {says}", colour)]
    levels = [
        Mark(history.baselines.memoryless, f"memoryless {history.baselines.memoryless:.4f}"),
        Mark(history.loss_floor, f"tanh floor {history.loss_floor:.4f}"),
    ]
    draw_levels(ax, levels)
    label_levels(ax, [*marks, *levels])
    _write_answers(ax, history, seed)
    ax.figure.set_dpi(RESOLUTION)
    return show(ax)


def _write_answers(ax: Any, history: EnsembleHistory, seed: int) -> None:
    one = history[list(history.seeds).index(seed)]
    ax.plot(range(1, len(one) + 1), one.loss, color=ink(), linewidth=2, label=f"seed {seed}")
    for epoch in _turns(one.predictions):
        place = (epoch + 1, one.loss[epoch])
        ax.plot(*place, "o", color=ink())
        ax.annotate(
            one.predictions[epoch],
            place,
            xytext=(6, 5),
            textcoords="offset points",
            family="monospace",
        )


def _turns(answers: Sequence[Any], lasting: int = 5) -> list[int]:
    """Return where each answer begins that lasts at least `lasting` epochs."""
    begins = [i for i in range(len(answers)) if i == 0 or answers[i] != answers[i - 1]]
    ends = [*begins[1:], len(answers)]
    return [begin for begin, end in zip(begins, ends, strict=True) if end - begin >= lasting]


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
