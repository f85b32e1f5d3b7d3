"""Ctrl-C during training, deferred until no update is in progress."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

IMPATIENT = 1.0  # seconds


class PostponedInterrupt(KeyboardInterrupt):
    """A Ctrl-C that was deferred until no update was in progress."""


class Interrupts:
    """The Ctrl-C presses during one training; calling it raises the deferred one.

    Attributes:
        is_repeated: Whether Ctrl-C was pressed twice within a second, also if the first press
            ended an earlier training.
    """

    _last: ClassVar[float] = -math.inf  # the time of the last press, in any training

    def __init__(self) -> None:
        self.is_repeated: bool = False
        self._is_pressed = False

    def __call__(self) -> None:
        """Raise the deferred Ctrl-C, if there is one.

        Raises:
            PostponedInterrupt: If Ctrl-C was pressed.
        """
        if self._is_pressed:
            raise PostponedInterrupt

    def press(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """Remember the first press; a handler for `signal.signal`.

        Raises:
            KeyboardInterrupt: If it is the second.
        """
        last, Interrupts._last = Interrupts._last, time.monotonic()
        self.is_repeated = self._last - last < IMPATIENT
        if self._is_pressed:
            raise KeyboardInterrupt
        self._is_pressed = True


@contextmanager
def postponed_interrupt() -> Iterator[Interrupts]:
    """Defer the first Ctrl-C until what is yielded is called, which then raises it.

    A second Ctrl-C raises immediately. Outside the main thread, or if there already is another
    handler for the signal, nothing is deferred.

    Examples:
        >>> with postponed_interrupt() as raise_if_pressed:
        ...     raise_if_pressed()
    """
    interrupts = Interrupts()
    in_charge = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not in_charge:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts.press)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
