"""Checks of numbers: how many, how long, how likely."""

from __future__ import annotations

from collections.abc import Sequence

from seqtoys.errors import OptionError, quoted

MANY = 10**15  # more than anyone counts, and less than Python's len allows
LONGEST = 1_000_000  # symbols in a sequence of a task


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
        raise OptionError(f"expected {name} to be an integer {wanted}, got {quoted(value)}")
    return value


def check_probability(name: str, value: float, *, above: float = 0.0, below: float = 1.0) -> float:
    """Make sure that an option lies between two limits, both excluded.

    Args:
        name: What to call it.
        value: It.
        above: The lower limit.
        below: The upper limit.

    Raises:
        OptionError: If it does not.

    Examples:
        >>> check_probability("p", 0.3)
        0.3
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not above < value < below:
        raise OptionError(
            f"expected {name} to be above {above:g} and below {below:g}, got {quoted(value)}"
        )
    return float(value)


def check_length(length: object, name: str = "lengths") -> None:
    """Make sure that a length is one.

    Raises:
        OptionError: If it is no positive integer.
    """
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise OptionError(f"expected {name} to be a positive integer, got {quoted(length)}")


def check_lengths(lengths: tuple[int, int]) -> tuple[int, int]:
    """Make sure that lengths are a shortest and a longest.

    Raises:
        OptionError: If they are not.

    Examples:
        >>> check_lengths((5, 40))
        (5, 40)
    """
    if not isinstance(lengths, Sequence) or len(lengths) != 2:
        raise OptionError(f"expected lengths as (shortest, longest), got {quoted(lengths)}")
    for length in lengths:
        check_length(length)
    if lengths[0] > lengths[1]:
        raise OptionError(f"expected lengths as (shortest, longest), got {quoted(lengths)}")
    if lengths[1] > LONGEST:
        raise OptionError(f"expected lengths of {LONGEST:,} at most, got {quoted(lengths)}")
    return lengths[0], lengths[1]
