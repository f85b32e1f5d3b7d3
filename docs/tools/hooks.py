"""What MkDocs calls while it builds the pages."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.livereload import LiveReloadServer
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from tools.blocks.fences import Fences

DOCS = Path(__file__).parents[1]
EXAMPLES = DOCS.parent / "examples"
LOG = logging.getLogger("mkdocs.hooks.documented")  # in strict mode, a warning fails the build

fences: Fences


def on_startup(command: str, **_: object) -> None:
    """Add docs and repository to the path, as pytest's `pythonpath` does; get ready for blocks."""
    global fences
    # The tensors are tiny: a second thread costs more than it brings, and waits in a busy loop.
    # PyTorch reads both when it is imported, which is later.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.path[:0] = [str(DOCS), str(DOCS.parent)]
    from tools.blocks.fences import Fences

    fences = Fences(DOCS.parent, is_served=command == "serve")


def on_config(config: MkDocsConfig) -> None:
    """Let warnings fail a strict build with `--quiet`, where MkDocs would not count them."""
    logger = logging.getLogger("mkdocs")
    if config.strict:
        logger.setLevel(min(logger.level, logging.WARNING))


def on_pre_build(**_: object) -> None:
    """Warn about each public name that is not documented."""
    from tools.pages.documented import complaints

    for complaint in complaints():
        LOG.warning(complaint)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add each example and each chapter as notebooks; run the code of the pages."""
    from tools.teaching.handouts import notebooks
    from tools.teaching.notebooks import to_notebook

    for path in sorted(EXAMPLES.glob("*.py")):
        name = f"examples/{path.stem}.ipynb"
        files.append(File.generated(config, name, content=to_notebook(path)))
    fences.start(files)
    site = config.site_url or ""
    for page in list(files.documentation_pages()):
        # Stored results take seconds to draw, too long while somebody writes a page.
        stored, text = not fences.is_served, page.content_string
        for name, content in notebooks(page.src_uri, text, site=site, stored=stored):
            files.append(File.generated(config, name, content=content))


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Add place, facts and handouts of a chapter; fold the code of figures and of numbers."""
    from tools.blocks.folds import fold_code
    from tools.teaching.chapters import add_position, with_facts
    from tools.teaching.handouts import with_handouts

    path = page.file.src_uri
    fences.begin(path)
    pages = [each.src_uri for each in files.documentation_pages()]
    before, after = map(_neighbor, (page.previous_page, page.next_page))
    markdown = add_position(with_facts(markdown, path), path, pages, before, after)
    return with_handouts(fold_code(markdown, numbers=path.startswith("course/")), path)


def on_page_content(html: str, **_: object) -> str:
    """Link the papers that a page cites."""
    from tools.pages.citations import link_papers

    return link_papers(html)


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """Convert formulas, whose source is in the search index by now; load the lab on its pages."""
    from tools.pages.maths import render_page
    from tools.teaching.lab import with_scripts

    output = with_scripts(render_page(output, page.file.src_uri), page.url)
    # The theme does not name the dialog of the search, which screen readers need.
    dialog = 'data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def on_post_build(**_: object) -> None:
    """Tidy up the outputs."""
    fences.end()


def on_serve(server: LiveReloadServer, **_: object) -> None:
    """Watch for outputs that were still missing when the pages were built."""
    fences.watch(server)


def on_shutdown(**_: object) -> None:
    """Start no more code."""
    fences.runs.stop()


def _neighbor(page: Page | None) -> tuple[str, str] | None:
    return None if page is None else (page.file.src_uri, str(page.title))
