"""Train for a command: with what there is saved in time, also after Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from seqtoys import Checkpoint, ElmanCharModel, ElmanEnsemble, fit, save
from seqtoys.cli.terminal import note
from seqtoys.data import TrainingData

EVERY = 100  # epochs between two checkpoints


def add_training_options(parser: ArgumentParser) -> None:
    """Add the options of the commands that train."""
    parser.add_argument("--hidden", type=int, default=32, help="hidden units (default: 32)")
    parser.add_argument("--epochs", type=int, default=1000, help="at most (default: 1000)")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate (default: 0.01)")
    parser.add_argument("--save", metavar="FILE", help="write the model to a file")


def train(
    model: ElmanCharModel | ElmanEnsemble, data: TrainingData, options: Namespace, **more: Any
) -> Any:
    """Train a model and save it where the options say.

    Meanwhile the file holds a checkpoint; after Ctrl-C it still does, for `fit(resume=…)`.

    Args:
        model: The model, or an ensemble.
        data: What `fit` takes.
        options: Those of the command.
        more: Further options of `fit`.

    Returns:
        What `fit` gives.
    """
    checkpoint = None if options.save is None else Checkpoint(options.save, every=EVERY)
    history: Any = fit(
        model, data, epochs=options.epochs, lr=options.lr, checkpoint=checkpoint, **more
    )
    if options.save is not None:
        if not is_interrupted(history):
            save(model, options.save, history=history)
        note(f"saved to {options.save}")
    return history


def is_interrupted(history: Any) -> bool:
    """Whether Ctrl-C ended a training, or that of one of its replicas."""
    return "interrupted" in history.stopped  # a word, or a list of such
