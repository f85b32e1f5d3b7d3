"""The recurrence and the written-out gradients against torch.nn.RNN, autograd and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.layouts import REPLICAS_LAST, UNITS_LAST, Layout
from seqtoys.recurrence import LayerWeights, run_layers
from tests.test_model import pytorch_logits, pytorch_parts

VOCAB = Vocab("hielo")
INDICES = torch.tensor([[0, 1, 0, 2, 3], [4, 4, 2, 3, 3]])
SHORT = torch.tensor([[0, 2, 1], [3, 4, 4]])
TARGETS = torch.tensor([[1, 0, 2, 3, 4], [3, -100, 1, -100, -100]])
ARRANGED: dict[str, tuple[Layout, int]] = {
    "one network": (UNITS_LAST, 0),
    "replicas, units last": (UNITS_LAST, 3),
    "replicas last": (REPLICAS_LAST, 3),
}
SIZES: dict[str, dict[str, Any]] = {
    "states as logits": {},
    "readout": {"hidden_size": 3},
    "two layers": {"num_layers": 2},
    "three layers and a readout": {"hidden_size": 2, "num_layers": 3},
    "relu": {"nonlinearity": "relu", "hidden_size": 3},
    "relu layers": {"nonlinearity": "relu", "num_layers": 2},
    "time first": {"hidden_size": 2, "batch_first": False},
    "embedding": {"embedding_size": 2, "hidden_size": 3},
}
Function = Callable[..., tuple[Tensor, Tensor]]


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def build(sizes: str, arranged: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model, or an ensemble in a layout, in float64."""
    layout, replicas = ARRANGED[arranged]
    monkeypatch.setattr("seqtoys.ensemble.choose_layout", lambda replicas, units: layout)
    if replicas:
        return ElmanEnsemble(VOCAB, range(7, 7 + replicas), **SIZES[sizes]).double()
    return ElmanCharModel(VOCAB, seed=7, **SIZES[sizes]).double()


def by_time(tensor: Tensor, sizes: str) -> Tensor:
    return tensor if SIZES[sizes].get("batch_first", True) else tensor.transpose(0, 1)


def oracle(sizes: str, seed: int = 7) -> nn.ModuleDict:
    """What PyTorch's constructors make of a seed, in float64."""
    defaults: dict[str, Any] = {"hidden_size": None, "embedding_size": None, "seed": seed}
    return pytorch_parts(5, **defaults | SIZES[sizes]).double()


def plain_loss(parts: nn.ModuleDict, sizes: str, targets: Tensor = TARGETS) -> Tensor:
    """The loss of a user's own notebook: one-hot vectors, torch.nn.RNN, cross_entropy."""
    one_hots = by_time(torch.eye(5, dtype=torch.float64)[INDICES], sizes)
    layers, units = parts["rnn"].num_layers, parts["rnn"].hidden_size
    assert isinstance(layers, int)
    assert isinstance(units, int)
    logits, _ = pytorch_logits(parts, one_hots, torch.zeros(layers, 2, units).double())
    return nn.functional.cross_entropy(by_time(logits, sizes).flatten(0, 1), targets.flatten())


def check_derivatives(function: Function, arguments: list[Tensor]) -> None:
    """First and second derivatives against finite differences, in every mode of autograd."""
    leaves = [argument.detach().clone().requires_grad_() for argument in arguments]
    with torch.random.fork_rng(devices=[]):  # gradcheck draws directions from the global state
        torch.manual_seed(0)
        modes = {"check_batched_grad": True, "check_undefined_grad": True}
        assert torch.autograd.gradcheck(function, leaves, check_forward_ad=True, **modes)
        assert torch.autograd.gradgradcheck(function, leaves, check_batched_grad=True)


