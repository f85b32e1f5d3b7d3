"""Symbol indices as users have them (tensors, NumPy arrays, lists) -> one NumPy array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtoys.errors import InputTypeError, ShapeError

Indices: TypeAlias = Tensor | npt.NDArray[np.integer[Any]] | Sequence[Any]
"""Symbol indices: an integer tensor or NumPy array, or (nested) lists of ints."""


def to_index_array(indices: Indices) -> npt.NDArray[np.int64]:
    """Read indices of any integer type, on any device.

    Raises:
        InputTypeError: If the values are not integers.
        ShapeError: If the rows of a nested list differ in length.

    Examples:
        >>> to_index_array([[0, 1], [1, 0]]).shape
        (2, 2)
    """
    array = _to_array(indices)
    if array.dtype.kind not in "iu":
        raise InputTypeError(f"expected integer indices, got {array.dtype} values")
    return array.astype(np.int64, copy=False)


def check_integers(values: Tensor, name: str) -> None:
    """Make sure that a value is a tensor of integers.

    Raises:
        InputTypeError: If it is not; the message calls it by its name.
    """
    if not isinstance(values, Tensor) or values.is_floating_point() or values.dtype == torch.bool:
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise InputTypeError(f"expected {name} to be a tensor of integers, got {kind}")


def _to_array(indices: Indices) -> npt.NDArray[Any]:
    if isinstance(indices, Tensor):
        wide = indices.detach().double() if indices.is_floating_point() else indices
        return wide.cpu().numpy()  # by way of double, as NumPy has no bfloat16
    try:
        array = np.asarray(indices)
    except ValueError:
        raise ShapeError("expected rows of one length, got rows of several lengths") from None
    is_empty_list = array.size == 0 and not isinstance(indices, np.ndarray)
    return array.astype(np.int64) if is_empty_list else array  # an empty list tells no type
