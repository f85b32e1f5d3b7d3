"""fit: train a model on sequences, and record the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, overload

import torch
from torch import nn

from seqtoys.data.vocab import Vocab
from seqtoys.models.checkpoint import Checkpoint
from seqtoys.models.forward import Replicated
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.row import Row
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.named import named
from seqtoys.tasks.given_data import TrainingData
from seqtoys.training.curriculum import Lengths
from seqtoys.training.loop import run_epochs
from seqtoys.training.optimizers import OptimizerFactory, SchedulerFactory
from seqtoys.training.options import FitOptions, Keep, check_options
from seqtoys.training.progress import Progress
from seqtoys.training.resume import check_replaceable, resume_training
from seqtoys.training.state import make_training_state
from seqtoys.training.stopping import Until


@overload
def fit(
    model: Replicated, data: TrainingData, **options: Unpack[FitOptions]
) -> EnsembleHistory: ...


@overload
def fit(model: nn.Module, data: TrainingData, **options: Unpack[FitOptions]) -> History: ...


@named
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
    keep: Keep = None,
    seed: int = 0,
    vocab: Vocab | None = None,
    check: bool = True,
    progress: bool | None = None,
    report_every: int | None = None,
    on_epoch: Callable[[Row], object] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: PathLike | None = None,
) -> Any:
    """Train a model, or an ensemble of many seeds, in place by gradient descent.

    Ctrl-C stops training cleanly: `fit` returns the history so far, and the model has its current
    weights, or the best so far (see `keep`). A second Ctrl-C within a second is raised, to end a
    loop of several trainings. If an exception stops training, it has the history as its attribute
    `history`, and the model keeps its current weights.

    Args:
        model: An `ElmanCharModel`; an `ElmanEnsemble` or `Ensemble`, whose replicas are trained
            together, each exactly as it would be alone, including when it stops; or any module
            that maps indices `(batch, time)` to logits `(batch, time, vocab)`: alone, as the first
            element of a tuple, or as `logits` in a dict or an object, like Hugging Face models.
        data: A text (the targets are its next symbols), an `(input, target)` tuple, a list of
            texts or tuples of any lengths, a `Batch`, or a task, which generates one new batch per
            epoch.
        epochs: The maximum number of passes over the data; for a task, the number of batches.
        lr: The learning rate. If None, the rate already set in `optimizer`, as in
            `partial(SGD, lr=0.5)`, or else 0.01.
        stepwise: Whether to feed one symbol at a time, with `step`; the results are the same. An
            `ElmanCharModel` with one layer and one-hot symbols always works this way internally.
        batch_size: The number of sequences per update. If None, all of them, or 128 for a task.
            With `chunk`, the number of parallel streams the text is split into; defaults to 1.
        chunk: Split one long text into chunks of this many symbols, one update per chunk. The
            hidden state carries over between chunks; gradients do not (truncated BPTT). The text
            takes one byte per symbol in memory, and no predictions are kept.
        lengths: The lengths of the sequences of a task: one length, a range `(shortest, longest)`,
            or a `Curriculum` of growing lengths. If None, the lengths of the task.
        validation: The proportion of distinct sequences to hold out; with `chunk`, the proportion
            of the text, taken from its end. Held-out data are never trained on; their loss is
            measured each epoch, independently of `batch_size`. The end of a text is read in one
            pass as a separate text: the state starts at zeros, and its first symbol is not
            predicted. A task is split with `Task.held_out`, and measured on one batch of 128.
        optimizer: A class of `torch.optim`, or a `functools.partial` of one, called with the
            parameters and `lr=`. Optimizers whose `step` needs a closure, such as `LBFGS`, are not
            supported.
        scheduler: A class of `torch.optim.lr_scheduler`, or a partial of one, called with the
            optimizer and stepped once per epoch. `ReduceLROnPlateau` monitors the held-out loss,
            or the training loss if nothing is held out.
        clip_norm: Clip the norm of the gradients to this value.
        until: Stop early: `"solved"`, as soon as every scored symbol is predicted correctly; a
            number, as soon as the loss is within this many nats of the optimum. The weights that
            reached the goal are kept; with mini-batches, the weights change during the epoch that
            is measured. While the lengths of a `Curriculum` grow, neither this nor `patience`
            stops training.
        patience: Stop when the held-out loss (or the training loss, if nothing is held out) has
            not improved for this many epochs.
        keep: Which weights the model has after training: `"best"`, those of the epoch with the
            lowest held-out loss (`history.best_epoch`), for each replica of an ensemble; or
            `"last"`. If None, `"best"` if something is held out, else `"last"`. If the goal
            `until` is reached, the weights that reached it are kept.
        seed: The seed for the train/held-out split, the mini-batch order and a task's batches.
        vocab: The vocabulary, if the model has none.
        check: Whether to check your own model on its first batch, in evaluation mode and without
            side effects. Warns if symbols at later positions change logits at earlier ones, or if
            one sequence changes the logits of another, because a loss below the optimum would then
            be meaningless.
        progress: Whether to show a progress bar. If None, only in a terminal, or in a notebook
            without `report_every`.
        report_every: Print a line every `report_every` epochs.
        on_epoch: Called with the row of each epoch; for an ensemble, the row holds the median loss
            and mean accuracy over the seeds.
        checkpoint: A `Checkpoint`: where and how often to save the training so that it can be
            resumed. It is also saved on Ctrl-C, and if an exception occurs between two epochs. An
            existing unfinished training is not overwritten unless it is the one being resumed.
        resume: The checkpoint file to resume from, with the same model, data and options; only
            `epochs` may be larger. Your own functions and classes are compared by name, not by
            code. With the same machine, versions and number of threads, the results are
            bit-for-bit the same as without the interruption. The states of PyTorch's global
            generators, used by dropout for example, are restored; if nothing is drawn from them,
            `fit` leaves them unchanged.

    Returns:
        A `History`; for an ensemble, an `EnsembleHistory`.

    Raises:
        OptionError: If an option is out of range, cannot be combined with another, or differs from
            the training being resumed; if the optimizer or scheduler can't be created, or fails.
        ModelFileError: If a checkpoint can't be written or read, would overwrite something it must
            not, or can't be resumed; the model is then unchanged.
        DataError: If there is nothing to learn from.
        UnknownSymbolError: If a symbol of the data is not in the vocabulary.
        NonFiniteLossError: If the loss becomes inf or nan. The model keeps the weights that
            produced it. Replicas of an ensemble stop individually instead, as `"diverged"`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, ("hihell", "ihello"), epochs=100, lr=0.05)
        >>> model.predict("hihell")
        'ihello'
    """
    options = check_options(FitOptions(
        epochs=epochs, lr=lr, stepwise=stepwise, batch_size=batch_size, chunk=chunk,
        lengths=lengths, validation=validation, optimizer=optimizer, scheduler=scheduler,
        clip_norm=clip_norm, until=until, patience=patience, keep=keep, seed=seed, vocab=vocab,
        check=check, progress=progress, report_every=report_every, on_epoch=on_epoch,
        checkpoint=checkpoint, resume=resume,
    ))  # fmt: skip
    check_replaceable(checkpoint, resume)
    with torch.inference_mode(False), torch.enable_grad():
        run = make_training_state(model, data, options)
        if resume is not None:
            resume_training(run, resume, epochs=options["epochs"])
        bar = Progress(
            options["epochs"],
            run.history,
            show=options["progress"],
            report_every=options["report_every"],
        )
        watchers = [bar.watcher, on_epoch]
        if on_epoch is not None:
            watchers.append(lambda _: run.updates.renew())
        with run.global_rng, bar:
            run_epochs(run, options["epochs"], watchers, checkpoint)
    return run.history
