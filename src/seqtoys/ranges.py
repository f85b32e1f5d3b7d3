"""Whether a batch keeps to the symbols of a vocabulary."""

from __future__ import annotations

from seqtoys.batch import Batch
from seqtoys.errors import IndexRangeError


def check_range(batch: Batch, symbols: int) -> Batch:
    """Make sure that a batch holds indices of a vocabulary.

    Args:
        batch: The batch.
        symbols: The size of the vocabulary.

    Raises:
        IndexRangeError: If an index is not in it.
    """
    scored = batch.targets[batch.scored]
    for name, indices in (("inputs", batch.inputs), ("scored targets", scored)):
        low, high = (int(bound) for bound in indices.aminmax())
        if low < 0 or high >= symbols:
            raise IndexRangeError(
                f"expected {name} in 0 … {symbols - 1}, got {low} to {high} "
                f"for a vocabulary of {symbols} symbols"
            )
    return batch
