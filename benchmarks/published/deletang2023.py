"""Delétang et al. (2023), Neural networks and the Chomsky hierarchy, Table 2, the RNN column.

Trained on lengths 1 to 40, tested on 41 to 500. The paper trains 256 ReLU units for a million
steps on accelerators; here it is minutes on one core, thanks to three ingredients: ReLU units,
recurrent weights that start orthogonal, and lengths that grow as the task is learnt. The study
takes them away one by one.
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
from seqtoys.models.forward import measure as measure_batch

TRAINED, TESTED = (1, 40), (41, 500)
EVERY_LENGTH, COUNT = 1, 40  # how the four regular tasks are tested: each length, sequences of it
SPARSE, SPARSE_COUNT = 27, 32  # how the eleven others are
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
    """One network to train and to test.

    Attributes:
        task: The name of the task.
        units: Hidden units.
        steps: How many batches of 128 it is trained on.
        lr: The learning rate.
        seed: Decides the weights and the sequences.
        nonlinearity: `"relu"` or `"tanh"`.
        recurrent_init: How recurrent weights start.
        grow: Whether the lengths grow from 3 to 40; else all come from the start.
        every: Test on one length in so many.
        count: How many sequences of each length to test on.
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
    """Train and test all networks; what an interrupted run has finished is kept.

    Args:
        quick: Take a look: two seeds of parity.
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
    """The networks of the table: ten of each regular task, as in the paper, and a few others."""
    others = [replace(OTHER, task=name) for name in list(PUBLISHED)[len(REGULAR) :]]
    regular = [cell for each in REGULAR[::-1] for cell in _seeds(each, SEEDS)]  # the longest first
    return regular + [cell for each in others for cell in _seeds(each, OTHER_SEEDS)]


def ablation_cells() -> list[Cell]:
    """The networks of two tasks with every choice of the three ingredients."""
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
        cell: What to train.

    Returns:
        `accuracy`, the mean over the tested lengths; `perfect`, whether there was no mistake;
        `by_length`; `seconds` of one core for the training.
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
    """The share of right answer symbols at each tested length."""
    generator = torch.Generator().manual_seed(1000 + cell.seed)
    return {
        n: float(measure_batch(model, task.sample(cell.count, length=n, generator=generator))[1])
        for n in tested_lengths(task, cell.every)
    }


def tested_lengths(task: Task, every: int) -> list[int]:
    """The lengths to test on: one possible length in `every`, and the longest."""
    possible = [n for n in range(TESTED[0], TESTED[1] + 1) if task.refusal(n) is None]
    return list(dict.fromkeys([*possible[:-1:every], possible[-1]]))


def guessing_accuracy(name: str, every: int) -> float:
    """The best accuracy without memory at the tested lengths, in percent, averaged over them.

    Where an answer is due, the network reads a blank. Without memory it can only give the same
    symbol each time; the best is the one that is most frequent over all tested lengths.

    Args:
        name: The name of the task.
        every: Test on one length in so many.

    Examples:
        >>> round(guessing_accuracy("modular_arithmetic_brackets", 27), 1)
        31.0
    """
    task = get_task(name)
    shares = [answer_shares(name, length) for length in tested_lengths(task, every)]
    return 100 * float(np.mean(shares, axis=0).max())


def _summarise(name: str, rows: Sequence[dict[str, Any]]) -> Finding:
    """The best seed, as in the paper, and how many are perfect."""
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
        note=f"median {median(accuracies):.1f} %; {cell.count} sequences of {lengths}; "
        "solved: not one mistake; seconds: the median of one core",
    )
