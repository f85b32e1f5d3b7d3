"""Detects a factory that returns the same model for two cells."""

from __future__ import annotations

from weakref import WeakValueDictionary

from torch import nn

from seqtoys.errors import OptionError

# By id, as a user's class may define equality.
_MADE: WeakValueDictionary[int, nn.Module] = WeakValueDictionary()
"""The models that factories returned in this process and that still exist."""


def record_new(model: nn.Module) -> None:
    """Record a model that will be trained.

    Args:
        model: The model.

    Examples:
        >>> record_new(nn.Linear(2, 2))
    """
    _MADE[id(model)] = model


def check_new(model: object) -> None:
    """Check that a model was not recorded before.

    Args:
        model: What a factory returned.

    Raises:
        OptionError: If it was.

    Examples:
        >>> model = nn.Linear(2, 2)
        >>> check_new(model)
        >>> record_new(model)
        >>> check_new(model)
        Traceback (most recent call last):
        ...
        seqtoys.errors.OptionError: expected make_model to return a new model at each call, ...
    """
    if _MADE.get(id(model)) is model:
        raise OptionError(
            "expected make_model to return a new model at each call, got one that another cell "
            "has trained; create the model inside make_model"
        )
