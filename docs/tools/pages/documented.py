"""Check that every public name has an API page, a summary, its arguments and an example."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import griffe
from mkdocs.utils.yaml import yaml_load

ROOT = Path(__file__).parents[3]
DIRECTIVE = re.compile(r"^::: ([\w.]+)\n((?: .*\n|\n)*)", re.MULTILINE)
ONE_SENTENCE = re.compile(r"(?:(?![.?!] [A-Z]).)+[.?!:]")  # on one line

Named: TypeAlias = griffe.Object | griffe.Alias
Shown: TypeAlias = Mapping[str, list[str]]
"""The paths of objects on API pages, each with the inherited names shown."""


def complaints(
    package: str = "seqtoys", source: Path = ROOT / "src", pages: Path = ROOT / "docs" / "api"
) -> list[str]:
    """Return what is missing from the documentation of a package.

    Args:
        package: The name of the package. Public are the names in `__all__` of the package and of
            its modules, and everything on the API pages.
        source: The folder that contains the package.
        pages: The folder of the API pages.

    Examples:
        >>> complaints()
        []
    """
    loaded = griffe.load(
        package,
        search_paths=[source],
        resolve_aliases=True,
        docstring_parser="google",
        docstring_options={"warnings": False},  # mkdocstrings already emits them
    )
    assert isinstance(loaded, griffe.Module)
    shown = {path: names for page in pages.glob("*.md") for path, names in _shown(page, loaded)}
    paths = sorted({*_public(loaded), *shown})
    values = [loaded[path.removeprefix(f"{package}.")] for path in paths]
    return [line for value in values for line in _lacks(value, shown)]


def _public(module: griffe.Module) -> Iterator[str]:
    """Yield the paths of names in `__all__`, except dunder names, of a module and submodules."""
    for name in module.exports or ():
        if not str(name).startswith("_"):
            yield module[str(name)].canonical_path
    for inner in module.modules.values():
        if isinstance(inner, griffe.Module):
            yield from _public(inner)


def _shown(page: Path, package: griffe.Module) -> Iterator[tuple[str, list[str]]]:
    """Yield the paths of the objects on a page, each with the inherited names shown."""
    for path, indented in DIRECTIVE.findall(page.read_text() + "\n"):
        value = package[path.removeprefix(f"{package.path}.")]
        options = (yaml_load(indented) or {}).get("options", {})
        if value.is_module:
            public = [name for name, member in value.members.items() if member.is_public]
            for name in options.get("members", public):
                if value[name].is_class or value[name].is_function:
                    yield value[name].canonical_path, []
        else:
            yield value.canonical_path, options.get("inherited_members", [])


def _lacks(value: Named, shown: Shown) -> Iterator[str]:
    """Yield what is missing for a public class or function, its methods and properties."""
    if value.path not in shown:
        yield f"{value.path} is public but not on any API page"
    yield from _text_lacks(value, [])
    is_used = value.is_function or (value.is_class and not value.name.endswith("Error"))
    if is_used and ">>>" not in _text(value):
        yield f"{value.path} has no example"
    if isinstance(value, griffe.Class):
        for member in _methods(value):
            yield from _text_lacks(member, [base.members.get(member.name) for base in value.mro()])
        for name in _hidden(value, shown):
            yield f"{value.path} does not show the inherited name {name}"


def _methods(value: griffe.Class) -> Iterator[Named]:
    for member in value.members.values():
        if not member.name.startswith("_") and (member.is_function or "property" in member.labels):
            yield member


def _hidden(value: griffe.Class, shown: Shown) -> Iterator[str]:
    """Yield inherited names shown neither with the class nor with its bases."""
    places = [each for each in (value, *value.mro()) if each.path in shown]
    told = {name for each in places for name in (*each.members, *shown[each.path])}
    for base in value.mro():
        yield from (member.name for member in _methods(base) if member.name not in told)


def _text_lacks(value: Named, overridden: list[Named | None]) -> Iterator[str]:
    """Yield what a docstring lacks: the summary, or parameters not documented by bases either."""
    if not ONE_SENTENCE.fullmatch(_summary(value)):
        yield f"{value.path} does not begin with a one-line sentence"
    told = {name for each in (value, *overridden) if each is not None for name in _told(each)}
    missing = [name for name in _parameters(value) if name not in told]
    if missing:
        yield f"{value.path} does not document {', '.join(missing)}"


def _text(value: Named) -> str:
    return value.docstring.value if value.docstring else ""


def _summary(value: Named) -> str:
    return _text(value).partition("\n\n")[0]


def _parameters(value: Named) -> list[str]:
    if not isinstance(value, griffe.Function | griffe.Class):
        return []
    return [each.name for each in value.parameters if each.name not in ("self", "cls")]


def _told(value: Named) -> Iterator[str]:
    """Yield the documented arguments and attributes of a docstring, without stars."""
    if isinstance(value.parent, griffe.Class):
        yield from re.findall(r"`(\w+)`", _summary(value))  # for a method, the summary is enough
    for section in value.docstring.parsed if value.docstring else ():
        if section.kind.value in ("parameters", "attributes"):
            yield from (item.name.lstrip("*") for item in section.value)
