"""The history of one training run: a row per epoch, and the final loss among its baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from seqtoys.data.baselines import Baselines
from seqtoys.errors import DataError, InputTypeError, quoted
from seqtoys.records.foot import ending, foot_of
from seqtoys.records.history_fields import (
    PUTS_BACK,
    REMARK,
    UNFINISHED,
    best_epochs,
    check_columns,
    is_impossible,
    read_fields,
)
from seqtoys.records.row import SHOWN_WIDTH, Prediction, Row, describe, row_cells
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.indices import check_index
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import MALFORMED, Plain, expected
from seqtoys.support.tables import WIDTH, html_preformatted, html_table, text_table, width_of

COLUMNS = ("loss", "accuracy", "lr", "optimum", "validation_loss", "validation_accuracy")
SHOWN_ROWS = 6


@dataclass(repr=False)
class History:
    """The history of a training run, as columns with one value per epoch.

    The loss and prediction of an epoch are computed before its update. Losses are in nats per
    scored symbol. Printing a history shows a table, compares the loss of the model with the
    baselines, and shows what it was trained on and how training ended.

    Attributes:
        loss: The mean loss of each epoch.
        accuracy: The proportion of scored symbols predicted correctly.
        lr: The learning rate of each epoch.
        optimum: The lowest loss that any model could reach on the data of each epoch.
        predictions: The likeliest symbols of each epoch: one sequence for a single text or pair,
            otherwise a list of sequences. Empty if there are more than 10,000 scored symbols or no
            vocabulary.
        validation_loss: The loss on the held-out data; empty if there is none.
        validation_accuracy: The accuracy on the held-out data; empty if there is none.
        held_out: The indices of the sequences that were held out.
        baselines: The losses that counting alone can reach on the training data.
        loss_floor: The lowest loss that the model's readout can reach.
        settings: The options `fit` was called with.
        stopped: Why training ended: `"epochs"`, `"solved"`, `"excess"`, `"patience"`,
            `"interrupted"` or, after an exception, `"error"`. `"running"` during training.
        seconds: The duration of the training, in seconds.
        data: What the model was trained on, such as `"1 pair of 6 symbols"`.
        epochs_before: For how many epochs `fit` had trained the model before, if training
            continued from those weights.

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
    data: str = ""
    epochs_before: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        check_columns(vars(self), COLUMNS[:4], (*COLUMNS[4:], "predictions"))

    @property
    def solved(self) -> bool:
        """Whether every scored symbol was predicted correctly at the last epoch."""
        return bool(self.accuracy) and self.accuracy[-1] == 1.0

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest held-out loss, counted from 1; None if nothing is held out."""
        return (best_epochs([[loss] for loss in self.validation_loss]) or [None])[0]

    @property
    def ending(self) -> str:
        """When and why training ended, such as `"solved at epoch 22 of 100"`."""
        return ending(self.stopped, len(self), self.settings)

    @property
    def rows(self) -> list[Row]:
        """The epochs, as rows."""
        return [self.row(index) for index in range(len(self))]

    def row(self, index: int) -> Row:
        """Return the epoch at `index`, counted from 0, or from the end if negative.

        Raises:
            IndexRangeError: If there is no such epoch.
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
        """Append the `row` of an epoch.

        Raises:
            DataError: If the row sets other optional fields than the rows before it.
        """
        optional: tuple[tuple[str, Any, list[Any]], ...] = (
            ("prediction", row.prediction, self.predictions),
            ("validation_loss", row.validation_loss, self.validation_loss),
            ("validation_accuracy", row.validation_accuracy, self.validation_accuracy),
        )
        for name, value, column in optional:
            if self.loss and (value is not None) != bool(column):
                wanted = f"{'a' if column else 'no'} {name}"
                raise DataError(
                    f"expected a row with {wanted}, like the rows before, got {quoted(value)}"
                )
        self.loss.append(row.loss)
        self.accuracy.append(row.accuracy)
        self.lr.append(row.lr)
        self.optimum.append(row.optimum)
        for _, value, column in optional:
            if value is not None:
                column.append(value)

    @property
    def is_open(self) -> bool:
        """Whether training has not ended."""
        return self.stopped == "running"

    def reopen(self) -> None:
        """Mark training as running again, unless it ended for a reason that is final."""
        if self.stopped in UNFINISHED:
            self.stopped = "running"

    def loss_context(self) -> str:
        """Compare the loss of the model with the baselines and the lowest loss of its readout."""
        marks = [
            (self.baselines.uniform, "uniform guess"),
            (self.baselines.memoryless, "best without memory"),
            (self.baselines.full_past, "best with full history (optimum)"),
            *((loss, name) for name, loss in self.baselines.references.items()),
        ]
        if self.loss_floor > 0:
            marks.append((self.loss_floor, "lowest loss this readout can reach"))
        if self.loss:
            epoch = self._kept or len(self)
            marks.append((self.loss[epoch - 1], f"<- the model at epoch {epoch}"))
            if self.validation_loss:
                marks.append((self.validation_loss[epoch - 1], "<- the model on held-out data"))
        ordered = sorted(marks, key=lambda mark: mark[0], reverse=True)
        lines = [f"{max(loss, 0):.4f}  {meaning}" for loss, meaning in ordered]
        remark = ["", REMARK] if self.loss and self._is_impossible() else []
        return "\n".join(["nats per scored symbol", *lines, *remark])

    @property
    def _kept(self) -> int | None:
        """The epoch whose weights the model has, if they are not the last ones."""
        is_put_back = self.settings.get("keep") == "best" and self.stopped in PUTS_BACK
        return self.best_epoch if is_put_back else None

    def _foot(self) -> str:
        kept = f"The weights are those of epoch {self._kept}, with the lowest held-out loss."
        return foot_of(self.data, self.epochs_before, self.ending, kept if self._kept else "")

    def _is_impossible(self) -> bool:
        losses = [[loss] for loss in self.loss]  # (epochs, 1)
        return bool(is_impossible(losses, self.optimum)[0])

    def state(self) -> dict[str, Plain]:
        """Return the fields as plain values and tensors, for `from_state`."""
        fields = {**vars(self), "baselines": asdict(self.baselines)}
        fields["held_out"] = torch.tensor(self.held_out, dtype=torch.int64, device="cpu")
        return fields | {
            name: torch.tensor(fields[name], dtype=torch.float64, device="cpu") for name in COLUMNS
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Plain]) -> History:
        """Restore a history from the `state` that `state()` returned.

        Raises:
            DataError: If it is malformed.
        """
        with expected("a history as returned by state"):
            lists = {name: state[name].tolist() for name in COLUMNS}
            return cls(**{**read_fields(state), **lists})

    def to_json(self) -> str:
        """Serialize the history as JSON; `from_json` restores an equal one.

        Raises:
            InputTypeError: If the settings cannot be serialized as JSON.
        """
        try:
            return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        except MALFORMED as error:
            raise InputTypeError(
                f"expected settings that can be serialized as JSON, got: {error}"
            ) from None

    @classmethod
    def from_json(cls, text: str) -> History:
        """Restore a history from the `text` that `to_json` returned.

        Raises:
            DataError: If the text is not a history.
        """
        with expected("a history as returned by to_json"):
            columns = json.loads(text)
            return cls(**{**columns, "baselines": Baselines(**columns["baselines"])})

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        if not self.loss:
            return f"History({self.ending})"
        at = (self._kept or len(self)) - 1
        model = f"loss {self.loss[at]:.4f}, accuracy {self.accuracy[at]:.1%}"
        return f"History({self.ending}, {model})"

    def __str__(self) -> str:
        return f"{text_table(*self._cells())}\n\n{self.loss_context()}\n\n{self._foot()}"

    def _repr_html_(self) -> str:
        below = html_preformatted(f"{self.loss_context()}\n\n{self._foot()}")
        return f"{html_figure(self)}{html_table(*self._cells())}{below}"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header, best = ["epoch", "loss", "accuracy"], self.best_epoch
        has_both = self.validation_loss and self.validation_accuracy
        header += ["held-out loss", "held-out accuracy", ""] if has_both else []
        stride = -(-len(self) // (SHOWN_ROWS - 1)) or 1
        shown = {*range(0, len(self), stride), *range(len(self))[-1:]}
        rows = [self.row(index) for index in sorted(shown | ({best - 1} if best else set()))]
        cells = [row_cells(row, best) for row in rows]
        if self.predictions:  # in what is left of the width
            room = min(WIDTH - width_of([header, *cells]), SHOWN_WIDTH)
            header.append("predicted")
            for row, line in zip(rows, cells, strict=True):
                line.append(describe(self.predictions[row.epoch - 1], room))
        return header, cells
