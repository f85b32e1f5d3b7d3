"""Examples that need other packages print what their guide says.

A test is skipped if its package is missing: `pip install -c constraints.txt -e ".[interop]"`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from seqtoys import ElmanEnsemble, Vocab, sweep


def printed_by(name: str, *packages: str) -> str:
    """Run an example in a separate process and return its output."""
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed")
    ended = subprocess.run(
        [sys.executable, f"examples/fitting_in/{name}.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_lightning_trains_to_near_the_optimum() -> None:
    printed = printed_by("with_lightning", "lightning")
    before, after = (float(excess) for excess in re.findall(r": ([\d.]+) ±", printed))
    assert before > 1
    assert after < 0.1


def test_skorch_lowers_the_loss() -> None:
    printed = printed_by("with_skorch", "skorch")
    first, last = (float(loss) for loss in re.findall(r"[\d.]+", printed))
    assert last < 0.6 * first


def test_onnx_matches_for_whole_sequences_and_single_steps() -> None:
    printed = printed_by("with_onnx", "onnxruntime", "onnxscript")
    assert printed.splitlines() == ["whole sequences: True", "step by step: True"]


def test_sweep_on_dask_gives_the_same_numbers() -> None:
    printed = printed_by("with_dask", "dask", "distributed").splitlines()
    assert printed[0].startswith("80 rows, solved: ")
    assert printed[1] == "the same numbers: True"


def test_median_loss_falls_with_the_number_of_units() -> None:
    printed = printed_by("with_pandas", "pandas")
    rows = re.findall(r"^(\d+) +([\d.]+)$", printed, re.MULTILINE)
    assert [int(units) for units, _ in rows] == [2, 3, 5, 8]
    losses = [float(loss) for _, loss in rows]
    assert losses == sorted(losses, reverse=True)


def test_dataframe_has_a_row_for_each_record() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    vocab, grid = Vocab("hielo"), {"lr": [0.01, 0.02]}
    result = sweep(ElmanEnsemble, "hihello", grid=grid, seeds=range(3), vocab=vocab, epochs=2)
    frame, records = result.to_dataframe(), result.to_records()
    assert list(frame.columns) == list(records[0])
    for name in ("lr", "seed", "solved", "loss"):
        assert frame[name].tolist() == [record[name] for record in records]
