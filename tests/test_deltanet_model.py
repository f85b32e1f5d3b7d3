"""DeltaNet: the recurrence, its chunkwise form, and the model, against the paper's equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqtoys import Vocab, load, save
from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.models import DeltaNetCharModel
from seqtoys.models.deltanet import delta_rule, delta_rule_chunk, delta_rule_step

VOCAB = Vocab("hielo")
Array = NDArray[np.float64]


def make(**options: Any) -> DeltaNetCharModel:
    chosen = {"hidden_size": 8, "num_heads": 2, "seed": 1, **options}
    return DeltaNetCharModel(VOCAB, **chosen).double()


def count_parameters(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def random_rule(*batch: int, time: int, key: int, value: int, seed: int = 0) -> list[Tensor]:
    """Draw a state, queries, keys of length 1, values and strengths in (0, 2)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*batch, *shape, dtype=torch.float64, generator=generator)

    k = normal(time, key)
    beta = 2 * torch.rand(*batch, time, dtype=torch.float64, generator=generator)
    return [
        normal(value, key),
        normal(time, key),
        k / k.norm(dim=-1, keepdim=True),
        normal(time, value),
        beta,
    ]


def in_numpy(S: Array, q: Array, k: Array, v: Array, beta: Array) -> tuple[Array, Array]:
    """Compute S_t = S_{t-1} (I - β k kᵀ) + β v kᵀ and o_t = S_t q_t with explicit matrices."""
    outputs = []
    for t in range(len(q)):
        S = S @ (np.eye(len(k[t])) - beta[t] * np.outer(k[t], k[t]))
        S = S + beta[t] * np.outer(v[t], k[t])
        outputs.append(S @ q[t])
    return np.array(outputs).reshape(len(q), len(S)), S


def by_steps(
    state: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor]:
    outputs = []
    for t in range(q.shape[-2]):
        at = (..., t, slice(None))
        output, state = delta_rule_step(state, q[at], k[at], v[at], beta[..., t])
        outputs.append(output)
    return torch.stack(outputs, -2), state


def assert_same(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rule", [by_steps, delta_rule_chunk, delta_rule])
@pytest.mark.parametrize(("time", "key", "value"), [(1, 1, 1), (7, 4, 3), (45, 3, 5)])
def test_rule_is_that_of_the_paper(
    rule: Callable[..., Any], time: int, key: int, value: int
) -> None:
    given = random_rule(2, 3, time=time, key=key, value=value)
    outputs, state = rule(*given)
    for at in np.ndindex(2, 3):
        expected, final = in_numpy(*(part[at].numpy() for part in given))
        assert_same(outputs[at], torch.from_numpy(expected))
        assert_same(state[at], torch.from_numpy(final))


@pytest.mark.parametrize("chunk_size", [1, 4, 45, 64])
def test_chunk_size_changes_nothing(chunk_size: int) -> None:
    given = random_rule(2, time=45, key=4, value=4, seed=1)
    assert_same(delta_rule(*given, chunk_size=chunk_size), by_steps(*given))


def test_no_steps_leave_the_state_unchanged() -> None:
    given = random_rule(2, time=0, key=4, value=3)
    outputs, state = delta_rule(*given)
    assert outputs.shape == (2, 0, 3)
    assert torch.equal(state, given[0])


def test_gradients_of_chunks_are_those_of_steps() -> None:
    grads = []
    for rule in (by_steps, delta_rule):
        given = [part.requires_grad_() for part in random_rule(2, time=40, key=4, value=3)]
        outputs, state = rule(*given)
        loss = outputs.sin().sum() + state.cos().sum()
        grads.append(torch.autograd.grad(loss, given))
    assert_same(grads[1], grads[0])


def test_gradcheck_of_chunks() -> None:
    given = [part.requires_grad_() for part in random_rule(time=5, key=2, value=2)]
    assert torch.autograd.gradcheck(lambda *parts: delta_rule(*parts, chunk_size=3), given)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 1.7, 2.0])
