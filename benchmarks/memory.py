"""Peak memory with a vocabulary of 20,000 symbols, against one-hot vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks import peers
from benchmarks.fresh import run_fresh
from benchmarks.text import make_text
from benchmarks.timing import Claim, Row
from seqtoys import Batch, ElmanCharModel, Vocab, fit

SYMBOLS = "".join(chr(0x4E00 + i) for i in range(20_000))
STREAMS, CHUNK, UNITS, UPDATES = 32, 128, 128, 3
STATUS = Path("/proc/self/status")

CLAIMS = {
    "fit_batch": Claim("32 sequences of 128 steps, against nn.RNN", "of its peak", "at most", 0.1),
    "fit_text": Claim("a text in chunks, against nn.RNN", "of its peak", "at most", 0.1),
}


def measure(threads: int, quick: bool) -> list[Row]:
    """Measure the peak memory of fresh processes, one at a time; only Linux reports it."""
    if threads > 1 or not STATUS.exists():
        return []
    peaks: dict[str, list[float]] = {name: [] for name in (*CLAIMS, "fit_by_hand")}
    for _ in range(1 if quick else 3):
        for name in peaks:
            peaks[name].append(run_fresh(f"benchmarks.memory:{name}", threads))
    hand = peaks["fit_by_hand"]
    return [_compare(claim, peaks[name], hand) for name, claim in CLAIMS.items()]


def fit_batch() -> float:
    """Return the peak of three updates on one batch, in MiB."""

    def train() -> object:
        ((inputs, targets), *_) = peers.cut_text(_text(updates=1), SYMBOLS, STREAMS, CHUNK)
        batch = Batch(inputs.T.contiguous(), targets.T.contiguous())
        return fit(_model(), batch, epochs=UPDATES, progress=False)

    return peak_of(train)


def fit_text() -> float:
    """Return the peak of three updates on the chunks of a text, in MiB."""
    options: dict[str, Any] = {"chunk": CHUNK, "batch_size": STREAMS, "epochs": 1}
    return peak_of(lambda: fit(_model(), _text(UPDATES), progress=False, **options))


def fit_by_hand() -> float:
    """Return the peak of three updates with one-hot vectors, in MiB."""

    def train() -> object:
        network = peers.Network(len(SYMBOLS), UNITS)
        return peers.learn_text(network, peers.cut_text(_text(UPDATES), SYMBOLS, STREAMS, CHUNK))

    return peak_of(train)


def peak_of(run: Callable[[], object]) -> float:
    """Return by how much a run raises the peak memory of this process, in MiB.

    Args:
        run: What to measure.
    """
    # The first optimizer makes PyTorch import its compiler, which should not count as training.
    torch.optim.Adam([nn.Parameter(torch.zeros(1))])
    before = _peak()
    run()
    return _peak() - before


def _peak() -> float:
    # Not getrusage, whose maximum starts at the size of the parent process.
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) / 1024


def _model() -> ElmanCharModel:
    return ElmanCharModel(Vocab(SYMBOLS), hidden_size=UNITS)


def _text(updates: int) -> str:
    return make_text(SYMBOLS, STREAMS, CHUNK, updates)


def _compare(claim: Claim, ours: list[float], hand: list[float]) -> Row:
    ratios = [a / b for a, b in zip(ours, hand, strict=True)]
    return claim.judge(ratios, median(ours), median(hand), "MiB")
