"""Liu et al. (2023): flip-flops, on which transformers err now and then, and LSTMs do not.

The networks are trained on short sequences, and tested on long ones, also on such where writes are
rarer or more frequent than in training.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from benchmarks.published.findings import Finding, Study
from benchmarks.published.guessing import passes
from benchmarks.published.workers import spread
from seqtoys import ElmanEnsemble, fit, get_task

UNITS, SEEDS, AT_ONCE = 8, 1000, 100
INSTRUCTIONS, LONG = 16, 256  # in training, and in tests
IGNORE = (0.8, 0.98, 0.1)  # in tests; the first one is that of training
TRAINING: dict[str, Any] = {"epochs": 500, "batch_size": 32, "lr": 0.01, "clip_norm": 1.0}
TESTED = 50  # sequences


def measure(quick: bool) -> Study:
    """Train many seeds, and count those that never err.

    Args:
        quick: Use 20 seeds.
    """
    seeds, at_once = (20, 10) if quick else (SEEDS, AT_ONCE)
    parts = spread(learn, [range(low, low + at_once) for low in range(0, seeds, at_once)])
    right = torch.cat([part for part, _ in parts], 1)  # (tests, seeds)
    seconds = sum(each for _, each in parts)
    settings = {"units": UNITS, "seeds": f"0 to {seeds - 1}", "instructions": INSTRUCTIONS}
    return Study(
        [
            Finding(
                f"flip_flop, trained on {INSTRUCTIONS} instructions: no mistake in {TESTED} "
                f"sequences of {LONG}, {ignore:.0%} of them ignored",
                100 * each.double().mean().item(),
                "%",
                solved=(int(each.sum()), seeds),
                seconds=seconds if ignore == IGNORE[0] else 0.0,
                settings={**settings, **TRAINING},
            )
            for ignore, each in zip(IGNORE, right, strict=True)
        ]
    )


def learn(seeds: Sequence[int]) -> tuple[Bool[Tensor, "tests seeds"], float]:
    """Train networks, and return which of them pass each test, with the time of the training.

    Args:
        seeds: The seeds of the networks, which are trained side by side.
    """
    task = get_task("flip_flop", instructions=INSTRUCTIONS)
    networks = ElmanEnsemble(task.vocab, seeds, hidden_size=UNITS)
    started = time.process_time()
    fit(networks, task, progress=False, **TRAINING)
    seconds = time.process_time() - started
    generator = torch.Generator().manual_seed(1)
    tests = [
        get_task("flip_flop", ignore=ignore, instructions=LONG).sample(TESTED, generator=generator)
        for ignore in IGNORE
    ]
    return torch.stack([passes(networks, test) for test in tests]), seconds
