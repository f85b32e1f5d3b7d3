"""What a worker does: train the seeds of one cell, and measure them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.ensemble_history import EnsembleHistory
from seqtoys.errors import NonFiniteLossError, OptionError
from seqtoys.evaluation import evaluate
from seqtoys.history import History
from seqtoys.outputs import count_replicas
from seqtoys.report import Report
from seqtoys.sweeps.cells import Cell
from seqtoys.sweeps.row import SweepRow
from seqtoys.tasks.task import Task
from seqtoys.training import fit

Facts = dict[str, Any]
"""Columns of a row."""

DIVERGED: Facts = {"solved": False, "stopped": "diverged"}


def run_cell(cell: Cell) -> list[SweepRow]:
    """Train the seeds of a cell and measure them, on one thread; an error goes into the rows.

    Raises:
        KeyboardInterrupt: After Ctrl-C, also where `fit` heard it first.
    """
    started = time.perf_counter()
    try:
        with one_thread(), torch.inference_mode(False):  # so that weights made here can be trained
            facts = list(_measure_cell(cell))
    except Exception as error:  # of the user's model, or a setting that can't be
        return failed_rows(cell, _told(error), time.perf_counter() - started)
    seconds = time.perf_counter() - started
    return [
        SweepRow(settings=cell.settings, seed=seed, seconds=seconds, **of_seed)
        for seed, of_seed in zip(cell.seeds, facts, strict=True)
    ]


def failed_rows(cell: Cell, error: str, seconds: float = 0.0) -> list[SweepRow]:
    """Say in the row of each seed why its cell failed."""
    return [
        SweepRow(settings=cell.settings, seed=seed, seconds=seconds, error=error)
        for seed in cell.seeds
    ]


def _told(error: Exception) -> str:
    """Say what an error says, and where it was raised."""
    at = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"


class _Threads:
    """How many of PyTorch's threads there are while no cell runs, and how many cells run."""

    lock = threading.Lock()
    running = 0
    before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread, so that sums come out the same wherever a cell runs.

    Cells may run side by side in threads of Python; the last to end puts things back.
    """
    with _Threads.lock:
        if not _Threads.running:
            _Threads.before = torch.get_num_threads()
        _Threads.running += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _Threads.lock:
            _Threads.running -= 1
        torch.set_num_threads(_Threads.before)


def _measure_cell(cell: Cell) -> Iterator[Facts]:
    if cell.makes_ensemble:
        ensemble = cell.make_model(cell.vocab, seeds=cell.seeds, **cell.model_options)
        if count_replicas(ensemble) != len(cell.seeds):
            raise OptionError(
                f"expected an ensemble of {len(cell.seeds)} seeds, got a "
                f"{type(ensemble).__name__} of {count_replicas(ensemble)}"
            )
        yield from _measure(cell, ensemble)
        return
    for seed in cell.seeds:
        model = cell.make_model(cell.vocab, seed=seed, **cell.model_options)
        try:
            yield from _measure(cell, model)
        except NonFiniteLossError:  # of one seed: in an ensemble, too, the others go on
            yield DIVERGED


def _measure(cell: Cell, model: nn.Module) -> list[Facts]:
    """Train a model, or an ensemble, and tell how each replica did."""
    history: History | EnsembleHistory = fit(
        model, cell.data, vocab=cell.vocab, progress=False, **cell.fit_options
    )
    stopped = [history.stopped] if isinstance(history, History) else history.stopped
    if "interrupted" in stopped:
        raise KeyboardInterrupt
    measured = _reports(cell, model) or _last_epoch(history)
    is_near = isinstance(cell.fit_options.get("until"), int | float)
    epochs = _epochs(history, is_near)
    return [_facts(*each, is_near=is_near) for each in zip(stopped, epochs, measured, strict=True)]


def _facts(stopped: str, epoch: int, numbers: Facts, *, is_near: bool) -> Facts:
    """The columns of one replica."""
    if stopped == "diverged":
        return DIVERGED
    solved = stopped == "excess" if is_near else numbers["accuracy"] == 1
    when = epoch if solved else None
    return {**numbers, "stopped": stopped, "solved": solved, "epochs_to_solve": when}


def _epochs(history: History | EnsembleHistory, is_near: bool) -> list[int]:
    """The first epoch at which each replica was right everywhere, or near; else its last."""
    last = torch.tensor([len(history)]) if isinstance(history, History) else history.epochs
    if is_near:
        return last.tolist()
    right = _column(history.accuracy) == 1  # (epochs, replicas)
    return torch.where(right.any(0), right.int().argmax(0) + 1, last).tolist()


def _reports(cell: Cell, model: nn.Module) -> list[Facts] | None:
    """What `evaluate` finds, for data that are a task."""
    if not isinstance(cell.data, Task):
        return None
    share = cell.fit_options.get("validation")
    task = cell.data if share is None else cell.data.held_out(share)[0]
    found: Any = evaluate(model, task, count=cell.count, longer=cell.longer)
    return [_scores(report) for report in (found if isinstance(found, list) else [found])]


def _scores(report: Report) -> Facts:
    seen = report.seen
    facts: Facts = {
        "loss": float(seen.loss),
        "optimum": seen.optimum,
        "excess": float(seen.excess),
        "accuracy": float(seen.accuracy),
        "longer_accuracy": {n: float(score.accuracy) for n, score in report.longer.items()},
    }
    if "unseen" in report.scores:
        facts["unseen_loss"] = float(report.unseen.loss)
        facts["unseen_accuracy"] = float(report.unseen.accuracy)
    return facts


def _last_epoch(history: History | EnsembleHistory) -> list[Facts]:
    """The losses and accuracies of each replica at its last epoch."""
    names = {
        "loss": history.loss,
        "accuracy": history.accuracy,
        "unseen_loss": history.validation_loss,
        "unseen_accuracy": history.validation_accuracy,
    }
    columns = {name: _column(values) for name, values in names.items() if len(values)}
    last = {name: column[-1].tolist() for name, column in columns.items()}  # of replicas
    optimum = history.optimum[-1]
    last["optimum"] = [optimum] * len(last["loss"])
    last["excess"] = [loss - optimum for loss in last["loss"]]
    return [dict(zip(last, values, strict=True)) for values in zip(*last.values(), strict=True)]


def _column(values: list[float] | Tensor) -> Tensor:
    """One history as one replica of many: `(epochs, replicas)`."""
    if isinstance(values, Tensor):
        return values
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)
