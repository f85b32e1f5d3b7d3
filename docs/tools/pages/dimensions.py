"""Show `Int[Tensor, " time"]` as `Int[Tensor, "time"]` in the API pages.

The leading space keeps linters from treating a lone dimension as a forward reference; readers of
the pages don't need it. Nor do they need a docstring of `__init__` that refers to its class.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import griffe


class Dimensions(griffe.Extension):
    """Remove the leading space of one-word dimensions."""

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Clean the annotations of the parameters and the return value."""
        _strip(func.returns)
        for parameter in func.parameters:
            _strip(parameter.annotation)

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Describe the arguments of a class once."""
        init = cls.members.get("__init__")
        if init is not None and cls.docstring is not None:
            init.docstring = None

    def on_attribute(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Clean the annotation of an attribute."""
        _strip(attr.annotation)


def _strip(expression: Any) -> None:
    if not isinstance(expression, griffe.Expr):
        return
    for field in fields(expression):
        value = getattr(expression, field.name)
        if isinstance(value, list):
            value[:] = [_strip_quoted(item) for item in value]
        if field.name != "parent":
            for item in value if isinstance(value, list) else [value]:
                _strip(item)


def _strip_quoted(item: Any) -> Any:
    return re.sub(r"^(['\"])\s+", r"\1", item) if isinstance(item, str) else item
