"""Train 32 seeds of a user's modules together, against a plain loop over models made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import Contestant, Row, compare, take_turns, times_as_fast
from seqtoys import Batch, Ensemble, fit

SEEDS = 32
LOOPS = 4  # models that are timed
EPOCHS = 10
SYMBOLS, UNITS, BATCH, STEPS = 12, 32, 32, 40

CLAIMS = {
    "GRU": times_as_fast("fit of 32 GRUs, against torch.nn.GRU by hand, per model", 2),
    "LSTM": times_as_fast("fit of 32 LSTMs, against torch.nn.GRU by hand, per model", 2),
    "LSTM, own": times_as_fast("fit of 32 LSTMs, against torch.nn.LSTM by hand, per model"),
    "transformer": times_as_fast("fit of 32 transformers, against a loop by hand, per model", 1),
}
PEERS = {"GRU": "GRU", "LSTM": "GRU", "LSTM, own": "LSTM", "transformer": "transformer"}


class Recurrent(nn.Module):
    """An embedding, a recurrent network and a readout."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, UNITS)
        self.rnn = kind(UNITS, UNITS, batch_first=True)
        self.readout = nn.Linear(UNITS, SYMBOLS)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits `(batch, time, symbols)`."""
        logits: Tensor = self.readout(self.rnn(self.embedding(inputs))[0])
        return logits


class Transformer(nn.Module):
    """Two layers of PyTorch's transformer with a causal mask."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(SYMBOLS, UNITS), nn.Embedding(STEPS, UNITS)
        layer = nn.TransformerEncoderLayer(
            UNITS, 4, 4 * UNITS, dropout=0.0, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.readout = nn.Linear(UNITS, SYMBOLS)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(STEPS))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits `(batch, time, symbols)`."""
        time = inputs.shape[1]
        vectors = self.embedding(inputs) + self.positions.weight[:time]
        logits: Tensor = self.readout(self.layers(vectors, self.mask[:time, :time]))
        return logits


MODELS: dict[str, Callable[[], nn.Module]] = {
    "GRU": lambda: Recurrent(nn.GRU),
    "LSTM": lambda: Recurrent(nn.LSTM),
    "transformer": Transformer,
}


def measure(threads: int, quick: bool) -> list[Row]:
    """Time 10 epochs of 32 seeds in one `fit`, and of 4 models in a plain loop each."""
    contestants: dict[str, Contestant] = {}
    for name, make in MODELS.items():
        contestants[f"fit {name}"] = _fit(make)
        contestants[f"loop {name}"] = _loops(make)
    seconds = take_turns(contestants, repeats=3 if quick else 5)
    shares = {"our_share": 1 / SEEDS, "peer_share": 1 / LOOPS}
    return [
        compare(
            claim,
            seconds[f"fit {name.partition(',')[0]}"],
            seconds[f"loop {PEERS[name]}"],
            **shares,
        )
        for name, claim in CLAIMS.items()
    ]


def draw_batch() -> Batch:
    """Draw the sequences; each target is the next symbol."""
    drawn = torch.randint(SYMBOLS, (BATCH, STEPS + 1), generator=torch.Generator().manual_seed(0))
    return Batch(drawn[:, :-1], drawn[:, 1:])


def _fit(make: Callable[[], nn.Module]) -> Contestant:
    def prepare() -> Callable[[], object]:
        ensemble, batch = Ensemble(lambda seed: make(), range(SEEDS)), draw_batch()
        return lambda: fit(ensemble, batch, epochs=EPOCHS, progress=False)

    return prepare


def _loops(make: Callable[[], nn.Module]) -> Contestant:
    def prepare() -> Callable[[], object]:
        models, batch = [make() for _ in range(LOOPS)], draw_batch()
        return lambda: learn(models, batch.inputs, batch.targets)

    return prepare


def learn(models: Sequence[nn.Module], inputs: Tensor, targets: Tensor) -> None:
    """Train models one after another, as a plain loop does."""
    for model in models:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
            optimizer.step()
