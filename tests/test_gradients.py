"""Recurrence and hand-written gradients, checked against PyTorch and finite differences."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad, gradcheck, gradgradcheck

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.models.elman import backprop as backprop_module
from seqtoys.models.elman import ensemble as ensemble_module
from seqtoys.models.elman import workspace as workspace_module
from seqtoys.models.elman.layouts import REPLICAS_FIRST, REPLICAS_LAST, Layout
from seqtoys.models.elman.recurrence import recur
from seqtoys.models.elman.settings import Nonlinearity
from seqtoys.models.metrics import likeliest
from seqtoys.training.fused_adam import FusedAdam

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hello", "oil"]
LAYOUTS: list[Layout] = [REPLICAS_FIRST, REPLICAS_LAST]
# PyTorch's own warnings during transforms and export.
quiet = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated",
    "ignore:The tensor attributes self.rnn._flat_weights",
)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def call_with(model: nn.Module, inputs: Tensor) -> Any:
    """Return the model as a function of its state and parameters."""
    names = [name for name, _ in model.named_parameters()]

    def call(hidden: Tensor, *parameters: Tensor) -> Any:
        named = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(model, named, (inputs, hidden))

    return call


def make(layers: int, nonlinearity: Nonlinearity, replicas: int) -> nn.Module:
    options: dict[str, Any] = {"hidden_size": 2, "num_layers": layers}
    options["nonlinearity"] = nonlinearity
    vocab = Vocab("abc")
    if replicas:
        return ElmanEnsemble(vocab, range(replicas), **options).double()
    return ElmanCharModel(vocab, **options, seed=1).double()


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("replicas", [0, 2, -2], ids=["one", "units-last", "replicas-last"])
def test_gradients_match_finite_differences(
    layers: int, nonlinearity: Nonlinearity, replicas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if replicas < 0:
        monkeypatch.setattr(ensemble_module, "choose_layout", lambda *_: REPLICAS_LAST)
    model = make(layers, nonlinearity, abs(replicas))
    lead = (2,) if replicas else ()
    hidden = numbers(*lead, layers, 2, 2).requires_grad_()
    symbols = torch.tensor([[0, 1, 1], [2, 0, 1]])
    vectors = numbers(2, 3, 3, seed=2).requires_grad_()
    parameters = [p.detach().clone().requires_grad_() for p in model.parameters()]

    def by_vectors(vectors: Tensor, hidden: Tensor, *parameters: Tensor) -> Any:
        return call_with(model, vectors)(hidden, *parameters)

    with torch.random.fork_rng(devices=[]):  # gradcheck draws from the global state
        assert gradcheck(call_with(model, symbols), (hidden, *parameters))
        assert gradcheck(by_vectors, (vectors, hidden, *parameters))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_second_derivatives_match_finite_differences(
    nonlinearity: Nonlinearity, layout: Layout
) -> None:
    drive, weight, h_0 = numbers(2, 6, 2), numbers(2, 2, 2, seed=1), numbers(2, 2, 2, seed=2)
    tensors = [layout.arrange(x).requires_grad_() for x in (drive, weight, h_0)]

    def states(drive: Tensor, weight: Tensor, h_0: Tensor) -> Tensor:
        return recur(drive.clone(), weight, h_0, 3, layout, nonlinearity)

    with torch.random.fork_rng(devices=[]):
        assert gradcheck(states, tensors)
        assert gradgradcheck(states, tensors)


@quiet
@pytest.mark.parametrize("layout", LAYOUTS)
def test_forward_mode_derivatives_match_finite_differences(layout: Layout) -> None:
    shapes = [(2, 6, 2), (2, 2, 2), (2, 2, 2)]  # drive, weight_hh, h_0
    at, along = ([layout.arrange(numbers(*s, seed=k)) for s in shapes] for k in (1, 2))

    def states(drive: Tensor, weight: Tensor, h_0: Tensor) -> Tensor:
        return recur(drive, weight, h_0, 3, layout, "tanh")

    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, t) for x, t in zip(at, along, strict=True)]
        slope = forward_ad.unpack_dual(states(*duals)).tangent
    ahead, behind = (
        states(*(x + h * t for x, t in zip(at, along, strict=True))) for h in (1e-6, -1e-6)
    )
    torch.testing.assert_close(slope, (ahead - behind) / 2e-6)


@quiet
def test_torch_func_transforms_match_pytorch() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=4).double()
    symbols = VOCAB.encode_batch(["hihell", "ellohi"])
    one_hots = torch.eye(5, dtype=torch.float64)[symbols]
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(model, parameters, (inputs,))[0]
        return logits.square().mean()

    model(one_hots)[0].square().mean().backward()
    expected = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    gradients = torch.func.grad(loss)(parameters, symbols)
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients[name], gradient)

    each = torch.func.vmap(loss, in_dims=(None, 0))(parameters, symbols.unsqueeze(1))
    alone = [model(row[None])[0].square().mean() for row in one_hots]
    torch.testing.assert_close(each, torch.stack(alone).detach())

    ones = {name: torch.ones_like(p) for name, p in parameters.items()}
    slope = torch.func.jvp(lambda p: loss(p, symbols), (parameters,), (ones,))[1]
    total = torch.stack([gradient.sum() for gradient in expected.values()]).sum()
    torch.testing.assert_close(slope, total)


@quiet
def test_exported_models_give_the_same_logits() -> None:
    symbols = VOCAB.encode_batch(["hihell"])
    for model in (ElmanEnsemble(VOCAB, [0, 1], hidden_size=4), ElmanCharModel(VOCAB)):
        exported = torch.export.export(model, (symbols,), strict=False)
        torch.testing.assert_close(exported.module()(symbols)[0], model(symbols)[0])
    assert "rnn_tanh" in str(exported.graph)


def test_hooks_on_the_rnn_are_called() -> None:
    model, calls = ElmanCharModel(VOCAB), list[int]()
    symbols = VOCAB.encode_batch(["hihell"])
    before, _ = model(symbols)
    model.rnn.register_forward_hook(lambda *_: calls.append(1))
    torch.testing.assert_close(model(symbols)[0], before)
    model.step(symbols[:, 0])
    assert calls == [1, 1]


def pytorch_gradients(model: ElmanCharModel, batch: Batch) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Compute loss, predictions and gradients with `torch.nn.RNN` on one-hots and autograd."""
    one_hots = torch.eye(5, dtype=torch.float64)[batch.inputs]
    states, _ = model.rnn(one_hots)
    logits = states if model.readout is None else model.readout(states)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
    return loss, logits.argmax(-1), list(torch.autograd.grad(loss, list(model.parameters())))


