"""Conversion of numbers of any type (NumPy, PyTorch, fractions) to int and float."""

from __future__ import annotations

import operator
import sys
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor


def to_int(value: object) -> int | None:
    """Return an integer of any type as an int, or None for anything else.

    An integer is anything with `__index__`, such as a NumPy integer or a 0-dimensional tensor.
    Booleans are not accepted.

    Args:
        value: Anything.

    Examples:
        >>> to_int(np.int64(2)), to_int(np.array(2)), to_int(2.0), to_int(True)
        (2, 2, None, None)
    """
    value = _without_axes(value)
    # Arrays and tensors of one element have `__index__` regardless of their number of axes.
    if isinstance(value, bool | np.ndarray | Tensor):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def to_real(value: object) -> int | float | None:
    """Return a real number of any type as an int or a float, or None for anything else.

    Booleans, and integers too large for a float, are not accepted. Subclasses of float other than
    NumPy's, such as `Estimate`, are returned unchanged.

    Args:
        value: Anything.

    Examples:
        >>> to_real(np.float32(0.5)), to_real(np.int64(2)), to_real("2"), to_real(10**400)
        (0.5, 2, None, None)
    """
    value = _without_axes(value)
    if isinstance(value, float) and not isinstance(value, np.floating):
        return value
    if (integer := to_int(value)) is not None:
        return integer if abs(integer) <= sys.float_info.max else None
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:  # a fraction too large for a float
        return None


def _without_axes(value: Any) -> Any:
    """Return the number in a 0-dimensional array or tensor, or any other value unchanged."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value[()]
    if isinstance(value, Tensor) and value.ndim == 0:
        try:
            return value.item()
        except RuntimeError:  # meta tensors have no values
            return value
    return value
