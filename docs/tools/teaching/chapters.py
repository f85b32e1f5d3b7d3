"""The chapters of the course: how long they take, what they need, and where they are in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mkdocs.utils.meta import get_data

from tools.blocks.block import BLOCK, HIDDEN

COURSE = Path(__file__).parents[2] / "course"
CHAPTER = re.compile(r"course/(\d\d)-[\w-]+\.md")  # the path of a page in docs
FILES = "[0-9][0-9]-*.md"
PLACE = "<!-- chapters -->"
HEADING = re.compile(r"^# (.*)\n", re.MULTILINE)
EXERCISE = re.compile(r"^\*\*\d+\.\*\*", re.MULTILINE)
IMPORT = re.compile(r"^ *(?:from|import) ([\w.]+)", re.MULTILINE)
PLOTTING = ("matplotlib", "scipy", "seqtoys.plotting")  # what the extra `plot` is needed for
WORDS, LINES = 150, 12  # read per minute, of text and of code
PER_EXERCISE = 5  # minutes

Neighbor: TypeAlias = tuple[str, str]
"""The path of a page in docs, and its title."""


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Attributes:
        name: The name of its file.
        title: Its heading, which starts with its number.
        question: The question that it answers, or "".
        minutes: About how long it takes, with its exercises.
        needs: The numbers of the chapters that it builds on.
        is_plotting: Whether its code needs the extra `plot`.
    """

    name: str
    title: str
    question: str
    minutes: int
    needs: tuple[int, ...]
    is_plotting: bool


def read(path: Path) -> Chapter:
    """Read what a page says about itself: front matter, heading, text and code.

    The front matter has two optional keys: `question`, and `needs`, a list of chapter numbers. If
    `needs` is missing, it is the chapter before.

    Args:
        path: The page.

    Raises:
        ValueError: If it has no heading.

    Examples:
        >>> chapter = read(COURSE / "03-elman.md")
        >>> chapter.title, chapter.needs, chapter.is_plotting
        ('3 · The Elman network', (2,), False)
    """
    text, front = get_data(path.read_text(encoding="utf-8"))
    heading, number = HEADING.search(text), int(path.name[:2])
    if heading is None:
        raise ValueError(
            f"expected a heading in {path.name}, got none; add a line such as # Title"
        )
    imported = {name for code in _visible(text) for name in IMPORT.findall(code)}
    return Chapter(
        name=path.name,
        title=heading[1],
        question=front.get("question", ""),
        minutes=minutes(text),
        needs=tuple(front.get("needs", range(max(1, number - 1), number))),
        is_plotting=any(name.startswith(PLOTTING) for name in imported),
    )


def _visible(text: str) -> Iterator[str]:
    """Yield the code that a reader of the page sees, block by block."""
    for block in BLOCK.finditer(text):
        if "exec=" not in block["options"] or "source=" in block["options"]:
            lines = block["code"].splitlines()
            yield "\n".join(line for line in lines if line.strip() and HIDDEN not in line)


def chapters() -> list[Chapter]:
    """Return the chapters, in order.

    Examples:
        >>> [chapter.name for chapter in chapters()][:2]
        ['01-vectors.md', '02-symbols.md']
    """
    return [read(path) for path in sorted(COURSE.glob(FILES))]


def minutes(text: str) -> int:
    r"""Estimate how long a page takes, from its words, its lines of code and its exercises.

    Args:
        text: The page, without front matter.

    Returns:
        The minutes, a multiple of 5.

    Examples:
        >>> minutes("word " * 1500)
        10
        >>> minutes("word " * 1500 + "\n**1.** Why?")
        15
    """
    lines = sum(len(code.splitlines()) for code in _visible(text))
    words = len(BLOCK.sub("", text).split())
    spent = words / WORDS + lines / LINES + PER_EXERCISE * len(EXERCISE.findall(text))
    return 5 * max(1, round(spent / 5))


