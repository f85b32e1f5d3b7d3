"""One row of a sweep: the result of one seed of one setting."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from seqtoys.support.arguments import check_fields
from seqtoys.support.serialization import expected
from seqtoys.support.uncertainty import Estimate
from seqtoys.training.options import Written


@dataclass(frozen=True, repr=False)
class SweepRow:
    """The result of one seed of one setting; losses are in nats per scored symbol.

    Losses and accuracies are those of the trained model: for a task, on fresh sequences, as
    measured by `evaluate`; for other data, on the training sequences themselves. All are None if
    training diverged or failed. Each is an `Estimate` with its standard error: 0 if all of the
    data were measured, nan if unknown, for example from fewer than 20 sequences.

    A row is solved if its excess plus two standard errors is at most the goal or, if the goal is
    None, if every scored symbol is predicted correctly. If part of a task is held out, the goal is
    relative to the loss of the task's source, which ignores the split. A loss below the optimum by
    more than chance never counts as solved, and `remark` explains why. Comparisons of rows ignore
    `seconds` and `versions`.

    Attributes:
        settings: The values of the grid.
        seed: The seed of the model.
        solved: Whether the trained model reached the goal, or None if the seed failed.
        epochs_to_solve: The first epoch whose own loss or accuracy reached the goal, or the last
            one if only the final weights do. None if not solved.
        goal: The excess that counts as solved. If None, every scored symbol must be predicted.
        stopped: Why training ended: as in `History`, or `"diverged"`.
        parameters: The number of parameters of the model.
        loss: The mean loss.
        optimum: The lowest loss that any model could reach on the evaluated sequences.
        excess: `loss - optimum`.
        accuracy: The proportion of scored symbols predicted correctly.
        whole_accuracy: The proportion of sequences with every scored symbol predicted correctly;
            None for a long text.
        unseen_loss: The loss on held-out data, or None if there are none.
        unseen_excess: The excess on held-out data; None if their optimum is unknown.
        unseen_accuracy: The accuracy on held-out data.
        unseen_whole_accuracy: The whole-sequence accuracy on held-out data.
        longer_excess: The excess on longer sequences of a task, by length.
        longer_accuracy: The accuracy on longer sequences, by length.
        longer_whole_accuracy: The whole-sequence accuracy on longer sequences, by length.
        curves: With `sweep(curves=True)`, the learning curves: lists of the `"loss"`, `"excess"`
            and `"accuracy"` of each epoch before its update and, if data are held out, their
            `"unseen_loss"`.
        seconds: The duration of training and evaluation; for an ensemble, of all its seeds.
        versions: Digests of the `"code"` of the model and of the `"data"`.
        remark: Why the result can't be trusted, or None.
        error: Why the seed failed, or None.

    Examples:
        >>> row = SweepRow({"lr": 0.1}, 7, solved=True, excess=Estimate(0.25, 0.01), seconds=0.5)
        >>> SweepRow.from_json(row.to_json()) == row
        True
    """

    settings: dict[str, Written]
    seed: int
    solved: bool | None = None
    epochs_to_solve: int | None = None
    goal: float | None = None
    stopped: str | None = None
    parameters: int | None = None
    loss: Estimate | None = None
    optimum: float | None = None
    excess: Estimate | None = None
    accuracy: Estimate | None = None
    whole_accuracy: Estimate | None = None
    unseen_loss: Estimate | None = None
    unseen_excess: Estimate | None = None
    unseen_accuracy: Estimate | None = None
    unseen_whole_accuracy: Estimate | None = None
    longer_excess: dict[int, Estimate] = field(default_factory=dict[int, Estimate])
    longer_accuracy: dict[int, Estimate] = field(default_factory=dict[int, Estimate])
    longer_whole_accuracy: dict[int, Estimate] = field(default_factory=dict[int, Estimate])
    curves: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    seconds: float = field(default=0.0, compare=False)
    versions: dict[str, str] = field(default_factory=dict[str, str], compare=False)
    remark: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        settings = "".join(f"{name}={value}, " for name, value in self.settings.items())
        verdict = {None: "failed", False: "not solved", True: "solved"}[self.solved]
        excess = "" if self.excess is None else f", excess {self.excess}"
        return f"SweepRow({settings}seed {self.seed}: {verdict}{excess})"

    def to_record(self) -> dict[str, Any]:
        """Return the row as a flat record for a table, without the curves and versions.

        Each estimate has a second column for its standard error.

        Examples:
            >>> row = SweepRow({"lr": 0.1}, 7, longer_accuracy={50: Estimate(0.75, 0.01)})
            >>> record = row.to_record()
            >>> record["lr"], record["accuracy_at_50"], record["accuracy_at_50_error"]
            (0.1, 0.75, 0.01)
        """
        facts = {**vars(self)}
        for name in ("settings", "curves", "versions"):
            del facts[name]
        last = {name: facts.pop(name) for name in ("seconds", "remark", "error")}
        record = dict(self.settings)
        for name, value in facts.items():
            if name in LONGER:
                short = name.removeprefix("longer_")
                for length, estimate in value.items():
                    record |= _columns(f"{short}_at_{length}", estimate)
            else:
                record |= _columns(name, value) if name in ESTIMATES else {name: value}
        return {**record, **last}

    def to_json(self) -> str:
        """Serialize the row as one line of JSON; `from_json` restores an equal one."""
        return json.dumps(_plain(vars(self)), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> SweepRow:
        """Restore a row from the `line` that `to_json` returned.

        Raises:
            DataError: If the line is not a row.
        """
        with expected("a row as returned by to_json"):
            facts = json.loads(line)
            for name in ESTIMATES:
                facts[name] = None if facts[name] is None else _estimate(facts[name])
            for name in LONGER:
                facts[name] = {int(n): _estimate(pair) for n, pair in facts[name].items()}
            return cls(**facts)


ESTIMATES = tuple(each.name for each in fields(SweepRow) if each.type == "Estimate | None")
LONGER = tuple(each.name for each in fields(SweepRow) if each.name.startswith("longer_"))
COLUMNS = {each.name for each in fields(SweepRow)}
"""The names that settings can't have."""


def _columns(name: str, value: Estimate | None) -> dict[str, float | None]:
    error = None if value is None or math.isnan(value.standard_error) else value.standard_error
    return {name: None if value is None else float(value), f"{name}_error": error}


def _plain(value: object) -> object:
    """Convert estimates to pairs of the value and its standard error, or None if unknown."""
    if isinstance(value, Estimate):
        return list(_columns("value", value).values())
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items()}
    return value


def _estimate(pair: Any) -> Estimate:
    value, error = pair
    return Estimate(value, math.nan if error is None else error)
