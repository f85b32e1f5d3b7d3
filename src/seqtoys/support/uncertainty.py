"""Estimates, proportions and medians, with their standard errors or 95% intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seqtoys.support.arguments import checked
from seqtoys.support.values import check_count


def entropy(*shares: float) -> float:
    """Compute the entropy of a discrete distribution, in nats.

    Args:
        *shares: The probabilities, which sum to 1, or one of only two.

    Examples:
        >>> entropy(0.3), entropy(0.3, 0.7)
        (0.6108..., 0.6108...)
    """
    whole = shares if len(shares) > 1 else (*shares, 1 - shares[0])
    return -sum(share * math.log(share) for share in whole if share) + 0.0  # no -0.0


LARGE = 1e6  # from here on, in scientific notation


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
        is_plain = self.is_exact or not math.isfinite(self.standard_error)
        if LARGE <= abs(self) < math.inf:
            error = "" if is_plain else f" ± {self.standard_error:.1e}"
            return f"{float(self):.2e}{error}"
        if is_plain:
            return f"{float(self):.4f}"
        # Two significant digits of the error, but at most four decimal places.
        digits = min(max(0, 1 - _magnitude(self.standard_error)), 4)
        return f"{float(self):.{digits}f} ± {self.standard_error:.{digits}f}"

    def __repr__(self) -> str:
        return f"Estimate({float(self)!r}, {self.standard_error!r})"

    def __getnewargs__(self) -> Any:
        return float(self), self.standard_error


def as_estimate(value: float) -> Estimate:
    """Return a number as an `Estimate`; a plain number is exact.

    Raises:
        InputTypeError: If it is not a number.

    Examples:
        >>> as_estimate(0.5), as_estimate(Estimate(0.5, 0.1))
        (Estimate(0.5, 0.0), Estimate(0.5, 0.1))
    """
    return value if isinstance(value, Estimate) else Estimate(value)


def _magnitude(value: float) -> int:
    """Return the power of ten of the first digit."""
    return int(f"{value:e}".partition("e")[2])


NORMAL_95 = 1.959963984540054  # standard deviations around the mean that contain 95%
TAIL = 0.025  # the probability in each tail outside a 95% interval
FEW = 3  # with at most this many successes or failures, the interval is exact
HALVINGS = 100


@dataclass(frozen=True)
class Proportion:
    """A proportion of trials, with its 95% confidence interval.

    The interval is Wilson's (1927). With at most three successes or failures, Wilson's interval
    can contain the true proportion much less often than 95% of the time, so the exact interval
    of Clopper and Pearson (1934) is used instead, which contains it at least 95% of the time.

    Attributes:
        count: The number of trials that succeeded.
        trials: The number of trials.

    Raises:
        OptionError: If they are not non-negative integers, or `count` is above `trials`.

    Examples:
        >>> rate = Proportion(770, 1000)
        >>> print(rate)
        77.0% of 1,000 (95% interval 74.3 to 79.5%)
        >>> rate.value, round(rate.low, 4), round(rate.high, 4)
        (0.77, 0.7429, 0.795)
        >>> print(Proportion(10, 10))  # no proof that it always works
        100.0% of 10 (95% interval 69.2 to 100.0%)
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
        interval = f"95% interval {100 * self.low:.1f} to {100 * self.high:.1f}%"
        return f"{100 * self.value:.1f}% of {self.trials:,} ({interval})"

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
    """Return the exact interval: proportions for which neither tail is less likely than 2.5%."""
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


def median_interval(values: Iterable[int | float]) -> tuple[int | float, int | float]:
    """Return the 95% confidence interval of a median, from two of the sorted values.

    Whatever the distribution of the values, the interval contains its median with a probability
    of at least 95%. With fewer than six values that is impossible, and it is their range.

    Args:
        values: One or more values.

    Examples:
        >>> median_interval([7, 1, 4, 2, 9, 5, 8, 3, 6])
        (2, 8)
        >>> median_interval([3, 1, 2])
        (1, 3)
    """
    ordered = sorted(values)
    count, cut, below, ways = len(ordered), 0, 0, 1  # ways in which `cut` values are below it
    while (below + ways) / 2**count <= TAIL:
        below += ways
        ways = ways * (count - cut) // (cut + 1)
        cut += 1
    cut = max(cut, 1)
    return ordered[cut - 1], ordered[count - cut]
