"""Protection of files that must not be overwritten: unfinished training runs and foreign data."""

from __future__ import annotations

import os
from contextlib import suppress

from seqtoys.errors import ModelFileError
from seqtoys.records.history_fields import INTERRUPTED
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.serialization import MALFORMED
from seqtoys.support.tensor_file import TensorFile, read_file
from seqtoys.support.words import counted

FOREIGN = "data that seqtoys did not write or can't read"


def loss_of(path: PathLike) -> str | None:
    """Return what would be lost if a file were replaced, or None if it may be replaced.

    Empty files, saved models, and training runs that have ended or not started may be replaced.

    Args:
        path: The file, which need not exist.

    Examples:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w") as file:
        ...     print("my notes", file=file, flush=True)
        ...     loss_of(file.name)
        "data that seqtoys did not write or can't read"
    """
    name = os.fsdecode(path)
    with suppress(OSError, ValueError):
        if not os.path.isfile(name) or os.path.getsize(name) == 0:
            return None  # files that are not regular are rejected when they are written
    try:
        file = read_file(name)
    except ModelFileError:
        return FOREIGN
    return _unfinished(file) if "training" in file.facts else None


def _unfinished(file: TensorFile) -> str | None:
    try:
        history = file.state("history")
        stopped, epochs = history["stopped"], len(history["lr"])
        has_begun = epochs > 0 or file.state("training")["updates"]["begun"] is not None
        reasons = {stopped} if isinstance(stopped, str) else set(stopped)
    except MALFORMED:
        return FOREIGN
    if has_begun and not reasons.isdisjoint(INTERRUPTED):
        return f"an unfinished training run of {counted(epochs, 'epoch')}"
    return None
