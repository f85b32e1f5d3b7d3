"""keep="best": the weights of the epoch with the lowest held-out loss."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqtoys import Checkpoint, ElmanCharModel, ElmanEnsemble, Vocab, fit, get_task, load
from seqtoys.errors import ModelFileError, OptionError
from seqtoys.results import EnsembleHistory, Row
from tests.test_hostile_files import parts_of, signed

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]
LONG_TEXT = "hihello" * 5 + "eelohi" * 4
PARITY = get_task("parity")
State = dict[str, Any]


class Counting(nn.Module):
    """A model with a buffer that changes in training, and with other extra state."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embedding, self.norm = nn.Embedding(5, 8), nn.BatchNorm1d(8)
            self.readout = nn.Linear(8, 5)
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += self.training
        vectors = self.norm(self.embedding(inputs).transpose(1, 2)).transpose(1, 2)
        logits: Tensor = self.readout(vectors)
        return logits

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": self.calls}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.calls = state["calls"]


def ensemble() -> ElmanEnsemble:
    return ElmanEnsemble(VOCAB, range(6), hidden_size=6)


CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "texts": (lambda: ElmanCharModel(VOCAB, hidden_size=6), TEXTS, {"lr": 0.2}),
    "autograd": (lambda: ElmanCharModel(VOCAB, num_layers=2), TEXTS, {"lr": 0.2}),
    "minibatches": (lambda: ElmanCharModel(VOCAB), TEXTS, {"lr": 0.3, "batch_size": 2}),
    "a long text": (lambda: ElmanCharModel(VOCAB), LONG_TEXT, {"lr": 0.3, "chunk": 4}),
    "a task": (
        lambda: ElmanCharModel(PARITY.vocab, hidden_size=6), PARITY, {"lr": 0.5, "batch_size": 4},
    ),
    "a model of one's own": (
        Counting, TEXTS, {"lr": 0.5, "vocab": VOCAB, "check": False, "batch_size": 3},
    ),
    "seeds": (ensemble, TEXTS, {"lr": 0.2}),
    "seeds out of patience": (ensemble, TEXTS, {"lr": 0.3, "patience": 2, "batch_size": 3}),
    "seeds, some solved": (ensemble, TEXTS, {"lr": 0.05, "until": 0.4}),
}  # fmt: skip


def by_hand(name: str) -> tuple[Any, list[State], Any]:
    """Train with the last weights; return the model, its state at each epoch and its history."""
    make, data, options = CASES[name]
    model, states = make(), list[State]()

    def record(row: Row) -> None:
        states.append(copy.deepcopy(model.state_dict()))

    history = fit(model, data, epochs=12, validation=0.4, keep="last", on_epoch=record, **options)
    return model, states, history


def assert_equal(one: State, other: State) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        same = torch.equal(value, other[key]) if isinstance(value, Tensor) else value == other[key]
        assert same, key


@pytest.mark.parametrize("name", CASES)
def test_the_model_has_the_weights_of_the_best_epoch(name: str) -> None:
    last, states, expected = by_hand(name)
    make, data, options = CASES[name]
    model = make()
    history = fit(model, data, epochs=12, validation=0.4, **options)
    assert torch.equal(torch.as_tensor(history.loss), torch.as_tensor(expected.loss))
    assert (history.settings["keep"], expected.settings["keep"]) == ("best", "last")
    if not isinstance(history, EnsembleHistory):
        losses = history.validation_loss
        assert history.best_epoch == losses.index(min(losses)) + 1 < len(losses)
        assert_equal(model.state_dict(), states[history.best_epoch - 1])
        return
    goals = 0
    assert history.best_epoch is not None
    for at, best in enumerate(history.best_epoch.tolist()):
        losses = history[at].validation_loss
        assert best == history[at].best_epoch == losses.index(min(losses)) + 1
        goals += history.stopped[at] == "excess"
        kept = last.state_dict() if history.stopped[at] == "excess" else states[best - 1]
        found = {key: value[at] for key, value in model.state_dict().items()}
        assert_equal(found, {key: value[at] for key, value in kept.items()})
    assert 0 < goals < 6 if "until" in options else not goals


def test_nothing_held_out_keeps_the_last_weights() -> None:
    one, other = (ElmanCharModel(VOCAB) for _ in range(2))
    history = fit(one, TEXTS, epochs=9, lr=2.0)
    fit(other, TEXTS, epochs=9, lr=2.0, keep="last")
    assert history.best_epoch is None
    assert history.settings["keep"] == "last"
    assert_equal(one.state_dict(), other.state_dict())
    assert fit(ensemble(), TEXTS, epochs=2).best_epoch is None


def test_the_goal_keeps_the_weights_that_reached_it() -> None:
    texts, states = ["hello", "hill", "hole", "lo", "eel"], list[State]()
    model = ElmanCharModel(VOCAB, hidden_size=20)
    history = fit(
        model, texts, epochs=300, lr=0.05, validation=0.3, until=0.1,
        on_epoch=lambda row: states.append(copy.deepcopy(model.state_dict())),
    )  # fmt: skip
    assert history.stopped == "excess"
    assert history.best_epoch is not None
    assert history.best_epoch < len(history)
    assert_equal(model.state_dict(), states[-1])
    assert f"<- the model at epoch {len(history)}" in str(history)


