"""Isolation of global state for each cell of a sweep, so that its results are reproducible."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from seqtoys.support.randomness import generator_for
from seqtoys.support.rng_state import globally_seeded


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
        at_the_end.enter_context(globally_seeded(state_seed(seed)))
        yield


def state_seed(seed: int) -> int:
    """Return the seed of the global random states in which the model of a seed is made.

    Examples:
        >>> state_seed(1) == state_seed(1), state_seed(1) == state_seed(2)
        (True, False)
    """
    return generator_for("model", seed).initial_seed()
