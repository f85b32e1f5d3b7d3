"""fit: teach a model sequences, and keep the history."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from seqtoys.baselines import count_baselines
from seqtoys.batch import Batch
from seqtoys.data import TrainingData, is_single, split_rows, to_batch
from seqtoys.errors import OptionError
from seqtoys.history import History, Row
from seqtoys.initial import seeded_generator
from seqtoys.interrupt import postponed_interrupt
from seqtoys.predictions import PredictionWriter
from seqtoys.progress import Progress
from seqtoys.stopping import StoppingRule, Until
from seqtoys.updates import (
    OptimizerFactory,
    SchedulerFactory,
    Updates,
    in_mode,
    logits_of,
    measure,
)
from seqtoys.vocab import Vocab


def fit(
    model: nn.Module,
    data: TrainingData,
    *,
    epochs: int = 100,
    lr: float = 0.01,
    stepwise: bool = False,
    batch_size: int | None = None,
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
) -> History:
    """Teach a model sequences by gradient descent, in place.

    Ctrl-C ends the training cleanly: the model keeps its weights, the history so far comes back.

    Args:
        model: An `ElmanCharModel`, or any module that maps indices `(batch, time)` to logits
            `(batch, time, vocab)`, alone or as the first of a tuple.
        data: A text (learn each next symbol), an `(input, target)` tuple, a list of texts or of
            such tuples, of any lengths, or a `Batch`.
        epochs: How many times to go through the data at most.
        lr: The learning rate.
        stepwise: Whether to feed one symbol at a time, with `step`; the numbers are the same.
        batch_size: How many sequences share an update; None: all.
        validation: The share of the distinct sequences to hold out. They are not trained on;
            their loss is measured each epoch.
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
        on_epoch: Called with each epoch's row.

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
    rule = StoppingRule(until, patience)
    vocab = vocab or getattr(model, "vocab", None)
    generator = seeded_generator(seed)
    batch = to_batch(data, vocab)
    rows, held_rows = split_rows(batch, validation, generator)
    device = next(model.parameters()).device
    training = batch.take(rows).to(device)
    held_out = batch.take(held_rows).to(device) if len(held_rows) else None
    history = History(
        count_baselines(training, _vocab_size(model, training, vocab)),
        loss_floor=getattr(model, "loss_floor", 0.0),
        settings=options,
        held_out=held_rows.tolist(),
    )
    updates = Updates(
        model,
        training,
        optimizer(model.parameters(), lr=lr),
        scheduler=scheduler,
        batch_size=batch_size,
        clip_norm=clip_norm,
        stepwise=stepwise,
        generator=generator,
    )
    write = PredictionWriter(training, vocab, single=is_single(data, vocab))
    with Progress(epochs, show=progress, report_every=report_every) as bar:
        watchers = [bar.update] if on_epoch is None else [bar.update, on_epoch]
        _run(epochs, updates, held_out, write, history, rule, watchers)
    return history


def _run(
    epochs: int,
    updates: Updates,
    held_out: Batch | None,
    write: PredictionWriter,
    history: History,
    rule: StoppingRule,
    watchers: Sequence[Callable[[Row], object]],
) -> None:
    """Fill the history epoch by epoch; Ctrl-C is heard between two updates."""
    started = time.perf_counter()
    with in_mode(updates.model, training=True), postponed_interrupt() as raise_if_interrupted:
        try:
            for _ in range(epochs):
                row = _run_epoch(updates, held_out, write, raise_if_interrupted)
                history.append(row)
                for watch in watchers:
                    watch(row)
                reason = rule.reason(history)
                if reason is not None:
                    history.stopped = reason
                    break
                updates.apply()
                updates.step_scheduler(
                    row.loss if row.validation_loss is None else row.validation_loss
                )
                raise_if_interrupted()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
    history.seconds = time.perf_counter() - started


def _run_epoch(
    updates: Updates,
    held_out: Batch | None,
    write: PredictionWriter,
    after_update: Callable[[], None],
) -> Row:
    loss, share, predicted = updates.run_epoch(after_update)
    held = (None, None) if held_out is None else measure(updates.model, held_out)
    return Row(updates.epoch, loss, share, updates.lr, write(predicted), *held)


def _vocab_size(model: nn.Module, batch: Batch, vocab: Vocab | None) -> int:
    if vocab is not None:
        return len(vocab)
    with torch.no_grad():
        return logits_of(model, batch.inputs[:1]).shape[-1]


def _record_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Check the numbers among fit's arguments, and write all but the data as plain values."""
    for name in ("epochs", "batch_size", "patience", "report_every", "lr", "clip_norm"):
        value, wanted = arguments[name], "integer"
        fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if name in ("lr", "clip_norm"):
            wanted = "finite number"
            fits = isinstance(value, int | float) and 0 < value < math.inf
        if not fits and not (value is None and name not in ("epochs", "lr")):
            raise OptionError(f"expected {name} to be a positive {wanted}, got {value!r}")
    left_out = ("model", "data", "vocab", "progress", "report_every", "on_epoch")
    return {name: _plain(value) for name, value in arguments.items() if name not in left_out}


def _plain(value: object) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, functools.partial):
        options = [f"{name}={option!r}" for name, option in value.keywords.items()]
        return f"{_plain(value.func)}({', '.join(options)})"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