def with_facts(markdown: str, name: str) -> str:
    r"""Add a line of facts below the heading of a chapter, or the table to the page of the course.

    Args:
        markdown: The page, without front matter.
        name: Its path in the folder of pages.

    Examples:
        >>> print(with_facts("# 8 · Memorizing\n\nSeed 777 ...", "course/08-memorising.md"))
        # 8 · Memorizing
        <BLANKLINE>
        About ... minutes · needs [chapter 5](05-hihello.md) · installs: `plot`
        { .chapter-facts }
        <BLANKLINE>
        Seed 777 ...
        >>> with_facts("# Results", "results.md")
        '# Results'
    """
    if name == "course/index.md":
        return markdown.replace(PLACE, table())
    if not CHAPTER.fullmatch(name):
        return markdown
    facts = f"\n{_facts(read(COURSE.parent / name))}\n{{ .chapter-facts }}\n"
    return HEADING.sub(lambda heading: heading[0] + facts, markdown, count=1)


def _facts(chapter: Chapter) -> str:
    links = [f"[{number}]({name})" for number, name in _needed(chapter)]
    if len(links) == 1:
        links = [links[0].replace("[", "[chapter ")]
    needs = "chapters " * (len(links) > 1) + (_listed(links) or "Python")
    installs = " · installs: `plot`" * chapter.is_plotting
    return f"About {chapter.minutes} minutes · needs {needs}{installs}"


def table() -> str:
    """Return the table of the chapters, in Markdown.

    Examples:
        >>> print(table())
        | chapter | minutes | needs | installs |
        | --- | ---: | --- | --- |
        | [1 · Vectors, templates, similarity](01-vectors.md)...
        | [2 · Symbols as numbers](02-symbols.md)... | ... | [1](01-vectors.md) | `plot` |
        ...
    """
    everything = chapters()
    rows = ["| chapter | minutes | needs | installs |", "| --- | ---: | --- | --- |"]
    rows += map(_row, everything)
    total = sum(chapter.minutes for chapter in everything) / 60
    return "\n".join([*rows, "", f"Together about {total:.0f} hours, exercises included."])


def _row(chapter: Chapter) -> str:
    question = f"<br>{chapter.question}" if chapter.question else ""
    needs = _listed([f"[{number}]({name})" for number, name in _needed(chapter)])
    installs = "`plot`" if chapter.is_plotting else ""
    return (
        f"| [{chapter.title}]({chapter.name}){question} | {chapter.minutes} "
        f"| {needs or 'Python'} | {installs} |"
    )


def _needed(chapter: Chapter) -> list[tuple[int, str]]:
    """Return number and file name of each chapter that this one needs.

    Raises:
        ValueError: If one does not exist.
    """
    names = {int(path.name[:2]): path.name for path in COURSE.glob(FILES)}
    for number in chapter.needs:
        if number not in names:
            raise ValueError(
                f"expected chapter {number}, which {chapter.name} needs, got none; change needs"
            )
    return [(number, names[number]) for number in chapter.needs]


def _listed(parts: list[str]) -> str:
    """Join with commas and "and"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def add_position(
    markdown: str,
    path: str,
    pages: Collection[str],
    before: Neighbor | None = None,
    after: Neighbor | None = None,
) -> str:
    r"""Add "Chapter 2 of 14" and links to the neighbors below the title of a chapter.

    Other pages are left as they are.

    Args:
        markdown: The page, with its title in the first line.
        path: Its path in docs.
        pages: The paths of all pages.
        before: The page before it, if any.
        after: The page after it, if any.

    Examples:
        >>> pages = ["course/index.md", "course/01-vectors.md", "course/02-symbols.md"]
        >>> after = ("course/02-symbols.md", "2 · Symbols")
        >>> print(add_position("# 1 · Vectors\n\nText.", pages[1], pages, None, after))
        # 1 · Vectors
        <BLANKLINE>
        Chapter 1 of 2 · Next: [2 · Symbols](02-symbols.md)
        { .chapter }
        <BLANKLINE>
        Text.
    """
    found = CHAPTER.fullmatch(path)
    if not found:
        return markdown
    parts = [f"Chapter {int(found[1])} of {sum(bool(CHAPTER.fullmatch(each)) for each in pages)}"]
    for name, neighbor in (("Previous", before), ("Next", after)):
        if neighbor and neighbor[0].startswith("course/"):
            parts.append(f"{name}: [{neighbor[1]}]({neighbor[0].removeprefix('course/')})")
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n{' · '.join(parts)}\n{{ .chapter }}\n{rest}"
