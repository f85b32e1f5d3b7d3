"""Weight guessing (Hochreiter & Schmidhuber, 1996): how many random networks does it take?

All weights are uniform between -100 and 100, as in the paper, and no gradient is ever computed.
An ensemble tries thousands of networks in one pass. Solving a task that guessing also solves does
not prove that a method learns; and a task that guessing fails on is not necessarily hard to learn.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.published.findings import Finding, Study
from benchmarks.published.workers import spread
from seqtoys import Batch, ElmanEnsemble, Task, fit, get_task
from seqtoys.models.forward import logits_of
from seqtoys.results import Proportion

UNITS, BOUND = 3, 100.0
GUESSES, AT_ONCE = 4_000_000, 4000
TASKS = (*(f"tomita_{i}" for i in range(1, 8)), "parity", "even_pairs", "first_symbol")
TRAINED_UNITS, TRAINED_SEEDS, EPOCHS, LR = 10, 20, 1500, 0.005
SHORT, LENGTHS, COUNT = 6, (9, 20, 100), 128  # of the test strings


@dataclass(frozen=True)
class Exam:
    """The test strings of a task, which a network solves by making no mistake at all.

    Attributes:
        short: A few short strings, on which most networks fail.
        long: More and longer strings.
    """

    short: Batch
    long: Sequence[Batch]


def measure(quick: bool) -> Study:
    """Guess and train networks on each task.

    Args:
        quick: Use few guesses and two tasks only.
    """
    tasks = ("tomita_1", "parity") if quick else TASKS
    guesses = 100_000 if quick else GUESSES
    guessed = spread(partial(guess, guesses=guesses), tasks)
    trained = spread(train, tasks)
    rows = zip(guessed, trained, strict=True)
    return Study([finding for pair in rows for finding in pair])


def guess(name: str, guesses: int = GUESSES) -> Finding:
    """Draw random networks, and count those that solve a task.

    Args:
        name: The name of the task.
        guesses: The number of networks to draw.
    """
    task, generator = get_task(name), torch.Generator().manual_seed(0)
    exam = set_exam(task, generator)
    networks = ElmanEnsemble(task.vocab, range(AT_ONCE), hidden_size=UNITS)
    solved, started = 0, time.process_time()
    for _ in range(guesses // AT_ONCE):
        with torch.no_grad():
            for parameter in networks.parameters():
                parameter.uniform_(-BOUND, BOUND, generator=generator)
        passing = passes(networks, exam.short).nonzero().flatten().tolist()
        solved += sum(all(bool(passes(networks[i], b)) for b in exam.long) for i in passing)
    drawn = guesses // AT_ONCE * AT_ONCE
    return Finding(
        f"{name}: networks drawn for one that solves it",
        drawn / max(1, solved),
        "guesses",
        solved=(solved, drawn),
        seconds=time.process_time() - started,
        settings={"units": UNITS, "weights": f"uniform within ±{BOUND:g}", "seed": 0},
        note=_interval(Proportion(solved, drawn)),
    )


def train(name: str) -> Finding:
    """Train networks on a task, and count those that solve it.

    Args:
        name: The name of the task.
    """
    task, generator = get_task(name), torch.Generator().manual_seed(0)
    exam = set_exam(task, generator)
    networks = ElmanEnsemble(task.vocab, range(TRAINED_SEEDS), hidden_size=TRAINED_UNITS)
    options: dict[str, Any] = {"epochs": EPOCHS, "lr": LR, "batch_size": 64, "clip_norm": 1.0}
    started = time.process_time()
    fit(networks, task, lengths=(1, 20), progress=False, **options)
    seconds = time.process_time() - started
    solved = torch.stack([passes(networks, batch) for batch in (exam.short, *exam.long)]).all(0)
    share = 100 * solved.double().mean().item()
    return Finding(
        f"{name}: networks that solve it after training",
        share,
        "%",
        solved=(int(solved.sum()), TRAINED_SEEDS),
        seconds=seconds,
        settings={"units": TRAINED_UNITS, "lengths": "1 to 20", **options},
    )


def set_exam(task: Task, generator: torch.Generator) -> Exam:
    """Sample the strings that a network must answer without mistakes."""
    longer = [task.sample(COUNT, length=n, generator=generator) for n in LENGTHS]
    return Exam(task.sample(16, length=SHORT, generator=generator), longer)


@torch.no_grad()
def passes(networks: torch.nn.Module, batch: Batch) -> Tensor:
    """Return whether a network, or each replica, makes no mistake."""
    predicted = logits_of(networks, batch.inputs).argmax(-1)  # ([replicas,] batch, time)
    return ((predicted == batch.targets) | ~batch.scored).flatten(-2).all(-1)


def _interval(rate: Proportion) -> str:
    if not rate.count:
        return f"none did: 95% interval from {1 / rate.high:,.0f} on"
    return f"95% interval {1 / rate.high:,.0f} to {1 / rate.low:,.0f}"
