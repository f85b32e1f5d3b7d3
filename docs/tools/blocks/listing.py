"""List the code of docs/tools that a code block uses, so that it runs without this repository."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TOOLS = Path(__file__).parents[1]

Definition = tuple[str, str]
"""A module of docs/tools, such as `"figures.svg"`, and a name in it."""


@dataclass(frozen=True)
class Module:
    """The top level of a module.

    Attributes:
        defined: The source of each name that the module defines, in order.
        used: The names that each definition uses.
        imported: For each imported name, the start of its import statement and the name itself.
        tools: For each name imported from docs/tools, where it is defined.
    """

    defined: dict[str, str] = field(default_factory=dict[str, str])
    used: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    imported: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    tools: dict[str, Definition] = field(default_factory=dict[str, Definition])


def listing(wanted: Iterable[Definition]) -> str:
    """Return all code of docs/tools that some definitions need, as a self-contained listing.

    Args:
        wanted: The definitions.
    """
    needed = set[Definition]()
    for each in wanted:
        _collect(each, needed)
    modules = sorted({name for name, _ in needed}, key=lambda name: (_depth(name), name))
    return "\n\n\n".join(_part(name, {v for n, v in needed if n == name}) for name in modules)


def _collect(wanted: Definition, needed: set[Definition]) -> None:
    """Add a definition and its dependencies."""
    if wanted in needed:
        return
    needed.add(wanted)
    name, value = wanted
    module = _read(name)
    for used in module.used[value]:
        if used in module.tools:
            _collect(module.tools[used], needed)
        elif used in module.defined:
            _collect((name, used), needed)


def _depth(name: str) -> int:
    """Return the depth of a module in the import graph of docs/tools."""
    return max((1 + _depth(module) for module, _ in _read(name).tools.values()), default=0)


def _part(name: str, values: Collection[str]) -> str:
    """Return the needed part of a module: imports, then definitions in order."""
    module = _read(name)
    used = set().union(*(module.used[value] for value in values))
    imports = _joined([module.imported[value] for value in used & module.imported.keys()])
    text = "\n".join([f"# docs/tools/{_path(name)}", *imports])
    # Without duplicates: one statement may define several names, as in `LEFT, TOP = 70, 62`.
    sources = dict.fromkeys(module.defined[value] for value in module.defined if value in values)
    for source in sources:
        text += ("\n\n\n" if source.startswith(("def", "class", "@")) else "\n") + source
    return text


def _joined(imports: Iterable[tuple[str, str]]) -> list[str]:
    """Return import lines, with imports from the same module merged."""
    names: dict[str, list[str]] = {}
    for start, name in sorted(imports):
        names.setdefault(start, []).append(name)
    return [start + ", ".join(each) for start, each in names.items()]


def _path(name: str) -> str:
    return f"{name.replace('.', '/')}.py"


@cache
def _read(name: str) -> Module:
    source = (TOOLS / _path(name)).read_text(encoding="utf-8")
    module, lines = Module(), source.splitlines()
    for node in _top_level(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _add_imports(module, node)
            continue
        for defined in _defined(node):
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            module.defined[defined] = "\n".join(lines[start - 1 : node.end_lineno])
            module.used[defined] = names_in(node)
    return module


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, including those under `if TYPE_CHECKING`."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _add_imports(module: Module, node: ast.Import | ast.ImportFrom) -> None:
    module.tools.update(tools_of(node))
    start = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        if name not in module.tools and "__future__" not in start:
            module.imported[name] = (start, ast.unparse(alias))


def tools_of(tree: ast.AST) -> dict[str, Definition]:
    """Return the names that code imports from docs/tools, and where they are defined.

    Args:
        tree: The code.
    """
    return {
        alias.asname or alias.name: (node.module.removeprefix("tools."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tools.")
        for alias in node.names
        if node.module
    }


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    return [
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    ]


def names_in(tree: ast.AST) -> set[str]:
    """Return the names that appear in code.

    Args:
        tree: The code.
    """
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