@pytest.mark.parametrize("arranged", ARRANGED)
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_derivatives_of_the_recurrence_are_those_of_differences(
    arranged: str, nonlinearity: Any, layers: int
) -> None:
    layout, count = ARRANGED[arranged]
    replicas = (2,) if count else ()
    shapes = [(2, 3), *[(2, 2)] * (layers - 1)]  # weight_ih of each layer
    weights = [
        random(*replicas, *shape, seed=seed)
        for layer in range(layers)
        for seed, shape in enumerate([shapes[layer], (2, 2), (2,), (2,)], 10 * layer)
    ]

    def run(inputs: Tensor, h_0: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        viewed = [layout.arrange(weight) for weight in weights]
        stacked = [
            LayerWeights(viewed[i], viewed[i + 1], viewed[i + 2] + viewed[i + 3])
            for i in range(0, len(viewed), 4)
        ]
        states, last = run_layers(
            layout.arrange(inputs), stacked, layout.arrange(h_0), layout, nonlinearity
        )
        return layout.restore(states), layout.restore(last)

    inputs, h_0 = random(*replicas, 3, 2, 3, seed=98), random(*replicas, layers, 2, 2, seed=99)
    check_derivatives(run, [inputs, h_0, *weights])


@pytest.mark.parametrize("arranged", ARRANGED)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", ["indices", "one-hots"])
def test_derivatives_of_the_model_are_those_of_differences(
    sizes: str, arranged: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(sizes, arranged, monkeypatch)
    names = [name for name, _ in model.named_parameters()]
    symbols = by_time(SHORT, sizes)
    one_hots = [torch.eye(5, dtype=torch.float64)[symbols]] if kind == "one-hots" else []
    hidden = random(*model.initial_hidden(2).shape, seed=5)

    def run(hidden: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        weights = dict(zip(names, rest[: len(names)], strict=True))
        inputs = rest[-1] if one_hots else symbols
        outputs: tuple[Tensor, Tensor] = functional_call(model, weights, (inputs, hidden))
        return outputs

    leaves = [hidden, *model.parameters(), *one_hots]
    if any(ARRANGED[arranged][1:]) or kind == "one-hots":  # many numbers: along random directions
        leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
            assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)
    else:
        check_derivatives(run, leaves)


@pytest.mark.parametrize("sizes", SIZES)
def test_second_derivatives_are_those_of_torch_nn_rnn(sizes: str) -> None:
    model, parts = ElmanCharModel(VOCAB, seed=7, **SIZES[sizes]).double(), oracle(sizes)
    products = []
    for module, loss in [(model, model_loss(model, sizes)), (parts, plain_loss(parts, sizes))]:
        weights = dict(module.named_parameters())
        grads = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        sum((grad**2).sum() for grad in grads).backward()  # type: ignore[union-attr]
        products.append({name: weight.grad for name, weight in weights.items()})
    torch.testing.assert_close(products[0], products[1], rtol=1e-11, atol=1e-12)


def model_loss(
    model: nn.Module, sizes: str, weights: dict[str, Tensor] | None = None
) -> Tensor:
    logits, _ = functional_call(model, weights or {}, (by_time(INDICES, sizes),))
    return nn.functional.cross_entropy(by_time(logits, sizes).flatten(0, 1), TARGETS.flatten())


@pytest.mark.parametrize("sizes", SIZES)
def test_torch_func_gives_the_numbers_of_torch_nn_rnn(sizes: str) -> None:
    seeds = [7, 8]
    models = [ElmanCharModel(VOCAB, seed=seed, **SIZES[sizes]).double() for seed in seeds]
    expected = []
    for seed in seeds:
        parts = oracle(sizes, seed)
        plain_loss(parts, sizes).backward()
        expected.append({name: weight.grad for name, weight in parts.named_parameters()})

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return model_loss(models[0], sizes, weights)

    weights, _ = torch.func.stack_module_state(models)  # type: ignore[arg-type]
    weights = {name: weight.detach() for name, weight in weights.items()}
    first = {name: weight[0] for name, weight in weights.items()}
    close = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(torch.func.grad(loss)(first), expected[0], **close)
    together = torch.func.vmap(torch.func.grad(loss))(weights)
    for at in range(2):
        alone = {name: grad[at] for name, grad in together.items()}
        torch.testing.assert_close(alone, expected[at], **close)
    tangents = {name: random(*weight.shape) for name, weight in first.items()}
    along = sum((expected[0][name] * tangents[name]).sum() for name in first)  # type: ignore[operator]
    value, slope = torch.func.jvp(loss, (first,), (tangents,))
    torch.testing.assert_close(slope, along, **close)
    torch.testing.assert_close(value, plain_loss(oracle(sizes), sizes).detach(), **close)
    with forward_ad.dual_level():
        dual = {n: forward_ad.make_dual(first[n], tangents[n]) for n in first}
        torch.testing.assert_close(forward_ad.unpack_dual(loss(dual)).tangent, along, **close)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_graph_of_an_export_gives_the_logits(sizes: str) -> None:
    model = ElmanCharModel(VOCAB, seed=7, **SIZES[sizes])
    inputs = by_time(INDICES, sizes)
    exported = torch.export.export(model, (inputs,))
    expected = model(inputs)
    torch.testing.assert_close(exported.module()(inputs), expected)
    called = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert any("rnn_" in name for name in called), called
    assert not any("autograd" in name or "_Recurrence" in name for name in called)


@pytest.mark.parametrize("arranged", ARRANGED)
@pytest.mark.parametrize("sizes", ["readout", "relu layers"])
def test_compiling_changes_no_number(
    sizes: str, arranged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(sizes, arranged, monkeypatch)
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(INDICES), model(INDICES), rtol=1e-12, atol=1e-12)
    torch._dynamo.reset()


WRITTEN = ["states as logits", "readout", "relu", "time first"]


@pytest.mark.parametrize("held_logits", [2**20, 10, 1])
@pytest.mark.parametrize("arranged", ARRANGED)
@pytest.mark.parametrize("sizes", [*WRITTEN, "relu states"])
@pytest.mark.parametrize("targets", [TARGETS, TARGETS.clamp(min=0)], ids=["some", "all"])
def test_written_out_gradients_are_those_of_autograd(
    sizes: str, arranged: str, held_logits: int, targets: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqtoys.backprop.HELD_LOGITS", held_logits)
    monkeypatch.setattr("seqtoys.layouts.BLOCK", held_logits)
    monkeypatch.setitem(SIZES, "relu states", {"nonlinearity": "relu"})
    model = build(sizes, arranged, monkeypatch)
    other = Batch(INDICES.flip(0), targets.flip(1).contiguous())
    backprop = model.backprop(other)
    backprop.measure()
    backprop.backward()
    backprop.load(Batch(INDICES, targets))  # nothing of the other sequences may be left
    loss, predicted = backprop.measure()
    backprop.backward()
    count = ARRANGED[arranged][1]
    for at in range(max(1, count)):
        parts = oracle(sizes, 7 + at)
        expected = plain_loss(parts, sizes, targets)
        expected.backward()
        pick: Any = (lambda values, at=at: values[at]) if count else (lambda values: values)
        close = {"rtol": 1e-12, "atol": 1e-12}
        torch.testing.assert_close(pick(loss), expected.detach(), **close)
        one_hots = by_time(torch.eye(5, dtype=torch.float64)[INDICES], sizes)
        units = model.initial_hidden(2).shape[-1]
        logits, _ = pytorch_logits(parts, one_hots, torch.zeros(1, 2, units).double())
        assert torch.equal(pick(predicted), by_time(logits, sizes).argmax(-1))
        for name, weight in parts.named_parameters():
            got = pick(model.get_parameter(name).grad)
            torch.testing.assert_close(got, weight.grad, msg=lambda m, n=name: f"{n}: {m}", **close)


def frozen(model: nn.Module) -> None:
    model.get_parameter("rnn.bias_hh_l0").requires_grad_(False)


def forward_hook(model: nn.Module) -> None:
    model.get_submodule("rnn").register_forward_hook(lambda *_: None)


def forward_pre_hook(model: nn.Module) -> None:
    model.register_forward_pre_hook(lambda *_: None)


def backward_hook(model: nn.Module) -> None:
    model.get_submodule("readout").register_full_backward_hook(lambda *_: None)


def backward_pre_hook(model: nn.Module) -> None:
    model.get_submodule("readout").register_full_backward_pre_hook(lambda *_: None)


def gradient_hook(model: nn.Module) -> None:
    model.get_parameter("rnn.weight_hh_l0").register_hook(lambda grad: grad)


def accumulated_hook(model: nn.Module) -> None:
    model.get_parameter("rnn.weight_hh_l0").register_post_accumulate_grad_hook(lambda _: None)


def parametrized(model: nn.Module) -> None:
    class Same(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight

    nn.utils.parametrize.register_parametrization(model.get_submodule("readout"), "weight", Same())


ASKING = [
    frozen,
    forward_hook,
    forward_pre_hook,
    backward_hook,
    backward_pre_hook,
    gradient_hook,
    accumulated_hook,
    parametrized,
]


@pytest.mark.parametrize("ask", ASKING)
def test_who_asks_for_autograd_gets_it(ask: Callable[[nn.Module], None]) -> None:
    batch = Batch.from_texts(["hihello"], VOCAB)
    model, plain = (ElmanCharModel(VOCAB, hidden_size=4).double() for _ in range(2))
    assert plain.backprop(batch) is not None
    ask(model)
    assert model.backprop(batch) is None
    if ask is frozen:
        frozen(plain)  # and compared by hand
    before = model.rnn.bias_hh_l0.clone()
    optimizer = torch.optim.Adam([p for p in plain.parameters() if p.requires_grad], lr=0.05)
    losses = []
    for _ in range(20):
        loss = nn.functional.cross_entropy(plain(batch.inputs)[0][0], batch.targets[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert fit(model, "hihello", epochs=20, lr=0.05).loss == pytest.approx(losses, abs=1e-9)
    assert torch.equal(before, model.rnn.bias_hh_l0) == (ask is frozen)


def test_hooks_are_called_in_training() -> None:
    model, seen = ElmanCharModel(VOCAB), []
    model.rnn.weight_hh_l0.register_hook(seen.append)
    fit(model, "hihello", epochs=3)
    assert len(seen) == 3


@pytest.mark.parametrize("kind", [ElmanCharModel, ElmanEnsemble])
def test_a_subclass_trains_by_what_it_overrides(kind: Any) -> None:
    class Cold(kind):  # type: ignore[misc]
        def forward(self, *inputs: Any) -> Any:
            logits, hidden = super().forward(*inputs)
            return 0 * logits, hidden

    model = Cold(VOCAB, [1, 2]) if kind is ElmanEnsemble else Cold(VOCAB)
    assert model.backprop(Batch.from_texts(["hihello"], VOCAB)) is None
    history: Any = fit(model, "hihello", epochs=2)
    assert torch.as_tensor(history.loss).flatten().tolist() == pytest.approx(
        torch.tensor(5.0).log().repeat(2 * (2 if kind is ElmanEnsemble else 1)).tolist()
    )


def test_what_backprop_does_not_cover_is_left_to_autograd() -> None:
    batch = Batch.from_texts(["hihello"], VOCAB)
    assert ElmanCharModel(VOCAB, embedding_size=3).backprop(batch) is None
    assert ElmanCharModel(VOCAB, num_layers=2).backprop(batch) is None
    assert ElmanEnsemble(VOCAB, [1], embedding_size=3).backprop(batch) is None
    assert ElmanEnsemble(VOCAB, [1], num_layers=2).backprop(batch) is None
