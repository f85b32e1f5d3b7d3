"""When to stop training before its last epoch."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from seqtoys.errors import OptionError
from seqtoys.history import History

Until: TypeAlias = Literal["solved"] | float | None
"""A goal: every scored symbol predicted, or the loss this near the optimum."""


class StoppingRule:
    """Stops at a goal, or when the loss no longer improves.

    Args:
        until: `"solved"`: every scored symbol is predicted; a number: the loss is this near the
            optimum; None: no goal.
        patience: The number of epochs without improvement to wait for; None: any.

    Raises:
        OptionError: If the goal is neither, or the patience no positive integer.

    Examples:
        >>> from seqtoys.baselines import Baselines
        >>> history = History(Baselines(1.6, 0.5, 0.0), loss=[0.2], accuracy=[1.0])
        >>> StoppingRule("solved", None).reason(history)
        'solved'
    """

    def __init__(self, until: Until, patience: int | None) -> None:
        is_number = isinstance(until, int | float) and not isinstance(until, bool)
        if until not in (None, "solved") and not (is_number and 0 < float(until) < math.inf):
            raise OptionError(
                f"expected until to be 'solved', a positive number of nats or None, got {until!r}"
            )
        self.until = until
        self.patience = patience
        self._best, self._best_epoch = math.inf, 0

    def reason(self, history: History) -> str | None:
        """Tell why to stop after the last epoch of a history, or None to go on."""
        if self.until == "solved" and history.solved:
            return "solved"
        if isinstance(self.until, int | float):
            excess = history.loss[-1] - history.optimum[-1]
            if excess <= self.until:
                return "excess"
        watched = (history.validation_loss or history.loss)[-1]
        if watched < self._best:
            self._best, self._best_epoch = watched, len(history)
        waited = len(history) - self._best_epoch
        return "patience" if self.patience is not None and waited >= self.patience else None
