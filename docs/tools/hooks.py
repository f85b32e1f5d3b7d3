"""What MkDocs runs when it builds: it checks what is documented, and adds what pages need."""

from __future__ import annotations

import logging
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
    """Put the docs and the repository on the path, as pytest's `pythonpath` does; size text."""
    import matplotlib

    sys.path[:0] = [str(DOCS), str(DOCS.parent)]
    matplotlib.use("agg")  # a page needs no window
    matplotlib.rcParams["font.size"] = 12  # points: the 16 pixels of the body's text


def on_config(config: MkDocsConfig) -> None:
    """Let warnings fail a strict build that is to be quiet: MkDocs would not count them."""
    logger = logging.getLogger("mkdocs")
    if config.strict:
        logger.setLevel(min(logger.level, logging.WARNING))


def on_pre_build(**_: object) -> None:
    """Warn of each public name that is not documented."""
    from tools.documented import complaints

    for complaint in complaints():
        LOG.warning(complaint)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add each example as a notebook, beside the page of examples."""
    from tools.notebooks import to_notebook

    for path in sorted(EXAMPLES.glob("*.py")):
        name = f"examples/{path.stem}.ipynb"
        files.append(File.generated(config, name, content=to_notebook(path)))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Fold the code of each figure below it; in the course, that of printed numbers, too."""
    from tools.shown import fold_code

    return fold_code(markdown, numbers=page.file.src_uri.startswith("course/"))
