"""Which network each task of the catalogue is given to: one recipe for each kind of task.

The recipes are to show which tasks are easy and which are hard within seconds, not how far each
can be pushed: so there is none for a single task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit
from seqtoys.tasks.catalogue import CATALOGUE

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Network:
    """One network to train on one task.

    Attributes:
        task: The name of the task.
        seed: Decides the weights and the sequences.
        units: Hidden units, below a linear readout.
        batches: How many batches it is trained on.
        batch_size: The sequences of a batch.
        lr: The learning rate of Adam.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: How recurrent weights start.
        grow: Whether lengths grow as it learns; else all come from the start.
    """

    task: str
    seed: int
    units: int
    batches: int
    batch_size: int
    lr: float
    nonlinearity: Nonlinearity = "tanh"
    recurrent_init: RecurrentInit = "uniform"
    grow: bool = False

    def describe(self) -> str:
        """Say in a line what is the same for all seeds.

        Examples:
            >>> networks_for("parity")[0].describe()
            '64 relu units, orthogonal start, 4,000 batches of 128, lr 0.003, growing lengths'
        """
        start = "" if self.recurrent_init == "uniform" else f" {self.recurrent_init} start,"
        lengths = ", growing lengths" if self.grow else ""
        return (
            f"{self.units} {self.nonlinearity} units,{start} {self.batches:,} batches of "
            f"{self.batch_size}, lr {self.lr:g}{lengths}"
        )


RECIPES = {
    "one word": Network("", 0, 8, 200, 128, 0.05),
    "next symbol": Network("", 0, 32, 1000, 64, 0.01),
    "counts": Network("", 0, 32, 2000, 128, 0.003),
    "answers": Network("", 0, 64, 1000, 64, 0.003, recurrent_init="orthogonal"),
    "short strings": Network("", 0, 32, 2000, 128, 0.003, "relu", "orthogonal", grow=True),
    "long strings": Network("", 0, 64, 4000, 128, 0.003, "relu", "orthogonal", grow=True),
}
"""For each kind of task the network of its first seed."""

KINDS = {
    "text": "one word",
    "elman1990": "next symbol",
    "reber": "next symbol",
    "counting": "counts",
    "dyck": "counts",
    "tomita": "short strings",
    "chomsky_regular": "long strings",
}
"""What kind the tasks of a module are; those of all others are answers."""


def builder_of(name: str) -> Any:
    """The class or function that builds a task of the catalogue.

    Examples:
        >>> builder_of("tomita_1").__name__
        'Tomita'
    """
    build: Any = CATALOGUE[name]
    return getattr(build, "func", build)


def family_of(name: str) -> str:
    """The module that a task of the catalogue comes from.

    Examples:
        >>> family_of("parity"), family_of("tomita_1")
        ('chomsky_regular', 'tomita')
    """
    return str(builder_of(name).__module__).rpartition(".")[2]


def networks_for(name: str) -> list[Network]:
    """The networks that a task is given to, one for each seed.

    Examples:
        >>> [(network.seed, network.units) for network in networks_for("parity")]
        [(0, 64), (1, 64), (2, 64)]
    """
    recipe = RECIPES[KINDS.get(family_of(name), "answers")]
    return [replace(recipe, task=name, seed=seed) for seed in SEEDS]
