"""The networks to train on each task of the catalog: one recipe per kind of task.

The recipes are meant to show which tasks are easy and which are hard within seconds, not the best
result possible on each, so none is tuned for a single task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit
from seqtoys.tasks.catalogue import CATALOGUE

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Network:
    """One network to train on one task.

    Attributes:
        task: The name of the task.
        seed: The seed of the weights and the sequences.
        units: The number of hidden units, followed by a linear readout.
        batches: The number of training batches.
        batch_size: The number of sequences per batch.
        lr: The learning rate of Adam.
        nonlinearity: `"tanh"` or `"relu"`.
        recurrent_init: The initialization of the recurrent weights.
        grow: Whether lengths grow during training; otherwise all are used from the beginning.
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
        """Describe in one line what is the same for all seeds.

        Examples:
            >>> networks_for("parity")[0].describe()
            '64 relu units, orthogonal init, 4,000 batches of 128, lr 0.003, growing lengths'
        """
        initial = self.recurrent_init
        start = "" if initial == "uniform" else f" {initial} init,"
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
    "table": Network("", 0, 128, 4000, 256, 0.01, recurrent_init="orthogonal"),
    "short strings": Network("", 0, 32, 2000, 128, 0.003, "relu", "orthogonal", grow=True),
    "long strings": Network("", 0, 64, 4000, 128, 0.003, "relu", "orthogonal", grow=True),
}
"""The networks by the name of their recipe; `networks_for` sets task and seed."""


def networks_for(name: str) -> list[Network]:
    """Return the networks to train on a task, one for each seed.

    Examples:
        >>> [(network.seed, network.units) for network in networks_for("parity")]
        [(0, 64), (1, 64), (2, 64)]
    """
    recipe = RECIPES[CATALOGUE[name].recipe]
    return [replace(recipe, task=name, seed=seed) for seed in SEEDS]
