"""Print the chapters of a built site as one PDF.

The command is `python -m docs.tools.teaching.course_pdf SITE`.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pypdf import PdfReader
    from pypdf.generic import Destination

NAME = "seqtoys-course.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARTICLE = re.compile(r"<article\b[^>]*>(.*?)</article>", re.DOTALL)
TITLE = re.compile(r"<h1\b[^>]*>(.*?)(?:<a\b.*?)?</h1>", re.DOTALL)
STYLES = re.compile(r'<link\b[^>]*rel="stylesheet"[^>]*>')
CODE = re.compile(r'<details class="note">\s*<summary>The code of.*?</details>', re.DOTALL)
CANONICAL = re.compile(r'<link rel="canonical" href="([^"]*)"')
REFERENCE = re.compile(r'(\sid="|\sfor="|\shref="#|\bxlink:href="#|url\(#)')
RELATIVE = re.compile(r'\shref="((?!#|https?:)[^"]*)"')
HIDDEN_LINK = re.compile(r'(class="course-pdf") hidden(?:="")?')
LOOK = """
@page { size: A4; margin: 20mm 18mm; }
@page { @bottom-center { content: counter(page); font: 9pt sans-serif; } }
@page :first { @bottom-center { content: none; } }
body { background: white; }
.md-typeset { font-size: 10pt; }
.md-typeset .cover { padding-top: 60mm; text-align: center; }
.md-typeset :is(h1, .contents) { break-before: page; }
.md-typeset .cover h1 { break-before: auto; }
.md-typeset :is(.figure, table, math, .highlight, .result) { break-inside: avoid; }
.md-typeset :is(h2, h3) { break-after: avoid; }
.md-typeset .figure svg { max-width: 100%; height: auto; }
.md-typeset :is(pre, code) { white-space: pre-wrap; }
.md-typeset .contents li { display: flex; justify-content: space-between; }
.md-typeset :is(.headerlink, .take-along, .chapter, .chapter-facts, .labels, .numbers,
  .seeds label, .seeds input, .md-content__button) { display: none; }
