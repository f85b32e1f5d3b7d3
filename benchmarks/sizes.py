"""Train many seeds of larger networks on batches, against JAX once compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from benchmarks.machine import has_jax
from benchmarks.peers import Network, Part
from benchmarks.timing import Claim, Contestant, Row, compare, share_of_time, take_turns
from seqtoys import Batch, ElmanEnsemble, Vocab, fit

SYMBOLS = "abcdef"
LR = 0.01


@dataclass(frozen=True)
class Size:
    """The sizes of an ensemble and of its batch.

    Attributes:
        seeds: The number of networks.
        units: The size of each hidden state.
        sequences: The number of sequences in the batch.
        steps: Their length.
        target: The share of JAX's time to reach.
        epochs: The number of updates that are timed together.
    """

    seeds: int
    units: int
    sequences: int
    steps: int
    target: float
    epochs: int

    @property
    def claim(self) -> Claim:
        """The claim, named after the sizes."""
        data = f"{self.sequences} sequences of {self.steps} steps"
        return share_of_time(f"{self.seeds:,} seeds of {self.units} units, {data}", self.target)

    def part(self) -> Part:
        """Draw the batch, `(time, batch)`: each target is the next symbol."""
        shape, generator = (self.steps + 1, self.sequences), torch.Generator().manual_seed(0)
        drawn = torch.randint(len(SYMBOLS), shape, generator=generator)
        return drawn[:-1], drawn[1:]


SIZES = (
    Size(1000, 8, 8, 12, target=0.50, epochs=10),
    Size(100, 32, 32, 24, target=0.90, epochs=10),
    Size(32, 64, 128, 40, target=0.75, epochs=3),
    Size(10, 128, 128, 40, target=0.65, epochs=3),
)


def measure(threads: int, quick: bool) -> list[Row]:
    """Time a few updates of each size; without JAX, there is nothing to compare with."""
    return [_measure_size(size, 3 if quick else 5) for size in SIZES] if has_jax() else []


def train(size: Size) -> Any:
    """Prepare the training of all seeds at once by `fit`."""
    ensemble = ElmanEnsemble(Vocab(SYMBOLS), range(size.seeds), hidden_size=size.units)
    inputs, targets = (indices.T.contiguous() for indices in size.part())  # (batch, time)
    batch = Batch(inputs, targets)
    return lambda: fit(ensemble, batch, epochs=size.epochs, lr=LR, progress=False)


def train_in_jax(size: Size, unroll: int) -> Callable[[], Any]:
    """Prepare the same training in JAX, compiled when it first runs."""
    from benchmarks.jax_peers import seeds_trainer, stacked

    trained = seeds_trainer(unroll, size.epochs, size.part(), LR)
    weights = stacked(Network(len(SYMBOLS), size.units, seed) for seed in range(size.seeds))
    return lambda: trained(weights)


def _measure_size(size: Size, repeats: int) -> Row:
    contestants: dict[str, Contestant] = {"fit": lambda: train(size)}
    for unroll in (1, size.steps):
        run = train_in_jax(size, unroll)
        contestants[f"jax {unroll}"] = lambda run=run: run  # type: ignore[misc]
    seconds = take_turns(contestants, repeats)
    ours = seconds.pop("fit")
    share = {"our_share": 1 / size.epochs, "peer_share": 1 / size.epochs}
    return compare(size.claim, ours, min(seconds.values(), key=median), **share)
