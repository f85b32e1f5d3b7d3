"""Ctrl-C anywhere in a sweep, or a failing disk: finished rows are kept."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from seqtoys import ElmanEnsemble, Vocab, sweep
from seqtoys.errors import DataError, ModelFileError
from seqtoys.results import SweepResult
from tests.pressing import pressed_at_line, spread

OPTIONS: dict[str, Any] = {
    "grid": {"lr": [0.02, 0.05, 0.1]},
    "seeds": [0, 1],
    "epochs": 2,
    "vocab": Vocab("hielo"),
}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def run(path: Path | None = None, **options: Any) -> SweepResult:
    return sweep(ElmanEnsemble, "hihello", path=path, **OPTIONS, **options)


def assert_resumes(path: Path, rows: list[Any]) -> None:
    """Assert that a rerun keeps all complete lines and ends like an undisturbed sweep."""
    there = path.read_bytes() if path.exists() else b""
    whole = there[: there.rfind(b"\n") + 1]
    assert run(path).rows == rows
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == 1 + len(rows)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("unchecked")
def test_ctrl_c_anywhere_in_a_sweep_keeps_finished_rows(tmp_path: Path) -> None:
    rows, path, kept = run().rows, tmp_path / "rows.jsonl", set[int]()

    def interrupted(number: int) -> int:
        path.unlink(missing_ok=True)
        result = None
        with pressed_at_line(number) as lines, suppress(KeyboardInterrupt):
            result = run(path)
        if result is not None:
            assert result.rows == rows[: len(result)]
        if path.exists():
            kept.add(path.read_bytes().count(b"\n"))
        assert_resumes(path, rows)
        return lines[0]

    for number in spread(interrupted, places=50):
        interrupted(number)
    assert {1, 3, 5, 7} <= kept <= {0, 1, 3, 5, 7}  # complete cells after the header


@pytest.mark.usefixtures("unchecked")
@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_ctrl_c_anywhere_in_a_sweep_leaves_no_worker(tmp_path: Path) -> None:
    rows, path = run().rows, tmp_path / "rows.jsonl"
    context = multiprocessing.get_context("fork")

    def interrupted(number: int) -> int:
        path.unlink(missing_ok=True)
        with (
            ProcessPoolExecutor(1, mp_context=context) as pool,
            pressed_at_line(number) as lines,
            suppress(KeyboardInterrupt),
        ):
            run(path, executor=pool)
        assert not multiprocessing.active_children()
        assert_resumes(path, rows)
        return lines[0]

    for number in spread(interrupted, places=12):
        interrupted(number)


REASONS = {
    errno.ENOSPC: "No space left on device; free some disk space",
    errno.EROFS: "Read-only file system; choose a path you can write to",
    errno.EIO: "Input/output error; try another path",
}


@pytest.mark.parametrize("code", REASONS)
@pytest.mark.parametrize("at", range(4))
def test_failing_disk_keeps_previous_rows(
    code: int, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck
) -> None:
    rows, path, flushes = run().rows, tmp_path / "rows.jsonl", list[int]()

    def fails(descriptor: int) -> None:
        flushes.append(descriptor)
        if len(flushes) > at:
            raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        message = f"can't write {path}: {REASONS[code]}. All previous rows are in it"
        assert_error(lambda: run(path), ModelFileError, message)
    assert path.read_bytes().count(b"\n") == 1 + 2 * at  # the last are written but not flushed
    assert_resumes(path, rows)


@pytest.mark.skipif(os.name != "posix", reason="the size of files is limited")
def test_file_size_limit_raises(tmp_path: Path, assert_error: ErrorCheck) -> None:
    import resource

    path = tmp_path / "rows.jsonl"
    rows = run(path).rows
    lengths = [len(line) for line in path.read_bytes().splitlines(keepends=True)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for kept in (0, 1, 3):  # complete lines, followed by half a line
        path.unlink()
        room = sum(lengths[:kept]) + lengths[kept] // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            message = (
                f"can't write {path}: File too large; try another path. All previous rows "
                "are in it"
            )
            assert_error(lambda: run(path), ModelFileError, message)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes().count(b"\n") == kept
        assert_resumes(path, rows)


def test_missing_folder_raises(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "none" / "rows.jsonl"
    message = f"can't write {path}: No such file or directory; create its directory first"
    assert_error(lambda: run(path), ModelFileError, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be deleted")
def test_folder_deleted_during_a_sweep_raises(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path, built = tmp_path / "here" / "rows.jsonl", list[Any]()

    def vanishing(vocab: Vocab, seeds: Any) -> ElmanEnsemble:
        built.append(seeds)
        if len(built) == 2:
            shutil.rmtree(path.parent)
        return ElmanEnsemble(vocab, seeds)

    path.parent.mkdir()
    message = f"can't write {path}: No such file or directory; create its directory first"
    assert_error(
        lambda: sweep(vanishing, "hihello", path=path, **OPTIONS), ModelFileError, message
    )
    assert len(built) == 2
    assert not path.parent.exists()


def test_unwritable_file_is_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = run(path).rows
    content = path.read_bytes()

    def refuses(file: Any, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuses)
        message = f"can't write {path}: Permission denied; choose a path you can write to"
        assert_error(lambda: run(path), ModelFileError, message)
    assert path.read_bytes() == content
    assert_resumes(path, rows)


def test_garbage_raises_and_is_unchanged(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "rows.jsonl"
    message = f"expected {path} to be the file of a sweep, got another file; use another path"
    for garbage in (b"\0", b"\xff\xfe\n", bytes(range(256)), b"\n", b"[" * 100_000 + b"\n"):
        path.write_bytes(garbage)
        assert_error(lambda: run(path), DataError, message)
        assert path.read_bytes() == garbage
