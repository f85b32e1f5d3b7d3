"""One update in a training loop of your own, without its optimizer, against `nn.RNN`."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import peers
from benchmarks.timing import Contestant, Row, compare, take_turns, times_as_fast
from seqtoys import ElmanCharModel, Vocab

SYMBOLS = string.ascii_letters + string.digits + " .,"
BATCH, STEPS = 64, 100
# The targets with one and with two threads; for all other networks, not to be slower.
TARGETS = {128: (1.2, 1.5), 256: (1.15, 1.3), 512: (1.1, 1.15)}
SIZES = (8, 32, 128, 256, 512, 1024)
LARGE = 2**22  # multiplications per step from which on one update is timed alone


@dataclass(frozen=True)
class Network:
    """The sizes and options of a network.

    Attributes:
        units: The size of the hidden state.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`.
        features: The size of the embedding. If None, symbols are one-hot vectors.
        layers: The number of recurrent layers.
        dtype: The floating-point type.
    """

    units: int
    batch_first: bool = False
    features: int | None = None
    layers: int = 1
    dtype: torch.dtype = torch.float32

    @property
    def title(self) -> str:
        """What is special about it, for the table."""
        parts = [f"hidden {self.units}", "batch first" if self.batch_first else "time first"]
        if self.features is not None:
            parts.append(f"embedding of {self.features}")
        if self.layers > 1:
            parts.append(f"{self.layers} layers")
        if self.dtype is torch.float64:
            parts.append("double precision")
        return ", ".join(parts)

    def ours(self) -> nn.Module:
        """Make the network of seqtoys."""
        return ElmanCharModel(
            Vocab(SYMBOLS),
            hidden_size=self.units,
            embedding_size=self.features,
            num_layers=self.layers,
            batch_first=self.batch_first,
        ).to(self.dtype)

    def peer(self) -> nn.Module:
        """Make the same network by hand."""
        return peers.Reader(
            len(SYMBOLS),
            self.units,
            features=self.features,
            layers=self.layers,
            batch_first=self.batch_first,
        ).to(self.dtype)


NETWORKS = (
    *(Network(units, batch_first) for batch_first in (False, True) for units in SIZES),
    *(Network(units, features=32) for units in (32, 128, 512)),
    *(Network(units, layers=2) for units in (32, 128, 512)),
    *(Network(units, dtype=torch.float64) for units in (32, 128, 512)),
)


def measure(threads: int, quick: bool) -> list[Row]:
    """Time forward pass, loss and backward pass of each network."""
    return [_measure_network(each, threads, repeats=3 if quick else 5) for each in NETWORKS]


def update(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the loss and set the gradients, as each update of a training loop does."""
    logits, _ = network(inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    network.zero_grad()
    loss.backward()
    return loss


def _measure_network(network: Network, threads: int, repeats: int) -> Row:
    shape = (BATCH, STEPS) if network.batch_first else (STEPS, BATCH)
    generator = torch.Generator().manual_seed(0)
    symbols = [torch.randint(len(SYMBOLS), shape, generator=generator) for _ in range(2)]
    updates = 1 if BATCH * network.units**2 >= LARGE else 5
    contestants: dict[str, Contestant] = {
        name: _contestant(each, symbols, updates)
        for name, each in (("ours", network.ours()), ("peer", network.peer()))
    }
    seconds = take_turns(contestants, repeats)
    is_plain = network == Network(network.units, network.batch_first)
    target = TARGETS.get(network.units, (1, 1))[threads - 1] if is_plain else 1
    share = {"our_share": 1 / updates, "peer_share": 1 / updates}
    claim = times_as_fast(network.title, target)
    return compare(claim, seconds["ours"], seconds["peer"], **share)


def _contestant(network: nn.Module, symbols: list[Tensor], updates: int) -> Contestant:
    def run() -> None:
        for _ in range(updates):
            update(network, *symbols)

    def prepare() -> Callable[[], object]:
        return run

    return prepare
