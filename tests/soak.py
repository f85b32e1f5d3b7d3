"""Check that memory stays flat over ten thousand trainings and a million symbols.

    python -m tests.soak

Prints the resident memory after each of ten parts.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from seqtoys import ElmanCharModel, Vocab, fit, generate

VOCAB = Vocab("hielo")


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for megabytes in soak(fits=10_000, symbols=1_000_000, parts=10):
        print(f"{megabytes:.1f} MB", flush=True)
