"""One row of a sweep: the result of one seed of one setting."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from seqtoys.support.arguments import check_fields
from seqtoys.support.serialization import expected
from seqtoys.training.options import Written


@dataclass(frozen=True)
class SweepRow:
    """The result of one seed of one setting; losses are in nats per scored symbol.

    Losses and accuracies are those of the trained model: for a task, on fresh sequences, as
    measured by `evaluate`; for other data, on the training sequences themselves. All are None if
    training diverged or failed.

    A row is solved if its excess plus two standard errors is at most the goal or, if the goal is
    None, if every scored symbol is predicted correctly. If part of a task is held out, the goal is
    relative to the loss of the task's source, which ignores the split. A loss below the optimum by
    more than chance never counts as solved, and `remark` explains why. Comparisons of rows ignore
    `seconds`.

    Attributes:
        settings: The values of the grid.
        seed: The seed of the model.
        solved: Whether the trained model reached the goal, or None if the seed failed.
        epochs_to_solve: The first epoch whose own loss or accuracy reached the goal, or the last
            one if only the final weights do. None if not solved.
        goal: The excess that counts as solved. If None, every scored symbol must be predicted.
        stopped: Why training ended: as in `History`, or `"diverged"`.
        loss: The mean loss.
        optimum: The lowest loss that any model could reach on the evaluated sequences.
        excess: `loss - optimum`.
        excess_error: Its standard error: 0 if all of the data were measured, None if unknown, for
            example from fewer than 20 sequences.
        accuracy: The proportion of scored symbols predicted correctly.
        unseen_loss: The loss on held-out data, or None if there are none.
        unseen_accuracy: The accuracy on held-out data, or None if there are none.
        longer_accuracy: The accuracy on longer sequences of a task, by length.
        seconds: The duration of training and evaluation; for an ensemble, of all its seeds.
        remark: Why the result can't be trusted, or None.
        error: Why the seed failed, or None.

    Examples:
        >>> row = SweepRow({"lr": 0.1}, 7, solved=True, epochs_to_solve=12, seconds=0.5)
        >>> SweepRow.from_json(row.to_json()) == row
        True
    """

    settings: dict[str, Written]
    seed: int
    solved: bool | None = None
    epochs_to_solve: int | None = None
    goal: float | None = None
    stopped: str | None = None
    loss: float | None = None
    optimum: float | None = None
    excess: float | None = None
    excess_error: float | None = None
    accuracy: float | None = None
    unseen_loss: float | None = None
    unseen_accuracy: float | None = None
    longer_accuracy: dict[int, float] = field(default_factory=dict[int, float])
    seconds: float = field(default=0.0, compare=False)
    remark: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def to_record(self) -> dict[str, Any]:
        """Return the row as a flat record for a table.

        Examples:
            >>> SweepRow({"lr": 0.1}, 7, longer_accuracy={50: 0.75}).to_record()
            {'lr': 0.1, 'seed': 7, ..., 'accuracy_at_50': 0.75, 'seconds': 0.0, ..., 'error': None}
        """
        facts = asdict(self)
        settings, longer = facts.pop("settings"), facts.pop("longer_accuracy")
        last = {name: facts.pop(name) for name in ("seconds", "remark", "error")}
        accuracies = {f"accuracy_at_{length}": share for length, share in longer.items()}
        return {**settings, **facts, **accuracies, **last}

    def to_json(self) -> str:
        """Serialize the row as one line of JSON; `from_json` restores an equal one."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> SweepRow:
        """Restore a row from the `line` that `to_json` returned.

        Raises:
            DataError: If the line is not a row.
        """
        with expected("a row as returned by to_json"):
            facts = json.loads(line)
            longer = {int(length): share for length, share in facts["longer_accuracy"].items()}
            return cls(**{**facts, "longer_accuracy": longer})


COLUMNS = {each.name for each in fields(SweepRow)}
"""The names that settings can't have."""
