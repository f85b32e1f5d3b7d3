"""Run `python -m seqtoys …` for the pages, and show each command above its output."""

from __future__ import annotations

import os
import shlex
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from shutil import rmtree
from tempfile import mkdtemp
from unittest.mock import patch
from weakref import finalize

from seqtoys.__main__ import main

COLUMNS = 80
PROGRAM = "python -m seqtoys"


class Shell:
    """A temporary folder shared by a series of commands."""

    def __init__(self) -> None:
        self.folder = mkdtemp()
        finalize(self, rmtree, self.folder)

    def run(self, command: str, lines: int | None = None) -> str:
        """Run a command and return it with its output or error, as in a terminal.

        Args:
            command: A command that begins with `python -m seqtoys`.
            lines: The number of output lines to show. If None, all.

        Examples:
            >>> print(Shell().run("python -m seqtoys tasks", lines=2))
            $ python -m seqtoys tasks
            task                         description
            hihello                      One word, "hihello": the smallest text in which the
            …
        """
        arguments = shlex.split(command.removeprefix(PROGRAM))
        width = patch.dict(os.environ, {"COLUMNS": str(COLUMNS)})
        printed, progress = redirect_stdout(StringIO()), redirect_stderr(StringIO())
        with width, chdir(self.folder), progress as err, printed as out:
            is_refused = main(arguments) == 2
        shown = (err if is_refused else out).getvalue().rstrip("\n").split("\n")
        rest = ["…"] if lines is not None and len(shown) > lines else []
        return "\n".join([f"$ {command}", *shown[:lines], *rest])
