"""Models that generate text, and statistics to measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab

AnyModel = TypeVar("AnyModel", ElmanCharModel, ElmanEnsemble)
VOCAB = Vocab("hielo")
OPTIONS: dict[str, dict[str, Any]] = {
    "state as logits": {},
    "readout": {"hidden_size": 7},
    "embedding": {"embedding_size": 3},
    "relu": {"nonlinearity": "relu", "hidden_size": 6},
    "two layers": {"num_layers": 2},
    "time first": {"batch_first": False, "hidden_size": 4},
    "all": {"hidden_size": 8, "embedding_size": 4, "num_layers": 3, "nonlinearity": "relu"},
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tripled(model: AnyModel) -> AnyModel:
    """Triple the weights, so that the symbols are not all about equally likely."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def confident_model(options: dict[str, Any]) -> ElmanCharModel:
    return tripled(ElmanCharModel(VOCAB, seed=3, **options))


class Recorder:
    """A user's model, not a module, that wraps another and records what it reads."""

    def __init__(self, model: ElmanCharModel) -> None:
        self.vocab = model.vocab
        self.initial_hidden = model.initial_hidden
        self.model = model
        self.read: list[list[int]] = []  # at each step, a symbol of each text

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        self.read.append(inputs.tolist())
        return self.model.step(inputs, hidden)


class GRU(nn.Module):
    """A user's module with dropout, which evaluation mode switches off."""

    def __init__(self, vocab: Vocab) -> None:
        super().__init__()
        self.vocab = vocab
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.cell, self.readout = nn.GRUCell(len(vocab), 6), nn.Linear(6, len(vocab))
        self.dropout = nn.Dropout(0.5)

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, 6)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        assert not torch.is_grad_enabled()
        hidden = self.cell(torch.eye(len(self.vocab))[inputs], hidden)
        return self.readout(self.dropout(hidden)), hidden


class Fixed:
    """A model without memory that always gives the same logits."""

    vocab = Vocab("abc")

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(1, batch_size, 1)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.logits.expand(len(inputs), -1), hidden


class Markov:
    """A model whose logits depend only on the current symbol."""

    vocab = Vocab("abc")

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, 0)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.logits[inputs], hidden


class Team:
    """A user's ensemble, not a module: a list of models."""

    def __init__(self, models: Sequence[Any]) -> None:
        self.models, self.vocab = models, models[0].vocab
        self.seeds = tuple(range(len(models)))

    def __getitem__(self, replica: int) -> Any:
        return self.models[replica]


class Stepless:
    """A model that can't step."""

    vocab = VOCAB


def pytorch_logits(model: ElmanCharModel, text: str) -> Tensor:
    """Compute the logits `(time, vocab)` with PyTorch's own modules in double precision."""
    rnn = nn.RNN(5, 7, batch_first=True).double()
    rnn.load_state_dict(model.rnn.state_dict())
    assert model.readout is not None
    weight, bias = model.readout.weight.double(), model.readout.bias.double()
    one_hots = VOCAB.one_hot(text).double().unsqueeze(0)
    return nn.functional.linear(rnn(one_hots)[0][0], weight, bias).detach()


def softmax_top_k(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """Compute the softmax over the `top_k` largest logits, with 0 for the others."""
    values, kept = (logits / temperature).topk(top_k)
    return torch.zeros_like(logits).scatter(-1, kept, values.softmax(-1))


def chi_square(counts: Tensor, expected: Tensor) -> float:
    """Compute Pearson's statistic, with rare cells combined into one (Cochran, 1954)."""
    rare = expected < 5
    counts = torch.cat([counts[~rare], counts[rare].sum(0, keepdim=True)])
    expected = torch.cat([expected[~rare], expected[rare].sum(0, keepdim=True)])
    return ((counts - expected) ** 2 / expected.clamp(min=5)).sum().item()
