"""Isolation of global state for each cell of a sweep, so that its results are reproducible."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from seqtoys.support.randomness import generator_for


class _Turn:
    """A lock for the global random states, which belong to the whole process."""

    lock = threading.RLock()  # reentrant, as make_model may itself call sweep

    @classmethod
    def renew(cls) -> None:
        """Replace the lock of the parent process, which a fork may copy while it is held."""
        cls.lock = threading.RLock()  # pragma: no cover - in another process


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows, which has no fork
    os.register_at_fork(after_in_child=_Turn.renew)


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Run one cell at a time, on one PyTorch thread, with seeded global random states.

    On one thread, the order of sums does not depend on where a cell runs. `make_model`, dropout
    and user tasks may draw from the global generators, which are seeded here and restored
    afterwards.

    Args:
        seed: The seed of the cell.

    Examples:
        >>> with isolated(seed=7):
        ...     weights = torch.nn.Linear(2, 2).weight
        >>> with isolated(seed=7):
        ...     torch.equal(torch.nn.Linear(2, 2).weight, weights)
        True
    """
    with _Turn.lock, ExitStack() as at_the_end:
        at_the_end.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        _keep_random_states(at_the_end)
        _seed_random_states(generator_for("model", seed).initial_seed())
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
    np.random.seed(seed)  # noqa: NPY002
