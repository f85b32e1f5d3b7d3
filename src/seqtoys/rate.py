"""A share of trials, and how surely it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqtoys.amounts import check_count

NORMAL_95 = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


@dataclass(frozen=True)
class Rate:
    """A share of trials, with its 95 % interval (Wilson, 1927).

    Attributes:
        count: How many trials succeeded.
        trials: How many there were.

    Raises:
        OptionError: If they are no numbers from 0 on, or more succeeded than there were.

    Examples:
        >>> rate = Rate(770, 1000)
        >>> print(rate)
        77.0 % of 1,000 (95 % interval 74.3 to 79.5 %)
        >>> rate.value, round(rate.low, 4), round(rate.high, 4)
        (0.77, 0.7429, 0.795)
    """

    count: int
    trials: int

    def __post_init__(self) -> None:
        trials = check_count("trials", self.trials, 0)
        vars(self).update(trials=trials, count=check_count("count", self.count, 0, trials))

    @property
    def value(self) -> float:
        """The share itself; nan without a trial."""
        return self.count / self.trials if self.trials else math.nan

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self._bounds()[0]

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self._bounds()[1]

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        interval = f"95 % interval {100 * self.low:.1f} to {100 * self.high:.1f} %"
        return f"{100 * self.value:.1f} % of {self.trials:,} ({interval})"

    def _bounds(self) -> tuple[float, float]:
        if not self.trials:
            return 0.0, 1.0
        n, z2 = self.trials, NORMAL_95**2
        centre = (self.count + z2 / 2) / (n + z2)
        spread = NORMAL_95 * math.sqrt(self.count * (n - self.count) / n + z2 / 4) / (n + z2)
        # Nothing solved, or all: the end is 0 or 1 exactly, whatever rounding says.
        low = 0.0 if self.count == 0 else centre - spread
        return low, 1.0 if self.count == n else centre + spread
