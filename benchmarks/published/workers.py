"""Run independent cases in parallel, one per core."""

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
    """Measure cases in single-threaded processes, one per core.

    Args:
        measure: A picklable function, with picklable argument and result.
        cases: The arguments to call it with.
    """
    with ProcessPoolExecutor(
        count_cores(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        return list(pool.map(measure, cases))
