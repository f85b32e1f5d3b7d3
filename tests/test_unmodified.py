"""Networks with replaced, hooked or changed parts: every method matches the modules.

The oracle calls the modules one after the other: embedding, rnn, readout.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, prune

from seqtoys import (
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    save,
    stream,
)
from seqtoys.errors import InputTypeError, ModelFileError, OptionError, ShapeError
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol

VOCAB = Vocab("hielo")
INPUTS = VOCAB.encode_batch(["hihell"])
TARGETS = VOCAB.encode_batch(["ihello"])
SGD = torch.optim.SGD

pytestmark = [
    pytest.mark.usefixtures("unchecked"),  # a network may return other shapes than it was made for
    pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning"),
    pytest.mark.filterwarnings("ignore:RNN module weights are not part:UserWarning"),
]


class Scaled(nn.Linear):
    """A user's readout whose logits are three times as large."""

    def forward(self, input: Tensor) -> Tensor:
        return 3 * super().forward(input)


class Loud(nn.RNN):
    """A user's recurrence whose states are twice as large."""

    def forward(self, *tensors: Any) -> Any:
        states, last = super().forward(*tensors)
        return 2 * states, last


class Shifted(nn.Embedding):
    """A user's embedding."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + 1


def network(**options: Any) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, **{"hidden_size": 8, "seed": 1} | options)


def with_part(name: str, part: Callable[[], nn.Module], **options: Any) -> ElmanCharModel:
    model = network(**options)
    setattr(model, name, part())
    return model


def with_parts(**parts: nn.Module) -> ElmanCharModel:
    model = network()
    for name, part in parts.items():
        setattr(model, name, part)
    return model


def changed(change: Callable[[Any], object], **options: Any) -> ElmanCharModel:
    model = network(**options)
    change(model)
    return model


def set_forward(module: nn.Module, factor: float) -> None:
    own = module.forward

    def forward(*tensors: Any) -> Any:
        result = own(*tensors)
        return (factor * result[0], result[1]) if isinstance(result, tuple) else factor * result

    module.forward = forward


def doubled(_: object, __: object, result: Any) -> Any:
    return (2 * result[0], result[1]) if isinstance(result, tuple) else 2 * result


def tie(model: Any) -> None:
    model.readout.weight = model.rnn.weight_ih_l0


def make_noncontiguous(model: Any) -> None:
    """Make a weight noncontiguous in memory."""
    weight = model.rnn.weight_hh_l0
    wide = torch.zeros(8, 16)
    wide[:, ::2] = weight.detach()
    weight.data = wide[:, ::2]


def hide_weight(model: Any) -> None:
    """Keep a weight as an attribute that is not a parameter."""
    weight = model.rnn.weight_hh_l0.detach()
    del model.rnn.weight_hh_l0
    model.rnn.weight_hh_l0 = 2 * weight


def normed(module: nn.Module, name: str) -> None:
    parametrizations.weight_norm(module, name)


CAUSAL: dict[str, Callable[[], ElmanCharModel]] = {
    "a readout of another class": lambda: with_part("readout", lambda: Scaled(8, 5)),
    "a readout without biases": lambda: with_part("readout", lambda: nn.Linear(8, 5, bias=False)),
    "a deep readout": lambda: with_part(
        "readout", lambda: nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))
    ),
    "a readout's own forward": lambda: changed(lambda m: set_forward(m.readout, 3)),
    "a readout's hook": lambda: changed(lambda m: m.readout.register_forward_hook(doubled)),
    "a readout's pre-hook": lambda: changed(
        lambda m: m.readout.register_forward_pre_hook(lambda _, given: (2 * given[0],))
    ),
    "a backward hook": lambda: changed(
        lambda m: m.readout.register_full_backward_hook(lambda _, grads, __: (2 * grads[0],))
    ),
    "a normed readout": lambda: changed(lambda m: normed(m.readout, "weight")),
    "a pruned readout": lambda: changed(
        lambda m: prune.l1_unstructured(m.readout, "weight", amount=0.5)
    ),
    "a wider state": lambda: with_parts(
        rnn=nn.RNN(5, 9, batch_first=True), readout=nn.Linear(9, 5)
    ),
    "dropout": lambda: changed(lambda m: setattr(m.rnn, "dropout", 0.5), num_layers=2),
    "dropout of two rows": lambda: with_part(
        "rnn", lambda: nn.RNN(5, 8, num_layers=2, dropout=0.5, batch_first=True), num_layers=2
    ),
    "another nonlinearity": lambda: with_part(
        "rnn", lambda: nn.RNN(5, 8, nonlinearity="relu", batch_first=True)
    ),
    "another mode": lambda: changed(lambda m: setattr(m.rnn, "mode", "RNN_RELU")),
    "fewer layers": lambda: with_part("rnn", lambda: nn.RNN(5, 8, batch_first=True), num_layers=2),
    "no biases": lambda: with_part("rnn", lambda: nn.RNN(5, 8, bias=False, batch_first=True)),
    "a GRU": lambda: with_part("rnn", lambda: nn.GRU(5, 8, batch_first=True)),
    "a GRU, time first": lambda: with_part("rnn", lambda: nn.GRU(5, 8), batch_first=False),
    "a recurrence of another class": lambda: with_part(
        "rnn", lambda: Loud(5, 8, batch_first=True)
    ),
    "a recurrence's own forward": lambda: changed(lambda m: set_forward(m.rnn, 2)),
    "a recurrence's hook": lambda: changed(lambda m: m.rnn.register_forward_hook(doubled)),
    "a normed recurrence": lambda: changed(lambda m: normed(m.rnn, "weight_hh_l0")),
    "a weight that is no parameter": lambda: changed(hide_weight),
    "a shared weight": lambda: changed(tie, hidden_size=5),
    "a frozen weight": lambda: changed(lambda m: m.rnn.weight_hh_l0.requires_grad_(False)),
    "a hook on a gradient": lambda: changed(
        lambda m: m.rnn.weight_hh_l0.register_hook(lambda gradient: 2 * gradient)
    ),
    "noncontiguous memory": lambda: changed(make_noncontiguous),
    "an embedding of another class": lambda: with_part(
        "embedding", lambda: Shifted(5, 3), embedding_size=3
    ),
    "an embedding's norm": lambda: with_part(
        "embedding", lambda: nn.Embedding(5, 3, max_norm=0.5), embedding_size=3
    ),
    "an embedding's padding": lambda: with_part(
        "embedding", lambda: nn.Embedding(5, 3, padding_idx=0), embedding_size=3
    ),
    "a deep embedding": lambda: with_part(
        "embedding", lambda: nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3)), embedding_size=3
    ),
    "an embedding's hook": lambda: changed(
        lambda m: m.embedding.register_forward_hook(doubled), embedding_size=3
    ),
    "an embedding where there was none": lambda: with_part(
        "embedding", lambda: nn.Embedding(5, 5)
    ),
    "a readout where there was none": lambda: with_part(
        "readout", lambda: nn.Linear(5, 5), hidden_size=None
    ),
}
AHEAD: dict[str, Callable[[], ElmanCharModel]] = {
    "two directions": lambda: with_parts(
        rnn=nn.RNN(5, 8, bidirectional=True, batch_first=True), readout=nn.Linear(16, 5)
    ),
    "batch and time swapped": lambda: with_part("rnn", lambda: nn.RNN(5, 8)),
}
WHOLE: dict[str, Callable[[], ElmanCharModel]] = {
    "the network's own forward": lambda: changed(lambda m: set_forward(m, 2)),
    "the network's hook": lambda: changed(lambda m: m.register_forward_hook(doubled)),
    "time first": lambda: changed(lambda m: set_forward(m, 2), batch_first=False),
}
UNKNOWN_INITIAL_STATE: dict[str, Callable[[], ElmanCharModel]] = {
    "an LSTM": lambda: with_part("rnn", lambda: nn.LSTM(5, 8, batch_first=True)),
}
EVERY = {**CAUSAL, **AHEAD, **WHOLE, **UNKNOWN_INITIAL_STATE}
CHANGED_ONLY = ("a frozen weight", "a hook on a gradient", "noncontiguous memory")
"""Changes that affect the gradients but not the outputs."""


@pytest.fixture
def isolated_rng() -> Iterator[None]:
    """Isolate the global generator, from which PyTorch's modules and dropout draw."""
    with torch.random.fork_rng(devices=[]):
        yield


