"""Papers: whatever a page or a docstring cites is in the list, and becomes a link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.pages.citations import CITATION, link_papers
from tools.pages.papers import ARXIV, DOI, PAPERS

# A capitalized name, perhaps with coauthors, and a year.
CITED = re.compile(
    r"\b((?:[A-Z][\w-]+,\s+)*(?:[A-Z][\w-]+\s+(?:&|and)\s+)?[A-Z][\w-]+(?:\s+et\s+al\.)?)"
    r"(?:'s)?,?\s+\(?((?:19|20)\d\d)\b\)?"
)
LIST = "papers.py"
NO_PAPER = {"In", "Keep", "Copyright", "Python", "November", "Yazdani"}
WRITTEN = [
    *Path("docs").rglob("*.md"),
    *Path("docs/tools").rglob("*.py"),
    *Path("src").rglob("*.py"),
    Path("CHANGELOG.md"),
]
FLIPS = f"{ARXIV}2306.00946"
SHORTCUTS = f"{ARXIV}2210.10749"


def cited() -> set[tuple[str, str]]:
    """Return each author and year that the pages and the docstrings name, with a place."""
    return {
        (re.sub(r"\s+", " ", found[0]), str(path))
        for path in WRITTEN
        for found in CITED.finditer(path.read_text(encoding="utf-8"))
        if found[1] not in NO_PAPER
    }


def test_every_citation_is_of_a_listed_paper() -> None:
    found = cited()
    assert len(found) > 100
    unknown = {
        (text, path) for text, path in found if not CITATION.search(text.replace("&", "&amp;"))
    }
    assert unknown == set()


def test_every_listed_paper_is_cited() -> None:
    texts = " ".join(path.read_text(encoding="utf-8") for path in WRITTEN if path.name != LIST)
    texts = " ".join(texts.split())
    for paper in PAPERS:
        names = "|".join(re.escape(name) for name in (paper.authors, paper.also) if name)
        citation = rf"\b(?:{names})(?:'s)?,? \(?{paper.year}\b"
        assert re.search(citation, texts), paper


def test_links_are_identifiers_of_different_papers() -> None:
    urls = [paper.url for paper in PAPERS if paper.url]
    assert len(set(urls)) == len(urls)
    for url in urls:
        if url.startswith(DOI):
            assert re.fullmatch(r"10\.\d{4,5}/\S+", url.removeprefix(DOI))
        elif url.startswith(ARXIV):
            assert re.fullmatch(r"\d{4}\.\d{4,5}", url.removeprefix(ARXIV))
        else:
            assert url.startswith("https://")


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        ("<p>(Edelman et al. 2024)</p>", [f"{ARXIV}2402.11004"]),
        ("<p>Gu &amp; Dao\n(2024), Elman (1990)</p>",
         [f"{ARXIV}2312.00752", f"{DOI}10.1207/s15516709cog1402_1"]),
        ("<p><em>Finding structure\nin time</em></p>", [f"{DOI}10.1207/s15516709cog1402_1"]),
        ("<p>flip-flop languages: Liu et al. (2023)</p>", [FLIPS]),
        ("<p>shortcuts to automata: Liu et al. (2023)</p>", [SHORTCUTS]),
        ("<p>Wilson's (1927)</p>", [f"{DOI}10.1080/01621459.1927.10502953"]),
        ("<p>Tomita (1982)</p>", []),
        ('<h2>Elman (1990)</h2><a href="x">Elman (1990)</a><svg><g/>Elman (1990)</svg>', []),
        ("<p>Elman (1991), Newman (1990)</p>", []),
    ],
)  # fmt: skip
def test_citations_become_links(html: str, urls: list[str]) -> None:
    linked = link_papers(html)
    assert re.findall(r'<a href="(https[^"]*)">', linked) == urls
    assert re.sub(r'<a href="https[^"]*">([^<]*)</a>', r"\1", linked) == html
