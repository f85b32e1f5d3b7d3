"""Convert the chapters of the course to notebooks, with or without the answers."""

from __future__ import annotations

import ast
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from posixpath import join, normpath
from textwrap import dedent, indent
from typing import Any

from tools.blocks.block import BLOCK, HIDDEN
from tools.blocks.folds import unseen
from tools.blocks.listing import Definition, listing, names_in, tools_of
from tools.teaching.notebooks import NEEDS, Cell, code_cell, combined, text_cell

FOLD = re.compile(
    r'^(?P<mark>!!!|\?\?\?\+?) (?P<kind>\w+)(?: "(?P<title>[^\n]*)")? *\n'
    r"(?P<body>(?:(?: {4}[^\n]*)?\n)+)",
    re.MULTILINE,
)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
SECTION = re.compile(r"^(?=## )", re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
ONLY_FOR_PAGES = re.compile(
    r"^ *</?div[^>]*> *\n|(?<=\S) *\{ *[#.:][^}\n]*\}(?= *$)", re.MULTILINE
)
FOLDED_AWAY = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # JupyterLab; Colab
SHOWS = "from IPython.display import HTML, display"
LEFT_OUT = "*(On the page of this chapter, stored results follow here.)*"
LAB = "lab"  # a figure that scripts of the site replace by a network to play with
PLAYED = "*(On the page of this chapter, this network runs in your browser.)*"
EMPTY = "# Your answer\n"


@dataclass
class Lesson:
    """What the conversion of a chapter has to remember from block to block.

    Attributes:
        page: The path of the chapter within the documentation.
        site: The address of the site, or an empty string if it is unknown.
        answers: Whether the notebook contains the answers.
        stored: Whether it contains what needs the repository's stored results.
        tools: The functions of docs/tools that the blocks have imported.
        space: The namespace in which blocks that need stored results are run.
    """

    page: str
    site: str
    answers: bool
    stored: bool
    tools: dict[str, Definition] = field(default_factory=dict[str, Definition])
    space: dict[str, Any] = field(default_factory=dict[str, Any])


def to_lesson(
    markdown: str, page: str, *, answers: bool, site: str = "", stored: bool = True
) -> str:
    r"""Convert a chapter to a notebook that needs nothing but the library.

    Figures that are drawn by functions of docs/tools come with the code of these functions, in a
    folded cell. What needs the repository's stored results is included as it is on the page.

    Args:
        markdown: The chapter.
        page: Its path within the documentation.
        answers: Whether to include the answers to the exercises; if not, each is an empty cell.
        site: The address of the site, for links to other pages. If empty, only their text is kept.
        stored: Whether to include what needs the repository's stored results.

    Examples:
        >>> import json
        >>> page = '# 1 · A\n\n**1.** Why?\n\n??? success "Answer"\n\n    Because.\n'
        >>> for answers in (False, True):
        ...     cells = json.loads(to_lesson(page, "a.md", answers=answers))["cells"]
        ...     print(repr(cells[-1]["source"]))
        '*Your answer:*'
        '**Answer**\n\nBecause.'
    """
    lesson = Lesson(page, site, answers, stored)
    title, _, rest = markdown.partition("\n")
    needs = NEEDS.format(package="seqtoys with its extra `plot`")
    blanks = "" if answers else " The answers to the exercises are left blank."
    return combined([text_cell(f"{title}\n\n{needs}{blanks}"), *_cells(rest, lesson)])


def _cells(markdown: str, lesson: Lesson) -> Iterator[Cell]:
    """Yield the cells of a part of a page: text, code and folded blocks, in order."""
    text, place = "", 0
    while found := _next(markdown, place):
        text += markdown[place : found.start()]
        place = found.end()
        if found.re is BLOCK and 'exec="on"' not in found["options"]:
            text += found[0]
            continue
        yield from _texts(text, lesson)
        text = ""
        yield from (_fold(found, lesson) if found.re is FOLD else _block(found, lesson))
    yield from _texts(text + markdown[place:], lesson)


def _next(markdown: str, place: int) -> re.Match[str] | None:
    """Return the next folded block or block of code; the code in a folded block is part of it."""
    found = [match for pattern in (FOLD, BLOCK) if (match := pattern.search(markdown, place))]
    return min(found, key=lambda match: match.start(), default=None)


def _texts(markdown: str, lesson: Lesson) -> Iterator[Cell]:
    """Yield a cell for each section of a text, in the Markdown that notebooks understand."""
    for section in SECTION.split(_plain(markdown, lesson)):
        if section.strip():
            yield text_cell(section.strip())


def _plain(markdown: str, lesson: Lesson) -> str:
    def link(found: re.Match[str]) -> str:
        image, text, target = found.groups()
        if "://" in target:
            return found[0]
        address = _address(target, lesson)
        return f"{image}[{text}]({address})" if address else text

    pieces, place = "", 0
    for fence in FENCE.finditer(markdown):
        pieces += LINK.sub(link, markdown[place : fence.start()]) + fence[0]
        place = fence.end()
    return ONLY_FOR_PAGES.sub("", pieces + LINK.sub(link, markdown[place:]))


def _address(target: str, lesson: Lesson) -> str:
    """Return the address of a page of the site, or nothing if that of the site is unknown."""
    if not lesson.site:
        return ""
    path, anchor = re.fullmatch(r"([^#]*)(#.*)?", target).groups(default="")  # type: ignore[union-attr]
    path = normpath(join(lesson.page, "..", path)) if path else lesson.page
    folder = re.sub(r"(^|/)index\.md$", r"\1", path)
    return lesson.site.rstrip("/") + "/" + re.sub(r"\.md$", "/", folder) + anchor


def _fold(found: re.Match[str], lesson: Lesson) -> Iterator[Cell]:
    """Yield the cells of a note or an answer; an empty cell in place of an answer to leave out."""
    body = dedent(found["body"]).strip("\n") + "\n"
    if found["kind"] == "success" and not lesson.answers:
        has_code = any('exec="on"' in block["options"] for block in BLOCK.finditer(body))
        yield code_cell(EMPTY) if has_code else text_cell("*Your answer:*")
        return
    title = found["title"] or found["kind"].capitalize()
    if found["mark"] == "!!!" and not BLOCK.search(body):
        quoted = "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{body}".splitlines())
        yield from _texts(quoted, lesson)
    else:
        yield from _cells(f"**{title}**\n\n{body}", lesson)


