"""Conversion of hidden states (tensors, NumPy arrays, lists) to NumPy arrays of floats."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from seqtoys.errors import DataError, InputTypeError, ShapeError
from seqtoys.support.annotations import described
from seqtoys.support.arrays import Floats

Axes: TypeAlias = tuple[str, ...]


def to_states(values: Any, name: str, axes: Axes) -> Floats:
    """Convert finite numbers of any real type, on any device, to a float64 array.

    Args:
        values: A tensor, an array or (nested) lists.
        name: What to call the values in messages.
        axes: The names of the axes; none may be empty.

    Raises:
        InputTypeError: If the values are not real numbers.
        ShapeError: If the number of axes differs, or rows differ in length.
        DataError: If a number is inf or nan.

    Examples:
        >>> to_states([[0, 1], [1, 0]], "states", ("states", "hidden")).shape
        (2, 2)
    """
    array = _to_array(values, name)
    if array.ndim != len(axes) or not array.size:
        raise ShapeError(f"expected {name} of shape ({', '.join(axes)}), got {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"expected {name} to be finite, got inf or nan")
    return array


def _to_array(values: Any, name: str) -> Floats:
    refusal = InputTypeError(f"expected {name} to be numbers, got {described(values)}")
    try:
        if isinstance(values, Tensor):
            values = values.detach().cpu().double().numpy()  # NumPy has no bfloat16
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(
            f"expected {name} in rows of equal length, got different lengths"
        ) from error
    except Exception as error:  # an object's conversion to an array may raise anything
        raise refusal from error
    if array.dtype.kind not in "fiu":
        raise refusal
    return array.astype(np.float64)
