"""The transformer: against PyTorch's attention and encoder layers, and slow forms of both."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from seqtoys import Batch, Vocab, evaluate, fit, generate, get_task, load, save
from seqtoys.errors import (
    IndexRangeError,
    InputTypeError,
    OptionError,
    SeqtoysError,
    ShapeError,
)
from seqtoys.evaluation.gradients import gradient_by_distance
from seqtoys.inspection import mean_hidden_by_symbol
from seqtoys.models import TransformerCharModel
from seqtoys.models.attention import attention, fast_attention
from seqtoys.models.rotary import rotated, rotation

VOCAB = Vocab("hielo")
every_form = pytest.mark.parametrize("attend", [attention, fast_attention])
every_position = pytest.mark.parametrize("positions", ["learned", "rotary", "none"])


def make(positions: str = "rotary", **options: Any) -> Any:
    """Make a transformer of width 12 with a context of 20, in double precision."""
    chosen = {"hidden_size": 12, "context": 20, "seed": 3, "positions": positions, **options}
    return TransformerCharModel(VOCAB, **chosen).double()


def randoms(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def symbols(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


def assert_close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@every_form
@pytest.mark.parametrize("shape", [(2, 3, 7, 4), (7, 4), (0, 2, 7, 4), (2, 1, 5), (2, 2, 0, 4)])
def test_attention_is_that_of_pytorch(attend: Any, shape: tuple[int, ...]) -> None:
    queries, keys, values = (randoms(*shape, seed=seed).requires_grad_() for seed in range(3))
    found = attend(queries, keys, values)
    expected = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    assert_close(found, expected)
    grads = (
        torch.autograd.grad(output, (queries, keys, values), randoms(*shape, seed=3))
        for output in (found, expected)
    )
    assert_close(next(grads), next(grads))


@every_form
@pytest.mark.parametrize("new", [0, 1, 3, 6])
def test_last_queries_attend_to_all_keys(attend: Any, new: int) -> None:
    queries, keys, values = (randoms(2, 3, 6, 4, seed=seed) for seed in range(3))
    whole = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    assert_close(attend(queries[..., 6 - new :, :], keys, values), whole[..., 6 - new :, :])


@every_form
def test_attention_averages_by_the_weights_of_the_paper(attend: Any) -> None:
    """Two positions, by hand: the weights of the second are 1 / 4 and 3 / 4."""
    queries = torch.tensor([[5.0, 0.0], [math.sqrt(2) * math.log(3), 0.0]])
    keys, values = torch.tensor([[0.0, 1.0], [1.0, 9.0]]), torch.tensor([[8.0, 0.0], [0.0, 4.0]])
    torch.testing.assert_close(
        attend(*(x[None, None] for x in (queries, keys, values)))[0, 0],
        torch.tensor([[8.0, 0.0], [2.0, 3.0]]),
    )


@pytest.mark.parametrize(("size", "pairs"), [(6, 3), (7, 3), (2, 1), (1, 0)])
def test_rotation_multiplies_by_complex_numbers_of_length_one(size: int, pairs: int) -> None:
    vectors = randoms(2, 5, size)
    angles = [[at * 10_000 ** (-i / pairs) for i in range(pairs)] for at in range(11, 16)]
    x = torch.complex(vectors[..., :pairs], vectors[..., pairs : 2 * pairs])
    turned = x * torch.exp(1j * torch.tensor(angles, dtype=torch.float64))
    expected = torch.cat([turned.real, turned.imag, vectors[..., 2 * pairs :]], -1)
    found = rotated(vectors, *rotation(11, 5, vectors))
    assert_close(found, expected)
    assert_close(found.norm(dim=-1), vectors.norm(dim=-1))
    assert_close(rotated(vectors[:, :1], *rotation(0, 1, vectors)), vectors[:, :1])


def test_product_of_rotated_vectors_depends_on_their_distance() -> None:
    query, key = randoms(1, 8, seed=1), randoms(1, 8, seed=2)

    def product(at: int, to: int) -> Tensor:
        left, right = rotated(query, *rotation(at, 1, query)), rotated(key, *rotation(to, 1, key))
        return (left * right).sum()

    assert_close(product(9, 4), product(105, 100))
    assert (product(9, 4) - product(9, 5)).abs() > 1e-3


def test_angles_of_half_precision_are_computed_in_single() -> None:
    exact, _ = rotation(1001, 2, torch.zeros(4))
    rounded, _ = rotation(1001, 2, torch.zeros(4, dtype=torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.01, atol=0)


def copied(model: Any) -> nn.TransformerEncoder:
    """Copy the blocks of a model to PyTorch's encoder layers, and its last norm."""
    width = model.settings.hidden_size
    layer = nn.TransformerEncoderLayer(
        width,
        model.settings.num_heads,
        4 * width,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "attention.out.": "self_attn.out_proj.",
        "attention_norm.": "norm1.",
        "mlp_norm.": "norm2.",
        "mlp.up.": "linear1.",
        "mlp.down.": "linear2.",
        "blocks.": "layers.",
    }
    state = {}
    for name, weight in model.state_dict().items():
        if name.startswith(("blocks.", "norm.")):
            for own, other in names.items():
                name = name.replace(own, other)
            state[name] = weight
    theirs.double().load_state_dict(state)
    return theirs


