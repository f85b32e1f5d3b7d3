"""Checks of the file type at a path: the library reads and replaces only regular files."""

from __future__ import annotations

import errno
import os
import stat

SPECIAL = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special_kind(mode: int) -> str | None:
    """Return the kind of a special file from its mode, or None for a regular file.

    Examples:
        >>> special_kind(stat.S_IFIFO | 0o600)
        'a named pipe'
    """
    return None if stat.S_ISREG(mode) else SPECIAL.get(stat.S_IFMT(mode), "a special file")


def stat_regular(path: str) -> os.stat_result | None:
    """Return the status of a regular file, or None if it does not exist; links are followed.

    Raises:
        OSError: If it is not a regular file, or its status cannot be read.
        ValueError: If the path contains a null character.
    """
    if not path:
        raise OSError(errno.EINVAL, "the path is empty", path)
    if path.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    kind = special_kind(found.st_mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", path)
    return found
