"""Merrill et al. (2024): word problems of groups, which one recurrent layer can represent.

Transformers and linear state-space models need more layers for longer sequences, presumably, if
the group is not solvable, such as A5 and S5. Elman networks need only one; can they learn it? In
the larger groups, the inputs are only the identity and a few elements that generate the group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.published.cells import train
from benchmarks.published.findings import Finding, Study
from benchmarks.published.workers import spread
from seqtoys import Curriculum, evaluate, get_task

SEEDS = 3
LONGEST, LONGER = 20, 100  # symbols: in training, and in tests
TOLD = 0.999  # accuracy that counts as solved
TESTED = 300  # sequences of each length


@dataclass(frozen=True)
class Group:
    """A group, and the networks that learn its word problem.

    Attributes:
        name: The name of the group.
        generators: Whether the inputs are only the identity and elements that generate it.
        units: The number of hidden units.
        batches: The number of training batches.
        batch_size: The number of sequences per batch.
        lr: The learning rate.
    """

    name: str
    generators: bool
    units: int
    batches: int
    batch_size: int
    lr: float


GROUPS = [
    *(Group(name, True, 128, 6000, 128, 0.002) for name in ("S5", "A5", "Z60")),
    *(Group(name, False, 64, 3000, 64, 0.003) for name in ("A4", "S3", "Z3", "Z2")),
]  # the longest first


def measure(quick: bool) -> Study:
    """Learn the word problem of each group.

    Args:
        quick: Learn those of the small groups, with one seed.
    """
    groups, seeds = (GROUPS[3:], 1) if quick else (GROUPS, SEEDS)
    cases = [(group, seed) for group in groups for seed in range(seeds)]
    rows = spread(learn, cases)
    found = [
        [row for case, row in zip(cases, rows, strict=True) if case[0] == group]
        for group in groups
    ]
    pairs = list(zip(groups, found, strict=True))[::-1]
    return Study([each for group, learnt in pairs for each in summarize(group, learnt)])


def learn(case: tuple[Group, int]) -> dict[str, float]:
    """Train a network, and return its accuracy at training lengths and beyond, and the seconds.

    Args:
        case: The group and the seed.
    """
    group, seed = case
    task = get_task("word_problem", group=group.name, generators=group.generators)
    model, seconds = train(
        task,
        units=group.units,
        nonlinearity="relu",
        recurrent_init="orthogonal",
        seed=seed,
        epochs=group.batches,
        batch_size=group.batch_size,
        lr=group.lr,
        clip_norm=1.0,
        lengths=Curriculum(longest=LONGEST),
    )
    report = evaluate(model, task, count=TESTED, longer=[LONGER])
    longer = report.scores[f"length {LONGER}"]
    return {
        "trained": float(report.seen.accuracy),
        "longer": float(longer.accuracy),
        "seconds": seconds,
    }


def summarize(group: Group, rows: list[dict[str, float]]) -> list[Finding]:
    """Return the median accuracy over the seeds, and how many of them solve the group.

    Args:
        group: The group.
        rows: The results of each seed.
    """
    settings: dict[str, Any] = {
        "units": group.units,
        "nonlinearity": "relu",
        "recurrent_init": "orthogonal",
        "seeds": f"0 to {len(rows) - 1}",
        "epochs": group.batches,
        "batch_size": group.batch_size,
        "lr": group.lr,
        "lengths": f"growing to {LONGEST}",
    }
    inputs = "generators" if group.generators else "all elements"
    finding = partial(Finding, unit="%", settings=settings, note=f"solved: {TOLD:.1%} right")
    return [
        finding(
            f"{group.name}, {inputs}, {where}",
            100 * median(row[kind] for row in rows),
            solved=(sum(row[kind] >= TOLD for row in rows), len(rows)),
            seconds=median(row["seconds"] for row in rows) if kind == "trained" else 0.0,
        )
        for kind, where in (("trained", f"lengths 1 to {LONGEST}"), ("longer", f"length {LONGER}"))
    ]
