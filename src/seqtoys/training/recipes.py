"""recipe: how to train an Elman network on a task of the catalog.

The recipes show within seconds which tasks are easy and which are hard. There is one for each kind
of task, and none is tuned for a single task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqtoys.errors import OptionError, quoted
from seqtoys.support.arguments import checked
from seqtoys.tasks.catalogue import CATALOGUE, get_task
from seqtoys.tasks.task import Task
from seqtoys.training.curriculum import Curriculum

CLIP_NORM = 1.0  # without it, training on long sequences may diverge
THRESHOLD = 0.98  # the accuracy above which lengths grow

ORTHOGONAL = {"recurrent_init": "orthogonal"}
RELU = {"nonlinearity": "relu", **ORTHOGONAL}
GROWING = {"short strings", "long strings"}

RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one word": ({"hidden_size": 8}, {"epochs": 200, "batch_size": 128, "lr": 0.05}),
    "next symbol": ({"hidden_size": 32}, {"epochs": 1000, "batch_size": 64, "lr": 0.01}),
    "counts": ({"hidden_size": 32}, {"epochs": 2000, "batch_size": 128, "lr": 0.003}),
    "answers": (
        {"hidden_size": 64, **ORTHOGONAL},
        {"epochs": 1000, "batch_size": 64, "lr": 0.003},
    ),
    "short strings": (
        {"hidden_size": 32, **RELU},
        {"epochs": 2000, "batch_size": 128, "lr": 0.003},
    ),
    "long strings": (
        {"hidden_size": 64, **RELU},
        {"epochs": 4000, "batch_size": 128, "lr": 0.003},
    ),
}
"""The options of the network and of its training, by the name of the recipe in the catalog."""


@dataclass(frozen=True)
class Recipe:
    """The options of a network and of its training.

    Attributes:
        model: Keyword arguments of `ElmanCharModel` or `ElmanEnsemble`.
        training: Keyword arguments of `fit`.

    Examples:
        >>> from seqtoys import recipe
        >>> print(recipe("parity"))
        64 relu units, orthogonal init, 4,000 batches of 128, lr 0.003, growing lengths
    """

    model: dict[str, Any]
    training: dict[str, Any]

    def __str__(self) -> str:
        model, training = self.model, self.training
        init = model.get("recurrent_init")
        return (
            f"{model['hidden_size']} {model.get('nonlinearity', 'tanh')} units,"
            f"{f' {init} init,' if init else ''} {training['epochs']:,} batches of "
            f"{training['batch_size']}, lr {training['lr']:g}"
            f"{', growing lengths' if 'lengths' in training else ''}"
        )


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
    model, training = RECIPES[name]
    lengths = {"lengths": _growing_lengths(task)} if name in GROWING else {}
    return Recipe({**model}, {**training, "clip_norm": CLIP_NORM, **lengths})


def _growing_lengths(task: Task) -> Curriculum:
    """Return a curriculum from the shortest lengths of the task to the longest of training."""
    shortest, longest = task.lengths
    start = min(shortest + 2, longest)
    return Curriculum(longest, shortest=shortest, start=start, threshold=THRESHOLD)