@pytest.mark.parametrize("positions", ["learned", "none"])
@pytest.mark.parametrize("num_heads", [1, 3])
def test_blocks_are_those_of_pytorch(positions: str, num_heads: int) -> None:
    with torch.random.fork_rng([]):
        model = make(positions, num_heads=num_heads)
        for weight in model.parameters():  # biases and norms, too
            nn.init.normal_(weight, std=0.3)
        theirs = copied(model)
    inputs = symbols(3, 9)
    vectors = model.embedding.weight[inputs]
    if positions == "learned":
        vectors = vectors + model.position_embedding.weight[:9]
    mask = nn.Transformer.generate_square_subsequent_mask(9, dtype=torch.float64)
    expected = F.linear(
        theirs(vectors, mask=mask, is_causal=True), model.readout.weight, model.readout.bias
    )
    logits, _ = model(inputs)
    assert_close(logits, expected)
    ours = torch.autograd.grad(logits.square().sum(), model.embedding.weight)
    assert_close(ours, torch.autograd.grad(expected.square().sum(), model.embedding.weight))


def slow_rotary(model: Any, inputs: Tensor) -> Tensor:
    """Read one sequence position by position and head by head, with complex rotations."""
    size = model.settings.hidden_size // model.settings.num_heads
    pairs = size // 2
    waves = 1e4 ** -(torch.arange(pairs, dtype=torch.float64) / pairs)

    def turned(vector: Tensor, at: int) -> Tensor:
        x = torch.complex(vector[:pairs], vector[pairs : 2 * pairs]) * torch.exp(1j * at * waves)
        return torch.cat([x.real, x.imag, vector[2 * pairs :]])

    x = list(model.embedding.weight[inputs])
    for block in model.blocks:
        split = [block.attention.qkv(block.attention_norm(each)).view(3, -1, size) for each in x]
        for t, each in enumerate(x.copy()):
            heads = []
            for head in range(model.settings.num_heads):
                query = turned(split[t][0, head], t)
                scores = [query @ turned(split[s][1, head], s) for s in range(t + 1)]
                weights = (torch.stack(scores) / math.sqrt(size)).softmax(0)
                heads.append(sum(w * split[s][2, head] for s, w in enumerate(weights)))
            each = each + block.attention.out(torch.cat(heads))
            x[t] = each + block.mlp.down(F.gelu(block.mlp.up(block.mlp_norm(each))))
    return torch.stack([model.readout(model.norm(each)) for each in x])


@pytest.mark.parametrize("num_heads", [1, 3, 4])
def test_rotary_model_is_the_slow_one(num_heads: int) -> None:
    model, inputs = make(num_heads=num_heads), symbols(1, 7)
    expected = slow_rotary(model, inputs[0])
    logits, _ = model(inputs)
    assert_close(logits[0], expected)
    ours = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
    theirs = torch.autograd.grad(expected.square().sum(), list(model.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)


@every_position
def test_steps_and_resumed_sequences_read_on(positions: str) -> None:
    model, inputs = make(positions), symbols(3, 20)
    whole, final = model(inputs)
    first, state = model(inputs[:, :11])
    second, (keys, values) = model(inputs[:, 11:], state)
    assert_close(torch.cat([first, second], 1), whole)
    assert_close((keys, values), final)
    assert keys.shape == values.shape == (2, 3, 2, 20, 6)
    state = model.initial_hidden(3)
    for t, each in enumerate(inputs.unbind(1)):
        logits, state = model.step(each, state)
        assert_close(logits, whole[:, t])
    assert_close(state, final)


@every_position
@pytest.mark.parametrize("num_heads", [1, 3])
def test_attention_weights_are_those_of_pytorch(positions: str, num_heads: int) -> None:
    """What a layer computes from the weights is what PyTorch's attention computes without them."""
    model, inputs = make(positions, num_heads=num_heads), symbols(3, 7)
    whole, (_, values) = model(inputs)
    heads = list[Tensor]()
    hooks = [
        block.attention.out.register_forward_pre_hook(lambda _, given: heads.append(given[0]))
        for block in model.blocks
    ]
    again, _ = model(inputs)
    for hook in hooks:
        hook.remove()
    weights = model.attention_of(inputs)
    assert weights.shape == (2, 3, num_heads, 7, 7)
    assert_close(weights.sum(-1), torch.ones(2, 3, num_heads, 7).double())
    assert not weights.triu(1).any()
    mixed = (weights @ values).transpose(2, 3).flatten(3)  # (layers, batch, time, width)
    assert_close(mixed, torch.stack(heads))
    assert_close(again, whole)


def test_attention_weights_of_a_context_that_is_too_long() -> None:
    with pytest.raises(ShapeError, match=r"expected at most 4 positions, .*, got 5"):
        make(context=4).attention_of(symbols(1, 5))


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (torch.tensor([[5]]), IndexRangeError, r"expected indices in 0 … 4, got .* from 5 to 5"),
        (torch.zeros(3).long(), ShapeError, r"expected indices of shape \(batch, time\), got"),
        (torch.zeros(1, 3).double(), ShapeError, "indices must be integers"),
        (torch.zeros(1, 3).bool(), InputTypeError, r"integers or floats, got torch\.bool"),
    ],
)
def test_attention_weights_of_invalid_indices_raise(
    indices: Tensor, error: type[SeqtoysError], message: str
) -> None:
    with pytest.raises(error, match=message):
        make().attention_of(indices)