def _block(found: re.Match[str], lesson: Lesson) -> Iterator[Cell]:
    """Yield the cells of a block: the code that the page shows, then the code that it hides."""
    options, code = found["options"], dedent(found["code"])
    is_figure = 'html="on"' in options
    lesson.tools |= tools_of(ast.parse(code))
    if "source=" in options:
        shown = "\n".join(line for line in code.splitlines() if HIDDEN not in line).strip("\n")
        yield from _shown(shown, is_figure, lesson)
    hidden = unseen(code, options)
    if hidden.strip():
        yield from _hidden(hidden, is_figure, lesson)


def _shown(code: str, is_figure: bool, lesson: Lesson) -> Iterator[Cell]:
    """Yield the code that a page shows; before it, the functions of docs/tools that it uses."""
    used = _used(code, lesson)
    if not used:
        yield code_cell(_silent(code) if is_figure else code)
    elif _is_stored(used):
        yield text_cell(f"```python\n{code}\n```")
        yield _stored(code, is_figure, lesson)
    else:
        own = _own_lines(code)
        yield _folded_away([SHOWS, _apart(used)])
        yield code_cell(_displayed(own) if is_figure else own)


def _silent(code: str) -> str:
    """Keep a notebook from printing the value of the last line, which is not the figure."""
    last = ast.parse(code).body[-1]
    is_value = isinstance(last, ast.Expr) and not ast.unparse(last).startswith("print(")
    return f"{code};" if is_value else code


