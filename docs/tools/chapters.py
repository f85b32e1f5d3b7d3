"""The line at the top of each chapter: where it is in the course, and its neighbors."""

from __future__ import annotations

import re
from collections.abc import Collection

CHAPTER = re.compile(r"course/(\d\d)-[^/]*\.md")

Neighbor = tuple[str, str]
"""The path of a page in docs, and its title."""


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
        <p class="chapter" markdown="span">Chapter 1 of 2 · Next: [2 · Symbols](02-symbols.md)</p>
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
    return f'{title}\n\n<p class="chapter" markdown="span">{" · ".join(parts)}</p>\n{rest}'
