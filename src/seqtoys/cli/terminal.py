"""Output of the commands: no wider than the terminal, and only results on stdout."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from seqtoys.cli.process import discard
from seqtoys.records.row import Row, describe


def terminal_width() -> int | None:
    """Return the width from `COLUMNS` or the terminal, or None if there is neither."""
    return shutil.get_terminal_size(fallback=(0, 0)).columns or None


def clip(line: str, width: int | None = None) -> str:
    """Truncate a line to the width of the terminal.

    Args:
        line: The line.
        width: The width. Defaults to that of the terminal, if there is one.

    Examples:
        >>> clip("the early bird", width=8)
        'the ear…'
    """
    width, line, mark = width or terminal_width(), encodable(line), encodable("…")
    if width is None or len(line) <= width:
        return line
    return line[: max(width - len(mark), 0)] + mark


def fold(text: str, *, indent: int = 0) -> str:
    """Wrap lines of prose that are wider than the terminal, with the rest of each indented."""
    width = terminal_width()
    if width is None:
        return text
    wrapper = textwrap.TextWrapper(
        max(width, 2 * indent, 1), subsequent_indent=" " * indent, break_on_hyphens=False
    )
    return "\n".join(map(wrapper.fill, encodable(text).split("\n")))


def encodable(text: str) -> str:
    """Replace what the output can't encode before the text is measured."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "seqtoys").decode(encoding)


def print_json(facts: Any) -> None:
    """Print facts as one line of JSON, in ASCII unless the output can encode everything."""
    encoding = sys.stdout.encoding or "utf-8"
    print(json.dumps(facts, ensure_ascii=not encoding.lower().startswith("utf")), flush=True)


def note(line: str) -> None:
    """Print a message on stderr without disturbing a progress bar."""
    from tqdm import tqdm

    try:
        tqdm.write(line, file=sys.stderr)
    except OSError:  # it is full, or its reader has exited: training goes on without messages
        discard(sys.stderr.fileno())


class Changes:
    """Prints an epoch whenever the visible part of its prediction has changed.

    Args:
        write: Prints a line.
        spacing: How much later than the last one printed the next epoch is, as a factor.
        words: Whether a prediction is one text of words.
    """

    def __init__(
        self, write: Callable[[str], object], spacing: float = 1.0, *, words: bool = False
    ) -> None:
        self._write, self._spacing, self._words = write, spacing, words
        self._last, self._next = "", 1.0

    def __call__(self, row: Row) -> None:
        """Print the epoch, or nothing."""
        predicted: Any = row.prediction
        shown = "" if predicted is None else describe([predicted] if self._words else predicted)
        if row.validation_loss is not None:
            shown = f"held-out loss {row.validation_loss:.4f}"
        if shown != self._last and row.epoch >= self._next:
            self._last, self._next = shown, row.epoch * self._spacing
            self._write(f"epoch {row.epoch:4}  loss {row.loss:.4f}  {shown}")