def _hidden(code: str, is_figure: bool, lesson: Lesson) -> Iterator[Cell]:
    """Yield code that a page hides, with the functions of docs/tools that it uses."""
    used = _used(code, lesson)
    if _is_stored(used):
        yield _stored(code, is_figure, lesson)
        return
    listed, own = _apart(used), _own_lines(code)
    if LAB in names_in(ast.parse(code)) & lesson.tools.keys():
        yield text_cell(PLAYED)
    yield _folded_away([SHOWS, listed, _displayed(own)] if is_figure else [listed, own])


def _used(code: str, lesson: Lesson) -> list[Definition]:
    names = names_in(ast.parse(code)) & lesson.tools.keys()
    return [lesson.tools[name] for name in sorted(names)]


def _apart(used: Sequence[Definition]) -> str:
    """Return the listing in a function, so that its helpers can't replace the reader's names."""
    if not used:
        return ""
    names = ", ".join(dict.fromkeys(name for _, name in used))
    body = indent(f"{listing(used)}\n\nreturn {names}", "    ")
    return f"def functions_of_the_page():\n{body}\n\n\n{names} = functions_of_the_page()"


def _is_stored(used: Sequence[Definition]) -> bool:
    return "from benchmarks" in listing(used)


def _folded_away(parts: Sequence[str]) -> Cell:
    whole = "\n\n\n".join(part.strip() for part in parts if part.strip())
    cell = code_cell(f"from __future__ import annotations\n\n{whole}")
    return {**cell, "metadata": FOLDED_AWAY}


def _own_lines(code: str) -> str:
    """Return code without its imports from docs/tools, whose functions are listed instead."""
    lines = code.splitlines()
    for node in ast.parse(code).body:
        if isinstance(node, ast.ImportFrom) and tools_of(node):
            other = (alias for alias in node.names if alias.asname)
            renamed = "\n".join(f"{alias.asname} = {alias.name}" for alias in other)
            lines[node.lineno - 1 : node.end_lineno] = [renamed, *[""] * _height(node)]
    return "\n".join(lines).strip("\n")


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno


def _displayed(code: str) -> str:
    """Let a notebook display what a page prints as HTML."""
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert node.end_lineno is not None
            lines[node.end_lineno - 1] = _inserted(lines[node.end_lineno - 1], node.end_col_offset)
            start = lines[node.lineno - 1]
            lines[node.lineno - 1] = start[: node.col_offset] + start[node.col_offset :].replace(
                "print(", "display(HTML(", 1
            )
    return "\n".join(lines)


def _inserted(line: str, column: int | None) -> str:
    return f"{line[:column]}){line[column:]}"


def _stored(code: str, is_figure: bool, lesson: Lesson) -> Cell:
    """Run a block that needs stored results, and return its output as text or an image."""
    if not lesson.stored:
        return text_cell(LEFT_OUT)
    with redirect_stdout(StringIO()) as printed:
        exec(code, lesson.space)
    output = printed.getvalue().strip()
    if not is_figure:
        return text_cell(output)
    svg = re.search(r"<svg.*</svg>", output, re.DOTALL)
    assert svg is not None
    # An image has no color to take over from its page, and needs its own background.
    style = 'xmlns="http://www.w3.org/2000/svg" style="color: black; background: white"'
    name = re.search(r'aria-label="([^"]*)"', output)
    title = name[1] if name else "Figure"
    drawn = re.sub(r' xmlns="[^"]*"', "", svg[0])
    drawn = drawn.replace("<svg ", f"<svg {style} ", 1)
    data = {"image/svg+xml": b64encode(drawn.encode()).decode()}
    return {**text_cell(f"![{title}](attachment:figure.svg)"), "attachments": {"figure.svg": data}}
