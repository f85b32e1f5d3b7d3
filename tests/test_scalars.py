"""NumPy numbers, 0-d tensors and fractions are accepted wherever numbers are."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from enum import IntEnum
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    SeqtoysError,
    Vocab,
    fit,
    generate,
    get_task,
)
from seqtoys.errors import InputTypeError, OptionError
from seqtoys.results import Proportion, Row
from seqtoys.support.serialization import inline, pack
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import to_int, to_real
from tests.fuzz_targets import CALLS, Call

VOCAB = Vocab("hielo")


class Two(IntEnum):
    IT = 2


class Indexed:
    def __index__(self) -> int:
        return 2


@pytest.mark.parametrize(
    "value",
    [2, Two.IT, Indexed(), np.int64(2), np.uint8(2), np.array(2), torch.tensor(2),
     torch.tensor(2, dtype=torch.uint8)],
)  # fmt: skip
def test_integers_of_any_type_are_converted(value: Any) -> None:
    assert to_int(value) == to_real(value) == 2
    assert type(to_int(value)) is type(to_real(value)) is int


@pytest.mark.parametrize(
    "value",
    [0.5, Fraction(1, 2), np.float64(0.5), np.float32(0.5), np.float16(0.5), np.longdouble(0.5),
     np.array(0.5), torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16),
     torch.tensor(0.5, requires_grad=True)],
)  # fmt: skip
def test_real_numbers_of_any_type_are_converted_to_floats(value: Any) -> None:
    assert to_real(value) == 0.5
    assert type(to_real(value)) is float
    assert to_int(value) is None


@pytest.mark.parametrize(
    "value",
    [True, np.True_, np.array(True), torch.tensor(True), "2", b"2", None, 2j, np.complex64(2),
     torch.tensor(2j), [2], np.array([2]), np.array([2.0]), torch.tensor([2]), torch.tensor([2.0]),
     torch.tensor(2, device="meta"), np.timedelta64(2, "ns"), np.datetime64(2, "ns"), object()],
)  # fmt: skip
def test_other_values_are_not_numbers(value: Any) -> None:
    assert to_int(value) is None
    assert to_real(value) is None


@pytest.mark.parametrize("value", [10**400, -(10**400), Fraction(10**400)])
def test_values_beyond_float_range_are_not_real_numbers(value: Any) -> None:
    assert to_real(value) is None


def test_estimates_are_returned_unchanged() -> None:
    estimate = Estimate(0.5, 0.1)
    assert to_real(estimate) is estimate


def with_numbers(value: Any, convert: Callable[[int | float], Any]) -> Any:
    """Replace all numbers among the arguments of a call."""
    if type(value) in (int, float):
        return convert(value)
    if type(value) in (list, tuple):
        return type(value)(with_numbers(item, convert) for item in value)
    if type(value) is dict:
        return {
            key: item if key == "settings" else with_numbers(item, convert)  # they may be anything
            for key, item in value.items()
        }
    return value


def everything_in(value: Any, depth: int = 0) -> str:
    """Describe a result and its contents, so that numbers of other types look different."""
    if isinstance(value, Iterator):
        value = list(islice(value, 5))
    if isinstance(value, Tensor):
        return f"{value.dtype} {value.tolist()}"
    if isinstance(value, nn.Module):
        return everything_in([value.state_dict(), getattr(value, "settings", None)])
    if isinstance(value, list | tuple):
        return f"[{', '.join(everything_in(item, depth) for item in value)}]"
    if isinstance(value, dict):
        items = sorted(
            (str(key), key, item)
            for key, item in value.items()
            if not str(key).endswith("seconds")
        )
        return ", ".join(f"{key!r}: {everything_in(item, depth)}" for _, key, item in items)
    if type(value).__module__.startswith("seqtoys") and hasattr(value, "__dict__") and depth < 4:
        public = {name: part for name, part in vars(value).items() if not name.startswith("_")}
        return f"{type(value).__name__} {everything_in(public, depth + 1)}"
    return "" if " at 0x" in repr(value) else repr(value)


def outcome(call: Call, convert: Callable[[int | float], Any]) -> str:
    """Make a call and describe its result, or name its error type."""
    try:
        found = call.function(
            *with_numbers(call.positional, convert), **with_numbers(call.named, convert)
        )
        description = everything_in(found) + everything_in(call.named.get("model"))
    except SeqtoysError as error:  # some calls are invalid even with plain numbers
        return type(error).__name__
    return description


CONVERTED: list[Callable[[int | float], Any]] = [
    lambda number: np.asarray(number)[()],  # NumPy's
    lambda number: torch.from_numpy(np.asarray(number)),
]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", CALLS)
def test_every_public_call_accepts_them_with_equal_results(name: str, tmp_path: Path) -> None:
    for seed in range(16):
        plain, *others = (CALLS[name](random.Random(f"{name} {seed}"), tmp_path) for _ in range(3))
        if plain.function.__name__ == "from_state":
            continue  # in a file's state, a tensor is not a number
        expected = outcome(plain, lambda number: number)
        for other, convert in zip(others, CONVERTED, strict=True):
            assert outcome(other, convert) == expected, f"{name}, {seed}: {other.function}"


def test_files_contain_plain_numbers(tmp_path: Path) -> None:
    two: Any = np.uint8(2)
    rate: Any = np.float32(0.5)
    history = fit(
        ElmanCharModel(VOCAB, hidden_size=np.int64(4), seed=np.int64(3)),  # type: ignore[arg-type]
        ["hello", "hill", "oil"],
        epochs=two,
        batch_size=two,
        validation=rate,
        optimizer=partial(torch.optim.SGD, lr=rate, momentum=rate),
        scheduler=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=rate),
        checkpoint=Checkpoint(tmp_path / "run", every=np.int64(1)),  # type: ignore[arg-type]
    )
    written = json.loads(history.to_json())["settings"]
    assert written["optimizer"] == "SGD(lr=0.5, momentum=0.5)"
    assert (written["epochs"], written["batch_size"], written["validation"]) == (2, 2, 0.5)
    assert [type(lr) for lr in history.lr] == [float, float]
    assert pack({"a": np.float32(0.5), "b": [np.True_]}, inline) == {"a": 0.5, "b": [True]}


BAD: dict[str, tuple[Callable[[Any], object], type[SeqtoysError], str]] = {
    "epochs": (
        lambda value: fit(ElmanCharModel(VOCAB), "hihello", epochs=value),
        OptionError,
        "expected epochs to be a positive integer, got ",
    ),
    "lr": (
        lambda value: fit(ElmanCharModel(VOCAB), "hihello", lr=value),
        OptionError,
        "expected lr to be a positive finite number, got ",
    ),
    "until": (
        lambda value: fit(ElmanCharModel(VOCAB), "hihello", until=value),
        OptionError,
        "expected until to be 'solved', a positive number of nats or None, got ",
    ),
    "validation": (
        lambda value: fit(ElmanCharModel(VOCAB), ["hi", "he"], validation=value),
        OptionError,
        "expected validation to be a fraction between 0 and 1, got ",
    ),
    "hidden_size": (
        lambda value: ElmanCharModel(VOCAB, hidden_size=value),
        InputTypeError,
        "expected hidden_size to be an integer or None, got ",
    ),
    "seeds": (
        lambda value: ElmanEnsemble(VOCAB, seeds=[value]),
        OptionError,
        "expected seed to be an integer of at most 64 bits, got ",
    ),
    "threshold": (
        lambda value: Curriculum(9, threshold=value),
        OptionError,
        "expected threshold to be a fraction between 0 and 1, got ",
    ),
    "temperature": (
        lambda value: generate(ElmanCharModel(VOCAB), "h", 5, temperature=value),
        OptionError,
        "expected temperature to be a finite number of at least 0, got ",
    ),
    "quantiles": (
        lambda value: fit(ElmanEnsemble(VOCAB, [1]), "hihello", epochs=1).quantiles(value),
        OptionError,
        "expected quantiles from 0 to 1, got ",
    ),
    "count": (
        lambda value: Proportion(value, 2),
        OptionError,
        "expected count to be an integer from 0 to 2, got ",
    ),
    "p": (
        lambda value: get_task("dyck", p=value),
        OptionError,
        "expected p to be above 0 and below 0.5, got ",
    ),
    "loss": (
        lambda value: Row(1, value, 0.5, 0.1),
        InputTypeError,
        "expected loss to be a number, got ",
    ),
}


@pytest.mark.parametrize(
    "value", [np.True_, torch.tensor(True), np.array([1, 2]), 1j, "1"], ids=repr
)
@pytest.mark.parametrize("name", BAD)
def test_non_numbers_raise(name: str, value: Any) -> None:
    call, kind, message = BAD[name]
    with pytest.raises(kind) as caught:
        call(value)
    assert str(caught.value).startswith(message)
