"""What commands print: no wider than the terminal, and only the result on stdout."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any


def terminal_width() -> int | None:
    """The columns of the terminal, or those that `COLUMNS` says; None: no one is looking."""
    return shutil.get_terminal_size(fallback=(0, 0)).columns or None


def clip(line: str, width: int | None = None) -> str:
    """Shorten a line to the width of the terminal.

    Args:
        line: The line.
        width: To what instead; None: to that of the terminal, if there is one.

    Examples:
        >>> clip("the early bird", width=8)
        'the ear…'
    """
    width = width or terminal_width()
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def fold(text: str) -> str:
    """Break lines of prose that are wider than the terminal."""
    width = terminal_width()
    if width is None:
        return text
    return "\n".join(textwrap.fill(line, width) if line else "" for line in text.split("\n"))


def print_json(facts: Any) -> None:
    """Print facts as one line of JSON."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def note(line: str) -> None:
    """Say on stderr what is no result, around a progress bar if there is one."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
