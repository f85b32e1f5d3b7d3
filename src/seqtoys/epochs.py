"""The epochs of a training, one after the other, until one of them is the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from seqtoys.baselines import Baselines
from seqtoys.ensemble_history import EnsembleHistory, EnsembleRow
from seqtoys.history import History, Row
from seqtoys.interrupt import postponed_interrupt
from seqtoys.outputs import in_mode
from seqtoys.predictions import Predictions
from seqtoys.sources import Source
from seqtoys.updates import Updates

AnyHistory = TypeVar("AnyHistory", History, EnsembleHistory)
Noted = TypeVar("Noted", contravariant=True)


@runtime_checkable
class Rule(Protocol[Noted]):
    """Decides when training ends; of many replicas, also which have ended already."""

    ended: Tensor | None

    def reason(self, history: Noted) -> str | None:
        """Tell why to stop after the last epoch of a history, or None to go on."""

    def close(self, history: Noted, reason: str) -> None:
        """Note why training ended."""


def run_epochs(
    epochs: int,
    updates: Updates,
    held_out: Source | None,
    predictions: Predictions,
    history: AnyHistory,
    rule: Rule[AnyHistory],
    watchers: Sequence[Callable[[Row], object] | None],
) -> None:
    """Fill a history epoch by epoch; Ctrl-C is heard between two updates.

    Args:
        epochs: How many at most.
        updates: Train the model.
        held_out: What it is measured on after each epoch; None: nothing.
        predictions: Keep what it predicts.
        history: Where the epochs are noted.
        rule: Ends the training before its last epoch.
        watchers: Told of each epoch; None: no one.
    """
    started = time.perf_counter()
    stopped = "epochs"
    with in_mode(updates.model, training=True), postponed_interrupt() as raise_if_interrupted:
        try:
            for _ in range(epochs):
                row: Any = _run_epoch(
                    updates, held_out, predictions, history.baselines, raise_if_interrupted
                )
                history.append(row)
                for watch in filter(None, watchers):
                    watch(_row_to_watch(history, predictions))
                reason = rule.reason(history)
                if reason is not None:
                    stopped = reason
                    break
                if rule.ended is not None:
                    updates.freeze(rule.ended)
                updates.apply()
                updates.step_scheduler(history.row)
                raise_if_interrupted()
        except KeyboardInterrupt:
            stopped = "interrupted"
    rule.close(history, stopped)
    if isinstance(history, History):
        history.predictions = predictions.written()
    history.seconds = time.perf_counter() - started


def _row_to_watch(history: History | EnsembleHistory, predictions: Predictions) -> Row:
    row = history.row(-1)
    is_one = isinstance(history, History)
    return replace(row, prediction=predictions.last()) if is_one else row


def _run_epoch(
    updates: Updates,
    held_out: Source | None,
    predictions: Predictions,
    baselines: Baselines,
    after_update: Callable[[], None],
) -> Row | EnsembleRow:
    loss, share, predicted = updates.run_epoch(after_update)
    held, held_share = (None, None) if held_out is None else held_out.measure(updates.model)
    if predicted is not None:
        predictions.keep(predicted)
    of_epoch = updates.source.optimum
    optimum = baselines.full_past if of_epoch is None else of_epoch
    if isinstance(loss, Tensor) and isinstance(share, Tensor):
        return EnsembleRow(loss, share, updates.lr, held, held_share, optimum)
    return Row(
        epoch=updates.epoch,
        loss=float(loss),
        accuracy=float(share),
        lr=updates.lr,
        validation_loss=None if held is None else held.item(),
        validation_accuracy=None if held_share is None else held_share.item(),
        optimum=optimum,
    )