def test_eigenvalue_along_the_key_is_one_minus_beta(beta: float) -> None:
    _, _, k, _, _ = random_rule(time=1, key=3, value=3)
    zeros = torch.zeros(3, dtype=torch.float64)
    _, step = delta_rule_step(  # of the identity, writing nothing
        torch.eye(3, dtype=torch.float64),
        zeros,
        k[0],
        zeros,
        torch.tensor(beta, dtype=torch.float64),
    )
    assert np.linalg.eigvalsh(step.numpy()) == pytest.approx(sorted([1.0, 1.0, 1 - beta]))
    assert_same(step @ k[0], (1 - beta) * k[0])


def test_long_sequences_of_equal_keys_stay_accurate_in_single_precision() -> None:
    """Reflections along one key: the hardest case for an inverse made of matrix powers."""
    k = torch.tensor([0.6, 0.8]).expand(64, 2)
    v = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    given = [torch.zeros(1, 2), k, k, v, torch.full((64,), 2.0)]
    exact = by_steps(*(part.double() for part in given))[0]
    assert_same(delta_rule(*given, chunk_size=64)[0].double(), exact, 1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    given = random_rule(2, time=9, key=4, value=3)
    outputs, state = delta_rule(*(part.to(dtype) for part in given))
    assert outputs.dtype == state.dtype == dtype
    assert_same(outputs.double(), by_steps(*given)[0], 0.3)


def silu(x: Array) -> Array:
    found: Array = x / (1 + np.exp(-x))
    return found


def rms_norm(x: Array, weight: Array, eps: float) -> Array:
    normed: Array = x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight
    return normed


def gelu(x: Array) -> Array:
    erf: Array = torch.erf(torch.from_numpy(x / np.sqrt(2))).numpy()
    product: Array = x * (1 + erf) / 2
    return product


def model_in_numpy(model: DeltaNetCharModel, inputs: list[int]) -> Array:
    """Compute the logits after each symbol of one sequence with loops over layers and heads."""
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    settings, eps = model.settings, 1e-6
    x = weights["embedding.weight"][inputs]  # (time, width)
    for layer in range(settings.num_layers):
        part = {
            key.removeprefix(f"blocks.{layer}."): value
            for key, value in weights.items()
            if key.startswith(f"blocks.{layer}.")
        }
        x = x + mixer_in_numpy(part, rms_norm(x, part["mixer_norm.weight"], eps), settings)
        inner = rms_norm(x, part["mlp_norm.weight"], eps)
        inner = gelu(inner @ part["mlp.up.weight"].T + part["mlp.up.bias"])
        x = x + inner @ part["mlp.down.weight"].T + part["mlp.down.bias"]
    x = rms_norm(x, weights["norm.weight"], eps)
    logits: Array = x @ weights["readout.weight"].T + weights["readout.bias"]
    return logits


def mixer_in_numpy(part: dict[str, Array], x: Array, settings: Any) -> Array:
    kernel = part["mixer.conv.weight"][:, 0]  # (3 * width, conv_size)
    taps = kernel.shape[1]
    padded = np.concatenate([np.zeros((taps - 1, len(kernel))), x @ part["mixer.qkv.weight"].T])
    mixed = silu(
        np.array([(padded[t : t + taps] * kernel.T).sum(0) for t in range(len(x))])
    ).reshape(len(x), 3, settings.num_heads, -1)
    largest = 2 if settings.negative_eigenvalues else 1
    beta = largest / (1 + np.exp(-x @ part["mixer.beta.weight"].T))  # (time, heads)
    found = []
    for head in range(settings.num_heads):
        q, k, v = (mixed[:, each, head] for each in range(3))  # (time, size)
        q, k = (each / np.sqrt((each**2).sum(-1, keepdims=True) + 1e-6) for each in (q, k))
        size = q.shape[1]
        outputs, _ = in_numpy(np.zeros((size, size)), q, k, v, beta[:, head])
        found.append(rms_norm(outputs, part["mixer.norm.weight"], 1e-6))
    joined: Array = np.concatenate(found, 1) @ part["mixer.output.weight"].T
    return joined


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"negative_eigenvalues": True, "num_layers": 2},
        {"num_heads": 4, "conv_size": 2, "num_layers": 3},
        {"num_heads": 1, "conv_size": 1, "negative_eigenvalues": True},
    ],
)
def test_model_is_that_of_the_paper(options: dict[str, Any]) -> None:
    model = make(**options)
    with torch.no_grad():  # RMSNorm's weights of 1 would hide a missing product
        for part in model.modules():
            if isinstance(part, nn.RMSNorm):
                part.weight.uniform_(0.5, 2, generator=torch.Generator().manual_seed(0))
    inputs = torch.randint(5, (2, 40), generator=torch.Generator().manual_seed(0))
    logits, _ = model(inputs)
    for found, row in zip(logits, inputs.tolist(), strict=True):
        assert_same(found.detach(), torch.from_numpy(model_in_numpy(model, row)))


