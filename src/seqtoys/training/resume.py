"""Saving a training run to a file, and resuming from it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.errors import ModelFileError, OptionError, quoted
from seqtoys.models.checkpoint import Checkpoint
from seqtoys.models.replaceable import loss_of
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.serialization import MALFORMED, Plain
from seqtoys.support.tensor_file import brief_error, read_file, shortened, weights_mismatch
from seqtoys.training.state import TrainingState


def save_training(run: TrainingState, path: PathLike) -> None:
    """Save a training run with its model and history; no update may be pending.

    Args:
        run: The training run.
        path: The file.

    Raises:
        ModelFileError: If the file can't be written, or another training has written to it since.
        InputTypeError: If a state contains anything but plain values and tensors.
    """
    from seqtoys.models.saving import write_model  # loads every model, for few trainings

    there = _stamp(path)
    if run.written is not None and there is not None and there != run.written:
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: another training has written to it since; use a "
            "separate path for each training"
        )
    states = run.state()
    current = run.model.state_dict()
    # The file holds the weights that fit would return, and separately those to resume from.
    weights = current if run.best is None else run.best.chosen(run.history)
    states["training"]["current"] = None if run.best is None else dict(current)
    states["training"]["extras"] = {
        name: value for name, value in weights.items() if not isinstance(value, Tensor)
    }
    write_model(path, run.model, states, weights)
    run.written = _stamp(path)


def _stamp(path: PathLike) -> tuple[int, int] | None:
    """Return values that change whenever the file is rewritten, or None if there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns


def check_replaceable(checkpoint: Checkpoint | None, resume: PathLike | None) -> None:
    """Check that a checkpoint would overwrite nothing but the training being resumed.

    Raises:
        ModelFileError: If it would.
    """
    if checkpoint is None or checkpoint.overwrite or _is_same_file(checkpoint.path, resume):
        return
    lost = loss_of(checkpoint.path)
    if lost is not None:
        name = os.fsdecode(checkpoint.path)
        raise ModelFileError(
            f"can't write {name}: it holds {lost}; pass resume={quoted(name)} to continue a "
            "training, choose another path, or use Checkpoint(…, overwrite=True) to replace it"
        )


def resume_training(run: TrainingState, path: PathLike, *, epochs: int) -> None:
    """Restore a new training run to the state saved in a file.

    The whole file is checked before the model is changed.

    Args:
        run: A new run with the same model, data and options.
        path: The file.
        epochs: The maximum number of epochs in total.

    Raises:
        ModelFileError: If the file contains no training, or one that can't be resumed.
        OptionError: If the model, data or options differ; the message lists the differences.
    """
    file = read_file(path)
    if "training" not in file.facts:
        raise file.file_error("one without training state; save both with fit(…, checkpoint=…)")
    try:
        history, training = file.state("history"), file.state("training")
        _check_same(run, training["identity"], file.weights(), file.path)
        done = len(history["lr"])
        if epochs < done:
            raise OptionError(
                f"expected epochs to be at least {done}, the number already done in {file.path}, "
                f"got {epochs}"
            )
        weights = {**file.weights(), **training["extras"]}
        with _unchanged_on_failure(run.model):
            run.restore(history, training)
            run.model.load_state_dict(weights)
            if run.best is not None:
                run.best.restore(run.model.state_dict(), run.history)
                _load_current(run.model, training["current"])
            run.finish_restoring(training["draws"])
    except OptionError:
        raise
    except MALFORMED as error:
        raise file.file_error(
            f"a training that can't be resumed ({brief_error(error)})"
        ) from error


def _load_current(model: nn.Module, current: Mapping[str, Any]) -> None:
    """Load the weights to resume from, where the file also holds those of the best epoch."""
    wrong = weights_mismatch(_shapes_of(model), _tensors(current))
    if wrong is not None:
        raise ValueError(f"current weights: {wrong}")
    model.load_state_dict(current)


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def _shapes_of(model: nn.Module) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    found = _tensors(model.state_dict()).items()
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in found}


@contextmanager
def _unchanged_on_failure(model: nn.Module) -> Iterator[None]:
    """Restore a model's weights, buffers and extra state if an exception is raised."""
    before = copy.deepcopy(model.state_dict())
    try:
        yield
    except BaseException:
        model.load_state_dict(before)
        raise


def _is_same_file(one: PathLike, other: PathLike | None) -> bool:
    try:
        return other is not None and os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _check_same(
    run: TrainingState, identity: Mapping[str, Plain], weights: Mapping[str, Tensor], path: str
) -> None:
    """Check that the model, data and options are those of the saved training."""
    differences = _differences(identity, run.identity)
    others = differences or weights_mismatch(_shapes_of(run.model), weights)
    if others:
        raise OptionError(
            f"expected the model, data and options of the training in {path}, got different ones: "
            f"{others}"
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """List the differences; if the model class differs, only that."""
    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    return "; ".join(
        f"{name} was {_brief(there.get(name))} and is {_brief(here.get(name))}"
        for name in (["model"] if "model" in names else names)
    )


def _brief(value: Any) -> str:
    return shortened(value if isinstance(value, str) else repr(value), 60)
