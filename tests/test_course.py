"""The course: what each chapter says about itself, and the sources it names."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from mkdocs.utils.meta import get_data
from tools.blocks.block import BLOCK
from tools.teaching.chapters import Chapter, chapters, minutes, read, table, with_facts
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR

from seqtoys import ElmanEnsemble, Vocab, fit

COURSE = Path("docs/course")
PAGES = sorted(COURSE.glob("[0-9]*.md"))
YEAR = re.compile(r"\b(?:18|19|20)\d\d\b")
LINK = re.compile(r"\[([^]]*)\]\((https://[^)]*)\)")
READER = re.compile(r'source="above"')


def shown(page: Path) -> list[str]:
    """Return the code of a page that a reader enters, without that of folded answers."""
    return [
        re.sub(r".*markdown-exec: hide\n", "", block["code"])
        for block in BLOCK.finditer(page.read_text())
        if READER.search(block["options"]) and not block["indent"]
    ]


def prose(page: Path) -> list[str]:
    """Return the paragraphs of a page, without front matter, code and folded notes."""
    text, _ = get_data(page.read_text())
    parts = BLOCK.sub("", text).split("\n\n")
    return [part.strip() for part in parts if not part.startswith(("    ", "???"))]


def test_chapters_are_numbered_in_order() -> None:
    found = chapters()
    assert [chapter.name for chapter in found] == [page.name for page in PAGES]
    for number, chapter in enumerate(found, 1):
        assert chapter.title.startswith(f"{number} · ")


@pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.name)
def test_chapter_needs_earlier_ones_only(chapter: Chapter) -> None:
    number = int(chapter.name[:2])
    assert all(1 <= needed < number for needed in chapter.needs)
    assert bool(chapter.needs) == (number > 1)


def test_facts_stand_between_heading_and_text() -> None:
    text = (COURSE / "10-limits.md").read_text()
    heading, facts, start = with_facts(get_data(text)[0], "course/10-limits.md").split("\n\n")[:3]
    assert heading.startswith("# 10 · ")
    assert start.startswith("*By the end of this chapter")
    expected = (
        "needs chapters [6](06-whole-sequence.md) and [8](08-memorising.md) · installs: `plot`"
    )
    assert expected in facts
    assert re.match(r"About \d+ minutes · ", facts)


def test_first_chapter_needs_python_alone() -> None:
    facts = with_facts("# 1 · Vectors\n", "course/01-vectors.md").splitlines()[2]
    assert facts.endswith("needs Python")


def test_other_pages_stay_as_they_are() -> None:
    assert with_facts("# Results\n\nThe end.", "results.md") == "# Results\n\nThe end."


def test_build_adds_facts_and_handouts(tmp_path: Path) -> None:
    folder = tmp_path / "docs/course"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text("# Course\n\nNothing is listed.\n")
    (folder / "03-elman.md").write_text("---\nneeds: [2]\n---\n\n# 3 · Elman\n\nA text.\n")
    hook, settings = Path("docs/tools/hooks.py").resolve(), "markdown_extensions: [attr_list]\n"
    (tmp_path / "mkdocs.yml").write_text(f"site_name: specimen\nhooks: [{hook}]\n{settings}")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "site/course/03-elman/index.html").read_text()
    assert re.search(
        r'</h1>\s*<p class="chapter">Chapter 3 of 1 · Previous: <a.*</p>\s*'
        r'<p class="chapter-facts">About \d+ minutes · needs ',
        page,
    )
    linked = re.findall(r'href="\.\./(notebooks/[^"]*)"', page.partition("take-along")[2])
    assert linked == ["notebooks/03-elman.ipynb", "notebooks/03-elman-answers.ipynb"]
    assert all((tmp_path / "site/course" / name).exists() for name in linked)


def test_page_of_the_course_lists_each_chapter() -> None:
    page = with_facts((COURSE / "index.md").read_text(), "course/index.md")
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    assert [re.findall(r"\((.*?)\)", row)[0] for row in rows] == [page.name for page in PAGES]
    spent = sum(int(row.split("|")[2]) for row in rows)
    assert f"about {spent / 60:.0f} hours" in page
    assert "<!--" not in page


def test_table_answers_what_pages_leave_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "01-one.md").write_text("# 1 · One\n")
    (tmp_path / "02-two.md").write_text("---\nneeds: [1]\nquestion: Why?\n---\n\n# 2 · Two\n")
    (tmp_path / "03-three.md").write_text("---\nneeds: [1, 2]\n---\n# 3 · Three\n")
    (tmp_path / "04-four.md").write_text("# 4 · Four\n")
    monkeypatch.setattr("tools.teaching.chapters.COURSE", tmp_path)
    rows = table().splitlines()[2:6]
    assert rows[0].startswith("| [1 · One](01-one.md) | 5 | Python |")
    assert rows[1].startswith("| [2 · Two](02-two.md)<br>Why? | 5 | [1](01-one.md) |")
    assert "| [1](01-one.md) and [2](02-two.md) |" in rows[2]
    assert "| [3](03-three.md) |" in rows[3]


def test_chapter_that_is_missing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "02-two.md").write_text("# 2 · Two\n")
    monkeypatch.setattr("tools.teaching.chapters.COURSE", tmp_path)
    with pytest.raises(ValueError, match=r"expected chapter 1, which 02-two\.md needs, got none"):
        table()


def test_page_without_heading_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "01-none.md"
    path.write_text("no heading")
    with pytest.raises(ValueError, match=r"expected a heading in 01-none\.md"):
        read(path)


@pytest.mark.parametrize(
    ("words", "lines", "exercises", "expected"),
    [(0, 0, 0, 5), (1500, 0, 0, 10), (0, 120, 0, 10), (0, 0, 4, 20), (1500, 120, 4, 40)],
)
def test_minutes_add_up(words: int, lines: int, exercises: int, expected: int) -> None:
    code = '```python exec="on" source="above"\n' + "x = 1\n" * lines + "```\n"
    text = "word " * words + "\n\n" + code + "\n**1.** Why?\n" * exercises
    assert minutes(text) == expected
    unseen = '```python exec="on" html="on"\n' + "x = 1\n" * 500 + "```\n"
    assert minutes(text + unseen) == expected


@pytest.mark.parametrize(
    "chapter",
    [chapter for chapter in chapters() if not chapter.is_plotting],
    ids=lambda chapter: chapter.name,
)
def test_code_runs_without_what_the_page_does_not_name(
    chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib", "matplotlib.pyplot", "scipy"):
        monkeypatch.setitem(sys.modules, name, None)
    space: dict[str, object] = {}
    for code in shown(COURSE / chapter.name):
        exec(code, space)


def test_plotting_is_named_where_it_is_used() -> None:
    for chapter in chapters():
        is_plotting = any(" plot_" in code for code in shown(COURSE / chapter.name))
        assert chapter.is_plotting >= is_plotting
    assert sum(chapter.is_plotting for chapter in chapters()) >= 8


def test_scheduler_does_what_chapter_7_says() -> None:
    halving = partial(StepLR, step_size=25, gamma=0.5)
    shares = {}
    for lr in (1.0, 3.0):
        for scheduler in (None, halving):
            model = ElmanEnsemble(Vocab("hielo"), range(300))
            pair = ("hihell", "ihello")
            history = fit(model, pair, epochs=100, lr=lr, optimizer=SGD, scheduler=scheduler)
            shares[lr, scheduler is None] = history.solve_rate.value
    assert shares[3.0, False] > 1.7 * shares[3.0, True]  # "nearly doubles"
    assert shares[1.0, True] > shares[1.0, False]  # "only slow it down"


@pytest.mark.parametrize("page", [*PAGES, COURSE / "index.md"], ids=str)
def test_every_paper_is_linked(page: Path) -> None:
    for paragraph in prose(page):
        text = re.sub(r"\]\([^)]*\)", "]", paragraph)  # a year in an address names no paper
        if YEAR.search(text):
            assert LINK.search(paragraph), paragraph


def test_identifiers_of_papers_are_well_formed() -> None:
    found = {link for page in PAGES for _, link in LINK.findall("\n".join(prose(page)))}
    papers = {link for link in found if "doi.org" in link or "arxiv.org" in link}
    assert len(papers) >= 15
    for link in papers:
        assert re.fullmatch(
            r"https://(doi\.org/10\.\d{4,9}/[^\s()]+|arxiv\.org/abs/\d{4}\.\d{4,5})", link
        ), link
