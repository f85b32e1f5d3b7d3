"""Train networks in parallel on all cores; an interrupted run resumes where it stopped."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.machine import count_cores
from seqtoys import ElmanCharModel, Task, fit
from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit

KEPT = Path(__file__).with_name("results") / "unfinished.jsonl"
Cell = TypeVar("Cell")
Row = dict[str, Any]


def is_unfinished(path: Path = KEPT) -> bool:
    """Return whether an interrupted run has left rows to resume from."""
    return path.exists()


def run_cells(
    run: Callable[[Cell], Row], cells: Iterable[Cell], path: Path | None = KEPT
) -> list[Row]:
    """Run cells in single-threaded processes, and save each row as soon as it is finished.

    Args:
        run: The function that trains one cell; it must be picklable.
        cells: Frozen dataclasses of plain values; put the longest first to keep all cores busy.
        path: The file for finished rows, from which an interrupted run resumes. If None, rows are
            not saved.
    """
    cells = list(cells)
    rows = _read(path)
    missing = [cell for cell in cells if _key(cell) not in rows]
    with ProcessPoolExecutor(
        count_cores(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        running = {pool.submit(run, cell): cell for cell in missing}
        for done in as_completed(running):
            cell, row = running[done], done.result()
            rows[_key(cell)] = row
            print(f"{len(rows)} of {len(cells)}: {cell}: {row['accuracy']:.1%}", flush=True)
            if path is not None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([_key(cell), row]) + "\n")
    if path is not None:
        path.unlink(missing_ok=True)
    return [rows[_key(cell)] for cell in cells]


def train(
    task: Task,
    *,
    units: int,
    nonlinearity: Nonlinearity,
    recurrent_init: RecurrentInit,
    seed: int,
    **options: Any,
) -> tuple[ElmanCharModel, float]:
    """Train a network on a task.

    Args:
        task: The task.
        units: The number of hidden units.
        nonlinearity: `"relu"` or `"tanh"`.
        recurrent_init: The initialization of the recurrent weights.
        seed: The seed of the weights and the sequences.
        **options: Further options of `fit`.

    Returns:
        The network, and the training time on one core in seconds.
    """
    model = ElmanCharModel(
        task.vocab,
        hidden_size=units,
        nonlinearity=nonlinearity,
        recurrent_init=recurrent_init,
        seed=seed,
    )
    started = time.process_time()
    fit(model, task, seed=seed, progress=False, **options)
    return model, round(time.process_time() - started, 2)


def _read(path: Path | None) -> dict[str, Row]:
    """Read the rows of an interrupted run, skipping an incomplete line."""
    rows: dict[str, Row] = {}
    for line in path.read_text("utf-8").splitlines() if path is not None and path.exists() else []:
        try:
            key, row = json.loads(line)
        except ValueError:
            continue
        rows[key] = row
    return rows


def _key(cell: Any) -> str:
    return json.dumps(asdict(cell), sort_keys=True)
