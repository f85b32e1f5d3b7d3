"""Distribution of the cells of a sweep to workers; a failing worker affects only its own cell."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from typing import TypeAlias

from seqtoys.errors import OptionError
from seqtoys.sweeps.cells import Cell
from seqtoys.sweeps.row import SweepRow
from seqtoys.sweeps.run import failed_rows, run_cell, run_in_parts, separated

Finished: TypeAlias = tuple[Cell, list[SweepRow]]


def run_cells(cells: Sequence[Cell], executor: Executor | None) -> Generator[Finished, None, None]:
    """Run cells, and yield the rows of each, or of some of its seeds, once they are finished.

    Args:
        cells: The cells to run.
        executor: The executor. If None, cells run sequentially in this process.

    Raises:
        OptionError: If a cell can't be pickled, or the executor does not accept work.
    """
    if executor is None:
        yield from ((cell, rows) for cell in cells for rows in run_in_parts(cell))
        return
    if isinstance(executor, ProcessPoolExecutor):
        _check_pickles(cells)
    lost: list[Cell] = []
    futures: dict[Future[list[SweepRow]], Cell] = {}
    try:
        for cell in cells:
            futures[_submit(executor, cell)] = cell
        for future in as_completed(futures):
            cell = futures[future]
            if isinstance(executor, ProcessPoolExecutor) and _broke(future):
                lost.append(cell)
            else:
                yield cell, _rows(cell, future)
    finally:
        for future in futures:
            future.cancel()
    if isinstance(executor, ProcessPoolExecutor):
        yield from _run_apart((part for cell in lost for part in separated(cell)), executor)


def _run_apart(cells: Iterable[Cell], pool: ProcessPoolExecutor) -> Iterator[Finished]:
    """Run cells in pools of one worker each, as many as the original pool had workers.

    A worker that dies breaks its whole pool without identifying the cell; with one worker per
    pool, the cell is known.
    """
    waiting, idle = iter(cells), list[ProcessPoolExecutor]()
    running: dict[Future[list[SweepRow]], tuple[Cell, ProcessPoolExecutor]] = {}
    workers: int = pool._max_workers  # type: ignore[attr-defined]
    try:
        while True:
            while len(running) < workers and (cell := next(waiting, None)) is not None:
                own = idle.pop() if idle else _pool_of_one(pool)
                running[own.submit(run_cell, cell)] = cell, own
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, own = running.pop(future)
                if not _broke(future):
                    idle.append(own)
                yield cell, _rows(cell, future)
    finally:
        for own in [*idle, *(own for _, own in running.values())]:
            own.shutdown(wait=False)


def _pool_of_one(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """Create a pool of one worker with the settings of another pool (its private attributes)."""
    return ProcessPoolExecutor(1, pool._mp_context, pool._initializer, pool._initargs)


def _submit(executor: Executor, cell: Cell) -> Future[list[SweepRow]]:
    try:
        return executor.submit(run_cell, cell)
    except BrokenProcessPool as error:
        failed: Future[list[SweepRow]] = Future()
        failed.set_exception(error)
        return failed
    except RuntimeError as error:
        raise OptionError(
            f"expected an executor that accepts work, got an error: {error}"
        ) from error


def _broke(future: Future[list[SweepRow]]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)


def _rows(cell: Cell, future: Future[list[SweepRow]]) -> list[SweepRow]:
    try:
        return future.result()
    except CancelledError:
        return failed_rows(cell, "CancelledError: the executor was shut down before this ran")
    except Exception as error:  # from the executor: `run_cell` catches its own
        return failed_rows(cell, f"{type(error).__name__}: {error}")


def _check_pickles(cells: Sequence[Cell]) -> None:
    try:
        pickle.dumps(cells)
    except Exception as error:
        raise OptionError(
            "expected make_model, data and options that can be pickled for another process, "
            f"got: {error}; define functions and classes at module level"
        ) from None
