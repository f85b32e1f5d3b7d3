"""Two sweeps on one file: one is rejected at once, and no row is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seqtoys import ElmanEnsemble, Vocab, sweep
from seqtoys.errors import DataError, ModelFileError
from seqtoys.results import SweepResult, SweepRow
from seqtoys.support import file_lock
from seqtoys.sweeps.journal import Journal

pytestmark = pytest.mark.type_checked

OPTIONS: dict[str, Any] = {
    "grid": {"lr": [n / 100 for n in range(1, 7)]},
    "seeds": [0, 1],
    "epochs": 2,
    "vocab": Vocab("hielo"),
}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
FORK: Any = multiprocessing.get_context("fork" if os.name == "posix" else None)
on_posix = pytest.mark.skipif(os.name != "posix", reason="processes are killed")


def run(path: Path | None = None, **options: Any) -> SweepResult:
    return sweep(ElmanEnsemble, "hihello", path=path, **OPTIONS, **options)


def lock_error(path: Path) -> str:
    return (
        f"can't write {path}: another sweep is writing to it; wait for it to finish, or use "
        "another path"
    )


def slow(vocab: Vocab, seeds: Any, *, seconds: float) -> ElmanEnsemble:
    time.sleep(seconds)
    return ElmanEnsemble(vocab, seeds)


def sweep_slowly(folder: Path, seconds: float, in_pool: bool, answers: Any) -> None:
    """Sweep in another process and send back the number of rows or the error."""
    os.chdir(folder)
    pool = ProcessPoolExecutor(1, FORK) if in_pool else None
    make = partial(slow, seconds=seconds)
    try:
        answers.put(len(sweep(make, "hihello", path="rows.jsonl", executor=pool, **OPTIONS)))
    except OSError as error:
        answers.put(str(error))


@contextmanager
def started(folder: Path, seconds: float, *, in_pool: bool = False) -> Iterator[Any]:
    """Sweep in a forked process, since starting Python and loading PyTorch takes seconds."""
    answers = FORK.SimpleQueue()
    process = FORK.Process(target=sweep_slowly, args=(folder, seconds, in_pool, answers))
    process.start()
    try:
        yield process, answers
    finally:
        process.join(60)
        assert not process.is_alive()


def wait_for_rows(path: Path, count: int) -> bytes:
    """Return the file once it has this many complete rows."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        content = path.read_bytes() if path.exists() else b""
        if content.count(b"\n") > count:
            return content
        time.sleep(0.01)
    raise AssertionError("no rows")


@on_posix
def test_second_process_is_rejected_and_no_row_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with started(tmp_path, 0.1) as first, started(tmp_path, 0.1) as second:
        outcomes = [answers.get() for _, answers in (first, second)]
    assert [process.exitcode for process, _ in (first, second)] == [0, 0]
    assert sorted(outcomes, key=str) == [12, lock_error(Path("rows.jsonl"))]
    head, *rows = path.read_text().splitlines()
    assert len(rows) == 12
    assert "sweep" in json.loads(head)


@on_posix
def test_rejected_sweeps_do_not_disturb_the_writer(tmp_path: Path) -> None:
    """Each of the others is rejected at once, and the file stays readable."""
    path = tmp_path / "rows.jsonl"
    with started(tmp_path, 0.15) as (process, answers):
        seen = wait_for_rows(path, 2)
        while process.is_alive():
            began = time.monotonic()
            with pytest.raises((ModelFileError, DataError), match="another sweep"):
                run(path)
            assert time.monotonic() - began < 5
            content = path.read_bytes()
            assert content.startswith(seen)
            seen = content
        assert answers.get() == 12
    assert path.read_bytes().startswith(seen)
    assert path.read_bytes().count(b"\n") == 13


