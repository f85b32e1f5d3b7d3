"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import pytest
import torch


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch the run-time type checks off, to meet the errors that users meet."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def global_state_untouched() -> Iterator[None]:
    """No test, and so nothing in the library, may leave the global random state changed."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
