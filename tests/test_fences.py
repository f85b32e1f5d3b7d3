"""Outputs in the place of code blocks, in `mkdocs serve` also while code is still running."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import markdown_exec
import pytest
from mkdocs.config import load_config
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import Files, get_files
from mkdocs.utils import CountHandler
from tools.blocks import fences as module
from tools.blocks.block import Output
from tools.blocks.fences import Fences
from tools.blocks.outputs import Outputs


class Answers:
    """Stands for `Runs`: answers from a list, and finishes when told to."""

    def __init__(self, stored: Outputs, *outputs: Output) -> None:
        self.outputs = stored
        self.answers = list(outputs)
        self.asked: list[tuple[str, list[str]]] = []
        self.pages: list[tuple[str, str]] = []
        self.finished = threading.Event()
        self.finished.set()
        self.stored = 0

    def start(self, pages: Iterable[tuple[str, str]]) -> None:
        self.pages = list(pages)

    def output(self, page: str, codes: list[str]) -> Output:
        self.asked.append((page, list(codes)))
        return self.answers.pop(0)

    def are_finished(self) -> bool:
        return self.finished.is_set()

    def store(self) -> None:
        self.stored += 1


@pytest.fixture
def fences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fences:
    monkeypatch.setitem(markdown_exec.formatters, "python", None)
    monkeypatch.delenv(module.FOLDER, raising=False)
    monkeypatch.setattr(module, "AGAIN", 0.05)
    return Fences(tmp_path, is_served=True)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The files of a site of one page."""
    (tmp_path / "docs/guides").mkdir(parents=True)
    (tmp_path / "docs/guides/a.md").write_text("Text.")
    (tmp_path / "mkdocs.yml").write_text("site_name: specimen\nplugins: []\n")
    return get_files(load_config(str(tmp_path / "mkdocs.yml")))


def answer(fences: Fences, *outputs: Output) -> Answers:
    answers = Answers(fences.runs.outputs, *outputs)
    fences.runs = answers  # type: ignore[assignment]
    return answers


def begin_unfinished(fences: Fences, files: Files) -> Answers:
    """Build the pages while their code is still running."""
    answers = answer(fences)
    answers.finished.clear()
    fences.start(files)
    fences.end()
    return answers


def test_only_a_served_site_is_shown_before_all_has_run(tmp_path: Path) -> None:
    assert Fences(tmp_path, is_served=True).runs.patience == module.PATIENCE
    assert Fences(tmp_path, is_served=False).runs.patience is None


def test_pages_are_passed_on(fences: Fences, files: Files) -> None:
    answers = answer(fences)
    fences.start(files)
    assert answers.pages == [("docs/guides/a.md", "Text.")]


def test_outputs_are_in_the_repository_or_the_given_folder(
    fences: Fences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fences.runs.outputs.folder == tmp_path / ".cache/docs"
    monkeypatch.setenv(module.FOLDER, str(tmp_path / "other"))
    assert Fences(tmp_path, is_served=False).runs.outputs.folder == tmp_path / "other"


def test_a_block_is_known_by_the_blocks_of_its_session_on_its_page(fences: Fences) -> None:
    answers = answer(fences, *[Output(text) for text in "12345"])
    block: Any = markdown_exec.formatters["python"]
    options = {"md": None, "html": True, "id": "", "session": ""}
    fences.begin("a.md")
    shown = [block(**{**options, "code": "one\n", "session": "a"})]
    shown += [block(**{**options, "code": "two"})]
    shown += [block(**{**options, "code": "three", "session": "a"})]
    shown += [block(**{**options, "code": "four", "session": "b"})]
    fences.begin("b.md")
    shown += [block(**{**options, "code": "five", "session": "a"})]
    assert shown == list("12345")
    assert answers.asked == [
        ("a.md", ["one"]),
        ("a.md", ["two"]),
        ("a.md", ["one", "three"]),
        ("a.md", ["four"]),
        ("b.md", ["five"]),
    ]


def marks(path: Path) -> int:
    """Return when a file was last touched, in nanoseconds."""
    return path.stat().st_mtime_ns if path.exists() else 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is the case, for ten seconds at most."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_served_pages_are_built_again_when_all_code_has_run(
    fences: Fences, files: Files, tmp_path: Path
) -> None:
    answers = begin_unfinished(fences, files)
    server = LiveReloadServer(lambda: None, "127.0.0.1", 0, str(tmp_path))
    fences.watch(server)
    marker = tmp_path / ".cache/docs/finished"
    assert str(marker) in server._watched_paths
    server.server_close()
    before = marks(marker)
    time.sleep(0.1)
    assert marks(marker) == before  # code is still running
    answers.finished.set()
    wait_for(lambda: marks(marker) > before)
    assert answers.stored == 1
    first = marks(marker)
    wait_for(lambda: marks(marker) > first)  # no build has begun: the server is asked again
    fences.start(Files([]))
    wait_for(lambda: not helpers())
    after = marks(marker)
    fences.end()  # all has run: nothing is asked for
    assert not helpers()
    assert marks(marker) == after


def helpers() -> list[threading.Thread]:
    """Return the threads that wait for code."""
    return [each for each in threading.enumerate() if "_build_again" in each.name]


def test_a_new_build_takes_over_from_one_that_waits(
    fences: Fences, files: Files, tmp_path: Path
) -> None:
    answers = begin_unfinished(fences, files)
    assert len(helpers()) == 1
    fences.start(files)  # a page was edited
    wait_for(lambda: not helpers())
    assert answers.stored == 0
    assert not (tmp_path / ".cache/docs/finished").exists()


@pytest.mark.parametrize("is_finished", [True, False])
def test_warnings_count_only_if_all_headings_are_there(
    fences: Fences, files: Files, is_finished: bool
) -> None:
    counter = CountHandler()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(counter)
    other = logging.NullHandler()
    logger.addHandler(other)
    answers = answer(fences)
    if not is_finished:
        answers.finished.clear()
    try:
        fences.start(files)
        assert (counter in logger.handlers) == is_finished
        assert other in logger.handlers
    finally:
        logger.removeHandler(counter)
        logger.removeHandler(other)
