"""fit: teach a model sequences, and keep the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, overload

import torch
from torch import nn

from seqtoys.curriculum import Lengths
from seqtoys.data import TrainingData, is_single
from seqtoys.ensemble_history import EnsembleHistory
from seqtoys.epochs import run_epochs
from seqtoys.fused_adam import FusedAdam
from seqtoys.history import History, Row
from seqtoys.initial import seeded_generator
from seqtoys.learner import writes_gradients
from seqtoys.options import FitOptions, record_options
from seqtoys.outputs import Ensemble, count_replicas, logits_of
from seqtoys.predictions import Predictions
from seqtoys.progress import Progress
from seqtoys.sources import Source, to_sources
from seqtoys.stopping import Until, make_rule
from seqtoys.updates import (
    Optimizer,
    OptimizerFactory,
    SchedulerFactory,
    Updates,
)
from seqtoys.vocab import Vocab


@overload
def fit(model: Ensemble, data: TrainingData, **options: Unpack[FitOptions]) -> EnsembleHistory: ...


@overload
def fit(model: nn.Module, data: TrainingData, **options: Unpack[FitOptions]) -> History: ...


def fit(
    model: Any,
    data: TrainingData,
    *,
    epochs: int = 100,
    lr: float = 0.01,
    stepwise: bool = False,
    batch_size: int | None = None,
    chunk: int | None = None,
    lengths: Lengths = None,
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
            such tuples, of any lengths; a `Batch`; or a task, of which each epoch is one fresh
            batch.
        epochs: How many times to go through the data at most; of a task, how many batches.
        lr: The learning rate.
        stepwise: Whether to feed one symbol at a time, with `step`; the numbers are the same. An
            `ElmanCharModel` of one layer on one-hot symbols is fed so in any case.
        batch_size: How many sequences share an update; None: all, or 128 of a task. With `chunk`:
            how many pieces of the text are read side by side; None: one.
        chunk: Read one long text in chunks of so many symbols, an update each: the state goes on
            from chunk to chunk, gradients do not (truncated backpropagation through time).
            The text is kept in a byte a symbol, and no predictions are kept.
        lengths: How long the sequences of a task are: one length, a shortest and a longest, or a
            `Curriculum`, which lets them grow; None: as the task says.
        validation: The share of the distinct sequences to hold out; with `chunk`, of the end of
            the text. They are not trained on; their loss is measured each epoch. Of a task, as
            `Task.held_out` parts it: the loss is that on one batch.
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
    options = record_options(locals())
    vocab = vocab or getattr(model, "vocab", None) or getattr(data, "vocab", None)
    training, held_out, held_rows = to_sources(
        data,
        vocab,
        batch_size=batch_size,
        chunk=chunk,
        lengths=lengths,
        validation=validation,
        generator=seeded_generator(seed),
        device=next(model.parameters()).device,
    )
    updates = Updates(
        model,
        training,
        _make_optimizer(optimizer, model, lr=lr, has_scheduler=scheduler is not None),
        scheduler=scheduler,
        clip_norm=clip_norm,
        stepwise=stepwise,
    )
    replicas, single = count_replicas(model), is_single(data, vocab)
    predictions = Predictions(training.sequences, vocab, single=single, replicas=replicas)
    history = _make_history(model, training, vocab, predictions)
    history.settings, history.held_out = options, held_rows
    rule = make_rule(until, patience, replicas)
    with Progress(epochs, show=progress, report_every=report_every) as bar:
        run_epochs(epochs, updates, held_out, predictions, history, rule, (bar.watcher, on_epoch))
    return history


def _make_history(
    model: nn.Module,
    training: Source,
    vocab: Vocab | None,
    predictions: Predictions,
) -> Any:
    """Make the history of a model, or of an ensemble, before its first epoch."""
    baselines = training.baselines(_vocab_size(model, training, vocab))
    floor = getattr(model, "loss_floor", 0.0)
    if isinstance(model, Ensemble):
        return EnsembleHistory(model.seeds, baselines, floor, predictions=predictions)
    return History(baselines, floor)


def _make_optimizer(
    optimizer: OptimizerFactory, model: nn.Module, *, lr: float, has_scheduler: bool
) -> Optimizer:
    """Make the optimizer, a fused one for networks whose gradients are written out."""
    if optimizer is torch.optim.Adam and writes_gradients(model):
        if has_scheduler:  # which takes PyTorch's own optimizers only
            return torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        return FusedAdam(model.parameters(), lr=lr)
    return optimizer(model.parameters(), lr=lr)


def _vocab_size(model: nn.Module, source: Source, vocab: Vocab | None) -> int:
    if vocab is not None:
        return len(vocab)
    assert source.sequences is not None, "a long text comes with a vocabulary"
    with torch.no_grad():
        return logits_of(model, source.sequences.inputs[:1]).shape[-1]
