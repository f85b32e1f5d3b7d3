"""sweep: measure how often a task is learned, over settings and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from typing import Unpack

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.arguments import checked, listed
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.values import check_length
from seqtoys.sweeps.cells import Cell, MakeModel, check_seeds
from seqtoys.sweeps.dispatch import Work, run_cells
from seqtoys.sweeps.goal import check_excess_goal
from seqtoys.sweeps.grid import Grid, read_grid
from seqtoys.sweeps.journal import Journal, key_of
from seqtoys.sweeps.plan import describe, make_cells
from seqtoys.sweeps.result import SweepResult
from seqtoys.sweeps.row import SweepRow
from seqtoys.sweeps.run import failed_rows, run_cell, run_in_parts, separated
from seqtoys.tasks.given_data import TrainingData
from seqtoys.training.interrupt import postponed_interrupt
from seqtoys.training.options import TrainingOptions
from seqtoys.training.progress import is_wanted

WORK = Work(run_cell, failed_rows, run_in_parts, separated)


@checked
def sweep(
    make_model: MakeModel | None = None,
    task: TrainingData | None = None,
    *,
    grid: Grid,
    seeds: Iterable[int] = range(100),
    executor: Executor | None = None,
    path: PathLike | None = None,
    vocab: Vocab | None = None,
    count: int = 1000,
    longer: Iterable[int] | None = None,
    goal: float | None = None,
    vary_data: bool = False,
    curves: bool = False,
    progress: bool | None = None,
    **options: Unpack[TrainingOptions],
) -> SweepResult:
    """Train many seeds of many settings, and evaluate each.

    A cell is one setting with the seeds that are trained together. Cells are distributed to the
    workers of an executor. Each runs on one PyTorch thread, with PyTorch's, Python's and NumPy's
    global generators seeded with its seed (for an ensemble, its first seed) and restored
    afterwards. The results therefore do not depend on where and in which order cells run, even
    with dropout and your own modules. Because these generators belong to the process, cells in
    threads of the same process take turns; separate processes run in parallel.

    Single models of different seeds are trained together, as an `Ensemble`, if each gets the
    results of being trained alone, up to rounding. They are trained one after another if they
    can't be batched or draw random numbers during training (dropout, for example), with a
    `Curriculum`, with `vary_data=True`, or with an optimizer that is not elementwise or not one of
    PyTorch's.

    All models are evaluated on the same sequences of a task, drawn from another stream of random
    numbers than the training sequences. A row is solved if its measured excess plus two standard
    errors is at most the `goal`.

    Before it is trained, each model reads a sequence of the greatest length to train or test on.
    If a cell fails, or its worker dies, the error is recorded in its rows, and the other cells
    continue. Ctrl-C stops the sweep cleanly and returns the finished rows.

    Args:
        make_model: `ElmanEnsemble`, or any callable that takes a vocabulary, options from the grid
            by name, and either `seeds` (and returns an ensemble) or `seed` (and returns one
            model). The values of the grid and of a `functools.partial` are copied for each cell.
            If None, the models are in the grid, as `"model"`.
        task: The task, or any other training data for `fit`. If None, the tasks are in the grid,
            as `"task"`.
        grid: A list or array of values for each name, or a dict with a label for each value, such
            as `{"model": {"GRU": make_gru}}`; every combination is a setting. Names of options of
            `fit` are passed to `fit`, all others to the model.
        seeds: The seeds of the models.
        executor: Any `concurrent.futures.Executor`, with processes, threads, or a cluster. If
            None, cells run sequentially in this process.
        path: A file to append finished rows to, as JSON lines. A sweep that was stopped or killed
            resumes from it: finished rows are kept, failed ones are retried. A later sweep may
            have more seeds and other values of the grid; everything else must be the same. If the
            code of a model or the sequences have changed since, the file is rejected.
        vocab: The vocabulary, if the data have none.
        count: The number of sequences of a task to evaluate on, as for `evaluate`.
        longer: The lengths of longer sequences. Defaults to `task.longer`.
        goal: The excess, in nats per scored symbol, that counts as solved. Defaults to `until` if
            that is a number. Otherwise, every scored symbol must be predicted or, if the optimum
            is above 0 so that no model can do that, the goal is 0.01.
        vary_data: Whether each seed also draws its own training data, as `fit(seed=…)` does: the
            batches of a task, or the mini-batch order and the held-out part. By default, all seeds
            are trained on the same data. The replicas of an ensemble share their batches, so with
            `vary_data=True` its seeds are trained one by one.
        curves: Whether to keep the learning curves in the rows.
        progress: Whether to show a progress bar. If None, only in a terminal or notebook.
        **options: Options of `fit` that are the same in all cells.

    Returns:
        The rows, with their solve rates.

    Raises:
        OptionError: If a name or value of the grid, a length, a seed or an option is invalid.
        DataError: If the file belongs to another sweep, holds results of other code or other
            sequences, or is not a sweep file.
        ModelFileError: If it can't be read or written.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Text
        >>> task = Text(["hihello"])
        >>> result = sweep(ElmanEnsemble, task, grid={"lr": [0.02, 0.05]}, seeds=range(10))
        >>> [result.where(lr=lr).solve_rate.value for lr in (0.02, 0.05)]
        [0.9, 0.7]
    """
    count = check_length(count, "count")
    if vary_data and "seed" in options:
        raise OptionError(
            "seed=… cannot be combined with vary_data=True, which passes the seed of each model "
            "to fit"
        )
    choices = read_grid(grid)
    common = Cell(
        settings={},
        seeds=check_seeds(seeds),
        makes_ensemble=False,
        make_model=make_model,
        model_options={},
        data=task,
        vocab=vocab,
        fit_options={**options},
        count=count,
        longer=_check_longer(longer),
        goal=check_excess_goal(goal),
        curves=curves,
        has_executor=executor is not None,
        versions={},
    )
    has_file = path is not None
    cells = list(make_cells(common, choices, vary_data=vary_data, has_file=has_file))
    about = describe(common, choices, vary_data=vary_data) if has_file else {}
    with Journal(path, about, SweepRow.from_json) as journal:
        for cell in cells:
            for seed in cell.seeds:
                journal.check_version(key_of(cell.settings, seed), cell.versions)
        _run(cells, journal, executor, progress)
    labels = {name: [choice.label for choice in choices[name]] for name in choices}
    return SweepResult(list(_found(cells, journal)), labels, list(common.seeds))


def _run(
    cells: Sequence[Cell],
    journal: Journal[SweepRow],
    executor: Executor | None,
    progress: bool | None,
) -> None:
    """Run the cells missing from a journal, and add their rows to it; Ctrl-C stops early."""
    from tqdm import tqdm  # imported here because it is slow

    left = list(_missing(cells, journal))
    total = sum(len(cell.seeds) for cell in cells)
    with tqdm(
        total=total,
        initial=total - sum(len(cell.seeds) for cell in left),
        unit="seed",
        disable=not is_wanted(progress),
    ) as bar:
        try:
            with closing(run_cells(left, executor, WORK)) as finished:
                for _, rows in finished:
                    with postponed_interrupt() as raise_if_interrupted:
                        journal.add(rows)
                        bar.update(len(rows))
                        raise_if_interrupted()
        except KeyboardInterrupt:
            pass


def _check_longer(longer: Iterable[int] | None) -> tuple[int, ...] | None:
    if longer is None:
        return None
    return tuple(check_length(length, "longer") for length in listed("longer", longer))


def _missing(cells: Iterable[Cell], journal: Journal[SweepRow]) -> Iterator[Cell]:
    """Yield the cells with the seeds that are missing from a journal."""
    for cell in cells:
        seeds = tuple(seed for seed in cell.seeds if not journal.has(key_of(cell.settings, seed)))
        if seeds:
            yield replace(cell, seeds=seeds)


def _found(cells: Iterable[Cell], journal: Journal[SweepRow]) -> Iterator[SweepRow]:
    """Yield the rows of the cells, with the settings in the order of the grid."""
    for cell in cells:
        keys = [key_of(cell.settings, seed) for seed in cell.seeds]
        for row in (journal.rows[key] for key in keys if key in journal.rows):
            is_ordered = list(row.settings) == list(cell.settings)
            yield row if is_ordered else replace(row, settings=cell.settings)
