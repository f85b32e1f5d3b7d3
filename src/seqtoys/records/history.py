"""What happened in a training: one row per epoch, and where the loss ended up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError, InputTypeError, quoted
from seqtoys.records.history_fields import UNFINISHED, check_columns, read_fields
from seqtoys.records.impossible import REMARK, is_impossible
from seqtoys.records.row import Prediction, Row, row_cells
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.indices import check_index
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import MALFORMED, Plain, expected
from seqtoys.support.tables import html_table, text_table

COLUMNS = ("loss", "accuracy", "lr", "optimum", "validation_loss", "validation_accuracy")
SHOWN_ROWS = 6


@dataclass
class History:
    """The course of a training, as columns with one value per epoch.

    The loss and the prediction of an epoch are those before its update. Losses are in nats per
    scored symbol. Print it for a table and for where the loss stands among its baselines.

    Attributes:
        loss: The mean loss of each epoch.
        accuracy: The share of the scored symbols that are predicted.
        lr: The learning rate of each epoch.
        optimum: The lowest loss that any model could reach on the data of each epoch.
        predictions: The likeliest symbols: for one text or pair a sequence, for several a list of
            them. Empty if there are more than 10,000 scored symbols or no vocabulary.
        validation_loss: The loss on the held-out part; empty without one.
        validation_accuracy: The accuracy on the held-out part; empty without one.
        held_out: Which of the given sequences were held out, by position.
        baselines: What counting alone can predict of the training data.
        loss_floor: The lowest loss that the model's readout allows.
        settings: The options `fit` was called with.
        stopped: Why training ended: `"epochs"`, `"solved"`, `"excess"`, `"patience"`,
            `"interrupted"` or, by an exception, `"error"`; until then `"running"`.
        seconds: How long it took.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, "hihello", epochs=100, lr=0.05)
        >>> history.predictions[-1]
        'ihello'
        >>> History.from_json(history.to_json()) == history
        True
    """

    baselines: Baselines
    loss_floor: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    held_out: list[int] = field(default_factory=list[int])
    loss: list[float] = field(default_factory=list[float])
    accuracy: list[float] = field(default_factory=list[float])
    lr: list[float] = field(default_factory=list[float])
    optimum: list[float] = field(default_factory=list[float])
    predictions: list[Prediction] = field(default_factory=list[Prediction])
    validation_loss: list[float] = field(default_factory=list[float])
    validation_accuracy: list[float] = field(default_factory=list[float])
    stopped: str = "running"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_columns(vars(self), COLUMNS[:4], (*COLUMNS[4:], "predictions"))

    @property
    def solved(self) -> bool:
        """Whether every scored symbol was predicted at the last epoch."""
        return bool(self.accuracy) and self.accuracy[-1] == 1.0

    @property
    def rows(self) -> list[Row]:
        """The epochs as rows."""
        return [self.row(index) for index in range(len(self))]

    def row(self, index: int) -> Row:
        """The epoch at an `index`, counted from 0, or from the end if negative.

        Raises:
            IndexRangeError: If there are fewer epochs.
        """
        index = check_index(index, len(self), "epoch")
        return Row(
            epoch=index + 1,
            loss=self.loss[index],
            accuracy=self.accuracy[index],
            lr=self.lr[index],
            prediction=self.predictions[index] if self.predictions else None,
            validation_loss=self.validation_loss[index] if self.validation_loss else None,
            validation_accuracy=(
                self.validation_accuracy[index] if self.validation_accuracy else None
            ),
            optimum=self.optimum[index],
        )

    @checked
    def append(self, row: Row) -> None:
        """Add an epoch, a `row`.

        Raises:
            DataError: If it has what those before it lack, or the other way round.
        """
        optional: tuple[tuple[str, Any, list[Any]], ...] = (
            ("prediction", row.prediction, self.predictions),
            ("validation_loss", row.validation_loss, self.validation_loss),
            ("validation_accuracy", row.validation_accuracy, self.validation_accuracy),
        )
        for name, value, column in optional:
            if self.loss and (value is not None) != bool(column):
                wanted = f"{'a' if column else 'no'} {name}"
                raise DataError(f"expected a row with {wanted}, as before, got {quoted(value)}")
        self.loss.append(row.loss)
        self.accuracy.append(row.accuracy)
        self.lr.append(row.lr)
        self.optimum.append(row.optimum)
        for _, value, column in optional:
            if value is not None:
                column.append(value)

    @property
    def is_open(self) -> bool:
        """Whether the training has not ended."""
        return self.stopped == "running"

    def reopen(self) -> None:
        """Go on, if the training could: else the reason it ended stays."""
        if self.stopped in UNFINISHED:
            self.stopped = "running"

    def standing(self) -> str:
        """Say where the last loss stands among its baselines and the model's floor."""
        marks = [
            (self.baselines.uniform, "knowing nothing (uniform)"),
            (self.baselines.memoryless, "knowing only the current symbol"),
            (self.baselines.full_past, "knowing the full past (optimum)"),
        ]
        if self.loss_floor > 0:
            marks.append((self.loss_floor, "the floor of this model's readout"))
        if self.loss:
            marks.append((self.loss[-1], f"<- the model at epoch {len(self)}"))
        ordered = sorted(marks, key=lambda mark: mark[0], reverse=True)
        lines = [f"{max(loss, 0):.4f}  {meaning}" for loss, meaning in ordered]
        remark = ["", REMARK] if self.loss and self._is_impossible() else []
        return "\n".join(["nats per scored symbol", *lines, *remark])

    def _is_impossible(self) -> bool:
        losses = [[loss] for loss in self.loss]  # (epochs, 1)
        return bool(is_impossible(losses, self.optimum)[0])

    def state(self) -> dict[str, Plain]:
        """The fields as plain values, the columns of numbers as tensors; `from_state` reads it."""
        fields = {**vars(self), "baselines": asdict(self.baselines)}
        fields["held_out"] = torch.tensor(self.held_out, dtype=torch.int64, device="cpu")
        return fields | {
            name: torch.tensor(fields[name], dtype=torch.float64, device="cpu") for name in COLUMNS
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Plain]) -> History:
        """Make a history of what `state` gave.

        Raises:
            DataError: If it is something else.
        """
        with expected("a history as state gives it"):
            lists = {name: state[name].tolist() for name in COLUMNS}
            return cls(**{**read_fields(state), **lists})

    def to_json(self) -> str:
        """Write the history as JSON; `from_json` reads it back equal.

        Raises:
            InputTypeError: If the settings hold what JSON can't.
        """
        try:
            return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        except MALFORMED as error:
            raise InputTypeError(f"expected settings that JSON can hold, got: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> History:
        """Read a `text` that `to_json` wrote.

        Raises:
            DataError: If the text is not a history.
        """
        with expected("a history as to_json writes it"):
            columns = json.loads(text)
            return cls(**{**columns, "baselines": Baselines(**columns["baselines"])})

    def __len__(self) -> int:
        return len(self.loss)

    def __str__(self) -> str:
        return f"{text_table(*self._cells())}\n\n{self.standing()}"

    def _repr_html_(self) -> str:
        return f"{html_figure(self)}{html_table(*self._cells())}<pre>{self.standing()}</pre>"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = ["epoch", "loss", "accuracy"]
        has_both = self.validation_loss and self.validation_accuracy
        header += ["held-out loss", "held-out accuracy"] if has_both else []
        header += ["predicted"] if self.predictions else []
        stride = -(-len(self) // (SHOWN_ROWS - 1)) or 1
        shown = sorted({*range(0, len(self), stride), *range(len(self))[-1:]})
        return header, [row_cells(self.row(index)) for index in shown]
