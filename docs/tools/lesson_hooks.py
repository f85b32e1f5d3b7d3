"""MkDocs hooks: add the notebooks of the course, and links to them at the end of each chapter."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.structure.files import File
from mkdocs.utils.meta import get_data

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

CHAPTER = re.compile(r"course/\d\d-[\w-]+\.md")
PLACE = "<!-- handouts -->"
COURSE = Path(__file__).parents[1] / "course"
serving = False


def on_startup(command: str, **_: object) -> None:
    """Remember whether the pages are only served."""
    global serving
    serving = command == "serve"


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add each chapter as two notebooks: the answers left blank, and with answers."""
    from tools.lessons import to_lesson

    site = config.site_url or ""
    for chapter in [file for file in files if CHAPTER.fullmatch(file.src_uri)]:
        markdown, _ = get_data(chapter.content_string)
        for answers in (False, True):
            # Stored results take seconds to draw, too long while somebody writes a page.
            notebook = to_lesson(
                markdown, chapter.src_uri, answers=answers, site=site, stored=not serving
            )
            name = notebook_of(chapter.src_uri, answers=answers)
            files.append(File.generated(config, f"course/{name}", content=notebook))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Link to the notebooks and slides at the end of a chapter; list them all for teachers."""
    markdown = markdown.replace(PLACE, handouts()) if PLACE in markdown else markdown
    if not CHAPTER.fullmatch(page.file.src_uri):
        return markdown
    return f"{markdown.rstrip()}\n\n{links(page.file.src_uri)}\n{{ .take-along }}\n"


def links(page: str) -> str:
    """Return the links to the notebooks and the slides of a chapter, in Markdown.

    Args:
        page: The path of the chapter within the documentation.

    Examples:
        >>> print(links("course/03-elman.md"))
        This chapter as a notebook: [exercises left
        blank](notebooks/03-elman.ipynb){ download="" }, [with
        answers](notebooks/03-elman-answers.ipynb){ download="" } · as
        [slides](03-elman.md?slides)
    """
    blank, full = (notebook_of(page, answers=answers) for answers in (False, True))
    return (
        f'This chapter as a notebook: [exercises left\nblank]({blank}){{ download="" }}, '
        f'[with\nanswers]({full}){{ download="" }} · as\n'
        f"[slides]({PurePosixPath(page).name}?slides)"
    )


def notebook_of(page: str, *, answers: bool) -> str:
    """Return the name of a chapter's notebook, relative to the folder of the course.

    Args:
        page: The path of the chapter within the documentation.
        answers: Whether it is the notebook with answers.

    Examples:
        >>> notebook_of("course/03-elman.md", answers=True)
        'notebooks/03-elman-answers.ipynb'
    """
    return f"notebooks/{PurePosixPath(page).stem}{'-answers' if answers else ''}.ipynb"


def handouts() -> str:
    """Return a table of the notebooks and slides of all chapters, in Markdown.

    Examples:
        >>> print(handouts())
        | chapter | notebook | slides |
        | --- | --- | --- |
        | [1 · Vectors, templates, similarity](01-vectors.md) | ... |
        ...
    """
    rows = ["| chapter | notebook | slides |", "| --- | --- | --- |"]
    for path in sorted(COURSE.glob("[0-9][0-9]-*.md")):
        name, markdown = f"course/{path.name}", path.read_text(encoding="utf-8")
        title = re.search("^# (.*)", markdown, re.MULTILINE)
        assert title is not None, name
        blank, full = (notebook_of(name, answers=answers) for answers in (False, True))
        notebooks = f'[blank]({blank}){{ download="" }}, [answers]({full}){{ download="" }}'
        rows.append(f"| [{title[1]}]({path.name}) | {notebooks} | [slides]({path.name}?slides) |")
    return "\n".join(rows)
