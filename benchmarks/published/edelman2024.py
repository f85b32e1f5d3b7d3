"""Edelman et al. (2024): networks that learn Markov chains in context go from plateau to plateau.

They train transformers, whose loss stays near that of the in-context unigram model before it falls
to that of the in-context bigram model, which is the optimum. Here Elman networks are trained.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.published.findings import Finding, Study
from seqtoys import ElmanEnsemble, fit, get_task
from seqtoys.models.forward import loss_and_accuracy

SEEDS, UNITS = 3, 64
TRAINING: dict[str, Any] = {"epochs": 6000, "batch_size": 64, "lr": 0.001, "clip_norm": 1.0}
POINTS = 60  # of a curve
TESTED = 2000  # sequences
UNIGRAM = "counts single symbols"


def measure(quick: bool) -> Study:
    """Train networks, and compare their loss with that of simpler strategies.

    Args:
        quick: Train for a few batches.
    """
    task = get_task("in_context_markov")
    options = {**TRAINING, "epochs": 100} if quick else TRAINING
    networks = ElmanEnsemble(
        task.vocab, range(SEEDS), hidden_size=UNITS, recurrent_init="orthogonal"
    )
    history = fit(networks, task, progress=False, **options)
    test = task.sample(TESTED, generator=torch.Generator().manual_seed(1))
    losses, _ = loss_and_accuracy(networks, test)
    unigram, optimum = float(task.references[UNIGRAM]), float(task.optimum)
    found = Finding(
        f"in_context_markov, {UNITS} units, median of {SEEDS} seeds",
        losses.median().item(),
        "nats",
        optimum=task.optimal_loss(test),
        memoryless=float(task.memoryless),
        solved=(int((losses < (unigram + optimum) / 2).sum()), SEEDS),
        seconds=history.seconds,
        settings={"units": UNITS, "recurrent_init": "orthogonal", "seeds": f"0 to {SEEDS - 1}"}
        | options,
        note="solved: closer to the optimum than to the counts of single symbols, "
        f"which are at {unigram:.3f} nats",
    )
    # The difference from the optimum of each batch varies less than the loss.
    excess = history.loss - torch.as_tensor(history.optimum).reshape(-1, 1)  # (epochs, replicas)
    batches, curves = smoothed(excess + optimum)
    levels = {"uniform": math.log(2), UNIGRAM: unigram, "optimum": optimum}
    return Study([found], {"batches": batches, "losses": curves, "levels": levels})


def smoothed(
    losses: Float[Tensor, "epochs replicas"], points: int = POINTS
) -> tuple[list[int], list[list[float]]]:
    """Average losses over spans of epochs, each longer than the one before by the same factor.

    Args:
        losses: The loss of each replica at each epoch.
        points: The number of spans, or fewer if there are not so many epochs.

    Returns:
        The last epoch of each span, from 1, and for each replica its mean loss in each span.

    Examples:
        >>> smoothed(torch.tensor([[4.0], [2.0], [1.0], [0.0]]), points=3)
        ([1, 2, 4], [[4.0, 2.0, 0.5]])
    """
    ends = np.unique(np.geomspace(1, len(losses), points).round().astype(int)).tolist()
    spans = zip([0, *ends[:-1]], ends, strict=True)
    means = torch.stack([losses[start:end].mean(0) for start, end in spans])  # (spans, replicas)
    return ends, [[round(loss, 5) for loss in one] for one in means.T.tolist()]
