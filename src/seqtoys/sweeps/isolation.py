"""Global state of its own for each cell of a sweep: its numbers depend on nothing else."""

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
    """Whose turn it is, as the global random states belong to the whole process."""

    lock = threading.RLock()  # reentrant, as a model maker may call sweep itself

    @classmethod
    def renew(cls) -> None:
        """Forget the lock of the parent process: a fork may copy it while it is held."""
        cls.lock = threading.RLock()  # pragma: no cover - in another process


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows, which has no fork
    os.register_at_fork(after_in_child=_Turn.renew)


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Run one cell at a time, on one thread of PyTorch, in random states seeded for it.

    On one thread, sums come out the same wherever a cell runs. Model makers, dropout and user
    tasks may draw from the global generators; those are seeded here and put back afterwards.

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
    """Put PyTorch's, Python's and NumPy's global random states back at the end."""
    if torch.cuda.is_initialized():
        at_the_end.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
    else:
        at_the_end.callback(_seed_cuda_as_the_cpu)
    at_the_end.callback(torch.set_rng_state, torch.get_rng_state())
    at_the_end.callback(random.setstate, random.getstate())
    at_the_end.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002


def _seed_cuda_as_the_cpu() -> None:
    """Seed CUDA as it would be if the first use of CUDA were yet to come.

    Initializing CUDA only to read its state would cost memory on every GPU, and break later forks.
    """
    torch.cuda.manual_seed_all(torch.initial_seed())


def _seed_random_states(seed: int) -> None:
    """Seed what `_keep_random_states` puts back, and nothing else."""
    torch.default_generator.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
