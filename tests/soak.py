"""Check that memory stays flat over ten thousand trainings and a million symbols.

    python -m tests.soak

Prints the resident memory and the number of open files after each of ten parts.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtoys import ElmanCharModel, Ensemble, Vocab, evaluate, fit, generate
from seqtoys.models import (
    DeltaNetCharModel,
    GRUCharModel,
    LRUCharModel,
    LSTMCharModel,
    MambaCharModel,
    TransformerCharModel,
)

VOCAB = Vocab("hielo")
ARCHITECTURES: tuple[Callable[..., Any], ...] = (
    GRUCharModel,
    LSTMCharModel,
    TransformerCharModel,
    LRUCharModel,
    MambaCharModel,
    DeltaNetCharModel,
)


def resident() -> float:
    """Return the memory of this process in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(fits: int, symbols: int, parts: int) -> Iterator[float]:
    """Train and generate in parts, and yield the memory after each."""
    for _ in range(parts):
        for seed in range(fits // parts):
            model = ElmanCharModel(VOCAB, hidden_size=(None, 4)[seed % 2], seed=seed)
            fit(model, "hihello", epochs=2, validation=None)
            fit(model, ["hihello", "hill"], epochs=1, batch_size=1, optimizer=torch.optim.SGD)
        generate(ElmanCharModel(VOCAB), "h", symbols // parts)
        yield resident()


def soak_architectures(
    rounds: int, parts: int, kinds: Sequence[Callable[..., Any]] = ARCHITECTURES
) -> Iterator[float]:
    """Train, evaluate and sample from architectures and ensembles of them, in parts."""
    for _ in range(parts):
        for seed in range(rounds // parts):
            for kind in kinds:
                make = partial(kind, VOCAB, hidden_size=4)
                for model in (make(seed=seed), Ensemble(_seeded(make), [seed, seed + 1])):
                    fit(model, ["hihello", "hill"], epochs=2)
                    evaluate(model, "hihello")
                    generate(model, "h", 5)
        yield resident()


def _seeded(make: Callable[..., Any]) -> Callable[[int], Any]:
    return lambda seed: make(seed=seed)


def open_files() -> int:
    """Return the number of files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for megabytes in soak(fits=10_000, symbols=1_000_000, parts=10):
        print(f"{megabytes:.1f} MB, {open_files()} open files", flush=True)
    print("every architecture, alone and as an ensemble")
    for megabytes in soak_architectures(rounds=200, parts=10):
        print(f"{megabytes:.1f} MB, {open_files()} open files", flush=True)
