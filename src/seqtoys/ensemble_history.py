"""What happened in the training of many seeds: the columns of a history, each with replicas."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.baselines import Baselines
from seqtoys.history import History, Row
from seqtoys.notebook import html_figure
from seqtoys.predictions import Predictions
from seqtoys.rate import Rate
from seqtoys.tables import html_table, text_table

SHOWN_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class EnsembleRow:
    """One epoch of every replica: the values are those before its update.

    Attributes:
        loss: The mean losses, in nats per scored symbol.
        accuracy: The shares of the scored symbols that are predicted.
        lr: The learning rate.
        validation_loss: The losses on the held-out part, None without one.
        validation_accuracy: The accuracies on the held-out part, None without one.
        optimum: The lowest loss that any model could reach on the epoch's data.
    """

    loss: Float[Tensor, " replicas"]
    accuracy: Float[Tensor, " replicas"]
    lr: float
    validation_loss: Float[Tensor, " replicas"] | None = None
    validation_accuracy: Float[Tensor, " replicas"] | None = None
    optimum: float = 0.0


@dataclass(eq=False)
class EnsembleHistory:
    """The course of the training of an ensemble; `history[i]` is the `History` of one seed.

    A replica that has ended its training (solved, out of patience, diverged) keeps its weights;
    its columns stay as they were at its last epoch.

    Attributes:
        seeds: The seed of each replica.
        baselines: What counting alone can predict of the training data.
        loss_floor: The lowest loss that the models' readout allows.
        settings: The options `fit` was called with.
        held_out: Which of the given sequences were held out, by position.
        predictions: What the replicas predicted; `history[i]` writes it.
        rows: The epochs.
        stopped: Why each replica's training ended: as in `History`, or `"diverged"`.
        epochs: The number of epochs of each replica.
        seconds: How long it took.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Vocab, fit
        >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[777, 1, 2])
        >>> history = fit(ensemble, "hihello", epochs=100, lr=0.05)
        >>> history.loss.shape, history.solved
        (torch.Size([100, 3]), tensor([ True, False,  True]))
        >>> history[0].predictions[-1]
        'ihello'
    """

    seeds: Sequence[int]
    baselines: Baselines
    loss_floor: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    held_out: list[int] = field(default_factory=list[int])
    predictions: Predictions | None = None
    rows: list[EnsembleRow] = field(default_factory=list[EnsembleRow])
    seconds: float = 0.0
    stopped: list[str] = field(init=False)
    epochs: Int[Tensor, " replicas"] = field(init=False)

    def __post_init__(self) -> None:
        self.stopped = ["running"] * len(self.seeds)
        self.epochs = torch.zeros(len(self.seeds), dtype=torch.int64)
        self.running: Bool[Tensor, " replicas"] = torch.ones(len(self.seeds), dtype=torch.bool)

    @property
    def loss(self) -> Float[Tensor, "epochs replicas"]:
        """The mean loss of each epoch and replica."""
        return self._held([row.loss for row in self.rows])

    @property
    def accuracy(self) -> Float[Tensor, "epochs replicas"]:
        """The share of the scored symbols that are predicted."""
        return self._held([row.accuracy for row in self.rows])

    @property
    def validation_loss(self) -> Float[Tensor, "epochs replicas"]:
        """The loss on the held-out part; no epochs without one."""
        return self._held([row.validation_loss for row in self.rows])

    @property
    def validation_accuracy(self) -> Float[Tensor, "epochs replicas"]:
        """The accuracy on the held-out part; no epochs without one."""
        return self._held([row.validation_accuracy for row in self.rows])

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
        """Whether a replica predicted every scored symbol at its last epoch."""
        if not self.rows:
            return torch.zeros(len(self.seeds), dtype=torch.bool)
        return self.accuracy[-1] == 1

    @property
    def solve_rate(self) -> Rate:
        """The share of the seeds that solved it."""
        return Rate(int(self.solved.sum()), len(self.seeds))

    def quantiles(self, *shares: float) -> Float[Tensor, "shares epochs"]:
        """Compute quantiles of the loss over the seeds that have not diverged, epoch by epoch.

        Args:
            shares: Between 0 and 1: 0.5 is the median.
        """
        return self.loss.nan_to_num(nan=math.inf, posinf=math.inf).quantile(
            torch.tensor(shares, dtype=torch.float64), dim=1, interpolation="nearest"
        )

    def row(self, index: int) -> Row:
        """Sum up an epoch: the median loss and the mean accuracy over the seeds."""
        row = self.rows[index]
        held = row.validation_loss, row.validation_accuracy
        return Row(
            epoch=range(len(self.rows))[index] + 1,
            loss=row.loss.median().item(),
            accuracy=row.accuracy.mean().item(),
            lr=row.lr,
            validation_loss=None if held[0] is None else held[0].median().item(),
            validation_accuracy=None if held[1] is None else held[1].mean().item(),
            optimum=row.optimum,
        )

    def append(self, row: EnsembleRow) -> None:
        """Add an epoch of the replicas that still run."""
        self.rows.append(row)
        self.epochs += self.running

    def end(self, replicas: Bool[Tensor, " replicas"], reason: str) -> None:
        """Note that replicas end with the last epoch."""
        for replica in (replicas & self.running).nonzero().flatten().tolist():
            self.stopped[replica] = reason
        self.running = self.running & ~replicas

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, replica: int) -> History:
        """The history of one replica, as if it had been trained alone."""
        at = range(len(self))[operator.index(replica)]
        rows = self.rows[: int(self.epochs[at])]
        return History(
            baselines=self.baselines,
            loss_floor=self.loss_floor,
            settings=self.settings,
            held_out=self.held_out,
            loss=[row.loss[at].item() for row in rows],
            accuracy=[row.accuracy[at].item() for row in rows],
            lr=[row.lr for row in rows],
            optimum=[row.optimum for row in rows],
            predictions=self.predictions.written(at, len(rows)) if self.predictions else [],
            validation_loss=[
                row.validation_loss[at].item() for row in rows if row.validation_loss is not None
            ],
            validation_accuracy=[
                row.validation_accuracy[at].item()
                for row in rows
                if row.validation_accuracy is not None
            ],
            stopped=self.stopped[at],
            seconds=self.seconds,
        )

    def __str__(self) -> str:
        return f"{text_table(*self._cells())}\n\nsolved: {self.solve_rate}"

    def _repr_html_(self) -> str:
        return f"{html_figure(self)}{html_table(*self._cells())}<p>solved: {self.solve_rate}</p>"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = [
            "epoch",
            *(f"loss {share:.0%}" for share in SHOWN_QUANTILES),
            "accuracy",
            "solved",
        ]
        count = len(self.rows)
        stride = -(-count // 5) or 1
        shown = sorted({*range(0, count, stride), *range(count)[-1:]})
        if not shown:
            return header, []
        quantiles, accuracy = self.quantiles(*SHOWN_QUANTILES), self.accuracy
        cells = [
            [
                str(epoch + 1),
                *(f"{loss:.4f}" for loss in quantiles[:, epoch].tolist()),
                f"{accuracy[epoch].mean().item():.1%}",
                f"{(accuracy[epoch] == 1).double().mean().item():.1%}",
            ]
            for epoch in shown
        ]
        return header, cells

    def _held(self, column: Sequence[Tensor | None]) -> Tensor:
        """Stack a column, with each replica's value at its last epoch held from there on."""
        rows = [row for row in column if row is not None]
        if not rows:
            return torch.zeros(0, len(self.seeds), dtype=torch.float64)
        stacked = torch.stack(rows).double()  # (epochs, replicas)
        last = (self.epochs - 1).clamp(min=0)  # (replicas,)
        at = torch.minimum(torch.arange(len(rows)).unsqueeze(1), last)  # (epochs, replicas)
        return stacked.gather(0, at)
