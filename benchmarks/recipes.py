"""The networks to train on each task of the catalog, for the pages of the tasks."""

from __future__ import annotations

from dataclasses import dataclass

from seqtoys import recipe
from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Network:
    """One network to train on one task, with the options of the task's `recipe`.

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
    nonlinearity: Nonlinearity
    recurrent_init: RecurrentInit
    grow: bool


def networks_for(name: str) -> list[Network]:
    """Return the networks to train on a task, one for each seed.

    Examples:
        >>> [(network.seed, network.units) for network in networks_for("parity")]
        [(0, 64), (1, 64), (2, 64)]
    """
    settings = recipe(name)
    return [
        Network(
            task=name,
            seed=seed,
            units=settings.hidden_size,
            batches=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            nonlinearity=settings.nonlinearity,
            recurrent_init=settings.recurrent_init,
            grow=settings.lengths is not None,
        )
        for seed in SEEDS
    ]
