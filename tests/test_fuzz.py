"""A short run of `fuzz.py`, and tests of the fuzzer itself."""

from __future__ import annotations

import inspect
import re
import time

import matplotlib.pyplot as plt
import pytest
import torch

import seqtoys
from seqtoys import inspection, models, plotting, results
from seqtoys.errors import OptionError
from tests import fuzz, fuzz_models, fuzz_shown, fuzz_targets
from tests.fuzz import CALLS
from tests.fuzz_targets import Call

NUMBERS = range(12)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", CALLS)
def test_wild_arguments_give_a_valid_result_or_a_library_error(name: str) -> None:
    messages: list[str] = []
    assert fuzz.fuzz([(name, number) for number in NUMBERS], messages.append) == 0, "\n".join(
        messages
    )


def test_fuzzer_finds_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("h")

    def untidy() -> None:
        torch.manual_seed(5)

    def chatty() -> None:
        raise OptionError("h" * 5000)

    def half_drawn() -> None:
        plt.figure()
        raise OptionError("expected h")

    def endless() -> None:
        time.sleep(60)

    before = torch.get_rng_state()
    assert "KeyError: 'h'" in (fuzz.run(Call(broken)) or "")
    assert "changed: torch's random state" in (fuzz.run(Call(untidy)) or "")
    torch.set_rng_state(before)
    assert fuzz.run(Call(chatty)) == "an error with a message of 5,000 characters"
    assert fuzz.run(Call(half_drawn)) == "an error that leaves a figure open"
    monkeypatch.setattr(fuzz, "PATIENCE", 1)
    assert "Hanging" in (fuzz.run(Call(endless)) or "")
    assert fuzz.run(Call(print)) is None


def test_every_public_name_is_called() -> None:
    source = "".join(map(inspect.getsource, (fuzz_targets, fuzz_shown, fuzz_models)))
    modules = (seqtoys, results, plotting, models, inspection)
    names = {name for module in modules for name in module.__all__}
    missing = {name for name in names if not re.search(rf"\b{name}\b", source)}
    assert missing == {"Task", "__version__"}  # Task is abstract
