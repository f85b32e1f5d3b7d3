"""Convert the examples to notebooks when the pages are built."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Cell: TypeAlias = dict[str, Any]

NEEDS = "This notebook runs from top to bottom and needs only {package}."
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def to_notebook(path: Path) -> str:
    """Convert an example to a notebook: its definitions, then the body of its `main`.

    Args:
        path: The example: a module with a docstring and a function `main` that can be called
            without arguments.

    Examples:
        >>> notebook = json.loads(to_notebook(Path("examples/01_one_hot.py")))
        >>> print(notebook["cells"][1]["source"])
        from seqtoys import Vocab
    """
    return combined(_cells(path))


def combined(cells: Iterable[Cell]) -> str:
    """Return a notebook of some cells as JSON.

    Args:
        cells: The cells, in order.
    """
    numbered = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells, 1)]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": numbered}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cells(path: Path) -> Iterator[Cell]:
    source = path.read_text()
    module = ast.parse(source)
    package = "seqtoys with its extra `plot`" if "seqtoys.plotting" in source else "seqtoys"
    title = (ast.get_docstring(module) or "").removesuffix(".")
    yield text_cell(f"# {title}\n\n{NEEDS.format(package=package)}")
    lines, body = source.splitlines(), module.body[1:-1]  # without docstring and last `if`
    main = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == "main")
    yield from map(code_cell, _pieces(lines, [node for node in body if node is not main]))
    yield text_cell(ast.get_docstring(main) or "")
    arguments = zip(main.args.args, main.args.defaults, strict=True)
    defaults = [f"{argument.arg} = {ast.unparse(value)}" for argument, value in arguments]
    if defaults:
        yield code_cell("\n".join(defaults))
    yield from map(code_cell, _pieces(lines, main.body[1:]))


def _pieces(lines: Sequence[str], nodes: Sequence[ast.stmt]) -> Iterator[str]:
    """Split statements at blank lines, except imports; a comment goes with the next statement."""
    piece: list[str] = []
    for before, node in zip([None, *nodes], nodes, strict=False):
        start = node.lineno - 1
        while lines[start - 1].lstrip().startswith(("#", "@")):
            start -= 1
        is_apart = before is not None and not lines[start - 1]
        if is_apart and not (_is_import(before) and _is_import(node)):
            yield "\n".join(piece)
            piece = []
        elif is_apart:
            piece.append("")
        piece += [line[node.col_offset :] for line in lines[start : node.end_lineno]]
    yield "\n".join(piece)


def _is_import(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def text_cell(source: str) -> Cell:
    """Return a cell of text.

    Args:
        source: The text, in Markdown.
    """
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source: str) -> Cell:
    """Return a cell of code that has not been run.

    Args:
        source: The code.
    """
    empty: Cell = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "metadata": {}, "source": source, **empty}
