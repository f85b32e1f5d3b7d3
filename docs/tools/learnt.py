"""What `python -m benchmarks.tasks_learnt --write` stored, as Markdown for the pages of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from statistics import median
from typing import Any

from benchmarks.tasks_learnt import read

HEAD = ("strings", "optimum of these", "loss", "accuracy", "whole strings")
HIGH = 1000  # nats: a loss that is no more told than that


@cache
def _rows() -> list[dict[str, Any]]:
    return read()


def rows_of(name: str) -> list[dict[str, Any]]:
    """What was found for a task, one row for each seed."""
    return [row for row in _rows() if row["network"]["task"] == name]


def scores_of(name: str) -> dict[str, list[dict[str, Any]]]:
    """How each seed did, for each kind of strings: as in training, and longer ones."""
    scores = [row["report"]["scores"] for row in rows_of(name)]
    return {kind: [each[kind] for each in scores] for kind in scores[0]} if scores else {}


def longest_of(name: str) -> tuple[int, list[float]]:
    """The longest length that a task was tested on, and the accuracies there."""
    kind, scores = list(scores_of(name).items())[-1]
    return int(kind.rpartition(" ")[2]), [score["accuracy"]["value"] for score in scores]


def scores_table(stored: Sequence[Mapping[str, Any]]) -> str:
    """Write how the seeds of a task did: the median, and in brackets the range.

    Args:
        stored: The rows of the task.
    """
    scores = [row["report"]["scores"] for row in stored]
    lines = [_cells(kind, [each[kind] for each in scores]) for kind in scores[0]]
    # A whole string can be right where all of its answers can be told, and there alone.
    columns = len(HEAD) if scores[0]["seen"]["optimum"] == 0 else len(HEAD) - 1
    rows = [HEAD, ["---"] * len(HEAD), *lines]
    written = [f"| {' | '.join(row[:columns])} |" for row in rows]
    return "\n".join(['<div class="facts" markdown>\n', *written, "\n</div>"])


def _cells(kind: str, scores: Sequence[Mapping[str, Any]]) -> list[str]:
    named = {"seen": "as in training"}.get(kind, f"of {kind}")
    losses, shares, wholes = (
        [score[column]["value"] for score in scores]
        for column in ("loss", "accuracy", "whole_accuracy")
    )
    optimum = f"{scores[0]['optimum']:.4f}"
    percents = [spread(values, "{:.1%}".format) for values in (shares, wholes)]
    return [named, optimum, spread(losses, nats), *percents]


def spread(values: Sequence[float], write: Callable[[float], str]) -> str:
    """Write the median of some values, and the lowest and the highest.

    Examples:
        >>> spread([0.5, 0.25, 1.0], nats), spread([1.0, 1.0], "{:.0%}".format)
        ('0.5000 (0.2500 to 1.0000)', '100%')
    """
    middle, low, high = (write(f(values)) for f in (median, min, max))
    return middle if low == high else f"{middle} ({low} to {high})"


def nats(loss: float) -> str:
    """Write a loss; those of networks whose states explode are all alike.

    Examples:
        >>> nats(0.25), nats(1e9)
        ('0.2500', 'over 1,000')
    """
    return f"{loss:.4f}" if loss < HIGH else f"over {HIGH:,}"


def made(names: Sequence[str]) -> str:
    """Write how the networks of some tasks were made; nothing, if there are none.

    Args:
        names: The names of the tasks.
    """
    stored = [row for name in names for row in rows_of(name)]
    if not stored:
        return ""
    (norm,) = {row["clip_norm"] for row in stored}
    runs: dict[str, dict[str, None]] = {}  # by what made them: the tasks
    for row in stored:
        runs.setdefault(_made(row), {})[f"`{row['network']['task']}`"] = None
    whose = "{}: " if len(runs) > 1 else ""
    lines = [whose.format(", ".join(tasks)) + told for told, tasks in runs.items()]
    return "\n\n".join(
        [
            "## The networks",
            "They read symbols one-hot, have a linear readout, and are trained by Adam, with "
            f"gradients clipped at norm {norm:g}. Numbers are medians over the seeds, in brackets "
            "the lowest and the highest; losses are in nats per scored symbol.",
            *lines,
        ]
    )


def _made(row: Mapping[str, Any]) -> str:
    machine = row["machine"]
    return (
        f"Made by `{row['command']}` on {row['date']}: {machine['cpu']}, Python "
        f"{machine['python']}, torch {machine['torch']}."
    )
