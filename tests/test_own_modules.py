"""Modules of a user's own: what they return, and reading them by steps or by prefixes."""

from __future__ import annotations

import warnings
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    stream,
    sweep,
    trace,
)
from seqtoys.errors import DataError, InputTypeError, OptionError, ShapeError, UnknownSymbolError
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol
from seqtoys.plotting import plot_hidden, plot_probabilities, plot_trajectory
from seqtoys.tasks.given_data import to_batch

VOCAB = Vocab("hielo")
Output = namedtuple("Output", "loss logits state")
WRAPPERS: dict[str, Any] = {
    "tuple": lambda logits, state: (logits, state),
    "dict": lambda logits, state: {"logits": logits, "cache": None},
    "object": lambda logits, state: SimpleNamespace(logits=logits),
    "named tuple": lambda logits, state: Output(None, logits, state),
}


class OwnGRU(nn.Module):
    """A GRU that returns its logits in different ways."""

    def __init__(
        self, kind: str | None = None, *, ahead: bool = False, seed: int = 0, lstm: bool = False
    ) -> None:
        super().__init__()
        self.kind = kind
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(5, 6)
            cell = nn.LSTM if lstm else nn.GRU
            self.rnn = cell(6, 7, batch_first=True, bidirectional=ahead)
            self.readout = nn.Linear(14 if ahead else 7, 5)

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        states, state = self.rnn(self.embedding(inputs), state)
        logits = self.readout(states)
        return logits if self.kind is None else WRAPPERS[self.kind](logits, state)


class Stepping(OwnGRU):
    """The same with `step`."""

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(1, batch_size, 7)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        states, hidden = self.rnn(self.embedding(inputs.unsqueeze(1)), hidden)
        return self.readout(states)[:, 0], hidden


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", WRAPPERS)
def test_wrapped_logits_are_used_like_bare_ones(kind: str) -> None:
    bare, wrapped = OwnGRU(), OwnGRU(kind)
    history, same = (fit(model, "hihello", epochs=5, vocab=VOCAB) for model in (bare, wrapped))
    assert same.loss == history.loss
    batch = to_batch(["hill", "hello"], VOCAB)
    assert torch.equal(loss_by_position(wrapped, batch).nan_to_num(),
                       loss_by_position(bare, batch).nan_to_num())  # fmt: skip
    task = get_task("hihello")
    assert evaluate(wrapped, task, count=9) == evaluate(bare, task, count=9)
    assert evaluate(wrapped, "hello", vocab=VOCAB) == evaluate(bare, "hello", vocab=VOCAB)
    text = generate(bare, "h", 9, vocab=VOCAB)
    assert generate(wrapped, "h", 9, vocab=VOCAB) == text
    assert "".join(stream(wrapped, "h", 9, vocab=VOCAB)) == text
    found, expected = (trace(model, "hihell", vocab=VOCAB) for model in (wrapped, bare))
    assert (found.probabilities == expected.probabilities).all()


@pytest.mark.parametrize("kind", WRAPPERS)
def test_first_batch_check_and_sweeps_read_wrapped_logits(kind: str) -> None:
    with pytest.warns(UserWarning, match="OwnGRU looks ahead"):
        fit(OwnGRU(kind, ahead=True), "hihello", epochs=1, vocab=VOCAB)
    result = sweep(
        lambda vocab, seed: OwnGRU(kind, seed=seed), get_task("hihello"),
        grid={"lr": [0.01]}, seeds=[3], epochs=1, count=4,
    )  # fmt: skip
    assert result.rows[0].loss == pytest.approx(
        evaluate(trained(OwnGRU(seed=3)), get_task("hihello"), count=4).seen.loss
    )


def trained(model: nn.Module) -> nn.Module:
    fit(model, get_task("hihello"), epochs=1, lr=0.01)
    return model


def test_reading_prefixes_gives_the_same_text_as_steps() -> None:
    by_prefix, by_step = OwnGRU(), Stepping()
    for options in ({}, {"num": 3}, {"temperature": 0, "stop": "o"}, {"top_k": 2}):
        shared: Any = {"vocab": VOCAB, **options}
        texts = [generate(model, "hi", 12, generator=seeded(4), **shared)
                 for model in (by_prefix, by_step)]  # fmt: skip
        assert texts[0] == texts[1]
    found, expected = (trace(model, "hihell", vocab=VOCAB) for model in (by_prefix, by_step))
    assert found.hidden.shape == (6, 0)  # returned by step only
    assert abs(found.probabilities - expected.probabilities).max() < 1e-6