def test_weights_that_a_callback_changes_are_not_those_measured() -> None:
    def spoil(row: Row) -> None:
        for weight in model.parameters():
            weight.data.zero_()

    model, oracle = (ElmanCharModel(VOCAB, hidden_size=6) for _ in range(2))
    fit(model, TEXTS, epochs=1, validation=0.4, on_epoch=spoil)
    assert_equal(model.state_dict(), oracle.state_dict())


def test_weights_of_parts_that_a_callback_replaced_are_not_put_back() -> None:
    def replace(row: Row) -> None:
        if row.epoch == 4:
            model.readout = nn.Linear(6, 5, bias=False)
            nn.init.ones_(model.readout.weight)

    with torch.random.fork_rng(devices=[]):
        model = ElmanCharModel(VOCAB, hidden_size=6)
        history = fit(model, TEXTS, epochs=4, lr=0.01, validation=0.4, on_epoch=replace)
        assert isinstance(model.readout, nn.Linear)
        assert model.readout.bias is None  # replaced after the last epoch: nothing fits
        model = ElmanCharModel(VOCAB, hidden_size=6)
        history = fit(model, TEXTS, epochs=6, lr=1e-9, validation=0.4, on_epoch=replace)
    assert history.best_epoch == 5  # with logits of ones: a uniform guess
    assert model.readout is not None
    assert model.readout.weight.detach() == pytest.approx(1.0)


def test_a_loss_that_is_not_finite_is_never_the_best() -> None:
    """The held-out symbol is never trained on, so its loss alone overflows."""

    class Overflowing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.zeros(5))

        def forward(self, inputs: Tensor) -> Tensor:
            logits = self.logits.expand(*inputs.shape, 5)
            return logits if self.training else logits * torch.nan

    history = fit(Overflowing(), TEXTS, epochs=3, validation=0.3, vocab=VOCAB, check=False)
    assert history.best_epoch is None
    assert "best" not in str(history).split("nats")[0]


def test_diverged_seeds_keep_their_last_weights() -> None:
    made = ElmanEnsemble(VOCAB, range(3), nonlinearity="relu", hidden_size=6)
    with torch.no_grad():
        made.rnn.weight_hh_l0[1].fill_(1e30)  # type: ignore[union-attr,index]
    history = fit(made, TEXTS, epochs=3, validation=0.3)
    assert history.stopped == ["epochs", "diverged", "epochs"]
    assert history.best_epoch is not None
    assert history.best_epoch.tolist()[1] == 0
    assert history[1].best_epoch is None
    assert made.rnn.weight_hh_l0[1].max() == 1e30  # type: ignore[union-attr,index]


def test_an_error_leaves_the_last_weights_and_a_file_with_the_best(tmp_path: Path) -> None:
    states: list[State] = []

    def stop(row: Row) -> None:
        states.append(copy.deepcopy(model.state_dict()))
        if row.epoch == 9:
            raise ZeroDivisionError

    model, path = ElmanCharModel(VOCAB, hidden_size=6), tmp_path / "run"
    with pytest.raises(ZeroDivisionError) as caught:
        fit(
            model,
            TEXTS,
            lr=0.2,
            validation=0.4,
            on_epoch=stop,
            checkpoint=Checkpoint(path, every=1),
        )
    best = vars(caught.value)["history"].best_epoch
    assert 0 < best < 9
    assert_equal(load(path).state_dict(), states[best - 1])
    assert not torch.equal(model.rnn.weight_hh_l0, load(path).rnn.weight_hh_l0)  # type: ignore[arg-type]


def test_more_epochs_go_on_from_the_last_weights(tmp_path: Path) -> None:
    make, data, options = CASES["minibatches"]
    given = {**options, "validation": 0.4, "checkpoint": Checkpoint(tmp_path / "run", every=1)}
    whole, once, again = make(), make(), make()
    expected = fit(whole, data, epochs=14, **{**given, "checkpoint": None})
    fit(once, data, epochs=7, **given)
    assert_equal(load(tmp_path / "run").state_dict(), once.state_dict())
    resumed = fit(again, data, epochs=14, resume=tmp_path / "run", **given)
    assert resumed.validation_loss == expected.validation_loss
    assert_equal(again.state_dict(), whole.state_dict())


def test_a_file_whose_current_weights_do_not_fit_is_rejected(tmp_path: Path) -> None:
    make, data, options = CASES["texts"]
    path = tmp_path / "run"
    given = {**options, "validation": 0.4, "epochs": 3}
    fit(make(), data, checkpoint=Checkpoint(path, every=1), **given)
    facts, tensors = parts_of(path.read_bytes())
    del facts["training"]["current"]["readout.bias"]
    path.write_bytes(signed(facts, tensors))
    model, before = make(), make().state_dict()
    with pytest.raises(ModelFileError, match=r"current weights: readout\.bias is missing"):
        fit(model, data, resume=path, **{**given, "epochs": 5})
    assert_equal(model.state_dict(), before)


@pytest.mark.parametrize("keep", ["first", "", 1, True, ["best"]])
def test_other_values_of_keep_are_refused(keep: Any) -> None:
    with pytest.raises(OptionError, match=r"^expected keep to be 'best', 'last' or None, got "):
        fit(ElmanCharModel(VOCAB), TEXTS, keep=keep)


def test_best_needs_held_out_data(assert_error: Any) -> None:
    assert_error(
        lambda: fit(ElmanCharModel(VOCAB), TEXTS, keep="best"),
        OptionError,
        "keep='best' needs held-out data to choose the best epoch; pass validation=0.2, or omit "
        "keep",
    )
