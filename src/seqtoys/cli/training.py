"""Training for the commands, with checkpoints, also on Ctrl-C."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from seqtoys import Checkpoint, ElmanCharModel, ElmanEnsemble, fit
from seqtoys.cli.arguments import EVERY
from seqtoys.cli.terminal import fold, note
from seqtoys.errors import ModelFileError, OptionError
from seqtoys.models.replaceable import loss_of
from seqtoys.records.history import History
from seqtoys.tasks.given_data import TrainingData


def train(
    model: ElmanCharModel | ElmanEnsemble,
    data: TrainingData,
    options: Namespace,
    about: str | None = None,
    **more: Any,
) -> Any:
    """Train a model, and save it if the options ask for it.

    Args:
        model: The model, or an ensemble.
        data: The data, as for `fit`.
        options: The options of the command.
        about: A line to print before training, or None.
        more: The options of `fit`.

    Returns:
        The history.

    Raises:
        SeqtoysError: If the --save file may not be replaced, or can't be resumed.
    """
    checkpoint, resume = _places(options)
    if about is not None:
        note(fold(about))
    history: Any = fit(model, data, checkpoint=checkpoint, resume=resume, **more)
    if checkpoint is not None:
        more_to_come = is_interrupted(history)
        hint = "; run the same command with --resume to continue" if more_to_come else ""
        note(f"saved to {options.save}{hint}")
    return history


def _places(options: Namespace) -> tuple[Checkpoint | None, str | None]:
    """Return where to save and what to resume, unless that would overwrite something."""
    if options.save is None:
        if options.resume or options.force:
            raise OptionError("--resume and --force need --save FILE")
        return None, None
    if options.resume and os.path.lexists(options.save):
        return Checkpoint(options.save, every=EVERY), options.save
    if options.resume:
        note(f"nothing to resume at {options.save}: starting a new training run")
    lost = None if options.force else loss_of(options.save)
    if lost is not None:
        raise ModelFileError(
            f"can't write {options.save}: it holds {lost}; choose another file, or pass --resume "
            "to continue a training run or --force to replace it"
        )
    return Checkpoint(options.save, every=EVERY, overwrite=options.force), None


def ending(history: History) -> str:
    """Return a sentence about when and why training ended."""
    return f"{history.ending[:1].upper()}{history.ending[1:]}."


def is_interrupted(history: Any) -> bool:
    """Whether training, or that of one of the replicas, ended with Ctrl-C."""
    return "interrupted" in history.stopped  # a string, or a list of strings
