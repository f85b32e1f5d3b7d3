"""sweep: measure how often a task is learned, over settings and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from typing import Any, Unpack

import numpy.typing as npt

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.arguments import checked, listed
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.digest import brief
from seqtoys.support.values import check_length
from seqtoys.sweeps.cells import (
    Cell,
    MakeModel,
    check_names,
    check_seeds,
    make_settings,
    values_of,
)
from seqtoys.sweeps.dispatch import run_cells
from seqtoys.sweeps.goal import check_excess_goal
from seqtoys.sweeps.journal import Journal, Key, key_of
from seqtoys.sweeps.result import SweepResult
from seqtoys.tasks.given_data import TrainingData, to_batch
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.training.interrupt import postponed_interrupt
from seqtoys.training.options import TrainingOptions, as_written
from seqtoys.training.progress import is_wanted

SAMPLES = 16  # sequences that identify a task in a file


@checked
def sweep(
    make_model: MakeModel,
    task: TrainingData,
    *,
    grid: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
    seeds: Iterable[int] = range(100),
    executor: Executor | None = None,
    path: PathLike | None = None,
    vocab: Vocab | None = None,
    count: int = 1000,
    longer: Iterable[int] | None = None,
    goal: float | None = None,
    vary_data: bool = False,
    progress: bool | None = None,
    **options: Unpack[TrainingOptions],
) -> SweepResult:
    """Train many seeds of many settings, and evaluate each.

    A cell is one setting with the seeds trained together: all of them as an ensemble, or a single
    one. Cells are distributed to the workers of an executor. Each cell runs on one PyTorch thread,
    with PyTorch's, Python's and NumPy's global generators seeded with its seed (for an ensemble,
    its first seed) and restored afterwards. The results therefore do not depend on where and in
    which order cells run, even with dropout and your own modules. Because these generators belong
    to the process, cells in threads of the same process take turns; separate processes run in
    parallel.

    All models are evaluated on the same sequences of a task, drawn from another stream of random
    numbers than the training sequences. A row is solved if its measured excess plus two standard
    errors is at most the `goal`.

    If a cell fails, or its worker dies, the error is recorded in its rows, and the other cells
    continue. Ctrl-C stops the sweep cleanly and returns the finished rows.

    Args:
        make_model: `ElmanEnsemble`, or any callable that takes a vocabulary, options from the grid
            by name, and either `seeds` (and returns an ensemble) or `seed` (and returns one model,
            trained as a separate cell). The values of the grid and of a `functools.partial` are
            copied for each cell.
        task: The task, or any other training data for `fit`.
        grid: A list or array of values for each name; every combination is a setting. Names of
            options of `fit` are passed to `fit`, all others to `make_model`.
        seeds: The seeds of the models.
        executor: Any `concurrent.futures.Executor`, with processes, threads, or a cluster. If
            None, cells run sequentially in this process.
        path: A file to append finished rows to, as JSON lines. A sweep that was stopped or killed
            resumes from it: finished cells are skipped, failed ones are retried.
        vocab: The vocabulary, if the data have none.
        count: The number of sequences of a task to evaluate on, as for `evaluate`.
        longer: The lengths of longer sequences. Defaults to `task.longer`.
        goal: The excess, in nats per scored symbol, that counts as solved. Defaults to `until` if
            that is a number. Otherwise, every scored symbol must be predicted or, if the optimum
            is above 0 so that no model can do that, the goal is 0.01.
        vary_data: Whether each seed also draws its own training data, as `fit(seed=…)` does: the
            batches of a task, or the minibatch order and the held-out part. By default, all seeds
            are trained on the same data. The replicas of an ensemble share their batches, so with
            `vary_data=True` its seeds are trained one by one.
        progress: Whether to show a progress bar. If None, only in a terminal or notebook.
        **options: Options of `fit` that are the same in all cells.

    Returns:
        The rows, with their solve rates.

    Raises:
        OptionError: If a name or value of the grid, a seed or an option is invalid.
        DataError: If the file belongs to another sweep, or is not a sweep file.
        ModelFileError: If it can't be read or written.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Text
        >>> task = Text(["hihello"])
        >>> result = sweep(ElmanEnsemble, task, grid={"lr": [0.02, 0.05]}, seeds=range(20))
        >>> [result.where(lr=lr).solve_rate.value for lr in (0.02, 0.05)]
        [0.85, 0.75]
    """
    vocab = vocab or getattr(task, "vocab", None)
    if vocab is None:
        raise OptionError(
            "expected a vocabulary, because the data have none; pass vocab=… to sweep"
        )
    count = check_length(count, "count")
    values = values_of(grid)
    makes_ensemble, of_model = check_names(make_model, values, options)
    if vary_data and "seed" in options:
        raise OptionError(
            "seed=… cannot be combined with vary_data=True, which passes the seed of each model "
            "to fit"
        )
    common = Cell(
        settings={},
        seeds=check_seeds(seeds),
        makes_ensemble=makes_ensemble,
        make_model=make_model,
        model_options={},
        data=task,
        vocab=vocab,
        fit_options={**options},
        count=count,
        longer=_check_longer(longer),
        goal=check_excess_goal(goal),
    )
    cells = list(_make_cells(common, values, of_model, vary_data=vary_data))
    _try_lengths(task, common.longer or ())
    about = {} if path is None else _describe(common, values, vary_data=vary_data)
    with Journal(path, about) as journal:
        _run(cells, journal, executor, progress)
    known = [journal.rows[key] for cell in cells for key in _keys(cell) if key in journal.rows]
    written = {name: list(map(as_written, values[name])) for name in values}
    return SweepResult(known, written, list(common.seeds))


def _run(
    cells: Sequence[Cell], journal: Journal, executor: Executor | None, progress: bool | None
) -> None:
    """Run the cells missing from a journal, and add their rows to it; Ctrl-C stops early."""
    from tqdm import tqdm  # imported here because it is slow

    left = [cell for cell in cells if not journal.has(_keys(cell))]
    with tqdm(
        total=len(cells),
        initial=len(cells) - len(left),
        unit="cell",
        disable=not is_wanted(progress),
    ) as bar:
        try:
            with closing(run_cells(left, executor)) as finished:
                for _, rows in finished:
                    with postponed_interrupt() as raise_if_interrupted:
                        journal.add(rows)
                        bar.update()
                        raise_if_interrupted()
        except KeyboardInterrupt:
            pass


def _try_lengths(data: TrainingData, lengths: Iterable[int]) -> None:
    """Draw a sequence of each length, so that impossible lengths fail before training."""
    if isinstance(data, Task):
        whole = data.whole if isinstance(data, TaskSplit) else data
        for length in lengths:
            whole.sample(1, length=length)


def _check_longer(longer: Iterable[int] | None) -> tuple[int, ...] | None:
    if longer is None:
        return None
    return tuple(check_length(length, "longer") for length in listed("longer", longer))


def _make_cells(
    common: Cell, grid: Mapping[str, Sequence[Any]], of_model: set[str], *, vary_data: bool
) -> Iterator[Cell]:
    """Create the cells of each setting.

    Args:
        common: A cell with their common attributes and all seeds.
        grid: The values of each name.
        of_model: The names to pass to `make_model`.
        vary_data: Whether to pass the seed of the model to `fit`.
    """
    apart = vary_data or not common.makes_ensemble
    groups = [(seed,) for seed in common.seeds] if apart else [common.seeds]
    for written, setting in make_settings(grid):
        model_options = {name: setting[name] for name in setting if name in of_model}
        fit_options = {name: setting[name] for name in setting if name not in of_model}
        for seeds in groups:
            own_data = {"seed": seeds[0]} if vary_data else {}
            yield replace(
                common,
                settings=written,
                seeds=seeds,
                model_options=model_options,
                fit_options={**common.fit_options, **fit_options, **own_data},
            )


def _keys(cell: Cell) -> list[Key]:
    return [key_of(cell.settings, seed) for seed in cell.seeds]


def _describe(
    common: Cell, grid: Mapping[str, Sequence[Any]], *, vary_data: bool
) -> dict[str, Any]:
    """Describe everything that affects the results of a sweep, for its file."""
    data = common.data
    return {
        "model": as_written(common.make_model),
        "task": data.name if isinstance(data, Task) else type(data).__name__,
        "sequences": _fingerprint(data, common.vocab),
        "grid": {name: list(map(as_written, values)) for name, values in grid.items()},
        "seeds": list(common.seeds),
        "options": {name: as_written(value) for name, value in common.fit_options.items()},
        "count": common.count,
        "longer": common.longer,
        "goal": common.goal,
        "vary_data": vary_data,
    }


def _fingerprint(data: TrainingData, vocab: Vocab) -> str:
    """Return a fingerprint of the sequences and the vocabulary; for a task, of a few samples."""
    batch = data.sample(SAMPLES) if isinstance(data, Task) else to_batch(data, vocab)
    return brief(*batch.tensors.values(), text=repr(vocab.symbols))
