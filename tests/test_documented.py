"""All public names are documented, and undocumented ones are reported."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from tools.pages.documented import complaints

PACKAGE = '''
    """A package."""

    from specimen.shapes import VERSION as VERSION
    from specimen.shapes import Circle as Circle
    from specimen.shapes import area as area
    from specimen.shapes import forgotten as forgotten

    __all__ = ["VERSION", "Circle", "__version__", "area", "forgotten"]
    __version__ = "1"
'''
MODULE = '''
    """Shapes."""

    from specimen.hidden import Base

    VERSION = "1"


    class Circle(Base):
        """A circle.

        Args:
            radius: Its radius.

        Examples:
            >>> Circle(1.0).scaled(2.0)
        """

        def __init__(self, radius: float) -> None: ...

        def scaled(self, factor: float, centre: float) -> None:
            """Scale it.

            Args:
                factor: By how much.
            """

        def moved(self, by: float) -> None:
            """Move it: the base documents this."""

        def grown(self, by: float, often: int) -> None:
            """Grow it `by` this.

            As `often` as wished.
            """

        @property
        def width(self) -> float:
            return 1.0


    class ShapeError(ValueError):
        """There is no such shape. Try another."""


    def area(shape: Circle, *digits: int) -> None:
        """Compute an area to some `digits`.

        Args:
            shape: The shape.

        Examples:
            >>> area(Circle(1.0))
        """


    def forgotten() -> None:
        """Do what is on no page
        and takes two lines.
        """
'''
HIDDEN = '''
    """Private names, and the base class of public ones."""


    class Base:
        """A base."""

        def moved(self, by: float) -> None:
            """Move it.

            Args:
                by: How far.
            """

        def turned(self) -> None:
            """Turn it."""

        def shown(self) -> None:
            """Show it."""
'''
PAGE = """
    # Shapes

    ::: specimen.Circle
        options: { inherited_members: [shown] }

    ::: specimen.shapes.ShapeError
    ::: specimen.area
"""


@pytest.fixture
def specimen(tmp_path: Path) -> Path:
    (tmp_path / "specimen").mkdir()
    for name, text in {"__init__": PACKAGE, "shapes": MODULE, "hidden": HIDDEN}.items():
        (tmp_path / "specimen" / f"{name}.py").write_text(dedent(text))
    (tmp_path / "page.md").write_text(dedent(PAGE))
    return tmp_path


def test_all_public_names_are_documented() -> None:
    assert complaints() == []


def test_undocumented_names_are_reported(specimen: Path) -> None:
    assert complaints("specimen", specimen, specimen) == [
        "specimen.shapes.Circle.scaled does not document centre",
        "specimen.shapes.Circle.grown does not document often",
        "specimen.shapes.Circle.width does not begin with a one-line sentence",
        "specimen.shapes.Circle does not show the inherited name turned",
        "specimen.shapes.ShapeError does not begin with a one-line sentence",
        "specimen.shapes.VERSION is public but not on any API page",
        "specimen.shapes.VERSION does not begin with a one-line sentence",
        "specimen.shapes.area does not document digits",
        "specimen.shapes.forgotten is public but not on any API page",
        "specimen.shapes.forgotten does not begin with a one-line sentence",
        "specimen.shapes.forgotten has no example",
    ]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ("", {"VERSION"}),
        ("    options: { members: [forgotten] }\n", {"VERSION", "Circle", "area"}),
    ],
)
def test_module_page_documents_its_public_members(
    specimen: Path, options: str, missing: set[str]
) -> None:
    (specimen / "page.md").write_text(f"::: specimen.shapes\n{options}")
    found = complaints("specimen", specimen, specimen)
    nowhere = {line.split()[0] for line in found if line.endswith("not on any API page")}
    assert nowhere == {f"specimen.shapes.{name}" for name in missing}
