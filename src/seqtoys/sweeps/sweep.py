"""sweep: how often is it learnt, over settings and seeds?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from typing import Any, Unpack

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.arguments import checked, listed
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.digest import brief
from seqtoys.support.values import check_length
from seqtoys.sweeps.cells import Cell, MakeModel, check_names, check_seeds, make_settings
from seqtoys.sweeps.dispatch import run_cells
from seqtoys.sweeps.goal import check_excess_goal
from seqtoys.sweeps.journal import Journal, Key, key_of
from seqtoys.sweeps.result import SweepResult
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.training.data import TrainingData, to_batch
from seqtoys.training.interrupt import postponed_interrupt
from seqtoys.training.options import TrainingOptions, as_written
from seqtoys.training.progress import is_wanted

SAMPLES = 16  # of a task, by which a file knows it again


@checked
def sweep(
    make_model: MakeModel,
    task: TrainingData,
    *,
    grid: Mapping[str, Sequence[Any]],
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
    """Train many seeds of many settings, and measure how each did.

    A cell is one setting with the seeds that are trained together: all of them as an ensemble, or
    a single one. Cells go out to the workers of an executor. Each runs on one thread of PyTorch,
    and PyTorch's, Python's and NumPy's global generators are seeded with its seed (of an ensemble,
    the first one) and put back afterwards. So the numbers are the same wherever and in whatever
    order cells run, with dropout and modules of your own, too. As these generators belong to the
    process, cells in threads of one process take turns; processes run side by side.

    All models are measured on the same sequences of a task, drawn from another random stream than
    those of training. A row is solved if its measured excess, even with two standard errors added,
    is at most the `goal`.

    A cell that fails, or whose worker dies, has its error in its rows; the others go on. Ctrl-C
    ends the sweep cleanly: what is finished comes back.

    Args:
        make_model: `ElmanEnsemble`, or any callable that takes a vocabulary, its share of the grid
            by name, and either `seeds` (and returns an ensemble of them) or `seed` (and returns
            one model, which is a cell of its own). The values of the grid and of a
            `functools.partial` are copied for each cell.
        task: What to learn: a task, or anything else that `fit` trains on.
        grid: A list of values for each name; every combination is a setting. Names of options of
            `fit` go to `fit`, all others to `make_model`.
        seeds: The seeds of the models.
        executor: Where cells run: any `concurrent.futures.Executor`, of processes, of a cluster,
            or of threads. If None, in this process, one after the other.
        path: A file of JSON lines to append finished rows to. A sweep that was stopped or killed
            goes on from there: finished cells are skipped, failed ones are tried again.
        vocab: The symbols, where the data have none of their own.
        count: How many sequences of a task are measured, as for `evaluate`.
        longer: The lengths of longer sequences; None: `task.longer`.
        goal: The excess, in nats per scored symbol, that counts as solved. Defaults to `until`,
            where that is a number; else every scored symbol must be predicted or, where the
            optimum is above 0 and no model can, the goal is 0.01.
        vary_data: Whether each seed also draws its own training data, as `fit(seed=…)` does: the
            batches of a task, or the order of minibatches and what is held out. By default all
            seeds are trained on the same data. The replicas of an ensemble share their batches, so
            with `vary_data=True` its seeds are trained one by one.
        progress: Whether to show a bar; None: in a terminal or notebook.
        **options: Options of `fit` that are the same in all cells.

    Returns:
        The rows, with their solve rates.

    Raises:
        OptionError: If a name or value of the grid, a seed or an option can't be.
        DataError: If the file holds another sweep, or something else.
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
        raise OptionError("expected a vocabulary, as the data have none: give sweep a vocab=…")
    count = check_length(count, "count")
    lengths = None
    if longer is not None:
        lengths = tuple(check_length(length, "longer") for length in listed("longer", longer))
    makes_ensemble, of_model = check_names(make_model, grid, options)
    if vary_data and "seed" in options:
        raise OptionError(
            "seed=… cannot be combined with vary_data=True, which gives fit the seed of each model"
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
        longer=lengths,
        goal=check_excess_goal(goal),
    )
    cells = list(_make_cells(common, grid, of_model, vary_data=vary_data))
    _try_lengths(task, common.longer or ())
    about = {} if path is None else _describe(common, grid, vary_data=vary_data)
    with Journal(path, about) as journal:
        _run(cells, journal, executor, progress)
    known = [journal.rows[key] for cell in cells for key in _keys(cell) if key in journal.rows]
    written = {name: list(map(as_written, grid[name])) for name in grid}
    return SweepResult(known, written, list(common.seeds))


def _run(
    cells: Sequence[Cell], journal: Journal, executor: Executor | None, progress: bool | None
) -> None:
    """Run the cells that a journal lacks, and add their rows to it; Ctrl-C ends that early."""
    from tqdm import tqdm  # here, as it is slow to import

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
    """Draw a sequence of each length: an impossible one fails before anything is trained."""
    if isinstance(data, Task):
        whole = data.whole if isinstance(data, TaskSplit) else data
        for length in lengths:
            whole.sample(1, length=length)


def _make_cells(
    common: Cell, grid: Mapping[str, Sequence[Any]], of_model: set[str], *, vary_data: bool
) -> Iterator[Cell]:
    """Make the cells of each setting.

    Args:
        common: What they have in common, with all seeds.
        grid: The values of each name.
        of_model: The names that go to `make_model`.
        vary_data: Whether `fit` is given the seed of the model.
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
    """Describe a sweep by all that decides its numbers, as its file has it."""
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
    """Tell sequences and vocabularies apart; of a task, by some of its sequences."""
    batch = data.sample(SAMPLES) if isinstance(data, Task) else to_batch(data, vocab)
    return brief(*batch.tensors.values(), text=repr(vocab.symbols))
