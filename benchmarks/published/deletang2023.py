"""Delétang et al. (2023), Neural networks and the Chomsky hierarchy, Table 2, the RNN column.

Trained on lengths 1 to 40, tested on 41 to 500. The paper trains 256 ReLU units for a million
steps on accelerators; here it takes minutes on one core, thanks to three ingredients: ReLU units,
orthogonal initialization of the recurrent weights, and lengths that grow during training. The
study ablates them one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from statistics import median
from typing import Any, get_args

import numpy as np
import torch

from benchmarks.published.cells import is_unfinished, run_cells, train
from benchmarks.published.findings import Finding, Study
from benchmarks.shares import answer_shares
from seqtoys import Curriculum, ElmanCharModel, Task, get_task
from seqtoys.models.elman.settings import Nonlinearity, RecurrentInit
from seqtoys.models.forward import loss_and_accuracy

TRAINED, TESTED = (1, 40), (41, 500)
EVERY_LENGTH, COUNT = 1, 40  # the four regular tasks: step of tested lengths, sequences each
SPARSE, SPARSE_COUNT = 27, 32  # the same for the eleven others
PUBLISHED = {
    "even_pairs": 100.0,
    "parity": 100.0,
    "cycle_navigation": 100.0,
    "modular_arithmetic": 100.0,
    "stack_manipulation": 56.0,
    "reverse_string": 62.0,
    "modular_arithmetic_brackets": 41.3,
    "solve_equation": 51.0,
    "duplicate_string": 50.3,
    "missing_duplicate": 52.3,
    "odds_first": 51.0,
    "binary_addition": 50.3,
    "binary_multiplication": 50.0,
    "compute_sqrt": 54.3,
    "bucket_sort": 27.9,
}


@dataclass(frozen=True)
class Cell:
    """One network to train and test.

    Attributes:
        task: The name of the task.
        units: The number of hidden units.
        steps: The number of training batches of 128.
        lr: The learning rate.
        seed: The seed of the weights and the sequences.
        nonlinearity: `"relu"` or `"tanh"`.
        recurrent_init: The initialization of the recurrent weights.
        grow: Whether lengths grow from 3 to 40; otherwise all are used from the beginning.
        every: Test on every n-th length.
        count: The number of test sequences per length.
    """

    task: str
    units: int
    steps: int
    lr: float
    seed: int
    nonlinearity: Nonlinearity = "relu"
    recurrent_init: RecurrentInit = "orthogonal"
    grow: bool = True
    every: int = EVERY_LENGTH
    count: int = COUNT


REGULAR = [
    Cell("even_pairs", 64, 5000, 3e-3, 0),
    Cell("parity", 32, 2000, 1e-3, 0),
    Cell("cycle_navigation", 64, 10_000, 1e-3, 0),
    Cell("modular_arithmetic", 256, 16_000, 5e-4, 0),
]
SEEDS, OTHER_SEEDS = 10, 3
OTHER = Cell("", 64, 4000, 1e-3, 0, grow=False, every=SPARSE, count=SPARSE_COUNT)
ABLATED, ABLATION_SEEDS = ("parity", "cycle_navigation"), 4


def measure(quick: bool) -> Study:
    """Train and test all networks; an interrupted run resumes where it stopped.

    Args:
        quick: Train two seeds of parity only.
    """
    if quick:
        return Study([_summarise("parity", run_cells(run, _seeds(REGULAR[1], 2), path=None))])
    went_on = is_unfinished()
    cells = [*table_cells(), *ablation_cells()]
    rows = dict(zip(cells, run_cells(run, cells), strict=True))
    findings = [
        _summarise(name, [rows[cell] for cell in table_cells() if cell.task == name])
        for name in PUBLISHED
    ]
    ablation = [{**asdict(cell), **rows[cell]} for cell in ablation_cells()]
    lengths = {cell.task: rows[cell]["by_length"] for cell in table_cells() if cell.seed == 0}
    return Study(findings, {"ablation": ablation, "by_length": lengths}, went_on)


def table_cells() -> list[Cell]:
    """Return the networks of the table: ten seeds per regular task, as in the paper."""
    others = [replace(OTHER, task=name) for name in list(PUBLISHED)[len(REGULAR) :]]
    regular = [cell for each in REGULAR[::-1] for cell in _seeds(each, SEEDS)]  # longest first
    return regular + [cell for each in others for cell in _seeds(each, OTHER_SEEDS)]


def ablation_cells() -> list[Cell]:
    """Return the networks of two tasks with every combination of the three ingredients."""
    choices = product(get_args(Nonlinearity), get_args(RecurrentInit), (True, False))
    return [
        replace(cell, nonlinearity=squash, recurrent_init=start, grow=grow)
        for squash, start, grow in choices
        for each in REGULAR
        if each.task in ABLATED
        for cell in _seeds(replace(each, every=SPARSE), ABLATION_SEEDS)
    ]


def _seeds(cell: Cell, count: int) -> Iterator[Cell]:
    return (replace(cell, seed=seed) for seed in range(count))


def run(cell: Cell) -> dict[str, Any]:
    """Train and test one network.

    Args:
        cell: The network to train.

    Returns:
        `accuracy`, the mean over the tested lengths; `perfect`, whether there was no mistake;
        `by_length`, the accuracy at each length; `seconds`, the training time on one core.
    """
    task = get_task(cell.task)
    grown = Curriculum(longest=TRAINED[1], start=3, threshold=0.98)
    model, seconds = train(
        task,
        units=cell.units,
        nonlinearity=cell.nonlinearity,
        recurrent_init=cell.recurrent_init,
        seed=cell.seed,
        epochs=cell.steps,
        lr=cell.lr,
        clip_norm=1.0,
        lengths=grown if cell.grow else TRAINED,
    )
    by_length = test_lengths(model, task, cell)
    shares = list(by_length.values())
    return {
        "accuracy": sum(shares) / len(shares),
        "perfect": min(shares) == 1,
        "by_length": by_length,
        "seconds": seconds,
    }


def test_lengths(model: ElmanCharModel, task: Task, cell: Cell) -> dict[int, float]:
    """Return the fraction of right answer symbols at each tested length."""
    generator = torch.Generator().manual_seed(1000 + cell.seed)
    return {
        n: float(
            loss_and_accuracy(model, task.sample(cell.count, length=n, generator=generator))[1]
        )
        for n in tested_lengths(task, cell.every)
    }


def tested_lengths(task: Task, every: int) -> list[int]:
    """Return the lengths to test on: every n-th possible length, and the longest."""
    possible = [n for n in range(TESTED[0], TESTED[1] + 1) if task.why_no_length(n) is None]
    return list(dict.fromkeys([*possible[:-1:every], possible[-1]]))


def guessing_accuracy(name: str, every: int) -> float:
    """Return the best accuracy without memory, in percent, averaged over the tested lengths.

    Where an answer is due, the network reads a blank. Without memory it can only give the same
    symbol each time; the best choice is the most frequent one over all tested lengths.

    Args:
        name: The name of the task.
        every: Test on every n-th length.

    Examples:
        >>> round(guessing_accuracy("modular_arithmetic_brackets", 27), 1)
        31.0
    """
    task = get_task(name)
    shares = [answer_shares(name, length) for length in tested_lengths(task, every)]
    return 100 * float(np.mean(shares, axis=0).max())


def _summarise(name: str, rows: Sequence[dict[str, Any]]) -> Finding:
    """Summarize the best seed, as in the paper, and how many seeds are perfect."""
    cell = next(cell for cell in table_cells() if cell.task == name)
    accuracies = [100 * row["accuracy"] for row in rows]
    lengths = "each length" if cell.every == 1 else f"one length in {cell.every}"
    return Finding(
        f"{name}: best of {len(rows)} seeds",
        max(accuracies),
        "%",
        PUBLISHED[name],
        100.0,
        guessing_accuracy(name, cell.every),
        solved=(sum(row["perfect"] for row in rows), len(rows)),
        seconds=median(row["seconds"] for row in rows),
        settings={**asdict(cell), "seed": f"0 to {len(rows) - 1}", "batch_size": 128},
        note=f"median {median(accuracies):.1f}%; {cell.count} sequences of {lengths}; "
        "solved: not one mistake; seconds: the median of one core",
    )
