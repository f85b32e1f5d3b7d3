"""recipe: how to train an Elman network on a task of the catalog.

The recipes show within seconds which tasks are easy and which are hard. There is one for each kind
of task, and none is tuned for a single task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from seqtoys.errors import OptionError, quoted
from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.values import check_length, check_positive
from seqtoys.tasks.catalogue import CATALOGUE, get_task
from seqtoys.tasks.task import Task
from seqtoys.training.curriculum import Curriculum

THRESHOLD = 0.98  # the accuracy above which lengths grow


@dataclass(frozen=True)
class Recipe:
    """The options of a network and of its training.

    Attributes:
        hidden_size: The number of hidden units, followed by a linear readout.
        epochs: The number of batches.
        batch_size: The number of sequences per batch.
        lr: The learning rate of Adam.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: The initialization of the recurrent weights.
        clip_norm: The norm to clip gradients to; without it, long sequences may diverge.
        lengths: Lengths that grow during training; if None, all are used from the beginning.

    Raises:
        InputTypeError: If a value has the wrong type.
        OptionError: If a number is not positive.

    Examples:
        >>> from seqtoys import recipe
        >>> print(recipe("parity"))
        64 relu units, orthogonal init, 4,000 batches of 128, lr 0.003, growing lengths
    """

    hidden_size: int
    epochs: int
    batch_size: int
    lr: float
    nonlinearity: Nonlinearity = "tanh"
    recurrent_init: RecurrentInit = "uniform"
    clip_norm: float = 1.0
    lengths: Curriculum | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("hidden_size", "epochs", "batch_size"):
            check_length(getattr(self, name), name)
        for name in ("lr", "clip_norm"):
            check_positive(name, getattr(self, name))

    @property
    def model(self) -> dict[str, Any]:
        """Keyword arguments of `ElmanCharModel` or `ElmanEnsemble`."""
        return self._options("hidden_size", "nonlinearity", "recurrent_init")

    @property
    def training(self) -> dict[str, Any]:
        """Keyword arguments of `fit`."""
        return self._options("epochs", "batch_size", "lr", "clip_norm", "lengths")

    def __str__(self) -> str:
        init = "" if self.recurrent_init == "uniform" else f" {self.recurrent_init} init,"
        return (
            f"{self.hidden_size} {self.nonlinearity} units,{init} {self.epochs:,} batches of "
            f"{self.batch_size}, lr {self.lr:g}{', growing lengths' if self.lengths else ''}"
        )

    def _options(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


RECIPES = {
    "one word": Recipe(8, 200, 128, 0.05),
    "next symbol": Recipe(32, 1000, 64, 0.01),
    "counts": Recipe(32, 2000, 128, 0.003),
    "answers": Recipe(64, 1000, 64, 0.003, recurrent_init="orthogonal"),
    "table": Recipe(128, 4000, 256, 0.01, recurrent_init="orthogonal"),
    "short strings": Recipe(32, 2000, 128, 0.003, "relu", "orthogonal"),
    "long strings": Recipe(64, 4000, 128, 0.003, "relu", "orthogonal"),
}
"""The recipes by their names in the catalog."""

GROWING = {"short strings", "long strings"}
"""The recipes whose lengths grow; `recipe` adds the lengths of the task."""


@checked
def recipe(task: str | Task) -> Recipe:
    """Return how the networks on the pages of the tasks are trained.

    Args:
        task: A task of the catalog, or its name.

    Raises:
        OptionError: If it is not in the catalog.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, fit, get_task
        >>> task, settings = get_task("hihello"), recipe("hihello")
        >>> model = ElmanCharModel(task.vocab, seed=0, **settings.model)
        >>> history = fit(model, task, **settings.training)
        >>> print(f"{evaluate(model, task).seen.accuracy:.0%}")
        100%
    """
    if isinstance(task, str):
        task = get_task(task)
    if task.name not in CATALOGUE:
        raise OptionError(
            f"expected a task of the catalog, got {quoted(task.name)}; choose the options of your "
            "own task yourself, or start with those of a similar one, as in recipe('parity')"
        )
    name = CATALOGUE[task.name].recipe
    return replace(RECIPES[name], lengths=_growing(task) if name in GROWING else None)


def _growing(task: Task) -> Curriculum:
    """Return a curriculum from the shortest lengths of the task to the longest of training."""
    shortest, longest = task.lengths
    start = min(shortest + 2, longest)
    return Curriculum(longest, shortest=shortest, start=start, threshold=THRESHOLD)
