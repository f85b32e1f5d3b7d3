"""Whether a model has weights that `fit` has trained, to say so if it is trained again."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqtoys.support.digest import brief

NAME = "_seqtoys_trained"  # an attribute of the model, so that copies of the model have it, too


def note_training(model: nn.Module, epochs: int) -> None:
    """Note that the weights of a model are the result of training for some epochs.

    Args:
        model: The model.
        epochs: The number of epochs, in all trainings together.
    """
    if epochs:
        vars(model)[NAME] = epochs, _fingerprint(model)


def epochs_trained(model: nn.Module) -> int:
    """Return for how many epochs a model was trained, or 0 if its weights are others since.

    Args:
        model: The model.

    Examples:
        >>> model = nn.Linear(1, 1)
        >>> note_training(model, 100)
        >>> epochs_trained(model)
        100
        >>> model.weight = nn.Parameter(2 * model.weight)
        >>> epochs_trained(model)
        0
    """
    epochs, fingerprint = vars(model).get(NAME, (0, ""))
    return int(epochs) if epochs and fingerprint == _fingerprint(model) else 0


def _fingerprint(model: Any) -> str:
    return brief(*(weight.detach() for weight in model.parameters()))
