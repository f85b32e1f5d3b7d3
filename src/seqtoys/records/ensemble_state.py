"""Conversion of an ensemble's history to plain values and tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from seqtoys.records.ensemble_row import COLUMNS, NUMBERS, to_columns, to_rows
from seqtoys.records.history_fields import read_fields
from seqtoys.records.predictions import Predictions
from seqtoys.support.serialization import Plain


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
