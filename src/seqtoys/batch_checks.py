"""Whether sequences and tensors make a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from seqtoys.errors import DataError, IndexRangeError, ShapeError, excerpt
from seqtoys.symbols import Symbols, several
from seqtoys.tensors import check_integers, check_size

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
    """Make sure that tensors are what a `Batch` says of them.

    Raises:
        SeqtoysError: As `Batch` says.
    """
    for name, part in (("inputs", inputs), ("targets", targets)):
        check_integers(part, name)
    if inputs.ndim != 2 or inputs.shape != targets.shape:
        raise ShapeError(
            "expected inputs and targets of one shape (batch, time), "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    for name, numbers in (("lengths", lengths), ("counts", counts)):
        if numbers is not None:
            check_integers(numbers, name)
            check_size(numbers, name, "batch", len(inputs))
    if lengths is not None and len(lengths):
        low, high = (int(bound) for bound in lengths.aminmax())
        if low < 0 or high > inputs.shape[1]:
            raise DataError(f"expected lengths from 0 to {inputs.shape[1]}, got {low} to {high}")
    if counts is not None and (counts < 1).any():
        raise DataError(f"expected positive counts, got {int(counts.min())}")
    if not targets.numel() or targets.amax() <= UNSCORED:
        raise DataError("expected at least one scored position, got targets of only -100")


def wrong_rows(rows: Tensor, size: int) -> IndexRangeError:
    """Say that not all rows are among those of a batch of this size."""
    low, high = (int(bound) for bound in rows.aminmax())
    return IndexRangeError(f"expected rows from {-size} to {size - 1}, got {low} to {high}")
