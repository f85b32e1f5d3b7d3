"""A file that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from seqtoys.errors import ModelFileError

PathLike: TypeAlias = str | os.PathLike[str]
"""Where a file is: a string or a `pathlib.Path`."""

ADVICE = {
    errno.ENOENT: "make its folder first",
    errno.EISDIR: "name a file in that folder",
    errno.EACCES: "choose a place you may write to",
    errno.EPERM: "choose a place you may write to",
    errno.EROFS: "choose a place you may write to",
    errno.ENOSPC: "make room on the disk",
}


def write_whole(path: PathLike, contents: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part of it.

    The bytes go to a file of their own in the same folder, are flushed to the disk, and only then
    get the name. A process that is killed before that leaves a `.seqtoys-….tmp` behind.

    Args:
        path: Where to; a link stays a link.
        contents: All of the file.

    Raises:
        ModelFileError: If that can't be done; what was there is then as it was.

    Examples:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "greeting")
        ...     write_whole(path, b"hello")
        ...     path.read_text()
        'hello'
    """
    with writing(path, ". Whatever was there is as it was"):
        _replace(os.path.realpath(os.fsdecode(path)), contents)


@contextmanager
def writing(path: PathLike, comfort: str = "") -> Iterator[None]:
    """Turn what the system raises while a file is written into an error that says what to do.

    Args:
        path: The file.
        comfort: What else to say.

    Raises:
        ModelFileError: If something is raised.

    Examples:
        >>> with writing("none/such"):
        ...     open("none/such", "w")
        Traceback (most recent call last):
        seqtoys.errors.ModelFileError: can't write none/such: No such file or directory; make ...
    """
    try:
        yield
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        advice = ADVICE.get(getattr(error, "errno", 0), "try another place")
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: {reason_of(error)}; {advice}{comfort}"
        ) from error


def reason_of(error: Exception) -> str:
    """What the system says of a failure, without the name of the file.

    Examples:
        >>> import errno
        >>> reason_of(OSError(errno.ENOSPC, "No space left on device", "model"))
        'No space left on device'
    """
    return getattr(error, "strerror", None) or str(error)


def _replace(target: str, contents: bytes) -> None:
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".seqtoys-{secrets.token_hex(8)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where folders can be flushed, too, so that the name lasts
        with suppress(OSError):  # some file systems have no such thing
            _flush_folder(folder)


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
