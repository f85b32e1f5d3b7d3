"""Cases that know nothing of each other, one on each core."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch

from benchmarks.machine import count_cores

Case = TypeVar("Case")
Found = TypeVar("Found")


def spread(measure: Callable[[Case], Found], cases: Iterable[Case]) -> list[Found]:
    """Measure cases in processes of one thread each, as many as there are cores.

    Args:
        measure: A function of a module, with what it is given and what it gives back picklable.
        cases: What to call it with.
    """
    with ProcessPoolExecutor(
        count_cores(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        return list(pool.map(measure, cases))
