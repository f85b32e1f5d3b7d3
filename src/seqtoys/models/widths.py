"""Choosing the width of a model by its number of parameters."""

from __future__ import annotations

from collections.abc import Callable

from seqtoys.errors import OptionError

DEFAULT_WIDTH = 32


def choose_width(
    hidden_size: int | None,
    parameters: int | None,
    count: Callable[[int], int],
    *,
    multiple_of: int = 1,
) -> int:
    """Return the width of a model: the one given, or the largest with at most `parameters`.

    Args:
        hidden_size: The width, or None.
        parameters: The largest number of parameters, or None.
        count: Returns the number of parameters of a model of some width; it grows with the width.
        multiple_of: A number that divides the width, such as the number of attention heads.

    Raises:
        OptionError: If both are given, or the smallest model has more parameters.

    Examples:
        >>> choose_width(None, 10_000, lambda width: width**2)
        100
        >>> choose_width(None, None, lambda width: width**2)
        32
        >>> choose_width(None, 10, lambda width: width**2, multiple_of=4)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected parameters=16 or more, the number of a model of ...
    """
    if parameters is None:
        default = -(-DEFAULT_WIDTH // multiple_of) * multiple_of
        return default if hidden_size is None else hidden_size
    if hidden_size is not None:
        raise OptionError(
            f"hidden_size={hidden_size} cannot be combined with parameters={parameters}, which "
            "chooses the width; omit one of them"
        )
    smallest = count(multiple_of)
    if parameters < smallest:
        raise OptionError(
            f"expected parameters={smallest} or more, the number of a model of width "
            f"{multiple_of} with these options, got {parameters}"
        )
    return multiple_of * _largest(lambda n: count(n * multiple_of) <= parameters)


def _largest(fits: Callable[[int], bool]) -> int:
    """Return the largest number that fits, if 1 fits and all below a number that fits do."""
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
