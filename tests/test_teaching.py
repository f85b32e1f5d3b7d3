"""Slides, the PDF of the course, downloads of figures and sliders, on the built site."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from tools.teaching.course_pdf import main

from tests.browsers import SITE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHAPTERS = sorted(Path("docs/course").glob("[0-9][0-9]-*.md"))
SVG = "{http://www.w3.org/2000/svg}"
SMALLEST = 0.5  # of the size of type that fills a slide well


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors


def open_slides(page: Page, site: str, stem: str) -> None:
    page.goto(f"{site}/course/{stem}/?slides")
    page.wait_for_selector(".slides-ready")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_section_fits_on_its_slide(path: Path, page: Page, site: str) -> None:
    open_slides(page, site, path.stem)
    bodies = page.locator(".slide > div")
    overflow = "e => e.map(x => [x.scrollWidth - x.clientWidth, x.scrollHeight - x.clientHeight])"
    assert all(max(each) <= 1 for each in bodies.evaluate_all(overflow))
    scales = bodies.evaluate_all("e => e.map(x => +x.style.getPropertyValue('--scale'))")
    assert min(scales) >= SMALLEST
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sections = re.findall(r"^## ", path.read_text(), re.MULTILINE)
    assert bodies.count() == 1 + len(sections)


def test_slides_print_as_one_page_each(page: Page, site: str, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    open_slides(page, site, CHAPTERS[4].stem)
    page.pdf(path=tmp_path / "slides.pdf", prefer_css_page_size=True)
    printed = pypdf.PdfReader(tmp_path / "slides.pdf").pages
    headings = page.locator(".slide :is(h1, h2)").evaluate_all(
        "e => e.map(x => x.firstChild.data)"
    )
    assert len(printed) == len(headings)
    for sheet, heading in zip(printed, headings, strict=True):
        assert heading.split()[-1] in sheet.extract_text()
        assert sheet.mediabox.width > sheet.mediabox.height


def test_arrow_keys_turn_the_slides(page: Page, site: str) -> None:
    open_slides(page, site, CHAPTERS[2].stem)
    top = "e => Math.round(e.getBoundingClientRect().top)"
    second = page.locator(".slide").nth(1)
    assert second.evaluate(top) == 720
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "document.querySelectorAll('.slide')[1].getBoundingClientRect().top < 2"
    )
    page.keyboard.press("PageUp")
    page.wait_for_function("scrollY < 2")
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "slides" not in url)
    assert page.locator(".slide").count() == 0


def test_printed_exam_has_no_answers(page: Page, site: str, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    page.goto(f"{site}/course/exam/")
    page.pdf(path=tmp_path / "exam.pdf")
    printed = "".join(each.extract_text() for each in pypdf.PdfReader(tmp_path / "exam.pdf").pages)
    assert "Answer" not in printed
    assert [f"{n}." in printed for n in range(1, 21)] == [True] * 20
    assert page.locator("details.success").count() == 20


@pytest.mark.parametrize("arguments", [[], ["docs"], ["a", "b"]], ids=" ".join)
def test_pdf_needs_a_built_site(arguments: list[str]) -> None:
    got = " ".join(arguments) or "nothing"
    with pytest.raises(SystemExit, match=f"expected a folder .* got {got}; run `mkdocs build`"):
        main(arguments)


def test_pdf_contains_every_chapter(site: str) -> None:
    pypdf = pytest.importorskip("pypdf")
    path = Path(os.environ.get(SITE, "site"), "course/seqtoys-course.pdf")
    if not path.exists():
        pytest.skip("needs the PDF: run `python -m docs.tools.teaching.course_pdf site`")
    pages = [sheet.extract_text() for sheet in pypdf.PdfReader(path).pages]
    contents = pages[1].splitlines()
    for chapter in CHAPTERS:
        title = chapter.read_text().partition("# ")[2].partition("\n")[0]
        entry = next(line for line in contents if line.startswith(title[:12]))
        number = int(entry.split()[-1])
        assert pages[number - 1].lstrip().startswith(f"{number}\n{title[:12]}")  # the foot first
    assert "Answer" in "".join(pages)
    assert "The code of this figure" not in "".join(pages)
    teachers = Path(os.environ.get(SITE, "site"), "course/teachers/index.html").read_text()
    assert re.search(r'class="course-pdf"><a href="\.\./seqtoys-course\.pdf"', teachers)


def test_figure_downloads_as_svg_with_its_code(page: Page, site: str, tmp_path: Path) -> None:
    page.goto(f"{site}/course/05-hihello/")
    assert page.locator(".download-svg").count() == page.locator(".figure svg").count()
    for place, code in ((1, "def loss_after(size):"), (2, "print(strip(seen")):
        with page.expect_download() as download:
            page.locator(".download-svg").nth(place).click()
        assert download.value.suggested_filename == f"05-hihello-{place + 1}.svg"
        download.value.save_as(tmp_path / "figure.svg")
        root = ElementTree.parse(tmp_path / "figure.svg").getroot()
        assert root.tag == f"{SVG}svg"
        metadata = root.find(f"{SVG}metadata")
        assert metadata is not None
        assert code in (metadata.text or "")


@pytest.mark.parametrize("stem", ["05-hihello", "07-luck"])
def test_slider_picks_a_seed(stem: str, page: Page, site: str) -> None:
    page.goto(f"{site}/course/{stem}/")
    slider = page.get_by_label("Choose a seed")
    said = page.locator(".seeds output")
    lines = page.locator(".seeds polyline")
    for steps in range(3):
        chosen = lines.nth(steps)
        assert said.text_content() == chosen.get_attribute("data-says")
        assert slider.get_attribute("aria-valuetext") == said.text_content()
        strong = page.locator(".seeds polyline[stroke-width='3']")
        assert strong.count() == 1
        assert strong.get_attribute("data-place") == str(steps)
        slider.press("ArrowRight")
