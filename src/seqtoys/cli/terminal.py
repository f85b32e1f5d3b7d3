"""Output of the commands: no wider than the terminal, and only results on stdout."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any


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
    width = width or terminal_width()
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def fold(text: str) -> str:
    """Wrap lines of prose that are wider than the terminal."""
    width = terminal_width()
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, width) if line else "" for line in text.split("\n"))


def print_json(facts: Any) -> None:
    """Print facts as one line of JSON."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def note(line: str) -> None:
    """Print a message on stderr without disturbing a progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
