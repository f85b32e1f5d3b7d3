"""What the histories of a model and of an ensemble have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError, quoted
from seqtoys.support.serialization import Plain

INTERRUPTED = ("running", "interrupted", "error")  # training did not finish
UNFINISHED = (*INTERRUPTED, "epochs")  # training can be resumed
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
    baselines = Baselines(**{name: float(loss) for name, loss in state["baselines"].items()})
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