def make(name: str) -> ElmanCharModel:
    """Return the same network each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return EVERY[name]()


def by_hand(model: Any, inputs: Tensor) -> Tensor:
    """Compute batch-first logits by calling a network's modules one after the other."""
    logits: Tensor
    given = inputs if model.settings.batch_first else inputs.T
    if "forward" in vars(model) or model._forward_hooks:
        logits = model(given)[0]
    else:
        one_hot = F.one_hot(given, 5).float()
        vectors = one_hot if model.embedding is None else model.embedding(given)
        states, _ = model.rnn(vectors)
        logits = states if model.readout is None else model.readout(states)
    return logits if model.settings.batch_first else logits.transpose(0, 1)


def loss_by_hand(model: nn.Module) -> Tensor:
    return F.cross_entropy(by_hand(model, INPUTS).flatten(0, 1), TARGETS.flatten())


@pytest.mark.usefixtures("isolated_rng")
@pytest.mark.parametrize(
    ("name", "stepwise"), [*((n, False) for n in EVERY), *((n, True) for n in [*CAUSAL, *WHOLE])]
)
def test_fit_matches_the_modules(name: str, stepwise: bool) -> None:
    model, twin = make(name), make(name)
    if stepwise and "dropout" in name:
        model.rnn.dropout = twin.rnn.dropout = 0.0  # single steps draw other random numbers
    torch.manual_seed(7)
    history = fit(
        model,
        ("hihell", "ihello"),
        epochs=1,
        lr=0.1,
        optimizer=SGD,
        check=False,
        stepwise=stepwise,
    )
    torch.manual_seed(7)
    loss = loss_by_hand(twin)
    assert history.loss[0] == pytest.approx(loss.item(), rel=1e-5)
    loss.backward()
    SGD(twin.parameters(), lr=0.1).step()
    for (path, got), expected in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6, msg=path)


