"""The lengths of a task's sequences during training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch

from seqtoys.errors import DataError, OptionError
from seqtoys.support.annotations import described
from seqtoys.support.serialization import Plain, is_number
from seqtoys.support.values import check_length, check_lengths, check_share
from seqtoys.tasks.task import Task


@dataclass(frozen=True)
class Curriculum:
    """Lengths that grow as a task is learned: short sequences first (Elman, 1993).

    The length of each batch is drawn uniformly between the shortest length and the current
    longest one. The latter grows by one, up to `longest`, whenever the running mean of the
    accuracy (for an ensemble, also averaged over its replicas) exceeds the threshold.

    Attributes:
        longest: The final longest length.
        shortest: The shortest length.
        start: The initial longest length. If None, the shortest.
        threshold: The accuracy above which the lengths grow.
        window: The approximate number of batches in the running mean.

    Raises:
        OptionError: If a length or the window is not a positive integer, the lengths are not in
            order, or the threshold is not between 0 and 1.

    Examples:
        >>> Curriculum(longest=40)
        Curriculum(longest=40, shortest=1, start=None, threshold=0.95, window=10)
    """

    longest: int
    shortest: int = 1
    start: int | None = None
    threshold: float = 0.95
    window: int = 10

    def __post_init__(self) -> None:
        plain = {
            name: check_length(getattr(self, name), name)
            for name in ("longest", "shortest", "start", "window")
            if name != "start" or self.start is not None
        }
        vars(self).update(plain, threshold=check_share("threshold", self.threshold))
        if not self.shortest <= self.first <= self.longest:
            in_order = f"shortest {self.shortest}, start {self.first}, longest {self.longest}"
            raise OptionError(f"expected shortest <= start <= longest, got {in_order}")

    @property
    def first(self) -> int:
        """The initial longest length."""
        return self.shortest if self.start is None else self.start


Lengths: TypeAlias = int | tuple[int, int] | Curriculum | None
"""One length, (shortest, longest), lengths that grow, or None for those of the task."""


class LengthPlan:
    """Chooses the length of each batch.

    Args:
        task: The task.
        lengths: As in `fit`.

    Raises:
        OptionError: If `lengths` is invalid, or the task has no sequence of such a length.

    Examples:
        >>> from seqtoys import get_task
        >>> plan = LengthPlan(get_task("parity"), Curriculum(40, threshold=0.8, window=1))
        >>> plan.longest
        1
        >>> plan.record_accuracy(0.9)
        >>> plan.longest
        2
    """

    def __init__(self, task: Task, lengths: Lengths) -> None:
        self._task = task
        self._curriculum = lengths if isinstance(lengths, Curriculum) else None
        self._mean = 0.0
        self.shortest: int
        self.longest: int
        self.shortest, self.longest = _bounds(lengths)
        if self._curriculum is not None:
            self.longest = self._curriculum.first
            self._grow_to_possible(self._curriculum.longest)

    def draw(self, generator: torch.Generator) -> int | None:
        """Draw the length of the next batch, or return None if the task chooses it."""
        if self.longest == 0:
            return None
        return self._task.draw_length(generator, (self.shortest, self.longest))

    @property
    def range(self) -> tuple[int, int] | None:
        """The shortest and longest length of the whole training; None if the task chooses."""
        if self.longest == 0:
            return None
        plan = self._curriculum
        return self.shortest, self.longest if plan is None else plan.longest

    @property
    def is_growing(self) -> bool:
        """Whether the longest length is still to come."""
        return self._curriculum is not None and self.longest < self._curriculum.longest

    @property
    def current_range(self) -> tuple[int, int] | None:
        """The shortest and longest length of the next batch; None if the task chooses."""
        return None if self.longest == 0 else (self.shortest, self.longest)

    def record_accuracy(self, accuracy: float) -> None:
        """Record the accuracy on the last batch, and grow the lengths if it is high enough."""
        plan = self._curriculum
        if plan is None:
            return
        self._mean += (accuracy - self._mean) / plan.window
        if self._mean > plan.threshold and self.longest < plan.longest:
            self.longest += 1
            self._grow_to_possible(plan.longest)
            self._mean = 0.0

    def state(self) -> dict[str, Plain]:
        """Return the current longest length and the running mean of the accuracy."""
        return {"longest": self.longest, "mean": self._mean}

    def restore(self, state: Mapping[str, Plain]) -> None:
        """Restore a state returned by `state`.

        Raises:
            DataError: If the state is invalid.
        """
        longest, mean = state["longest"], state["mean"]
        most = self.longest if self._curriculum is None else self._curriculum.longest
        if type(longest) is not int or not self.longest <= longest <= most or not is_number(mean):
            raise DataError(
                f"expected a length from {self.longest} to {most} and an accuracy, got "
                f"{described(longest)} and {described(mean)}"
            )
        self.longest, self._mean = longest, mean

    def _grow_to_possible(self, longest: int) -> None:
        """Skip lengths that no sequence has, so that each step adds new sequences."""
        while self.longest < longest and not self._is_possible(self.longest):
            self.longest += 1

    def _is_possible(self, length: int) -> bool:
        """Return whether a sequence has this length; a split may lack lengths of its task."""
        try:
            return bool(self._task.possible_lengths(length))
        except OptionError:
            return False


def _bounds(lengths: Lengths) -> tuple[int, int]:
    """Return the shortest and longest length, or zeros for those of the task."""
    if lengths is None:
        return 0, 0
    if isinstance(lengths, Curriculum):
        return lengths.shortest, lengths.longest
    return check_lengths(lengths if isinstance(lengths, tuple) else (lengths, lengths))
