"""How the error of a cell is described in its row."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb

from seqtoys.errors import SeqtoysError
from seqtoys.sweeps.longest import TRIAL


def describe_error(error: BaseException) -> str:
    """Describe an error, the place where it was raised, and the length of a trial, if any.

    The place of this package's own errors is left out, as that line would not help.

    Args:
        error: The error.

    Examples:
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError as error:
        ...     print(describe_error(error))
        ZeroDivisionError: division by zero (<doctest ...>, line 2)
    """
    try:
        message = str(error)
    except Exception:  # from the user's error class
        message = "its message can't be shown"
    at = extract_tb(error.__traceback__)[-1]
    place = (
        [] if isinstance(error, SeqtoysError) else [Path(at.filename).name, f"line {at.lineno}"]
    )
    notes = [note for note in getattr(error, "__notes__", []) if note.startswith(TRIAL)]
    where = f" ({', '.join([*place, *notes])})" if place or notes else ""
    return f"{type(error).__name__}: {message}".removesuffix(": ") + where
