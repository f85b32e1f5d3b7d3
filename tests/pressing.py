"""Press Ctrl-C at a chosen line of the library."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import seqtoys

SOURCE = str(Path(seqtoys.__file__).parent)


@contextmanager
def pressed_at_line(number: int) -> Iterator[list[int]]:
    """Press Ctrl-C after `number` lines of the library have run, and yield the line count."""
    lines, before, pressed = [0], sys.gettrace(), os.getpid()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if os.getpid() != pressed:  # a forked worker inherits the trace, not the press
            sys.settrace(None)
            return None
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        if event == "line":
            lines[0] += 1
            if lines[0] == number:
                signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


def spread(function: Callable[[int], int], places: int) -> list[int]:
    """Return evenly spaced line numbers from the first to the last line of a call."""
    lines = function(-1)
    return [1 + place * (lines - 1) // (places - 1) for place in range(places)]
