"""Replace the code blocks of the pages by their outputs; MkDocs calls this through its hooks."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import markdown_exec
from mkdocs.utils import CountHandler

from tools.blocks.block import plain
from tools.blocks.outputs import Outputs
from tools.blocks.runs import Runs

if TYPE_CHECKING:
    from markupsafe import Markup
    from mkdocs.livereload import LiveReloadServer
    from mkdocs.structure.files import Files

FOLDER = "SEQTOYS_OUTPUTS"  # the variable that names another folder for the outputs
PATIENCE = 15.0  # seconds that `mkdocs serve` waits for outputs
PAUSE = 0.2  # seconds between two looks at what is running
AGAIN = 5.0  # seconds until the server is asked again to build the pages
LOG = logging.getLogger("mkdocs.hooks.fences")


class Fences:
    """Runs the blocks of all pages, and returns their outputs while the pages are rendered.

    `mkdocs serve` shows the pages while blocks are still running, and builds the pages again when
    these have finished.

    Args:
        root: The repository.
        is_served: Whether the pages are built by `mkdocs serve`.
    """

    def __init__(self, root: Path, *, is_served: bool) -> None:
        self.is_served: bool = is_served
        outputs = Outputs(Path(os.environ.get(FOLDER, root / ".cache" / "docs")))
        self.runs: Runs = Runs(root, outputs, PATIENCE if is_served else None)
        self.page: str = ""
        self.sessions: dict[str, list[str]] = {}
        self.is_outdated = threading.Event()
        markdown_exec.formatters["python"] = self.format_block

    def start(self, files: Files) -> None:
        """Run what has no stored output."""
        self.is_outdated.set()
        pages = files.documentation_pages()
        self.runs.start((f"docs/{page.src_uri}", page.content_string) for page in pages)
        if not self.runs.are_finished():
            LOG.info("Some code is still running; the pages are built again when it has finished")
            _allow_warnings()

    def begin(self, page: str) -> None:
        """Begin a page: its sessions have names of their own."""
        self.page, self.sessions = page, {}

    def format_block(self, **options: Any) -> Markup:
        """Return the output of a block as HTML, as markdown-exec does."""
        return markdown_exec.base_format(language="python", run=self._output, **options)

    def _output(self, code: str, *, session: str, **_: object) -> str:
        codes = self.sessions.setdefault(session, []) if session else []
        codes.append(plain(code))
        output = self.runs.output(self.page, codes)
        if output.error is not None:
            raise markdown_exec.ExecutionError(markdown_exec.code_block("python", output.error))
        return output.text

    def end(self) -> None:
        """Delete outputs that are no longer used; build again when all blocks have run."""
        self.runs.outputs.prune()
        if not self.runs.are_finished():
            self.is_outdated = threading.Event()
            threading.Thread(
                target=self._build_again, args=[self.is_outdated], daemon=True
            ).start()

    def watch(self, server: LiveReloadServer) -> None:
        """Let the server build again when `_build_again` asks for it."""
        self._marker.touch()
        server.watch(str(self._marker))

    @property
    def _marker(self) -> Path:
        folder = self.runs.outputs.folder
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "finished"

    def _build_again(self, is_outdated: threading.Event) -> None:
        """Wait for all blocks, then ask for a build until one begins."""
        while not self.runs.are_finished():
            if is_outdated.wait(PAUSE):
                return
        self.runs.store()
        self._marker.touch()
        while not is_outdated.wait(AGAIN):  # the server may not have been watching yet
            self._marker.touch()


def _allow_warnings() -> None:
    """Let a strict build pass: other pages may link to headings that are still missing."""
    logger = logging.getLogger("mkdocs")
    for handler in list(logger.handlers):
        if isinstance(handler, CountHandler):
            logger.removeHandler(handler)
