"""A proportion of trials with its 95 % confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqtoys.support.amounts import check_count

NORMAL_95 = 1.959963984540054  # standard deviations around the mean that contain 95 %
TAIL = 0.025  # the probability in each tail outside a 95 % interval
FEW = 3  # with at most this many successes or failures, the interval is exact
HALVINGS = 100


@dataclass(frozen=True)
class Rate:
    """A proportion of trials, with its 95 % confidence interval.

    The interval is Wilson's (1927). With at most three successes or failures, Wilson's interval
    can contain the true proportion much less often than 95 % of the time, so the exact interval
    of Clopper and Pearson (1934) is used instead, which contains it at least 95 % of the time.

    Attributes:
        count: The number of trials that succeeded.
        trials: The number of trials.

    Raises:
        OptionError: If they are not non-negative integers, or `count` is above `trials`.

    Examples:
        >>> rate = Rate(770, 1000)
        >>> print(rate)
        77.0 % of 1,000 (95 % interval 74.3 to 79.5 %)
        >>> rate.value, round(rate.low, 4), round(rate.high, 4)
        (0.77, 0.7429, 0.795)
        >>> print(Rate(10, 10))  # no proof that it always works
        100.0 % of 10 (95 % interval 69.2 to 100.0 %)
    """

    count: int
    trials: int

    def __post_init__(self) -> None:
        trials = check_count("trials", self.trials, 0)
        vars(self).update(trials=trials, count=check_count("count", self.count, 0, trials))

    @property
    def value(self) -> float:
        """The proportion itself; nan if there were no trials."""
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
        failures = self.trials - self.count
        if self.count <= FEW:
            return _exact_bounds(self.count, self.trials)
        if failures <= FEW:
            low, high = _exact_bounds(failures, self.trials)
            return 1 - high, 1 - low
        return _wilson_bounds(self.count, self.trials)


def _wilson_bounds(count: int, trials: int) -> tuple[float, float]:
    """Return Wilson's interval: proportions at most 1.96 deviations from the observed."""
    z2 = NORMAL_95**2
    centre = (count + z2 / 2) / (trials + z2)
    variance = count * (trials - count) / trials + z2 / 4
    spread = NORMAL_95 * math.sqrt(variance) / (trials + z2)
    return centre - spread, centre + spread


def _exact_bounds(count: int, trials: int) -> tuple[float, float]:
    """Return the exact interval: proportions for which neither tail is less likely than 2.5 %."""
    low = 0.0 if count == 0 else _proportion(count - 1, trials, 1 - TAIL)
    high = 1.0 if count == trials else _proportion(count, trials, TAIL)
    return low, high


def _proportion(count: int, trials: int, probability: float) -> float:
    """Return the proportion for which at most `count` trials succeed with this probability."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _at_most(count, trials, middle) > probability:  # falls as the proportion grows
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(count: int, trials: int, p: float) -> float:
    """Return the probability of at most `count` successes in `trials` trials."""
    terms = (math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(count + 1))
    return sum(terms)
