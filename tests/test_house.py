"""The house: its layers, its public names, and the commands its README promises."""

from __future__ import annotations

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import seqtoys
from seqtoys import errors, results

SOURCE = Path("src/seqtoys")
LAYERS = re.findall(r"^([\w/]+\.py)\b", Path("docs/design.md").read_text(), flags=re.MULTILINE)


def imported_files(path: Path) -> set[str]:
    """The files of the package that a file imports when it is loaded."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqtoys"):
            inside = (node.module or "").removeprefix("seqtoys").lstrip(".").replace(".", "/")
            names = {f"{inside}/{alias.name}".lstrip("/") for alias in node.names}
            found |= {name for name in names if (SOURCE / f"{name}.py").exists()} or {inside}
    return {f"{name or '__init__'}.py" for name in found}


def test_the_design_page_lists_every_file() -> None:
    assert sorted(LAYERS) == sorted(
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")
    )


@pytest.mark.parametrize("name", LAYERS)
def test_a_file_imports_only_from_files_above_it(name: str) -> None:
    above = LAYERS[: LAYERS.index(name)]
    assert imported_files(SOURCE / name) <= set(above)


@pytest.mark.parametrize("module", [seqtoys, results], ids=lambda module: module.__name__)
def test_all_holds_the_public_names(module: ModuleType) -> None:
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert module.__all__ == sorted(module.__all__)
    assert set(module.__all__) - {"__version__"} == public


def test_the_error_tree_is_drawn_as_it_is() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +\((\w+)\)", errors.__doc__ or ""))
    real = {
        name: kind.__mro__[2].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__bases__[0] is errors.SeqtoysError
    }
    assert drawn == real
    assert len(real) == 11


def test_the_library_speaks_of_itself_alone() -> None:
    """Nothing that users install names a machine, and nothing reaches for the network."""
    for path in SOURCE.rglob("*.py"):
        foreign = r"https?://|/home/|/tmp/|import (socket|urllib|requests)"
        assert not re.search(foreign, path.read_text())


@pytest.mark.parametrize("page", sorted(Path().glob("*.md")), ids=lambda page: page.name)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if "://" not in link and not Path(link).exists()] == []


def test_the_version_is_told_once() -> None:
    assert version("seqtoys") == seqtoys.__version__
