"""Nested values to JSON and back, and fingerprints of tensors."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtoys.errors import InputTypeError
from seqtoys.support.digest import brief, digest
from seqtoys.support.serialization import (
    DTYPES,
    from_json,
    inline,
    on_device,
    outline,
    pack,
    to_json,
)
from seqtoys.training.fused_adam import FusedAdam

ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text()) | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(KEYS, st.integers()).map(Counter)
    ),
    max_leaves=20,
)


def typed(value: Any) -> str:
    """Format a value with the types of all its parts, since 1 == 1.0 == True."""
    kind = type(value).__name__
    if isinstance(value, list | tuple):
        return f"{kind}{[typed(item) for item in value]}"
    if isinstance(value, dict):
        return f"{kind}{sorted((typed(key), typed(item)) for key, item in value.items())}"
    return f"{kind} {value!r}"


@settings(max_examples=100)
@given(VALUES)
def test_values_round_trip_with_their_types(value: Any) -> None:
    text = to_json(value)
    again = from_json(text)
    assert typed(again) == typed(value)
    assert to_json(again) == text


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (5,), (2, 3, 4)])
def test_tensors_round_trip_with_their_strides(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    numbers = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    for tensor in (numbers, numbers.movedim(0, -1) if shape else numbers):
        again = from_json(to_json({"x": [tensor]}))["x"][0]
        assert again.dtype == tensor.dtype
        assert not tensor.numel() or again.stride() == tensor.stride()
        assert torch.equal(again, tensor)


def test_non_finite_numbers_round_trip() -> None:
    for value in (float("inf"), float("-inf"), float("nan")):
        assert repr(from_json(to_json(value))) == repr(value)
    assert math.isnan(from_json(to_json(torch.tensor([float("nan")])))[0])
    assert from_json(to_json(np.float64(0.1))) == 0.1


def test_view_of_a_tensor_is_stored_without_its_base() -> None:
    part = torch.arange(100.0)[10:20:5]
    assert json.loads(to_json(part))["$tensor"] == {
        "data": base64.b64encode(np.array([10.0, 15.0], "<f4").tobytes()).decode(),
        "dtype": "float32",
        "shape": [2],
    }


def test_order_of_keys_does_not_matter() -> None:
    one = {"b": torch.ones(1), "a": torch.zeros(1)}
    stored: list[list[float]] = []
    for value in (one, dict(reversed(one.items()))):
        kept: list[float] = []
        pack(value, lambda x, kept=kept: kept.append(x.item()))  # type: ignore[misc]
        stored.append(kept)
    assert stored == [[0, 1], [0, 1]]


def test_unsupported_values_raise_with_their_location(assert_error: ErrorCheck) -> None:
    cases: dict[str, Any] = {
        "a set at state": {1},
        "a OrderedDict at state['a'][1]": {"a": [1, OrderedDict()]},
        "a function at state[(1, 2)]": {(1, 2): typed},
        "a frozenset at a key of state": {frozenset(): 1},
        "a bytes at state[0]": [b""],
    }
    for place, value in cases.items():
        assert_error(
            lambda value=value: pack(value, inline),  # type: ignore[misc]
            InputTypeError,
            f"expected plain values and tensors, got {place}",
        )


BROKEN = [
    {"data": "AAAA", "dtype": "float32", "shape": [1]},
    {"data": "", "dtype": "float32", "shape": [-1]},
    {"data": "", "dtype": "float32", "shape": [True]},
    {"data": "AAAAAA==", "dtype": "float32", "shape": [10**12, 10**12]},
    {"data": "AAAAAA==", "dtype": "complex64", "shape": [1]},
    {"data": "not base64", "dtype": "uint8", "shape": [7]},
    {"data": "AAAAAA==", "dtype": "float32"},
]


@pytest.mark.parametrize("written", BROKEN, ids=str)
def test_invalid_tensors_raise(written: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        outline(written)


def test_empty_tensor_may_have_any_other_size() -> None:
    assert outline({"data": "", "dtype": "int64", "shape": [0, 10**12]}).shape == (0, 10**12)


def test_only_equal_tensors_have_equal_fingerprints() -> None:
    ones = torch.ones(2, 3)
    others = [
        [("a", ones), ("b", ones)],
        [("b", ones)],
        [("a", ones.double())],
        [("a", ones.reshape(3, 2))],
        [("a", ones * 2)],
        [],
    ]
    found = {digest([("a", ones)]), *map(digest, others), digest([("a", ones)], "text")}
    assert len(found) == 8
    assert digest([("a", torch.ones(2, 3))]) in found
    assert brief(ones.T) == brief(ones.T.contiguous()) != brief(ones)
    assert brief(ones, None) != brief(None, ones)


def test_nested_tensors_are_moved() -> None:
    moved = on_device({"a": (torch.ones(1), [None, 5])}, torch.device("meta"))
    assert moved["a"][0].device.type == "meta"
    assert moved["a"][1] == [None, 5]


def test_fused_adam_state_matches_pytorch() -> None:
    """The state follows the parameters' axes, whatever their memory layout."""
    start = torch.arange(24.0).reshape(2, 3, 4).movedim(0, -1)
    kinds: list[Any] = [FusedAdam, torch.optim.Adam]
    kept = []
    for kind in kinds:
        weight = torch.nn.Parameter(start.clone(memory_format=torch.preserve_format))
        optimizer = kind([weight], lr=0.1)
        for scale in (1, -2):
            weight.grad = weight.detach().sin() * scale
            optimizer.step()
        kept.append(optimizer.state_dict())
    ours, theirs = kept[0], kept[1]["state"][0]
    assert ours["count"] == theirs["step"] == 2
    torch.testing.assert_close(ours["means"], [theirs["exp_avg"]])
    torch.testing.assert_close(ours["squares"], [theirs["exp_avg_sq"]])
    again = FusedAdam([torch.nn.Parameter(torch.zeros(2, 3, 4).movedim(0, -1))], lr=0.1)
    again.load_state_dict(ours)
    assert torch.equal(again.state_dict()["means"][0], ours["means"][0])
