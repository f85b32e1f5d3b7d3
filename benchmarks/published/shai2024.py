"""Shai et al. (2024): the beliefs of an observer of a hidden source, in the states of a network.

They find a linear image of the beliefs in transformers trained on mess3. Here small Elman networks
are trained to predict its symbols; a linear regression then maps their states to the beliefs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from benchmarks.published.findings import Finding, Study
from benchmarks.published.workers import spread
from seqtoys import Batch, ElmanCharModel, evaluate, fit
from seqtoys.tasks.processes.hidden_markov import HiddenMarkov
from seqtoys.tasks.processes.sources import mess3

TRAINING: dict[str, Any] = {"epochs": 4000, "batch_size": 128, "lr": 0.01}
DIGITS = 4  # of the stored weights
TESTED = 5000  # sequences


@dataclass(frozen=True)
class Observer:
    """A network that observes mess3.

    Attributes:
        x: The option `x` of the task.
        a: The option `a` of the task.
        units: The number of hidden units.
    """

    x: float
    a: float
    units: int

    def __str__(self) -> str:
        return f"mess3, x = {self.x}, a = {self.a}, {self.units} units"

    @property
    def task(self) -> HiddenMarkov:
        """The task that it is trained on."""
        return mess3(self.x, self.a)


OBSERVERS = [Observer(x, a, units) for x, a in ((0.05, 0.85), (0.15, 0.6)) for units in (3, 10)]


def measure(quick: bool) -> Study:
    """Train networks, and regress the beliefs on their states.

    Args:
        quick: Train for a few batches.
    """
    epochs = 50 if quick else TRAINING["epochs"]
    rows = spread(partial(observe, epochs=epochs), OBSERVERS)
    findings = [finding for found, _ in rows for finding in found]
    networks = [
        {"x": each.x, "a": each.a, "units": each.units, "weights": weights}
        for each, (_, weights) in zip(OBSERVERS, rows, strict=True)
    ]
    return Study(findings, {"networks": networks})


def observe(
    observer: Observer, epochs: int = TRAINING["epochs"]
) -> tuple[list[Finding], dict[str, Any]]:
    """Train a network, and return its results and its weights.

    Args:
        observer: The network.
        epochs: The number of batches.
    """
    task, options = observer.task, {**TRAINING, "epochs": epochs}
    model = ElmanCharModel(task.vocab, hidden_size=observer.units)
    history = fit(model, task, progress=False, **options)
    score = evaluate(model, task, count=TESTED, longer=[]).seen
    beliefs, states = read_beliefs(model, task)
    settings = {"x": observer.x, "a": observer.a, "units": observer.units, "seed": 0, **options}
    loss = Finding(
        f"{observer}",
        float(score.loss),
        "nats",
        optimum=score.optimum,
        memoryless=float(task.memoryless),
        seconds=history.seconds,
        settings=settings,
        note=f"excess {score.excess} nats",
    )
    share = Finding(
        f"{observer}: variance of the beliefs explained by the states",
        100 * explained(beliefs, states),
        "%",
        settings=settings,
    )
    weights = {
        name: torch.round(value, decimals=DIGITS).double().tolist()
        for name, value in model.state_dict().items()
    }
    return [loss, share], _rounded(weights)


def load_observer(stored: Mapping[str, Any]) -> tuple[ElmanCharModel, HiddenMarkov]:
    """Return a stored network and its task.

    Args:
        stored: One of the networks in the stored results.
    """
    observer = Observer(stored["x"], stored["a"], stored["units"])
    model = ElmanCharModel(observer.task.vocab, hidden_size=observer.units)
    weights = {name: torch.tensor(value) for name, value in stored["weights"].items()}
    model.load_state_dict(weights)
    return model, observer.task


@torch.no_grad()
def read_beliefs(
    model: ElmanCharModel, task: HiddenMarkov, count: int = TESTED
) -> tuple[Float[Tensor, "symbols states"], Float[Tensor, "symbols states"]]:
    """Return the beliefs after each symbol of some sequences, and a linear map of the states.

    Args:
        model: The network.
        task: The task.
        count: The number of sequences.

    Returns:
        The beliefs, and the map of the network's states that is closest to them.
    """
    batch: Batch = task.sample(count, generator=torch.Generator().manual_seed(1))
    beliefs = task.beliefs(batch).flatten(0, 1)  # (symbols, states)
    states, _ = model.rnn(F.one_hot(batch.inputs, len(task.vocab)).float())
    flat = states.flatten(0, 1).double()  # (symbols, units)
    design = torch.cat([flat, torch.ones_like(flat[:, :1])], 1)  # (symbols, units + 1)
    return beliefs, design @ torch.linalg.lstsq(design, beliefs).solution


def explained(
    beliefs: Float[Tensor, "symbols states"], read: Float[Tensor, "symbols states"]
) -> float:
    """Return the proportion of the variance of the beliefs that a reading of them explains."""
    rest = (beliefs - read).square().sum() / (beliefs - beliefs.mean(0)).square().sum()
    return 1 - rest.item()


def _rounded(value: Any) -> Any:
    """Round all numbers, to keep the file short."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else round(value, DIGITS)
