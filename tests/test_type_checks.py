"""The library's functions have run-time type checks, which are on where a test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from jaxtyping import Int, TypeCheckError
from torch import Tensor

from seqtoys.support.tensors import to_int64
from tests.type_checks import MOST, TYPE_CHECKS

INDICES = torch.ones(2, 3, dtype=torch.int64)


@TYPE_CHECKS.decorate
def added(a: Int[Tensor, "batch time"], b: Int[Tensor, " time"]) -> Int[Tensor, "batch time"]:
    return a + b


@TYPE_CHECKS.decorate
def unreduced(a: Int[Tensor, "batch time"]) -> Int[Tensor, " batch"]:
    return a


@TYPE_CHECKS.decorate
@dataclass
class Pair:
    first: Any
    second: str


WRONG: dict[str, Callable[[], object]] = {
    "sizes": lambda: added(INDICES, INDICES[0, :1]),
    "dtype": lambda: added(INDICES.float(), INDICES[0]),
    "result": lambda: unreduced(INDICES),
    "field": lambda: Pair(1, 2),  # type: ignore[arg-type]
    "function of the library": lambda: to_int64(INDICES, 5),  # type: ignore[arg-type]
}


@pytest.mark.type_checked
@pytest.mark.parametrize("name", WRONG)
def test_wrong_types_are_found_where_marked(name: str) -> None:
    for _ in range(2):
        with pytest.raises(TypeCheckError):
            WRONG[name]()


@pytest.mark.parametrize("name", WRONG)
def test_types_are_not_checked_elsewhere(name: str) -> None:
    WRONG[name]()


@pytest.mark.type_checked
def test_first_calls_of_a_test_are_checked() -> None:
    for _ in range(MOST):
        added(INDICES, INDICES[0])
    WRONG["sizes"]()
    with pytest.raises(TypeCheckError):
        WRONG["result"]()  # each function is counted on its own
    with TYPE_CHECKS.switched(True), pytest.raises(TypeCheckError):
        WRONG["sizes"]()