@on_posix
@pytest.mark.parametrize("in_pool", [False, True])
def test_killed_process_leaves_no_lock(in_pool: bool, tmp_path: Path) -> None:
    """Nor does a forked worker that outlives it."""
    path = tmp_path / "rows.jsonl"
    with started(tmp_path, 0.2, in_pool=in_pool) as (process, _):
        wait_for_rows(path, 2)
        children = _children_of(process.pid)
        assert len(children) == in_pool
        process.kill()
        process.join()
        try:
            content = path.read_bytes()
            with Journal(
                path, json.loads(content.splitlines()[0])["sweep"], SweepRow.from_json
            ) as journal:
                assert len(journal.rows) == content.count(b"\n") - 1
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)


def _children_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[1]) == parent:
            found.append(int(folder.name))
    return found


def test_only_one_of_many_threads_writes(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "rows.jsonl"
    rows = run().rows

    def tried(_: int) -> int | str:
        try:
            return len(run(path))
        except ModelFileError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(tried, range(4)))
    assert set(outcomes) <= {12, lock_error(path)}
    assert 12 in outcomes
    assert run(path).rows == rows
    assert path.read_bytes().count(b"\n") == 13


def test_lock_is_released_after_a_finished_or_rejected_sweep(
    tmp_path: Path, assert_error: ErrorCheck
) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path, {"n": 1}, SweepRow.from_json):
        assert_error(
            lambda: Journal(path, {"n": 1}, SweepRow.from_json), ModelFileError, lock_error(path)
        )
        assert_error(
            lambda: Journal(path, {"n": 2}, SweepRow.from_json), ModelFileError, lock_error(path)
        )
    with pytest.raises(DataError, match="holds another sweep"):
        Journal(path, {"n": 2}, SweepRow.from_json)
    with Journal(path, {"n": 1}, SweepRow.from_json):
        pass


def test_without_locks_no_row_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck
) -> None:
    """Complete lines are appended; another sweep may still be writing an incomplete one."""
    path = tmp_path / "rows.jsonl"
    rows = run(path).rows
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    monkeypatch.setattr("seqtoys.sweeps.journal.try_lock", lambda file: None)
    about = json.loads(lines[0])["sweep"]
    with (
        Journal(path, about, SweepRow.from_json) as one,
        Journal(path, about, SweepRow.from_json) as other,
    ):
        one.add(rows[:4])
        other.add(rows[4:8])
        one.add(rows[8:])
    assert path.read_bytes() == b"".join(lines)
    assert run(path).rows == rows
    path.write_bytes(lines[0] * 2 + b"".join(lines[1:]))  # both have written the header
    assert run(path).rows == rows
    path.write_bytes(b"".join(lines)[:-5])
    content = path.read_bytes()
    message = (
        f"the last line of {path} is incomplete, and its file system does not support locks; if "
        "no other sweep is writing to it, remove that line"
    )
    assert_error(lambda: run(path), DataError, message)
    assert path.read_bytes() == content


@on_posix
def test_file_replaced_during_a_sweep_raises(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path, built = tmp_path / "rows.jsonl", list[Any]()

    def replacing(vocab: Vocab, seeds: Any) -> ElmanEnsemble:
        built.append(seeds)
        if len(built) == 2:
            path.unlink()
            path.write_text("my notes")
        return ElmanEnsemble(vocab, seeds)

    message = (
        f"can't write {path}: the file was replaced by another one; start the sweep again "
        "with another path"
    )
    assert_error(
        lambda: sweep(replacing, "hihello", path=path, **OPTIONS), ModelFileError, message
    )
    assert path.read_text() == "my notes"


@on_posix
def test_forked_process_closes_inherited_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with Journal(tmp_path / "rows.jsonl", {}, SweepRow.from_json) as journal:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            assert pool.submit(_are_closed).result()
        assert journal._file is not None
        assert not journal._file.closed


def _are_closed() -> bool:
    return {file.closed for file in file_lock._FORKED} == {True}


def test_only_registered_files_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "ab", buffering=0) as one, open(path, "ab", buffering=0) as other:
        file_lock.close_in_forks(one)
        file_lock._close_all()
        assert (one.closed, other.closed) == (True, False)
