"""What all character models have in common, whatever is inside them."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import (
    Checkpoint,
    ElmanCharModel,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    load_history,
    save,
    stream,
    trace,
)
from seqtoys.errors import (
    IndexRangeError,
    InputTypeError,
    ModelFileError,
    OptionError,
    ShapeError,
    UnknownSymbolError,
)
from seqtoys.evaluation.gradients import gradient_by_distance
from seqtoys.models import (
    CharModel,
    DeltaNetCharModel,
    GRUCharModel,
    LRUCharModel,
    LSTMCharModel,
    MambaCharModel,
    TransformerCharModel,
    public,
)
from seqtoys.models.forward import StepwiseModel
from seqtoys.models.gru import gru_step
from seqtoys.models.lstm import lstm_step

VOCAB = Vocab("hielo")
MAKERS: dict[str, Callable[..., Any]] = {
    "deltanet": DeltaNetCharModel,
    "elman": ElmanCharModel,
    "gru": GRUCharModel,
    "lstm": LSTMCharModel,
    "transformer": TransformerCharModel,
    "lru": LRUCharModel,
    "mamba": MambaCharModel,
}
OPTIONS: dict[str, dict[str, Any]] = {}  # of a small model, besides two layers of 8
SMALLEST: dict[str, int] = {  # parameters, of width 1
    "elman": 18,
    "gru": 34,
    "lstm": 42,
    "transformer": 177,
    "lru": 45,
    "mamba": 132,
    "deltanet": 118,
}

every_model = pytest.mark.parametrize("name", MAKERS)


def make(name: str, **options: Any) -> Any:
    """Make a model of two layers of eight units in double precision."""
    chosen = {"hidden_size": 8, "num_layers": 2, **OPTIONS.get(name, {}), **options}
    return MAKERS[name](VOCAB, **chosen).double()


def symbols(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


def parts_of(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def assert_same(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    for one, other in zip(parts_of(found), parts_of(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def by_steps(model: Any, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
    logits = []
    for each in inputs.unbind(1):
        found, state = model.step(each, state)
        logits.append(found)
    return torch.stack(logits, 1), state


def test_every_public_model_is_tested() -> None:
    classes = [getattr(public, name) for name in public.__all__ if name.endswith("CharModel")]
    classes.remove(CharModel)
    assert set(MAKERS.values()) == set(classes)


@every_model
def test_interface_is_that_of_the_elman_network(name: str) -> None:
    kind = MAKERS[name]
    for method in ("forward", "step", "initial_hidden", "predict", "trace"):
        theirs = inspect.signature(getattr(ElmanCharModel, method)).parameters
        assert list(inspect.signature(getattr(kind, method)).parameters) == list(theirs)
    options = inspect.signature(kind).parameters
    assert {"vocab", "hidden_size", "parameters", "num_layers", "batch_first", "seed"} <= set(
        options
    )
    assert isinstance(make(name), StepwiseModel)


@every_model
def test_steps_whole_sequence_and_resumed_agree(name: str) -> None:
    model, inputs = make(name, seed=1), symbols(3, 21)
    whole, final = model(inputs)
    assert whole.shape == (3, 21, 5)
    assert whole.dtype == torch.float64
    stepped, last = by_steps(model, inputs, model.initial_hidden(3))
    assert_same(stepped, whole)
    assert_same(last, final)
    for cut in (0, 1, 13, 21):
        first, state = model(inputs[:, :cut])
        second, resumed = model(inputs[:, cut:], state)
        assert_same(torch.cat([first, second], 1), whole)
        assert_same(resumed, final)
    half, state = by_steps(model, inputs[:, :4], None)
    assert_same(torch.cat([half, model(inputs[:, 4:], state)[0]], 1), whole)


@every_model
def test_gradients_of_steps_and_whole_sequence_agree(name: str) -> None:
    inputs, targets = symbols(3, 19), symbols(3, 19, seed=1).flatten()
    grads = []
    for run in (lambda model: model(inputs), lambda model: by_steps(model, inputs, None)):
        model = make(name, seed=2)
        F.cross_entropy(run(model)[0].flatten(0, 1), targets).backward()
        grads.append({key: weight.grad for key, weight in model.named_parameters()})
    assert all(grad is not None for grad in grads[0].values())
    for key, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][key], rtol=1e-8, atol=1e-10, msg=key)


@every_model
def test_gradients_flow_back_into_a_resumed_state(name: str) -> None:
    model = make(name, seed=3)
    _, state = model(symbols(2, 5))
    leaves = [part.detach().requires_grad_() for part in parts_of(state)]
    given = tuple(leaves) if isinstance(state, tuple) else leaves[0]

    def loss(run: Callable[[Any], Any]) -> tuple[Tensor, ...]:
        total = run(given)[0].square().sum()
        return torch.autograd.grad(total, leaves, allow_unused=True)

    later = symbols(2, 7, seed=1)
    found = loss(lambda state: model(later, state))
    stepped = loss(lambda state: by_steps(model, later, state))
    assert any(grad is not None and bool(grad.abs().sum() > 0) for grad in found)
    for one, other in zip(found, stepped, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


@every_model
def test_gradcheck(name: str) -> None:
    model = make(name, seed=4, hidden_size=4, num_layers=1)
    weights = dict(model.named_parameters())

    def run(*values: Tensor) -> Tensor:
        given = dict(zip(weights, values, strict=True))
        logits: Tensor = torch.func.functional_call(model, given, (symbols(1, 3),))[0]
        return logits

    assert torch.autograd.gradcheck(run, tuple(weights.values()), fast_mode=True)


@every_model
def test_time_first_reads_the_same(name: str) -> None:
    inputs = symbols(3, 6)
    batch_first, time_first = make(name, seed=1), make(name, seed=1, batch_first=False)
    logits, state = batch_first(inputs)
    transposed, same_state = time_first(inputs.T)
    assert_same(transposed.transpose(0, 1), logits)
    assert_same(same_state, state)
    stepped, _ = time_first.step(inputs[:, 0])
    assert_same(stepped, logits[:, 0])


@every_model
def test_one_hot_vectors_read_the_same(name: str) -> None:
    model, inputs = make(name, seed=1), symbols(3, 6)
    vectors = F.one_hot(inputs, 5).double()
    assert_same(model(vectors)[0], model(inputs)[0])
    assert_same(model.step(vectors[:, 0])[0], model(inputs)[0][:, 0])


@every_model
@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0), (1, 1)])
def test_empty_and_smallest_batches(name: str, shape: tuple[int, int]) -> None:
    model = make(name)
    logits, state = model(symbols(*shape))
    assert logits.shape == (*shape, 5)
    if shape[1] == 0:
        assert_same(state, model.initial_hidden(shape[0]))


@every_model
def test_padding_on_the_right_and_other_sequences_change_nothing(name: str) -> None:
    model, inputs = make(name, seed=1), symbols(4, 20)
    whole, _ = model(inputs)
    assert_same(model(inputs[:1, :11])[0], whole[:1, :11])


@every_model
def test_float32_agrees_with_float64(name: str) -> None:
    model, inputs = make(name, seed=1), symbols(3, 50)
    exact, _ = model(inputs)
    assert_same(model.float()(inputs)[0].double(), exact, 1e-4)


@every_model
def test_seed_gives_the_weights_and_leaves_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    weights = [make(name, seed=seed).state_dict() for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    assert any(not torch.equal(value, weights[2][key]) for key, value in weights[0].items())


@every_model
def test_default_dtype_and_device_are_used(name: str) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert {x.dtype for x in MAKERS[name](VOCAB).state_dict().values()} == {torch.float64}
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert {x.device.type for x in MAKERS[name](VOCAB).parameters()} == {"meta"}


@every_model
def test_parameters_choose_the_largest_width_that_fits(name: str) -> None:
    model = MAKERS[name](VOCAB, parameters=10_000)
    count = sum(weight.numel() for weight in model.parameters())
    assert 8_000 <= count <= 10_000
    width = model.settings.hidden_size
    same = MAKERS[name](VOCAB, hidden_size=width)
    assert sum(weight.numel() for weight in same.parameters()) == count
    step = next(n for n in range(1, 65) if _accepts(MAKERS[name], width + n))
    wider = MAKERS[name](VOCAB, hidden_size=width + step)
    assert sum(weight.numel() for weight in wider.parameters()) > 10_000


def _accepts(kind: Callable[..., Any], width: int) -> bool:
    try:
        kind(VOCAB, hidden_size=width)
    except OptionError:
        return False
    return True


@every_model
def test_width_that_cannot_be_had(name: str) -> None:
    smallest = SMALLEST[name]
    with pytest.raises(OptionError, match=f"expected parameters={smallest} or more"):
        MAKERS[name](VOCAB, parameters=smallest - 1)
    fits = MAKERS[name](VOCAB, parameters=smallest)
    assert sum(weight.numel() for weight in fits.parameters()) == smallest
    with pytest.raises(OptionError, match="hidden_size=8 cannot be combined with parameters=99"):
        MAKERS[name](VOCAB, hidden_size=8, parameters=99)
    with pytest.raises(OptionError, match="not enough memory"):
        MAKERS[name](VOCAB, parameters=10**15)


@every_model
@pytest.mark.parametrize("option", ["hidden_size", "num_layers"])
def test_sizes_must_be_positive(name: str, option: str) -> None:
    with pytest.raises(OptionError, match=f"expected {option} to be a positive integer"):
        MAKERS[name](VOCAB, **{option: 0})


@every_model
def test_predict_and_trace(name: str) -> None:
    model = make(name, seed=1).train()
    logits, _ = model(VOCAB.encode_batch(["hihell"]))
    assert model.predict("hihell") == VOCAB.decode(logits[0].argmax(-1))
    found = model.trace("hihell")
    torch.testing.assert_close(
        torch.from_numpy(found.probabilities), logits[0].softmax(-1).detach(), rtol=0, atol=1e-6
    )
    read_out = model.readout(torch.from_numpy(found.hidden).double())  # (time, vocab)
    torch.testing.assert_close(read_out, logits[0], rtol=0, atol=1e-6)
    again = trace(model, "hihell")
    assert (again.hidden == found.hidden).all()
    assert model.training
    assert model.predict("") == ""
    assert model.trace("").hidden.shape == (0, 8)
    with pytest.raises(UnknownSymbolError):
        model.predict("hz")


@every_model
def test_generate_and_stream_step_through_the_model(name: str) -> None:
    model = make(name, seed=1)
    text = "hi"
    for _ in range(9):
        text += model.predict(text)[-1]
    assert generate(model, "hi", 9, temperature=0) == text[2:]
    stepped = stream(model, "hi", temperature=0)
    assert "".join(next(stepped) for _ in range(9)) == text[2:]


@every_model
def test_fit_memorises_a_word(name: str) -> None:
    model = MAKERS[name](VOCAB, hidden_size=16, seed=0)
    history = fit(model, "hihello", epochs=300, lr=0.03, until=0.1)
    assert history.loss[-1] <= 0.1
    assert model.predict("hihell") == "ihello"


@every_model
def test_fit_stepwise_and_whole_start_with_the_same_loss(name: str) -> None:
    losses = [
        fit(make(name, seed=1), "hihello", epochs=2, lr=0.01, stepwise=stepwise).loss
        for stepwise in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)


@every_model
def test_chunks_of_a_text_resume_from_the_state(name: str) -> None:
    text = "hihellohello" * 3
    whole = fit(make(name, seed=1), text, epochs=1, lr=1e-12).loss[0]
    chunked = fit(make(name, seed=1), text, epochs=1, lr=1e-12, chunk=7).loss[0]
    assert chunked == pytest.approx(whole, abs=1e-8)


@every_model
def test_evaluate_and_gradients_by_distance(name: str) -> None:
    task = get_task("parity")
    model = MAKERS[name](task.vocab, hidden_size=8)
    report = evaluate(model, task, count=20, longer=[])
    assert report.seen.loss > report.seen.optimum
    batch = task.sample(2, generator=torch.Generator().manual_seed(0))
    assert (gradient_by_distance(model, batch) >= 0).all()


@every_model
def test_saved_model_and_history_are_loaded(name: str, tmp_path: Path) -> None:
    model, path = make(name, seed=5, batch_first=False), tmp_path / "model.safetensors"
    history = fit(model, "hihello", epochs=3)
    save(model, path, history=history)
    again = load(path)
    assert type(again) is type(model)
    assert (again.vocab, again.settings, again.seed) == (VOCAB, model.settings, 5)
    assert_same(again(symbols(6, 2))[0], model(symbols(6, 2))[0], 0)
    assert load_history(path) == history


@every_model
def test_training_resumes_from_a_checkpoint(name: str, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    whole, half = make(name), make(name)
    expected = fit(whole, "hihello", epochs=4)
    fit(half, "hihello", epochs=2, checkpoint=Checkpoint(path, every=2))
    again = load(path)
    found = fit(again, "hihello", epochs=4, resume=path)
    assert found.loss == expected.loss
    assert_same(again(symbols(2, 6))[0], whole(symbols(2, 6))[0], 0)


@every_model
def test_changed_models_are_not_saved(name: str, tmp_path: Path) -> None:
    model = make(name)
    model.readout = nn.Sequential(model.readout)
    with pytest.raises(InputTypeError, match=r"original weights|unmodified model"):
        save(model, tmp_path / "a")
    model = make(name)
    model.readout.forward = lambda states: states
    with pytest.raises(InputTypeError, match="unmodified model"):
        save(model, tmp_path / "a")
    derived = type("Derived", (type(make(name)),), {})(VOCAB)
    with pytest.raises(InputTypeError, match="Derived"):
        save(derived, tmp_path / "a")
    assert not derived.has_own_parts


@every_model
def test_repr_shows_vocabulary_and_seed(name: str) -> None:
    kind, first, *_ = repr(MAKERS[name](VOCAB, seed=6)).splitlines()
    assert (kind, first) == (f"{MAKERS[name].__name__}(", f"  {VOCAB!r}, seed=6")


@every_model
def test_copies_and_pickles_are_independent(name: str) -> None:
    model = make(name, seed=1)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same(again(symbols(2, 4))[0], model(symbols(2, 4))[0], 0)
        assert not {id(x) for x in again.parameters()} & {id(x) for x in model.parameters()}


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "elman"])
def test_states_of_wrong_inputs_are_errors(name: str) -> None:
    with pytest.raises(ShapeError, match=r"expected indices of shape \(batch, time\)"):
        make(name).states_of(symbols(3))
    with pytest.raises(IndexRangeError):
        make(name).states_of(symbols(2, 3) + 5)


@every_model
def test_wrong_inputs_and_states_are_errors(name: str) -> None:
    model = make(name)
    with pytest.raises(ShapeError, match=r"expected indices of shape \(batch, time\)"):
        model(symbols(3))
    with pytest.raises(IndexRangeError):
        model(symbols(2, 3) + 5)
    with pytest.raises(InputTypeError, match="expected inputs to be a tensor"):
        model("hihell")
    with pytest.raises(OptionError, match="batch_size"):
        model.initial_hidden(-1)
    with pytest.raises((ShapeError, InputTypeError), match="expected hidden"):
        model(symbols(2, 3), model.initial_hidden(3))
    with pytest.raises((ShapeError, InputTypeError), match="expected hidden"):
        model.step(symbols(2), "state")
    half = tuple(part.float() for part in parts_of(model.initial_hidden(2)))
    with pytest.raises(InputTypeError, match=r"expected hidden.* of dtype"):
        model.step(symbols(2), half if len(half) > 1 else half[0])


@every_model
def test_file_with_other_shapes_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = make(name)
    save(model, path)
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(8))
    with pytest.raises(ModelFileError):
        load(path)


def test_tuple_states_are_checked() -> None:
    model = make("lstm")
    with pytest.raises(InputTypeError, match=r"tuple of 2 tensors, .* got a tuple of 1"):
        model(symbols(2, 3), (torch.zeros(2, 2, 8),))
    with pytest.raises(InputTypeError, match=r"expected hidden\[1\] to be a tensor"):
        model(symbols(2, 3), (torch.zeros(2, 2, 8).double(), None))
    with pytest.raises(ShapeError, match=r"expected hidden\[0\] of shape \(2, 2, 8\), got"):
        model(symbols(2, 3), (torch.zeros(2, 2, 7).double(), torch.zeros(2, 2, 8).double()))


@pytest.mark.parametrize(("name", "kind"), [("gru", nn.GRU), ("lstm", nn.LSTM)])
@pytest.mark.parametrize("embedding_size", [None, 3])
def test_recurrent_models_are_those_of_pytorch(
    name: str, kind: Any, embedding_size: int | None
) -> None:
    """The same initial weights, logits and states as PyTorch's modules, also after loading."""
    model = MAKERS[name](VOCAB, 8, num_layers=2, embedding_size=embedding_size, seed=7)
    with torch.random.fork_rng([]):
        torch.manual_seed(7)
        embedding = None if embedding_size is None else nn.Embedding(5, 3)
        rnn = kind(embedding_size or 5, 8, num_layers=2, batch_first=True)
        readout = nn.Linear(8, 5)
        trained = kind(embedding_size or 5, 8, num_layers=2, batch_first=True)
    assert all(torch.equal(x, model.rnn.state_dict()[key]) for key, x in rnn.state_dict().items())
    for module in (rnn, trained):
        model.rnn.load_state_dict(module.state_dict())
        inputs = symbols(3, 9)
        vectors = F.one_hot(inputs, 5).float() if embedding is None else embedding(inputs)
        states, final = module(vectors)
        logits, last = model(inputs)
        torch.testing.assert_close(logits, readout(states))
        assert_same(last, final, 1e-6)


