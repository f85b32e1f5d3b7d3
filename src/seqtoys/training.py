"""fit: teach a model sequences, and keep the history."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor, nn

from seqtoys.data import TrainingData, is_single
from seqtoys.ensemble_history import EnsembleHistory, EnsembleRow
from seqtoys.errors import OptionError
from seqtoys.fused_adam import FusedAdam
from seqtoys.history import History, Row
from seqtoys.initial import seeded_generator
from seqtoys.interrupt import postponed_interrupt
from seqtoys.learner import writes_gradients
from seqtoys.outputs import Ensemble, count_replicas, in_mode, logits_of
from seqtoys.predictions import Predictions
from seqtoys.progress import Progress
from seqtoys.sources import Source, to_sources
from seqtoys.stopping import StoppingRule, StoppingRules, Until
from seqtoys.updates import (
    OptimizerFactory,
    SchedulerFactory,
    Updates,
)
from seqtoys.vocab import Vocab


@overload
def fit(
    model: Ensemble,
    data: TrainingData,
    *,
    epochs: int = ...,
    lr: float = ...,
    stepwise: bool = ...,
    batch_size: int | None = ...,
    chunk: int | None = ...,
    validation: float | None = ...,
    optimizer: OptimizerFactory = ...,
    scheduler: SchedulerFactory | None = ...,
    clip_norm: float | None = ...,
    until: Until = ...,
    patience: int | None = ...,
    seed: int = ...,
    vocab: Vocab | None = ...,
    progress: bool | None = ...,
    report_every: int | None = ...,
    on_epoch: Callable[[Row], object] | None = ...,
) -> EnsembleHistory: ...


@overload
def fit(
    model: nn.Module,
    data: TrainingData,
    *,
    epochs: int = ...,
    lr: float = ...,
    stepwise: bool = ...,
    batch_size: int | None = ...,
    chunk: int | None = ...,
    validation: float | None = ...,
    optimizer: OptimizerFactory = ...,
    scheduler: SchedulerFactory | None = ...,
    clip_norm: float | None = ...,
    until: Until = ...,
    patience: int | None = ...,
    seed: int = ...,
    vocab: Vocab | None = ...,
    progress: bool | None = ...,
    report_every: int | None = ...,
    on_epoch: Callable[[Row], object] | None = ...,
) -> History: ...


def fit(
    model: Any,
    data: TrainingData,
    *,
    epochs: int = 100,
    lr: float = 0.01,
    stepwise: bool = False,
    batch_size: int | None = None,
    chunk: int | None = None,
    validation: float | None = None,
    optimizer: OptimizerFactory = torch.optim.Adam,
    scheduler: SchedulerFactory | None = None,
    clip_norm: float | None = None,
    until: Until = None,
    patience: int | None = None,
    seed: int = 0,
    vocab: Vocab | None = None,
    progress: bool | None = None,
    report_every: int | None = None,
    on_epoch: Callable[[Row], object] | None = None,
) -> Any:
    """Teach a model sequences by gradient descent, in place; or many seeds of it at once.

    Ctrl-C ends the training cleanly: the model keeps its weights, the history so far comes back.

    Args:
        model: An `ElmanCharModel`; an `ElmanEnsemble`, whose replicas are trained side by side,
            each as it would be alone, also where it stops; or any module that maps indices
            `(batch, time)` to logits `(batch, time, vocab)`, alone or as the first of a tuple.
        data: A text (learn each next symbol), an `(input, target)` tuple, a list of texts or of
            such tuples, of any lengths, or a `Batch`.
        epochs: How many times to go through the data at most.
        lr: The learning rate.
        stepwise: Whether to feed one symbol at a time, with `step`; the numbers are the same. An
            `ElmanCharModel` of one layer on one-hot symbols is fed so in any case.
        batch_size: How many sequences share an update; None: all. With `chunk`: how many pieces
            of the text are read side by side; None: one.
        chunk: Read one long text in chunks of so many symbols, an update each: the state goes on
            from chunk to chunk, gradients do not (truncated backpropagation through time).
            The text is kept in a byte a symbol, and no predictions are kept.
        validation: The share of the distinct sequences to hold out; with `chunk`, of the end of
            the text. They are not trained on; their loss is measured each epoch.
        optimizer: Called with the parameters and `lr=`: a class of `torch.optim`, or
            `functools.partial` of one.
        scheduler: Called with the optimizer: a class of `torch.optim.lr_scheduler`, or a partial
            of one. Stepped once an epoch; `ReduceLROnPlateau` watches the held-out loss, or the
            training loss where nothing is held out.
        clip_norm: Scale gradients down to this norm at most.
        until: Stop before this: `"solved"`, as soon as every scored symbol is predicted; a number,
            as soon as the loss is this near the optimum. The weights stay those that reached it;
            with minibatches, an epoch's values were measured while the weights moved.
        patience: Stop when the held-out loss (else the training loss) has not improved for so
            many epochs.
        seed: Decides what is held out and the order of minibatches.
        vocab: The vocabulary, where the model has none of its own.
        progress: Whether to show a bar; None: in a terminal or notebook.
        report_every: Print a line at every so many epochs.
        on_epoch: Called with each epoch's row; an ensemble's holds the median loss and the mean
            accuracy over the seeds.

    Returns:
        A `History`; for an ensemble, an `EnsembleHistory`.

    Raises:
        OptionError: If an option is out of its range.
        DataError: If there is nothing to learn from.
        UnknownSymbolError: If the vocabulary lacks a symbol of the data.
        NonFiniteLossError: If the loss becomes inf or nan.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, ("hihell", "ihello"), epochs=100, lr=0.05)
        >>> model.predict("hihell")
        'ihello'
    """
    options = _record_options(locals())
    replicas = count_replicas(model)
    rule = StoppingRules(until, patience, replicas) if replicas else StoppingRule(until, patience)
    vocab = vocab or getattr(model, "vocab", None)
    generator = seeded_generator(seed)
    training, held_out, held_rows = to_sources(
        data,
        vocab,
        batch_size=batch_size,
        chunk=chunk,
        validation=validation,
        generator=generator,
        device=next(model.parameters()).device,
    )
    updates = Updates(
        model,
        training,
        _make_optimizer(optimizer, model, lr=lr),
        scheduler=scheduler,
        clip_norm=clip_norm,
        stepwise=stepwise,
    )
    single = is_single(data, vocab)
    predictions = Predictions(training.sequences, vocab, single=single, replicas=replicas)
    facts: dict[str, Any] = {
        "baselines": training.baselines(_vocab_size(model, training, vocab)),
        "loss_floor": getattr(model, "loss_floor", 0.0),
        "settings": options,
        "held_out": held_rows,
    }
    history: Any = (
        EnsembleHistory(model.seeds, predictions=predictions, **facts)
        if replicas
        else History(**facts)
    )
    with Progress(epochs, show=progress, report_every=report_every) as bar:
        watchers = [watch for watch in (bar.watcher, on_epoch) if watch is not None]
        _run(epochs, updates, held_out, predictions, history, rule, watchers)
    return history


def _make_optimizer(
    optimizer: OptimizerFactory, model: nn.Module, *, lr: float
) -> torch.optim.Optimizer:
    """Make the optimizer, in one fused operation for networks whose gradients are written out."""
    if optimizer is torch.optim.Adam and writes_gradients(model):
        return FusedAdam(model.parameters(), lr=lr)
    return optimizer(model.parameters(), lr=lr)


def _run(
    epochs: int,
    updates: Updates,
    held_out: Source | None,
    predictions: Predictions,
    history: Any,
    rule: Any,
    watchers: Sequence[Callable[[Row], object]],
) -> None:
    """Fill the history epoch by epoch; Ctrl-C is heard between two updates."""
    started = time.perf_counter()
    stopped = "epochs"
    with in_mode(updates.model, training=True), postponed_interrupt() as raise_if_interrupted:
        try:
            for _ in range(epochs):
                history.append(_run_epoch(updates, held_out, predictions, raise_if_interrupted))
                for watch in watchers:
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
    after_update: Callable[[], None],
) -> Row | EnsembleRow:
    loss, share, predicted = updates.run_epoch(after_update)
    held = (None, None) if held_out is None else held_out.measure(updates.model)
    if predicted is not None:
        predictions.keep(predicted)
    if isinstance(loss, Tensor) and isinstance(share, Tensor):
        return EnsembleRow(loss, share, updates.lr, *held)
    values = (None if value is None else value.item() for value in held)
    return Row(updates.epoch, float(loss), float(share), updates.lr, None, *values)


def _vocab_size(model: nn.Module, source: Source, vocab: Vocab | None) -> int:
    if vocab is not None:
        return len(vocab)
    assert source.sequences is not None, "a long text comes with a vocabulary"
    with torch.no_grad():
        return logits_of(model, source.sequences.inputs[:1]).shape[-1]


def _record_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Check the numbers among fit's arguments, and write all but the data as plain values."""
    for name in ("epochs", "batch_size", "chunk", "patience", "report_every", "lr", "clip_norm"):
        value, wanted = arguments[name], "integer"
        fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if name in ("lr", "clip_norm"):
            wanted = "finite number"
            fits = isinstance(value, int | float) and 0 < value < math.inf
        if not fits and not (value is None and name not in ("epochs", "lr")):
            raise OptionError(f"expected {name} to be a positive {wanted}, got {value!r}")
    if arguments["chunk"] is not None and arguments["stepwise"]:
        raise OptionError(
            "expected chunk or stepwise, got both; chunk reads whole chunks at a time"
        )
    left_out = ("model", "data", "vocab", "progress", "report_every", "on_epoch")
    return {name: _plain(value) for name, value in arguments.items() if name not in left_out}


def _plain(value: object) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, functools.partial):
        options = [f"{name}={option!r}" for name, option in value.keywords.items()]
        return f"{_plain(value.func)}({', '.join(options)})"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
