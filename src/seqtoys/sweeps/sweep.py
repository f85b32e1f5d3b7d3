"""sweep: how often is it learnt, over settings and seeds?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from typing import Any, Unpack

from seqtoys.amounts import check_length
from seqtoys.arguments import checked, listed
from seqtoys.data import TrainingData, to_batch
from seqtoys.digest import brief
from seqtoys.errors import OptionError
from seqtoys.interrupt import postponed_interrupt
from seqtoys.options import TrainingOptions, as_written
from seqtoys.progress import is_wanted
from seqtoys.sweeps.cells import Cell, MakeModel, check_names, check_seeds, make_settings
from seqtoys.sweeps.dispatch import run_cells
from seqtoys.sweeps.journal import Journal, Key, key_of
from seqtoys.sweeps.result import SweepResult
from seqtoys.tasks.task import Task
from seqtoys.vocab import Vocab
from seqtoys.whole_file import PathLike

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
    progress: bool | None = None,
    **options: Unpack[TrainingOptions],
) -> SweepResult:
    """Train many seeds of many settings, and tell how each did.

    A cell is one setting with all its seeds: they train side by side as an ensemble. Cells go
    out to the workers of an executor; each runs on one thread of PyTorch, so that the numbers are
    the same wherever it runs. A cell that fails, or whose worker dies, has its error in its rows.
    Ctrl-C ends the sweep cleanly: what is finished comes back.

    Args:
        make_model: `ElmanEnsemble`, or whatever makes a model when called with a vocabulary, a
            name `seeds` (and makes an ensemble of them) or `seed` (and makes one model; the seeds
            of a cell are then trained one by one), and its share of the grid.
        task: What to learn: a task, or anything else that `fit` trains on.
        grid: A list of values for each name; every combination is a setting. Names of options of
            `fit` go to `fit`, all others to `make_model`.
        seeds: The seeds of the models.
        executor: Where cells run: any `concurrent.futures.Executor`, of threads, of processes, or
            of a cluster; None: in this process, one after the other.
        path: A file of JSON lines to append finished rows to. A sweep that was stopped or killed
            goes on from there: finished cells are skipped, failed ones are tried again.
        vocab: The symbols, where the data have none of their own.
        count: How many sequences of a task are measured, as for `evaluate`.
        longer: The lengths of longer sequences; None: `task.longer`.
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
    from tqdm import tqdm  # here, as it is slow to import

    vocab = vocab or getattr(task, "vocab", None)
    if vocab is None:
        raise OptionError("expected a vocabulary, as the data have none: give sweep a vocab=…")
    check_length(count, "count")
    lengths = None if longer is None else tuple(listed("longer", longer))
    cells = _make_cells(make_model, task, vocab, grid, seeds, options, (count, lengths))
    about = {} if path is None else _describe(cells[0], grid, options)
    with Journal(path, about) as journal:
        left = [cell for cell in cells if not journal.has(_keys(cell))]
        done = len(cells) - len(left)
        with tqdm(
            total=len(cells), initial=done, unit="cell", disable=not is_wanted(progress)
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
    known = [journal.rows[key] for cell in cells for key in _keys(cell) if key in journal.rows]
    return SweepResult(known, {name: list(map(as_written, grid[name])) for name in grid})


def _make_cells(
    make_model: MakeModel,
    data: TrainingData,
    vocab: Vocab,
    grid: Mapping[str, Sequence[Any]],
    seeds: Iterable[int],
    options: Mapping[str, Any],
    measured: tuple[int, tuple[int, ...] | None],
) -> list[Cell]:
    """Make a cell of each setting; `measured` says how many sequences, and how long ones."""
    makes_ensemble, of_model = check_names(make_model, grid, options)
    chosen = check_seeds(seeds)
    return [
        Cell(
            settings=written,
            seeds=chosen,
            makes_ensemble=makes_ensemble,
            make_model=make_model,
            model_options={name: setting[name] for name in setting if name in of_model},
            data=data,
            vocab=vocab,
            fit_options={
                **options,
                **{name: setting[name] for name in setting if name not in of_model},
            },
            count=measured[0],
            longer=measured[1],
        )
        for written, setting in make_settings(grid)
    ]


def _keys(cell: Cell) -> list[Key]:
    return [key_of(cell.settings, seed) for seed in cell.seeds]


def _describe(
    cell: Cell, grid: Mapping[str, Sequence[Any]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Say what tells a sweep from others, as its file has it."""
    data = cell.data
    return {
        "model": as_written(cell.make_model),
        "task": data.name if isinstance(data, Task) else type(data).__name__,
        "sequences": _fingerprint(data, cell.vocab),
        "grid": {name: list(map(as_written, values)) for name, values in grid.items()},
        "seeds": list(cell.seeds),
        "options": {name: as_written(value) for name, value in options.items()},
        "count": cell.count,
        "longer": cell.longer,
    }


def _fingerprint(data: TrainingData, vocab: Vocab) -> str:
    """Tell sequences and vocabularies apart; of a task, by some of its sequences."""
    batch = data.sample(SAMPLES) if isinstance(data, Task) else to_batch(data, vocab)
    return brief(*batch.tensors.values(), text=repr(vocab.symbols))
