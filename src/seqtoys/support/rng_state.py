"""The state of the global generators, which a user's model or task may use, as in dropout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqtoys.errors import DataError
from seqtoys.support.serialization import Plain, mismatch


class GlobalRngState:
    """Saves and restores the state of PyTorch's global generators during training.

    This library does not use them. But if the model does, a run can only be resumed exactly with
    their saved state. So their state is restored on resuming, and reset at the end if they were
    not used.

    Args:
        device: The device of the model.

    Examples:
        >>> before = torch.get_rng_state()
        >>> with GlobalRngState(torch.device("cpu")) as draws:
        ...     draws.restore([torch.Generator().manual_seed(5).get_state()])
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = [device] if device.type == "cuda" else []
        self._own: list[Tensor] | None = None  # their state before `restore`
        self._start: list[Tensor] = []

    def state(self) -> list[Tensor]:
        """Return the state of the generators."""
        on_gpu = [torch.cuda.get_rng_state(device) for device in self._on_gpu]
        return [torch.get_rng_state(), *on_gpu]

    def check(self, state: Plain) -> None:
        """Check that a state is valid for the generators.

        Raises:
            DataError: If it has the wrong form.
            RuntimeError: If PyTorch rejects it.
        """
        wrong = mismatch(state, self.state(), "draws")
        if wrong is not None:
            raise DataError(wrong)
        torch.Generator().set_state(state[0])  # any bytes of the right length are valid on a GPU

    def restore(self, state: list[Tensor]) -> None:
        """Restore a saved state of the generators."""
        self._own, self._start = self.state(), state
        self._set(state)

    def __enter__(self) -> GlobalRngState:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._own is not None and all(map(torch.equal, self.state(), self._start)):
            self._set(self._own)

    def _set(self, state: list[Tensor]) -> None:
        torch.set_rng_state(state[0])
        for device, where in zip(self._on_gpu, state[1:], strict=True):
            torch.cuda.set_rng_state(where, device)


class GlobalDraws:
    """Detects draws from PyTorch's, Python's and NumPy's global generators.

    Examples:
        >>> draws = GlobalDraws()
        >>> draws.any()
        False
        >>> numbers = torch.rand(2)
        >>> draws.any()
        True
    """

    def __init__(self) -> None:
        self._before = _random_states()

    def any(self) -> bool:
        """Whether there have been any."""
        return _random_states() != self._before


def _random_states() -> list[object]:
    state: Any = np.random.get_state()  # noqa: NPY002
    numpy = [part.tolist() if isinstance(part, np.ndarray) else part for part in state]
    on_gpu = [state.tolist() for state in _states_on_gpus()]
    return [torch.get_rng_state().tolist(), random.getstate(), numpy, *on_gpu]


def _states_on_gpus() -> list[Tensor]:
    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


@contextmanager
def globally_seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's, Python's and NumPy's global generators, and restore them afterwards.

    Args:
        seed: A seed of 64 bits, of which NumPy uses the lower 32.

    Examples:
        >>> with globally_seeded(7):
        ...     first = random.random()
        >>> with globally_seeded(7):
        ...     random.random() == first
        True
    """
    with ExitStack() as at_the_end:
        _keep_random_states(at_the_end)
        _seed_random_states(seed)
        yield


def _keep_random_states(at_the_end: ExitStack) -> None:
    """Restore PyTorch's, Python's and NumPy's global random states at the end."""
    if torch.cuda.is_initialized():
        at_the_end.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
    else:
        at_the_end.callback(_seed_cuda_as_the_cpu)
    at_the_end.callback(torch.set_rng_state, torch.get_rng_state())
    at_the_end.callback(random.setstate, random.getstate())
    at_the_end.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002


def _seed_cuda_as_the_cpu() -> None:
    """Seed CUDA with the CPU's seed, as on first use.

    Initializing CUDA just to read its state would use memory on every GPU, and break later forks.
    """
    torch.cuda.manual_seed_all(torch.initial_seed())


def _seed_random_states(seed: int) -> None:
    """Seed exactly the states that `_keep_random_states` restores."""
    torch.default_generator.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
