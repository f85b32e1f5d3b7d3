"""Formulas: rendered to HTML by KaTeX at build time, so that no page needs a script."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PACKAGE = "djangocms-katex"  # ships KaTeX's files; nothing else in it is used
FOLDER = "vendor/katex/"
SHIPPED = re.compile(r"katex\.min\.css|LICENSE|fonts/.*\.woff2")  # the files that a page needs
FORMULA = re.compile(
    r'(\(?)<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\2>([.,:;?!)]*)', re.DOTALL
)
SHORT = 30  # characters: a formula this short stays on one line with adjacent punctuation
RENDER = """katex.renderToString(dukpy.formula, {
  displayMode: dukpy.display, throwOnError: true, strict: "error"
})"""


def on_files(site_files: Files, /, *, config: MkDocsConfig, **_: object) -> Files:
    """Add KaTeX's stylesheet and fonts to the site."""
    for name, path in katex_files().items():
        if SHIPPED.fullmatch(name):
            site_files.append(File.generated(config, f"katex/{name}", abs_src_path=str(path)))
    return site_files


def on_post_page(html: str, /, *, page: Page, **_: object) -> str:
    """Render the formulas of a page; the search index keeps their source."""
    return render_page(html, page.file.src_uri)


def render_page(html: str, name: str) -> str:
    r"""Render each formula marked by arithmatex.

    Args:
        html: The HTML of the page.
        name: The name of the page, for error messages.

    Raises:
        PluginError: If KaTeX can't parse a formula; this stops the build.

    Examples:
        >>> html = render_page(r'<span class="arithmatex">\(h_t\)</span>', "a.md")
        >>> html[:56]
        '<span class="arithmatex short"><span class="katex"><span'
    """

    def render_match(match: re.Match[str]) -> str:
        before, tag, written, after = match.groups()
        formula = unescape(written).strip()
        try:
            rendered = render(formula, is_display=tag == "div")
        except ValueError as error:
            raise PluginError(f"{name}: {error}") from None
        if tag == "span" and len(formula) <= SHORT:
            return f'<span class="arithmatex short">{before}{rendered}{after}</span>'
        return f'{before}<{tag} class="arithmatex">{rendered}</{tag}>{after}'

    return FORMULA.sub(render_match, html)


@cache
def render(formula: str, is_display: bool = False) -> str:
    r"""Convert a formula to HTML that includes MathML for screen readers.

    Args:
        formula: LaTeX that KaTeX supports.
        is_display: Whether to set the formula on a line of its own.

    Raises:
        ValueError: If KaTeX can't parse it.

    Examples:
        >>> "<msub><mi>h</mi><mi>t</mi></msub>" in render("h_t")
        True
        >>> render(r"\sofar")
        Traceback (most recent call last):
        ValueError: KaTeX can't parse \sofar: Undefined control sequence: \sofar at position 1...
    """
    script = _interpreter()
    try:
        return str(script.evaljs(RENDER, formula=formula, display=is_display))
    except import_module("dukpy").JSRuntimeError as error:
        reason = str(error).partition("KaTeX parse error: ")[2].partition("\n")[0]
        plain = reason.replace("\N{COMBINING LOW LINE}", "")
        raise ValueError(f"KaTeX can't parse {formula}: {plain or error}") from None


@cache
def katex_files() -> dict[str, Path]:
    """Return the files of KaTeX, by name relative to its own folder.

    Raises:
        PluginError: If they are not installed; this stops the build.

    Examples:
        >>> katex_files()["katex.min.js"].is_file()
        True
    """
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        raise _missing(PACKAGE) from None
    inside = [(file.as_posix().partition(FOLDER)[2], file) for file in listed]
    return {name: Path(str(file.locate())) for name, file in inside if name}


@cache
def _interpreter() -> Any:
    try:
        script = import_module("dukpy").JSInterpreter()
    except ModuleNotFoundError:
        raise _missing("dukpy") from None
    script.evaljs(katex_files()["katex.min.js"].read_text(encoding="utf-8") + ";0")
    return script


def _missing(package: str) -> PluginError:
    return PluginError(
        f'{package} is required to render formulas: pip install -c constraints.txt -e ".[docs]"'
    )
