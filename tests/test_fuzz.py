"""A few of the calls of `fuzz.py`, which makes as many as one has time for."""

from __future__ import annotations

import inspect
import re

import pytest
import torch

import seqtoys
from seqtoys import results
from tests import fuzz, fuzz_targets
from tests.fuzz_targets import CALLS, Call

NUMBERS = range(12)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", CALLS)
def test_wild_arguments_give_a_right_result_or_an_error_of_the_library(name: str) -> None:
    told: list[str] = []
    assert fuzz.fuzz([(name, number) for number in NUMBERS], told.append) == 0, "\n".join(told)


def test_what_goes_wrong_is_found() -> None:
    def broken() -> None:
        raise KeyError("h")

    def untidy() -> None:
        torch.manual_seed(5)

    before = torch.get_rng_state()
    assert "KeyError: 'h'" in (fuzz.run(Call(broken)) or "")
    assert "changed: torch's random state" in (fuzz.run(Call(untidy)) or "")
    torch.set_rng_state(before)


def test_every_public_name_is_called() -> None:
    source = inspect.getsource(fuzz_targets)
    names = {*seqtoys.__all__, *results.__all__}
    missing = {name for name in names if not re.search(rf"\b{name}\b", source)}
    assert missing == {"SeqtoysError", "Task", "__version__"}  # an error, and what is abstract
