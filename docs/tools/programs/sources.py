"""The source code of library functions, for the pages."""

from __future__ import annotations

import ast
from collections.abc import Callable
from inspect import getsource
from textwrap import dedent
from typing import Any


def code_of(function: Callable[..., Any]) -> str:
    """Return the source of a library function, without its docstring.

    Args:
        function: A function with a docstring.

    Examples:
        >>> from seqtoys.models.elman.recurrence import swapped
        >>> print(code_of(swapped))
        def swapped(weight: Tensor, layout: Layout) -> Tensor:
            return weight.transpose(layout.positions, layout.units)
    """
    source = dedent(getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    docstring, lines = definition.body[0], source.splitlines()
    del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines)
