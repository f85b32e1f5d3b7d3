"""A file that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
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
"""Where a file is: a string or a `pathlib.Path`."""

ADVICE = {
    errno.ENOENT: "make its folder first",
    errno.EISDIR: "name a file in that folder",
    errno.EACCES: "choose a place you may write to",
    errno.EPERM: "choose a place you may write to",
    errno.EROFS: "choose a place you may write to",
    errno.EINVAL: "choose another path",
    errno.ENOSPC: "make room on the disk",
}


TEMPORARY = re.compile(r"\.seqtoys-[0-9a-f]{16}\.tmp")
ABANDONED = 24 * 60 * 60  # seconds after which a temporary file has no owner, if locks can't say
ATTEMPTS = 5
RENAMES_OPEN_FILES = os.name == "posix"


def write_whole(path: PathLike, contents: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part of it.

    The bytes go to a temporary file in the same directory, are flushed to the disk, and only then
    get the name. A process that is killed before that leaves a `.seqtoys-….tmp` behind; the next
    file that is written to the directory removes it.

    A symbolic link stays a link, and its target is replaced. A replaced file keeps its permissions
    and, where the system allows it, its owner and group; its other hard links keep the old
    contents.

    Args:
        path: The file; it may be new.
        contents: All of the file.

    Raises:
        ModelFileError: If that can't be done, as for a read-only file, a directory, a named pipe
            or a device. Whatever was there is then unchanged.

    Examples:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "greeting")
        ...     write_whole(path, b"hello")
        ...     path.read_text()
        'hello'
    """
    with writing(path, ". Whatever was there is as it was"):
        name = os.fsdecode(path)
        stat_regular(name)
        target = os.path.realpath(name)
        old = _writable(target)
        _remove_abandoned(os.path.dirname(target))
        _try_to_replace(target, contents, old, ATTEMPTS)


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
            f"can't write {shown_path(path)}: {reason_of(error)}; {advice}{comfort}"
        ) from error


def reason_of(error: Exception) -> str:
    """What the system says of a failure, without the name of the file.

    Examples:
        >>> import errno
        >>> reason_of(OSError(errno.ENOSPC, "No space left on device", "model"))
        'No space left on device'
    """
    return getattr(error, "strerror", None) or str(error)


def _writable(target: str) -> os.stat_result | None:
    """Return the status of the file that is to be replaced, or None if it is new."""
    old = stat_regular(target)
    # A file could be replaced whatever its own permissions are, and root may write to any.
    if old is not None and not (old.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(errno.EACCES, "it is read-only", target)
    return old


def _try_to_replace(
    target: str, contents: bytes, old: os.stat_result | None, attempts: int
) -> None:
    try:
        _replace(target, contents, old)
    except FileNotFoundError:
        # Another process may have taken the temporary file, before it was locked, for abandoned.
        if attempts == 1 or not os.path.isdir(os.path.dirname(target)):
            raise
        _try_to_replace(target, contents, old, attempts - 1)


def _replace(target: str, contents: bytes, old: os.stat_result | None) -> None:
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".seqtoys-{secrets.token_hex(8)}.tmp")
    # What replaces a private file is private from the start.
    opener = None if old is None else partial(os.open, mode=0o600)
    try:
        with open(beside, "xb", opener=opener) as file:
            try_lock(file)  # a sign of life for `_remove_abandoned`
            file.write(contents)
            file.flush()
            if old is not None:
                _give(beside, old)
            os.fsync(file.fileno())
            if RENAMES_OPEN_FILES:  # while it is locked
                os.replace(beside, target)
        if not RENAMES_OPEN_FILES:
            os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    if hasattr(
        os, "O_DIRECTORY"
    ):  # pragma: no branch - where folders can be flushed, too, so that the name lasts
        with suppress(OSError):  # some file systems have no such thing
            _flush_folder(folder)


def _give(path: str, old: os.stat_result) -> None:
    """Give a file the owner, group and permissions of another, as far as the system allows."""
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown"):  # pragma: no branch - not on Windows
        new = os.stat(path)
        if new.st_gid != old.st_gid:
            try:
                os.chown(path, -1, old.st_gid)
            except OSError:
                mode &= ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3  # for another group, as for all
        if new.st_uid != old.st_uid:
            with suppress(OSError):
                os.chown(path, old.st_uid, -1)
    os.chmod(path, mode)


def _remove_abandoned(folder: str) -> None:
    """Remove the temporary files of processes that were killed, from a directory."""
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
