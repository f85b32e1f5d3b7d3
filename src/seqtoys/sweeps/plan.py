"""The cells of a sweep from its arguments, and what identifies it in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, quoted
from seqtoys.support.digest import brief
from seqtoys.sweeps.cells import AXES, Cell, check_names
from seqtoys.sweeps.code_digest import code_digest
from seqtoys.sweeps.grid import Choice, combine, label_of
from seqtoys.sweeps.longest import check_longer
from seqtoys.tasks.given_data import TrainingData, check_data, to_batch
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_vocab
from seqtoys.training.options import as_written

SAMPLES = 16  # sequences that identify a task in a file


def make_cells(
    common: Cell, grid: Mapping[str, Sequence[Choice]], *, vary_data: bool, has_file: bool
) -> Iterator[Cell]:
    """Create the cells of each setting.

    Args:
        common: A cell with their common attributes and all seeds. If it has no model or no data,
            those are in the grid.
        grid: The choices of each name.
        vary_data: Whether to pass the seed of the model to `fit`.
        has_file: Whether the cells need `versions`, for the file of the sweep.

    Raises:
        OptionError: If a model, a task, a name of the grid or a length is invalid.
        InputTypeError: If the data of a cell have the wrong type.
    """
    axes = {name: at for name, at in AXES.items() if getattr(common, at) is None}
    for name in axes:
        if name not in grid:
            raise OptionError(
                f"expected a {name}, got none; pass one, or several in the grid, as "
                f"{{{quoted(name)}: […]}}"
            )
    fingerprints: dict[int, str] = {}  # of the data that have been checked, by id
    for setting in combine(grid):
        cell = _cell_of(common, setting, axes)
        if id(cell.data) not in fingerprints:
            check_longer(cell)
            fingerprints[id(cell.data)] = _fingerprint(cell.data, cell.vocab) if has_file else ""
        if has_file:
            versions = {"code": _code_version(cell), "data": fingerprints[id(cell.data)]}
            cell = replace(cell, versions=versions)
        most = 1 if vary_data else cell.most_together
        for start in range(0, len(cell.seeds), most):
            seeds = cell.seeds[start : start + most]
            own_data = {"seed": seeds[0]} if vary_data else {}
            yield replace(cell, seeds=seeds, fit_options={**cell.fit_options, **own_data})


def _cell_of(common: Cell, setting: Mapping[str, Choice], axes: Mapping[str, str]) -> Cell:
    """Return the cell of one setting with all seeds.

    Args:
        common: As for `make_cells`.
        setting: A choice for each name of the grid.
        axes: The names that stand for an attribute of the cell, and that attribute.
    """
    cell = replace(common, **{at: setting[name].value for name, at in axes.items()})
    values = {name: choice.value for name, choice in setting.items() if name not in axes}
    makes_ensemble, of_model = check_names(cell.make_model, values, common.fit_options)
    of_fit = {name: value for name, value in values.items() if name not in of_model}
    return replace(
        cell,
        settings={name: choice.label for name, choice in setting.items()},
        vocab=_vocab_of(cell.data, cell.vocab),
        makes_ensemble=makes_ensemble,
        model_options={name: values[name] for name in values if name in of_model},
        fit_options={**common.fit_options, **of_fit},
    )


def describe(
    common: Cell, grid: Mapping[str, Sequence[Choice]], *, vary_data: bool
) -> dict[str, Any]:
    """Describe what all rows in the file of a sweep have in common.

    Values of the grid and seeds may differ between sweeps that share a file.
    """
    fixed = {name: getattr(common, at) for name, at in AXES.items()}
    return {
        **{name: label_of(value) for name, value in fixed.items() if value is not None},
        "grid": sorted(grid),
        "options": {name: as_written(value) for name, value in common.fit_options.items()},
        "count": common.count,
        "longer": common.longer,
        "goal": common.goal,
        "vary_data": vary_data,
        "curves": common.curves,
    }


def _vocab_of(data: TrainingData, vocab: Vocab | None) -> Vocab:
    check_data(data)
    found = getattr(data, "vocab", None) if vocab is None else vocab
    if found is None:
        from seqtoys.tasks.catalogue import CATALOGUE  # loads every task, only for the message

        is_name = isinstance(data, str) and data in CATALOGUE
        task = f", or get_task({quoted(data)}) for the task of that name" * is_name
        raise OptionError(
            f"expected a vocabulary, because the data have none; pass vocab=… to sweep{task}"
        )
    if isinstance(data, Task):
        check_vocab(data, found)
    return found


def _code_version(cell: Cell) -> str:
    """Return a digest of the code and the values that make and train the models of a cell."""
    options = {**cell.model_options, **cell.fit_options}
    used = [
        (name, str(as_written(value)), value if callable(value) else None)
        for name, value in options.items()
    ]
    return code_digest(cell.make_model, *used)


def _fingerprint(data: TrainingData, vocab: Vocab) -> str:
    """Return a digest of the sequences and the vocabulary; for a task, of a few samples."""
    facts = repr(vocab.symbols)
    if not isinstance(data, Task):
        return brief(*to_batch(data, vocab).tensors.values(), text=facts)
    facts += f" {float(data.optimum)!r} {data.lengths} {data.longer} {code_digest(type(data))}"
    return brief(*data.sample(SAMPLES).tensors.values(), text=facts)
