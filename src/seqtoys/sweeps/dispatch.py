"""Distribution of cells to workers; a failing worker affects only its own cell."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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
from dataclasses import dataclass
from typing import Generic, TypeVar

from seqtoys.errors import OptionError

AnyCell = TypeVar("AnyCell")
AnyRow = TypeVar("AnyRow")


@dataclass(frozen=True)
class Work(Generic[AnyCell, AnyRow]):
    """What a worker does with a cell.

    Attributes:
        run: Returns the rows of a cell; exceptions are recorded in them.
        failed: Returns the rows of a cell that could not be run, with the error in each.
        run_in_parts: Runs a cell in this process, and yields the rows of some seeds at a time.
        separated: Returns a cell for each part that can be lost without the others.
    """

    run: Callable[[AnyCell], list[AnyRow]]
    failed: Callable[[AnyCell, str], list[AnyRow]]
    run_in_parts: Callable[[AnyCell], Iterable[list[AnyRow]]]
    separated: Callable[[AnyCell], Iterable[AnyCell]]


def run_cells(
    cells: Sequence[AnyCell], executor: Executor | None, work: Work[AnyCell, AnyRow]
) -> Generator[tuple[AnyCell, list[AnyRow]], None, None]:
    """Run cells, and yield the rows of each, or of some of its seeds, once they are finished.

    Args:
        cells: The cells to run.
        executor: The executor. If None, cells run sequentially in this process.
        work: What is done with each.

    Raises:
        OptionError: If a cell can't be pickled, or the executor does not accept work.
    """
    if executor is None:
        yield from ((cell, rows) for cell in cells for rows in work.run_in_parts(cell))
        return
    if isinstance(executor, ProcessPoolExecutor):
        _check_pickles(cells)
    lost: list[AnyCell] = []
    futures: dict[Future[list[AnyRow]], AnyCell] = {}
    try:
        for cell in cells:
            futures[_submit(executor, work, cell)] = cell
        for future in as_completed(futures):
            cell = futures[future]
            if isinstance(executor, ProcessPoolExecutor) and _broke(future):
                lost.append(cell)
            else:
                yield cell, _rows(cell, future, work)
    finally:
        for future in futures:
            future.cancel()
    if isinstance(executor, ProcessPoolExecutor):
        parts = (part for cell in lost for part in work.separated(cell))
        yield from _run_apart(parts, executor, work)


def _run_apart(
    cells: Iterable[AnyCell], pool: ProcessPoolExecutor, work: Work[AnyCell, AnyRow]
) -> Iterator[tuple[AnyCell, list[AnyRow]]]:
    """Run cells in pools of one worker each, as many as the original pool had workers.

    A worker that dies breaks its whole pool without identifying the cell; with one worker per
    pool, the cell is known.
    """
    waiting, idle = iter(cells), list[ProcessPoolExecutor]()
    running: dict[Future[list[AnyRow]], tuple[AnyCell, ProcessPoolExecutor]] = {}
    workers: int = pool._max_workers  # type: ignore[attr-defined]
    try:
        while True:
            while len(running) < workers and (cell := next(waiting, None)) is not None:
                own = idle.pop() if idle else _pool_of_one(pool)
                running[own.submit(work.run, cell)] = cell, own
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, own = running.pop(future)
                if not _broke(future):
                    idle.append(own)
                yield cell, _rows(cell, future, work)
    finally:
        for own in [*idle, *(own for _, own in running.values())]:
            own.shutdown(wait=False)


def _pool_of_one(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """Create a pool of one worker with the settings of another pool (its private attributes)."""
    return ProcessPoolExecutor(1, pool._mp_context, pool._initializer, pool._initargs)


def _submit(
    executor: Executor, work: Work[AnyCell, AnyRow], cell: AnyCell
) -> Future[list[AnyRow]]:
    try:
        return executor.submit(work.run, cell)
    except BrokenProcessPool as error:
        failed: Future[list[AnyRow]] = Future()
        failed.set_exception(error)
        return failed
    except RuntimeError as error:
        raise OptionError(
            f"expected an executor that accepts work, got an error: {error}"
        ) from error


def _broke(future: Future[list[AnyRow]]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)


def _rows(
    cell: AnyCell, future: Future[list[AnyRow]], work: Work[AnyCell, AnyRow]
) -> list[AnyRow]:
    try:
        return future.result()
    except CancelledError:
        return work.failed(cell, "CancelledError: the executor was shut down before this ran")
    except Exception as error:  # from the executor: `run_cell` catches its own
        return work.failed(cell, f"{type(error).__name__}: {error}")


def _check_pickles(cells: Sequence[object]) -> None:
    try:
        pickle.dumps(cells)
    except Exception as error:
        raise OptionError(
            "expected make_model, data and options that can be pickled for another process, "
            f"got: {error}; define functions and classes at module level"
        ) from None
