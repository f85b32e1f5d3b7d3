"""Conversion of symbol indices (tensors, NumPy arrays, lists) to a NumPy array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from seqtoys.errors import ROOM, IndexRangeError, InputTypeError, ShapeError, quoted
from seqtoys.support.annotations import described, order_hint
from seqtoys.support.arrays import Array, Ints
from seqtoys.support.values import to_int

Indices: TypeAlias = Tensor | npt.NDArray[np.integer[Any]] | Sequence[Any]
"""Symbol indices: an integer tensor or NumPy array, or (nested) lists of ints."""


def to_index_array(indices: Indices) -> Ints:
    """Convert indices of any integer type, on any device, to an int64 array.

    Raises:
        InputTypeError: If the values are not integers.
        ShapeError: If the rows of a nested list differ in length.

    Examples:
        >>> to_index_array([[0, 1], [1, 0]]).shape
        (2, 2)
    """
    if isinstance(indices, np.ma.MaskedArray):  # NumPy would expose the masked values
        raise InputTypeError("expected indices without a mask, got a MaskedArray")
    array = _to_array(indices)
    if array.dtype.kind not in "iu":
        got = described(indices) if array.dtype.kind in "OSU" else f"{array.dtype} values"
        raise InputTypeError(f"expected integer indices, got {got}{order_hint(indices)}")
    # A copy, since PyTorch accepts neither negative strides nor read-only memory.
    copy = array.astype(np.int64, order="C")
    if array.dtype == np.uint64 and (copy < 0).any():  # values beyond 63 bits wrap around
        raise IndexRangeError(f"expected indices of at most 63 bits, got {array.max()}")
    return copy


def check_index(index: object, size: int, name: str) -> int:
    """Return a sequence index as an int from 0 to `size - 1`; negatives count from the end.

    Args:
        index: An integer of any type.
        size: The number of items.
        name: What to call the index in messages.

    Raises:
        InputTypeError: If it is not an integer.
        IndexRangeError: If it is out of range.

    Examples:
        >>> check_index(-1, 3, "replica")
        2
    """
    at = to_int(index)
    if at is None:
        raise InputTypeError(f"expected {name} to be an integer, got {described(index)}")
    if not -size <= at < size:
        if not size:
            raise IndexRangeError(f"cannot select {name} {quoted(at)}: there are none")
        raise IndexRangeError(
            f"expected {name} to be from {-size} to {size - 1}, got {quoted(at)}"
        )
    return at % size


def _to_array(indices: Indices) -> Array:
    try:
        if isinstance(indices, Tensor):
            wide = indices.detach().double() if indices.is_floating_point() else indices
            return wide.cpu().numpy()  # via double, since NumPy has no bfloat16
        array = np.asarray(indices)
    except ValueError as error:
        deep = "maximum number of dimension" in str(error)
        got = "lists nested too deeply" if deep else "rows of different lengths"
        raise ShapeError(f"expected rows of equal length, got {got}") from None
    except Exception as error:  # an object's conversion to an array may raise anything
        reason = str(error).partition("\n")[0][:ROOM]
        raise InputTypeError(
            f"expected integer indices, got {described(indices)}: {reason}"
        ) from error
    is_empty_list = array.size == 0 and not isinstance(indices, np.ndarray)
    return array.astype(np.int64) if is_empty_list else array  # an empty list has no dtype