def test_recurrence_without_known_initial_state_cannot_step() -> None:
    model = make("an LSTM")
    for call in (
        lambda: fit(model, "hihello", stepwise=True),
        lambda: generate(model, "h", 3),
        lambda: model.initial_hidden(1),
    ):
        with pytest.raises(OptionError, match="cannot make the initial state of rnn, which has"):
            call()
    assert len(fit(model, "hihello" * 3, chunk=5, epochs=2)) == 2


@pytest.mark.parametrize("name", EVERY)
def test_inference_matches_the_modules(name: str) -> None:
    model = make(name)
    assert model.is_unmodified == (name in CHANGED_ONLY)
    assert not model.writes_gradients
    twin = make(name).eval()
    with torch.no_grad():
        expected = by_hand(twin, INPUTS)[0]  # (time, vocab)
    assert model.predict("hihell") == VOCAB.decode(expected.argmax(-1))
    trace = model.trace("hihell")
    torch.testing.assert_close(torch.from_numpy(trace.probabilities), expected.softmax(-1))
    assert trace.hidden.shape[0] == 6
    losses = loss_by_position(model, Batch(INPUTS, TARGETS))
    by_position = F.cross_entropy(expected.double(), TARGETS[0], reduction="none")
    torch.testing.assert_close(losses[0], by_position, rtol=1e-5, atol=1e-6)
    assert model.training  # as it was
    model.eval()
    given = INPUTS if model.settings.batch_first else INPUTS.T
    logits = model(given)[0]
    torch.testing.assert_close(logits[0] if model.settings.batch_first else logits[:, 0], expected)


@pytest.mark.parametrize("name", [*CAUSAL, *WHOLE, *UNKNOWN_INITIAL_STATE])
def test_steps_match_whole_sequences(name: str) -> None:
    model = make(name).eval()
    with torch.no_grad():
        expected = by_hand(model, INPUTS)[0]
        hidden: Any = None
        found = []
        for symbol in INPUTS[0]:
            logits, hidden = model.step(symbol.reshape(1), hidden)
            found.append(logits[0])
    torch.testing.assert_close(torch.stack(found), expected)


@pytest.mark.parametrize("name", [*CAUSAL, *WHOLE])
def test_greedy_generation_matches_the_modules(name: str) -> None:
    model, written = make(name).eval(), "h"
    with torch.no_grad():
        for _ in range(9):
            logits = by_hand(model, VOCAB.encode_batch([written]))[0, -1]
            written += VOCAB.symbols[logits.argmax()]
    model.train()
    assert f"h{generate(model, 'h', 9, temperature=0)}" == written
    assert "".join(["h", *stream(model, "h", 9, temperature=0)]) == written
    assert generate(model, "h", 9, temperature=0, num=2) == [written[1:]] * 2


