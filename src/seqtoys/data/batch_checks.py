"""Checks that sequences and tensors form a valid batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from seqtoys.data.symbols import Symbols, several
from seqtoys.errors import DataError, DeviceError, IndexRangeError, ShapeError, excerpt
from seqtoys.support.tensors import check_size
from seqtoys.support.values import MANY

UNSCORED = -100
"""The target of a position that is not scored: PyTorch's default `ignore_index`."""

Pair: TypeAlias = tuple[Symbols, Symbols]
"""An input sequence and the target of each of its symbols."""


def check_texts(texts: Sequence[Symbols]) -> None:
    """Check that each text has at least one input and one target.

    Raises:
        DataError: If there are no texts, or one has fewer than two symbols.
        InputTypeError: If `texts` is a single string.
    """
    for position, text in enumerate(several(texts)):
        if len(text) < 2:
            raise DataError(
                "expected texts of at least two symbols (one to read, one to predict), "
                f"got {excerpt(text)} at position {position}"
            )


def check_pairs(pairs: Sequence[Pair]) -> None:
    """Check that the two sequences of each pair have the same length.

    Raises:
        DataError: If they do not.
    """
    for position, (source, target) in enumerate(pairs):
        if len(source) != len(target):
            raise DataError(
                f"expected an input and a target of the same length, got {excerpt(source)} "
                f"(length {len(source)}) and {excerpt(target)} (length {len(target)}) in the pair "
                f"at position {position}; a tuple of two texts is a pair, so list texts as [a, b]"
            )


def check_parts(
    inputs: Tensor,
    targets: Tensor,
    lengths: Tensor | None,
    counts: Tensor | None,
    latent: Tensor | None,
) -> None:
    """Check that int64 tensors form a valid `Batch`.

    Raises:
        SeqtoysError: As documented in `Batch`.
    """
    if inputs.ndim != 2 or inputs.shape != targets.shape:
        raise ShapeError(
            "expected inputs and targets of the same shape (batch, time), "
            f"got {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    per_sequence = {"lengths": lengths, "counts": counts, "latent": latent}
    for name, numbers in per_sequence.items():
        if numbers is not None:
            check_size(numbers, name, "batch", len(inputs))
    for name, part in {"targets": targets, **per_sequence}.items():
        if part is not None and part.device != inputs.device:
            raise DeviceError(
                f"expected inputs and {name} on the same device, "
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
            raise DataError(
                f"expected counts of at most {MANY:,} symbols, got {int(counts.max())}"
            )
    _check_indices(inputs, targets)


def _check_indices(inputs: Tensor, targets: Tensor) -> None:
    """Check that indices are not negative and at least one target is scored."""
    check_scored(targets)
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


def check_scored(targets: Tensor) -> None:
    """Check that at least one target is scored.

    Raises:
        DataError: If none is.
    """
    if not targets.numel() or (targets == UNSCORED).all():
        raise DataError("expected at least one scored position, got targets of only -100")


def wrong_rows(rows: Tensor, size: int) -> IndexRangeError:
    """Return the error for row positions outside a batch of this size."""
    low, high = (int(bound) for bound in rows.aminmax())
    return IndexRangeError(f"expected rows from {-size} to {size - 1}, got {low} to {high}")
