"""Whether sequences and tensors make a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from seqtoys.data.symbols import Symbols, several
from seqtoys.errors import DataError, DeviceError, IndexRangeError, ShapeError, excerpt
from seqtoys.support.amounts import MANY
from seqtoys.support.tensors import check_size

UNSCORED = -100
"""The target of a position that is not scored: PyTorch's own `ignore_index`."""

Pair: TypeAlias = tuple[Symbols, Symbols]
"""An input sequence and the target of each of its symbols."""


def check_texts(texts: Sequence[Symbols]) -> None:
    """Make sure that something can be learnt from each text.

    Raises:
        DataError: If there is none, or one has fewer than two symbols.
        InputTypeError: If they are one string.
    """
    for position, text in enumerate(several(texts)):
        if len(text) < 2:
            raise DataError(
                "expected texts of at least two symbols (one to read, one to predict), "
                f"got {excerpt(text)} at position {position}"
            )


def check_pairs(pairs: Sequence[Pair]) -> None:
    """Make sure that the two sequences of each pair have one length.

    Raises:
        DataError: If they have not.
    """
    for position, (source, target) in enumerate(pairs):
        if len(source) != len(target):
            raise DataError(
                "expected a target for each input symbol, got "
                f"{len(source)} inputs {excerpt(source)} and {len(target)} targets "
                f"{excerpt(target)} in the pair at position {position}"
            )


def check_parts(
    inputs: Tensor, targets: Tensor, lengths: Tensor | None, counts: Tensor | None
) -> None:
    """Check that tensors of int64 make a `Batch`.

    Raises:
        SeqtoysError: As `Batch` says.
    """
    if inputs.ndim != 2 or inputs.shape != targets.shape:
        raise ShapeError(
            "expected inputs and targets of one shape (batch, time), "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    for name, numbers in (("lengths", lengths), ("counts", counts)):
        if numbers is not None:
            check_size(numbers, name, "batch", len(inputs))
    for name, part in (("targets", targets), ("lengths", lengths), ("counts", counts)):
        if part is not None and part.device != inputs.device:
            raise DeviceError(
                f"expected inputs and {name} on one device, "
                f"got {inputs.device} and {part.device}; move them with .to(…)"
            )
    if lengths is not None and len(lengths):
        low, high = (int(bound) for bound in lengths.aminmax())
        if low < 0 or high > inputs.shape[1]:
            raise DataError(f"expected lengths from 0 to {inputs.shape[1]}, got {low} to {high}")
    if counts is not None and len(counts):
        if (counts < 1).any():
            raise DataError(f"expected positive counts, got {int(counts.min())}")
        if counts.double().sum() * inputs.shape[1] > MANY:  # sums of int64 would wrap around
            raise DataError(f"expected counts of up to {MANY:,} symbols, got {int(counts.max())}")
    _check_indices(inputs, targets)


def _check_indices(inputs: Tensor, targets: Tensor) -> None:
    """Check that indices are positive, and some target is scored."""
    if not targets.numel() or (targets == UNSCORED).all():
        raise DataError("expected at least one scored position, got targets of only -100")
    if inputs.amin() < 0:
        raise IndexRangeError(
            f"expected inputs of 0 or more, got {int(inputs.amin())}; pad with any index"
        )
    wrong = (targets < 0) & (targets != UNSCORED)
    if wrong.any():
        raise IndexRangeError(
            f"expected targets of 0 or more, or {UNSCORED} where nothing is scored, "
            f"got {int(targets[wrong][0])}"
        )


def wrong_rows(rows: Tensor, size: int) -> IndexRangeError:
    """Say that not all rows are among those of a batch of this size."""
    low, high = (int(bound) for bound in rows.aminmax())
    return IndexRangeError(f"expected rows from {-size} to {size - 1}, got {low} to {high}")