@pytest.mark.parametrize("name", EVERY)
def test_one_hot_vectors_match_indices_or_raise(name: str) -> None:
    model = make(name).eval()
    given = INPUTS if model.settings.batch_first else INPUTS.T
    vectors = F.one_hot(given, 5).float()
    if model.embedding is not None and name != "an embedding where there was none":
        with pytest.raises(InputTypeError, match="expected indices, because embedding has been"):
            model(vectors)
        return
    torch.testing.assert_close(model(vectors)[0], model(given)[0])


def test_global_hook_is_called() -> None:
    model, calls = network(), list[str]()
    assert model.is_unmodified
    hook = register_module_forward_hook(lambda part, *_: calls.append(type(part).__name__))
    try:
        assert not model.is_unmodified
        model.step(INPUTS[:, 0])
        assert calls == ["RNN", "Linear", "ElmanCharModel"]
    finally:
        hook.remove()
    assert model.is_unmodified


def test_user_defined_forward_may_call_step() -> None:
    class Stepping(ElmanCharModel):
        def forward(self, inputs: Tensor, hidden: Any = None) -> Any:
            logits = []
            for symbols in inputs.unbind(1):
                step, hidden = self.step(symbols, hidden)
                logits.append(2 * step)
            return torch.stack(logits, 1), hidden

    model, plain = Stepping(VOCAB, hidden_size=8, seed=1), network()
    expected = 2 * plain(INPUTS)[0]
    torch.testing.assert_close(model(INPUTS)[0], expected)
    torch.testing.assert_close(model.step(INPUTS[:, 0])[0], expected[:, 0])
    assert generate(model, "h", 40) == generate(plain, "h", 40, temperature=0.5)


