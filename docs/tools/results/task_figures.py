"""The figures of the task pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.shares import answer_shares
from seqtoys import get_task
from seqtoys.plotting.alternatives import Table, set_alternative
from seqtoys.plotting.labels import symbol_ticks
from seqtoys.plotting.style import FAINT, TEAL, VERMILLION, ink, new_axes
from seqtoys.tasks.catalogue import TOMITA
from seqtoys.tasks.tomita import Tomita
from tools.figures.show import CLOUD, show
from tools.results.learnt import longest_of, scores_of

ROW, AROUND = 0.36, 1.3  # inches: height of a task's row, and space above and below all rows
LENGTHS = range(1, 21)
HEIGHT = 0.8  # of the bars, relative to a row
DOT: dict[str, Any] = {"color": TEAL, "alpha": CLOUD}
RING: dict[str, Any] = {"color": VERMILLION, "fillstyle": "none", "markersize": 10}


def loss_figure(curve: Mapping[str, Any]) -> str:
    """Draw the loss of a network and the surprise of the source at each symbol of a sequence.

    Args:
        curve: A curve stored by `python -m benchmarks.tasks_learnt --write`.
    """
    ax = new_axes(None, 7.0, 3.0)
    places = range(1, len(curve["losses"]) + 1)
    grey: dict[str, Any] = {"color": ink(), "alpha": FAINT}
    ax.plot(places, curve["source"], "--", **grey, label="surprise of the source")
    ax.plot(places, curve["losses"], "o-", color=TEAL, linewidth=2, label="loss of a network")
    symbol_ticks(ax.xaxis, curve["symbols"])
    top = 1.1 * max(*curve["losses"], *curve["source"], 0.1)
    ax.set(xlabel="the symbol to be predicted", ylabel="nats", ylim=(-0.04 * top, top))
    _legend(ax)
    return show(ax)


def reach_figure(names: Sequence[str]) -> str:
    """Draw the accuracy of networks and of guessing, at training lengths and the longest.

    Args:
        names: The tasks.
    """
    learnt = [name for name in names if scores_of(name)]
    ax = new_axes(None, 7.0, AROUND + ROW * len(learnt))
    for place, name in enumerate(learnt, 1):
        trained, *_ = scores_of(name).values()
        shares = [score["accuracy"]["value"] for score in trained]
        length, longest = longest_of(name)
        _mark_chance(ax, place, float(get_task(name).chance), TEAL, "training lengths")
        _mark_chance(ax, place, max(answer_shares(name, length)), VERMILLION, "the longest")
        ax.plot(longest, [place] * len(longest), "o", **RING, label="_longest")
        ax.plot(shares, [place] * len(shares), "o", **DOT, label="_training lengths")
    ax.plot([], [], "o", **DOT, label="training lengths")
    ax.plot([], [], "o", **RING, label="longest")
    ax.plot([], [], "|", color=ink(), alpha=FAINT, markersize=14, label="guessing")
    ax.set_yticks(range(1, len(learnt) + 1), learnt)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="accuracy on answers", xlim=(0, 1.02), ylim=(len(learnt) + 0.6, 0.4))
    _legend(ax)
    return show(ax)


def _mark_chance(ax: Any, place: int, chance: float, colour: str, where: str) -> None:
    name = f"_guessing at {where}"  # not in the legend
    ax.plot([chance] * 2, [place - 0.3, place + 0.3], color=colour, alpha=CLOUD, label=name)


def balance_figure() -> str:
    """Draw the proportion of strings of each length that are in each of Tomita's languages."""
    ax = new_axes(None, 7.0, 5.2)
    found = dict[str, list[str]]()
    for number in TOMITA:
        shares = [Tomita(number).class_balance(length).members for length in LENGTHS]
        found[f"tomita_{number}"] = [f"{share:.1%}" for share in shares]
        floor = len(TOMITA) - number
        ax.bar(LENGTHS, [HEIGHT * share for share in shares], bottom=floor, color=TEAL)
        ax.axhline(floor, color=ink(), linewidth=1, alpha=FAINT)
    ax.set_yticks([len(TOMITA) - n + 0.3 for n in TOMITA], [f"tomita_{n}" for n in TOMITA])
    ax.tick_params(axis="y", length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set(xlabel="length", xlim=(0.4, 20.6), ylim=(-0.02, len(TOMITA)))
    ax.set_xticks([1, 5, 10, 15, 20])
    text = "; ".join(f"{name} {', '.join(shares[:10])}" for name, shares in found.items())
    columns = [map(str, LENGTHS), *found.values()]
    rows = list(zip(*columns, strict=True))
    table = Table("proportion of strings in the language", ["length", *found], rows)
    set_alternative(ax, f"Proportion of strings in the language, by length from 1: {text}.", table)
    return show(ax)


def _legend(ax: Any) -> None:
    """Add a legend above the figure, aligned to its right edge."""
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 3}
    ax.legend(**place, frameon=False, columnspacing=1.2, handletextpad=0.4)
