"""Small tables: text for terminals, HTML for notebooks, Markdown and LaTeX for papers."""

from __future__ import annotations

from collections.abc import Sequence

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
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        gap.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _justify(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    filled = [cell for cell in column[1:] if cell not in ("", "…")]
    numeric = bool(filled) and all(map(_is_number, filled))
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in column]


def _is_number(cell: str) -> bool:
    return cell.rstrip("%").lstrip("+-").replace(".", "", 1).isdecimal()
