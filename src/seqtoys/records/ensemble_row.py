"""One epoch of an ensemble, and conversions between rows and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.records.row import Row
from seqtoys.support.arguments import check_fields
from seqtoys.support.tensors import check_floats, check_integers, check_size
from seqtoys.support.values import to_real

COLUMNS = ("loss", "accuracy", "validation_loss", "validation_accuracy")
NUMBERS = ("lr", "optimum")  # the same for all replicas
SHOWN_QUANTILES = (0.05, 0.5, 0.95)
HEADER = ["epoch", *(f"loss {share:.0%}" for share in SHOWN_QUANTILES), "accuracy", "solved"]


@dataclass(frozen=True, eq=False, repr=False)
class EnsembleRow:
    """One epoch of every replica; the values are computed before its update.

    Attributes:
        loss: The mean losses, in nats per scored symbol.
        accuracy: The proportions of scored symbols predicted correctly.
        lr: The learning rate.
        validation_loss: The losses on the held-out data, or None if there is none.
        validation_accuracy: The accuracies on the held-out data, or None if there is none.
        optimum: The lowest loss that any model could reach on the epoch's data.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Vocab, fit
        >>> history = fit(ElmanEnsemble(Vocab("hielo"), seeds=range(3)), "hihello", epochs=10)
        >>> history.rows[-1].loss.shape, history.rows[-1].lr
        (torch.Size([3]), 0.01)
    """

    loss: Float[Tensor, " replicas"]
    accuracy: Float[Tensor, " replicas"]
    lr: float
    validation_loss: Float[Tensor, " replicas"] | None = None
    validation_accuracy: Float[Tensor, " replicas"] | None = None
    optimum: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        for name in COLUMNS:
            values = getattr(self, name)
            if values is not None:
                check_floats(values, name)
                check_size(values, name, "replicas", self.loss.numel())

    def __repr__(self) -> str:
        loss, accuracy = self.loss.median(), self.accuracy.mean()
        middle = f"median loss {loss:.4f}, mean accuracy {accuracy:.1%}"
        return f"EnsembleRow({self.loss.numel():,} replicas, {middle})"


def check_replicas(
    seeds: Sequence[int], stopped: Sequence[str], epochs: Tensor, rows: Sequence[EnsembleRow]
) -> None:
    """Check that a history has one replica per seed.

    Raises:
        DataError: If there are no seeds, or the stopping reasons or epochs don't match them.
        ShapeError: If a row has another number of replicas.
    """
    if not seeds or not len(stopped) == len(epochs) == len(seeds):
        raise DataError(
            "expected at least one replica and the same number of seeds, stopping reasons and "
            f"epoch counts, got {len(seeds)}, {len(stopped)} and {len(epochs)}"
        )
    check_integers(epochs, "epochs")
    check_size(epochs, "epochs", "replicas", len(seeds))
    if not bool(((epochs >= 0) & (epochs <= len(rows))).all()):
        raise DataError(f"expected epochs from 0 to {len(rows)}, got {epochs.tolist()}")
    for row in rows:
        check_size(row.loss, "a row", "replicas", len(seeds))


def summed_up(row: EnsembleRow, epoch: int) -> Row:
    """Summarize an epoch: the median loss and mean accuracy over the seeds.

    Args:
        row: The epoch.
        epoch: Its number, counted from 1.

    Examples:
        >>> summed_up(EnsembleRow(torch.tensor([0.1, 0.3, 0.9]), torch.ones(3), lr=0.5), 7).loss
        0.3...
    """
    loss, accuracy = row.validation_loss, row.validation_accuracy
    return Row(
        epoch=epoch,
        loss=row.loss.median().item(),
        accuracy=row.accuracy.mean().item(),
        lr=row.lr,
        validation_loss=None if loss is None else loss.median().item(),
        validation_accuracy=None if accuracy is None else accuracy.mean().item(),
        optimum=row.optimum,
    )


def columns_of(rows: Sequence[EnsembleRow], replica: int) -> dict[str, list[float]]:
    """Return epochs as the columns of one replica.

    Examples:
        >>> columns_of([EnsembleRow(torch.tensor([0.5, 2.0]), torch.ones(2), lr=0.1)], 1)["loss"]
        [2.0]
    """
    columns = {name: [getattr(row, name) for row in rows] for name in NUMBERS}
    for name in COLUMNS:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        columns[name] = [value[replica].item() for value in values]
    return columns


def to_columns(rows: Sequence[EnsembleRow]) -> dict[str, Any]:
    """Stack epochs into columns `(epochs, replicas)`, or `(epochs,)` if replicas share a value.

    Examples:
        >>> row = EnsembleRow(torch.ones(2), torch.zeros(2), lr=0.5)
        >>> to_columns([row])["loss"], to_columns([row])["validation_loss"]
        (tensor([[1., 1.]]), None)
    """
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        columns[name] = torch.stack(values) if values else None
    for name in NUMBERS:
        columns[name] = torch.tensor(
            [getattr(row, name) for row in rows], dtype=torch.float64, device="cpu"
        )
    return columns


def to_rows(columns: Mapping[str, Any], replicas: int) -> list[EnsembleRow]:
    """Split the result of `to_columns` into epochs again.

    Args:
        columns: The columns.
        replicas: The number of replicas.

    Raises:
        DataError: If a column has another number of replicas.

    Examples:
        >>> row = EnsembleRow(torch.ones(2), torch.zeros(2), lr=0.5)
        >>> to_rows(to_columns([row]), 2)[0].lr
        0.5
    """
    for name in COLUMNS:
        if columns[name] is not None and columns[name].shape[1:] != (replicas,):
            shape = tuple(columns[name].shape)
            raise DataError(f"expected {name} of {replicas} replicas, got shape {shape}")
    cut = {name: column.unbind() for name in COLUMNS if (column := columns[name]) is not None}
    cut |= {name: columns[name].tolist() for name in NUMBERS}
    names, values = list(cut), zip(*cut.values(), strict=True)
    return [EnsembleRow(**dict(zip(names, each, strict=True))) for each in values]


def held_column(
    column: Sequence[Tensor | None], epochs: Int[Tensor, " replicas"]
) -> Float[Tensor, "epochs replicas"]:
    """Stack a column, repeating each replica's last value after its last epoch.

    Args:
        column: The values of each epoch, or None if the epoch has none.
        epochs: The number of epochs of each replica.
    """
    rows = [row for row in column if row is not None]
    if not rows:
        return torch.zeros(0, len(epochs), dtype=torch.float64, device="cpu")
    stacked = torch.stack(rows).double()  # (epochs, replicas)
    last = (epochs - 1).clamp(min=0)  # (replicas,)
    at = torch.minimum(
        torch.arange(len(rows), device="cpu").unsqueeze(1), last
    )  # (epochs, replicas)
    return stacked.gather(0, at)


def quantiles_of(
    loss: Float[Tensor, "epochs replicas"], shares: Sequence[float]
) -> Float[Tensor, "shares epochs"]:
    """Compute quantiles over the replicas, with diverged ones ranked highest.

    Raises:
        OptionError: If a quantile is not between 0 and 1.

    Examples:
        >>> quantiles_of(torch.tensor([[1.0, 2.0, float("nan")]]).double(), [0.5])
        tensor([[2.]], dtype=torch.float64)
    """
    places = []
    for share in shares:
        place = to_real(share)
        if place is None or not 0 <= place <= 1:
            raise OptionError(f"expected quantiles from 0 to 1, got {quoted(share)}")
        places.append(place)
    return loss.nan_to_num(nan=math.inf, posinf=math.inf).quantile(
        torch.tensor(places, dtype=torch.float64, device="cpu"), dim=1, interpolation="nearest"
    )


def table_cells(
    loss: Float[Tensor, "epochs replicas"],
    accuracy: Float[Tensor, "epochs replicas"],
    held_out: Float[Tensor, "_epochs replicas"],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and cells of a table of evenly spaced epochs."""
    count = len(accuracy)
    header = [*HEADER[:4], "held-out loss 50%", *HEADER[4:]] if len(held_out) else HEADER
    if not count:
        return header, []
    quantiles = quantiles_of(loss, SHOWN_QUANTILES)
    if len(held_out):
        quantiles = torch.cat([quantiles, quantiles_of(held_out, [0.5])])
    shown = sorted({*range(0, count, -(-count // 5)), count - 1})
    return header, [
        [
            str(epoch + 1),
            *(f"{loss:.4f}" for loss in quantiles[:, epoch].tolist()),
            f"{accuracy[epoch].mean().item():.1%}",
            f"{(accuracy[epoch] == 1).double().mean().item():.1%}",
        ]
        for epoch in shown
    ]
