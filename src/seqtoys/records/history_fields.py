"""What the histories of one model and of many have alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError, quoted
from seqtoys.support.serialization import Plain

INTERRUPTED = ("running", "interrupted", "error")  # the training did not come to its end
UNFINISHED = (*INTERRUPTED, "epochs")  # why a training ended that could go on
KINDS: dict[str, Any] = {
    "settings": dict,
    "stopped": str | list,
    "seconds": int | float,
    "loss_floor": int | float,
}


def read_fields(state: Mapping[str, Plain]) -> dict[str, Plain]:
    """Check the fields of a history that comes from a file.

    Args:
        state: The fields, as `state` of a history gives them.

    Raises:
        DataError: If one is of another type.

    Examples:
        >>> read_fields({"settings": {}, "stopped": "solved", "seconds": "5"})
        Traceback (most recent call last):
        seqtoys.errors.DataError: expected seconds as a history has it, got '5'
    """
    for name, kind in KINDS.items():
        if not isinstance(state[name], kind):
            raise DataError(f"expected {name} as a history has it, got {quoted(state[name])}")
    baselines = Baselines(**{name: float(loss) for name, loss in state["baselines"].items()})
    held_out, seconds = state["held_out"].tolist(), float(state["seconds"])
    return {**state, "baselines": baselines, "held_out": held_out, "seconds": seconds}


def check_columns(
    columns: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str]
) -> None:
    """Make sure that the columns of a history have one value per epoch.

    Args:
        columns: The columns by their names, and whatever else there is.
        needed: The names of those that every history has.
        optional: The names of those that may be empty.

    Raises:
        DataError: If one has more values, or fewer.
    """
    epochs = len(columns[needed[0]])
    for name in (*needed, *optional):
        found = len(columns[name])
        if found != epochs and (found or name in needed):
            raise DataError(f"expected {name} of {epochs} epochs, as of the loss, got {found}")
