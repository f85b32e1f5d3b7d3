"""Run every Python block of README and docs as a test, and leave no figure open."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from functools import partial
from importlib import import_module
from typing import Any

import jaxtyping
import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from tools.blocks.block import SESSION

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
    import_module("seqtoys")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without run-time type checks: test files build tasks when they are imported."""
    with _unchecked():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run pages first: a worker takes tests of another from its end, and must not split a page."""
    items.sort(key=lambda item: item.path.suffix != ".md")


@contextmanager
def _unchecked() -> Iterator[None]:
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch the run-time type checks off, to meet what users meet."""
    with _unchecked():
        yield


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    """Close what a test, a docstring or a page has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
