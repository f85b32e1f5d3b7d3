"""Checks of the options that tasks share."""

from __future__ import annotations

from collections.abc import Sequence

from seqtoys.errors import OptionError


def check_count(name: str, value: int, least: int, most: int | None = None) -> int:
    """Make sure that an option is an integer in its range.

    Args:
        name: What to call it.
        value: It.
        least: The smallest allowed.
        most: The largest allowed; None: there is none.

    Raises:
        OptionError: If it is not.

    Examples:
        >>> check_count("delay", 100, 1)
        100
    """
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        wanted = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise OptionError(f"expected {name} to be an integer {wanted}, got {value!r}")
    return value


def check_probability(name: str, value: float, below: float = 1.0) -> float:
    """Make sure that an option lies between 0 and a limit, both excluded.

    Args:
        name: What to call it.
        value: It.
        below: The limit.

    Raises:
        OptionError: If it does not.

    Examples:
        >>> check_probability("p", 0.3)
        0.3
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < below:
        raise OptionError(f"expected {name} to be above 0 and below {below:g}, got {value!r}")
    return float(value)


def check_length(length: object, name: str = "lengths") -> None:
    """Make sure that a length is one.

    Raises:
        OptionError: If it is no positive integer.
    """
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise OptionError(f"expected {name} to be a positive integer, got {length!r}")


def check_lengths(lengths: tuple[int, int]) -> tuple[int, int]:
    """Make sure that lengths are a shortest and a longest.

    Raises:
        OptionError: If they are not.

    Examples:
        >>> check_lengths((5, 40))
        (5, 40)
    """
    if not isinstance(lengths, Sequence) or len(lengths) != 2:
        raise OptionError(f"expected lengths as (shortest, longest), got {lengths!r}")
    for length in lengths:
        check_length(length)
    if lengths[0] > lengths[1]:
        raise OptionError(f"expected lengths as (shortest, longest), got {lengths!r}")
    return lengths[0], lengths[1]
