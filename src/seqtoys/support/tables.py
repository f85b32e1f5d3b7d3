"""Small tables: text for terminals, HTML for notebooks, Markdown and LaTeX for papers."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate

WIDTH = 80  # columns of a terminal

LATEX = str.maketrans(
    {char: rf"\{char}" for char in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "\n": " "}
)
"""The characters that LaTeX would read as commands."""


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a text table, with text columns aligned left and numbers aligned right.

    Examples:
        >>> print(text_table(["symbol", "loss"], [["h", "1.25"], ["i", "-0.5"]]))
        symbol  loss
        h       1.25
        i       -0.5
    """
    columns = [_justify(column) for column in zip(header, *rows, strict=True)]
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def width_of(lines: Sequence[Sequence[str]]) -> int:
    """Return the width of the columns of a text table, with the gap after the last one.

    Examples:
        >>> width_of([["symbol", "loss"], ["h", "1.25"]])
        14
    """
    return sum(2 + max(map(columns_of, column)) for column in zip(*lines, strict=True))


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters take two.

    Examples:
        >>> columns_of("hihello"), columns_of("漢字"), columns_of("e\u0301")
        (7, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_columns_of_one, text))


def truncated(text: str, width: int) -> str:
    """Return a text, cut with an ellipsis if it takes more than `width` columns.

    Examples:
        >>> truncated("hihello", 4), truncated("漢字漢字", 6), truncated("漢字", 4)
        ('hih…', '漢字…', '漢字')
    """
    if columns_of(text) <= width:
        return text
    ends = accumulate(map(_columns_of_one, text))
    return f"{text[: sum(end < width for end in ends)]}…"


def _columns_of_one(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the same table as HTML.

    Examples:
        >>> html_table(["symbol"], [["<"]])
        '<table><tr><th>symbol</th></tr><tr><td>&lt;</td></tr></table>'
    """
    from html import escape  # imported here, since it is slow to load and rarely needed

    lines = [("th", header), *(("td", row) for row in rows)]
    body = "".join(
        f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
        for tag, cells in lines
    )
    return f"<table>{body}</table>"


def html_paragraph(text: str) -> str:
    r"""Return text as a paragraph of HTML.

    Examples:
        >>> html_paragraph("loss < 1\naccuracy 50%")
        '<p>loss &lt; 1<br>accuracy 50%</p>'
    """
    from html import escape  # see above

    return f"<p>{escape(text).replace(chr(10), '<br>')}</p>"


def html_preformatted(text: str) -> str:
    """Return text as HTML that keeps its lines and spaces.

    Examples:
        >>> html_preformatted("loss  < 1")
        '<pre>loss  &lt; 1</pre>'
    """
    from html import escape  # see above

    return f"<pre>{escape(text, quote=False)}</pre>"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return the same table in Markdown.

    Examples:
        >>> print(markdown_table(["symbol", "loss"], [["|", "1.25"]]))
        | symbol | loss |
        | --- | --- |
        | \| | 1.25 |
    """
    lines = [header, ["---"] * len(header), *rows]
    cells = [[cell.replace("|", r"\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return the same table as a LaTeX `tabular`, with the rules of the package booktabs.

    Examples:
        >>> print(latex_table(["symbol", "loss"], [["%", "1.25"]]))
        \begin{tabular}{ll}
        \toprule
        symbol & loss \\
        \midrule
        \% & 1.25 \\
        \bottomrule
        \end{tabular}
    """
    lines = [
        rf"{' & '.join(cell.translate(LATEX) for cell in line)} \\" for line in (header, *rows)
    ]
    begin = rf"\begin{{tabular}}{{{'l' * len(header)}}}"
    parts = [begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([*parts, r"\end{tabular}"])


def align(lines: Sequence[Sequence[str]], *, gap: str) -> list[str]:
    """Join lines of cells so that cells at the same position are aligned.

    Examples:
        >>> align([["boy", "sees"], ["a", "b"]], gap=" ")
        ['boy sees', 'a   b']
    """
    widths = [max(map(columns_of, column)) for column in zip(*lines, strict=True)]
    padded = [
        [cell + _blank(cell, width) for cell, width in zip(line, widths, strict=True)]
        for line in lines
    ]
    return [gap.join(line).rstrip() for line in padded]


def _justify(column: Sequence[str]) -> list[str]:
    width = max(map(columns_of, column))
    filled = [cell for cell in column[1:] if cell not in ("", "…")]
    numeric = bool(filled) and all(map(_is_number, filled))
    if numeric:
        return [_blank(cell, width) + cell for cell in column]
    return [cell + _blank(cell, width) for cell in column]


def _blank(cell: str, width: int) -> str:
    return " " * (width - columns_of(cell))


def _is_number(cell: str) -> bool:
    return cell.rstrip("%").lstrip("+-").replace(".", "", 1).isdecimal()