@pytest.mark.parametrize("model", [OwnGRU("tuple"), Stepping(), OwnGRU("tuple", lstm=True)])
def test_trace_records_the_states_of_pytorch(model: OwnGRU) -> None:
    found = trace(model.train(), "hihell", vocab=VOCAB)
    inputs = VOCAB.encode("hihell").unsqueeze(0)
    states = model.rnn(model.embedding(inputs))[0][0].detach()  # (time, hidden)
    assert model.training
    torch.testing.assert_close(torch.from_numpy(found.hidden), states)
    probabilities = model.readout(states).softmax(-1)
    torch.testing.assert_close(torch.from_numpy(found.probabilities), probabilities.detach())
    assert "".join(found.predictions) == VOCAB.decode(probabilities.argmax(-1))
    assert plot_hidden(found).get_ylabel() == "unit"
    assert plot_trajectory([found, found]).get_xlabel()


def test_mean_states_of_a_module_without_steps_match_pytorch() -> None:
    model = OwnGRU("tuple")
    batch = to_batch(["hello", "oil"], VOCAB)
    means = mean_hidden_by_symbol(model, batch, VOCAB)
    states = [model.rnn(model.embedding(VOCAB.encode(text).unsqueeze(0)))[0][0].detach()
              for text in ("hell", "oi")]  # fmt: skip
    torch.testing.assert_close(means["l"].float(), states[0][2:].mean(0))
    torch.testing.assert_close(means["i"].float(), states[1][1])


def test_trace_of_the_library_models_is_their_own() -> None:
    model, ensemble = ElmanCharModel(VOCAB, seed=2), ElmanEnsemble(VOCAB, [1, 2])
    assert (trace(model, "hill").hidden == model.trace("hill").hidden).all()
    alone = trace(ensemble, "hill")[1]
    torch.testing.assert_close(
        torch.from_numpy(alone.hidden), torch.from_numpy(model.trace("hill").hidden)
    )


def test_trace_without_states_has_no_column_and_no_figure_for_them() -> None:
    found = trace(nn.Embedding.from_pretrained(torch.eye(5)), "hi" * 30, vocab=VOCAB)
    lines = str(found).splitlines()
    assert lines[0].split() == ["step", "symbol", "predicted", "probability"]
    assert lines[-1].endswith("and 20 more steps")
    assert "hidden" not in found._repr_html_().partition("<table>")[2]
    assert plot_probabilities(found).get_ylabel() == "next symbol"
    for plot in (plot_hidden, plot_trajectory):
        with pytest.raises(DataError, match="cannot plot the hidden states of a model that"):
            plot(found)
    assert len(trace(OwnGRU(), "", vocab=VOCAB)) == 0


class OnlySteps(nn.Module):
    """A model that reads one symbol at a time and has no `forward`."""

    vocab = VOCAB

    def __init__(self) -> None:
        super().__init__()
        self.inner = Stepping()

    def initial_hidden(self, batch_size: int) -> Tensor:
        return self.inner.initial_hidden(batch_size)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.inner.step(inputs, hidden)


