"""Pages: all code blocks run, even folded ones; a formula that can't be rendered is an error."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown import markdown
from mkdocs.exceptions import PluginError
from sybil import Document
from tools.blocks.block import BLOCK, SESSION
from tools.pages import maths

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
EXTENSIONS = [
    *["pymdownx.arithmatex", "pymdownx.details", "pymdownx.superfences"],
    *["admonition", "md_in_html", "tables"],
]
PASTED = [
    *sorted(Path("docs/guides").glob("*.md")),
    *sorted(Path("docs/tasks").glob("*.md")),
    *map(Path, ("README.md", "docs/index.md", "docs/getting-started.md")),
]


@pytest.mark.parametrize("path", PASTED, ids=str)
def test_shown_blocks_run_as_pasted(path: Path) -> None:
    # A block without a session starts with an empty namespace, here and on the page; so does the
    # first block of a session. Only blocks that print or draw more, unseen, may follow.
    begun: set[str] = set()
    for found in BLOCK.finditer(path.read_text(encoding="utf-8")):
        session = SESSION.search(found["options"])
        is_shown = 'exec="on"' not in found["options"] or "source=" in found["options"]
        assert not (session and is_shown and session[1] in begun), found["code"]
        begun |= {session[1]} if session else set()


def test_blocks_share_names_only_within_a_session(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    blocks = [("a", "x = 1"), ("b", "x = 2"), ("a", "assert x == 1"), (None, "x")]
    fences = [f'session="{name}"' if name else "" for name, _ in blocks]
    codes = [code for _, code in blocks]
    page.write_text(
        "\n".join(
            f"```python {fence}\n{code}\n```\n" for fence, code in zip(fences, codes, strict=True)
        )
    )
    *shared, alone = Document.parse(str(page), FencedPython()).examples()
    for block in shared:
        block.evaluate()
    with pytest.raises(NameError):
        alone.evaluate()


def test_folded_blocks_are_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(FOLDED)
    (block,) = Document.parse(str(page), FencedPython()).examples()
    with pytest.raises(ZeroDivisionError):
        block.evaluate()


def test_formulas_become_mathml() -> None:
    html = maths.render_page(
        r'<div class="arithmatex">\[\frac{a}{2} &lt; 1\]</div><p>\(b\)</p>', "a.md"
    )
    assert html.endswith(r"<p>\(b\)</p>")  # arithmatex hasn't marked it
    (written,) = re.findall(r'^<div class="arithmatex">(<math.*?</math>)</div>', html)
    tree = ElementTree.fromstring(written)
    assert tree.attrib == {"display": "block"}
    assert "".join(tree.itertext()) == "a2<1"
    assert [each.text for each in tree.iter("mo")] == ["<"]


def test_short_formula_keeps_adjacent_punctuation() -> None:
    kept = maths.render_page(r'see (<span class="arithmatex">\(b\)</span>), so', "a.md")
    assert kept.startswith('see <span class="arithmatex short">(<math')
    assert kept.endswith("</math>),</span> so")
    long = rf'(<span class="arithmatex">\({"+".join("a" * 20)}\)</span>), so'
    separated = maths.render_page(long, "a.md")
    assert separated.startswith('(<span class="arithmatex"><math')
    assert separated.endswith("</math></span>), so")


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        (r"\sofar", r"unknown command \sofar"),
        (r"\text{a\sofar}", r"unknown command \sofar"),
        (r"\frac{a}{b", "unbalanced braces"),
        (r"\frac{a}", "a part of <mfrac> is missing"),
        (r"\begin{grid} a \end{grid}", "unknown environment grid"),
        ("a_b_c", "DoubleSubscriptsError"),
        ("a & b", "not well-formed (invalid token): line 1, column 44"),
    ],
)
def test_invalid_formula_fails_the_build(formula: str, reason: str) -> None:
    html = rf'<span class="arithmatex">\({escape(formula)}\)</span>'
    with pytest.raises(PluginError) as caught:
        maths.render_page(html, "a.md")
    assert str(caught.value) == f"a.md: can't parse the formula {formula}: {reason}"


def test_functions_and_operators_are_spaced_as_in_latex() -> None:
    def spaces(formula: str) -> list[tuple[str | None, ...]]:
        operators = ElementTree.fromstring(maths.render(formula)).iter("mo")
        return [(each.text, each.get("lspace"), each.get("rspace")) for each in operators]

    assert spaces(r"2 \ln p") == [("ln", maths.THIN, maths.THIN)]
    assert spaces(r"\max(a)") == [("max", "0", "0"), ("(", None, None), (")", None, None)]
    assert spaces(r"h_{t-1} - 1") == [("\N{MINUS SIGN}", "0", "0"), ("\N{MINUS SIGN}", None, None)]
    assert spaces(r"\begin{split} a &= {-} b \end{split}") == [
        ("=", None, None),
        ("\N{MINUS SIGN}", "0", "0"),
    ]
    assert spaces("a / b .") == [("/", "0", "0"), (".", "0", "0")]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_formula_on_a_page_is_rendered(page: Path) -> None:
    options = {"pymdownx.arithmatex": {"generic": True}}
    written = re.sub(r"^( *```python) .*$", r"\1", page.read_text(), flags=re.MULTILINE)
    html = markdown(written, extensions=EXTENSIONS, extension_configs=options)
    html = maths.render_page(html, page.name)
    assert 'class="arithmatex">\\' not in html
    assert "$" not in re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)
