"""Links from each citation, and from each title, to its paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from tools.pages.papers import PAPERS, Paper

TAG = re.compile(r"(<[^>]*>)")
NAME = re.compile(r"</?(\w+)")
KEPT = {"a", "code", "h1", "h2", "h3", "h4", "math", "pre", "svg"}  # get no links
NEAR = 300  # characters on either side of a citation that tell papers of the same year apart
LONG = 9  # letters of the words that do


def _pattern(paper: Paper) -> str:
    """Return the pattern of a citation, such as "Elman (1990)" or "Lan et al., 2022"."""
    names = [re.escape(escape(name)) for name in (paper.authors, paper.also) if name]
    authors = "|".join(name.replace(r"\ ", r"\s+") for name in names)
    return rf"(?:{authors})(?:['\u2019]s)?,?\s+(?:\({paper.year}\)|{paper.year}\b)"


CITATION = re.compile(r"\b(?:" + "|".join(dict.fromkeys(map(_pattern, PAPERS))) + ")")
TITLES = {paper.title.lower(): paper for paper in PAPERS}


def link_papers(html: str) -> str:
    """Link each citation, and each title, to its paper, except in code, headings and links.

    Args:
        html: A page.

    Examples:
        >>> print(link_papers("<p>Elman (1990), <code>Elman (1990)</code></p>"))
        <p><a href="https://doi.org/10.1207/s15516709cog1402_1">Elman (1990)</a>, <code>Elman (1990)</code></p>
    """  # noqa: E501 - a link has no spaces to break it at
    parts, inside, start, linked = TAG.split(html), 0, 0, []
    for part in parts:
        if part.startswith("<"):
            inside += _change(part)
        linked.append(part if inside or part.startswith("<") else _link(part, html, start))
        start += len(part)
    return "".join(linked)


def _change(tag: str) -> int:
    """Return by how much a tag changes the number of open elements that are left alone."""
    name = NAME.match(tag)
    if not name or name[1] not in KEPT or tag.endswith("/>"):
        return 0
    return -1 if tag.startswith("</") else 1


def _link(text: str, html: str, start: int) -> str:
    titled = TITLES.get(" ".join(text.split()).lower())
    if titled and titled.url:
        return f'<a href="{titled.url}">{text}</a>'

    def add(found: re.Match[str]) -> str:
        place = start + found.start()
        paper = _meant(found[0], html[max(place - NEAR, 0) : place + NEAR])
        return f'<a href="{paper.url}">{found[0]}</a>' if paper.url else found[0]

    return CITATION.sub(add, text)


def _meant(citation: str, context: str) -> Paper:
    """Return the paper of a citation; of several, the one with most words of its title nearby."""
    papers = [paper for paper in PAPERS if re.fullmatch(_pattern(paper), citation)]
    return max(papers, key=lambda paper: sum(word in context.lower() for word in _words(paper)))


def _words(paper: Paper) -> Iterator[str]:
    return (word for word in paper.title.lower().split() if len(word) >= LONG)
