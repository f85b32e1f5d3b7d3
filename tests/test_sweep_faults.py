"""Ctrl-C anywhere in a sweep: what is finished is kept."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from seqtoys import ElmanEnsemble, SweepResult, Vocab, sweep
from tests.pressing import pressed_at_line, spread

OPTIONS: dict[str, Any] = {
    "grid": {"lr": [0.02, 0.05, 0.1]},
    "seeds": [0, 1],
    "epochs": 2,
    "vocab": Vocab("hielo"),
}


def run(path: Path | None = None, **options: Any) -> SweepResult:
    return sweep(ElmanEnsemble, "hihello", path=path, **OPTIONS, **options)


def assert_goes_on(path: Path, rows: list[Any]) -> None:
    """Assert that a rerun keeps the whole lines that are there, and ends as an undisturbed one."""
    there = path.read_bytes() if path.exists() else b""
    whole = there[: there.rfind(b"\n") + 1]
    assert run(path).rows == rows
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == 1 + len(rows)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("unchecked")
def test_ctrl_c_anywhere_in_a_sweep_leaves_what_is_finished(tmp_path: Path) -> None:
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
        assert_goes_on(path, rows)
        return lines[0]

    for number in spread(interrupted, places=50):
        interrupted(number)
    assert {1, 3, 5, 7} <= kept <= {0, 1, 3, 5, 7}  # whole cells after the first line


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
        assert_goes_on(path, rows)
        return lines[0]

    for number in spread(interrupted, places=12):
        interrupted(number)