def parity_by_hand() -> DeltaNetCharModel:
    """Set the weights of a model of two units such that it computes parity.

    The vectors of 0 and 1 are (-1, 1) and (1, 1). The second unit makes the key, the query and the
    value constant; the first makes β = 0 at a 0 and β = 2 at a 1, where S - v changes its sign.
    """
    model = DeltaNetCharModel(
        Vocab("01"), 2, num_heads=1, num_layers=1, conv_size=1, negative_eigenvalues=True
    ).double()
    for weight in model.state_dict().values():
        weight.zero_()
    for name, at, value in [
        ("embedding.weight", (0, 0), -1.0),
        ("embedding.weight", (1, 0), 1.0),
        ("embedding.weight", (slice(None), 1), 1.0),
        ("blocks.0.mixer_norm.weight", ..., 1.0),
        ("blocks.0.mixer.qkv.weight", (slice(None, None, 2), 1), 1e4),  # the first of each two
        ("blocks.0.mixer.conv.weight", ..., 1.0),
        ("blocks.0.mixer.beta.weight", (0, 0), 99.0),
        ("blocks.0.mixer.norm.weight", ..., 1.0),
        ("blocks.0.mixer.output.weight", (1, 0), 10.0),
        ("norm.weight", ..., 1.0),
        ("readout.weight", (1, 1), 1.0),
        ("readout.bias", (1,), -1.2),
    ]:
        model.state_dict()[name][at] = value
    return model


def test_negative_eigenvalues_compute_parity() -> None:
    model = parity_by_hand()
    bits = torch.randint(2, (4, 300), generator=torch.Generator().manual_seed(0))
    logits, (_, fast) = model(bits)
    odd = bits.cumsum(1) % 2  # (batch, time)
    assert torch.equal(logits.argmax(-1), odd)
    assert_same(fast[0, :, 0, 0, 0], 2e4 * odd[:, -1].double(), 1e-6)
    state = model.initial_hidden(4)
    for t, symbols in enumerate(bits.unbind(1)):
        before = state[1]
        logits, state = model.step(symbols, state)
        assert torch.equal(logits.argmax(-1), odd[:, t])
        about, value = state[1][0, :, 0, 0, 0] - 1e4, before[0, :, 0, 0, 0] - 1e4
        assert_same(about, value * (1 - 2.0 * symbols), 1e-6)


def test_state_changes_its_sign_at_each_step_with_beta_two() -> None:
    given = random_rule(time=3, key=1, value=4)
    state, q, k, v, beta = given
    _, found = delta_rule(state, q, k, 0 * v, torch.full_like(beta, 2))
    assert_same(found, -state)


@pytest.mark.parametrize("negative", [False, True])
def test_range_of_the_writing_strengths(negative: bool) -> None:
    mixer: Any = make(negative_eigenvalues=negative).blocks[0].mixer
    x = 1e3 * torch.randn(99, 8, generator=torch.Generator().manual_seed(0)).double()
    beta = mixer._strengths(x).detach()
    assert (float(beta.min()), float(beta.max())) == pytest.approx((0, 2 if negative else 1))


def test_seed_draws_the_weights_pytorch_would_draw() -> None:
    model = DeltaNetCharModel(VOCAB, 8, num_layers=1, num_heads=2, seed=3)
    block: Any = model.blocks[0]
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        expected = [
            nn.Embedding(5, 8).weight,
            nn.Linear(8, 24, bias=False).weight,
            nn.Conv1d(24, 24, 4, groups=24, bias=False).weight,
            nn.Linear(8, 2, bias=False).weight,
            nn.Linear(8, 8, bias=False).weight,
        ]
    mixer = block.mixer
    found = [model.embedding.weight]  # type: ignore[union-attr]
    found += [mixer.qkv.weight, mixer.conv.weight, mixer.beta.weight, mixer.output.weight]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    norms = [part.weight for part in model.modules() if isinstance(part, nn.RMSNorm)]
    assert len(norms) == 4
    assert all(bool((weight == 1).all()) for weight in norms)


