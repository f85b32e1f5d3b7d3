"""A trial of the greatest lengths, so that impossible ones fail before the first update."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor, nn

from seqtoys.models.forward import run_model
from seqtoys.models.probing import undisturbed
from seqtoys.support.devices import device_of
from seqtoys.support.rng_state import globally_seeded
from seqtoys.sweeps.cells import Cell
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.training.curriculum import LengthPlan

TRIAL = "before training, on a sequence of "
"""The beginning of the note that `try_longest` adds to an exception."""

SAMPLED = 1000  # sequences whose longest is tried, if their lengths are not bounded


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
    `IndexError` from too few position embeddings, gets a note with the number of positions.
    """
    if not isinstance(cell.data, Task) or not isinstance(model, nn.Module):
        return
    with globally_seeded(0), undisturbed(model):
        inputs = _longest_inputs(cell.data, cell).to(device_of(model))
        try:
            run_model(model, inputs)
        except Exception as error:
            error.add_note(f"{TRIAL}{inputs.shape[1]} positions")
            raise


def _longest_inputs(data: Task, cell: Cell) -> Int[Tensor, "batch time"]:
    """Return the longest inputs: of the greatest length, or in a sample of free lengths."""
    task, longer = _tested(data, cell)
    trained = LengthPlan(task, cell.fit_options.get("lengths")).range
    longest = max([task.possible_lengths(trained or task.lengths)[-1], *longer])
    drawn = [task.sample(1, length=longest).inputs]
    if trained is None:
        batch = task.sample(SAMPLED)
        row = int(batch.count_symbols().argmax())
        drawn.append(batch.inputs[row : row + 1, : int(batch.count_symbols()[row])])
    return max(drawn, key=lambda inputs: inputs.shape[1])


def _tested(data: Task, cell: Cell) -> tuple[Task, tuple[int, ...]]:
    """Return the whole task, and the lengths to test on."""
    task = data.whole if isinstance(data, TaskSplit) else data
    return task, task.longer if cell.longer is None else cell.longer
