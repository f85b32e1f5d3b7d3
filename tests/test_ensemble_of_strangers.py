"""Ensembles of modules that keep, share or change their weights in unusual ways."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from seqtoys import Ensemble, Vocab, fit
from seqtoys.errors import InputTypeError
from seqtoys.models.ensembles.attributes import attributes_replaced

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hellohi"]
SEEDS = (5, 0)
INPUTS = torch.tensor([[0, 1, 0, 2, 3, 3], [4, 3, 2, 1, 0, 1]])
OPTIONS: dict[str, Any] = {"optimizer": optim.AdamW, "clip_norm": 0.1, "batch_size": 1}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


pytestmark = pytest.mark.usefixtures("double")


class Base(nn.Module):
    """An embedding and a readout."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.readout = nn.Embedding(5, 4), nn.Linear(4, 5)

    def forward(self, inputs: Tensor) -> Any:
        return self.readout(self.table(inputs))


class Recurrent(Base):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.rnn = kind(4, 4, batch_first=True)

    def forward(self, inputs: Tensor) -> Any:
        return self.readout(self.rnn(self.table(inputs))[0])


class TwoBiases(Base):
    """Adds views of two parameters, whose gradients share memory in autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = (nn.Parameter(torch.zeros(5)) for _ in range(2))

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) + (self.one.view(1, 5) + self.other.view(1, 5))


class Listed(Base):
    """Reads its weights from a list, a dict and an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.weights, self.named = [self.table.weight], {"w": self.readout.weight}
        self.register_buffer("scale", torch.rand(4))
        vars(self)["alias"] = self.scale

    def forward(self, inputs: Tensor) -> Any:
        vectors = self.weights[0][inputs] * vars(self)["alias"]
        return F.linear(vectors, self.named["w"], self.readout.bias)


class Rescaling(Base):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4, max_norm=1.0)


class Constrained(Base):
    """Limits its weights before it uses them."""

    def forward(self, inputs: Tensor) -> Any:
        self.readout.weight.data = self.readout.weight.data.clamp(-0.3, 0.3)
        return super().forward(inputs)


class Recomputing(Base):
    """Computes its states again in the backward pass, outside of `vmap`."""

    def forward(self, inputs: Tensor) -> Any:
        vectors = checkpoint(torch.tanh, self.table(inputs), use_reentrant=False)
        return self.readout(vectors)


class ClippingInside(Base):
    """Clips each gradient by its value, which `vmap` does with those of all replicas at once."""

    def forward(self, inputs: Tensor) -> Any:
        vectors = self.table(inputs)
        if vectors.requires_grad:
            vectors.register_hook(lambda gradient: gradient / gradient.norm())
        return self.readout(vectors)


def normalized() -> nn.Module:
    """Make a model with the weight normalization of older code, which stores a computed tensor."""
    model = Base()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(model.readout)
    return model


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model: nn.Module = torch.jit.script(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5)))
    return model


STRANGERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "RNN": (partial(Recurrent, nn.RNN), ""),
    "LSTM": (partial(Recurrent, nn.LSTM), ""),
    "two biases": (TwoBiases, ""),
    "listed": (Listed, ""),
    "max_norm": (Rescaling, "torch.vmap has no batching rule for aten::embedding_renorm_"),
    "assigned data": (Constrained, "RuntimeError: accessing `data` under vmap"),
    "checkpointed": (Recomputing, "RuntimeError: "),
    "hook inside": (
        ClippingInside,
        "ClippingInside gives different gradients when batched",
    ),
    "weight_norm": (normalized, "Linear has hooks"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_replicas_match_models_trained_alone(name: str) -> None:
    make, reason = STRANGERS[name]
    ensemble = Ensemble(lambda seed: make(), SEEDS)
    history = fit(ensemble, TEXTS, vocab=VOCAB, epochs=5, **OPTIONS)
    assert ensemble.batched == (not reason)
    assert reason in ensemble.note
    for replica, seed in enumerate(SEEDS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = make()
        alone = fit(model, TEXTS, vocab=VOCAB, epochs=5, **OPTIONS)
        assert history[replica].loss == pytest.approx(alone.loss, rel=0, abs=1e-12)
        found = dict(ensemble[replica].named_parameters())
        for key, weight in model.named_parameters():
            torch.testing.assert_close(found[key], weight, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM])
def test_gradients_of_biases_do_not_share_memory(kind: Any) -> None:
    ensemble: Any = Ensemble(lambda seed: Recurrent(kind), SEEDS)
    ensemble(INPUTS).square().sum().backward()
    one, other = ensemble.rnn.bias_ih_l0.grad, ensemble.rnn.bias_hh_l0.grad
    assert one.data_ptr() != other.data_ptr()


def test_clipping_scales_gradients_that_share_memory_once() -> None:
    model = TwoBiases()
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    options: dict[str, Any] = {
        "optimizer": partial(optim.SGD, lr=1.0),
        "clip_norm": 0.1,
        "epochs": 1,
    }
    fit(model, TEXTS[:1], vocab=VOCAB, **options)
    change = torch.cat([(w - start[name]).flatten() for name, w in model.named_parameters()])
    torch.testing.assert_close(change.norm(), torch.tensor(0.1), rtol=1e-5, atol=0)


def test_gradients_are_compared_only_where_there_are_some() -> None:
    frozen = Ensemble(lambda seed: Base().requires_grad_(False), SEEDS)
    frozen(INPUTS)
    assert frozen.batched
    partly = Ensemble(lambda seed: Base(), SEEDS)
    partly.get_parameter("table.weight").requires_grad_(False)
    partly(INPUTS).sum().backward()
    assert partly.batched
    assert partly.get_parameter("table.weight").grad is None


def test_replaced_attributes_that_were_removed_stay_removed() -> None:
    model: Any = nn.Linear(2, 2)
    model.weights, model.named = [model.weight], {"w": model.weight}
    with attributes_replaced(model, {id(model.weight): torch.ones(2)}):
        model.weights.clear()
        model.named["w"] = 1
    assert (model.weights, model.named) == ([], {"w": 1})


class Enclosed(Base):
    """Keeps a weight in a closure."""

    def __init__(self) -> None:
        super().__init__()
        weight = self.readout.weight
        self.read: Any = lambda x: x @ weight.T

    def forward(self, inputs: Tensor) -> Any:
        return self.read(self.table(inputs))


def with_hook(seed: int) -> nn.Module:
    model = Base()
    model.readout.weight.register_hook(lambda gradient: gradient / 2)
    return model


def test_weights_that_cannot_be_replaced_raise(assert_error: ErrorCheck) -> None:
    assert_error(
        lambda: Ensemble(lambda seed: Enclosed(), SEEDS)(INPUTS), InputTypeError,
        "expected Enclosed to refer to its weights as self.… in forward, got weights stored "
        "elsewhere, such as in a closure; an Ensemble can't replace those",
    )  # fmt: skip
    assert_error(
        lambda: Ensemble(with_hook, SEEDS), InputTypeError,
        "expected weights without hooks, got readout.weight with a hook for seed 5; register the "
        "hook with a tensor inside forward",
    )  # fmt: skip
    assert_error(
        lambda: Ensemble(lambda seed: scripted(), SEEDS), InputTypeError,
        "expected modules written in Python, got TorchScript for seed 5; return the module before "
        "it is compiled",
    )  # fmt: skip
