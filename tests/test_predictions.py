"""Stored predictions."""

from __future__ import annotations

import pytest

from seqtoys import Vocab
from seqtoys.errors import DataError
from seqtoys.records.predictions import Predictions


def test_state_with_impossible_lengths_is_refused() -> None:
    state = Predictions.read(["hi", "lo"], Vocab("hielo")).state()
    assert state is not None
    assert Predictions.from_state(state).written() == ["hi", "lo"]
    for wrong in ({"counts": [-1]}, {"counts": [1, 1], "single": True}):
        with pytest.raises(DataError, match="expected the lengths of sequences, got a list of"):
            Predictions.from_state({**state, **wrong})
