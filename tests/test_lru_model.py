"""The linear recurrent unit, against the paper's equations in NumPy and in real arithmetic."""

from __future__ import annotations

import cmath
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from seqtoys import Vocab, load, save
from seqtoys.errors import InputTypeError, OptionError
from seqtoys.models import LRUCharModel
from seqtoys.models.lru import LRU, eigenvalues, lru_scan, lru_step

Array = NDArray[Any]
VOCAB = Vocab("hielo")
SIZES: dict[str, Any] = {"hidden_size": 6, "state_size": 4, "num_layers": 2}


def make(**options: Any) -> Any:
    return LRUCharModel(VOCAB, **{**SIZES, **options}).double()


def symbols(*shape: int) -> Tensor:
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(0))


def random_weights(state: int = 4, hidden: int = 3) -> list[Tensor]:
    """Draw weights that are not those of the initialization."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(shape, dtype=dtype, generator=generator).requires_grad_()

    complex_dtype = torch.complex128
    B, C = (draw(*shape, dtype=complex_dtype) for shape in ((state, hidden), (hidden, state)))
    return [draw(state), draw(state), draw(state), B, C, draw(hidden)]


def random_inputs(time: int = 9, batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    u = torch.randn(time, batch, 3, dtype=torch.float64, generator=generator)
    x = torch.randn(batch, 4, dtype=torch.complex128, generator=generator)
    return u.requires_grad_(), x.requires_grad_()


def normalized(x: Array, weights: dict[str, Array], name: str) -> Array:
    centered = x - x.mean()
    scaled = centered / math.sqrt((centered**2).mean() + 1e-5)
    product: Array = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return product


def paper_network(weights: dict[str, Array], text: list[int], state: Array) -> tuple[Array, Array]:
    """Read one sequence, one symbol at a time, by the equations of the paper."""
    logits = []
    for symbol in text:
        vector = weights["embedding.weight"][symbol]
        for layer in range(len(state)):
            own = {
                name.removeprefix(f"blocks.{layer}."): value
                for name, value in weights.items()
                if name.startswith(f"blocks.{layer}.")
            }
            u = normalized(vector, own, "norm")
            for n in range(len(state[layer])):
                nu, theta = math.exp(own["lru.nu_log"][n]), math.exp(own["lru.theta_log"][n])
                taken = sum((own["lru.B_re"][n] + 1j * own["lru.B_im"][n]) * u)
                state[layer, n] *= cmath.exp(complex(-nu, theta))
                state[layer, n] += math.exp(own["lru.gamma_log"][n]) * taken
            C = own["lru.C_re"] + 1j * own["lru.C_im"]
            y = (C @ state[layer]).real + own["lru.D"] * u
            gelu = np.array([0.5 * each * (1 + math.erf(each / math.sqrt(2))) for each in y])
            value, gate = np.split(own["gate.weight"] @ gelu + own["gate.bias"], 2)
            vector = vector + value / (1 + np.exp(-gate))
        read = normalized(vector, weights, "norm")
        logits.append(weights["readout.weight"] @ read + weights["readout.bias"])
    return np.array(logits), state


def test_network_is_the_one_in_the_paper() -> None:
    model, inputs = make(seed=3), symbols(2, 12)
    for module in model.modules():  # otherwise 1 and 0
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, generator=torch.Generator().manual_seed(3))
            torch.nn.init.uniform_(module.bias, generator=torch.Generator().manual_seed(4))
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(5)
    hidden = torch.randn(2, 2, 4, 2, dtype=torch.float64, generator=generator)
    logits, final = model(inputs, hidden)
    for row in range(2):
        state = torch.view_as_complex(hidden[:, row].clone()).numpy()  # (layers, state)
        wanted, last = paper_network(weights, inputs[row].tolist(), state)
        np.testing.assert_allclose(logits[row].detach(), wanted, rtol=0, atol=1e-12)
        found = torch.view_as_complex(final[:, row].detach().contiguous())
        np.testing.assert_allclose(found, last, rtol=0, atol=1e-12)


def real_recurrence(
    u: Tensor,
    x: Tensor,
    nu_log: Tensor,
    theta_log: Tensor,
    gamma_log: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
) -> tuple[Tensor, Tensor]:
    """Compute the recurrence with a real state of twice the size, which rotation matrices turn."""
    radius, phase = torch.exp(-torch.exp(nu_log)), torch.exp(theta_log)
    a, b = torch.diag(radius * torch.cos(phase)), torch.diag(radius * torch.sin(phase))
    turn = torch.cat([torch.cat([a, -b], 1), torch.cat([b, a], 1)])  # (2 * state, 2 * state)
    into = torch.exp(gamma_log).repeat(2)[:, None] * torch.cat([B.real, B.imag])
    h, outputs = torch.cat([x.real, x.imag], 1), []
    for each in u:
        h = h @ turn.T + each @ into.T
        outputs.append(h @ torch.cat([C.real, -C.imag], 1).T + each * D)
    re, im = h.chunk(2, 1)
    return torch.stack(outputs), torch.complex(re, im)


def by_steps(u: Tensor, x: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    for each in u:
        y, x = lru_step(each, x, *weights)
        outputs.append(y)
    return torch.stack(outputs), x


@pytest.mark.parametrize("run", [by_steps, lru_scan])
def test_recurrence_and_gradients_equal_those_in_real_arithmetic(run: Any) -> None:
    arguments = [*random_inputs(), *random_weights()]
    results = []
    for compute in (real_recurrence, run):
        y, x = compute(*arguments)
        loss = y.sin().sum() + (x.real * 0.3 + x.imag.square()).sum()
        results.append([y, x, *torch.autograd.grad(loss, arguments)])
    for wanted, found in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_gradients_of_the_scan_are_those_of_small_differences() -> None:
    arguments = [*random_inputs(3, 1), *random_weights()]
    with torch.random.fork_rng(devices=[]):
        torch.autograd.gradcheck(lru_scan, arguments, fast_mode=True)
        torch.autograd.gradgradcheck(lru_scan, arguments, fast_mode=True)


def drawn(state: int, hidden: int, **ring: float) -> LRU:
    options = {"r_min": 0.0, "r_max": 1.0, "max_phase": math.tau, **ring}
    layer = LRU(hidden, state)
    with torch.no_grad():
        layer.draw(**options, generator=torch.Generator().manual_seed(0))
    return layer


def distance_to_uniform(values: Tensor, low: float, high: float) -> float:
    """Return the statistic of the Kolmogorov-Smirnov test, times the root of the count."""
    count = len(values)
    shares = (values.double().sort().values - low) / (high - low)
    steps = torch.arange(count + 1) / count
    distance = torch.maximum((shares - steps[:-1]).abs(), (shares - steps[1:]).abs()).max()
    return float(distance) * math.sqrt(count)


RINGS = [(0.0, 1.0, math.tau), (0.4, 0.9, math.pi / 10), (0.9, 0.999, 1.0)]


@pytest.mark.parametrize(("r_min", "r_max", "max_phase"), RINGS)
def test_eigenvalues_are_uniform_on_the_ring(r_min: float, r_max: float, max_phase: float) -> None:
    layer = drawn(20_000, 1, r_min=r_min, r_max=r_max, max_phase=max_phase)
    values = eigenvalues(layer.nu_log.detach(), layer.theta_log.detach())
    limit = 1.63  # exceeded with a probability of 1 %
    squared, phases = values.abs().square(), layer.theta_log.detach().exp()
    assert distance_to_uniform(squared, r_min**2, r_max**2) < limit
    assert distance_to_uniform(phases, 0, max_phase) < limit
    assert distance_to_uniform(values.abs(), r_min, r_max) > limit  # the test can tell
    correlation = torch.corrcoef(torch.stack([squared, phases]))[0, 1]
    assert abs(correlation) < 4 / math.sqrt(20_000)


def test_inputs_are_normalized_and_all_weights_are_finite() -> None:
    layer = drawn(100_000, 1)
    assert all(weight.isfinite().all() for weight in layer.parameters())
    squared = eigenvalues(layer.nu_log, layer.theta_log).abs().square()
    gains = (2 * layer.gamma_log).exp() / (1 - squared)
    torch.testing.assert_close(gains, torch.ones_like(gains), rtol=0.1, atol=0)
    assert (gains - 1).abs().median() < 1e-6


def test_other_weights_are_normal_with_the_scales_of_the_paper() -> None:
    layer = drawn(150, 200)
    for weight, variance in (
        (layer.B_re, 1 / 400),
        (layer.B_im, 1 / 400),
        (layer.C_re, 1 / 150),
        (layer.C_im, 1 / 150),
        (layer.D, 1.0),
    ):
        error = 5 * variance * math.sqrt(2 / weight.numel())
        assert weight.var().item() == pytest.approx(variance, abs=error)
        assert abs(weight.mean().item()) < 5 * math.sqrt(variance / weight.numel())


@pytest.mark.parametrize("size", [-80.0, -5.0, 0.0, 3.0, 5.0])
def test_states_stay_finite_for_any_decay(size: float) -> None:
    """In single precision, over 2,000 positions, with all gradients."""
    model: Any = LRUCharModel(VOCAB, **SIZES)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("nu_log"):
                weight.fill_(size)
    logits, hidden = model(symbols(1, 2000))
    logits.square().mean().backward()
    gradients = [weight.grad for weight in model.parameters()]
    assert all(x is not None and bool(x.isfinite().all()) for x in (logits, hidden, *gradients))


@pytest.mark.parametrize("vocab_size", [5, 17, 64])
@pytest.mark.parametrize(("layers", "state_size"), [(1, None), (2, None), (3, 16)])
def test_number_of_parameters(vocab_size: int, layers: int, state_size: int | None) -> None:
    vocab = Vocab([str(n) for n in range(vocab_size)])
    model = LRUCharModel(vocab, parameters=10_000, num_layers=layers, state_size=state_size)

    def count(h: int) -> int:
        n = state_size or h
        recurrence = 3 * n + 4 * n * h + h
        block = 2 * h + recurrence + 2 * h * (h + 1)
        return 2 * vocab_size * h + vocab_size + layers * block + 2 * h

    width = model.settings.hidden_size
    assert width >= 16
    assert sum(weight.numel() for weight in model.parameters()) == count(width)
    assert count(width) <= 10_000 < count(width + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r_min": 0.5, "r_max": 0.5}, "expected 0 <= r_min < r_max <= 1, got r_min=0.5, r_max="),
        ({"r_min": -0.1}, "expected 0 <= r_min < r_max <= 1, got r_min=-0.1"),
        ({"r_max": 1.01}, "expected 0 <= r_min < r_max <= 1"),
        ({"r_max": math.nan}, "expected 0 <= r_min < r_max <= 1"),
        ({"max_phase": 0.0}, "expected max_phase to be above 0 and at most 2π, got 0.0"),
        ({"max_phase": 7.0}, "expected max_phase to be above 0 and at most 2π, got 7.0"),
        ({"max_phase": math.nan}, "expected max_phase to be above 0"),
        ({"state_size": 0}, "expected state_size to be a positive integer, got 0"),
        ({"parameters": 100, "num_layers": 9}, r"expected parameters=\d+ or more"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        LRUCharModel(VOCAB, **options)


def test_options_of_the_wrong_type() -> None:
    with pytest.raises(InputTypeError, match="expected r_min to be a number"):
        make(r_min="0.9")


def test_options_are_saved(tmp_path: Path) -> None:
    model = make(r_min=0, r_max=0.9, max_phase=1, seed=3)
    assert (model.settings.r_min, model.settings.max_phase) == (0.0, 1.0)
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.settings == model.settings
    torch.testing.assert_close(again(symbols(2, 5)), model(symbols(2, 5)), rtol=0, atol=0)


def test_vmap_over_stacked_models_equals_each_alone() -> None:
    models, inputs, targets = [make(seed=0), make(seed=1)], symbols(3, 7), symbols(21)
    weights, buffers = torch.func.stack_module_state(models)
    assert not buffers

    def loss(weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        logits, hidden = torch.func.functional_call(models[0], weights, (inputs,))
        return F.cross_entropy(logits.flatten(0, 1), targets), hidden

    grad = torch.func.vmap(torch.func.grad_and_value(loss, has_aux=True))
    gradients, (losses, states) = grad(weights)
    for i, model in enumerate(models):
        wanted, hidden = loss(dict(model.named_parameters()))
        wanted.backward()
        torch.testing.assert_close(losses[i], wanted, rtol=1e-12, atol=0)
        torch.testing.assert_close(states[i], hidden, rtol=1e-12, atol=1e-12)
        for name, weight in model.named_parameters():
            torch.testing.assert_close(gradients[name][i], weight.grad, rtol=1e-9, atol=1e-12)


def test_weights_and_states_may_be_views_of_other_tensors() -> None:
    """Complex views of real tensors need an even offset in memory, which these don't have."""
    model, inputs = make(), symbols(2, 4)
    wanted, hidden = model(inputs)
    flat = torch.cat([torch.zeros(1), *(x.detach().flatten() for x in model.parameters())])
    torch.nn.utils.vector_to_parameters(flat[1:], model.parameters())
    torch.testing.assert_close(model(inputs)[0], wanted)
    shifted = torch.cat([torch.zeros(1), hidden.detach().flatten()])[1:].view_as(hidden)
    torch.testing.assert_close(model(inputs, shifted)[0], model(inputs, hidden)[0])
    assert repr(model.blocks[0].lru) == "LRU(6, 4)"
