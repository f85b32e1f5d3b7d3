"""The gradients of `model(inputs)` in a user's own training loop, against plain autograd."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, grad
from torch.nn.functional import cross_entropy

from seqtoys import ElmanCharModel, Vocab
from seqtoys.models.elman.layers import LayerWeights
from seqtoys.models.elman.model import reference_forward

VOCAB = Vocab("hielo")
NETWORKS: dict[str, dict[str, Any]] = {
    "logits are states": {},
    "relu": {"hidden_size": 4, "nonlinearity": "relu"},
    "more units than symbols": {"hidden_size": 7},
    "three layers": {"hidden_size": 6, "num_layers": 3},
    "embedding": {"hidden_size": 6, "embedding_size": 3, "num_layers": 2},
}
SHAPES = {"few positions": (2, 2), "many positions": (4, 6)}  # (batch, time)
Outputs = tuple[Tensor, Tensor]


def make(name: str, *, batch_first: bool = True) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, **NETWORKS[name], batch_first=batch_first, seed=3).double()


def draw_symbols(batch: int, time: int, seed: int = 0) -> Tensor:
    return torch.randint(5, (batch, time), generator=torch.Generator().manual_seed(seed))


def draw_states(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def draw_hidden(model: ElmanCharModel, batch: int) -> Tensor:
    return draw_states(*model.initial_hidden(batch).shape).requires_grad_()


def run(model: ElmanCharModel, symbols: Tensor, hidden: Tensor | None = None) -> Outputs:
    """Call the model on symbols `(batch, time)`; return logits `(batch, time, vocab)`."""
    if model.settings.batch_first:
        return model(symbols, hidden)
    logits, hidden = model(symbols.T, hidden)
    return logits.transpose(0, 1), hidden


def loss_of(outputs: Outputs, targets: Tensor) -> Tensor:
    """Compute a loss that depends on the logits and on the final states."""
    logits, hidden = outputs
    return cross_entropy(logits.flatten(0, 1), targets.flatten()) + hidden.pow(3).sum()


def assert_equal(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for each, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(each, wanted, rtol=1e-10, atol=1e-10)


CASES = list(itertools.product(NETWORKS, SHAPES, [True, False]))


@pytest.mark.parametrize(("name", "shape", "batch_first"), CASES)
def test_first_and_second_derivatives_match_plain_autograd(
    name: str, shape: str, batch_first: bool
) -> None:
    model = make(name, batch_first=batch_first)
    symbols, targets = (draw_symbols(*SHAPES[shape], seed=seed) for seed in (0, 1))
    hidden = draw_hidden(model, len(symbols))
    sources = [hidden, *model.parameters()]

    def derivatives(outputs: Outputs) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        first = grad(loss_of(outputs, targets), sources, create_graph=True)
        return first, grad(torch.stack([g.square().sum() for g in first]).sum(), sources)

    outputs, expected = run(model, symbols, hidden), reference_forward(model, symbols, hidden)
    assert_equal(outputs, expected)
    # Without create_graph, gradients are computed in place.
    in_place = grad(loss_of(outputs, targets), sources, retain_graph=True)
    again = grad(loss_of(outputs, targets), sources, retain_graph=True)
    (first, second), (wanted, wanted_second) = derivatives(outputs), derivatives(expected)
    for found in (in_place, again, first):
        assert_equal(found, wanted)
    assert_equal(second, wanted_second)


@pytest.mark.parametrize("time", [0, 1, 2])
@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("name", NETWORKS)
def test_short_and_empty_sequences_match_plain_autograd(name: str, batch: int, time: int) -> None:
    model, symbols = make(name), draw_symbols(batch, time)
    hidden = draw_hidden(model, batch)
    sources = [hidden, *model.parameters()]
    logits, last = run(model, symbols, hidden)
    assert logits.shape == (batch, time, 5)
    found = grad(logits.square().sum() + last.pow(3).sum(), sources, materialize_grads=True)
    logits, last = reference_forward(model, symbols, hidden) if time else (torch.zeros(()), hidden)
    total = logits.square().sum() + last.pow(3).sum()
    assert_equal(found, grad(total, sources, materialize_grads=True))


@pytest.mark.parametrize("kind", ["its own memory", "expanded", "transposed"])
def test_incoming_gradients_are_left_unchanged(kind: str) -> None:
    model, symbols = make("logits are states", batch_first=False), draw_symbols(3, 4)
    logits, _ = model(symbols.T)  # (time, batch, vocab)
    incoming = {
        "its own memory": draw_states(4, 3, 5),
        "expanded": draw_states(1, 1, 5).expand(4, 3, 5),
        "transposed": draw_states(3, 4, 5).transpose(0, 1),
    }[kind]
    before, parameters = incoming.clone(), list(model.parameters())
    found = grad(logits, parameters, incoming)
    assert torch.equal(incoming, before)
    expected, _ = reference_forward(model, symbols)
    assert_equal(found, grad(expected, parameters, before.transpose(0, 1)))


def test_gradients_seen_by_hooks_are_those_of_the_states() -> None:
    model, symbols = make("logits are states"), draw_symbols(3, 4)
    seen: list[Tensor] = []
    logits, _ = model(symbols)
    logits.register_hook(seen.append)
    logits.retain_grad()
    logits.square().sum().backward()
    assert logits.grad is not None
    assert_equal([seen[0], logits.grad], [2 * logits.detach()] * 2)


def test_hooks_can_replace_the_gradients_of_the_states() -> None:
    model, symbols = make("logits are states"), draw_symbols(3, 4)
    parameters, found = list(model.parameters()), []
    for logits, _ in (model(symbols), reference_forward(model, symbols)):
        logits.register_hook(torch.sin)
        found.append(grad(logits.square().sum(), parameters))
    assert_equal(*found)


FROZEN = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "weight_ih_l1", "weight_hh_l1"]


@pytest.mark.parametrize("name", [*FROZEN, "readout", "everything"])
@pytest.mark.parametrize("carried", [True, False])
def test_frozen_weights_leave_the_other_gradients_unchanged(name: str, carried: bool) -> None:
    model, symbols = make("three layers"), draw_symbols(3, 4)
    for path, parameter in model.named_parameters():
        parameter.requires_grad_(name not in path and name != "everything")
    hidden = draw_hidden(model, 3).requires_grad_(carried or name == "everything")
    sources = [each for each in (hidden, *model.parameters()) if each.requires_grad]
    found = [
        grad(logits.square().sum(), sources)
        for logits, _ in (model(symbols, hidden), reference_forward(model, symbols, hidden))
    ]
    assert_equal(*found)


def test_states_changed_in_place_raise_instead_of_giving_wrong_gradients() -> None:
    model, symbols = make("logits are states", batch_first=False), draw_symbols(3, 4)
    logits, _ = model(symbols.T)
    logits.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        logits.sum().backward()


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # by PyTorch's own jvp
def test_backward_passes_can_be_vectorized_and_differentiated_forward() -> None:
    model, symbols = make("logits are states"), draw_symbols(2, 3)
    hidden = draw_hidden(model, 2)
    logits, _ = model(symbols, hidden)
    many = draw_states(4, 2, 3, 5, seed=1)

    def back(incoming: Tensor) -> Tensor:
        (found,) = grad(logits, hidden, incoming, retain_graph=True)
        return found

    expected = torch.stack([back(incoming) for incoming in many])
    assert_equal([torch.func.vmap(back)(many)], [expected])
    with forward_ad.dual_level():
        dual = back(forward_ad.make_dual(many[0], many[1]))
        slope = forward_ad.unpack_dual(dual).tangent
    assert_equal([slope], [back(many[1])])  # gradients are linear in the incoming gradient


@pytest.mark.parametrize("hidden_size", [4, 5, 9])
def test_logits_of_sequences_are_contiguous(hidden_size: int) -> None:
    """So that `logits.view(-1, symbols)` works, as after an `nn.RNN` with an `nn.Linear`."""
    symbols = draw_symbols(3, 4)
    for batch_first in (True, False):
        model = ElmanCharModel(VOCAB, hidden_size=hidden_size, batch_first=batch_first)
        logits, _ = model(symbols)
        assert logits.is_contiguous()


def test_hooks_of_the_readout_see_batch_and_time() -> None:
    model, symbols, seen = make("more units than symbols"), draw_symbols(3, 4), []
    expected, _ = model(symbols)
    assert model.readout is not None
    model.readout.register_forward_hook(lambda _, inputs, out: seen.extend([*inputs, out]))
    logits, _ = model(symbols)
    assert [tuple(each.shape) for each in seen] == [(3, 4, 7), (3, 4, 5)]
    assert_equal([logits], [expected])


@pytest.mark.parametrize("name", NETWORKS)
def test_states_keep_the_dtype_of_the_weights_under_autocast(name: str) -> None:
    model, symbols = make(name).float(), draw_symbols(4, 6)
    expected, _ = model(symbols)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, hidden = model(symbols)
        again, _ = model(symbols, hidden)
    assert hidden.dtype == torch.float32
    assert again.shape == logits.shape
    torch.testing.assert_close(logits.float(), expected, rtol=0.05, atol=0.05)
    logits.float().square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_replaced_and_hooked_embeddings_are_called() -> None:
    symbols = draw_symbols(4, 6)
    larger, hooked = make("embedding"), make("embedding")
    larger.embedding = torch.nn.Embedding.from_pretrained(draw_states(6, 3))  # a row too many
    assert hooked.embedding is not None
    hooked.embedding.register_forward_hook(lambda _, inputs, vectors: 2 * vectors)
    for model in (larger, hooked):
        assert_equal(model(symbols), reference_forward(model, symbols))


def test_embedding_and_input_weights_are_multiplied_into_one_matrix() -> None:
    table, weight_ih = draw_states(5, 3), draw_states(2, 3, seed=1)  # (symbols, features)
    layer = LayerWeights(weight_ih, draw_states(2, 2), draw_states(2))
    found = layer.after_embedding(table)
    expected = torch.stack([weight_ih @ vector for vector in table], 1)  # (units, symbols)
    assert_equal([found.weight_ih], [expected])
    assert found.weight_hh is layer.weight_hh
    assert found.bias is layer.bias
