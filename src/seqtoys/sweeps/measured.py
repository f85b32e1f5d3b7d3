"""Evaluation of trained models on fresh sequences of a task, or on the training data."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from torch import Tensor, nn

from seqtoys.evaluation.drawing import in_groups
from seqtoys.evaluation.evaluate import evaluate
from seqtoys.evaluation.scoring import sum_scores
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.report import MEASURED, Report
from seqtoys.records.score import Score
from seqtoys.support.devices import device_of
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.uncertainty import Estimate
from seqtoys.sweeps.cells import Cell
from seqtoys.sweeps.row import LONGER
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
    facts = {"optimum": float(report.seen.optimum), **_score("", report.seen)}
    if "unseen" in report.scores:
        facts |= _score("unseen_", report.unseen)
    longer = {n: _score("longer_", score) for n, score in report.longer.items()}
    return {**facts, **{name: {n: longer[n][name] for n in longer} for name in LONGER}}


def _score(prefix: str, score: Score) -> Facts:
    """Return the estimates of a score, with an error of nan if it has too few sequences."""
    names = ("loss", "excess", "accuracy", "whole_accuracy")
    found: dict[str, Estimate] = {f"{prefix}{name}": getattr(score, name) for name in names}
    if score.sequences >= MEASURED:
        return {name: _known(value, value.standard_error) for name, value in found.items()}
    return {name: _known(value, math.nan) for name, value in found.items()}


def _known(value: float, error: float) -> Estimate:
    """Return an estimate, with an error of nan if it is infinite, as for an infinite loss."""
    return Estimate(float(value), error if math.isfinite(error) else math.nan)


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
    columns = _measure_source(model, sources.training)
    if sources.held_out is not None:
        unseen = _measure_source(model, sources.held_out)
        columns |= {f"unseen_{name}": column for name, column in unseen.items()}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    # All data were measured, so there is no sampling error.
    facts: list[Facts] = [dict(zip(columns, map(Estimate, row), strict=True)) for row in rows]
    return [
        {**each, "optimum": optimum, "excess": Estimate(each["loss"] - optimum)} for each in facts
    ]


def _measure_source(model: nn.Module, source: Source) -> dict[str, Tensor]:
    """Compute the loss and the accuracies of each replica, all `(replicas,)`."""
    if source.sequences is None:  # a long text, which is one sequence
        loss, share = source.loss_and_accuracy(model)
        return {"loss": loss.reshape(-1), "accuracy": share.reshape(-1)}
    sums = sum_scores(model, in_groups(source.sequences.to("cpu")))
    return {
        "loss": sums.losses.sum(1) / sums.scored.sum(),
        "accuracy": sums.hits.sum(1) / sums.scored.sum(),
        "whole_accuracy": sums.wholes.sum(1) / sums.sizes.sum(),
    }
