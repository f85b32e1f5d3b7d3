"""A headless Chromium and the built site, for tests of what a reader sees."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tools.teaching.course_pdf import BROWSERS, find_chromium, headless

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SITE = "SEQTOYS_SITE"  # the folder that `mkdocs build` wrote


class Silent(SimpleHTTPRequestHandler):
    """Serves files without printing a line per request."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once; without it or without Playwright, skip the test."""
    pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    program = find_chromium()
    if program is None:
        pytest.skip(f"needs one of the programs {', '.join(BROWSERS)}")
    with headless(program) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Serve the built site; return its address. Without a built site, skip the test."""
    folder = Path(os.environ.get(SITE, "site"))
    if not (folder / "index.html").is_file():
        pytest.skip(f"needs the site: run `mkdocs build`, or name its folder in {SITE}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
