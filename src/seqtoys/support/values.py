"""Checks of counts, lengths and probabilities."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping, Sequence, Sized
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from seqtoys.errors import DataError, OptionError, quoted


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


MANY = 10**15  # more than any real count, and less than Python's len allows
LARGEST = 2**63 - 1  # the largest int64, which Python still prints in full
LONGEST = 1_000_000  # the most symbols in a sequence of a task


def check_count(name: str, value: object, least: int, most: int | None = None) -> int:
    """Check that an option is an integer in its range, and return it as an int.

    Args:
        name: The name of the option.
        value: Its value, an integer of any type.
        least: The smallest value allowed.
        most: The largest value allowed. If None, the largest 64-bit integer.

    Raises:
        OptionError: If it is not an integer, or out of range.

    Examples:
        >>> check_count("delay", 100, 1)
        100
    """
    count = to_int(value)
    if count is None or not least <= count <= (LARGEST if most is None else most):
        if most is not None:
            wanted = f"an integer from {least:,} to {most:,}"
        else:
            wanted = {0: "a non-negative integer", 1: "a positive integer"}.get(
                least, f"an integer of at least {least:,}"
            )
        raise OptionError(f"expected {name} to be {wanted}, got {quoted(value)}")
    return count


def check_choice(name: str, value: object, known: Sequence[str]) -> None:
    """Check that a value is one of several strings.

    Args:
        name: The name of the value.
        value: The value.
        known: The strings.

    Raises:
        OptionError: If it is not.

    Examples:
        >>> check_choice("units", "bytes", ["nats", "bits"])
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected units to be 'nats' or 'bits', got 'bytes'
    """
    if not isinstance(value, str) or value not in known:
        *others, last = map(repr, known)
        wanted = f"{', '.join(others)} or {last}"
        raise OptionError(f"expected {name} to be {wanted}, got {quoted(value)}")


def check_columns(columns: Mapping[str, Sized]) -> None:
    """Check that the columns of a table have the same number of rows.

    Args:
        columns: The columns by name.

    Raises:
        DataError: If they differ in length.

    Examples:
        >>> check_columns({"position": [1, 2], "loss": [0.5]})
        Traceback (most recent call last):
        seqtoys.errors.DataError: expected loss with 2 rows, as many as position, got 1
    """
    (first, column), *others = columns.items()
    for name, other in others:
        if len(other) != len(column):
            raise DataError(
                f"expected {name} with {len(column)} rows, as many as {first}, got {len(other)}"
            )


def check_positive(name: str, value: object) -> float:
    """Check that an option is a finite number above 0, and return it as a float.

    Args:
        name: The name of the option.
        value: Its value, a real number of any type.

    Raises:
        OptionError: If it is not.

    Examples:
        >>> check_positive("lr", 1)
        1.0
    """
    return _strictly_between(name, value, 0.0, math.inf, "a positive finite number")


def check_probability(
    name: str, value: object, *, above: float = 0.0, below: float = 1.0
) -> float:
    """Check that an option lies strictly between two limits, and return it as a float.

    Args:
        name: The name of the option.
        value: Its value, a real number of any type.
        above: The lower limit.
        below: The upper limit.

    Raises:
        OptionError: If it does not.

    Examples:
        >>> check_probability("p", 0.3)
        0.3
    """
    return _strictly_between(name, value, above, below, f"above {above:g} and below {below:g}")


def check_share(name: str, value: object) -> float:
    """Check that an option is a fraction strictly between 0 and 1, and return it as a float.

    Args:
        name: The name of the option.
        value: Its value, a real number of any type.

    Raises:
        OptionError: If it is not.

    Examples:
        >>> check_share("validation", 0.2)
        0.2
    """
    return _strictly_between(name, value, 0.0, 1.0, "a fraction between 0 and 1")


def _strictly_between(name: str, value: object, above: float, below: float, wanted: str) -> float:
    number = to_real(value)
    if number is None or not above < number < below:
        raise OptionError(f"expected {name} to be {wanted}, got {quoted(value)}")
    return float(number)


def check_length(length: object, name: str = "lengths") -> int:
    """Check that a length, or another count, is a positive integer, and return it as an int.

    Raises:
        OptionError: If it is not.
    """
    return check_count(name, length, 1)


def check_lengths(lengths: object) -> tuple[int, int]:
    """Check that lengths are a pair (shortest, longest), and return them as ints.

    Raises:
        OptionError: If they are not.

    Examples:
        >>> check_lengths((5, 40))
        (5, 40)
    """
    if not isinstance(lengths, Sequence) or len(lengths) != 2:
        raise OptionError(f"expected lengths to be (shortest, longest), got {quoted(lengths)}")
    shortest, longest = map(check_length, lengths)
    if shortest > longest:
        raise OptionError(
            "expected lengths to be (shortest, longest), with shortest <= longest, "
            f"got {quoted(lengths)}"
        )
    if longest > LONGEST:
        raise OptionError(f"expected lengths of at most {LONGEST:,}, got {quoted(lengths)}")
    return shortest, longest
