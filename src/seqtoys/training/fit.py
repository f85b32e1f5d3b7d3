"""fit: teach a model sequences, and keep the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, overload

import torch
from torch import nn

from seqtoys.data.vocab import Vocab
from seqtoys.models.checkpoint import Checkpoint
from seqtoys.models.forward import Ensemble
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.row import Row
from seqtoys.support.atomic_file import PathLike
from seqtoys.training.curriculum import Lengths
from seqtoys.training.data import TrainingData
from seqtoys.training.epochs import run_epochs
from seqtoys.training.optimizers import OptimizerFactory, SchedulerFactory
from seqtoys.training.options import FitOptions, check_options
from seqtoys.training.progress import Progress
from seqtoys.training.saved_run import check_replaceable, resume_run
from seqtoys.training.state import make_run
from seqtoys.training.stopping import Until


@overload
def fit(model: Ensemble, data: TrainingData, **options: Unpack[FitOptions]) -> EnsembleHistory: ...


@overload
def fit(model: nn.Module, data: TrainingData, **options: Unpack[FitOptions]) -> History: ...


def fit(
    model: Any,
    data: TrainingData,
    *,
    epochs: int = 100,
    lr: float | None = None,
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
    check: bool = True,
    progress: bool | None = None,
    report_every: int | None = None,
    on_epoch: Callable[[Row], object] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: PathLike | None = None,
) -> Any:
    """Teach a model sequences by gradient descent, in place; or many seeds of it at once.

    Ctrl-C ends the training cleanly: the model keeps its weights, the history so far comes back.
    An exception that ends it has the history so far as its attribute `history`.

    Args:
        model: An `ElmanCharModel`; an `ElmanEnsemble`, whose replicas are trained side by side,
            each as it would be alone, also where it stops; or any module that maps indices
            `(batch, time)` to logits `(batch, time, vocab)`, alone or as the first of a tuple.
        data: A text (learn each next symbol), an `(input, target)` tuple, a list of texts or of
            such tuples, of any lengths; a `Batch`; or a task, of which each epoch is one fresh
            batch.
        epochs: How many times to go through the data at most; of a task, how many batches.
        lr: The learning rate. If None, that of the `optimizer` if it was given one, as in
            `partial(SGD, lr=0.5)`, else 0.01.
        stepwise: Whether to feed one symbol at a time, with `step`; the numbers are the same. An
            `ElmanCharModel` of one layer on one-hot symbols is fed so in any case.
        batch_size: How many sequences share an update; None: all, or 128 of a task. With `chunk`:
            how many pieces of the text are read side by side; None: one.
        chunk: Read one long text in chunks of so many symbols, an update each: the state goes on
            from chunk to chunk, gradients do not (truncated backpropagation through time).
            The text is kept in a byte a symbol, and no predictions are kept.
        lengths: How long the sequences of a task are: one length, a shortest and a longest, or a
            `Curriculum`, which lets them grow; None: as the task says.
        validation: The share of the distinct sequences to hold out; with `chunk`, the share of
            the text to hold out at its end. What is held out is not trained on; its loss is
            measured each epoch, whatever the `batch_size`. The end of a text is read in one pass,
            as a text of its own: the state starts at zeros, and the first symbol is not predicted.
            A task is split by `Task.held_out`, and the loss is that of one batch of 128.
        optimizer: Called with the parameters and `lr=`: a class of `torch.optim`, or
            `functools.partial` of one. One whose `step` needs a closure, such as `LBFGS`, is
            refused.
        scheduler: Called with the optimizer: a class of `torch.optim.lr_scheduler`, or a partial
            of one. Stepped once an epoch, for all `epochs`; `ReduceLROnPlateau` watches the
            held-out loss, or the training loss where nothing is held out.
        clip_norm: Scale gradients down to this norm at most.
        until: Stop before this: `"solved"`, as soon as every scored symbol is predicted; a number,
            as soon as the loss is this near the optimum. The weights stay those that reached it;
            with minibatches, an epoch's values were measured while the weights moved.
        patience: Stop when the held-out loss (else the training loss) has not improved for so
            many epochs.
        seed: Decides what is held out and the order of minibatches.
        vocab: The vocabulary, where the model has none of its own.
        check: Whether to check a model of your own on its first batch, in evaluation mode and
            without changing any number. It warns if symbols at later positions change logits at
            earlier ones, or one sequence changes the logits of another: losses below the optimum
            are then no achievement.
        progress: Whether to show a bar; None: in a terminal or notebook.
        report_every: Print a line at every so many epochs.
        on_epoch: Called with each epoch's row; an ensemble's holds the median loss and the mean
            accuracy over the seeds.
        checkpoint: Where and how often to save the training, so that it can be resumed: a
            `Checkpoint`. Saved on Ctrl-C, too, and if an exception comes between two epochs. An
            unfinished training that is there already is not replaced, unless it is the one to
            resume.
        resume: The file of a checkpoint to go on from, with the same model, data and options, as
            if nothing had come between; `epochs` may be more than it had. Functions and classes
            of your own are compared by name, not by their code. On the same machine,
            versions and number of threads the numbers are the same to the last bit. PyTorch's
            global generators are set where they stood, for models that draw from them, as dropout
            does; if nothing is drawn, they are as they were afterwards.

    Returns:
        A `History`; for an ensemble, an `EnsembleHistory`.

    Raises:
        OptionError: If an option is out of its range, contradicts another, or differs from those
            that are resumed; if the optimizer or the scheduler can't be made, or fails.
        ModelFileError: If a checkpoint can't be written or read, would replace what may not be
            replaced, or can't go on: the model is then unchanged.
        DataError: If there is nothing to learn from.
        UnknownSymbolError: If the vocabulary lacks a symbol of the data.
        NonFiniteLossError: If the loss becomes inf or nan. The model is left with the weights
            that gave it. The replicas of an ensemble end one by one instead, as `"diverged"`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, ("hihell", "ihello"), epochs=100, lr=0.05)
        >>> model.predict("hihell")
        'ihello'
    """
    options = check_options(locals())
    check_replaceable(checkpoint, resume)
    with torch.inference_mode(False), torch.enable_grad():
        run = make_run(model, data, options)
        if resume is not None:
            resume_run(run, resume, epochs=options["epochs"])
        bar = Progress(
            options["epochs"],
            show=options["progress"],
            report_every=options["report_every"],
            done=run.epochs,
        )
        watchers = [bar.watcher, on_epoch]
        if on_epoch is not None:
            watchers.append(lambda _: run.updates.renew())
        with run.draws, bar:
            run_epochs(run, options["epochs"], watchers, checkpoint)
    return run.history
