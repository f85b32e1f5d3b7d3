"""A trial of the greatest lengths, so that impossible ones fail before the first update."""

from __future__ import annotations

from torch import nn

from seqtoys.models.forward import run_model
from seqtoys.models.probing import undisturbed
from seqtoys.support.devices import device_of
from seqtoys.support.rng_state import globally_seeded
from seqtoys.sweeps.cells import Cell
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.training.curriculum import LengthPlan

TRIAL = "before training, on a sequence of length "
"""The beginning of the note that `try_longest` adds to an exception."""


def check_longer(cell: Cell) -> None:
    """Draw a sequence of each length to test on; only a task has lengths to choose.

    Raises:
        OptionError: If a length is impossible.
    """
    if isinstance(cell.data, Task):
        task, longer = _tested(cell.data, cell)
        for length in longer:
            task.sample(1, length=length)


def try_longest(cell: Cell, model: nn.Module) -> None:
    """Run a new model on a sequence of the greatest length to train or test on.

    The model and the global random states are not changed. Whatever the model raises, such as an
    `IndexError` from too few position embeddings, gets a note with the length.
    """
    if not isinstance(cell.data, Task) or not isinstance(model, nn.Module):
        return
    task, longer = _tested(cell.data, cell)
    trained = LengthPlan(task, cell.fit_options.get("lengths")).range or task.lengths
    longest = max([task.possible_lengths(trained)[-1], *longer])
    with globally_seeded(0), undisturbed(model):
        inputs = task.sample(1, length=longest).inputs.to(device_of(model))
        try:
            run_model(model, inputs)
        except Exception as error:
            error.add_note(f"{TRIAL}{longest}")
            raise


def _tested(data: Task, cell: Cell) -> tuple[Task, tuple[int, ...]]:
    """Return the whole task, and the lengths to test on."""
    task = data.whole if isinstance(data, TaskSplit) else data
    return task, task.longer if cell.longer is None else cell.longer
