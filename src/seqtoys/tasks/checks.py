"""Checks of the options that tasks share."""

from __future__ import annotations

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
