"""A Mamba network computes what its paper says, and what `transformers` computes.

The test against `transformers` is skipped if that is missing:
`pip install -c constraints.txt -e ".[oracles]"`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from seqtoys import SeqtoysError, Vocab
from seqtoys.models import MambaCharModel
from seqtoys.models.causal_conv import CausalConv1d
from seqtoys.models.mamba import selective_scan, selective_step

Floats = NDArray[np.float64]
VOCAB = Vocab("abcde")


def make_model(**options: Any) -> MambaCharModel:
    """Return a small model in double precision whose weights are all far from 0."""
    model = MambaCharModel(
        VOCAB, **{"hidden_size": 6, "state_size": 3, "num_layers": 2, **options}
    ).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.add_(noise, alpha=0.5)
    return model


def indices(batch: int = 3, time: int = 9) -> Tensor:
    return torch.randint(5, (batch, time), generator=torch.Generator().manual_seed(1))


def closely(got: Tensor, expected: Tensor | Floats) -> None:
    torch.testing.assert_close(got, torch.as_tensor(expected), rtol=1e-10, atol=1e-10)


def silu(x: Floats) -> Floats:
    result: Floats = x / (1 + np.exp(-x))
    return result


def normalized(x: Floats, weight: Floats) -> Floats:
    result: Floats = x / np.sqrt((x**2).mean() + 1e-5) * weight
    return result


def mamba_by_the_paper(
    inputs: list[int], weights: Mapping[str, Floats], layers: int
) -> tuple[Floats, list[Floats]]:
    """Return the logits of one sequence, and the last state of each layer, by single numbers."""
    stream = [weights["embedding.weight"][index] for index in inputs]
    ends = []
    for layer in range(layers):
        w = {
            name.removeprefix(f"layers.{layer}."): value
            for name, value in weights.items()
            if name.startswith(f"layers.{layer}.")
        }
        channels, state = w["mixer.A_log"].shape
        rank = w["mixer.dt_proj.weight"].shape[1]
        kernel = w["mixer.conv1d.weight"].shape[-1]
        projected = [w["mixer.in_proj.weight"] @ normalized(x, w["norm.weight"]) for x in stream]
        h = np.zeros((channels, state))
        for t in range(len(inputs)):
            x = w["mixer.conv1d.bias"].copy()
            for back in range(min(kernel, t + 1)):
                x += (
                    w["mixer.conv1d.weight"][:, 0, kernel - 1 - back]
                    * (projected[t - back][:channels])
                )
            x = silu(x)
            mixed = w["mixer.x_proj.weight"] @ x
            rates = w["mixer.dt_proj.weight"] @ mixed[:rank] + w["mixer.dt_proj.bias"]
            dt, B, C = np.log1p(np.exp(rates)), mixed[rank : rank + state], mixed[rank + state :]
            y = np.zeros(channels)
            for i in range(channels):
                for n in range(state):
                    decay = math.exp(-math.exp(w["mixer.A_log"][i, n]) * dt[i])
                    h[i, n] = decay * h[i, n] + dt[i] * B[n] * x[i]
                    y[i] += C[n] * h[i, n]
                y[i] += w["mixer.D"][i] * x[i]
            stream[t] = stream[t] + w["mixer.out_proj.weight"] @ (
                y * silu(projected[t][channels:])
            )
        ends.append(h)
    read = [weights["readout.weight"] @ normalized(x, weights["norm_f.weight"]) for x in stream]
    return np.array(read), ends


@pytest.mark.parametrize(
    "options",
    [{}, {"expand": 1, "conv_size": 1}, {"conv_size": 2, "dt_rank": 3, "state_size": 1}],
    ids=["default", "no convolution", "ranks"],
)
def test_logits_and_states_are_those_of_the_paper(options: dict[str, Any]) -> None:
    model, inputs = make_model(**options), indices(batch=2)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    logits, (_, h) = model(inputs)
    for at, sequence in enumerate(inputs.tolist()):
        expected, ends = mamba_by_the_paper(sequence, weights, layers=2)
        closely(logits[at], expected)
        closely(h[:, at], np.array(ends))


def test_state_of_the_convolution_is_its_last_inputs() -> None:
    model, inputs = make_model(num_layers=1), indices(batch=2)
    _, (conv, _) = model(inputs)
    mixer: Any = model.layers[0]
    last = model.embedding(inputs[:, -3:])  # (batch, 3, hidden)
    channels = mixer.mixer.in_proj(mixer.norm(last)).chunk(2, -1)[0]
    closely(conv, channels.mT.unsqueeze(0))


def random_scan(batch: int = 2, time: int = 5) -> list[Tensor]:
    """Return arguments of `selective_scan` with 3 channels and 2 states each."""
    generator = torch.Generator().manual_seed(2)
    shapes = [(batch, time, 3), (batch, 3, 2), (batch, time, 3), (3, 2)]
    shapes += [(batch, time, 2), (batch, time, 2), (3,)]
    x, h, dt, A, B, C, D = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes
    )
    return [tensor.requires_grad_() for tensor in (x, h, dt.abs(), -A.abs(), B, C, D)]


def scan_by_steps(
    x: Tensor, h: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> tuple[Tensor, Tensor]:
    read = []
    for t in range(x.shape[1]):
        y, h = selective_step(x[:, t], h, dt[:, t], A, B[:, t], C[:, t], D)
        read.append(y)
    return torch.stack(read, 1), h


def test_scan_equals_the_recurrence_with_gradients() -> None:
    arguments = random_scan()
    results = []
    for scan in (selective_scan, scan_by_steps):
        y, h = scan(*arguments)
        loss = (y * y.detach().cos()).sum() + (h**2).sum()
        results.append([y, h, *torch.autograd.grad(loss, arguments)])
    for got, expected in zip(*results, strict=True):
        closely(got, expected)


def test_gradients_of_the_scan_are_right() -> None:
    with torch.random.fork_rng(devices=[]):  # they draw from the global state
        assert torch.autograd.gradcheck(selective_scan, random_scan(batch=1, time=3))
        assert torch.autograd.gradgradcheck(selective_scan, random_scan(batch=1, time=2))


def test_scan_of_no_positions_keeps_the_state() -> None:
    x, h, *others = random_scan(time=0)
    y, end = selective_scan(x, h, *others)
    assert y.shape == (2, 0, 3)
    assert torch.equal(end, h)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 2, 4])
@pytest.mark.parametrize("time", [0, 1, 6])
def test_convolution_equals_that_of_pytorch(bias: bool, kernel_size: int, time: int) -> None:
    conv = CausalConv1d(3, kernel_size, bias=bias).double()
    generator = torch.Generator().manual_seed(3)
    for weight in conv.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    x = torch.randn(2, time, 3, generator=generator, dtype=torch.float64)
    state = torch.randn(2, 3, kernel_size - 1, generator=generator, dtype=torch.float64)
    read = torch.cat([state, x.mT], -1)  # (batch, channels, kernel - 1 + time)
    # PyTorch convolves no sequence shorter than the kernel: a position more is computed, and cut.
    expected = F.conv1d(F.pad(read, (1, 0)), conv.weight, conv.bias, groups=3)[..., 1:]
    y, end = conv(x, state)
    closely(y, expected.mT)
    closely(end, read[..., time:])
    for t in range(time):
        one, state = conv.step(x[:, t], state)
        closely(one, y[:, t])
    closely(state, end)


def test_repr_of_the_convolution_has_its_sizes() -> None:
    assert repr(CausalConv1d(3, 4, bias=False)) == "CausalConv1d(3, kernel_size=4, bias=False)"


def test_initial_weights_are_those_of_the_reference() -> None:
    model: Any = MambaCharModel(VOCAB, 64, num_layers=4, seed=5)
    mixer = model.layers[1].mixer
    rates = -torch.arange(1.0, 17.0).expand(128, 16)
    torch.testing.assert_close(-mixer.A_log.exp().detach(), rates)
    assert torch.equal(mixer.D, torch.ones(128))
    dt = F.softplus(mixer.dt_proj.bias.detach().double())
    low, high = math.log(0.001), math.log(0.1)
    places = (dt.log().sort().values - low) / (high - low)  # uniform between 0 and 1
    expected = (torch.arange(128.0) + 0.5) / 128
    assert (places - expected).abs().max() < 1.63 / math.sqrt(128)  # Kolmogorov, 1 %
    assert 0.0009 < dt.min() < dt.max() < 0.101
    bounds = {
        "in_proj.weight": 1 / 8,
        "conv1d.weight": 1 / 2,
        "conv1d.bias": 1 / 2,
        "x_proj.weight": 1 / math.sqrt(128),
        "dt_proj.weight": 1 / 2,
        "out_proj.weight": 1 / math.sqrt(128) / 2,
    }
    for name, bound in bounds.items():
        weight = mixer.get_parameter(name)
        assert 0.9 * bound < weight.abs().max() <= bound, name
        assert abs(weight.std() / (bound / math.sqrt(3)) - 1) < 0.1, name
    wide: Any = MambaCharModel(Vocab([str(i) for i in range(50)]), 64)
    assert abs(wide.embedding.weight.std() / 0.02 - 1) < 0.05
    assert 0.9 / 8 < wide.readout.weight.abs().max() <= 1 / 8
    for norm in (wide.norm_f, wide.layers[0].norm):
        assert torch.equal(norm.weight, torch.ones(64))


@pytest.mark.parametrize(("width", "layers", "rank"), [(8, 1, None), (40, 3, None), (17, 2, 5)])
def test_number_of_parameters(width: int, layers: int, rank: int | None) -> None:
    model = MambaCharModel(
        VOCAB, width, num_layers=layers, dt_rank=rank, state_size=7, expand=3, conv_size=2
    )
    inner, low = 3 * width, rank or math.ceil(width / 16)
    mixer = 3 * width * inner  # in_proj and out_proj
    mixer += inner * (2 + 1)  # conv1d
    mixer += inner * (low + 2 * 7) + (low + 1) * inner  # x_proj and dt_proj
    mixer += inner * (7 + 1)  # A_log and D
    expected = layers * (mixer + width) + width + 2 * 5 * width
    assert sum(weight.numel() for weight in model.parameters()) == expected


@pytest.mark.parametrize("symbols", [5, 64])
@pytest.mark.parametrize("layers", [1, 2])
def test_width_is_the_largest_with_so_many_parameters(symbols: int, layers: int) -> None:
    vocab = Vocab([str(i) for i in range(symbols)])
    model = MambaCharModel(vocab, parameters=10_000, num_layers=layers)
    wider = MambaCharModel(vocab, model.settings.hidden_size + 1, num_layers=layers)
    count, too_many = (sum(x.numel() for x in m.parameters()) for m in (model, wider))
    assert 9_000 < count <= 10_000 < too_many
    assert model.settings.hidden_size >= 16


def test_wrong_options_are_errors(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    def check(message: str, **options: Any) -> None:
        assert_error(lambda: MambaCharModel(VOCAB, **options), SeqtoysError, message)

    check("expected state_size to be a positive integer, got 0", state_size=0)
    check("expected dt_rank to be a positive integer, got -1", dt_rank=-1)
    check("expected conv_size to be an integer, got 2.5", conv_size=2.5)
    check(
        "expected parameters=132 or more, the number of a model of width 1 with these options, "
        "got 100",
        parameters=100,
    )


def test_stacked_models_under_vmap_equal_each_alone() -> None:
    models, inputs = [make_model(seed=seed) for seed in (0, 1)], indices()
    weights, buffers = stack_module_state(models)

    def loss(logits: Tensor) -> Tensor:
        return (logits * logits.detach().cos()).sum()

    def run(weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> tuple[Tensor, Any]:
        found: tuple[Tensor, Any] = functional_call(models[0], (weights, buffers), (inputs,))
        return found

    logits, (conv, h) = vmap(run)(weights, buffers)
    loss(logits).backward()
    for at, model in enumerate(models):
        expected, state = model(inputs)
        for got, want in zip((logits[at], conv[at], h[at]), (expected, *state), strict=True):
            closely(got, want)
        loss(expected).backward()
        for name, weight in model.named_parameters():
            assert weight.grad is not None
            assert weights[name].grad is not None
            closely(weights[name].grad[at], weight.grad)


NAMES = {"embedding.": "backbone.embeddings.", "readout.": "lm_head."}


def renamed(name: str) -> str:
    """Return the name in `transformers` of one of our weights."""
    for ours, theirs in NAMES.items():
        if name.startswith(ours):
            return name.replace(ours, theirs)
    return f"backbone.{name}"


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the Mamba of `transformers`, with the weights of `make_model()`.

    It computes parts of its recurrence and norms in single precision; here, all in double.
    """
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    to = Tensor.to

    def to_double(values: Tensor, *options: Any, **named: Any) -> Any:
        double: Any = [torch.float64 if each is torch.float32 else each for each in options]
        return to(values, *double, **named)

    config = transformers.MambaConfig(
        vocab_size=5,
        hidden_size=6,
        state_size=3,
        num_hidden_layers=2,
        residual_in_fp32=False,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        model = transformers.MambaForCausalLM(config).double()
    weights = make_model().state_dict()
    model.load_state_dict({renamed(name): weight for name, weight in weights.items()})
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    monkeypatch.setattr(Tensor, "to", to_double)
    return model


def test_logits_and_gradients_equal_those_of_transformers(reference: Any) -> None:
    model, inputs = make_model(), indices()
    logits, expected = model(inputs)[0], reference(inputs, use_cache=False).logits
    closely(logits, expected)
    for scores in (logits, expected):
        F.cross_entropy(scores.flatten(0, 1), inputs.flatten()).backward()
    theirs = dict(reference.named_parameters())
    for name, weight in model.named_parameters():
        assert weight.grad is not None
        closely(weight.grad, theirs[renamed(name)].grad)


@torch.no_grad()
def test_resumed_logits_equal_those_of_transformers(reference: Any) -> None:
    """It resumes one position at a time only: its scan of several begins with zeros."""
    model, inputs = make_model(), indices()
    state, cache = None, None
    for part in inputs.split([5, 1, 1, 1, 1], dim=1):
        logits, state = model(part, state)
        output = reference(part, cache=cache, use_cache=True)
        closely(logits, output.logits)
        cache = output.cache
