"""Run every Python block of README and docs as a test, and leave no figure open."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from tools.blocks.block import SESSION

from tests import type_checks

pytest_plugins = ["tests.browsers"]
os.environ["MPLBACKEND"] = "agg"  # figures are drawn, not shown


class FencedPython:
    """Reads fences that start with ```python or ```pycon, whatever options follow.

    As when the site is built, blocks of the same `session="…"` share a namespace, and a block
    without one starts with an empty namespace, like a block pasted into a new process.
    """

    lexer = RawFencedCodeBlockLexer(
        re.compile(r"(?P<language>python|pycon)(?P<options>[ \t{][^\n]*)?\n")
    )

    def __init__(self) -> None:
        self.doctest = DocTestStringParser(DocTestEvaluator(ELLIPSIS | NORMALIZE_WHITESPACE))
        self.python = PythonEvaluator()

    def __call__(self, document: Document) -> Iterable[Region]:
        """Find the blocks of a document."""
        sessions: dict[str, dict[str, Any]] = {}
        for region in self.lexer(document):
            source = region.lexemes["source"]
            if source.startswith(">>>"):
                for example in self.doctest(source, document.path):
                    example.adjust(region, source)
                    yield example
            elif "--8<--" not in source and "output_of(" not in source:  # examples have tests
                named = SESSION.search(region.lexemes["options"] or "")
                names = sessions.setdefault(named[1], {}) if named else {}
                region.parsed, region.evaluator = source, partial(self.run, names)
                yield region

    def run(self, names: dict[str, Any], example: Example) -> None:
        """Run a block in a namespace of its own."""
        example.namespace = names
        self.python(example)


pytest_collect_file = Sybil(
    parsers=[FencedPython()],
    patterns=["README.md", "CONTRIBUTING.md", "docs/*.md", "docs/*/*.md"],
    fixtures=["unchecked"],  # as users run them
).pytest()


def pytest_sessionstart() -> None:
    """Load the library as a whole: what pytest loads of it alone, the rest would load again."""
    type_checks.install()
    import_module("seqtoys")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run pages first: a worker takes tests of another from its end, and must not split a page."""
    items.sort(key=lambda item: item.path.suffix != ".md")


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    """Check the types of the first calls of each function at run time."""
    with type_checks.TYPE_CHECKS.switched(True):
        yield


@pytest.fixture
def unchecked(checked: None) -> Iterator[None]:
    """Switch the run-time type checks off, as they are for users."""
    with type_checks.TYPE_CHECKS.switched(False):
        yield


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    """Close what a test, a docstring or a page has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
