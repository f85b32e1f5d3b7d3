"""One row of a sweep: how one seed of one setting did."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from seqtoys.support.arguments import check_fields
from seqtoys.support.serialization import expected
from seqtoys.training.options import Written


@dataclass(frozen=True)
class SweepRow:
    """How one seed of one setting did; losses are in nats per scored symbol.

    Losses and accuracies are those of the trained model: of a task, on fresh sequences, as
    `evaluate` measures them; of other data, on the very sequences it was trained on. All are None
    if the training diverged or failed.

    A row is solved if its excess, even with two standard errors added, is at most the goal; or,
    where the goal is None, if every scored symbol is predicted. If a part of a task is held out,
    the goal is that far from the task's source, which does not know the split. A loss below the
    optimum by more than chance is never solved, and `remark` says so. Rows are equal whatever time
    they took.

    Attributes:
        settings: The values of the grid.
        seed: The seed of the model.
        solved: Whether the trained model reached the goal; None if the seed failed.
        epochs_to_solve: The first epoch whose own loss or accuracy reached the goal, or the last
            one if only the final weights do; None if it is not solved.
        goal: The excess that counts as solved; None if every scored symbol must be predicted.
        stopped: Why training ended, as a `History` says, or `"diverged"`.
        loss: The mean loss.
        optimum: The lowest loss that any model could reach there.
        excess: `loss - optimum`.
        excess_error: Its standard error: 0 where all of the data were measured, None where it is
            unknown, as from fewer than 20 sequences.
        accuracy: The share of the scored symbols that are predicted.
        unseen_loss: The loss on what was held out; None if nothing was.
        unseen_accuracy: The accuracy on what was held out.
        longer_accuracy: The accuracy on longer sequences of a task, by length.
        seconds: How long the training and measuring took, of an ensemble with all its seeds.
        remark: Why the numbers are not to be trusted; None if nothing is wrong.
        error: Why the seed failed; None if it did not.

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
        """Write the row as one flat record, as tables take it.

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
        """Write the row as one line of JSON; `from_json` reads it back equal."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> SweepRow:
        """Read a `line` that `to_json` wrote.

        Raises:
            DataError: If the line is no row.
        """
        with expected("a row as to_json writes it"):
            facts = json.loads(line)
            longer = {int(length): share for length, share in facts["longer_accuracy"].items()}
            return cls(**{**facts, "longer_accuracy": longer})


COLUMNS = {each.name for each in fields(SweepRow)}
"""The names that no setting can have."""
