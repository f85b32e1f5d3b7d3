"""A training in a file: written while it runs, and gone on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqtoys.checkpoint import write_model
from seqtoys.errors import OptionError
from seqtoys.plain import MALFORMED, Plain
from seqtoys.run import Run
from seqtoys.tensor_file import brief_error, misfit, read_file, shortened
from seqtoys.whole_file import PathLike


def save_run(run: Run, path: PathLike) -> None:
    """Write a training, when no update waits, with its model and history.

    Args:
        run: The training.
        path: Where to.

    Raises:
        ModelFileError: If the file can't be written.
        InputTypeError: If a part's state is something else than plain values and tensors.
    """
    states = run.state()
    weights = run.model.state_dict()
    states["training"]["extras"] = {
        name: value for name, value in weights.items() if not isinstance(value, Tensor)
    }
    write_model(path, run.model, states)


def resume_run(run: Run, path: PathLike, *, epochs: int) -> None:
    """Put a training that has not begun where another was when it was written.

    Args:
        run: The training, with the same model, data and options.
        path: The file.
        epochs: How many epochs it is to have in all.

    Raises:
        ModelFileError: If the file is none of a training, or is damaged.
        OptionError: If the model, the data or the options are others; it tells which.
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
        run.model.load_state_dict({**file.weights(), **training["extras"]})
        run.restore(history, training)
    except OptionError:
        raise
    except MALFORMED as error:
        raise file.refusal(f"a training that can't go on ({brief_error(error)})") from error


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
