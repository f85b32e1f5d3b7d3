"""Whether what is public is documented: on an API page, with a summary, arguments, an example."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import griffe
from mkdocs.utils.yaml import yaml_load

ROOT = Path(__file__).parents[2]
DIRECTIVE = re.compile(r"^::: ([\w.]+)\n((?: .*\n|\n)*)", re.MULTILINE)
ONE_SENTENCE = re.compile(r"(?:(?![.?!] [A-Z]).)+[.?!:]")  # on one line

Named: TypeAlias = griffe.Object | griffe.Alias
Shown: TypeAlias = Mapping[str, list[str]]
"""The paths of what API pages show, each with the names that it shows of its bases."""


def complaints(
    package: str = "seqtoys", source: Path = ROOT / "src", pages: Path = ROOT / "docs" / "api"
) -> list[str]:
    """Say what the documentation of a package lacks; nothing: all that is public is documented.

    Args:
        package: Its name. Public is what `__all__` names, in it and in modules of its own that
            have one, and whatever the pages show.
        source: The folder it is in.
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
        docstring_options={"warnings": False},  # mkdocstrings gives them
    )
    assert isinstance(loaded, griffe.Module)
    shown = {path: names for page in pages.glob("*.md") for path, names in _shown(page, loaded)}
    paths = sorted({*_public(loaded), *shown})
    values = [loaded[path.removeprefix(f"{package}.")] for path in paths]
    return [line for value in values for line in _lacks(value, shown)]


def _public(module: griffe.Module) -> Iterator[str]:
    """The paths of what `__all__` names, dunder names excepted, in a module and those inside."""
    for name in module.exports or ():
        if not str(name).startswith("_"):
            yield module[str(name)].canonical_path
    for inner in module.modules.values():
        if isinstance(inner, griffe.Module):
            yield from _public(inner)


def _shown(page: Path, package: griffe.Module) -> Iterator[tuple[str, list[str]]]:
    """The paths of what a page shows, each with the names that it shows of its bases."""
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
    """What a public class or function lacks, and what its methods and properties lack."""
    if value.path not in shown:
        yield f"{value.path} is public, and on no API page"
    yield from _text_lacks(value, [])
    is_used = value.is_function or (value.is_class and not value.name.endswith("Error"))
    if is_used and ">>>" not in _text(value):
        yield f"{value.path} has no worked example"
    if isinstance(value, griffe.Class):
        for member in _methods(value):
            yield from _text_lacks(member, [base.members.get(member.name) for base in value.mro()])
        for name in _hidden(value, shown):
            yield f"{value.path} does not show {name}, which it inherits"


def _methods(value: griffe.Class) -> Iterator[Named]:
    for member in value.members.values():
        if not member.name.startswith("_") and (member.is_function or "property" in member.labels):
            yield member


def _hidden(value: griffe.Class, shown: Shown) -> Iterator[str]:
    """The names that a class has from bases, and that neither its place nor theirs shows."""
    places = [each for each in (value, *value.mro()) if each.path in shown]
    told = {name for each in places for name in (*each.members, *shown[each.path])}
    for base in value.mro():
        yield from (member.name for member in _methods(base) if member.name not in told)


def _text_lacks(value: Named, overridden: list[Named | None]) -> Iterator[str]:
    """What a docstring lacks: the summary, or a parameter, if no overridden method tells it."""
    if not ONE_SENTENCE.fullmatch(_summary(value)):
        yield f"{value.path} does not begin with a sentence of one line"
    told = {name for each in (value, *overridden) if each is not None for name in _told(each)}
    missing = [name for name in _parameters(value) if name not in told]
    if missing:
        yield f"{value.path} does not tell what is {', '.join(missing)}"


def _text(value: Named) -> str:
    return value.docstring.value if value.docstring else ""


def _summary(value: Named) -> str:
    return _text(value).partition("\n\n")[0]


def _parameters(value: Named) -> list[str]:
    if not isinstance(value, griffe.Function | griffe.Class):
        return []
    return [each.name for each in value.parameters if each.name not in ("self", "cls")]


def _told(value: Named) -> Iterator[str]:
    """The arguments and attributes that a docstring tells, without stars."""
    if isinstance(value.parent, griffe.Class):
        yield from re.findall(r"`(\w+)`", _summary(value))  # enough for a method
    for section in value.docstring.parsed if value.docstring else ():
        if section.kind.value in ("parameters", "attributes"):
            yield from (item.name.lstrip("*") for item in section.value)
