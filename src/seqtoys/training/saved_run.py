"""A training in a file: written while it runs, and gone on from."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from seqtoys.errors import ModelFileError, OptionError, quoted
from seqtoys.models.checkpoint import Checkpoint, write_model
from seqtoys.models.replaceable import loss_of
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.serialization import MALFORMED, Plain
from seqtoys.support.tensor_file import brief_error, misfit, read_file, shortened
from seqtoys.training.state import Run


def save_run(run: Run, path: PathLike) -> None:
    """Write a training, when no update waits, with its model and history.

    Args:
        run: The training.
        path: Where to.

    Raises:
        ModelFileError: If the file can't be written, or another training has written it since.
        InputTypeError: If a part's state is something else than plain values and tensors.
    """
    there = _stamp(path)
    if run.written is not None and there is not None and there != run.written:
        raise ModelFileError(
            f"can't write {os.fsdecode(path)}: another training has written it since; give each "
            "training a path of its own"
        )
    states = run.state()
    weights = run.model.state_dict()
    states["training"]["extras"] = {
        name: value for name, value in weights.items() if not isinstance(value, Tensor)
    }
    write_model(path, run.model, states)
    run.written = _stamp(path)


def _stamp(path: PathLike) -> tuple[int, int] | None:
    """What changes whenever a file is written anew; None: there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns


def check_replaceable(checkpoint: Checkpoint | None, resume: PathLike | None) -> None:
    """Make sure that a checkpoint destroys nothing but the training that is resumed from it.

    Raises:
        ModelFileError: If it would.
    """
    if checkpoint is None or checkpoint.overwrite or _is_same_file(checkpoint.path, resume):
        return
    lost = loss_of(checkpoint.path)
    if lost is not None:
        name = os.fsdecode(checkpoint.path)
        raise ModelFileError(
            f"can't write {name}: it holds {lost}; resume={quoted(name)} to go on with a "
            "training, choose another path, or Checkpoint(…, overwrite=True) to replace it"
        )


def resume_run(run: Run, path: PathLike, *, epochs: int) -> None:
    """Put a training that has not begun where another was when it was written.

    All that the file holds is checked before the model changes.

    Args:
        run: The training, with the same model, data and options.
        path: The file.
        epochs: How many epochs it is to have in all.

    Raises:
        ModelFileError: If the file holds no training, or one that can't go on.
        OptionError: If the model, the data or the options differ; the error names them.
    """
    file = read_file(path)
    if "training" not in file.facts:
        raise file.refusal("a model without its training; fit writes that with checkpoint=…")
    try:
        history, training = file.state("history"), file.state("training")
        _check_same(run, training["identity"], file.weights(), file.path)
        done = len(history["lr"])
        if epochs < done:
            raise OptionError(
                f"expected {done} epochs or more, as many as there have been in {file.path}, "
                f"got {epochs}"
            )
        with _unchanged_on_failure(run.model):
            run.restore(history, training)
            run.model.load_state_dict({**file.weights(), **training["extras"]})
            run.go_on(training["draws"])
    except OptionError:
        raise
    except MALFORMED as error:
        raise file.refusal(f"a training that can't go on ({brief_error(error)})") from error


@contextmanager
def _unchanged_on_failure(model: nn.Module) -> Iterator[None]:
    """Give a model its weights, buffers and extra state back if anything is raised."""
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
    run: Run, identity: Mapping[str, Plain], weights: Mapping[str, Tensor], path: str
) -> None:
    """Make sure that a training is the one that was interrupted."""
    own = {
        name: (tuple(tensor.shape), tensor.dtype)
        for name, tensor in run.model.state_dict().items()
        if isinstance(tensor, Tensor)
    }
    others = _differences(identity, run.identity) or misfit(own, weights)
    if others:
        raise OptionError(
            f"expected the model, data and options of the training in {path}, got others: {others}"
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Name what differs: of another class of models nothing else."""
    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    return "; ".join(
        f"{name} was {_brief(there.get(name))} and is {_brief(here.get(name))}"
        for name in (["model"] if "model" in names else names)
    )


def _brief(value: Any) -> str:
    return shortened(value if isinstance(value, str) else repr(value), 60)
