"""Sample 1,000 characters one at a time, against a loop over `nn.RNN`."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks import peers
from benchmarks.text import SYMBOLS
from benchmarks.timing import Row, compare, take_turns, times_as_fast
from seqtoys import ElmanCharModel, Vocab, generate

LENGTH, UNITS = 1000, 128
CLAIM = times_as_fast("1,000 characters, against nn.RNN, softmax and multinomial", 5)


def measure(threads: int, quick: bool) -> list[Row]:
    """Time the sampling of 1,000 characters with each."""
    contestants = {"generate": _generate, "by hand": _by_hand}
    seconds = take_turns(contestants, repeats=3 if quick else 21)
    return [compare(CLAIM, seconds["generate"], seconds["by hand"])]


def _generate() -> Callable[[], object]:
    model = ElmanCharModel(Vocab(SYMBOLS), hidden_size=UNITS)
    return lambda: generate(model, SYMBOLS[0], LENGTH, temperature=1.0)


def _by_hand() -> Callable[[], object]:
    network = peers.Network(len(SYMBOLS), UNITS)
    generator = torch.Generator().manual_seed(0)
    return lambda: peers.sample(network, SYMBOLS, SYMBOLS[0], LENGTH, generator)
