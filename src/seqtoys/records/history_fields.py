"""What the histories of a model and of an ensemble have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError, quoted
from seqtoys.support.arrays import Bools
from seqtoys.support.serialization import Plain

INTERRUPTED = ("running", "interrupted", "error")  # training did not finish
UNFINISHED = (*INTERRUPTED, "epochs")  # training can be resumed
PUTS_BACK = ("epochs", "patience", "interrupted")  # after which keep="best" keeps the best weights
KEEPS_LAST = ("solved", "excess", "diverged")  # the last weights are kept, even with keep="best"
KINDS: dict[str, Any] = {
    "settings": dict,
    "stopped": str | list,
    "seconds": int | float,
    "loss_floor": int | float,
}


def read_fields(state: Mapping[str, Plain]) -> dict[str, Plain]:
    """Check the fields of a history read from a file.

    Args:
        state: The `state()` of a history.

    Raises:
        DataError: If a field has the wrong type.

    Examples:
        >>> read_fields({"settings": {}, "stopped": "solved", "seconds": "5"})
        Traceback (most recent call last):
        seqtoys.errors.DataError: expected seconds of type int or float, got '5'
    """
    for name, kind in KINDS.items():
        if not isinstance(state[name], kind):
            wanted = kind.__name__ if isinstance(kind, type) else str(kind).replace(" | ", " or ")
            raise DataError(f"expected {name} of type {wanted}, got {quoted(state[name])}")
    losses = {"references": {}, **state["baselines"]}
    references = {name: float(loss) for name, loss in losses.pop("references").items()}
    plain = {name: float(loss) for name, loss in losses.items()}
    baselines = Baselines(**plain, references=references)
    held_out, seconds = state["held_out"].tolist(), float(state["seconds"])
    return {**state, "baselines": baselines, "held_out": held_out, "seconds": seconds}


def check_columns(
    columns: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str]
) -> None:
    """Check that the columns of a history have one value per epoch.

    Args:
        columns: The columns by name; other fields are ignored.
        needed: The names of the required columns.
        optional: The names of the columns that may be empty.

    Raises:
        DataError: If a column has more or fewer values.
    """
    epochs = len(columns[needed[0]])
    for name in (*needed, *optional):
        found = len(columns[name])
        if found != epochs and (found or name in needed):
            raise DataError(f"expected {name} of {epochs} epochs, like the loss, got {found}")


def best_epochs(losses: npt.ArrayLike) -> list[int | None]:
    """Return the epoch with the lowest loss of each replica; None if no loss is finite.

    Args:
        losses: The held-out loss of each epoch, `(epochs, replicas)`.

    Examples:
        >>> best_epochs([[0.6, 0.3], [0.5, 0.3]])
        [2, 1]
    """
    found = np.asarray(losses, float)
    if not len(found):
        return []
    known = np.where(np.isfinite(found), found, np.inf)
    best = [int(at) + 1 for at in known.argmin(0)]
    return [epoch if np.isfinite(known[epoch - 1, at]) else None for at, epoch in enumerate(best)]


LAST, FEWEST = 50, 5  # the most epochs considered, and the fewest required
ERRORS = 5  # standard errors by which a mean must be below the optimum
ROUNDING = 1e-4  # nats of rounding error in single precision

REMARK = (
    "The loss is lower than any causal (left-to-right) model can reach.\n"
    "Check whether the model looks ahead or mixes sequences, or the optimum is wrong."
)


def is_impossible(losses: npt.ArrayLike, optimum: npt.ArrayLike) -> Bools:
    """Return whether final losses are below the optimum by more than chance.

    Args:
        losses: The loss of each epoch, `(epochs, replicas)`.
        optimum: The lowest loss that a causal model can reach on the data of each epoch.

    Returns:
        One boolean per replica; False if there are fewer than 5 epochs.

    Examples:
        >>> is_impossible([[0.6, 0.3]] * 9, [0.6] * 9).tolist()
        [False, True]
    """
    excess = (np.asarray(losses, float) - np.asarray(optimum, float)[:, np.newaxis])[-LAST:]
    if len(excess) < FEWEST:
        return np.zeros(excess.shape[1], bool)
    error = excess.std(0, ddof=1) / np.sqrt(len(excess))
    below: Bools = excess.mean(0) + ERRORS * error < -ROUNDING
    return below
