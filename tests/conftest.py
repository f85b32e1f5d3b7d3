"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jaxtyping
import pytest
import torch


def pytest_configure() -> None:
    """One thread: for tensors this small, two would mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch the run-time type checks off, to meet the errors that users meet."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def assert_told(unchecked: None) -> Callable[[Callable[[], object], type[Exception], str], None]:
    """Assert that a call raises one of the library's errors, with this whole message."""

    from seqtoys import SeqtoysError  # after the run-time type checks are installed

    def told(call: Callable[[], object], kind: type[Exception], message: str) -> None:
        with pytest.raises(kind) as caught:
            call()
        assert str(caught.value) == message
        assert isinstance(caught.value, SeqtoysError)

    return told


@pytest.fixture(autouse=True)
def global_state_untouched() -> Iterator[None]:
    """No test, and so nothing in the library, may leave the global random state changed."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
