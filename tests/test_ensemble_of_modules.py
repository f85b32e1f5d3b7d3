"""An `Ensemble` of any modules: each replica does what its model does alone."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.optim import lr_scheduler as schedulers

from seqtoys import (
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    Ensemble,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    load_history,
    save,
    stream,
    sweep,
    trace,
)
from seqtoys.errors import (
    DeviceError,
    InputTypeError,
    ModelFileError,
    OptionError,
    SeqtoysError,
    ShapeError,
)
from seqtoys.models.ensembles import running
from seqtoys.models.ensembles.attributes import contents_of, has_changed, restore_contents
from seqtoys.models.ensembles.recurrence import BatchedRecurrence
from seqtoys.models.ensembles.stacking import empty
from seqtoys.models.forward import logits_of

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hello", "hill", "lole"]
SEEDS = (5, 0, 7)
INPUTS = torch.tensor([[0, 1, 0, 2, 3, 3], [4, 3, 2, 1, 0, 1]])
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


pytestmark = pytest.mark.usefixtures("double")


class Recurrent(nn.Module):
    """Returns its state, a tuple for an LSTM."""

    def __init__(self, kind: Any = nn.GRU, *, one_hot: bool = False, **options: Any) -> None:
        super().__init__()
        self.table = None if one_hot else nn.Embedding(5, 4)
        self.rnn = kind(5 if one_hot else 4, 3, batch_first=True, **options)
        self.readout = nn.Linear(3 * (1 + self.rnn.bidirectional), 5)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        weight = self.readout.weight
        vectors = F.one_hot(inputs, 5).to(weight) if self.table is None else self.table(inputs)
        states, state = self.rnn(vectors, state)
        return self.readout(states), state


class Conv(nn.Module):
    """A causal convolution with batch normalization and a counter that is assigned anew."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(5, 4), nn.BatchNorm1d(4)
        self.conv = nn.Conv1d(4, 5, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.calls = self.calls + 1
        vectors = self.norm(self.table(inputs).transpose(1, 2))  # (batch, features, time)
        logits: Tensor = self.conv(F.pad(vectors, (1, 0))).transpose(1, 2)
        return logits / (1 + self.calls / 100)


class Attention(nn.Module):
    """A transformer with tied weights, a frozen table of positions and a causal mask."""

    mask: Tensor

    def __init__(self, *, norm_first: bool = True) -> None:
        super().__init__()
        self.table, self.positions = nn.Embedding(5, 8), nn.Embedding(9, 8)
        self.positions.requires_grad_(requires_grad=False)
        layer = nn.TransformerEncoderLayer(
            8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.readout = nn.Linear(8, 5, bias=False)
        self.readout.weight = self.table.weight
        mask = nn.Transformer.generate_square_subsequent_mask(9)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        time = inputs.shape[1]
        vectors = self.table(inputs) + self.positions.weight[:time]
        logits: Tensor = self.readout(self.layers(vectors, self.mask[:time, :time]))
        return logits


class Heads(nn.Module):
    """Multi-head attention with a mask made in `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.readout = nn.Embedding(5, 4), nn.Linear(4, 5)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        vectors, time = self.table(inputs), inputs.shape[1]
        mask = torch.ones(time, time, dtype=torch.bool).triu(1)
        read, _ = self.attention(vectors, vectors, vectors, attn_mask=mask, need_weights=False)
        return {"logits": self.readout(vectors + read)}


class Stepping(nn.Module):
    """A cell that reads symbol by symbol, with `step` and a learned initial state."""

    def __init__(self, kind: Any = nn.GRUCell) -> None:
        super().__init__()
        self.table, self.cell, self.readout = nn.Embedding(5, 4), kind(4, 3), nn.Linear(3, 5)
        self.start = nn.Parameter(torch.rand(3))

    def initial_hidden(self, batch_size: int) -> Tensor:
        return self.start.expand(batch_size, 3)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        is_pair = isinstance(self.cell, nn.LSTMCell)
        found = self.cell(self.table(inputs), (hidden, hidden) if is_pair else hidden)
        hidden = found[0] if is_pair else found
        return self.readout(hidden), hidden


class TimeFirst(nn.Module):
    """Reads `(time, batch)` and returns an object, as its settings say."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.rnn = nn.Embedding(5, 4), nn.RNN(4, 5, nonlinearity="relu")
        self.settings = SimpleNamespace(batch_first=False)

    def forward(self, inputs: Tensor) -> Any:
        return SimpleNamespace(logits=self.rnn(self.table(inputs))[0])


class ByValue(nn.Module):
    """Its control flow depends on the values of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.table(inputs)
        return logits if logits.sum().item() > 0 else 2 * logits


def bigram() -> nn.Module:
    return nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "GRU": Recurrent,
    "LSTM": partial(Recurrent, nn.LSTM),
    "RNN, one-hot": partial(Recurrent, nn.RNN, one_hot=True),
    "convolution": Conv,
    "transformer": Attention,
    "multi-head attention": Heads,
    "bigram": bigram,
    "by value": ByValue,
    "time first": TimeFirst,
    "steps": Stepping,
}


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Make a model as PyTorch does after `torch.manual_seed(seed)`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def together(make: Callable[[], nn.Module], seeds: tuple[int, ...] = SEEDS) -> Ensemble:
    return Ensemble(lambda seed: make(), seeds)


def assert_equal_states(one: nn.Module, other: nn.Module, near: float = 1e-9) -> None:
    expected = other.state_dict()
    assert list(one.state_dict()) == list(expected)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=near)


OPTIONS: dict[str, dict[str, Any]] = {
    "Adam": {},
    "AdamW, schedule, clipped": {
        "optimizer": optim.AdamW,
        "scheduler": partial(schedulers.StepLR, step_size=5),
        "clip_norm": 0.1,
    },
    "momentum, minibatches, best": {
        "optimizer": partial(optim.SGD, momentum=0.9),
        "lr": 0.1,
        "batch_size": 2,
        "validation": 0.3,
        "patience": 4,
    },
    "until": {"until": 0.3, "lr": 0.1},
}


@pytest.mark.usefixtures("untraced")
@pytest.mark.filterwarnings("ignore:.* mixes the sequences")
@pytest.mark.parametrize(
    ("name", "options"),
    [(name, "Adam") for name in MODULES]
    + [(name, each) for name in ("GRU", "convolution", "by value") for each in list(OPTIONS)[1:]],
)
def test_replicas_match_models_trained_alone(name: str, options: str) -> None:
    given = {"epochs": 50, "lr": 0.02, "vocab": VOCAB, **OPTIONS[options]}
    ensemble = together(MODULES[name])
    history = fit(ensemble, TEXTS, **given)
    assert ensemble.batched == (name != "by value")
    for replica, seed in enumerate(SEEDS):
        model = seeded(MODULES[name], seed)
        alone = fit(model, TEXTS, **given)
        found = history[replica]
        assert_equal_states(ensemble[replica], model)
        assert found.loss == pytest.approx(alone.loss, rel=0, abs=1e-9)
        assert found.validation_loss == pytest.approx(alone.validation_loss, rel=0, abs=1e-9)
        assert (found.stopped, found.predictions) == (alone.stopped, alone.predictions)
        assert found.best_epoch == alone.best_epoch


def test_replica_matches_a_plain_training_loop() -> None:
    ensemble = together(partial(Recurrent, num_layers=2))
    pairs = [(text[:-1], text[1:]) for text in ("hihello", "ellohih")]
    fit(ensemble, pairs, epochs=20, lr=0.05, vocab=VOCAB)
    model = seeded(partial(Recurrent, num_layers=2), 7)
    inputs, targets = (VOCAB.encode_batch([pair[at] for pair in pairs]) for at in (0, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs)[0].flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
    assert_equal_states(ensemble[2], model)


@pytest.mark.parametrize("name", ["GRU", "LSTM", "transformer"])
def test_replicas_match_on_tasks_and_long_texts(name: str) -> None:
    task = get_task("hihello") if name == "transformer" else None
    data: Any = "hihellohillole" * 3 if task is None else task
    options: Any = {"chunk": 5, "vocab": VOCAB} if task is None else {}
    ensemble = together(MODULES[name])
    history = fit(ensemble, data, epochs=5, batch_size=2, **options)
    for replica, seed in enumerate(SEEDS):
        model = seeded(MODULES[name], seed)
        alone = fit(model, data, epochs=5, batch_size=2, **options)
        assert history[replica].loss == pytest.approx(alone.loss, rel=0, abs=1e-9)
        assert_equal_states(ensemble[replica], model)


RECURRENT: dict[str, Callable[[], nn.Module]] = {
    "two layers": partial(Recurrent, num_layers=2),
    "both directions": partial(Recurrent, nn.LSTM, num_layers=2, bidirectional=True),
    "no bias": partial(Recurrent, bias=False),
    "no bias, one-hot": partial(Recurrent, nn.LSTM, one_hot=True, bias=False),
    "relu": partial(Recurrent, nn.RNN, nonlinearity="relu"),
    "GRU cell": Stepping,
    "LSTM cell": partial(Stepping, nn.LSTMCell),
    "RNN cell": partial(Stepping, nn.RNNCell),
    "RNN cell without bias": partial(Stepping, partial(nn.RNNCell, bias=False)),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_networks_are_batched_as_pytorch_runs_them(name: str) -> None:
    ensemble = together(RECURRENT[name])
    logits = logits_of(ensemble, INPUTS)
    logits.square().sum().backward()
    assert ensemble.batched
    for replica, seed in enumerate(SEEDS):
        model = seeded(RECURRENT[name], seed)
        alone = logits_of(model, INPUTS)
        alone.square().sum().backward()
        torch.testing.assert_close(logits[replica], alone, rtol=0, atol=1e-12)
        stacked = dict(ensemble.named_parameters())
        for path, weight in model.named_parameters():
            gradient = stacked[path].grad
            assert gradient is not None
            torch.testing.assert_close(gradient[replica], weight.grad, rtol=0, atol=1e-11)


def test_one_network_read_by_all_is_run_once() -> None:
    gru = seeded(partial(nn.GRU, 4, 3), 1)
    x = torch.rand(5, 2, 4)
    with BatchedRecurrence(), torch.no_grad():
        read = torch.vmap(lambda scale: gru(x)[0] * scale)(torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(read[1], 2 * gru(x)[0].detach())


def test_states_are_resumed_from() -> None:
    for kind in (nn.GRU, nn.LSTM):
        ensemble = together(partial(Recurrent, kind))
        whole, _ = ensemble(INPUTS)
        first, state = ensemble(INPUTS[:, :2])
        rest, _ = ensemble(INPUTS[:, 2:], state)
        torch.testing.assert_close(torch.cat([first, rest], 2), whole)
        alone, _ = ensemble[1](INPUTS[:, 2:], running.state_of(state, 1))
        torch.testing.assert_close(rest[1], alone)


def test_step_reads_as_the_models_do() -> None:
    ensemble = together(Stepping)
    hidden = ensemble.initial_hidden(2)
    for symbols in INPUTS.unbind(1):
        logits, hidden = ensemble.step(symbols, hidden)
    torch.testing.assert_close(logits, ensemble(INPUTS)[0][:, :, -1])
    history = fit(ensemble, TEXTS, epochs=3, vocab=VOCAB, stepwise=True)
    expected = fit(together(Stepping), TEXTS, epochs=3, vocab=VOCAB)
    torch.testing.assert_close(history.loss, expected.loss)


class Noisy(Recurrent):
    """A GRU with dropout between its layers and after them, and in its attention."""

    def __init__(self) -> None:
        super().__init__(num_layers=2, dropout=0.5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        logits, state = super().forward(inputs, state)
        return self.dropout(logits), state


def test_dropout_is_drawn_for_each_replica() -> None:
    ensemble = Ensemble(lambda seed: seeded(Noisy, 3), range(40))
    assert len({str(logits) for logits in ensemble(INPUTS)[0]}) == 40
    evaluated = ensemble.eval()(INPUTS)[0]
    torch.testing.assert_close(evaluated[1:], evaluated[:1].expand(39, -1, -1, -1))
    wide = Ensemble(lambda seed: nn.Sequential(nn.Embedding(5, 99), nn.Dropout(0.5)), range(40))
    kept = (wide(INPUTS) != 0).double().mean((1, 2, 3))
    assert 0.4 < kept.min() < 0.5 < kept.max() < 0.6
    assert wide.batched


def checkpointed(make: Callable[[], nn.Module], path: Path, epochs: int, **options: Any) -> Any:
    ensemble = together(make)
    torch.manual_seed(1)  # of dropout
    given = {"vocab": VOCAB, "validation": 0.3, "batch_size": 2, **options}
    history = fit(ensemble, TEXTS, epochs=epochs, checkpoint=Checkpoint(path, every=2), **given)
    return ensemble, history


@pytest.mark.usefixtures("untraced")
@pytest.mark.filterwarnings("ignore:.* mixes the sequences")
@pytest.mark.parametrize("make", [Noisy, Conv, Attention, ByValue], ids=lambda make: make.__name__)
def test_resumed_training_is_the_same_bit_for_bit(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    expected, whole = checkpointed(make, tmp_path / "whole", 7)
    checkpointed(make, path, 4)
    torch.manual_seed(99)
    ensemble, history = checkpointed(make, path, 7, resume=path)
    assert_equal_states(ensemble, expected, near=0)
    history.seconds = whole.seconds
    assert history == whole
    kept = load_history(path)
    kept.seconds = whole.seconds
    assert kept == whole
    with pytest.raises(ModelFileError, match=f"Ensemble of {make.__name__}"):
        load(path)


def test_training_of_other_models_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    checkpointed(Conv, path, 2)
    others: list[tuple[Callable[[], nn.Module], str]] = [
        (Attention, "model was"),
        (Conv, "seeds of the model"),
    ]
    for other, wrong in others:
        ensemble = together(other, (1, 2, 3))
        with pytest.raises(OptionError, match=wrong):
            fit(ensemble, TEXTS, vocab=VOCAB, validation=0.3, batch_size=2, resume=path)


def test_ended_replicas_keep_their_buffers() -> None:
    ensemble = together(Conv)
    history = fit(ensemble, TEXTS, epochs=30, lr=0.05, vocab=VOCAB, until=0.5, check=False)
    epochs = history.epochs.tolist()
    assert len(set(epochs)) > 1
    assert ensemble.get_buffer("calls").tolist() == epochs
    assert ensemble.get_buffer("norm.num_batches_tracked").tolist() == epochs


class Greedy(nn.Module):
    """Stores its states in a list, and its last state in an attribute."""

    def __init__(self, *, in_list: bool) -> None:
        super().__init__()
        self.table, self.in_list = nn.Embedding(5, 5), in_list
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.table(inputs)
        if self.in_list:
            self.seen.append(logits.detach())
        else:
            self.last = logits.detach()
        return logits


class Scaled(nn.Module):
    """Computes something else for each replica, which no attribute shows."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)
        self.scale: Callable[[Tensor], Tensor] = lambda x: factor * x

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scale(self.table(inputs))


class Generating(nn.Module):
    """Has a generator of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.table, self.noise = nn.Embedding(5, 5), torch.Generator().manual_seed(seed)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.table(inputs)
        return logits + torch.rand(logits.shape, generator=self.noise)


def hooked(seed: int) -> nn.Module:
    model = bigram()
    model.register_forward_hook(lambda *given: None)
    return model


def packed(seed: int, *, one_hot: bool = False) -> nn.Module:
    class Packed(Recurrent):
        def forward(self, inputs: Tensor, state: Any = None) -> Any:
            lengths = torch.full((len(inputs),), inputs.shape[1])
            one_hot = F.one_hot(inputs, 5).to(self.readout.weight)
            vectors = one_hot if self.table is None else self.table(inputs)
            rows = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True)
            return self.readout(
                nn.utils.rnn.pad_packed_sequence(self.rnn(rows)[0], batch_first=True)[0]
            )

    return Packed(one_hot=one_hot)


NOT_BATCHED: dict[str, tuple[Callable[[int], nn.Module], str]] = {
    "by value": (
        lambda seed: ByValue(),
        "RuntimeError: vmap: It looks like you're calling .item() on a Tensor",
    ),
    "a list": (lambda seed: Greedy(in_list=True), "Greedy stores values in attributes"),
    "an attribute": (lambda seed: Greedy(in_list=False), "Greedy stores values in attributes"),
    "another function": (Scaled, "Scaled gives different results when batched"),
    "another dropout": (
        lambda seed: nn.Sequential(nn.Embedding(5, 5), nn.Dropout(seed / 10)),
        "1.p differs between the replicas",
    ),
    "a generator": (Generating, "noise is a random generator of each replica's own"),
    "hooks": (hooked, "Sequential has hooks"),
    "packed": (packed, "torch.vmap has no batching rule for aten::_pack_padded_sequence"),
    "packed, one-hot": (
        partial(packed, one_hot=True),
        "RuntimeError: Batching rule not implemented for aten::gru.data",
    ),
    "projections": (
        lambda seed: nn.Sequential(
            nn.Embedding(5, 4), nn.LSTM(4, 6, proj_size=5, batch_first=True)
        ),
        "RuntimeError: Batching rule not implemented for aten::lstm.input",
    ),
}


@pytest.mark.parametrize("name", NOT_BATCHED)
def test_other_modules_run_one_after_another(name: str) -> None:
    make, reason = NOT_BATCHED[name]
    ensemble = Ensemble(make, SEEDS)
    logits = logits_of(ensemble.eval(), INPUTS)
    assert not ensemble.batched
    assert ensemble.note.startswith(f"The replicas ran one after another: {reason}")
    for replica, seed in enumerate(SEEDS):
        alone = logits_of(seeded(lambda seed=seed: make(seed), seed).eval(), INPUTS)  # type: ignore[misc]
        torch.testing.assert_close(logits[replica], alone)
    history = fit(ensemble, TEXTS, epochs=2, vocab=VOCAB)
    assert " ".join(str(history).split()).endswith(" ".join(ensemble.note.split()))
    assert ensemble.note[:40] in " ".join(repr(history.to_json()).split())


def test_control_flow_that_depends_on_the_length_is_found_later() -> None:
    class Late(ByValue):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) if inputs.shape[1] > 3 else self.table(inputs)

    ensemble = together(Late)
    short = ensemble(INPUTS[:, :3])
    assert ensemble.batched
    torch.testing.assert_close(short[2], ensemble[2](INPUTS[:, :3]))
    whole = ensemble(INPUTS)
    assert not ensemble.batched
    torch.testing.assert_close(whole[2], ensemble[2](INPUTS))


def test_random_numbers_are_drawn_as_if_nothing_had_been_tried() -> None:
    class Drawing(ByValue):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + torch.rand(())

    ensemble, expected = together(Drawing, (3,)), seeded(Drawing, 3)
    torch.manual_seed(8)
    logits = ensemble(INPUTS)
    torch.manual_seed(8)
    torch.testing.assert_close(logits[0], expected(INPUTS))


def elman(seed: int, **options: Any) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, hidden_size=4, seed=seed, **options)


def test_ensemble_of_our_own_models_has_their_methods() -> None:
    ensemble = Ensemble(elman, [1, 2])
    fit(ensemble, "hihello", epochs=30, lr=0.05)
    models = list(ensemble)
    assert [model.seed for model in models] == [1, 2]
    assert (len(ensemble), ensemble.vocab, ensemble.batched) == (2, VOCAB, True)
    assert ensemble.predict("hihell") == [model.predict("hihell") for model in models]
    prompt: Any = {"temperature": 0}
    assert generate(ensemble, "h", 6, **prompt) == [generate(m, "h", 6, **prompt) for m in models]
    assert [each.loss for each in evaluate(ensemble, "hihello")] == pytest.approx(
        [evaluate(model, "hihello").loss for model in models]
    )
    for found, model in zip(trace(ensemble, "hih"), models, strict=True):
        assert (found.hidden == model.trace("hih").hidden).all()
    with pytest.raises(InputTypeError, match="a single replica"):
        stream(ensemble, "h")
    assert "".join(stream(models[0], "h", 3)) == generate(models[0], "h", 3)
    assert str(ensemble).splitlines()[:2] == ["Ensemble(", "  2 seeds of ElmanCharModel"]
    assert "(rnn): RNN(5, 4, batch_first=True)" in str(ensemble)


def test_copies_are_equal_and_independent(tmp_path: Path) -> None:
    ensemble = together(Attention)
    expected = logits_of(ensemble, INPUTS)
    for other in (copy.deepcopy(ensemble), pickle.loads(pickle.dumps(ensemble))):
        torch.testing.assert_close(logits_of(other, INPUTS), expected, rtol=0, atol=0)
        readout, table = other.get_parameter("readout.weight"), other.get_parameter("table.weight")
        assert readout is table  # still shared
        nn.init.zeros_(table)
    torch.testing.assert_close(logits_of(ensemble, INPUTS), expected, rtol=0, atol=0)
    single = ensemble[0]
    nn.init.zeros_(single.table.weight)
    assert single.readout.weight is single.table.weight
    assert not single.positions.weight.requires_grad
    torch.testing.assert_close(logits_of(ensemble, INPUTS), expected, rtol=0, atol=0)
    half = ensemble.float()
    assert logits_of(half, INPUTS).dtype == half[0](INPUTS).dtype == torch.float32
    assert "mask" not in ensemble.state_dict()


def test_modes_are_those_of_the_models() -> None:
    class PartlyFrozen(Conv):
        def train(self, mode: bool = True) -> Any:
            super().train(mode)
            self.norm.eval()
            return self

    ensemble = together(PartlyFrozen)
    assert ensemble.training
    fit(ensemble, TEXTS, epochs=2, vocab=VOCAB, check=False)
    assert ensemble.get_buffer("norm.num_batches_tracked").tolist() == [0, 0, 0]
    assert ensemble.get_buffer("calls").tolist() == [2, 2, 2]
    ensemble.eval()
    assert not ensemble[1].training
    ensemble[0](INPUTS), ensemble(INPUTS)
    assert ensemble.get_buffer("calls").tolist() == [2, 2, 2]


def test_ensembles_of_our_own_models_are_saved(tmp_path: Path) -> None:
    path, other = tmp_path / "model", tmp_path / "training"
    ensemble = Ensemble(partial(elman, nonlinearity="relu", recurrent_init="identity"), [1, 2])
    history = fit(ensemble, "hihello", epochs=3, checkpoint=Checkpoint(other, every=3))
    save(ensemble, path, history=history)
    for file in (path, other):
        loaded: Any = load(file)
        assert isinstance(loaded, Ensemble)
        assert loaded.seeds == (1, 2)
        assert_equal_states(loaded, ensemble, near=0)
        assert [str(model) for model in loaded] == [str(model) for model in ensemble]
        assert loaded[0].settings == ensemble[0].settings
        assert fit(loaded, "hihello", epochs=1).epochs_before == 3
    assert load_history(path) == history


def mixed(seed: int) -> ElmanCharModel:
    return elman(seed, nonlinearity="tanh" if seed == 1 else "relu")


def replaced(seed: int) -> ElmanCharModel:
    model = elman(seed)
    model.readout = nn.Sequential(nn.Linear(4, 5))  # type: ignore[assignment]
    return model


def renamed(seed: int) -> nn.Module:
    return type("ElmanCharModel", (Recurrent,), {})()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (mixed, "expected an unmodified model, got one"),
        (replaced, "expected a model with its original weights"),
        (renamed, "got Ensemble of another ElmanCharModel, whose code cannot be saved"),
        (lambda seed: Recurrent(), "got Ensemble of Recurrent, whose code cannot be saved"),
    ],
)
def test_other_ensembles_are_not_saved(make: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputTypeError, match=message):
        save(Ensemble(make, [1, 2]), tmp_path / "model")
    fit(Ensemble(make, [1, 2]), "hihello", epochs=1, vocab=VOCAB,
        checkpoint=Checkpoint(tmp_path / "training", every=1))  # fmt: skip
    with pytest.raises(ModelFileError, match="another class"):
        load(tmp_path / "training")


ONE = nn.Linear(2, 2)


class Plain(nn.Module):
    """Has a tensor that is neither a parameter nor a buffer."""

    def __init__(self, seed: int, *, stacked: bool = False) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)
        tensor = torch.full((2,), float(seed))
        self.shift = {"of": [tensor]} if stacked else tensor


class Colliding(nn.Module):
    """Has a part named like a method of an ensemble."""

    def __init__(self) -> None:
        super().__init__()
        self.predict = nn.Linear(2, 2)


def by_seed(one: Callable[[], Any], other: Callable[[], Any]) -> Callable[[int], Any]:
    return lambda seed: one() if seed == 5 else other()


ALIKE = "expected make_model to return models that differ only in their values, got "
WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no seeds": (
        lambda: Ensemble(elman, []), OptionError, "expected at least one seed, got none"
    ),
    "a model": (
        lambda: Ensemble(ONE, [1]), InputTypeError,
        "expected make_model to be a function that returns a new model for a seed, got a Linear; "
        "use lambda seed: …",
    ),
    "not callable": (
        lambda: Ensemble(5, [1]), InputTypeError,  # type: ignore[arg-type]
        "expected make_model to be a function, got 5",
    ),
    "no argument": (
        lambda: Ensemble(lambda: bigram(), SEEDS), InputTypeError,  # type: ignore[arg-type, misc]
        "expected make_model to accept a seed, got a function of (); use lambda seed: …",
    ),
    "no module": (
        lambda: Ensemble(lambda seed: None, SEEDS), InputTypeError,  # type: ignore[arg-type, return-value]
        "expected make_model to return a torch.nn.Module, got None for seed 5",
    ),
    "the same model": (
        lambda: Ensemble(lambda seed: ONE, SEEDS), InputTypeError,
        "expected make_model to return a new model for each seed, got the same one for seed 0; "
        "create the model inside make_model",
    ),
    "classes": (
        lambda: Ensemble(by_seed(Recurrent, Conv), SEEDS), InputTypeError,
        f"{ALIKE}a model of class Recurrent with seed 5 and Conv with seed 0",
    ),
    "parts": (
        lambda: Ensemble(by_seed(bigram, lambda: bigram().append(nn.Tanh())), SEEDS),  # type: ignore[operator]
        InputTypeError, f"{ALIKE}2 of class None with seed 5 and Tanh with seed 0",
    ),
    "shapes": (
        lambda: Ensemble(lambda seed: nn.Linear(2, 1 + seed), SEEDS), ShapeError,
        f"{ALIKE}weight of shape (6, 2) and torch.float64 on cpu with seed 5 and of shape (1, 2) "
        "and torch.float64 on cpu with seed 0",
    ),
    "frozen": (
        lambda: Ensemble(
            by_seed(lambda: nn.Linear(2, 2).requires_grad_(requires_grad=False),
                    lambda: nn.Linear(2, 2)), SEEDS
        ),
        ShapeError,
        f"{ALIKE}weight of shape (2, 2) and torch.float64 on cpu, frozen with seed 5 and of shape "
        "(2, 2) and torch.float64 on cpu with seed 0",
    ),
    "names": (
        lambda: Ensemble(lambda seed: nn.Linear(2, 2, bias=seed == 5), SEEDS), OptionError,
        f"{ALIKE}bias of shape (2,) and torch.float64 on cpu with seed 5 and missing with seed 0",
    ),
    "a plain tensor": (
        lambda: Ensemble(Plain, SEEDS), InputTypeError,
        "expected tensors that differ between seeds to be parameters or buffers, got shift, a "
        "plain attribute, with seeds 5 and 0; use self.register_buffer(…)",
    ),
    "lazy": (
        lambda: Ensemble(lambda seed: nn.LazyLinear(2), SEEDS), InputTypeError,
        "expected initialized weights, got weight without a shape for seed 5; run the model once "
        "inside make_model",
    ),
    "meta": (
        lambda: Ensemble(lambda seed: nn.Linear(2, 2, device="meta"), SEEDS), DeviceError,
        "expected a model with weights, got Linear on the meta device; allocate it with "
        "model.to_empty(device='cpu'), then fill it with load_state_dict",
    ),
    "a taken name": (
        lambda: Ensemble(lambda seed: Colliding(), SEEDS), InputTypeError,
        "expected parts and weights with other names than those of an Ensemble, got predict; "
        "rename it in the model",
    ),
    "no state": (
        lambda: together(bigram)(INPUTS, torch.zeros(3, 1)), OptionError,
        "chunk=… needs a model that returns (logits, state) and accepts that state, a tensor or a "
        "tuple of tensors, got Sequential, whose forward accepts no state; omit it",
    ),
    "a state of one": (
        lambda: together(Recurrent)(INPUTS, torch.zeros(1, 2, 3)), OptionError,
        "expected states of shape (3, …), with replicas first, got (1, 2, 3)",
    ),
    "a state of lists": (
        lambda: together(Recurrent)(INPUTS, ([1.0],)), OptionError,
        "expected states of shape (3, …), with replicas first, got a list of 1",
    ),
    "a text": (
        lambda: together(bigram)("hello"), InputTypeError,
        "expected indices as a tensor, got 'hello'",
    ),
    "one sequence": (
        lambda: together(bigram)(INPUTS[0]), ShapeError,
        "expected inputs of shape (batch, time), got (6,); inputs.unsqueeze(0) adds an axis of "
        "size 1",
    ),
    "no step": (
        lambda: together(bigram).step(INPUTS[0], torch.zeros(3, 1)), OptionError,
        "expected models with step and initial_hidden, got Sequential; call the ensemble on whole "
        "sequences",
    ),
    "no step in fit": (
        lambda: fit(together(bigram), TEXTS, vocab=VOCAB, stepwise=True), OptionError,
        "expected models with step and initial_hidden, got Sequential; call the ensemble on whole "
        "sequences",
    ),
    "no vocabulary": (
        lambda: together(bigram).predict("h"), OptionError,
        "expected a vocabulary, because Ensemble has none; pass vocab=…",
    ),
    "an optimizer that mixes": (
        lambda: fit(together(bigram), TEXTS, vocab=VOCAB, optimizer=optim.Adafactor), OptionError,
        "Adafactor cannot be combined with an ensemble, as it would mix the replicas; use an "
        "optimizer that updates each parameter elementwise",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_seed_and_the_weight(name: str, assert_error: ErrorCheck) -> None:
    assert_error(*WRONG[name])


def test_replaced_parts_raise(assert_error: ErrorCheck) -> None:
    ensemble: Any = together(bigram)
    ensemble.add_module("1", nn.Linear(4, 5))
    message = (
        "expected 1.weight of shape (3, …), got (5, 4); the parts of an ensemble hold the weights "
        "of all replicas and cannot be replaced"
    )
    assert_error(lambda: ensemble(INPUTS), OptionError, message)
    ensemble.add_module("1", None)
    found = message.replace("(5, 4)", "none")
    assert_error(lambda: ensemble(INPUTS), OptionError, found)


def test_errors_of_the_models_are_raised_as_they_are() -> None:
    ensemble = together(bigram)
    with pytest.raises(IndexError) as caught:
        ensemble(INPUTS + 5)
    assert not isinstance(caught.value, SeqtoysError)
    assert caught.value.__context__ is None
    assert ensemble.batched


def test_models_without_weights_and_equal_attributes_are_stacked() -> None:
    silent = Ensemble(lambda seed: nn.Dropout(0.0), SEEDS)
    assert silent(torch.ones(2, 3, 5)).shape == (3, 2, 3, 5)
    same = Ensemble(lambda seed: Plain(1, stacked=True), SEEDS)
    assert same.batched
    other = Ensemble(lambda seed: Plain(seed, stacked=True), SEEDS)
    assert other.note.endswith("shift differs between the replicas.")


def make_single(vocab: Vocab, seed: int, units: int = 3) -> nn.Module:
    return Recurrent(nn.GRU) if units == 3 else ByValue()


def noisy(vocab: Vocab, seed: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(5, 5), nn.Dropout(0.3))


def fragile(vocab: Vocab, seed: int) -> nn.Module:
    if seed == 2:
        raise RuntimeError("no such seed")
    return bigram()


@pytest.mark.parametrize(
    ("make", "options", "trainings"),
    [
        (make_single, {}, 1),
        (partial(make_single, units=4), {}, 4),
        (noisy, {}, 4),
        (fragile, {}, 2),
        (make_single, {"optimizer": lambda weights, lr: optim.Adam(weights, lr=lr)}, 3),
        (make_single, {"vary_data": True}, 3),
    ],
)
def test_sweep_trains_seeds_together_if_they_give_the_same_results(
    make: Any, options: dict[str, Any], trainings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtoys.sweeps import run

    calls: list[nn.Module] = []

    def fit_and_count(model: nn.Module, *given: Any, **named: Any) -> Any:
        calls.append(model)
        return fit(model, *given, **named)

    monkeypatch.setattr(run, "fit", fit_and_count)
    given: Any = {"grid": {}, "vocab": VOCAB, "epochs": 6, "lr": 0.1, **options}
    rows = sweep(make, TEXTS, seeds=[1, 2, 3], **given).rows
    assert len(calls) == trainings
    for row in rows:
        (alone,) = sweep(make, TEXTS, seeds=[row.seed], **given).rows
        assert (row.seed, row.error, row.solved) == (alone.seed, alone.error, alone.solved)
        if row.error is None:
            assert row.loss == pytest.approx(alone.loss, rel=0, abs=1e-9)
        else:
            assert (row.seed, row.error.partition(" (")[0]) == (2, "RuntimeError: no such seed")


def test_sweep_with_a_curriculum_trains_each_seed_alone() -> None:
    task, lengths = get_task("parity"), Curriculum(longest=6, shortest=3, threshold=0.1)
    given: Any = {"grid": {}, "epochs": 6, "lengths": lengths, "longer": [], "count": 40}
    rows = sweep(ElmanCharModel, task, seeds=[1, 2], **given).rows
    alone = [sweep(ElmanCharModel, task, seeds=[n], **given).rows[0] for n in (1, 2)]
    assert rows == alone


def test_emptied_models_have_no_values() -> None:
    model = bigram()
    empty(model)
    assert {weight.numel() for weight in model.parameters()} == {0}


class Extras(nn.Module):
    """Has a part in two places, a buffer under two names, and unused places."""

    one: Tensor
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)
        self.first = nn.ModuleDict({"inner": nn.Linear(5, 5)})
        self.second = self.first
        self.norm = nn.BatchNorm1d(5, track_running_stats=False)
        self.register_buffer("one", torch.ones(()))
        self.register_buffer("same", self.one)
        self.register_buffer("counts", torch.zeros((), dtype=torch.int64))
        self.register_parameter("none", None)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        self.one = self.one + 1
        logits = self.second["inner"](self.first["inner"](self.table(inputs))) * self.one
        waves = torch.polar(logits.detach().abs(), logits.detach())  # complex numbers
        return logits, (waves, self.counts.expand(len(inputs)))


def test_parts_and_buffers_may_be_shared_or_missing() -> None:
    ensemble = together(Extras)
    logits, (waves, counts) = ensemble(INPUTS)
    assert ensemble.batched
    model = seeded(Extras, 0)
    alone, (own_waves, own_counts) = model(INPUTS)
    torch.testing.assert_close(logits[1], alone)
    torch.testing.assert_close(waves[1], own_waves)
    assert (counts[1] == own_counts).all()
    assert ensemble.get_submodule("first") is ensemble.get_submodule("second")
    assert ensemble.get_buffer("one").tolist() == [2] * 3
    assert ensemble.get_buffer("same").tolist() == [1] * 3  # as alone, where one is replaced
    assert model.get_buffer("same").item() == 1
    ensemble(INPUTS), model(INPUTS)
    assert ensemble.get_buffer("one").tolist() == [model.get_buffer("one").item()] * 3
    assert list(ensemble.state_dict()) == list(model.state_dict())


class Unequal:
    """An object that can't be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class Opaque:
    """An object with attributes, but without a comparison of its own."""

    def __init__(self, value: int) -> None:
        self.value = value


def with_attribute(value: Any) -> nn.Module:
    model = bigram()
    vars(model)["extra"] = value
    return model


@pytest.mark.parametrize(
    ("make", "batched"),
    [
        (lambda seed: np.arange(3), True),
        (lambda seed: np.arange(seed), False),
        (lambda seed: {"a": [1, (2, seed)]}, False),
        (lambda seed: {"a": [1, (2, 3)]}, True),
        (lambda seed: {str(seed): 1}, False),
        (lambda seed: [0] * seed, False),
        (lambda seed: seed if seed == 5 else "five", False),
        (lambda seed: Unequal(), False),
        (lambda seed: Opaque(1), True),
        (Opaque, False),
        (lambda seed: Vocab("hielo"), True),
    ],
)
def test_attributes_are_compared(make: Any, batched: bool) -> None:
    assert Ensemble(lambda seed: with_attribute(make(seed)), SEEDS).batched == batched


def test_contents_are_restored() -> None:
    model: Any = bigram()
    model.kept, model.known, model.seen = [1], {"a": 1}, {1}
    before = contents_of(model)
    assert not has_changed(model, before)
    for change in (
        lambda: model.kept.append(2),
        lambda: model.known.update(b=2),
        lambda: model.seen.add(2),
        lambda: setattr(model, "other", 1),
        lambda: setattr(model, "kept", [1]),
        lambda: model.add_module("2", nn.Tanh()),
    ):
        change()
        assert has_changed(model, before)
        restore_contents(model, before)
        assert not has_changed(model, before)
    assert (model.kept, model.known, model.seen) == ([1], {"a": 1}, {1})


def test_comparison_with_each_replica_does_not_use_cudnn() -> None:
    """Its lower precision would make replicas seem to differ."""
    used = []

    class Watched(nn.Embedding):
        def forward(self, indices: Tensor) -> Tensor:
            used.append(torch.backends.cudnn.enabled)
            return super().forward(indices)

    Ensemble(lambda seed: Watched(5, 5), SEEDS)(INPUTS)
    assert used == [False] * (len(used) - 1) + [True]
    assert len(used) > len(SEEDS)
