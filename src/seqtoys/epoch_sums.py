"""What an epoch adds up to so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from torch import Tensor

from seqtoys.plain import Plain

Value: TypeAlias = float | Tensor
"""A number, or one of each replica."""


@dataclass
class EpochSums:
    """The sums over those parts of an epoch that have been measured and updated on.

    Attributes:
        parts: Their number.
        loss: The sum of the losses of their symbols, in nats.
        hits: How many symbols were predicted.
        predicted: What was predicted in each part.
        rows: Which sequences each part has.
    """

    parts: int = 0
    loss: Value = 0.0
    hits: Value = 0.0
    predicted: list[Tensor] = field(default_factory=list[Tensor])
    rows: list[Any] = field(default_factory=list[Any])

    def state(self) -> dict[str, Plain]:
        """All of it; `EpochSums(**state)` is the same again."""
        return dict(vars(self))
