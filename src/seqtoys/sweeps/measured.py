"""Evaluation of trained models on fresh sequences of a task, or on the training data."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.evaluation.evaluate import evaluate
from seqtoys.models.forward import count_replicas, in_mode, logits_of
from seqtoys.models.metrics import count_hits, symbol_losses
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.report import MEASURED, Report
from seqtoys.support.devices import device_of
from seqtoys.support.randomness import seeded_generator
from seqtoys.sweeps.cells import Cell
from seqtoys.tasks.task import Task
from seqtoys.training.sources import Source, to_sources

Facts: TypeAlias = dict[str, Any]
"""Columns of a row."""


def measure_cell(
    cell: Cell, model: nn.Module, history: History | EnsembleHistory
) -> tuple[list[Facts], float]:
    """Evaluate a trained model, or each replica of an ensemble.

    Args:
        cell: Its cell.
        model: The trained model.
        history: Its history.

    Returns:
        The facts of each replica, and the excess of the task's source itself. This is above 0 if
        part of the task is held out, since the optimum then takes the split into account.
    """
    if not isinstance(cell.data, Task):
        return _measure_on_data(cell, model, history.optimum[-1]), 0.0
    reports = _evaluate(cell, cell.data, model)
    seen = reports[0].seen  # the same for all replicas, which read the same sequences
    source = seen.optimum if seen.source_loss is None else seen.source_loss
    return [_scores(report) for report in reports], max(0.0, source - seen.optimum)


def _evaluate(cell: Cell, task: Task, model: nn.Module) -> list[Report]:
    """Run `evaluate`, which draws the same sequences for all seeds."""
    share = cell.fit_options.get("validation")
    task = task if share is None else task.held_out(share)[0]
    found: Any = evaluate(model, task, count=cell.count, longer=cell.longer)
    return found if isinstance(found, list) else [found]


def _scores(report: Report) -> Facts:
    seen = report.seen
    facts: Facts = {
        "loss": float(seen.loss),
        "optimum": float(seen.optimum),
        "excess": float(seen.excess),
        "excess_error": _known_error(seen.excess.standard_error, seen.sequences),
        "accuracy": float(seen.accuracy),
        "longer_accuracy": {n: float(score.accuracy) for n, score in report.longer.items()},
    }
    if "unseen" in report.scores:
        facts["unseen_loss"] = float(report.unseen.loss)
        facts["unseen_accuracy"] = float(report.unseen.accuracy)
    return facts


def _known_error(error: float, sequences: int) -> float | None:
    """Return a standard error, or None if unknown from too few sequences or an infinite loss."""
    return error if sequences >= MEASURED and math.isfinite(error) else None


def _measure_on_data(cell: Cell, model: nn.Module, optimum: float) -> list[Facts]:
    """Evaluate the final weights on the training sequences, and on the held-out ones.

    The history is not enough: losses of the last epoch were computed before its last update, and
    with dropout.
    """
    options, seed = cell.fit_options, cell.fit_options.get("seed", 0)
    sources = to_sources(
        cell.data,
        cell.vocab,
        batch_size=options.get("batch_size"),
        chunk=options.get("chunk"),
        lengths=None,  # for tasks only
        validation=options.get("validation"),
        seed=seed,
        generator=seeded_generator(seed),
        device=device_of(model),
    )
    columns = dict(
        zip(("loss", "accuracy"), _measure_source(cell, model, sources.training), strict=True)
    )
    if sources.held_out is not None:
        unseen = _measure_source(cell, model, sources.held_out)
        columns |= dict(zip(("unseen_loss", "unseen_accuracy"), unseen, strict=True))
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    facts: list[Facts] = [dict(zip(columns, row, strict=True)) for row in rows]
    # All data were measured, so the excess has no sampling error.
    exact = {"optimum": optimum, "excess_error": 0.0}
    return [{**each, **exact, "excess": each["loss"] - optimum} for each in facts]


def _measure_source(cell: Cell, model: nn.Module, source: Source) -> tuple[Tensor, Tensor]:
    """Compute the loss and accuracy of each replica, both `(replicas,)`."""
    if source.sequences is None:  # a long text
        loss, share = source.loss_and_accuracy(model)
        return loss.reshape(-1), share.reshape(-1)
    batch, size = source.sequences, cell.fit_options.get("batch_size")
    losses, hits = (torch.zeros(count_replicas(model) or 1).double() for _ in range(2))
    for rows in torch.arange(len(batch), device=batch.inputs.device).split(size or len(batch)):
        loss, right = _sum(cell, model, batch.take(rows))
        losses, hits = losses + loss, hits + right
    scored = batch.tally.sum().cpu()
    return losses / scored, hits / scored


@torch.no_grad()
def _sum(cell: Cell, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Sum the losses and correct predictions over a batch, for a model or each replica."""
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs, stepwise=cell.fit_options.get("stepwise", False))
    losses = symbol_losses(logits.double(), batch.targets) * batch.tally
    return losses.sum((-2, -1)).cpu(), count_hits(logits.argmax(-1), batch).cpu()
