"""Running sums of the epoch in progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.errors import DataError
from seqtoys.support.amounts import MANY
from seqtoys.support.annotations import described
from seqtoys.support.serialization import Plain, is_number

Value: TypeAlias = float | Tensor
"""A number, or a tensor with one per replica."""


@dataclass
class EpochSums:
    """The sums over the parts of an epoch that have been processed.

    Attributes:
        parts: The number of these parts.
        loss: The sum of the losses of their symbols, in nats.
        hits: The number of symbols predicted correctly.
        predicted: The predictions for each part.
        rows: The indices of the sequences in each part.
    """

    parts: int = 0
    loss: Value = 0.0
    hits: Value = 0.0
    predicted: list[Tensor] = field(default_factory=list[Tensor])
    rows: list[Any] = field(default_factory=list[Any])

    @classmethod
    def from_state(
        cls, state: Mapping[str, Plain], *, replicas: int, batch: Batch | None, symbols: int
    ) -> EpochSums:
        """Restore sums from their `state()`.

        Args:
            state: The sums.
            replicas: The number of replicas of an ensemble, or 0 for one model.
            batch: All sequences of the epoch, or None if no predictions are kept.
            symbols: The number of symbols that can be predicted.

        Raises:
            DataError: If `state` is invalid.
        """
        sums = cls(**state)
        if type(sums.parts) is not int or not 1 <= sums.parts <= MANY:
            raise DataError(f"expected a number of parts, got {described(sums.parts)}")
        if not all(_is_value(value, replicas) for value in (sums.loss, sums.hits)):
            raise DataError("expected the sums of losses and hits of an epoch, got others")
        if batch is not None:
            if not len(sums.predicted) == len(sums.rows) == sums.parts:
                raise DataError(f"expected the predictions of {sums.parts} parts, got others")
            for predicted, rows in zip(sums.predicted, sums.rows, strict=True):
                count = len(batch) if rows is None else _count_rows(rows, len(batch))
                shape = (*[replicas][: bool(replicas)], count, batch.inputs.shape[1])
                _check_indices(predicted, shape, symbols, "predictions")
        return sums

    def state(self) -> dict[str, Plain]:
        """Return all fields, for `from_state`."""
        return dict(vars(self))


def _is_value(value: object, replicas: int) -> bool:
    if replicas:
        return isinstance(value, Tensor) and value.shape == (replicas,)
    return is_number(value)


def _count_rows(rows: Tensor, most: int) -> int:
    count = rows.numel()
    _check_indices(rows, (count,), most, "rows")
    return count


def _check_indices(indices: Tensor, shape: tuple[int, ...], below: int, name: str) -> None:
    is_right = indices.dtype == torch.int64 and indices.shape == shape
    if not is_right or not bool(((indices >= 0) & (indices < below)).all()):
        raise DataError(
            f"expected {name} of shape {shape} from 0 to {below - 1}, "
            f"got {indices.dtype} of shape {tuple(indices.shape)}"
        )
