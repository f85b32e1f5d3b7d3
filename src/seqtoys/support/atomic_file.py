"""Atomic file writes: a file is written completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeAlias

from seqtoys.errors import ModelFileError, shown_path
from seqtoys.support.file_kinds import stat_regular
from seqtoys.support.file_lock import is_released, try_lock

PathLike: TypeAlias = str | os.PathLike[str]
"""The path of a file: a string or a `pathlib.Path`."""

ADVICE = {
    errno.ENOENT: "create its directory first",
    errno.EISDIR: "give the path of a file in that directory",
    errno.EACCES: "choose a path you can write to",
    errno.EPERM: "choose a path you can write to",
    errno.EROFS: "choose a path you can write to",
    errno.EINVAL: "choose another path",
    errno.ENOSPC: "free some disk space",
}


TEMPORARY = re.compile(r"\.seqtoys-[0-9a-f]{16}\.tmp")
ABANDONED = 24 * 60 * 60  # seconds until a temporary file is abandoned, where locks don't work
ATTEMPTS = 5
RENAMES_OPEN_FILES = os.name == "posix"


def write_whole(path: PathLike, contents: bytes) -> None:
    """Write a file atomically: a crash leaves the old file or the new one, never a partial file.

    The bytes are written to a temporary file in the same directory, flushed to disk, and then
    renamed. A process killed before that leaves a `.seqtoys-….tmp` file behind; the next write to
    the directory removes it.

    A symbolic link is kept, and its target replaced. A replaced file keeps its permissions and,
    where the system allows it, its owner and group; its other hard links keep the old contents.

    Args:
        path: The file; it need not exist.
        contents: The complete contents.

    Raises:
        ModelFileError: If the file cannot be written, for example because it is read-only, a
            directory, a named pipe or a device. An existing file is then unchanged.

    Examples:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "greeting")
        ...     write_whole(path, b"hello")
        ...     path.read_text()
        'hello'
    """
    with writing(path, ". Any existing file is unchanged"):
        name = os.fsdecode(path)
        stat_regular(name)
        target = os.path.realpath(name)
        old = _writable(target)
        _remove_abandoned(os.path.dirname(target))
        _try_to_replace(target, contents, old, ATTEMPTS)


@contextmanager
def writing(path: PathLike, comfort: str = "") -> Iterator[None]:
    """Convert system errors while writing a file to a `ModelFileError` with advice.

    Args:
        path: The file.
        comfort: Text to append to the message.

    Raises:
        ModelFileError: If the system raises an error.

    Examples:
        >>> with writing("none/such"):
        ...     open("none/such", "w")
        Traceback (most recent call last):
        seqtoys.errors.ModelFileError: can't write none/such: No such file or directory; create ...
    """
    try:
        yield
    except (OSError, ValueError) as error:  # a path with a null character raises ValueError
        advice = ADVICE.get(getattr(error, "errno", 0), "try another path")
        raise ModelFileError(
            f"can't write {shown_path(path)}: {reason_of(error)}; {advice}{comfort}"
        ) from error


def reason_of(error: Exception) -> str:
    """Return the system's error message, without the file name.

    Examples:
        >>> import errno
        >>> reason_of(OSError(errno.ENOSPC, "No space left on device", "model"))
        'No space left on device'
    """
    return getattr(error, "strerror", None) or str(error)


def _writable(target: str) -> os.stat_result | None:
    """Return the status of the file to replace, or None if it does not exist."""
    old = stat_regular(target)
    # A rename ignores the permissions of the old file, and root can write to any: check both.
    if old is not None and not (old.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(errno.EACCES, "it is read-only", target)
    return old


def _try_to_replace(
    target: str, contents: bytes, old: os.stat_result | None, attempts: int
) -> None:
    try:
        _replace(target, contents, old)
    except FileNotFoundError:
        # Another process may have removed the temporary file as abandoned before it was locked.
        if attempts == 1 or not os.path.isdir(os.path.dirname(target)):
            raise
        _try_to_replace(target, contents, old, attempts - 1)


def _replace(target: str, contents: bytes, old: os.stat_result | None) -> None:
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".seqtoys-{os.urandom(8).hex()}.tmp")
    # The replacement of a private file must be private from the start.
    opener = None if old is None else partial(os.open, mode=0o600)
    try:
        with open(beside, "xb", opener=opener) as file:
            try_lock(file)  # shows `_remove_abandoned` that the file is in use
            file.write(contents)
            file.flush()
            if old is not None:
                _give(beside, old)
            os.fsync(file.fileno())
            if RENAMES_OPEN_FILES:  # while the lock is held
                os.replace(beside, target)
        if not RENAMES_OPEN_FILES:
            os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    if hasattr(
        os, "O_DIRECTORY"
    ):  # pragma: no branch - the directory is flushed as well, to make the rename durable
        with suppress(OSError):  # not supported by all file systems
            _flush_folder(folder)


def _give(path: str, old: os.stat_result) -> None:
    """Copy owner, group and permissions to a file, as far as the system allows."""
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown"):  # pragma: no branch - not on Windows
        new = os.stat(path)
        if new.st_gid != old.st_gid:
            try:
                os.chown(path, -1, old.st_gid)
            except OSError:
                mode &= ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3  # no more than others may do
        if new.st_uid != old.st_uid:
            with suppress(OSError):
                os.chown(path, old.st_uid, -1)
    os.chmod(path, mode)


def _remove_abandoned(folder: str) -> None:
    """Remove temporary files left in a directory by processes that were killed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    if _is_abandoned(entry):
                        os.unlink(entry.path)


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    released = is_released(entry.path)
    if released is None:
        return time.time() - entry.stat().st_mtime > ABANDONED
    return released


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