class LogitsOnly(ElmanCharModel):
    """A subclass whose forward neither takes nor returns a state."""

    def forward(self, inputs: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * super().forward(inputs)[0]


class NoState(ElmanCharModel):
    """A subclass whose forward returns no state."""

    def forward(self, inputs: Tensor, hidden: Any = None) -> Tensor:  # type: ignore[override]
        return 2 * super().forward(inputs, hidden)[0]


class Stepper(ElmanCharModel):
    """A subclass with its own forward and step."""

    def forward(self, inputs: Tensor, hidden: Any = None) -> Any:
        logits, hidden = super().forward(inputs, hidden)
        return 2 * logits, hidden

    def step(self, inputs: Tensor, hidden: Any = None) -> Any:
        logits, hidden = super().step(inputs, hidden)
        return 2 * logits, hidden


def test_subclass_steps_with_its_own_forward_or_step() -> None:
    plain = network()
    for kind, message in ((LogitsOnly, "it takes no state"), (NoState, "it does not return")):
        model = kind(VOCAB, hidden_size=8, seed=1)
        assert model.predict("hihell") == plain.predict("hihell")
        with pytest.raises(OptionError, match=message):
            generate(model, "h", 5)
        assert len(fit(model, "hihello", epochs=2)) == 2
    stepper = Stepper(VOCAB, hidden_size=8, seed=1)
    torch.testing.assert_close(stepper.step(INPUTS[:, 0])[0], stepper(INPUTS)[0][:, 0])
    assert generate(stepper, "h", 40) == generate(plain, "h", 40, temperature=0.5)


@pytest.mark.usefixtures("isolated_rng")
def test_mismatched_parts_raise() -> None:
    for model, kind, message in (
        (with_part("readout", lambda: nn.Linear(6, 5)), ShapeError, "with 8 input features"),
        (with_part("rnn", lambda: nn.RNN(7, 8)), ShapeError, "an input size of 5, got RNN"),
        (with_part("rnn", lambda: nn.Linear(5, 8)), InputTypeError, "the last state, got a Ten"),
    ):
        with pytest.raises(kind, match=message):
            fit(model, "hihello", epochs=1)
    mixing = with_part("rnn", lambda: nn.RNN(5, 8))
    with pytest.raises(ShapeError, match=r"expected hidden of shape .* = \(1, 1, 8\)"):
        generate(mixing, "h", 5, num=3)


def test_modified_network_accepts_an_empty_batch() -> None:
    model = make("two directions")
    logits, hidden = model(torch.zeros(0, 3, dtype=torch.int64))
    assert (logits.shape, hidden.shape) == ((0, 3, 5), (2, 0, 8))


def test_modified_network_has_no_loss_floor() -> None:
    model = network(hidden_size=None)
    assert model.loss_floor > 0.43
    model.register_forward_hook(doubled)
    assert fit(model, "hihello", epochs=1).loss_floor == 0


@pytest.mark.usefixtures("isolated_rng")
@pytest.mark.parametrize("name", [n for n in EVERY if n not in CHANGED_ONLY])
def test_modified_network_is_saved_only_if_it_round_trips(name: str, tmp_path: Path) -> None:
    model = make(name)
    if model.has_own_parts:  # only hooked: hooks are not saved
        save(model, tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert all(map(torch.equal, loaded.parameters(), model.parameters()))
        return
    with pytest.raises(
        InputTypeError, match=r"expected (an unmodified|a model with its original)"
    ):
        save(model, tmp_path / "model")
    if name not in AHEAD:
        fit(model, "hihello", epochs=1, checkpoint=Checkpoint(tmp_path / "run", every=1))
        with pytest.raises(ModelFileError, match="modified ElmanCharModel"):
            load(tmp_path / "run")


class LoudTeam(ElmanEnsemble):
    """A user's ensemble whose logits are twice as large."""

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> Any:
        logits, hidden = super().forward(inputs, hidden)
        return 2 * logits, hidden


TEAMS: dict[str, Callable[[], ElmanEnsemble]] = {
    "own forward": lambda: team(lambda e: set_forward(e, 2)),
    "hook": lambda: team(lambda e: e.register_forward_hook(doubled)),
    "own class": lambda: team(lambda _: None, kind=LoudTeam),
    "normed weight": lambda: team(lambda e: normed(e.rnn, "weight_hh_l0")),
    "frozen weight": lambda: team(lambda e: e.rnn.weight_hh_l0.requires_grad_(False)),
    "hook on a gradient": lambda: team(
        lambda e: e.rnn.weight_hh_l0.register_hook(lambda gradient: 2 * gradient)
    ),
    "another nonlinearity": lambda: team(
        lambda e: setattr(e, "settings", network(nonlinearity="relu").settings)
    ),
}
COPIED = ("normed weight", "frozen weight", "hook on a gradient", "another nonlinearity")


def team(
    change: Callable[[Any], object], kind: type[ElmanEnsemble] = ElmanEnsemble
) -> ElmanEnsemble:
    ensemble = kind(VOCAB, [1, 2, 3], hidden_size=8)
    change(ensemble)
    return ensemble


@pytest.mark.parametrize("name", TEAMS)
def test_modified_ensemble_trains_and_generates_like_its_forward(name: str) -> None:
    ensemble, twin = TEAMS[name](), TEAMS[name]()
    logits = twin(INPUTS)[0]  # (replicas, 1, time, vocab)
    losses = torch.stack(
        [F.cross_entropy(each.flatten(0, 1), TARGETS.flatten()) for each in logits]
    )
    history = fit(ensemble, ("hihell", "ihello"), epochs=1, lr=0.1, optimizer=SGD, stepwise=False)
    torch.testing.assert_close(history.loss[0].float(), losses.detach())
    losses.sum().backward()
    SGD(twin.parameters(), lr=0.1).step()
    for got, expected in zip(ensemble.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got, expected)
    logits = ensemble(INPUTS)[0].detach()
    assert ensemble.predict("hihell") == [VOCAB.decode(x) for x in logits[:, 0].argmax(-1)]
    torch.testing.assert_close(ensemble.step(INPUTS[:, 0])[0], ensemble(INPUTS)[0][:, :, 0])
    written = ["h"] * 3
    for _ in range(9):
        for replica, text in enumerate(written):
            last = ensemble(VOCAB.encode_batch([text]))[0][replica, 0, -1]
            written[replica] += VOCAB.symbols[last.argmax()]
    texts = [text[1:] for text in written]
    assert generate(ensemble, "h", 9, temperature=0) == texts
    assert generate(ensemble, "h", 9, temperature=0, num=2) == [[text] * 2 for text in texts]


@pytest.mark.parametrize("name", TEAMS)
def test_replica_copy_computes_the_same_or_raises(name: str) -> None:
    ensemble = TEAMS[name]()
    if name not in COPIED:
        with pytest.raises(OptionError, match="cannot copy a replica of an ensemble whose forw"):
            ensemble[1]
        return
    model = ensemble[1]
    torch.testing.assert_close(model(INPUTS)[0], ensemble(INPUTS)[0][1])
    frozen = name == "frozen weight"
    assert model.rnn.get_parameter("weight_hh_l0").requires_grad is not frozen
    assert model.rnn.get_parameter("bias_hh_l0").requires_grad


@pytest.mark.usefixtures("isolated_rng")
@pytest.mark.parametrize("replicas", [3, 200])  # in both layouts
def test_ensemble_parts_without_all_replicas_raise(replicas: int) -> None:
    for part, replacement in (
        ("readout", nn.Linear(8, 5)),
        ("rnn", nn.RNN(5, 8)),
        ("rnn", nn.Module()),
        ("readout", None),
    ):
        ensemble = ElmanEnsemble(VOCAB, range(replicas), hidden_size=8)
        setattr(ensemble, part, replacement)
        for call in (
            lambda e=ensemble: e(INPUTS),
            lambda e=ensemble: e[0],
            lambda e=ensemble: fit(e, "hihello", epochs=1),
            lambda e=ensemble: generate(e, "h", 3),
        ):
            with pytest.raises(OptionError, match=rf"expected {part}\.\w+ of shape"):
                call()
    ensemble = ElmanEnsemble(VOCAB, range(replicas), hidden_size=8)
    with torch.no_grad():
        ensemble.get_submodule("readout").bias = nn.Parameter(torch.zeros(1, 5))
    with pytest.raises(OptionError, match=rf"readout.bias of shape \({replicas}, 5\)"):
        ensemble(INPUTS)


def test_changes_between_epochs_take_effect() -> None:
    """Freeze after 2 updates, replace memory after 4, hook after 6, then unfreeze and unhook."""
    hooks: list[Any] = []

    def change(model: Any, epoch: int) -> None:
        weight = model.rnn.weight_hh_l0
        if epoch in (2, 8):
            weight.requires_grad_(epoch == 8)
        if epoch == 4:
            model.readout.weight.data = model.readout.weight.detach().clone()
        if epoch == 6:
            hooks.append(model.readout.register_forward_hook(doubled))
        if epoch == 10:
            hooks.pop().remove()

    model, twin = network(), network()
    history = fit(
        model,
        ("hihell", "ihello"),
        epochs=12,
        lr=0.01,
        on_epoch=lambda row: change(model, row.epoch),
        check=False,
    )
    optimizer, losses = torch.optim.Adam(twin.parameters(), lr=0.01), []
    for epoch in range(1, 13):
        loss = loss_by_hand(twin)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        change(twin, epoch)
        if not twin.rnn.weight_hh_l0.requires_grad:
            twin.rnn.weight_hh_l0.grad = None
        optimizer.step()
    assert history.loss == pytest.approx(losses, rel=1e-4)
    assert hooks == []


@pytest.mark.parametrize("options", [{}, {"embedding_size": 3}, {"hidden_size": None}])
def test_network_works_under_autocast(options: dict[str, Any]) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model = network(**options)
        assert len(fit(model, "hihello", epochs=2)) == 2
        assert len(generate(model, "h", 3)) == 3


def test_evaluate_uses_the_modified_network() -> None:
    task = get_task("first_symbol")
    plain, loud = (ElmanCharModel(task.vocab, hidden_size=8) for _ in range(2))
    assert loud.readout is not None
    set_forward(loud.readout, 2)
    with torch.no_grad():
        assert plain.readout is not None
        for weight in plain.readout.parameters():
            weight.mul_(2)
    one, other = (evaluate(model, task, count=64).seen for model in (plain, loud))
    assert one.loss == pytest.approx(float(other.loss), rel=1e-6)


def test_mean_states_of_a_modified_network() -> None:
    means = mean_hidden_by_symbol(make("a GRU"), Batch(INPUTS, TARGETS))
    assert means["h"].shape == (8,)
    with pytest.raises(OptionError, match="cannot make the initial state of rnn"):
        mean_hidden_by_symbol(make("an LSTM"), Batch(INPUTS, TARGETS))


def test_copies_of_unmodified_networks_are_unmodified() -> None:
    for made in (network(), ElmanEnsemble(VOCAB, [1, 2])):
        assert copy.deepcopy(made).is_unmodified
        assert made.double().is_unmodified
        assert made.eval().is_unmodified
        made.get_parameter("rnn.bias_hh_l0").data = made.get_parameter("rnn.bias_hh_l0").float()
        assert not made.is_unmodified  # now with two dtypes
