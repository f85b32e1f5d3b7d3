"""What the seeds of one skill have in common: scores with intervals, and the solve rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from seqtoys.scorecards.row import CardRow
from seqtoys.support.arguments import check_fields
from seqtoys.support.uncertainty import NORMAL_95, Estimate, Proportion, median_interval


@dataclass(frozen=True)
class Spread:
    """The median over seeds, with an interval.

    Attributes:
        value: The median.
        low: The lower end of the 95% interval of the median, or the lowest value if there are
            fewer than six, which are too few for an interval; minus 1.96 standard errors of its
            evaluation.
        high: The upper end, likewise.

    Examples:
        >>> print(Spread(98.25, 97.0, 98.5))
        98.2 [97.0, 98.5]
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        check_fields(self)

    def __str__(self) -> str:
        return f"{digits(self.value)} [{digits(self.low)}, {digits(self.high)}]"


def digits(score: float) -> str:
    """Write a score with one decimal place, or with none below -100.

    Examples:
        >>> digits(99.96), digits(-0.01), digits(-123.4)
        ('100.0', '0.0', '-123')
    """
    return f"{score:.0f}" if score <= -100 else f"{round(score, 1) + 0.0:.1f}"


def spread(scores: Sequence[Estimate]) -> Spread | None:
    """Return the median of scores with an interval; None if there are none.

    Args:
        scores: One score per seed, with the standard error of its evaluation.

    Examples:
        >>> spread([Estimate(90.0, 1.0), Estimate(95.0, 1.0), Estimate(97.0, 0.0)])
        Spread(value=95.0, low=88.040..., high=97.0)
    """
    if not scores:
        return None
    low, high = median_interval(map(float, scores))
    errors = {float(score): NORMAL_95 * score.standard_error for score in scores}
    return Spread(median(map(float, scores)), low - errors[low], high + errors[high])


@dataclass(frozen=True)
class SkillSummary:
    """The results of all seeds on one skill.

    Attributes:
        skill: The name of the skill.
        rows: One row per seed, also those that failed.

    Examples:
        >>> rows = [CardRow("add", "quick", 0, score=Estimate(97.0), solved=True, updates=80)]
        >>> summary = SkillSummary("add", rows)
        >>> summary.solved.value, summary.updates
        (1.0, 80.0)
    """

    skill: str
    rows: Sequence[CardRow]

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def finished(self) -> list[CardRow]:
        """The rows that did not fail."""
        return [row for row in self.rows if row.score is not None]

    @property
    def failed(self) -> list[CardRow]:
        """The rows that failed."""
        return [row for row in self.rows if row.score is None]

    @property
    def score(self) -> Spread | None:
        """The score at training lengths; None if all seeds failed."""
        return spread([row.score for row in self.rows if row.score is not None])

    @property
    def longer(self) -> Spread | None:
        """The score on longer sequences; None if there is none."""
        return spread([row.longer for row in self.rows if row.longer is not None])

    @property
    def solved(self) -> Proportion:
        """The proportion of seeds that solved the skill; failed ones did not."""
        return Proportion(sum(row.solved is True for row in self.rows), len(self.rows))

    @property
    def is_solved(self) -> bool:
        """Whether more than half of the seeds solved the skill."""
        return 2 * self.solved.count > self.solved.trials

    @property
    def updates(self) -> float | None:
        """The median number of updates of the seeds that solved the skill."""
        return self._median_of_solved(lambda row: row.updates or 0)

    @property
    def seconds(self) -> float | None:
        """The median duration of these updates, in seconds."""
        return self._median_of_solved(lambda row: row.seconds)

    def _median_of_solved(self, fact: Callable[[CardRow], float]) -> float | None:
        values = [fact(row) for row in self.rows if row.solved]
        return float(median(values)) if values else None
