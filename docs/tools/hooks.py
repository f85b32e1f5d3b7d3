"""MkDocs hooks: check that public names are documented, and add what the pages need."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).parents[1]
EXAMPLES = DOCS.parent / "examples"
LOG = logging.getLogger("mkdocs.hooks.documented")  # in strict mode, a warning fails the build


def on_startup(**_: object) -> None:
    """Add docs and repository to the path, as pytest's `pythonpath` does; set up the packages."""
    # The tensors are tiny: a second thread costs more than it brings, and waits in a busy loop.
    # PyTorch reads both when it is imported, which is later.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import matplotlib

    sys.path[:0] = [str(DOCS), str(DOCS.parent)]
    matplotlib.use("agg")  # a page needs no window
    matplotlib.rcParams["font.size"] = 12  # points: 16 pixels, like the text of the page


def on_config(config: MkDocsConfig) -> None:
    """Let warnings fail a strict build with `--quiet`, where MkDocs would not count them."""
    logger = logging.getLogger("mkdocs")
    if config.strict:
        logger.setLevel(min(logger.level, logging.WARNING))


def on_pre_build(**_: object) -> None:
    """Warn about each public name that is not documented."""
    from tools.documented import complaints

    for complaint in complaints():
        LOG.warning(complaint)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add each example as a notebook, next to the page of examples."""
    from tools.notebooks import to_notebook

    for path in sorted(EXAMPLES.glob("*.py")):
        name = f"examples/{path.stem}.ipynb"
        files.append(File.generated(config, name, content=to_notebook(path)))


def on_post_page(output: str, **_: object) -> str:
    """Name the dialog of the search, which the theme does not, for screen readers."""
    dialog = 'data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Add the facts of a chapter; fold the code of figures and, in the course, of numbers."""
    from tools.chapter_facts import with_facts
    from tools.shown import fold_code

    name = page.file.src_uri
    return fold_code(with_facts(markdown, name), numbers=name.startswith("course/"))
