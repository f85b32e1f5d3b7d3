"""Checks that the indices of a batch fit a vocabulary."""

from __future__ import annotations

from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.errors import IndexRangeError


def check_range(batch: Batch, symbols: int) -> Batch:
    """Check that all indices of a batch are in a vocabulary, and return the batch.

    Args:
        batch: The batch.
        symbols: The size of the vocabulary.

    Raises:
        IndexRangeError: If an index is out of range.
    """
    _check("inputs", batch.inputs, symbols)
    return check_targets(batch, symbols)


def check_targets(batch: Batch, symbols: int) -> Batch:
    """Check that the scored targets of a batch are in a vocabulary, and return the batch.

    Args:
        batch: The batch.
        symbols: The size of the vocabulary.

    Raises:
        IndexRangeError: If a target is out of range.
    """
    _check("scored targets", batch.targets[batch.scored], symbols)
    return batch


def _check(name: str, indices: Tensor, symbols: int) -> None:
    low, high = (int(bound) for bound in indices.aminmax())
    if low < 0 or high >= symbols:
        hint = "; as uint8, -100 becomes 156" if high == 156 else ""
        raise IndexRangeError(
            f"expected {name} in 0 … {symbols - 1}, got {low} to {high} "
            f"for a vocabulary of {symbols} symbols{hint}"
        )
