"""An empty folder for blocks that write files, so that they can name them as a reader would."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory


class EmptyFolder:
    """A new working directory, until `leave` restores the old one and removes it.

    A block enters and leaves it in hidden lines; a `with` statement would indent what is shown.

    Examples:
        >>> before = Path.cwd()
        >>> here = EmptyFolder()
        >>> list(Path.cwd().iterdir()), Path.cwd() == before
        ([], False)
        >>> here.leave()
        >>> Path.cwd() == before
        True
    """

    def __init__(self) -> None:
        self.before: Path = Path.cwd()
        self.folder: TemporaryDirectory[str] = TemporaryDirectory()
        os.chdir(self.folder.name)

    def leave(self) -> None:
        """Change back to the previous directory, and remove this one."""
        os.chdir(self.before)
        self.folder.cleanup()