@pytest.mark.parametrize(
    ("width", "heads", "layers", "taps"), [(8, 2, 2, 4), (9, 3, 1, 1), (4, 1, 3, 2)]
)
def test_number_of_parameters(width: int, heads: int, layers: int, taps: int) -> None:
    model = make(hidden_size=width, num_heads=heads, num_layers=layers, conv_size=taps)
    mixer = 4 * width**2 + 3 * width * taps + width * heads + width // heads
    mlp = 8 * width**2 + 5 * width
    expected = 2 * 5 * width + 5 + width + layers * (mixer + mlp + 2 * width)
    assert count_parameters(model) == expected


@pytest.mark.parametrize("symbols", [5, 64])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_width_is_a_multiple_of_the_heads(symbols: int, heads: int) -> None:
    vocab = Vocab([str(each) for each in range(symbols)])
    model = DeltaNetCharModel(vocab, parameters=10_000, num_heads=heads)
    width = model.settings.hidden_size
    wider = DeltaNetCharModel(vocab, width + heads, num_heads=heads)
    assert width % heads == 0
    assert count_parameters(model) <= 10_000 < count_parameters(wider)
    assert DeltaNetCharModel(VOCAB, num_heads=7).settings.hidden_size == 35


def test_shapes_of_the_state() -> None:
    model = make(num_heads=4, num_layers=3, conv_size=3)
    conv, fast = model.initial_hidden(2)
    assert conv.shape == (3, 2, 24, 2)
    assert fast.shape == (3, 2, 4, 2, 2)


def test_options_out_of_range() -> None:
    with pytest.raises(OptionError, match="hidden_size to be a multiple of num_heads=3, got 8"):
        make(num_heads=3)
    for name in ("num_heads", "conv_size"):
        with pytest.raises(OptionError, match=f"{name} to be a positive integer, got 0"):
            make(**{name: 0})
    with pytest.raises(InputTypeError, match="expected negative_eigenvalues to be"):
        make(negative_eigenvalues="yes")
    conv, fast = make().initial_hidden(1)
    with pytest.raises(ShapeError, match=r"expected hidden\[1\] of shape \(1, 1, 2, 4, 4\)"):
        make().step(torch.tensor([0]), (conv, fast[..., 1:]))


def test_options_are_saved(tmp_path: Any) -> None:
    model = make(num_heads=4, negative_eigenvalues=True, conv_size=3)
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    inputs = VOCAB.encode_batch(["hihell"])
    assert again.settings == model.settings
    assert torch.equal(again(inputs)[0], model(inputs)[0])


def test_stacked_models_run_as_each_alone() -> None:
    models = [make(seed=seed, negative_eigenvalues=True) for seed in (1, 2)]
    weights, buffers = torch.func.stack_module_state(models)
    inputs = torch.randint(5, (3, 40), generator=torch.Generator().manual_seed(0))

    def loss(each: dict[str, Tensor], others: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        logits, state = torch.func.functional_call(models[0], (each, others), (inputs,))
        return logits.sin().sum(), torch.cat([part.flatten() for part in state])

    grads, states = torch.func.vmap(torch.func.grad(loss, has_aux=True))(weights, buffers)
    for at, model in enumerate(models):
        logits, state = model(inputs)
        logits.sin().sum().backward()
        assert_same(states[at], torch.cat([part.detach().flatten() for part in state]))
        for name, weight in model.named_parameters():
            assert_same(grads[name][at], weight.grad)


# PyTorch's own warning during export.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_exported_model_reads_batches_of_any_size() -> None:
    model = make(num_layers=1)
    inputs = torch.randint(5, (4, 35), generator=torch.Generator().manual_seed(0))
    any_size = {0: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(model, (inputs,), strict=False, dynamic_shapes=(any_size,))
    assert_same(exported.module()(inputs[:3])[0], model(inputs[:3])[0])