CASES = list(itertools.product([None, 3], ["tanh", "relu"], [2**20, 7]))


@pytest.mark.type_checked
@pytest.mark.parametrize(("hidden_size", "nonlinearity", "held"), CASES)
@pytest.mark.parametrize("layout", [None, REPLICAS_FIRST, REPLICAS_LAST])
def test_hand_written_gradients_match_autograd(
    hidden_size: int | None,
    nonlinearity: Nonlinearity,
    held: int,
    layout: Layout | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workspace_module, "HELD_LOGITS", held)  # logits in one slice or in many
    monkeypatch.setattr(ensemble_module, "choose_layout", lambda *_: layout)
    options: dict[str, Any] = {"hidden_size": hidden_size, "nonlinearity": nonlinearity}
    models = [ElmanCharModel(VOCAB, **options, seed=seed).double() for seed in (3, 4)]
    batch = Batch.from_texts(TEXTS, VOCAB)  # with several lengths, so that some targets are -100
    if layout is None:
        gradients = models[0].backprop(batch)
        parameters = list(models[0].parameters())
    else:
        ensemble = ElmanEnsemble(VOCAB, [3, 4], **options).double()
        gradients, parameters = ensemble.backprop(batch), list(ensemble.parameters())
    for _ in range(2):  # the buffers are reused
        loss, predicted = gradients.loss_and_predictions()
        gradients.backward()
    for replica, model in enumerate(models[: None if layout else 1]):
        expected = pytorch_gradients(model, batch)
        at = replica if layout else ...
        torch.testing.assert_close(loss[at], expected[0].detach(), rtol=1e-12, atol=1e-12)
        assert torch.equal(predicted[at], expected[1])
        for parameter, gradient in zip(parameters, expected[2], strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad[at], gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.type_checked
@pytest.mark.parametrize("part", [1, 2 * 3 * 3], ids=["one by one", "one, then two"])
def test_parts_of_an_ensemble_match_autograd(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backprop_module, "PART_SIZE", part)  # 3 sequences of 3 units
    models = [ElmanCharModel(VOCAB, hidden_size=3, seed=seed).double() for seed in (3, 4, 5)]
    ensemble = ElmanEnsemble(VOCAB, [3, 4, 5], hidden_size=3).double()
    batches = [Batch.from_texts(texts, VOCAB) for texts in (TEXTS, ["ollehih", "olleh", "lio"])]
    gradients, state = ensemble.backprop(batches[0]), None
    hidden = [torch.zeros(1, 3, 3, dtype=torch.float64)] * 3  # (layers, batch, units)
    for batch in (*batches, batches[0]):
        gradients.load(batch)
        gradients.start(state)
        losses, predicted = gradients.loss_and_predictions()
        gradients.backward()
        state = gradients.final_state
        one_hots = torch.eye(5, dtype=torch.float64)[batch.inputs]
        for replica, model in enumerate(models):
            assert model.readout is not None
            states, last = model.rnn(one_hots, hidden[replica])
            logits = model.readout(states)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
            torch.testing.assert_close(losses[replica], loss.detach(), rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(state[replica], last[0].detach(), rtol=1e-12, atol=1e-12)
            assert torch.equal(predicted[replica], logits.argmax(-1))
            hidden[replica] = last.detach()
            expected = torch.autograd.grad(loss, list(model.parameters()))
            for parameter, gradient in zip(ensemble.parameters(), expected, strict=True):
                assert parameter.grad is not None
                got = parameter.grad[replica]
                torch.testing.assert_close(got, gradient, rtol=1e-12, atol=1e-12)
    gradients.start(None)
    again, _ = gradients.loss_and_predictions()
    torch.testing.assert_close(again, ensemble.backprop(batches[0]).loss_and_predictions()[0])


class Louder(ElmanCharModel):
    """A user's subclass whose logits are twice as large."""

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> Any:
        logits, hidden = super().forward(inputs, hidden)
        return 2 * logits, hidden


def test_modified_models_use_autograd() -> None:
    plain = ElmanCharModel(VOCAB, seed=1)
    assert plain.writes_gradients
    frozen, hooked, watched, normed = (copy.deepcopy(plain) for _ in range(4))
    weight = frozen.rnn.get_parameter("weight_hh_l0").requires_grad_(False)
    before = weight.clone()
    hooked.rnn.register_full_backward_pre_hook(lambda *_: None)
    watched.rnn.get_parameter("bias_hh_l0").register_hook(lambda gradient: gradient * 0)
    nn.utils.parametrizations.weight_norm(normed.rnn, "weight_hh_l0")
    for model in (frozen, hooked, watched, normed, Louder(VOCAB, seed=1)):
        assert not model.writes_gradients
    fit(frozen, "hihello", epochs=3)
    assert torch.equal(frozen.rnn.get_parameter("weight_hh_l0"), before)
    assert fit(Louder(VOCAB, seed=1), "hihello", epochs=2).loss != fit(plain, "hihello").loss[:2]
    assert not ElmanCharModel(VOCAB, embedding_size=2).writes_gradients
    assert not ElmanCharModel(VOCAB, num_layers=2).writes_gradients


@pytest.mark.parametrize("axis", [-1, -2])
def test_likeliest_is_the_first_maximum(axis: int) -> None:
    logits = torch.randint(3, (7, 4, 300), generator=torch.Generator().manual_seed(0)).float()
    got = likeliest(logits.transpose(-2, axis), axis)
    assert torch.equal(got, torch.from_numpy(logits.numpy().argmax(-2)))
    one = likeliest(logits[0].transpose(-2, axis), axis)
    assert torch.equal(one, got[0])
    logits[0, 1, 0] = torch.nan
    assert 0 <= int(likeliest(logits, -2)[0, 0]) < 4


def test_fused_adam_matches_pytorch() -> None:
    weights = [numbers(3, 2), numbers(4, seed=1)]
    ours, theirs = ([nn.Parameter(w.clone()) for w in weights] for _ in range(2))
    fused, adam = FusedAdam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.1)
    for epoch in range(5):
        for parameter in (*ours, *theirs):
            parameter.grad = parameter.detach() ** 2 + epoch
        for optimizer in (fused, adam):
            optimizer.param_groups[0]["lr"] = 0.1 / (epoch + 1)
        fused.step()
        adam.step()
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_fused_adam_decays_weights_like_pytorchs_adamw() -> None:
    ours, theirs = (nn.Parameter(numbers(3, 2)) for _ in range(2))
    fused = FusedAdam([ours], lr=0.1, weight_decay=0.03)
    adamw = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.03)
    ours.grad, theirs.grad = torch.empty_like(ours), torch.empty_like(theirs)
    for epoch in range(5):
        for parameter, grad in ((ours, ours.grad), (theirs, theirs.grad)):
            grad.copy_(parameter.detach() ** 2 + epoch)  # in place, as the backward pass does
        fused.step()
        adamw.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_fused_adam_skips_parameters_without_gradients_like_pytorch() -> None:
    """Each parameter has its own update count."""
    weights = [numbers(3, 2), numbers(4, seed=1)]
    ours, theirs = ([nn.Parameter(w.clone()) for w in weights] for _ in range(2))
    fused, adam = FusedAdam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.1)
    for epoch in range(9):
        for first, second in (ours, theirs):
            first.grad = first.detach() ** 2 + epoch
            second.grad = None if 2 < epoch < 6 else second.detach().sin() - epoch
        fused.step()
        adam.step()
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
