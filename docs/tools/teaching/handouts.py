"""What a chapter can be taken along as: notebooks, with and without answers, and slides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from mkdocs.utils.meta import get_data

from tools.teaching.chapters import CHAPTER, chapters
from tools.teaching.lessons import to_lesson

PLACE = "<!-- handouts -->"


def notebooks(page: str, text: str, *, site: str, stored: bool) -> Iterator[tuple[str, str]]:
    """Yield the path and the content of each notebook of a page; only chapters have some.

    Args:
        page: The path of the page within the documentation.
        text: The page, with its front matter.
        site: The address of the site, or an empty string if it is unknown.
        stored: Whether to include what needs the repository's stored results.
    """
    if CHAPTER.fullmatch(page):
        markdown, _ = get_data(text)
        for answers in (False, True):
            path = f"course/{notebook_of(page, answers=answers)}"
            yield path, to_lesson(markdown, page, answers=answers, site=site, stored=stored)


def with_handouts(markdown: str, page: str) -> str:
    """Link to the notebooks and slides at the end of a chapter; list them all for teachers.

    Args:
        markdown: The page.
        page: Its path within the documentation.

    Examples:
        >>> with_handouts("# Results", "results.md")
        '# Results'
    """
    markdown = markdown.replace(PLACE, handouts()) if PLACE in markdown else markdown
    if not CHAPTER.fullmatch(page):
        return markdown
    return f"{markdown.rstrip()}\n\n{links(page)}\n{{ .take-along }}\n"


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
    for chapter in chapters():
        blank, full = (notebook_of(chapter.name, answers=answers) for answers in (False, True))
        files = f'[blank]({blank}){{ download="" }}, [answers]({full}){{ download="" }}'
        slides = f"[slides]({chapter.name}?slides)"
        rows.append(f"| [{chapter.title}]({chapter.name}) | {files} | {slides} |")
    return "\n".join(rows)