@every_position
def test_order_of_earlier_symbols_matters(positions: str) -> None:
    """Also without positions, but only by the causal mask of the first layer, so in two layers."""
    model = make(positions)
    one, other = (model(VOCAB.encode_batch([text]))[0][0, -1] for text in ("hil", "ihl"))
    assert (one - other).abs().max() > 1e-4
    if positions == "none":
        shallow = make(positions, num_layers=1)
        one, other = (shallow(VOCAB.encode_batch([text]))[0][0, -1] for text in ("hil", "ihl"))
        assert_close(one, other)


@pytest.mark.parametrize(("positions", "extra"), [("learned", 20 * 12), ("none", 0)])
def test_number_of_parameters(positions: str, extra: int) -> None:
    model = make(positions, num_layers=3)
    blocks = 3 * (12 * 12**2 + 13 * 12)  # four and eight matrices; biases and two norms
    outside = 5 * 12 + 2 * 12 + 12 * 5 + 5
    assert sum(x.numel() for x in model.parameters()) == blocks + outside + extra


def test_initial_weights_are_those_of_glorot() -> None:
    model: Any = TransformerCharModel(VOCAB, 64, positions="learned", context=300, seed=1)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            assert not weight.any(), name
        elif "norm" in name:
            assert (weight == 1).all(), name
        elif "embedding" not in name:
            bound = math.sqrt(6 / sum(weight.shape))
            assert 0.95 * bound < weight.abs().max() <= bound, name
            assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1), name
    assert model.position_embedding.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert model.embedding.weight.std().item() == pytest.approx(1 / 8, rel=0.15)


@every_position
def test_stacked_models_are_each_model_alone(positions: str) -> None:
    """For ensembles; warnings are errors, so nothing falls back to a loop over the models."""
    models = [make(positions, seed=seed) for seed in (0, 1)]
    weights, buffers = stack_module_state(models)
    inputs = symbols(3, 6)

    def run(weights: dict[str, Tensor], state: Any) -> Any:
        return functional_call(models[0], (weights, buffers), (inputs, state))

    def loss(weights: dict[str, Tensor]) -> Tensor:
        total: Tensor = run(weights, None)[0].square().sum()
        return total

    logits, state = vmap(run, (0, None))(weights, None)
    later, _ = vmap(run)(weights, state)
    grads = vmap(grad(loss))(weights)
    for i, model in enumerate(models):
        alone, own_state = model(inputs)
        assert_close(logits[i], alone)
        assert_close(later[i], model(inputs, own_state)[0])
        for name, weight in model.named_parameters():
            (expected,) = torch.autograd.grad(alone.square().sum(), weight, retain_graph=True)
            torch.testing.assert_close(grads[name][i], expected, rtol=1e-9, atol=1e-10)


@every_position
def test_context_limits_the_number_of_positions(positions: str) -> None:
    model, past = make(positions, context=4), "create the model with context=5 or more"
    logits, state = model(symbols(1, 4))
    assert logits.shape == (1, 4, 5)
    limit = "expected at most 4 positions, the context of the model, got 5"
    with pytest.raises(ShapeError, match=f"{limit}; {past}"):
        model(symbols(1, 5))
    with pytest.raises(ShapeError, match=rf"{limit} \(4 in the state and 1 new\); {past}"):
        model.step(symbols(1), state)
    _, state = model(symbols(1, 2))
    with pytest.raises(ShapeError, match=rf"{limit} \(2 in the state and 3 new\); {past}"):
        model(symbols(1, 3), state)
    assert len(generate(model, "h", 4)) == 4
    with pytest.raises(ShapeError, match=rf"{limit} \(4 in the state and 1 new\)"):
        generate(model, "hi", 4)
    with pytest.raises(ShapeError, match=limit):
        model.predict("hihel")


