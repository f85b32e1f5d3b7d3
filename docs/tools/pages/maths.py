"""Formulas: converted to MathML at build time, which browsers draw without scripts or fonts."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from xml.etree import ElementTree

from latex2mathml.commands import CONVERSION_MAP
from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

FORMULA = re.compile(
    r'(\(?)<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\2>([.,:;?!)]*)', re.DOTALL
)
SHORT = 30  # characters: a formula this short stays on one line with adjacent punctuation
SCRIPTS = {"msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
PARTS = {"mfrac": 2, **SCRIPTS}  # how many parts an element has
THIN = "0.167em"  # the space around the name of a function, as in "x ln x"


def render_page(html: str, name: str) -> str:
    r"""Convert each formula marked by arithmatex.

    Args:
        html: The HTML of the page.
        name: The name of the page, for error messages.

    Raises:
        PluginError: If a formula can't be parsed; this stops the build.

    Examples:
        >>> html = render_page(r'<span class="arithmatex">\(h_t\)</span>', "a.md")
        >>> html[:60]
        '<span class="arithmatex short"><math display="inline"><mrow>'
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
    r"""Convert a formula from LaTeX to MathML.

    Args:
        formula: The formula.
        is_display: Whether to set it on a line of its own.

    Raises:
        ValueError: If it can't be parsed.

    Examples:
        >>> "<msub><mi>h</mi><mi>t</mi></msub>" in render("h_t")
        True
        >>> render(r"\sofar")
        Traceback (most recent call last):
        ValueError: can't parse the formula \sofar: unknown command \sofar
    """
    try:
        tree = _parse(formula, "block" if is_display else "inline")
    except Exception as error:  # latex2mathml raises many types
        reason = str(error) or type(error).__name__
        raise ValueError(f"can't parse the formula {formula}: {reason}") from None
    _set_spaces(tree)
    return ElementTree.tostring(tree, encoding="unicode")


def _parse(formula: str, display: str) -> ElementTree.Element:
    """Convert a formula, and reject what latex2mathml passes on or leaves out silently."""
    braces = re.sub(r"\\[{}]", "", formula)
    if braces.count("{") != braces.count("}"):
        raise ValueError("unbalanced braces")
    for name in re.findall(r"\\begin\{(.*?)\}", formula):
        if rf"\{name}" not in CONVERSION_MAP:
            raise ValueError(f"unknown environment {name}")
    # HTML needs no namespace, and names without one are shorter.
    mathml = re.sub(r' xmlns="[^"]*"', "", convert(formula, display=display), count=1)
    unknown = re.search(r"\\[a-zA-Z]*", mathml)
    if unknown:
        raise ValueError(f"unknown command {unknown[0]}")
    tree = ElementTree.fromstring(mathml)
    for element in tree.iter():
        if len(element) != PARTS.get(element.tag, len(element)):
            raise ValueError(f"a part of <{element.tag}> is missing")
    return tree


def _set_spaces(tree: ElementTree.Element) -> None:
    """Set the spaces around operators and functions as LaTeX does; browsers do it differently."""
    scripts = [part for each in tree.iter() if each.tag in SCRIPTS for part in each[1:]]
    alone = [row[0] for row in tree.iter("mrow") if len(row) == 1 and row[0].tag == "mo"]
    for operator in [*alone, *(each for part in scripts for each in part.iter("mo"))]:
        operator.attrib.update(lspace="0", rspace="0")
    for operator in tree.iter("mo"):
        if operator.text in ("/", "."):
            operator.attrib.update(lspace="0", rspace="0")
        if operator.text == "‖":
            operator.set("stretchy", "false")
    for row in tree.iter("mrow"):
        _space_functions(list(row))


def _space_functions(row: list[ElementTree.Element]) -> None:
    for index, element in enumerate(row):
        if element.tag in ("mi", "mo") and re.fullmatch("[a-z]{2,}", element.text or ""):
            after_operand = index > 0 and row[index - 1].tag not in ("mo", "mspace")
            before_bracket = [each.text for each in row[index + 1 : index + 2]] == ["("]
            element.tag = "mo"
            element.set("lspace", THIN if after_operand else "0")
            element.set("rspace", "0" if before_bracket else THIN)