@pytest.mark.parametrize(("name", "step"), [("gru", gru_step), ("lstm", lstm_step)])
def test_recurrence_as_written_is_that_of_the_model(name: str, step: Any) -> None:
    model, inputs = make(name, num_layers=1, seed=1), symbols(3, 9)
    weights = list(model.rnn.parameters())
    state = model.initial_hidden(3)
    state = tuple(part[0] for part in state) if isinstance(state, tuple) else state[0]
    for t, x in enumerate(F.one_hot(inputs, 5).double().unbind(1)):
        state = step(x, state, *weights)
        logits = model.readout(parts_of(state)[0])
        assert_same(logits, model(inputs)[0][:, t])


def test_base_class_is_abstract() -> None:
    for call in (
        lambda: CharModel.make_parts(5, None),
        lambda: CharModel._draw(None, None),  # type: ignore[arg-type]
        lambda: CharModel._state_shapes(None, 1),  # type: ignore[arg-type]
        lambda: CharModel._run(None, None, None),  # type: ignore[arg-type]
        lambda: CharModel._step(None, None, None),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_a_subclass_is_not_saved_as_its_base(tmp_path: Path) -> None:
    class Doubled(GRUCharModel):
        """It might override any method."""

    assert not Doubled(VOCAB).has_own_parts
    with pytest.raises(InputTypeError, match="got a Doubled, whose code cannot be saved"):
        save(Doubled(VOCAB), tmp_path / "doubled.safetensors")


@every_model
@pytest.mark.parametrize("has_autocast", [False, True])
def test_half_precision_matches_single_precision(name: str, has_autocast: bool) -> None:
    model = make(name).float()
    inputs = symbols(2, 6)
    with torch.no_grad():
        expected = model(inputs)[0]
    if not has_autocast:
        model = model.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_autocast):
        logits, _ = model(inputs)
        resumed = torch.cat([model(inputs[:, :3])[0], *resume(model, inputs)], 1)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, rtol=0, atol=0.06)
    torch.testing.assert_close(resumed.float(), expected, rtol=0, atol=0.06)
    logits.float().square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def resume(model: Any, inputs: Tensor) -> list[Tensor]:
    """Return the logits of the last three symbols, by `forward` and then by `step`."""
    _, state = model(inputs[:, :3])
    logits, state = model(inputs[:, 3:4], state)
    one, state = model.step(inputs[:, 4], state)
    other, _ = model.step(inputs[:, 5], state)
    return [logits, one.unsqueeze(1), other.unsqueeze(1)]