def test_models_with_steps_alone_are_trained_and_measured() -> None:
    model, same = OnlySteps(), Stepping()
    losses = [fit(each, "hihello", epochs=3, vocab=VOCAB).loss for each in (model, same)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert evaluate(model, "hello").loss == pytest.approx(
        evaluate(same, "hello", vocab=VOCAB).loss, rel=1e-5
    )
    whole, in_chunks = evaluate(model, "hihello"), evaluate(model, "hihello", chunk=2)
    assert in_chunks.loss == pytest.approx(whole.loss, rel=1e-5)
    assert len(fit(model, "hihello", chunk=2, epochs=2)) == 2


def test_a_torchscript_module_is_measured() -> None:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", DeprecationWarning)
        layers = nn.Sequential(nn.Embedding(5, 5))
        script: nn.Module = torch.jit.script(layers)
    expected = evaluate(layers, "hihello", vocab=VOCAB).loss
    assert evaluate(script, "hihello", vocab=VOCAB).loss == expected


class Whole(nn.Module):
    """Returns integers."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.zeros(*inputs.shape, 5, dtype=torch.int64)


class Unwieldy(nn.Module):
    """Attention weights beside the logits are not a state."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        batch, time = inputs.shape
        return torch.zeros(batch, time, 5), torch.zeros(batch, time, time)


def test_other_outputs_are_not_taken_for_states() -> None:
    assert trace(Unwieldy(), "hihell", vocab=VOCAB).hidden.shape == (6, 0)


class Pair(nn.Module):
    """An ensemble of two modules that can't be indexed."""

    seeds: tuple[int, ...] = (0, 1)
    vocab = VOCAB

    def __init__(self) -> None:
        super().__init__()
        self.replicas = nn.ModuleList([OwnGRU(seed=0), OwnGRU(seed=1)])

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([replica(inputs) for replica in self.replicas])


def test_an_ensemble_without_indexing_generates_by_prefixes() -> None:
    team = Pair()
    assert generate(team, "h", 8, temperature=0) == [
        generate(replica, "h", 8, temperature=0, vocab=VOCAB) for replica in team.replicas
    ]
    first, second = evaluate(team, "hihello")
    assert first.loss == pytest.approx(evaluate(team.replicas[0], "hihello", vocab=VOCAB).loss)
    assert first.loss != second.loss
    with pytest.raises(InputTypeError, match="expected an ensemble that can be indexed"):
        trace(team, "hi")


class Forgetful(nn.Module):
    """Returns a state that it does not accept."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = OwnGRU("tuple")

    def forward(self, inputs: Tensor) -> Any:
        return self.inner(inputs)


class Faulty(OwnGRU):
    """Raises an error of its own when it resumes."""

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        if state is not None:
            raise TypeError("a mistake in the model")
        return super().forward(inputs)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: trace(Whole(), "hi", vocab=VOCAB), InputTypeError,
         "expected the model to return logits as a tensor of floats, got a tensor of torch.int64"),
        (lambda: trace(OwnGRU(), "hi"), OptionError, "because OwnGRU has none; pass vocab="),
        (lambda: trace(OwnGRU(), "hx", vocab=VOCAB), UnknownSymbolError, "'x' at position 1"),
        (lambda: trace(OwnGRU(), "hi", vocab=Vocab("hi")), ShapeError,
         r"expected logits of shape \(1, 2\) for each symbol, got \(1, 5\)"),
        (lambda: trace(5, "hi", vocab=VOCAB),  # type: ignore[call-overload]
         InputTypeError,
         "expected a torch.nn.Module, or a model with step and initial_hidden, got 5"),
        (lambda: generate(ElmanCharModel(VOCAB), "h", 3, vocab=Vocab("ho")), OptionError,
         "vocab=… cannot differ from the vocabulary of the model"),
        (lambda: fit(OwnGRU("dict"), "hihello", chunk=3, vocab=VOCAB, epochs=1), OptionError,
         "which returns no state; omit chunk"),
        (lambda: fit(Forgetful(), "hihello", chunk=3, vocab=VOCAB, epochs=1), OptionError,
         "got Forgetful, whose forward accepts no state; omit chunk"),
        (lambda: fit(Faulty("tuple"), "hihello", chunk=3, vocab=VOCAB, epochs=1), TypeError,
         "a mistake in the model"),
    ],
)  # fmt: skip
def test_errors_name_expected_and_actual_values(call: Any, error: Any, message: str) -> None:
    with warnings.catch_warnings(), pytest.raises(error, match=message):
        call()


class Cached(OwnGRU):
    """Returns a cache that is no tensor as its state."""

    def forward(self, inputs: Tensor, state: Any = None) -> Any:
        return super().forward(inputs), {"cache": 1}


def test_chunks_need_a_state_of_tensors() -> None:
    message = "which returns a dict of 1 as its state; omit chunk"
    with pytest.raises(OptionError, match=message):
        fit(Cached(), "hihello", chunk=3, vocab=VOCAB, epochs=1)
    history = fit(OwnGRU("tuple", lstm=True), "hihello", chunk=3, vocab=VOCAB, epochs=2)
    assert len(history) == 2
