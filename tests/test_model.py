from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, generate, stream
from seqtoys.errors import DeviceError, IndexRangeError, InputTypeError, OptionError, ShapeError
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol
from seqtoys.plotting import plot_hidden, plot_probabilities, plot_trajectory

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
SIGNED = (torch.int64, torch.int32, torch.int16, torch.int8)
SIZES = st.fixed_dictionaries(
    {
        "hidden_size": st.none() | st.integers(1, 9),
        "embedding_size": st.none() | st.integers(1, 9),
        "num_layers": st.integers(1, 3),
        "nonlinearity": st.sampled_from(["tanh", "relu"]),
        "batch_first": st.booleans(),
        "seed": st.integers(-(2**63), 2**64 - 1),
    }
)


def pytorch_parts(
    vocab_size: int,
    *,
    hidden_size: int | None,
    embedding_size: int | None,
    seed: int,
    recurrent_init: str = "uniform",
    **options: Any,
) -> nn.ModuleDict:
    """Build the parts as a notebook would: seed, then call the constructors in order.

    Other recurrent initializations then call functions of `nn.init` in order of layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        units = hidden_size or vocab_size
        parts = nn.ModuleDict()
        if embedding_size is not None:
            parts["embedding"] = nn.Embedding(vocab_size, embedding_size)
        parts["rnn"] = nn.RNN(embedding_size or vocab_size, units, **options)
        if hidden_size is not None:
            parts["readout"] = nn.Linear(units, vocab_size)
        for name, weight in parts["rnn"].named_parameters():
            if recurrent_init == "orthogonal" and "weight_hh" in name:
                nn.init.orthogonal_(weight)
            elif recurrent_init == "identity" and "weight_hh" in name:
                nn.init.eye_(weight)
            elif recurrent_init == "identity" and "bias" in name:
                nn.init.zeros_(weight)
    return parts


def pytorch_logits(
    parts: nn.ModuleDict, one_hots: Tensor, hidden: Tensor
) -> tuple[Tensor, Tensor]:
    vectors = (
        one_hots @ parts["embedding"].get_parameter("weight") if "embedding" in parts else one_hots
    )
    states, final = parts["rnn"](vectors, hidden)
    return (parts["readout"](states) if "readout" in parts else states), final


@pytest.mark.usefixtures("unchecked")
def test_uint8_indices_are_accepted() -> None:
    indices = VOCAB.encode_batch(["hel", "oil"])
    for kind in (ElmanCharModel(VOCAB), ElmanEnsemble(VOCAB, [1, 2], embedding_size=2)):
        assert torch.equal(kind(indices.byte())[0], kind(indices)[0])
        assert torch.equal(kind.step(indices[:, 0].byte())[0], kind.step(indices[:, 0])[0])


@given(SIZES, st.sampled_from(["uniform", "orthogonal", "identity"]), st.integers(1, 40))
def test_weights_match_pytorch_constructors_with_the_same_seed(
    options: dict[str, Any], recurrent_init: str, symbols: int
) -> None:
    options["recurrent_init"] = recurrent_init
    before = torch.get_rng_state()
    model = ElmanCharModel(Vocab(chr(97 + i) for i in range(symbols)), **options)
    assert torch.equal(torch.get_rng_state(), before)
    expected = pytorch_parts(symbols, **options).state_dict()
    assert {name: tensor.tolist() for name, tensor in model.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in expected.items()
    }


@settings(max_examples=60)
@given(SIZES, st.integers(0, 4), st.integers(0, 7), st.sampled_from([32, 64]), st.data())
def test_steps_and_whole_sequences_match_torch_nn_rnn(
    options: dict[str, Any], batch: int, time: int, bits: int, data: st.DataObject
) -> None:
    tolerance, dtype = (1e-6, torch.float32) if bits == 32 else (1e-12, torch.float64)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    model = ElmanCharModel(VOCAB, **options).to(dtype)
    oracle = pytorch_parts(5, **options).to(dtype)
    indices = torch.randint(5, (batch, time), generator=generator)
    h_0 = torch.randn(
        options["num_layers"], batch, options["hidden_size"] or 5, generator=generator, dtype=dtype
    )
    targets = torch.randn(batch, time, 5, generator=generator, dtype=dtype)
    one_hots = torch.eye(5, dtype=dtype)[indices]
    indices = indices.to(data.draw(st.sampled_from(SIGNED)))

    def swap(tensor: Tensor) -> Tensor:
        return tensor if options["batch_first"] else tensor.transpose(0, 1)

    runs: dict[str, tuple[nn.Module, Tensor, Tensor]] = {}
    logits, final = model(swap(indices), h_0)
    runs["indices"] = (model, swap(logits), final)
    logits, final = (twin := copy.deepcopy(model))(swap(one_hots), h_0)
    runs["one-hots"] = (twin, swap(logits), final)
    for kind, inputs in [("steps", indices), ("one-hot steps", one_hots)]:
        twin, hidden, steps = copy.deepcopy(model), h_0, []
        for symbols in inputs.unbind(1):
            step, hidden = twin.step(symbols, hidden)
            steps.append(step)
        stacked = torch.stack(steps, 1) if steps else torch.zeros(batch, 0, 5, dtype=dtype)
        runs[kind] = (twin, stacked, hidden)

    if batch == 0 or time == 0:  # which torch.nn.RNN rejects
        for _, logits, final in runs.values():
            assert logits.shape == (batch, time, 5)
            assert torch.equal(final, h_0)
        return
    logits, final = pytorch_logits(oracle, swap(one_hots), h_0)
    expected = swap(logits)
    ((expected * targets).sum() + final.sum()).backward()
    for run, logits, last in runs.values():
        torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(last, final, rtol=tolerance, atol=tolerance)
        ((logits * targets).sum() + last.sum()).backward()
        for name, parameter in oracle.named_parameters():
            got = run.get_parameter(name).grad
            assert got is not None
            torch.testing.assert_close(got, parameter.grad, rtol=tolerance, atol=tolerance)


def test_state_dict_of_torch_nn_rnn_loads() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        rnn = nn.RNN(5, 5, batch_first=True)
    model = ElmanCharModel(VOCAB, seed=777)
    model.rnn.load_state_dict(rnn.state_dict())
    one_hots = VOCAB.one_hot("hihell").unsqueeze(0)
    assert torch.equal(model(one_hots)[0], rnn(one_hots)[0])


@pytest.mark.parametrize("batch_first", [True, False])
def test_predict_and_trace_agree_with_forward(batch_first: bool) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=7, num_layers=2, batch_first=batch_first)
    indices = VOCAB.encode("hihell")
    logits, hidden = model(indices.unsqueeze(0 if batch_first else 1))
    logits = logits.squeeze(0 if batch_first else 1)
    trace = model.trace("hihell")
    assert model.predict("hihell") == VOCAB.decode(logits.argmax(-1)) == "".join(trace.predictions)
    assert trace.symbols == list("hihell")
    assert torch.allclose(torch.from_numpy(trace.probabilities), logits.softmax(-1))
    assert torch.allclose(torch.from_numpy(trace.hidden[-1]), hidden[-1, 0])
    assert model.predict("") == ""
    assert len(model.trace("")) == 0


def test_predictions_of_words_are_lists() -> None:
    predicted = ElmanCharModel(Vocab(["boy", "sees", "dog"])).predict(["boy", "sees"])
    assert isinstance(predicted, list)
    assert set(predicted) <= {"boy", "sees", "dog"}


def test_trace_prints_each_step() -> None:
    model = ElmanCharModel(Vocab("a b"), seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert str(model.trace("a b")) == (
        "step  symbol  predicted  probability  hidden state\n"
        "   1  a       a                33.3%  +0.00 +0.00 +0.00\n"
        "   2  ␣       a                33.3%  +0.00 +0.00 +0.00\n"
        "   3  b       a                33.3%  +0.00 +0.00 +0.00"
    )
    long = ElmanCharModel(Vocab("ab"), hidden_size=9).trace("ab" * 30)
    lines = str(long).splitlines()
    assert len(lines) == 42
    assert lines[1].endswith(" …")
    assert lines[-1].endswith("and 20 more steps")
    assert long._repr_html_().count("<tr>") == 42


@pytest.mark.parametrize("symbols", [1, 2, 5, 30])
def test_loss_floor_of_tanh_is_reached_at_saturation(symbols: int) -> None:
    vocab = Vocab(chr(97 + i) for i in range(symbols))
    best = torch.full((1, symbols), -1.0, dtype=torch.float64)
    best[0, 0] = 1
    floor = nn.functional.cross_entropy(best, torch.tensor([0])).item()
    assert ElmanCharModel(vocab).loss_floor == pytest.approx(floor, abs=1e-15)
    assert ElmanCharModel(vocab, nonlinearity="relu").loss_floor == 0
    assert ElmanCharModel(vocab, hidden_size=3).loss_floor == 0


def test_models_survive_pickle_and_deepcopy() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=3, seed=4)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.predict("hihell") == model.predict("hihell")
        assert twin.vocab == VOCAB
        assert twin.settings == model.settings
    assert "Vocab('hielo'), seed=4" in repr(model)


MODEL = ElmanCharModel(VOCAB)
ONE = torch.zeros(1, 2, dtype=torch.int64)
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
ERRORS: dict[str, Any] = {
    "no batch axis": (
        lambda: MODEL(VOCAB.encode("hi")),
        ShapeError,
        "expected indices of shape (batch, time), got (2,); inputs.unsqueeze adds an axis "
        "of size 1",
    ),
    "integer one-hots": (
        lambda: MODEL(torch.zeros(1, 2, 5, dtype=torch.int64)),
        ShapeError,
        "expected indices of shape (batch, time), got (1, 2, 5); one-hot vectors must be floats",
    ),
    "other vocabulary": (
        lambda: MODEL(torch.zeros(1, 2, 4)),
        ShapeError,
        "expected one-hot inputs of shape (batch, time, 5), got (1, 2, 4)",
    ),
    "time first": (
        lambda: ElmanCharModel(VOCAB, batch_first=False)(ONE[0]),
        ShapeError,
        "expected indices of shape (time, batch), got (2,); inputs.unsqueeze adds an axis "
        "of size 1",
    ),
    "step over a sequence": (
        lambda: MODEL.step(ONE),
        ShapeError,
        "expected indices of shape (batch), got (1, 2); one-hot vectors must be floats",
    ),
    "text": (
        lambda: MODEL("hihell"),  # type: ignore[arg-type]
        InputTypeError,
        "expected inputs to be a tensor, got 'hihell'; model.vocab.encode_batch([text]) makes one",
    ),
    "doubles": (
        lambda: MODEL(torch.zeros(1, 2, 5, dtype=torch.float64)),
        InputTypeError,
        "expected one-hot inputs of dtype torch.float32, got torch.float64",
    ),
    "booleans": (
        lambda: MODEL(ONE.bool()),
        InputTypeError,
        "expected inputs to be integers or floats, got torch.bool",
    ),
    "index": (
        lambda: MODEL(ONE + 5),
        IndexRangeError,
        "expected indices in 0 … 4, got indices from 5 to 5 for a vocabulary of 5 symbols",
    ),
    "hidden shape": (
        lambda: MODEL(ONE, torch.zeros(1, 5)),
        ShapeError,
        "expected hidden of shape (layers, batch, hidden) = (1, 1, 5), got (1, 5)",
    ),
    "hidden dtype": (
        lambda: MODEL(ONE, torch.zeros(1, 1, 5, dtype=torch.float64)),
        InputTypeError,
        "expected hidden of dtype torch.float32, got torch.float64",
    ),
    "hidden type": (
        lambda: MODEL(ONE, 0),  # type: ignore[arg-type]
        InputTypeError,
        "expected hidden to be a tensor, got 0",
    ),
    "device": (
        lambda: MODEL(ONE.to("meta")),
        DeviceError,
        "expected inputs on the model's device cpu, got meta; move them with inputs.to('cpu')",
    ),
    "hidden device": (
        lambda: MODEL(ONE, torch.zeros(1, 1, 5, device="meta")),
        DeviceError,
        "expected hidden on the model's device cpu, got meta; move them with hidden.to('cpu')",
    ),
    "size": (
        lambda: ElmanCharModel(VOCAB, hidden_size=0),
        OptionError,
        "expected hidden_size to be a positive integer or None, got 0",
    ),
    "layers": (
        lambda: ElmanCharModel(VOCAB, num_layers=None),  # type: ignore[arg-type]
        InputTypeError,
        "expected num_layers to be an integer, got None",
    ),
    "nonlinearity": (
        lambda: ElmanCharModel(VOCAB, nonlinearity="sigmoid"),  # type: ignore[arg-type]
        OptionError,
        "expected nonlinearity to be 'tanh' or 'relu', got 'sigmoid'",
    ),
    "recurrent_init": (
        lambda: ElmanCharModel(VOCAB, recurrent_init="zeros"),  # type: ignore[arg-type]
        OptionError,
        "expected recurrent_init to be 'uniform', 'orthogonal' or 'identity', got 'zeros'",
    ),
    "seed": (
        lambda: ElmanCharModel(VOCAB, seed=0.5),  # type: ignore[arg-type]
        InputTypeError,
        "expected seed to be an integer, got 0.5",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_loss_floor_of_five_symbols_is_the_documented_one() -> None:
    assert round(math.log(1 + 4 * math.exp(-2)), 4) == 0.4327


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "options", [{}, {"hidden_size": 6, "num_layers": 2}, {"embedding_size": 3}]
)
def test_half_precision_network_matches_single_precision(
    dtype: torch.dtype, options: dict[str, Any]
) -> None:
    half = ElmanCharModel(VOCAB, **options, seed=2).to(dtype)
    single = copy.deepcopy(half).float()  # the same weights
    trace, expected = half.trace("hihell"), single.trace("hihell")
    assert trace.hidden.dtype == trace.probabilities.dtype == np.float32
    np.testing.assert_allclose(trace.hidden, expected.hidden, atol=0.03)
    np.testing.assert_allclose(trace.probabilities, expected.probabilities, atol=0.02)
    np.testing.assert_allclose(trace.probabilities.sum(1), 1, atol=1e-6)
    assert str(trace).count("\n") == 6
    batch = Batch.from_texts(["hihello"], VOCAB)
    for measure in (loss_by_position, mean_hidden_by_symbol):
        found, wanted = (measure(model, batch) for model in (half, single))
        values = [x.values() if isinstance(x, dict) else [x] for x in (found, wanted)]
        for got, right in zip(*values, strict=True):
            torch.testing.assert_close(got, right, atol=0.05, rtol=0.05)
    logits, hidden = [], half.initial_hidden(1)
    for symbol in VOCAB.encode("hihell"):
        step, hidden = half.step(symbol.reshape(1), hidden)
        logits.append(step[0])
    assert half.predict("hihell") == VOCAB.decode(torch.stack(logits).argmax(-1))
    assert "".join(stream(half, "h", 9)) == generate(half, "h", 9)
    for draw in (plot_probabilities, plot_hidden):
        assert draw(trace).has_data()
    if trace.hidden.shape[1] > 1:
        assert plot_trajectory(trace).has_data()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("replicas", [3, 200])
def test_half_precision_ensemble_matches_its_replicas(dtype: torch.dtype, replicas: int) -> None:
    ensemble = ElmanEnsemble(VOCAB, range(replicas), hidden_size=6).to(dtype)
    texts = generate(ensemble, "h", 9, temperature=0)
    assert [len(text) for text in texts] == [9] * replicas
    assert [len(text) for text in ensemble.predict("hihell")] == [6] * replicas
    logits = ensemble(VOCAB.encode_batch(["hihell"]))[0]
    for replica in (0, replicas - 1):
        alone = ensemble[replica](VOCAB.encode_batch(["hihell"]))[0]
        torch.testing.assert_close(logits[replica], alone, atol=0.03, rtol=0.03)


@pytest.mark.filterwarnings("ignore::UserWarning")  # about PyTorch's prototype features
@pytest.mark.parametrize("make", [ElmanCharModel, lambda vocab: ElmanEnsemble(vocab, range(2))])
def test_sparse_and_nested_tensors_raise(make: Callable[[Vocab], Any], unchecked: None) -> None:
    model, inputs = make(VOCAB), VOCAB.encode_batch(["hih"])
    hidden = model.initial_hidden(1)
    nested = torch.nested.nested_tensor([torch.tensor([1]), torch.tensor([1, 2])])
    for wrong, state in ((inputs.to_sparse(), None), (nested, None), (inputs, hidden.to_sparse())):
        with pytest.raises(InputTypeError, match="to be a dense tensor, got a "):
            model(wrong, state)
    with pytest.raises(InputTypeError, match="expected inputs to be a dense tensor"):
        model.step(inputs[:, 0].to_sparse(), hidden)
