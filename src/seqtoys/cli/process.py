"""The process of a command: its streams, and what Ctrl-C does."""

from __future__ import annotations

import atexit
import codecs
import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper

ASCII = {"…": "...", "±": "+-", "·": ".", "␣": "_", "→": "->"}
"""Replacements for symbols of our own output that an encoding lacks."""


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, without a traceback, while nothing is to be saved."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run(main: Callable[[], int]) -> int:
    """Run the command line with outputs that accept any text, and return its exit code."""
    # Once the result is complete, Ctrl-C would only print a traceback.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it is closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="seqtoys")
    try:
        return main()
    finally:
        raise_on_interrupt()


def discard(descriptor: int) -> None:
    """Discard the rest of an output, which Python flushes once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def escape(text: str) -> str:
    r"""Write the symbols of a text in ASCII.

    Examples:
        >>> escape("0.5 ± 0.1…")
        '0.5 +- 0.1...'
        >>> escape("zwölf")
        'zw\\xf6lf'
    """
    written = (ASCII.get(symbol, symbol) for symbol in text)
    return "".join(written).encode("ascii", "backslashreplace").decode("ascii")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return escape(error.object[error.start : error.end]), error.end


def _exit(*_: object) -> None:
    os._exit(130)


codecs.register_error("seqtoys", _replace)
