"""Hidden states as users have them (tensors, NumPy arrays, lists) -> NumPy arrays of floats."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from seqtoys.errors import DataError, InputTypeError, ShapeError
from seqtoys.support.annotations import described

Axes: TypeAlias = tuple[str, ...]


def to_states(values: Any, name: str, axes: Axes) -> npt.NDArray[np.float64]:
    """Read finite numbers of any real type, on any device.

    Args:
        values: A tensor, an array or (nested) lists.
        name: What messages call it.
        axes: The names of its axes; each has at least one number.

    Raises:
        InputTypeError: If the values are no real numbers.
        ShapeError: If they have other axes, or rows of several lengths.
        DataError: If a number is inf or nan.

    Examples:
        >>> to_states([[0, 1], [1, 0]], "states", ("states", "hidden")).shape
        (2, 2)
    """
    array = _to_array(values, name)
    if array.ndim != len(axes) or not array.size:
        raise ShapeError(f"expected {name} of shape ({', '.join(axes)}), got {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"expected {name} to be finite, got inf or nan in it")
    return array


def _to_array(values: Any, name: str) -> npt.NDArray[np.float64]:
    refusal = InputTypeError(f"expected {name} to be numbers, got {described(values)}")
    try:
        if isinstance(values, Tensor):
            values = values.detach().cpu().double().numpy()  # as NumPy has no bfloat16
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"expected {name} in rows of one length, got several lengths") from error
    except Exception as error:  # whatever some object raises when it is asked for numbers
        raise refusal from error
    if array.dtype.kind not in "fiu":
        raise refusal
    return array.astype(np.float64)
