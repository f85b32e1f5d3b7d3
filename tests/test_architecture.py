"""The architecture: packages and their order, public names, and the links of the pages."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
import tools

import seqtoys
from seqtoys import errors, models, results

SOURCE, TOOLS = Path("src/seqtoys"), Path("docs/tools")
FILES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
LINES = Path("docs/design.md").read_text().split("```text\n")[1].split("```")[0].splitlines()
LAYERS = [re.split(r"\s{2,}", line)[0].split(", ") for line in LINES]
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}


def package_of(file: str) -> str:
    """Return the package of a file, or its own name if it is at the top level."""
    return file.split("/")[0].removesuffix(".py")


def imported_files(file: str) -> set[str]:
    """Return the package's files that a file imports, including inside functions."""
    found = set()
    for node in ast.walk(ast.parse(FILES[file].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqtoys"):
            inside = (node.module or "").removeprefix("seqtoys").lstrip(".").replace(".", "/")
            for alias in node.names:
                one = f"{inside}/{alias.name}"
                paths = [one, f"{one}/__init__", inside, f"{inside}/__init__"]
                names = [f"{path}.py".lstrip("/") for path in paths]
                found.add(next(name for name in names if name in FILES))
    return found


def test_design_page_lists_every_package() -> None:
    assert set(RANK) == {package_of(file) for file in FILES}
    assert len([file for file in FILES if "/" not in file]) <= 10


@pytest.mark.parametrize("file", FILES)
def test_package_imports_only_from_layers_above_it(file: str) -> None:
    package = package_of(file)
    for other in map(package_of, imported_files(file)):
        assert other == package or RANK[other] < RANK[package], (file, other)


def test_imports_have_no_cycles() -> None:
    list(TopologicalSorter({file: imported_files(file) for file in FILES}).static_order())


def test_tools_import_only_from_packages_listed_above_them() -> None:
    packages = re.findall(r"^(\w+) {2,}", tools.__doc__ or "", re.MULTILINE)
    assert set(packages) == {path.parent.name for path in TOOLS.glob("*/__init__.py")}
    for path in TOOLS.glob("*/*.py"):
        allowed = packages[: packages.index(path.parent.name) + 1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tools"):
                assert (node.module or "").split(".")[1] in allowed, (path, node.module)


@pytest.mark.parametrize("module", [seqtoys, results], ids=lambda module: module.__name__)
def test_all_lists_the_public_names(module: ModuleType) -> None:
    assert all(hasattr(module, name) for name in module.__all__)  # loads those not used so far
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert module.__all__ == sorted(module.__all__)
    assert set(module.__all__) - {"__version__"} == public
    assert set(dir(module)) >= public


@pytest.mark.parametrize("package", [seqtoys, models], ids=lambda package: package.__name__)
def test_names_are_those_that_type_checkers_see(package: ModuleType) -> None:
    seen = importlib.import_module(f"{package.__name__}.public")
    assert package.__all__ == seen.__all__
    assert all(getattr(package, name) is getattr(seen, name) for name in seen.__all__)
    with pytest.raises(AttributeError, match=r"^module '[a-z.]+' has no attribute 'Elman'$"):
        _ = package.Elman


def modules_after(statement: str) -> set[str]:
    """Return the modules of the library that a fresh process has loaded after a statement."""
    shown = "print(*(name for name in sys.modules if name.split('.')[0] == 'seqtoys'))"
    command = [sys.executable, "-c", f"import sys\n{statement}\n{shown}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_package_loads_nothing_before_a_name_is_used() -> None:
    nothing = {"seqtoys", "seqtoys.support", "seqtoys.support.lazy"}
    assert modules_after("import seqtoys; dir(seqtoys); seqtoys.__all__") == nothing
    assert modules_after("import seqtoys; hasattr(seqtoys, 'Elman')") == nothing


def test_first_names_load_only_what_they_need() -> None:
    loaded = modules_after("from seqtoys import ElmanCharModel, Vocab, fit")
    others = ("plotting", "sweeps", "scorecards", "evaluation", "sampling", "cli")
    assert [name for name in loaded if name.split(".")[1:2] in [[each] for each in others]] == []
    unused = {"seqtoys.models.saving", "seqtoys.models.char_model", "seqtoys.tasks.catalogue"}
    assert loaded.isdisjoint(unused)


def test_documented_error_tree_matches_the_classes() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +\((\w+)\)", errors.__doc__ or ""))
    real = {
        name: kind.__mro__[2].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__bases__[0] is errors.SeqtoysError
    }
    assert drawn == real
    assert len(real) == 11


def test_source_names_no_machine_and_uses_no_network() -> None:
    """No installed file contains a path of some machine, and none accesses the network."""
    for path in SOURCE.rglob("*.py"):
        foreign = r"https?://|/home/|/tmp/|import (socket|urllib|requests)"
        assert not re.search(foreign, path.read_text())


@pytest.mark.parametrize("page", sorted(Path().glob("*.md")), ids=lambda page: page.name)
def test_page_has_no_dead_links(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if "://" not in link and not Path(link).exists()] == []


def test_version_is_defined_once() -> None:
    assert version("seqtoys") == seqtoys.__version__
