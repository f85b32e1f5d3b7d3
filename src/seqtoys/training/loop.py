"""The training loop: run epochs, append them to the history, stop and save."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from seqtoys.errors import SeqtoysError
from seqtoys.models.checkpoint import Checkpoint
from seqtoys.models.ensembles.ensemble import Ensemble
from seqtoys.models.forward import in_mode
from seqtoys.models.trained import note_training
from seqtoys.records.ensemble_row import EnsembleRow
from seqtoys.records.history import History
from seqtoys.records.row import Row
from seqtoys.support.words import counted
from seqtoys.training.interrupt import PostponedInterrupt, postponed_interrupt
from seqtoys.training.resume import save_training
from seqtoys.training.state import TrainingState

Watchers = Sequence[Callable[[Row], object] | None]
"""Callbacks that receive the row of each epoch; None is skipped."""


def run_epochs(
    run: TrainingState, epochs: int, watchers: Watchers, checkpoint: Checkpoint | None
) -> None:
    """Run epochs and append them to the history; Ctrl-C takes effect between two updates.

    An exception that stops training gets the history so far as its attribute `history`. If it
    occurred between two epochs, the training is also saved. A repeated Ctrl-C is raised once the
    training has ended and been saved.

    Args:
        run: The training run.
        epochs: The maximum number of epochs.
        watchers: Called with the row of each epoch.
        checkpoint: Where and how often to save. If None, nothing is saved.
    """
    history, started = run.history, time.perf_counter() - run.history.seconds

    def save() -> None:
        history.seconds = time.perf_counter() - started
        if checkpoint is not None:
            save_training(run, checkpoint.path)

    with in_mode(run.model, training=True), postponed_interrupt() as raise_if_interrupted:
        save()  # first of all, so that a path that can't be written fails before training
        stopped, is_between_updates = "epochs", True
        try:
            for epoch in range(run.epochs + 1, epochs + 1) if history.is_open else ():
                reason = _run_epoch(run, watchers, raise_if_interrupted)
                if reason is not None:
                    stopped = reason
                    break
                if checkpoint is not None and epoch % checkpoint.every == 0:
                    save()
                raise_if_interrupted()
        except KeyboardInterrupt as interrupt:
            stopped, is_between_updates = "interrupted", isinstance(interrupt, PostponedInterrupt)
        except Exception as error:
            _close(run, "error", started)
            _with_history(error, run)
            note_training(run.model, history.epochs_before + run.epochs)
            if run.updates.is_between_epochs:
                _try_to_save(error, save)
            raise
        _close(run, stopped, started)
        if is_between_updates:
            save()
        if run.best is not None:
            run.model.load_state_dict(run.best.chosen(history))
        note_training(run.model, history.epochs_before + run.epochs)
        if stopped == "interrupted" and raise_if_interrupted.is_repeated:
            raise _with_history(KeyboardInterrupt(), run)


def _close(run: TrainingState, stopped: str, started: float) -> None:
    """Record why and when training ended, and decode the predictions."""
    history = run.history
    if history.is_open:
        run.rule.close(history, stopped)
    if isinstance(history, History):
        history.predictions = run.predictions.written()
    elif isinstance(run.model, Ensemble):
        history.note = run.model.note
    history.seconds = time.perf_counter() - started


def _with_history(error: BaseException, run: TrainingState) -> BaseException:
    """Attach the history so far to an exception, with a note in its traceback."""
    vars(error)["history"] = run.history  # even if its class restricts attributes
    if run.epochs:
        count = counted(run.epochs, "epoch")
        error.add_note(f"The history of {count} is in the attribute history of this error")
    return error


def _try_to_save(error: Exception, save: Callable[[], None]) -> None:
    """Save after an exception, without replacing it if saving fails, too."""
    try:
        save()
    except SeqtoysError as failed:
        error.add_note(f"The training could not be saved: {failed}")


def _run_epoch(
    run: TrainingState, watchers: Watchers, raise_if_interrupted: Callable[[], None]
) -> str | None:
    """Run an epoch, pass its row to the watchers, and return why to stop, or None."""
    run.history.append(_train_and_measure(run, raise_if_interrupted))
    try:
        for watch in filter(None, watchers):
            watch(_row_for_watchers(run))
    finally:  # end the epoch even if a watcher fails, so that it can be saved
        reason = _end_epoch(run)
    return reason


def _end_epoch(run: TrainingState) -> str | None:
    # If the loss, measured before the last update, reached the goal, these weights are kept.
    reason: str | None = run.rule.reason(run.history, run.updates.source.is_growing)
    if reason is None:
        if run.rule.ended is not None:
            run.updates.freeze(run.rule.ended)
        run.updates.apply()
        run.updates.step_scheduler(run.history.row)
    return reason


def _row_for_watchers(run: TrainingState) -> Row:
    row: Row = run.history.row(-1)
    if isinstance(run.history, History):  # its predictions are decoded only when training ends
        return replace(row, prediction=run.predictions.last())
    return row


def _train_and_measure(run: TrainingState, after_update: Callable[[], None]) -> Row | EnsembleRow:
    updates = run.updates
    loss, accuracy, predicted = updates.run_epoch(after_update)
    held_loss, held_accuracy = (
        (None, None) if run.held_out is None else run.held_out.loss_and_accuracy(run.model)
    )
    if run.best is not None and held_loss is not None:
        run.best.update(held_loss, run.history)  # before a watcher may change the weights
    if predicted is not None:
        run.predictions.keep(predicted)
    optimum = updates.source.optimum
    if optimum is None:  # the data are the same in each epoch
        optimum = run.history.baselines.full_past
    if isinstance(loss, Tensor) and isinstance(accuracy, Tensor):
        return EnsembleRow(loss, accuracy, updates.lr, held_loss, held_accuracy, optimum)
    return Row(
        epoch=updates.epoch,
        loss=float(loss),
        accuracy=float(accuracy),
        lr=updates.lr,
        validation_loss=None if held_loss is None else held_loss.item(),
        validation_accuracy=None if held_accuracy is None else held_accuracy.item(),
        optimum=optimum,
    )
