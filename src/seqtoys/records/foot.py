"""The lines below a printed history: the data, how training ended, and which weights are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from seqtoys.support.tables import WIDTH
from seqtoys.support.words import counted

PHRASES = {
    "epochs": "ran all epochs",
    "solved": "solved",
    "excess": "reached the goal",
    "patience": "ran out of patience",
    "interrupted": "interrupted",
    "error": "ended by an error",
    "diverged": "diverged",
    "running": "still running",
}
"""How training ended, in words, for each value of `History.stopped`."""


def ending(stopped: str, epochs: int, settings: Mapping[str, Any]) -> str:
    """Return when and why training ended, in words.

    Args:
        stopped: The reason, as in `History.stopped`.
        epochs: The number of epochs.
        settings: The options of `fit`.

    Examples:
        >>> ending("solved", 22, {"epochs": 100}), ending("epochs", 100, {"epochs": 100})
        ('solved at epoch 22 of 100', 'ran all 100 epochs')
    """
    most, until = settings.get("epochs"), settings.get("until")
    if stopped == "epochs":
        return f"ran all {epochs:,} epochs" if epochs != 1 else "ran one epoch"
    phrase = PHRASES.get(stopped, stopped)
    if stopped == "excess" and isinstance(until, int | float):
        phrase = f"within {until:g} nats of the optimum"
    when = "after" if stopped in ("interrupted", "error", "running") else "at"
    return f"{phrase} {when} epoch {epochs:,}" + (f" of {most:,}" if isinstance(most, int) else "")


def endings(stopped: Sequence[str]) -> str:
    """Count how the replicas of an ensemble ended.

    Examples:
        >>> endings(["solved", "epochs", "solved"])
        '2 solved, 1 ran all epochs'
    """
    counts = Counter(stopped).most_common()
    return ", ".join(f"{count:,} {PHRASES.get(why, why)}" for why, count in counts)


def foot_of(data: str, epochs_before: int, end: str, kept: str, note: str = "") -> str:
    """Return the lines below a printed history.

    Args:
        data: What the model was trained on, or "".
        epochs_before: The number of epochs of earlier trainings of the model.
        end: How training ended.
        kept: Which weights are kept, if not the last ones, or "".
        note: How the replicas of an ensemble were run, if not together, or "".

    Examples:
        >>> print(foot_of("1 pair of 6 symbols", 100, "solved at epoch 1 of 9", ""))
        Trained on 1 pair of 6 symbols.
        The model had already been trained for 100 epochs.
        Solved at epoch 1 of 9.
    """
    before = counted(epochs_before, "epoch")
    lines = [
        fill(f"Trained on {data}.", WIDTH) if data else "",
        f"The model had already been trained for {before}." if epochs_before else "",
        f"{end[:1].upper()}{end[1:]}.",
        kept,
        fill(note, WIDTH),
    ]
    return "\n".join(filter(None, lines))
