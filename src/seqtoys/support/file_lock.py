"""Locks on open files, which the system releases when the process ends for any reason."""

from __future__ import annotations

import errno
import importlib
import io
import os
import weakref
from typing import IO, Any

HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # raised if the lock is already held
FAR = 2**31 - 2  # Windows locks bytes against reading, so lock one beyond the end of any file


def _import_if_there(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


fcntl: Any = _import_if_there("fcntl")  # POSIX
msvcrt: Any = _import_if_there("msvcrt")  # Windows


def try_lock(file: IO[bytes] | io.FileIO) -> bool | None:
    """Lock an open file without waiting; closing the file releases the lock.

    The lock excludes other locks on the file, in this process or another one. It does not prevent
    reading or writing.

    Args:
        file: The file, open for writing.

    Returns:
        Whether the lock was acquired; None if the file system does not support locks.

    Examples:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file, open(file.name, "ab") as again:
        ...     try_lock(file), try_lock(again)
        (True, False)
    """
    try:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


def is_released(path: str) -> bool | None:
    """Return whether a file exists and is not locked, or None if that cannot be determined.

    On Windows it cannot, because opening the file would keep its owner from renaming it.
    """
    if fcntl is None:
        return None
    try:
        with open(path, "r+b") as file:
            return try_lock(file)
    except OSError:
        return False


_FORKED: weakref.WeakSet[io.FileIO] = weakref.WeakSet()


def close_in_forks(file: io.FileIO) -> None:
    """Close an unbuffered file in every process forked from this one.

    A fork shares its parent's locks, so a worker would keep them after its parent has died.
    """
    _FORKED.add(file)


def _close_all() -> None:
    for file in list(_FORKED):
        file.close()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_close_all)
