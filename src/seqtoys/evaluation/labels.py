"""The rows of an evaluation by label: which scored symbols belong to each, and their means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.errors import OptionError, ShapeError, quoted
from seqtoys.evaluation.means import ratio_over_sequences, with_error
from seqtoys.records.by_label import ByLabel
from seqtoys.support.tensors import to_int64
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.task import Task

MOST_ROWS = 24  # the most labels that have a row each


@dataclass(frozen=True)
class Rows:
    """The rows of a table by label.

    Attributes:
        name: The name of the label.
        low: The lower bound of the labels in each row.
        high: The upper bound.
        places: For each batch, the row of each symbol; one more than the last if not scored.
    """

    name: str
    low: list[int]
    high: list[int]
    places: list[Int[Tensor, "_batch _time"]]

    def sum_by_row(
        self, index: int, values: Float[Tensor, "*replicas batch time"]
    ) -> Float[Tensor, "*replicas batch rows"]:
        """Sum the values of each sequence of the batch with this index, by row."""
        places = self.places[index].expand(values.shape)
        total = values.new_zeros(*values.shape[:-1], len(self.low) + 1)
        return total.scatter_add_(-1, places, values)[..., :-1]


def find_rows(task: Task, batches: Sequence[Batch], name: str) -> Rows:
    """Assign the scored symbols of batches to rows, by a label of the task.

    Raises:
        OptionError: If the task has no such label.
        ShapeError: If the labels are not `(batch, time)`.
    """
    labels = [_find_label(task, batch, name) for batch in batches]
    scored = [batch.scored for batch in batches]
    values = torch.cat([each[at] for each, at in zip(labels, scored, strict=True)]).unique()
    if len(values) > MOST_ROWS:
        labels, values = list(map(_powers_of_two, labels)), _powers_of_two(values).unique()
        low, high = map(list, zip(*map(_bounds, values.tolist()), strict=True))
    else:
        low = high = values.tolist()
    places = [
        torch.where(at, torch.searchsorted(values, each), len(values))
        for each, at in zip(labels, scored, strict=True)
    ]
    return Rows(name, low, high, places)


def _find_label(task: Task, batch: Batch, name: str) -> Int[Tensor, "batch time"]:
    labels = task.labels(batch)
    if name not in labels:
        known = ", ".join(map(quoted, labels))
        raise OptionError(
            f"expected by to be a label of {task.name}, got {quoted(name)}; "
            + (f"it has {known}" if known else "it has none: omit by=…")
        )
    label = to_int64(labels[name], f"the label {quoted(name)} of {task.name}")
    if label.shape != batch.targets.shape:
        raise ShapeError(
            f"expected the label {quoted(name)} of {task.name} to have shape (batch, time) = "
            f"{tuple(batch.targets.shape)}, got {tuple(label.shape)}"
        )
    return label.cpu().contiguous()  # expanded labels would make searchsorted warn


def _powers_of_two(values: Int[Tensor, ...]) -> Int[Tensor, ...]:
    """Return the number of binary digits of each integer, with its sign."""
    return values.sign() * torch.frexp(values.double()).exponent


def _bounds(digits: int) -> tuple[int, int]:
    """Return the smallest and the largest integer of a number of binary digits.

    Examples:
        >>> _bounds(0), _bounds(1), _bounds(4), _bounds(-4)
        ((0, 0), (1, 1), (8, 15), (-15, -8))
    """
    beyond = 2 ** abs(digits)
    return (beyond // 2, beyond - 1) if digits >= 0 else (1 - beyond, -(beyond // 2))


def surprise_by_row(
    source: Task, batches: Sequence[Batch], rows: Rows
) -> Float[Tensor, "sequences rows"] | None:
    """Sum the surprise of each sequence by row, or return None if it is unknown."""
    try:
        surprise = [source.surprise(batch).nan_to_num(0.0) for batch in batches]
    except OptionError:
        return None
    return torch.cat([rows.sum_by_row(index, each) for index, each in enumerate(surprise)])


def tables_by_label(
    rows: Rows,
    batches: Sequence[Batch],
    sums: Float[Tensor, "replicas 2 sequences rows"],
    best: Float[Tensor, "sequences rows"] | None,
    *,
    is_given: bool,
) -> list[ByLabel]:
    """Compute the means of each replica by row.

    Args:
        rows: The rows.
        batches: The sequences.
        sums: The sums of losses and correct predictions.
        best: The sums of the losses of the best model, or None if they are unknown.
        is_given: Whether the sequences are given rather than drawn, so that all means are exact.
    """
    scored = [batch.scored.double() for batch in batches]
    counts = torch.cat([rows.sum_by_row(index, each) for index, each in enumerate(scored)])
    drawn = [0] * len(rows.low) if is_given else (counts > 0).sum(0).tolist()

    def means(values: Float[Tensor, "replicas sequences rows"]) -> list[list[Estimate]]:
        found, errors = ratio_over_sequences(values, counts)
        errors = torch.zeros_like(errors) if is_given else errors
        pairs = zip(found.tolist(), errors.tolist(), strict=True)
        return [list(map(Estimate, *pair)) for pair in pairs]

    losses, hits = means(sums[:, 0]), means(sums[:, 1])
    excess = [None] * len(losses) if best is None else means(sums[:, 0] - best)
    shared: dict[str, Any] = {
        "name": rows.name,
        "low": rows.low,
        "high": rows.high,
        "scored": counts.sum(0).long().tolist(),
        "optimum": None if best is None else (best.sum(0) / counts.sum(0)).tolist(),
    }
    return [
        ByLabel(loss=loss, accuracy=list(map(with_error, hit, drawn)), excess=over, **shared)
        for loss, hit, over in zip(losses, hits, excess, strict=True)
    ]
