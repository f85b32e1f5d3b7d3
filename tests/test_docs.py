"""The pages: every block is run, folded ones too; every formula is rendered, or ends the build."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown import markdown
from mkdocs.exceptions import PluginError
from sybil import Document
from tools import maths

from conftest import FencedPython

FOLDED = """
??? success "Answer"

    ```python exec="on" source="above" session="01"
    for number in (1, 0):
        print(1 / number)
    ```
"""
WRITTEN = [path for path in Path("docs").rglob("*.md") if path.parent.name != "api"]
PAGES = sorted(path for path in WRITTEN if "$" in path.read_text())
EXTENSIONS = ["pymdownx.arithmatex", "pymdownx.details", "pymdownx.superfences", "admonition"]


def test_folded_blocks_are_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(FOLDED)
    (block,) = Document.parse(str(page), FencedPython()).examples()
    with pytest.raises(ZeroDivisionError):
        block.evaluate()


def test_formulas_are_written_for_eyes_and_for_screen_readers() -> None:
    html = maths.render_page(
        r'<div class="arithmatex">\[\frac{a}{2} &lt; 1\]</div><p>\(b\)</p>', "a.md"
    )
    assert html.startswith('<div class="arithmatex"><span class="katex-display">')
    assert html.endswith(r"<p>\(b\)</p>")  # arithmatex hasn't marked it
    (written,) = re.findall(r"<math.*?</math>", html)
    words = ["".join(ElementTree.fromstring(written)[0][0].itertext())]
    assert words == ["a2<1"]


def test_a_short_formula_keeps_its_brackets_and_its_comma() -> None:
    kept = maths.render_page(r'see (<span class="arithmatex">\(b\)</span>), so', "a.md")
    assert kept.startswith('see <span class="arithmatex short">(<span class="katex">')
    assert kept.endswith("</span>),</span> so")
    long = rf'(<span class="arithmatex">\({"+".join("a" * 20)}\)</span>), so'
    parted = maths.render_page(long, "a.md")
    assert parted.startswith('(<span class="arithmatex"><span class="katex">')
    assert parted.endswith("</span></span>), so")


def test_a_formula_that_cannot_be_read_ends_the_build() -> None:
    html = r'<span class="arithmatex">\(\sofar\)</span>'
    told = r"a\.md: KaTeX can't parse \\sofar: Undefined control sequence: \\sofar at position 1"
    with pytest.raises(PluginError, match=told):
        maths.render_page(html, "a.md")


def test_without_katex_the_build_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(maths, "files", missing)
    with pytest.raises(PluginError) as caught:
        maths.katex_files.__wrapped__()
    assert str(caught.value) == (
        "djangocms-katex is required to render formulas: "
        'pip install -c constraints.txt -e ".[docs]"'
    )


def test_the_site_gets_every_font_that_the_style_names() -> None:
    shipped = {name for name in maths.katex_files() if maths.SHIPPED.fullmatch(name)}
    style = maths.katex_files()["katex.min.css"].read_text()
    fonts = set(re.findall(r"fonts/[\w-]+\.woff2", style))
    assert fonts
    assert fonts <= shipped
    assert not re.search(r"https?:", style)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_formula_of_a_page_is_rendered(page: Path) -> None:
    options = {"pymdownx.arithmatex": {"generic": True}}
    html = markdown(page.read_text(), extensions=EXTENSIONS, extension_configs=options)
    html = maths.render_page(html, page.name)
    assert 'class="arithmatex">\\' not in html
    outside_code = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert "$" not in re.sub(r"<annotation.*?</annotation>", "", outside_code)
