"""Hewitt et al. (2020): how many units a network needs for brackets of bounded depth.

They construct networks that generate the language exactly. With k kinds of brackets and at most m
open ones, an LSTM needs 3 m log2(k) - m units, and an Elman network twice as many. Here, smaller
Elman networks are trained instead.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.published.findings import Finding, Study
from benchmarks.published.workers import spread
from seqtoys import ElmanEnsemble, evaluate, fit, get_task

KINDS, DEPTH = 2, 3
CONSTRUCTED = 12  # units of the Elman network in the paper, for these two
UNITS = (2, 3, 4, 6, 8, CONSTRUCTED)
SEEDS, TESTED = 20, 1000
SOLVED = 0.01  # nats above the optimum
TRAINING: dict[str, Any] = {"epochs": 3000, "batch_size": 64, "lr": 0.01, "clip_norm": 1.0}


def measure(quick: bool) -> Study:
    """Train networks of several sizes, and count the seeds that come close to the optimum.

    Args:
        quick: Train for a tenth of the time.
    """
    training = {**TRAINING, "epochs": TRAINING["epochs"] // 10} if quick else TRAINING
    parts = spread(learn, [(units, training) for units in UNITS])
    return Study(
        [
            Finding(
                f"dyck_bounded, {KINDS} kinds, at most {DEPTH} open: at most {SOLVED} nats above "
                f"the optimum with {units} unit{'s' * (units > 1)}",
                100 * (excess <= SOLVED).double().mean().item(),
                "%",
                solved=(int((excess <= SOLVED).sum()), SEEDS),
                seconds=seconds,
                settings={
                    "seeds": f"0 to {SEEDS - 1}",
                    **training,
                    "median excess": f"{excess.median().item():.4f}",
                    "least excess": f"{excess.min().item():.4f}",
                },
            )
            for units, (excess, seconds) in zip(UNITS, parts, strict=True)
        ]
    )


def learn(setting: tuple[int, dict[str, Any]]) -> tuple[Float[Tensor, " seeds"], float]:
    """Train networks of one size side by side.

    Args:
        setting: The number of units, and the options of `fit`.

    Returns:
        The loss of each network above the optimum, and the time of the training.
    """
    units, training = setting
    task = get_task("dyck_bounded", kinds=KINDS, depth=DEPTH)
    networks = ElmanEnsemble(task.vocab, range(SEEDS), hidden_size=units)
    started = time.process_time()
    fit(networks, task, progress=False, **training)
    seconds = time.process_time() - started
    reports = evaluate(networks, task, count=TESTED, longer=[])
    return torch.tensor([float(each.seen.excess) for each in reports]), seconds
