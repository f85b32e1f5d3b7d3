"""One row of a score card: the result of one seed on one skill."""

from __future__ import annotations

import json
import math
import operator
from dataclasses import dataclass, field, fields
from typing import Any

from seqtoys.errors import DataError, quoted
from seqtoys.support.arguments import check_fields
from seqtoys.support.serialization import expected
from seqtoys.support.uncertainty import Estimate
from seqtoys.training.options import Written


@dataclass(frozen=True, repr=False)
class CardRow:
    """The result of one seed on one skill.

    If training or a check failed, `error` says why, and all results are None or empty. Comparisons
    of rows ignore the durations and `versions`.

    Attributes:
        skill: The name of the skill.
        level: The level of its recipe, `"quick"` or `"full"`.
        seed: The seed of the model.
        lr: The learning rate.
        score: The score on unseen sequences of training lengths: 0 without memory, 100 at the
            optimum. Its standard error is that of the evaluation.
        longer: The score on longer sequences. None if the model failed on them.
        accuracy: The proportion of scored symbols predicted correctly, at training lengths.
        longer_accuracy: The same on longer sequences.
        solved: Whether `score` is 95 or more, and can be trusted.
        updates: The number of updates.
        seconds: The duration of these updates.
        total_seconds: The duration of everything: all learning rates, and the evaluation.
        parameters: The number of parameters of the model.
        state: The number of numbers in its state; None if it shows none.
        tried: The score at each learning rate that was tried, as pairs; nan if training diverged.
        curve: The training loss as pairs of an update and the mean loss of the updates up to it.
        memoryless: The loss without memory, on the test sequences of training lengths.
        optimum: The loss of the source, on the same sequences.
        mistakes: The worst mistakes as text.
        remark: Why the result can't be trusted, or is incomplete; None if neither.
        error: Why the seed failed, or None.
        versions: A digest of the `"code"` of the model.

    Raises:
        DataError: If a score is not finite, if only one of `optimum` and `memoryless` is None, if
            they are not finite with `optimum < memoryless`, or if the updates of the curve do not
            increase.

    Examples:
        >>> row = CardRow("track", "quick", 7, score=Estimate(99.5, 0.25), solved=True)
        >>> CardRow.from_json(row.to_json()) == row
        True
    """

    skill: str
    level: str
    seed: int
    lr: float | None = None
    score: Estimate | None = None
    longer: Estimate | None = None
    accuracy: float | None = None
    longer_accuracy: float | None = None
    solved: bool | None = None
    updates: int | None = None
    seconds: float = field(default=0.0, compare=False)
    total_seconds: float = field(default=0.0, compare=False)
    parameters: int | None = None
    state: int | None = None
    tried: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    curve: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    memoryless: float | None = None
    optimum: float | None = None
    mistakes: list[str] = field(default_factory=list[str])
    remark: str | None = None
    error: str | None = None
    versions: dict[str, str] = field(default_factory=dict[str, str], compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_scores()
        self._check_losses()

    def __repr__(self) -> str:
        verdict = {None: "failed", False: "not solved", True: "solved"}[self.solved]
        score = "" if self.score is None else f", score {self.score}"
        return f"CardRow({self.skill}, seed {self.seed}: {verdict}{score})"

    def _check_scores(self) -> None:
        for name in ESTIMATES:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise DataError(f"expected {name} to be finite or None, got {float(value)}")

    def _check_losses(self) -> None:
        """Check the numbers from which the scores along the curve are computed."""
        levels = (self.optimum, self.memoryless)
        if levels != (None, None):
            low, high = (math.nan if loss is None else loss for loss in levels)
            if not -math.inf < low < high < math.inf:
                raise DataError(
                    f"expected optimum < memoryless, or both None, got {levels[0]} and {levels[1]}"
                )
        ends = [update for update, _ in self.curve]
        if not all(map(operator.lt, [0, *ends], ends)):
            raise DataError(f"expected a curve with increasing updates, got {quoted(ends)}")

    @property
    def settings(self) -> dict[str, Written]:
        """The setting of the row in the file of the score card."""
        return {"skill": self.skill, "level": self.level}

    def to_plain(self) -> dict[str, Any]:
        """Return the row as values for JSON, without those that have their default."""
        return {
            each.name: _plain(value)
            for each in fields(self)
            if (value := getattr(self, each.name)) not in (None, [], {})
        }

    @classmethod
    def from_plain(cls, facts: dict[str, Any]) -> CardRow:
        """Restore a row from the `facts` that `to_plain` returned.

        Raises:
            DataError: If they are not a row.
        """
        with expected("a row of a score card"):
            found = dict(facts)
            for name in ESTIMATES:
                if name in found:
                    value, error = map(_number, found[name])
                    found[name] = Estimate(value, error)
            for name in PAIRS:
                pairs = found.get(name, [])
                found[name] = [(x, _number(y)) for x, y in pairs]
            return cls(**found)

    def to_json(self) -> str:
        """Serialize the row as one line of JSON; `from_json` restores an equal one."""
        return json.dumps(self.to_plain(), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> CardRow:
        """Restore a row from the `line` that `to_json` returned.

        Raises:
            DataError: If the line is not a row.
        """
        with expected("a row of a score card"):
            return cls.from_plain(json.loads(line))


ESTIMATES, PAIRS = ("score", "longer"), ("tried", "curve")


def _plain(value: object) -> object:
    """Convert estimates and pairs for JSON, which has no nan or inf."""
    if isinstance(value, Estimate):
        return [_finite(float(value)), _finite(value.standard_error)]
    if isinstance(value, list):
        return [[x, _finite(y)] for x, y in value] if value and type(value[0]) is tuple else value
    return value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
