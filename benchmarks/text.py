"""Train on a text in chunks, against `nn.RNN` on one-hots, JAX, and peak performance."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from benchmarks import peers
from benchmarks.machine import has_jax
from benchmarks.timing import Claim, Contestant, Row, compare, take_turns, times_as_fast
from seqtoys import ElmanCharModel, Vocab, fit

SYMBOLS = string.ascii_letters + string.digits + " .,"
STREAMS, CHUNK, UPDATES = 64, 100, 8
SIZES = (128, 256, 512)
PRODUCTS = 200  # small products timed together
SQUARE = 2048


def measure(threads: int, quick: bool) -> list[Row]:
    """Time one epoch over a text for each hidden size."""
    return [row for units in SIZES for row in _measure_size(units, repeats=3 if quick else 5)]


def make_text(symbols: str, streams: int, chunk: int, updates: int) -> str:
    """Generate a random text that fills n updates; its content does not affect the time."""
    return "".join(random.Random(0).choices(symbols, k=streams * chunk * updates + 1))


def count_operations(units: int, symbols: int, streams: int, chunk: int) -> int:
    """Count the floating-point operations of the matrix products of an update.

    State and readout count once for the forward and twice for the backward pass. Inputs are row
    lookups, not products, and no gradient flows out of the chunk through its first state.
    """
    step = 2 * streams * units
    return step * (3 * chunk - 1) * units + step * 3 * chunk * symbols


def _measure_size(units: int, repeats: int) -> list[Row]:
    text = make_text(SYMBOLS, STREAMS, CHUNK, UPDATES)
    contestants: dict[str, Contestant] = {
        "fit": lambda: _fit(text, units),
        "one-hots": lambda: _by_hand(text, units),
        "one-hots before": lambda: _by_hand_with_one_hots(text, units),
    }
    if has_jax():
        contestants["jax"] = _jax(text, units)
    if units == max(SIZES):
        contestants |= {"small products": _small_products, "large product": _large_product}
    seconds = take_turns(contestants, repeats)
    rows = _rows_of_speed(units, seconds)
    return rows + _rows_of_peak(units, seconds) if units == max(SIZES) else rows


def _rows_of_speed(units: int, seconds: dict[str, list[float]]) -> list[Row]:
    title = f"hidden {units}, against"
    claims = {
        "one-hots": times_as_fast(f"{title} nn.RNN, one-hots made for each update", 1.2),
        "one-hots before": times_as_fast(f"{title} nn.RNN, one-hots made before the clock starts"),
        "jax": times_as_fast(f"{title} JAX once compiled", 1.25 if units > 128 else None),
    }
    share = {"our_share": 1 / UPDATES, "peer_share": 1 / UPDATES}
    return [
        compare(claim, seconds["fit"], seconds[name], **share)
        for name, claim in claims.items()
        if name in seconds
    ]


def _rows_of_peak(units: int, seconds: dict[str, list[float]]) -> list[Row]:
    work = UPDATES * count_operations(units, len(SYMBOLS), STREAMS, CHUNK)
    return [
        _share_of_peak(
            f"hidden {units}, peak: products of {STREAMS} by {units} and {units} by {units}",
            [work / t for t in seconds["fit"]],
            [PRODUCTS * 2 * STREAMS * units**2 / t for t in seconds["small products"]],
        ),
        _share_of_peak(
            f"hidden {units}, peak: products of {SQUARE} by {SQUARE} and {SQUARE} by {SQUARE}",
            [work / t for t in seconds["fit"]],
            [2 * SQUARE**3 / t for t in seconds["large product"]],
        ),
    ]


def _share_of_peak(name: str, ours: list[float], peak: list[float]) -> Row:
    claim = Claim(name, "of the peak", "at least", 0.70)
    ratios = [a / b for a, b in zip(ours, peak, strict=True)]
    return claim.judge(ratios, median(ours) / 1e9, median(peak) / 1e9, "GFLOP/s")


def _fit(text: str, units: int) -> Callable[[], object]:
    model = ElmanCharModel(Vocab(SYMBOLS), hidden_size=units)
    options: dict[str, Any] = {"chunk": CHUNK, "batch_size": STREAMS, "epochs": 1}
    return lambda: fit(model, text, lr=0.01, progress=False, **options)


def _cut(text: str) -> list[peers.Part]:
    return peers.cut_text(text, SYMBOLS, STREAMS, CHUNK)


def _by_hand(text: str, units: int) -> Callable[[], object]:
    network = peers.Network(len(SYMBOLS), units)
    return lambda: peers.learn_text(network, _cut(text))


def _by_hand_with_one_hots(text: str, units: int) -> Callable[[], object]:
    network = peers.Network(len(SYMBOLS), units)
    one_hots = [peers.one_hots_of(inputs, len(SYMBOLS)) for inputs, _ in _cut(text)]
    return lambda: peers.learn_text(network, _cut(text), one_hots)


def _jax(text: str, units: int) -> Contestant:
    from benchmarks.jax_peers import TextTrainer

    trainer, network = TextTrainer(), peers.Network(len(SYMBOLS), units)

    def prepare() -> Callable[[], object]:
        start = trainer.start(network, STREAMS)
        return lambda: trainer.learn(start, _cut(text))

    return prepare


def _small_products() -> Callable[[], object]:
    units = max(SIZES)
    states, weights = torch.rand(STREAMS, units), torch.rand(units, units)
    product = torch.empty(STREAMS, units)
    return lambda: [torch.mm(states, weights, out=product) for _ in range(PRODUCTS)]


def _large_product() -> Callable[[], object]:
    left, right = torch.rand(SQUARE, SQUARE), torch.rand(SQUARE, SQUARE)
    product = torch.zeros(SQUARE, SQUARE)
    return lambda: torch.mm(left, right, out=product)
