"""A number with its standard error."""

from __future__ import annotations

import math
from typing import Any

from seqtoys.support.arguments import checked


class Estimate(float):
    """A float with its standard error: `Estimate(value, standard_error)`.

    Attributes:
        standard_error: The standard deviation of the number over repetitions; 0 if it is exact.

    Examples:
        >>> print(Estimate(0.25), Estimate(0.31, 0.012))
        0.2500 0.310 ± 0.012
        >>> Estimate(0.25) + 1
        1.25
    """

    standard_error: float

    @checked
    def __new__(cls, value: float, standard_error: float = 0.0) -> Estimate:
        """Create a float with a standard error.

        Args:
            value: The number.
            standard_error: The standard deviation of the number over repetitions.

        Raises:
            InputTypeError: If either is not a number.
        """
        made = super().__new__(cls, value)
        made.standard_error = float(standard_error)
        return made

    @property
    def is_exact(self) -> bool:
        """Whether the number is exact."""
        return self.standard_error == 0

    def __str__(self) -> str:
        if self.is_exact or not math.isfinite(self.standard_error):
            return f"{float(self):.4f}"
        # Two significant digits of the error, but at most four decimal places.
        digits = min(max(0, 1 - _magnitude(self.standard_error)), 4)
        return f"{float(self):.{digits}f} ± {self.standard_error:.{digits}f}"

    def __repr__(self) -> str:
        return f"Estimate({float(self)!r}, {self.standard_error!r})"

    def __getnewargs__(self) -> Any:
        return float(self), self.standard_error


def _magnitude(value: float) -> int:
    """Return the power of ten of the first digit."""
    return int(f"{value:e}".partition("e")[2])
