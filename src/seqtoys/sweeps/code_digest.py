"""A digest of the code that makes a model, so that a file never mixes results of two versions."""

from __future__ import annotations

import functools
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
CONSTANTS = (str, bytes, bool, int, float, complex, type(None), type(Ellipsis))


def code_digest(*values: object) -> str:
    """Return a digest of functions, classes and constants.

    It depends on the bytecode of functions, on the methods of classes, and on the functions,
    classes and constants they refer to, but not on comments, names of variables or line numbers.
    Installed packages count by name only, and so do lists, dicts and other objects that functions
    refer to, since these may change during a sweep.

    Args:
        *values: What to include.

    Examples:
        >>> codes = "lambda x: x + 1", "lambda y: y + 1  # the same", "lambda x: x + 2"
        >>> one, same, other = (code_digest(eval(code, {})) for code in codes)
        >>> one == same, one == other
        (True, False)
    """
    parts = "\n".join(_describe(values, set()))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:12]


def _describe(value: Any, known: set[int]) -> Iterator[str]:
    """Yield lines that describe a value; functions and classes in `known` are not repeated."""
    if isinstance(value, CONSTANTS):
        yield repr(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _describe(item, known)
    elif isinstance(value, frozenset):
        yield repr(sorted(map(repr, value)))  # the order differs between processes
    elif isinstance(value, functools.partial):
        yield from _describe((value.func, value.args, *value.keywords.items()), known)
    elif isinstance(value, MethodType):
        yield from _describe((value.__func__, type(value.__self__)), known)
    elif isinstance(value, CodeType):
        yield value.co_code.hex()
        yield from _describe((value.co_names, value.co_consts), known)
    elif isinstance(value, FunctionType | type) and not _is_installed(value):
        if id(value) not in known:
            known.add(id(value))
            parts = _class_parts(value) if isinstance(value, type) else _function_parts(value)
            yield from _describe(tuple(parts), known)
    elif isinstance(value, ModuleType | FunctionType | type):
        yield value.__name__
    else:
        yield type(value).__name__
        yield from _describe(type(value), known)


def _function_parts(function: FunctionType) -> Iterator[object]:
    """Yield the parts of a function that determine what it does."""
    yield from (function.__code__, function.__defaults__)
    yield from (function.__kwdefaults__ or {}).items()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


def _class_parts(kind: type) -> Iterator[object]:
    """Yield the bases of a class, and its methods and constants."""
    yield from kind.__bases__
    for name, value in vars(kind).items():
        if not name.startswith("__") or isinstance(value, FunctionType):
            yield name
            yield getattr(value, "fget", getattr(value, "__func__", value))


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that a function and the functions inside it refer to."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_installed(value: FunctionType | type) -> bool:
    """Return whether a function or class belongs to an installed package or to Python itself."""
    module = value.__module__ or ""  # None for code from a string
    file = getattr(sys.modules.get(module), "__file__", None)
    is_known = module.partition(".")[0] in ("seqtoys", "builtins")
    return is_known or (file is not None and file.startswith(LIBRARIES))
