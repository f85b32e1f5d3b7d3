"""The code of each figure, folded below it: what a page does not show of what made it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import dedent, indent

TOOLS = Path(__file__).parent
BLOCK = re.compile(r"^(?P<indent> *)```python(?P<options>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip
HIDDEN = "# markdown-exec: hide"
PLACING = "show"  # puts a figure on the page, and draws nothing
ITSELF = "code_of"  # shows the code that it is given
SCRIPT = re.compile(r'\bread\("(\w+)"\)')

Definition = tuple[str, str]
"""A module of this folder, and a name in it."""


@dataclass(frozen=True)
class Module:
    """The top level of a module.

    Attributes:
        defined: The source of each name that it defines, in their order.
        used: The names that each definition uses.
        imported: For each imported name, the start of its import, and what is imported.
        tools: For each name imported from this folder, where it is defined.
    """

    defined: dict[str, str] = field(default_factory=dict[str, str])
    used: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    imported: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    tools: dict[str, Definition] = field(default_factory=dict[str, Definition])


def fold_code(markdown: str, *, numbers: bool = False) -> str:
    r"""Add the code of each figure that a page does not show, in a block that unfolds.

    Args:
        markdown: The page.
        numbers: Whether to add the code of what is not a figure, too.

    Examples:
        >>> block = "from tools.automata import reber_graph\n\nprint(reber_graph())\n"
        >>> page = fold_code(f'```python exec="on" html="on"\n{block}```')
        >>> [line.strip() for line in page.splitlines() if "def reber_graph" in line]
        ['def reber_graph() -> str:']
    """
    known: dict[str, dict[str, Definition]] = {}  # by session: the tools that blocks import

    def add(found: re.Match[str]) -> str:
        options, code = found["options"], dedent(found["code"])
        if 'exec="on"' not in options:
            return found[0]
        session = re.search(r'session="([^"]*)"', options)
        tools = known.setdefault(session[1], {}) if session else {}
        tools |= _tools_of(ast.parse(code))
        if not (numbers or 'html="on"' in options):
            return found[0]
        fold = _fold(_unseen(code, options), tools, is_figure='html="on"' in options)
        return found[0] + indent(fold, found["indent"])

    return BLOCK.sub(add, markdown)


def _unseen(code: str, options: str) -> str:
    """The lines of a block that the page does not show, but for those that place a figure."""
    if "source=" not in options:
        return code
    hidden = [line for line in code.splitlines() if HIDDEN in line]
    kept = [line for line in hidden if not re.search(rf"\b{PLACING}\b", line)]
    return "\n".join(line.replace(HIDDEN, "").rstrip() for line in kept)


def _fold(code: str, tools: dict[str, Definition], *, is_figure: bool) -> str:
    used = _names(ast.parse(code)) & tools.keys()
    if not used or ITSELF in used:
        return ""
    what = "this figure" if is_figure else "these numbers"
    return folded(what, code, [tools[name] for name in sorted(used - {PLACING})])


def folded(what: str, code: str, wanted: Sequence[Definition]) -> str:
    """Write code into a block that unfolds, with all that it uses of this folder.

    Args:
        what: What the code makes.
        code: The code.
        wanted: The definitions that it uses.
    """
    listed = listing(wanted)
    stored = [f"It shows stored results, made by `{command}`." for command in _commands(listed)]
    fences = [f"```python\n{part.strip()}\n```" for part in (code, listed) if part.strip()]
    body = indent("\n\n".join([*stored, *fences]), "    ")
    return f'\n\n??? note "The code of {what}"\n\n{body}\n'


def _commands(listed: str) -> list[str]:
    """The commands that made the results which some code reads."""
    scripts = [f"python -m benchmarks.published {name} --write" for name in SCRIPT.findall(listed)]
    if "from benchmarks.tasks_learnt import read" in listed:
        scripts.append("python -m benchmarks.tasks_learnt --write")
    return list(dict.fromkeys(scripts))


def listing(wanted: Iterable[Definition]) -> str:
    """Write all code of this folder that some definitions need, so that it runs by itself.

    Args:
        wanted: The definitions.
    """
    needed = set[Definition]()
    for each in wanted:
        _collect(each, needed)
    modules = sorted({name for name, _ in needed}, key=lambda name: (_depth(name), name))
    return "\n\n\n".join(_part(name, {v for n, v in needed if n == name}) for name in modules)


def _collect(wanted: Definition, needed: set[Definition]) -> None:
    """Add a definition, and what it uses."""
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
    """How many modules of this folder are below one."""
    return max((1 + _depth(module) for module, _ in _read(name).tools.values()), default=0)


def _part(name: str, values: Collection[str]) -> str:
    """The needed part of a module: imports, then definitions in their order."""
    module = _read(name)
    used = set().union(*(module.used[value] for value in values))
    imports = _joined([module.imported[value] for value in used & module.imported.keys()])
    text = "\n".join([f"# docs/tools/{name}.py", *imports])
    for value, source in module.defined.items():
        if value in values:
            text += ("\n\n\n" if source.startswith(("def", "class", "@")) else "\n") + source
    return text


def _joined(imports: Iterable[tuple[str, str]]) -> list[str]:
    """Write imports, those from one module in one line."""
    names: dict[str, list[str]] = {}
    for start, name in sorted(imports):
        names.setdefault(start, []).append(name)
    return [start + ", ".join(each) for start, each in names.items()]


@cache
def _read(name: str) -> Module:
    source = (TOOLS / f"{name}.py").read_text(encoding="utf-8")
    module, lines = Module(), source.splitlines()
    for node in _top_level(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _add_imports(module, node)
            continue
        for defined in _defined(node):
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            module.defined[defined] = "\n".join(lines[start - 1 : node.end_lineno])
            module.used[defined] = _names(node)
    return module


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module, also those that only type checkers see."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _add_imports(module: Module, node: ast.Import | ast.ImportFrom) -> None:
    module.tools.update(_tools_of(node))
    start = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        if name not in module.tools and "__future__" not in start:
            module.imported[name] = (start, ast.unparse(alias))


def _tools_of(tree: ast.AST) -> dict[str, Definition]:
    """The names that some code imports from this folder, and where they are defined."""
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


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
