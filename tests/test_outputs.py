"""Outputs of code blocks on pages are used again only if nothing that they depend on changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from markdown import markdown
from markdown_exec import validator
from tools.blocks import runs as module
from tools.blocks.block import Block, Output, plain, run, sessions_of
from tools.blocks.dependencies import Dependencies
from tools.blocks.outputs import Outputs
from tools.blocks.runs import UNFINISHED, Runs

FILES = {
    "src/seqtoys/model.py": "UNITS = 4",
    "src/seqtoys/stored.json": "{}",
    "examples/01.py": "print(1)",
    "benchmarks/results.json": "[1]",
    "docs/tools/figures/__init__.py": "",
    "docs/tools/figures/drawing.py": "from tools.figures.svg import line",
    "docs/tools/figures/svg.py": "line = '-'",
    "docs/tools/results/listing.py": "PAGE = 'a.md'",
    "docs/tools/other.py": "",
    "docs/a.md": "Text.",
    "README.md": "Text.",
    "benchmarks/unfinished.jsonl": "",
    "src/seqtoys/__pycache__/model.pyc": "",
}
DRAWING = "from tools.figures.drawing import line"
LISTING = "from tools.results.listing import PAGE"
PAGES = sorted(path for path in Path("docs").rglob("*.md") if 'exec="on"' in path.read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("src/seqtoys/model.py", ["1"]),
        ("src/seqtoys/stored.json", ["1"]),
        ("examples/01.py", ["1"]),
        ("benchmarks/results.json", ["1"]),
        ("docs/tools/figures/__init__.py", ["from tools.figures import drawing"]),
        ("docs/tools/figures/drawing.py", [DRAWING]),
        ("docs/tools/figures/drawing.py", ["import tools.figures.drawing as d; d.line"]),
        ("docs/tools/figures/svg.py", [DRAWING, "1"]),  # indirectly
        ("docs/tools/figures/svg.py", ["from tools.figures import drawing"]),  # all of a package
        ("docs/tools/other.py", ["from tools import other"]),  # the name may be that of any tool
        ("docs/a.md", [LISTING]),
        ("README.md", ["open('README.md')"]),
    ],
)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_digest_changes_with_what_a_block_depends_on(
    root: Path, name: str, codes: list[str], is_deleted: bool
) -> None:
    before = Dependencies(root, []).digest(codes)
    assert Dependencies(root, []).digest(codes) == before
    path = root / name
    path.unlink() if is_deleted else path.write_text(FILES[name] + " ")
    assert Dependencies(root, []).digest(codes) != before


def test_digest_changes_with_a_new_file_a_version_and_each_block(root: Path) -> None:
    digests = {
        Dependencies(root, versions).digest(codes)
        for versions in (["torch 2.6"], ["torch 2.13"])
        for codes in (["x", "y"], ["xy"], ["x", "z"], ["y"], ["x", "y", "y"])
    }
    assert len(digests) == 10
    (root / "src/seqtoys/new.py").touch()
    assert Dependencies(root, ["torch 2.6"]).digest(["y"]) not in digests


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("docs/a.md", DRAWING),  # prose
        ("docs/tools/other.py", DRAWING),
        ("docs/tools/results/listing.py", DRAWING),
        ("benchmarks/unfinished.jsonl", DRAWING),
        ("src/seqtoys/__pycache__/model.pyc", DRAWING),
    ],
)
def test_digest_does_not_change_with_other_files(root: Path, name: str, code: str) -> None:
    before = Dependencies(root, []).digest([code])
    (root / name).write_text("changed")
    assert Dependencies(root, []).digest([code]) == before


def test_outputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "new")
    assert outputs.read("a") is None
    outputs.prune()  # of a folder that is not there
    for text in ("", "\n\nä\r\n", "x" * 10**6):
        outputs.write("a", text)
        assert Outputs(tmp_path / "new").read("a") == text
    assert outputs.read("b") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"",
        lambda data: data[5:],
        lambda data: b"\xff" + data,
    ],
)
def test_damaged_output_counts_as_missing(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    outputs = Outputs(tmp_path)
    outputs.write("a", "text")
    path = tmp_path / "a"
    path.write_bytes(damage(path.read_bytes()))
    assert outputs.read("a") is None
    outputs.write("a", "text")
    assert outputs.read("a") == "text"


def test_readers_never_see_half_of_an_output(tmp_path: Path) -> None:
    texts = ["a" * 10**5, "b" * 10**5]
    Outputs(tmp_path).write("a", texts[0])
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            for text in texts:
                Outputs(tmp_path).write("a", text)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        seen = {Outputs(tmp_path).read("a") for _ in range(200)}
        ended.set()
    assert seen <= set(texts)
    assert all(writer.exception() is None for writer in writers)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_outputs_that_no_build_uses_are_deleted(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    for name in ("old", "used", "new"):
        outputs.write(name, "text")
    before = time.time() - 10 * 24 * 3600
    for name in ("old", "used"):
        os.utime(tmp_path / name, (before, before))
    outputs.read("used")
    outputs.prune(days=11)
    assert len(list(tmp_path.iterdir())) == 3
    outputs.prune(days=9)
    assert {path.name for path in tmp_path.iterdir()} == {"used", "new"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_is_found_before_its_page_is_rendered(page: Path) -> None:
    rendered: list[tuple[str, str]] = []

    def record(source: str, language: str, name: str, options: Any, *_: object, **__: Any) -> str:
        rendered.append((plain(source), options["session"]))
        return ""

    fence = {"name": "python", "class": "", "validator": validator, "format": record}
    markdown(
        page.read_text(),
        extensions=["admonition", "md_in_html", "pymdownx.details", "pymdownx.superfences"],
        extension_configs={"pymdownx.superfences": {"custom_fences": [fence]}},
    )
    sessions: dict[object, list[str]] = {}
    for number, (code, session) in enumerate(rendered):
        sessions.setdefault(session or number, []).append(code)
    found = [[block.code for block in blocks] for blocks in sessions_of(page.read_text())]
    assert sorted(found) == sorted(sessions.values())


def test_traceback_has_the_lines_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = 'Text.\n\n- in a list\n\n    ```python exec="on"\n    x = 0\n    1 / x\n    ```\n'
    monkeypatch.chdir(tmp_path)
    Path("a.md").write_text(page)
    ((block,),) = sessions_of(page)
    (output,) = run("a.md", [block])
    assert output.error is not None
    assert 'File "a.md", line 7, in <module>\n    1 / x\n' in output.error
    assert output.error.endswith("ZeroDivisionError: division by zero\n")
    assert "block.py" not in output.error


def test_dataclasses_of_a_page_can_be_made_and_pickled() -> None:
    first = Block("import dataclasses, pickle\n@dataclasses.dataclass\nclass A: x: int", 1)
    again = Block("print(pickle.loads(pickle.dumps(A(2))))", 1)
    assert run("a.md", [first, again])[1].text == "A(x=2)\n"


class Threads(ThreadPoolExecutor):
    """Threads in the place of processes, which take seconds to start."""

    size = 2

    def __init__(self, *, mp_context: object, initializer: object) -> None:
        super().__init__(self.size)


@pytest.fixture
def runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs in a small repository, whose blocks can append to `RAN` and wait for `GO`."""
    monkeypatch.setattr(module, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(module, "run_alone", run)
    RAN.clear()
    GO.clear()
    return Runs(root, Outputs(root / "outputs"))


RAN: list[str] = []
GO = threading.Event()
USE = "from tests.test_outputs import GO, RAN\n"


def page_of(*codes: str, session: str = "a") -> tuple[str, str]:
    blocks = [f'```python exec="on" session="{session}"\n{code}\n```' for code in codes]
    return "docs/a.md", "\n\n".join(blocks)


def noting(name: str) -> str:
    return f"{USE}RAN.append('{name}')\nprint('{name}')"


def test_blocks_run_once_until_something_changes(runs: Runs, root: Path) -> None:
    one, two = noting("one"), noting("two")
    for _ in range(2):
        runs.start([page_of(one, two)])
        assert runs.output("docs/a.md", [one]).text == "one\n"
        assert runs.output("docs/a.md", [one, two]).text == "two\n"
    assert RAN == ["one", "two"]
    three = noting("three")
    runs.start([page_of(one, three), page_of(one, session="b")])
    assert runs.output("docs/a.md", [one, three]).text == "three\n"
    assert RAN == ["one", "two", "one", "three"]  # the whole session, and no other
    (root / "src/seqtoys/model.py").write_text("UNITS = 5")
    runs.start([page_of(one, three)])
    assert RAN[4:] == ["one", "three"]


def test_sessions_with_much_code_run_first(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads, "size", 1)
    short, long = noting("short"), f"{noting('long')}\n# {'x' * 99}"
    runs.start([page_of(short), page_of(long, session="b"), page_of(short, "x = 1", session="c")])
    assert RAN == ["long", "short", "short"]


def test_block_that_was_not_expected_runs_when_it_is_rendered(runs: Runs) -> None:
    runs.start([])
    codes = ["x = 2", "print(x)"]
    assert runs.output("docs/a.md", codes).text == "2\n"


def test_failed_blocks_are_not_stored_and_run_once_in_a_process(runs: Runs, root: Path) -> None:
    code = f"{noting('failed')}\n1 / 0"
    for _ in range(2):
        runs.start([page_of(code, "print(2)")])
        assert "ZeroDivisionError" in str(runs.output("docs/a.md", [code]).error)
        assert runs.output("docs/a.md", [code, "print(2)"]).text == "2\n"
    assert RAN == ["failed"]
    Runs(root, runs.outputs).start([page_of(code, "print(2)")])
    assert RAN == ["failed", "failed"]


def test_output_is_not_stored_if_the_library_changed_while_it_was_made(
    runs: Runs, root: Path
) -> None:
    model = root / "src/seqtoys/model.py"
    code = f"{noting('a')}\nimport pathlib\npathlib.Path({str(model)!r}).write_text('edited')"
    runs.start([page_of(code)])
    assert runs.output("docs/a.md", [code]).text == "a\n"  # what this build shows
    model.write_text(FILES["src/seqtoys/model.py"])
    runs.start([page_of(code)])
    assert RAN == ["a", "a"]


def test_impatient_runs_return_while_code_is_running(runs: Runs) -> None:
    slow, fast = f"{USE}GO.wait()\nprint('slow')", noting("fast")
    runs.patience = 0.0
    runs.start([page_of(slow), page_of(fast, session="b")])
    assert not runs.are_finished()
    assert runs.output("docs/a.md", [slow]).text == UNFINISHED
    GO.set()
    while not runs.are_finished():
        time.sleep(0.01)
    runs.store()
    assert runs.output("docs/a.md", [slow]).text == "slow\n"
    runs.start([page_of(slow), page_of(fast, session="b")])
    assert runs.are_finished()
    assert RAN == ["fast"]


@pytest.mark.parametrize("is_running", [False, True])
def test_only_a_pool_at_rest_is_waited_for(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, is_running: bool
) -> None:
    waited: list[bool] = []
    monkeypatch.setattr(Threads, "shutdown", lambda _, wait, **__: waited.append(wait))
    runs.patience = 0.0 if is_running else None
    runs.start([page_of(f"{USE}GO.wait()" if is_running else "1")])
    runs.stop()
    GO.set()
    assert waited == [not is_running]


def test_outputs_of_a_build_that_is_stopped_are_kept(
    runs: Runs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    slow, fast = f"{USE}GO.wait()", noting("fast")
    pages = [page_of(slow), page_of(fast, session="b")]
    digest = Dependencies(root).digest([fast])
    with ThreadPoolExecutor(1) as builder:
        build = builder.submit(runs.start, pages)
        while runs.outputs.read(digest) is None:
            time.sleep(0.01)
        assert not build.done()
        GO.set()
    assert runs.are_finished()


def test_crash_of_a_process_is_an_error(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise MemoryError("killed")

    monkeypatch.setattr(module, "run_alone", crash)
    runs.start([page_of("1")])
    output = runs.output("docs/a.md", ["1"])
    assert str(output.error).endswith("MemoryError: killed\n")


def test_a_folder_that_cannot_be_written_stops_no_build(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    outputs = Outputs(tmp_path / "file" / "folder")
    with caplog.at_level("INFO"):
        outputs.write("0123", "one")
        outputs.write("4567", "two")
    outputs.prune()
    assert outputs.read("0123") is None
    assert [record.levelname for record in caplog.records] == ["INFO"]  # reported once


def test_a_full_disk_stops_no_build_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    Outputs(tmp_path).write("0123", "text")
    assert not list(tmp_path.iterdir())


def test_outputs_of_a_folder_that_can_only_be_read_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    Outputs(tmp_path).write("0123", "text")
    monkeypatch.setattr("os.utime", fail)
    assert Outputs(tmp_path).read("0123") == "text"


def test_a_block_that_exits_has_an_error() -> None:
    first, second = run("a.md", [Block("import sys; sys.exit()", 1), Block("print(1)", 5)])
    assert "SystemExit" in str(first.error)
    assert second == Output("1\n")


def test_a_process_that_dies_is_an_error_of_the_block(tmp_path: Path) -> None:
    runs = Runs(tmp_path, Outputs(tmp_path / "outputs"))
    output = runs.output("a.md", ["import os; os._exit(3)"])
    runs.stop()
    assert "died" in str(output.error)
