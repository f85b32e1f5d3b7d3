"""The criterion for a solved row of a sweep, based on the evaluation after training."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqtoys.errors import OptionError, quoted
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.records.history_fields import ERRORS, ROUNDING
from seqtoys.support.uncertainty import Estimate
from seqtoys.training.stopping import Until

TOLERANCE = 0.01  # nats per scored symbol
ERRORS_ADDED = 2  # exceeded by chance once in 44 times
NONE = 1e-9  # tolerance for rounding errors around 0


def check_excess_goal(goal: float | None) -> float | None:
    """Check the `goal` of `sweep`, and return it as a float.

    Raises:
        OptionError: If it is neither None nor a positive finite number.
    """
    if goal is None:
        return None
    if not 0 < goal < math.inf:
        raise OptionError(
            f"expected goal to be a positive finite number of nats, got {quoted(goal)}"
        )
    return float(goal)


def find_goal(goal: float | None, until: Until, optimum: float) -> float | None:
    """Return the excess that counts as solved, or None if every scored symbol must be predicted.

    Args:
        goal: The `goal` of `sweep`.
        until: The goal at which training stops.
        optimum: The lowest loss that any model could reach on the evaluated sequences.

    Examples:
        >>> find_goal(None, 0.05, optimum=0.6), find_goal(None, None, optimum=0.6)
        (0.05, 0.01)
        >>> find_goal(None, "solved", optimum=0.0) is None
        True
    """
    if goal is not None:
        return goal
    if until is not None and until != "solved":
        return float(until)
    # If the optimum is above 0, no model can predict every symbol.
    return None if optimum <= NONE else TOLERANCE


def is_solved(goal: float | None, *, excess: Estimate, accuracy: float) -> bool:
    """Return whether a model reached a goal, allowing for a measured excess that is low by chance.

    Args:
        goal: The excess to reach, or None if every scored symbol must be predicted.
        excess: The measured excess. If its standard error is unknown, nan, no excess is reached.
        accuracy: The proportion of scored symbols predicted correctly.

    Examples:
        >>> [is_solved(0.05, excess=Estimate(0.04, e), accuracy=0.7) for e in (0.001, 0.01)]
        [True, False]
    """
    if remark_on(excess):
        return False
    if goal is None:
        return accuracy >= 1 - NONE
    return excess + ERRORS_ADDED * excess.standard_error <= goal


def remark_on(excess: Estimate) -> str | None:
    """Return why a result can't be trusted: a loss below the optimum by more than chance.

    Args:
        excess: The measured excess.

    Examples:
        >>> remark_on(Estimate(-0.4, 0.01))
        'below the optimum by 40 standard errors: the model looks ahead, ...'
        >>> remark_on(Estimate(-0.03, 0.01)) is None
        True
    """
    error = excess.standard_error
    if not excess + ERRORS * error < -ROUNDING:  # also if the error is unknown
        return None
    far = f"{-excess / error:.0f} standard errors" if error > 0 else f"{-excess:.4g} nats"
    return (
        f"below the optimum by {far}: the model looks ahead, or mixes the sequences of a batch, "
        "or the optimum is wrong"
    )


def first_epochs(history: History | EnsembleHistory, goal: float | None) -> list[int]:
    """Return the first epoch in which each replica reached a goal in training, or else its last.

    Args:
        history: The history of a model or an ensemble.
        goal: As for `is_solved`.
    """
    loss, accuracy = _column(history.loss), _column(history.accuracy)  # (epochs, replicas)
    if isinstance(history, EnsembleHistory):
        last = history.epochs
    else:
        last = torch.tensor([len(history)], device="cpu")
    if goal is None:
        reached = accuracy == 1
    else:
        optimum = torch.tensor(history.optimum, dtype=torch.float64, device="cpu")
        reached = (loss - optimum.unsqueeze(1)).abs() <= goal  # as `fit` decides with until=
    return torch.where(reached.any(0), reached.int().argmax(0) + 1, last).tolist()


def _column(values: list[float] | Tensor) -> Tensor:
    """Return a column of a history as `(epochs, replicas)`, with one replica for a model."""
    if isinstance(values, Tensor):
        return values
    return torch.tensor(values, dtype=torch.float64, device="cpu").unsqueeze(1)
