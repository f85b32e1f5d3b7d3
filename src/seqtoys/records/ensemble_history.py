"""The training history of an ensemble: the columns of a history, with an axis of replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.baselines import Baselines
from seqtoys.records.ensemble_row import (
    COLUMNS,
    NUMBERS,
    EnsembleRow,
    check_replicas,
    columns_of,
    held_column,
    quantiles_of,
    summed_up,
    table_cells,
    to_columns,
    to_rows,
)
from seqtoys.records.foot import endings, foot_of
from seqtoys.records.history import History
from seqtoys.records.history_fields import (
    REMARK,
    UNFINISHED,
    best_epochs,
    is_impossible,
    read_fields,
)
from seqtoys.records.predictions import Predictions
from seqtoys.records.row import Row
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.indices import check_index
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import Plain, expected, from_json, to_json
from seqtoys.support.tables import html_preformatted, html_table, text_table
from seqtoys.support.tensors import check_flags, check_size
from seqtoys.support.uncertainty import Proportion


@dataclass(eq=False, repr=False)
class EnsembleHistory:
    """The training history of an ensemble; `history[i]` is the `History` of one seed.

    Once a replica has stopped (solved, out of patience, diverged), its weights are frozen and its
    columns repeat their last values.

    Attributes:
        seeds: The seed of each replica.
        baselines: The losses that counting alone can reach on the training data.
        loss_floor: The lowest loss that the models' readout can reach.
        settings: The options `fit` was called with.
        held_out: The indices of the sequences that were held out.
        predictions: The predictions of the replicas; `history[i].predictions` decodes them.
        rows: The epochs.
        stopped: Why each replica stopped: as in `History`, or `"diverged"`.
        epochs: The number of epochs of each replica.
        seconds: The duration of the training, in seconds.
        data: What the replicas were trained on, such as `"1 pair of 6 symbols"`.
        epochs_before: For how many epochs `fit` had trained the ensemble before, if training
            continued from those weights.
        note: Why the replicas of an `Ensemble` could not be run together; "" if they were.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Vocab, fit
        >>> from seqtoys.results import EnsembleHistory
        >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[777, 1, 2])
        >>> history = fit(ensemble, "hihello", epochs=100, lr=0.05)
        >>> history.loss.shape, history.solved
        (torch.Size([100, 3]), tensor([ True, False,  True]))
        >>> history[0].predictions[-1]
        'ihello'
        >>> EnsembleHistory.from_json(history.to_json()) == history
        True
    """

    seeds: Sequence[int]
    baselines: Baselines
    loss_floor: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    held_out: list[int] = field(default_factory=list[int])
    predictions: Predictions | None = None
    rows: list[EnsembleRow] = field(default_factory=list[EnsembleRow])
    seconds: float = 0.0
    stopped: list[str] = field(default_factory=list[str])
    epochs: Int[Tensor, " replicas"] = field(
        default_factory=lambda: torch.zeros(0, dtype=torch.int64, device="cpu")
    )
    data: str = ""
    epochs_before: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.stopped:
            self.stopped = ["running"] * len(self.seeds)
            self.epochs = torch.zeros(len(self.seeds), dtype=torch.int64, device="cpu")
        check_replicas(self.seeds, self.stopped, self.epochs, self.rows)
        self.running: Bool[Tensor, " replicas"] = self._runs()

    @property
    def loss(self) -> Float[Tensor, "epochs replicas"]:
        """The mean loss at each epoch, for each replica."""
        return self._held("loss")

    @property
    def accuracy(self) -> Float[Tensor, "epochs replicas"]:
        """The proportion of scored symbols predicted correctly."""
        return self._held("accuracy")

    @property
    def validation_loss(self) -> Float[Tensor, "epochs replicas"]:
        """The loss on the held-out data; empty if there is none."""
        return self._held("validation_loss")

    @property
    def validation_accuracy(self) -> Float[Tensor, "epochs replicas"]:
        """The accuracy on the held-out data; empty if there is none."""
        return self._held("validation_accuracy")

    @property
    def best_epoch(self) -> Int[Tensor, " replicas"] | None:
        """The epoch of each replica with the lowest held-out loss; None if nothing is held out.

        0 for a replica that has none, such as one that diverged at once.
        """
        found = [epoch or 0 for epoch in best_epochs(self.validation_loss.numpy())]
        return torch.tensor(found, device="cpu") if found else None

    @property
    def ending(self) -> str:
        """How many replicas ended why, such as `"80 solved, 20 ran all epochs"`."""
        return endings(self.stopped)

    @property
    def lr(self) -> list[float]:
        """The learning rate of each epoch."""
        return [row.lr for row in self.rows]

    @property
    def optimum(self) -> list[float]:
        """The lowest loss that any model could reach on the data of each epoch."""
        return [row.optimum for row in self.rows]

    @property
    def solved(self) -> Bool[Tensor, " replicas"]:
        """Whether each replica predicted every scored symbol correctly at its last epoch."""
        if not self.rows:
            return torch.zeros(len(self.seeds), dtype=torch.bool, device="cpu")
        return self.accuracy[-1] == 1

    @property
    def solve_rate(self) -> Proportion:
        """The proportion of seeds that solved the task."""
        return Proportion(int(self.solved.sum()), len(self.seeds))

    def quantiles(self, *shares: float) -> Float[Tensor, "shares epochs"]:
        """Compute quantiles of the loss over the seeds at each epoch; diverged seeds rank highest.

        Args:
            shares: The quantiles, from 0 to 1; 0.5 is the median.

        Raises:
            OptionError: If a quantile is not between 0 and 1.
        """
        return quantiles_of(self.loss, shares)

    def row(self, index: int) -> Row:
        """Summarize the epoch at `index`: the median loss and mean accuracy over the seeds.

        Raises:
            IndexRangeError: If there is no such epoch.
        """
        at = check_index(index, len(self.rows), "epoch")
        return summed_up(self.rows[at], at + 1)

    @checked
    def append(self, row: EnsembleRow) -> None:
        """Append the `row` of an epoch of the replicas that are still running.

        Raises:
            ShapeError: If the row has another number of replicas.
        """
        check_size(row.loss, "a row", "replicas", len(self))
        self.rows.append(row)
        self.epochs += self.running

    @checked
    def end(self, replicas: Bool[Tensor, " replicas"], reason: str) -> None:
        """Record that `replicas` stopped at the last epoch, with the `reason`, as in `stopped`.

        Raises:
            SeqtoysError: If `replicas` is not one boolean per replica.
        """
        check_flags(replicas, "replicas", "replicas", len(self))
        for replica in (replicas & self.running).nonzero().flatten().tolist():
            self.stopped[replica] = reason
        self.running = self._runs()

    @property
    def is_open(self) -> bool:
        """Whether any replica is still training."""
        return bool(self.running.any())

    def reopen(self) -> None:
        """Mark replicas as running again, except those that stopped for a final reason."""
        self.stopped = ["running" if why in UNFINISHED else why for why in self.stopped]
        self.running = self._runs()

    def state(self) -> dict[str, Plain]:
        """Return the fields as plain values and tensors, for `from_state`."""
        return to_state(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Plain]) -> EnsembleHistory:
        """Restore a history from the `state` that `state()` returned.

        Raises:
            DataError: If it is malformed.
        """
        with expected("an ensemble's history as returned by state"):
            return cls(**to_fields(state))

    def to_json(self) -> str:
        """Serialize as JSON, numbers encoded in base64; `from_json` restores an equal history."""
        return to_json(self.state())

    @classmethod
    def from_json(cls, text: str) -> EnsembleHistory:
        """Restore a history from the `text` that `to_json` returned.

        Raises:
            DataError: If the text is not the history of an ensemble.
        """
        with expected("an ensemble's history as returned by to_json"):
            return cls(**to_fields(from_json(text)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EnsembleHistory) and self.to_json() == other.to_json()

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, replica: int) -> History:
        """Return the history of one replica, as if it had been trained alone.

        Raises:
            IndexRangeError: If there is no such replica.
        """
        at = check_index(replica, len(self), "replica")
        rows = self.rows[: int(self.epochs[at])]
        return History(
            baselines=self.baselines,
            loss_floor=self.loss_floor,
            settings=self.settings,
            held_out=self.held_out,
            predictions=self.predictions.written(at, len(rows)) if self.predictions else [],
            stopped=self.stopped[at],
            seconds=self.seconds,
            data=self.data,
            epochs_before=self.epochs_before,
            **columns_of(rows, at),
        )

    def __repr__(self) -> str:
        epochs = len(self.rows)
        loss = f", median loss {self.loss[-1].median():.4f}" if epochs else ""
        return f"EnsembleHistory({len(self):,} seeds, {epochs:,} epochs{loss}, {self.ending})"

    def __str__(self) -> str:
        return f"{text_table(*self._cells())}\n\n{self._summary()}\n\n{self._foot()}"

    def _repr_html_(self) -> str:
        below = html_preformatted(f"{self._summary()}\n\n{self._foot()}")
        return f"{html_figure(self)}{html_table(*self._cells())}{below}"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        return table_cells(self.loss, self.accuracy, self.validation_loss)

    def _foot(self) -> str:
        is_put_back = (
            self.settings.get("keep") == "best"
            and self.best_epoch is not None
            and not {"running", "error"} & set(self.stopped)
        )
        kept = (
            "The weights are those of each replica's epoch with the lowest held-out loss,\n"
            "unless it reached the goal or diverged."
        )
        end = f"seeds: {self.ending}"
        return foot_of(self.data, self.epochs_before, end, kept * is_put_back, self.note)

    def _summary(self) -> str:
        solved = f"solved: {self.solve_rate}"
        if not self.rows:
            return solved
        losses, optimum = self.loss.numpy(), self.optimum
        impossible = sum(
            bool(is_impossible(losses[:end, [at]], optimum[:end])[0])
            for at, end in enumerate(self.epochs.tolist())
        )
        return f"{solved}\n\n{impossible} of {len(self)} seeds: {REMARK}" if impossible else solved

    def _runs(self) -> Bool[Tensor, " replicas"]:
        return torch.tensor([why == "running" for why in self.stopped], device="cpu")

    def _held(self, name: str) -> Tensor:
        return held_column([getattr(row, name) for row in self.rows], self.epochs)


def to_state(fields: Mapping[str, Any]) -> dict[str, Plain]:
    """Return the fields of an `EnsembleHistory` as plain values, for `to_fields`."""
    kept = {name: value for name, value in fields.items() if name not in ("rows", "running")}
    predictions = fields["predictions"]
    return kept | {
        **to_columns(fields["rows"]),
        "seeds": list(fields["seeds"]),
        "baselines": asdict(fields["baselines"]),
        "held_out": torch.tensor(fields["held_out"], dtype=torch.int64, device="cpu"),
        "predictions": None if predictions is None else predictions.state(),
    }


def to_fields(state: Mapping[str, Plain]) -> dict[str, Any]:
    """Return the fields of an `EnsembleHistory` from the result of `to_state`."""
    kept, replicas = state["predictions"], len(state["seeds"])
    columns = (*COLUMNS, *NUMBERS)
    plain = {name: v for name, v in read_fields(state).items() if name not in columns}
    return plain | {
        "seeds": tuple(state["seeds"]),
        "rows": to_rows(state, replicas),
        "predictions": None if kept is None else Predictions.from_state(kept, replicas),
    }
