"""Run-time type checks of the library's functions, which are built when first needed."""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from beartype import beartype
from jaxtyping import jaxtyped

PACKAGE = "seqtoys"
MOST = 50
"""How many calls of each function are checked per test: `fit` calls some 10,000 times."""
NAME = "_type_checked"


class TypeChecks:
    """Checks the annotations, shapes included, of the functions that it decorates.

    `jaxtyping` has an import hook of its own. It builds the checks of all functions at once, which
    takes seconds, builds those of a nested function at each of its definitions, and examines the
    arguments of every call.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.counts: Counter[int] = Counter()

    @contextmanager
    def switched(self, is_on: bool) -> Iterator[None]:
        """Switch the checks on or off, and count calls from 0."""
        before = self.is_on, self.counts
        self.is_on, self.counts = is_on, Counter()
        try:
            yield
        finally:
            self.is_on, self.counts = before

    def decorate(self, made: Any) -> Any:
        """Check a function, or the constructor of a dataclass."""
        if not isinstance(made, type):
            return self._decorate_function(made)
        constructor = vars(made).get("__init__")
        if is_dataclass(made) and constructor and not hasattr(constructor, "__wrapped__"):
            made.__init__ = self._decorate_function(constructor)  # type: ignore[method-assign]
        return made

    def _decorate_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        key, checked = id(function.__code__), None

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal checked
            if not self.is_on or self.counts[key] == MOST:
                return function(*args, **kwargs)
            self.counts[key] += 1
            if checked is None:
                checked = jaxtyped(function, typechecker=beartype)
            return checked(*args, **kwargs)

        return call


TYPE_CHECKS = TypeChecks()


class CheckedLoader(SourceFileLoader):
    """Decorates each function and class of a module."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source: the stored byte code belongs to the undecorated module."""
        tree = ast.parse(self.get_data(self.path), self.path)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                decorator = ast.copy_location(ast.Name(NAME, ast.Load()), node)
                # innermost for a function, outermost for a class: once it is a dataclass
                end = len(node.decorator_list) if isinstance(node, ast.FunctionDef) else 0
                node.decorator_list.insert(end, decorator)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module that finds the decorator among its names."""
        vars(module)[NAME] = TYPE_CHECKS.decorate
        super().exec_module(module)


class CheckedFinder(MetaPathFinder):
    """Finds the library's modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a module of the library, or None for others."""
        if fullname.partition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = CheckedLoader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Decorate the library's functions as they are imported from now on."""
    assert PACKAGE not in sys.modules, "it was imported before its functions could be checked"
    sys.meta_path.insert(0, CheckedFinder())
