"""Early stopping."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Bool
from torch import Tensor

from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.history import History
from seqtoys.support.serialization import Plain, mismatch
from seqtoys.support.values import to_real

Until: TypeAlias = Literal["solved"] | float | None
"""The goal: every scored symbol predicted correctly, or a distance from the optimum in nats."""


class StoppingRule:
    """Stops at a goal, or when the loss no longer improves.

    Args:
        until: `"solved"`, if every scored symbol must be predicted correctly; a number, if the
            loss must be within this many nats of the optimum; or None for no goal.
        patience: The number of epochs to wait for an improvement. If None, there is no limit.

    Raises:
        OptionError: If `until` is invalid.

    Examples:
        >>> from seqtoys.results import Baselines, Row
        >>> history = History(Baselines(1.6, 0.5, 0.0))
        >>> history.append(Row(1, loss=0.2, accuracy=1.0, lr=0.1))
        >>> StoppingRule("solved", None).reason(history)
        'solved'
    """

    def __init__(self, until: Until, patience: int | None) -> None:
        self.until: Until = check_goal(until)
        self.patience = patience
        self._best, self._best_epoch = math.inf, 0
        self.ended: None = None  # there are no replicas

    def reason(self, history: History, is_growing: bool = False) -> str | None:
        """Return why to stop after the last epoch of a history, or None to continue.

        While the lengths of a curriculum grow, nothing stops: short sequences are easy.
        """
        if is_growing:
            return None
        if self.until == "solved" and history.solved:
            return "solved"
        excess = history.loss[-1] - history.optimum[-1]
        # A loss far below the optimum is not a success: such a model sees its targets.
        if isinstance(self.until, int | float) and abs(excess) <= self.until:
            return "excess"
        watched = (history.validation_loss or history.loss)[-1]
        if watched < self._best:
            self._best, self._best_epoch = watched, len(history)
        waited = len(history) - self._best_epoch
        return "patience" if self.patience is not None and waited >= self.patience else None

    def close(self, history: History, reason: str) -> None:
        """Record why training ended."""
        history.stopped = reason

    def state(self) -> dict[str, Plain]:
        """Return the best loss so far, and its epoch."""
        return {"best": self._best, "best_epoch": self._best_epoch}

    def restore(self, state: Mapping[str, Plain], history: History) -> None:
        """Restore the `state()` after the epochs of a history.

        Raises:
            DataError: If `state` is invalid.
        """
        best, epoch = state["best"], state["best_epoch"]
        wrong = mismatch(best, math.inf, "best") or mismatch(epoch, 0, "best_epoch")
        if wrong is not None or not 0 <= epoch <= len(history):
            raise DataError(wrong or f"best_epoch is {epoch}, but there are {len(history)} epochs")
        self._best, self._best_epoch = float(best), epoch


class StoppingRules:
    """The stopping rule of each replica of an ensemble.

    A replica whose loss is no longer finite has diverged and stops, too, without affecting the
    others.

    Args:
        until: As for `StoppingRule`.
        patience: As for `StoppingRule`.
        replicas: The number of replicas.

    Raises:
        OptionError: If `until` is invalid.

    Examples:
        >>> StoppingRules("solved", None, 3).ended
        tensor([False, False, False])
    """

    def __init__(self, until: Until, patience: int | None, replicas: int) -> None:
        self.until: Until = check_goal(until)
        self.patience = patience
        self.ended: Bool[Tensor, " replicas"] = torch.zeros(
            replicas, dtype=torch.bool, device="cpu"
        )
        self._best = torch.full((replicas,), math.inf, dtype=torch.float64, device="cpu")
        self._best_epoch = torch.zeros(replicas, dtype=torch.int64, device="cpu")

    def reason(self, history: EnsembleHistory, is_growing: bool = False) -> str | None:
        """Stop replicas after the last epoch of a history; return "ended" if none is left.

        While the lengths of a curriculum grow, only those that have diverged stop.
        """
        for reason, replicas in self._verdicts(history, is_growing):
            if replicas.any():
                history.end(replicas, reason)
                self.ended = self.ended | replicas
        return "ended" if self.ended.all() else None

    def close(self, history: EnsembleHistory, reason: str) -> None:
        """Record why the remaining replicas ended."""
        history.end(~self.ended, reason)

    def state(self) -> dict[str, Plain]:
        """Return which replicas have ended, the best loss of each so far, and its epoch."""
        return {"ended": self.ended, "best": self._best, "best_epoch": self._best_epoch}

    def restore(self, state: Mapping[str, Plain], history: EnsembleHistory) -> None:
        """Restore the `state()` after the epochs of a history.

        Raises:
            DataError: If `state` is invalid.
        """
        wrong = mismatch(dict(state), self.state(), "rule")
        if wrong is None and not torch.equal(state["ended"], ~history.running):
            wrong = "rule['ended'] differs from the history"
        if wrong is not None:
            raise DataError(wrong)
        self.ended, self._best = state["ended"], state["best"]
        self._best_epoch = state["best_epoch"]

    def _verdicts(
        self, history: EnsembleHistory, is_growing: bool
    ) -> Iterator[tuple[str, Tensor]]:
        row = history.rows[-1]
        loss = row.loss.double()
        if not math.isfinite(loss.sum().item()):  # rarely true; cheaper than testing each loss
            yield "diverged", ~loss.isfinite()
        if is_growing:
            return
        if self.until == "solved":
            yield "solved", row.accuracy == 1
        elif self.until is not None:
            yield "excess", (loss - history.optimum[-1]).abs() <= float(self.until)
        if self.patience is not None:
            watched = loss if row.validation_loss is None else row.validation_loss.double()
            better = watched < self._best
            self._best = torch.where(better, watched, self._best)
            self._best_epoch = torch.where(better, len(history.rows), self._best_epoch)
            waited = len(history.rows) - self._best_epoch
            yield "patience", waited >= min(self.patience, len(history.rows) + 1)


def make_rule(until: Until, patience: int | None, replicas: int) -> Any:
    """Create the stopping rule of a model, or the rules of an ensemble."""
    return StoppingRules(until, patience, replicas) if replicas else StoppingRule(until, patience)


def check_goal(until: object) -> Until:
    """Check that a goal is `"solved"`, a number or None, and return it with a plain number.

    Raises:
        OptionError: If it is not.
    """
    if until is None:
        return None
    if isinstance(until, str) and until == "solved":
        return "solved"
    excess = to_real(until)
    if excess is None or not 0 < excess < math.inf:
        raise OptionError(
            "expected until to be 'solved', a positive number of nats or None, got "
            f"{quoted(until)}"
        )
    return excess
