"""The peers: each job as written by hand with `torch.nn.RNN` on one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SYMBOLS = "hielo"
INPUTS, LABELS = torch.tensor([0, 1, 0, 2, 3, 3]), torch.tensor([1, 0, 2, 3, 3, 4])
ONE_HOTS = torch.eye(5)[INPUTS]

Course: TypeAlias = list[tuple[float, str]]
"""The loss and the predicted text of each epoch."""

Part: TypeAlias = tuple[Tensor, Tensor]
"""The inputs and the targets of one update, `(time, batch)`: the faster layout of `nn.RNN`."""


def make_rnn(seed: int = 777) -> nn.RNN:
    """Make the notebook's network without changing the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.RNN(5, 5, batch_first=True)


def learn_whole(rnn: nn.RNN, epochs: int = 100) -> Course:
    """Train on "hihell" → "ihello" with the whole sequence at once, as the notebook does."""
    criterion = nn.CrossEntropyLoss()
    optimizer, course = torch.optim.Adam(rnn.parameters(), lr=0.05), []
    for _ in range(epochs):
        outputs = rnn(ONE_HOTS.view(1, 6, 5), torch.zeros(1, 1, 5))[0].view(6, 5)
        optimizer.zero_grad()
        loss = criterion(outputs, LABELS)
        loss.backward()
        optimizer.step()
        _, indices = outputs.max(1)
        course.append((loss.item(), "".join(SYMBOLS[i] for i in indices.numpy())))
    return course


def learn_stepwise(rnn: nn.RNN, epochs: int = 100) -> Course:
    """Train one symbol at a time, as the notebook does; the loss is summed over the steps."""
    criterion = nn.CrossEntropyLoss()
    optimizer, course = torch.optim.Adam(rnn.parameters(), lr=0.005), []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss, hidden, text = torch.zeros(()), torch.zeros(1, 1, 5), ""
        for one_hot, label in zip(ONE_HOTS, LABELS, strict=True):
            states, hidden = rnn(one_hot.view(1, 1, 5), hidden)
            output = states.view(1, 5)
            _, index = output.max(1)
            text += SYMBOLS[index[0]]
            loss = loss + criterion(output, label.view(1))
        loss.backward()
        optimizer.step()
        course.append((loss.item(), text))
    return course


class Network(nn.Module):
    """`nn.RNN` on one-hot vectors `(time, batch, symbols)`, with a linear readout.

    Args:
        symbols: The size of the vocabulary.
        units: The size of the hidden state.
        seed: The seed of the initial weights.
    """

    def __init__(self, symbols: int, units: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.rnn = nn.RNN(symbols, units)
            self.readout = nn.Linear(units, symbols)

    def forward(self, one_hots: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the logits and the final state."""
        states, hidden = self.rnn(one_hots, hidden)
        return self.readout(states), hidden


class Reader(nn.Module):
    """A module that reads symbol indices: one-hots or an embedding, `nn.RNN`, `nn.Linear`.

    Args:
        symbols: The size of the vocabulary.
        units: The size of the hidden state.
        features: The size of the embedding. If None, symbols are one-hot vectors.
        layers: The number of recurrent layers.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`.
        seed: The seed of the initial weights.
    """

    def __init__(
        self,
        symbols: int,
        units: int,
        *,
        features: int | None = None,
        layers: int = 1,
        batch_first: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = None if features is None else nn.Embedding(symbols, features)
            self.rnn = nn.RNN(features or symbols, units, layers, batch_first=batch_first)
            self.readout = nn.Linear(units, symbols)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the logits and the final state."""
        if self.embedding is None:
            vectors = F.one_hot(inputs, self.rnn.input_size).to(self.readout.weight.dtype)
        else:
            vectors = self.embedding(inputs)
        states, hidden = self.rnn(vectors)
        return self.readout(states), hidden


def cut_text(text: str, symbols: str, streams: int, chunk: int) -> list[Part]:
    """Split a text into parallel streams, and those into chunks; the remainder is dropped."""
    index = {symbol: i for i, symbol in enumerate(symbols)}
    indices = torch.tensor([index[symbol] for symbol in text])
    length = (len(indices) - 1) // streams
    inputs = indices[: streams * length].view(streams, length).T.contiguous()
    targets = indices[1 : streams * length + 1].view(streams, length).T.contiguous()
    return list(zip(inputs.split(chunk), targets.split(chunk), strict=True))


def one_hots_of(inputs: Tensor, symbols: int) -> Tensor:
    """Convert indices to one-hot vectors."""
    return F.one_hot(inputs, symbols).float()


def learn_text(
    network: Network,
    parts: Sequence[Part],
    one_hots: Sequence[Tensor] | None = None,
    lr: float = 0.01,
) -> list[float]:
    """Train on a text with truncated BPTT: the state is carried over, its gradient is not.

    Args:
        network: The network.
        parts: The chunks of the text, in order.
        one_hots: Their one-hot vectors. If None, they are computed at each update.
        lr: The learning rate.

    Returns:
        The loss before each update.
    """
    criterion = nn.CrossEntropyLoss()
    optimizer, losses = torch.optim.Adam(network.parameters(), lr=lr), []
    units, symbols = network.rnn.hidden_size, network.rnn.input_size
    hidden = torch.zeros(1, parts[0][0].shape[1], units)
    for i, (inputs, targets) in enumerate(parts):
        vectors = one_hots_of(inputs, symbols) if one_hots is None else one_hots[i]
        logits, hidden = network(vectors, hidden.detach())
        loss = criterion(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def sample(
    network: Network, symbols: str, start: str, length: int, generator: torch.Generator
) -> str:
    """Generate text after one symbol, sampling from the softmax with `torch.multinomial`."""
    hidden = torch.zeros(1, 1, network.rnn.hidden_size)
    index, text = torch.tensor([[symbols.index(start)]]), ""
    for _ in range(length):
        logits, hidden = network(one_hots_of(index, len(symbols)), hidden)
        probabilities = torch.softmax(logits[0], dim=-1)  # (1, symbols)
        index = torch.multinomial(probabilities, 1, generator=generator)
        text += symbols[index.item()]  # type: ignore[index]
    return text