def test_chunks_of_a_text_attend_to_all_earlier_ones_up_to_the_context() -> None:
    text = "hihello" * 6  # 41 inputs
    history = fit(make(context=41), text, epochs=2, lr=0.01, chunk=10)
    assert history.loss[1] < history.loss[0]
    with pytest.raises(ShapeError, match=r"got 41 \(40 in the state and 1 new\)"):
        fit(make(context=40), text, epochs=1, chunk=10)


def test_evaluation_names_the_length_beyond_the_context() -> None:
    task = get_task("first_symbol")
    model = TransformerCharModel(task.vocab, 4, positions="learned", context=25)
    assert set(evaluate(model, task, count=4, longer=[]).scores) == {"as in training"}
    with pytest.raises(ShapeError, match="at most 25 positions") as found:
        evaluate(model, task, count=4)
    note = "on longer sequences, of length 30; longer=[…] chooses the lengths"
    assert found.value.__notes__ == [note]
    short = TransformerCharModel(task.vocab, 4, positions="learned", context=2)
    with pytest.raises(ShapeError) as found:
        evaluate(short, task, count=4)
    assert not hasattr(found.value, "__notes__")


def test_keys_and_values_must_have_the_same_positions() -> None:
    keys, values = randoms(2, 1, 2, 3, 6), randoms(2, 1, 2, 2, 6)
    message = "expected keys and values of the same number of positions, got 3 keys and 2 values"
    with pytest.raises(ShapeError, match=message):
        make()(symbols(1, 2), (keys, values))
    with pytest.raises(ShapeError, match=r"hidden\[1\] of shape \(2, 1, 2, …, 6\), got"):
        make()(symbols(1, 2), (keys, values[:1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": "learned"}, "expected context, .* with positions='learned', got None"),
        ({"positions": "sinusoidal"}, "expected positions to be 'learned', 'rotary' or 'none'"),
        ({"num_heads": 0}, "expected num_heads to be a positive integer, got 0"),
        ({"num_heads": 0, "parameters": 99}, "expected num_heads to be a positive integer"),
        ({"context": 0}, "expected context to be a positive integer, got 0"),
        ({"num_heads": 3, "hidden_size": 8}, "a multiple of num_heads=3, got 8; pass 9, for"),
        ({"num_heads": 10**12}, "not enough memory"),
        ({"num_heads": 10**12, "parameters": 10_000}, "not enough memory"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        TransformerCharModel(VOCAB, **options)


@pytest.mark.parametrize("symbols", [5, 20, 64])
def test_ten_thousand_parameters_are_nearly_used(symbols: int) -> None:
    vocab = Vocab([str(i) for i in range(symbols)])
    model = TransformerCharModel(vocab, parameters=10_000)
    assert 8_000 < sum(x.numel() for x in model.parameters()) <= 10_000


def test_state_of_too_many_sequences() -> None:
    with pytest.raises(OptionError, match="not enough memory"):
        make().initial_hidden(10**18)


def test_default_width_is_a_multiple_of_the_heads() -> None:
    assert TransformerCharModel(VOCAB).settings.hidden_size == 32
    assert TransformerCharModel(VOCAB, num_heads=5).settings.hidden_size == 35


def test_learned_positions_and_heads_are_saved(tmp_path: Any) -> None:
    model = TransformerCharModel(VOCAB, 12, positions="learned", context=9, num_heads=3)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.settings == model.settings
    assert torch.equal(again(symbols(1, 9))[0], model(symbols(1, 9))[0])
    model.blocks[0].attention.num_heads = 2  # type: ignore[union-attr]
    assert not model.has_own_parts


def test_means_by_symbol_are_of_what_is_read_out() -> None:
    model = make().train()
    means = mean_hidden_by_symbol(model, Batch.from_texts(["hih", "eh"], VOCAB))
    read: list[Tensor] = []
    hook = model.readout.register_forward_pre_hook(lambda part, given: read.append(given[0]))
    for text in ("hi", "e"):
        model(VOCAB.encode_batch([text]))
    hook.remove()
    assert model.training
    assert list(means) == ["h", "i", "e"]
    assert_close(tuple(means.values()), (read[0][0, 0], read[0][0, 1], read[1][0, 0]))


def test_gradients_reach_back_to_the_embeddings() -> None:
    model = make()
    batch = Batch.from_texts(["hihello"], VOCAB)
    embedded = model.embedding.weight[batch.inputs].detach().requires_grad_()
    logits = model.readout(model._run(embedded, model.initial_hidden(1))[0])
    F.cross_entropy(logits[:, -1], batch.targets[:, -1]).backward()
    assert embedded.grad is not None
    assert_close(gradient_by_distance(model, batch), embedded.grad[0].norm(dim=1).flip(0))
