"""Ctrl-C during training, deferred until no update is in progress."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class PostponedInterrupt(KeyboardInterrupt):
    """A Ctrl-C that was deferred until no update was in progress."""


@contextmanager
def postponed_interrupt() -> Iterator[Callable[[], None]]:
    """Defer the first Ctrl-C until the yielded function is called, which then raises it.

    A second Ctrl-C raises immediately. Outside the main thread, or if there already is another
    handler for the signal, nothing is deferred.

    Examples:
        >>> with postponed_interrupt() as raise_if_interrupted:
        ...     raise_if_interrupted()
    """
    pressed = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def raise_if_interrupted() -> None:
        if pressed:
            raise PostponedInterrupt

    in_charge = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not in_charge:
        yield raise_if_interrupted
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