"""
LAST_FRAME = """
for (const moving of document.querySelectorAll("animate")) {
  const last = moving.getAttribute("values").split(";").at(-1);
  moving.parentElement.setAttribute(moving.getAttribute("attributeName"), last);
  moving.remove();
}
"""


def main(arguments: Sequence[str]) -> None:
    """Print the course of a built site, and let its pages link to the PDF.

    Args:
        arguments: The folder of the site.

    Raises:
        SystemExit: If this folder has no course, or there is no Chromium.
    """
    if len(arguments) != 1 or not pages_of(Path(arguments[0])):
        raise SystemExit(
            "expected a folder that `mkdocs build` wrote, got "
            f"{' '.join(arguments) or 'nothing'}; run `mkdocs build`, then name its folder"
        )
    site, program = Path(arguments[0]), find_chromium()
    if program is None:
        raise SystemExit(f"found none of {', '.join(BROWSERS)}; install Chromium to print the PDF")
    with headless(program) as browser:
        print_course(site, browser)
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if HIDDEN_LINK.search(text):
            page.write_text(HIDDEN_LINK.sub(r"\1", text), encoding="utf-8")
    print(site / "course" / NAME)


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None if none is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def headless(program: str) -> Iterator[Browser]:
    """Start a headless Chromium, and end it afterwards.

    Args:
        program: The path of the Chromium.
    """
    from playwright.sync_api import sync_playwright  # of the extra `browser`, like pypdf

    with sync_playwright() as running:
        # Containers seldom allow Chromium's own sandbox; the pages are our own.
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def pages_of(site: Path) -> list[Path]:
    """Return the pages of the chapters, in order.

    Args:
        site: The folder of the site.
    """
    return sorted(site.glob("course/[0-9][0-9]-*/index.html"))


def print_course(site: Path, browser: Browser) -> None:
    """Print twice: the first time shows on which page each chapter begins.

    Args:
        site: The folder of the site; the PDF is written to its folder `course`.
        browser: A headless Chromium.
    """
    texts = {page.parent.name: page.read_text(encoding="utf-8") for page in pages_of(site)}
    target, numbers = site / "course" / NAME, dict.fromkeys(texts, 0)
    for _ in range(2):
        _print(joined(texts, numbers), site, target, browser)
        numbers = dict(zip(texts, _first_pages(target, len(texts)), strict=True))


def _print(html: str, site: Path, target: Path, browser: Browser) -> None:
    folder = next(iter(pages_of(site))).parent  # the styles have paths relative to this folder
    with NamedTemporaryFile("w", dir=folder, suffix=".html", encoding="utf-8") as file:
        file.write(html)
        file.flush()
        page = browser.new_page()
        page.goto(Path(file.name).as_uri())
        page.evaluate(LAST_FRAME)
        page.pdf(
            path=target,
            prefer_css_page_size=True,
            print_background=True,
            outline=True,
            tagged=True,
        )
        page.close()


def _first_pages(path: Path, count: int) -> list[int]:
    """Return the page on which each chapter begins, from the headings in the outline."""
    from pypdf import PdfReader

    reader = PdfReader(path)
    tops = [reader.get_destination_page_number(each) for each in _top_level(reader)]
    return [number + 1 for number in tops[-count:] if number is not None]


def _top_level(reader: PdfReader) -> Iterator[Destination]:
    for each in reader.outline:
        if not isinstance(each, list):
            yield each


def joined(texts: Mapping[str, str], numbers: Mapping[str, int]) -> str:
    """Join the pages of the chapters to one page, with a title page and contents.

    Args:
        texts: The HTML of each chapter, by the name of its folder.
        numbers: The page on which each chapter begins; 0 is left blank.
    """
    first = next(iter(texts.values()))
    styles = "".join(STYLES.findall(first))
    titles = {name: _found(TITLE, text).strip() for name, text in texts.items()}
    parts = [_cover(), _contents(titles, numbers), *(_chapter(name, texts) for name in texts)]
    colours = 'data-md-color-scheme="default" data-md-color-primary="teal"'
    return (
        '<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">'
        f"<title>seqtoys: the course</title>{styles}<style>{LOOK}</style></head>"
        f'<body dir="ltr" {colours}><article class="md-typeset">{"".join(parts)}</article></body>'
        "</html>"
    )


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found is not None, pattern.pattern
    return found[1]


def _cover() -> str:
    subtitle = "Recurrent networks, from one inner product to what they can't hold"
    return f'<div class="cover"><h1>seqtoys: the course</h1><p>{subtitle}</p></div>'


def _contents(titles: Mapping[str, str], numbers: Mapping[str, int]) -> str:
    entries = "".join(
        f'<li><a href="#{name}">{title}</a><span>{numbers[name] or ""}</span></li>'
        for name, title in titles.items()
    )
    return f'<div class="contents"><p><strong>Contents</strong></p><ul>{entries}</ul></div>'


def _chapter(name: str, texts: Mapping[str, str]) -> str:
    """Return the text of a chapter, in which names and links are unique in the whole course."""
    canonical = CANONICAL.search(texts[name])
    text = CODE.sub("", _found(ARTICLE, texts[name]))
    text = re.sub(r"<details(?! open)", "<details open", text)
    text = REFERENCE.sub(rf"\g<1>{name}-", text)

    def link(found: re.Match[str]) -> str:
        target = found[1]
        chapter = re.match(r"\.\./([\w-]+)/", target)
        if chapter and chapter[1] in texts:
            anchor = target.partition("#")[2]
            return f' href="#{chapter[1]}{"-" * bool(anchor)}{anchor}"'
        return f' href="{escape(canonical[1])}{target}"' if canonical else ""

    return f'<div id="{name}">{RELATIVE.sub(link, text)}</div>'


if __name__ == "__main__":
    main(sys.argv[1:])
