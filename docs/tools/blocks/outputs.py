"""Outputs of code blocks, stored in files under a digest of what they depend on."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from seqtoys.errors import ModelFileError
from seqtoys.support.atomic_file import write_whole

DAYS = 30.0  # an output that no build has used for this long is deleted
LOG = logging.getLogger("mkdocs.hooks.outputs")


class Outputs:
    r"""Printed texts in a folder, each in a file named by a digest.

    A file begins with the checksum of its text. One that is damaged counts as missing. Several
    builds can use the folder at once: a file is complete when it gets its name.

    Args:
        folder: The folder, which is made when needed.

    Examples:
        >>> folder = getfixture("tmp_path")
        >>> outputs = Outputs(folder)
        >>> outputs.write("0123", "h e l l o\n")
        >>> outputs.read("0123"), outputs.read("4567")
        ('h e l l o\n', None)
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        self._has_failed = False  # which is reported once

    def read(self, digest: str) -> str | None:
        """Return a text, or None if it isn't stored or is damaged."""
        path = self.folder / digest
        try:
            checksum, _, text = path.read_bytes().decode().partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        with suppress(OSError):  # others may own the folder, or it can only be read
            os.utime(path)  # `prune` keeps what was read lately
        return text if checksum == _checksum(text) else None

    def write(self, digest: str, text: str) -> None:
        """Store a text, or warn if the folder can't be written: the build goes on without."""
        written = f"{_checksum(text)}\n{text}".encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / digest, written)
        except (OSError, ModelFileError) as error:
            if not self._has_failed:
                self._has_failed = True
                LOG.info("Outputs of code can't be stored, so it runs again next time: %s", error)

    def prune(self, days: float = DAYS) -> None:
        """Delete what was neither written nor read for a number of days."""
        oldest = time.time() - days * 24 * 3600
        for path in self.folder.glob("*") if self.folder.exists() else []:
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:
                pass  # another build has deleted it, or the folder can only be read


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
