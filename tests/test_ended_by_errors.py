"""An exception during training keeps the history, the weights and the checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from seqtoys import (
    Batch,
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    fit,
    load,
    load_history,
)
from seqtoys.errors import ModelFileError, NonFiniteLossError, OptionError

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]


class Broken(Exception):
    """The error that an alarm raises."""


class Alarm:
    """Raise an error at the `at`-th call, or never if `at` is 0."""

    def __init__(self, at: int, error: type[Exception] = Broken) -> None:
        self.at, self.error, self.calls = at, error, 0

    def __call__(self, *_: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            raise self.error("at last")


class Fragile(nn.Module):
    """A user's model that fails at some call."""

    def __init__(self, alarm: Callable[[], Any]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.inner = nn.Sequential(nn.Embedding(5, 8), nn.Linear(8, 5)).double()
        self.alarm = alarm

    def forward(self, inputs: Tensor) -> Tensor:
        self.alarm()
        logits: Tensor = self.inner(inputs)
        return logits


class FragileTask(Text):
    """A user's task that fails to draw some batch."""

    def __init__(self, alarm: Callable[[], Any]) -> None:
        super().__init__(TEXTS, vocab=VOCAB)
        self.alarm = alarm

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        if batch_size == 4:
            self.alarm()
        return super().draw(batch_size, length, generator)


class FragileOptimizer(SGD):
    """A user's optimizer that fails at some step."""

    alarm: Callable[[], Any]

    def step(self, closure: Any = None) -> Any:
        self.alarm()
        return super().step(closure)


def fragile(alarm: Callable[[], Any], parameters: Any, lr: float) -> FragileOptimizer:
    made = FragileOptimizer(parameters, lr=lr)
    made.alarm = alarm
    return made


def elman(**options: Any) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, hidden_size=6, **options).double()


def ensemble() -> ElmanEnsemble:
    return ElmanEnsemble(VOCAB, [1, 2], hidden_size=4).double()


OWN: dict[str, Any] = {"vocab": VOCAB, "check": False}  # the model check would call forward, too
Parts = tuple[Any, Any, dict[str, Any]]
CASES: dict[str, tuple[Callable[[Alarm], Parts], int, type[Exception], int]] = {
    # what is trained, the call at which the alarm raises, the error, completed epochs
    "on_epoch": (lambda alarm: (elman(), TEXTS, {"on_epoch": alarm}), 4, Broken, 4),
    "on_epoch, of many": (lambda alarm: (ensemble(), TEXTS, {"on_epoch": alarm}), 4, Broken, 4),
    "a model": (lambda alarm: (Fragile(alarm), TEXTS, {**OWN}), 4, Broken, 3),
    "minibatches": (
        lambda alarm: (Fragile(alarm), TEXTS, {**OWN, "batch_size": 2}), 8, Broken, 2,
    ),
    "held-out data": (
        lambda alarm: (Fragile(alarm), TEXTS, {**OWN, "validation": 0.3}), 6, Broken, 2,
    ),
    "a task": (lambda alarm: (elman(), FragileTask(alarm), {"batch_size": 4}), 5, Broken, 4),
    "an optimizer": (
        lambda alarm: (elman(), TEXTS, {"optimizer": partial(fragile, alarm)}), 3, OptionError, 3,
    ),
    "a scheduler": (
        lambda alarm: (elman(), TEXTS, {"scheduler": partial(LambdaLR, lr_lambda=lambda epoch: (
            1.0 if epoch < 4 else alarm()))}), 1, OptionError, 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("error", [Broken, ZeroDivisionError])
@pytest.mark.parametrize("name", CASES)
def test_exception_carries_the_history_so_far(name: str, error: type[Exception]) -> None:
    parts, at, kind, epochs = CASES[name]
    whole = fit_parts(parts(Alarm(0)), epochs=6)[1] if "scheduler" not in name else None
    model, data, options = parts(Alarm(at, error))
    model.eval()
    with pytest.raises(error if kind is Broken else kind) as caught:
        fit(model, data, epochs=6, **options)
    history = caught.value.history  # type: ignore[attr-defined]
    assert kind is Broken or isinstance(caught.value.__cause__, error)
    assert len(history.lr) == epochs
    if whole is not None:
        torch.testing.assert_close(
            torch.as_tensor(history.loss), torch.as_tensor(whole.loss[:epochs]), rtol=0, atol=0
        )
        ours, theirs = (each[0] if name.endswith("many") else each for each in (history, whole))
        assert ours.predictions == theirs.predictions[:epochs]
    assert history.stopped == ("error" if name != "on_epoch, of many" else ["error"] * 2)
    assert history.seconds > 0
    assert type(history).from_json(history.to_json()) == history
    assert caught.value.__notes__ == [
        f"The history of {epochs} epochs is in the attribute history of this error"
    ]
    assert not model.training
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def fit_parts(parts: Parts, **more: Any) -> tuple[Any, Any]:
    model, data, options = parts
    return model, fit(model, data, **options, **more)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"a scheduler", "an optimizer"}))
def test_checkpoint_after_an_error_can_be_resumed(name: str, tmp_path: Path) -> None:
    parts, at, _, epochs = CASES[name]
    options = {"epochs": 6, "checkpoint": Checkpoint(tmp_path / "run", every=2)}
    whole, expected = fit_parts(parts(Alarm(0)), epochs=6)
    with pytest.raises(Broken):
        fit_parts(parts(Alarm(at)), **options)
    between_epochs = name.startswith("on_epoch")
    kept = load_history(tmp_path / "run")
    assert len(kept.lr) == (epochs if between_epochs else epochs - epochs % 2)
    again, history = fit_parts(parts(Alarm(0)), **options, resume=tmp_path / "run")
    assert torch.equal(torch.as_tensor(history.loss), torch.as_tensor(expected.loss))
    for one, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


def test_checkpoint_after_a_scheduler_error_has_all_epochs(tmp_path: Path) -> None:
    rates = [1.0, 0.5, 0.25, 0.125]
    model = elman()
    with pytest.raises(OptionError, match="failed with IndexError") as caught:
        fit(
            model,
            TEXTS,
            epochs=9,
            scheduler=partial(LambdaLR, lr_lambda=lambda epoch: rates[epoch]),
            checkpoint=Checkpoint(tmp_path / "run", every=100),
        )
    assert caught.value.history == load_history(tmp_path / "run")
    assert caught.value.history.lr == [0.01 * rate for rate in rates]
    kept = load(tmp_path / "run").state_dict()
    assert all(torch.equal(weight, kept[name]) for name, weight in model.state_dict().items())


def test_non_finite_loss_keeps_the_weights_that_caused_it(tmp_path: Path) -> None:
    model = ElmanCharModel(VOCAB, nonlinearity="relu", hidden_size=8)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(
            model,
            "hihello",
            lr=1e30,
            optimizer=SGD,
            checkpoint=Checkpoint(tmp_path / "run", every=1),
        )
    history = caught.value.history
    assert (len(history), history.stopped) == (1, "error")
    indices = VOCAB.encode("hihello")
    logits, _ = model(indices[None, :-1])
    assert not nn.functional.cross_entropy(logits[0], indices[1:]).isfinite()
    assert load_history(tmp_path / "run").loss == history.loss


def test_error_before_the_first_epoch_has_no_note() -> None:
    with pytest.raises(Broken) as caught:
        fit(Fragile(Alarm(1)), TEXTS, **OWN)
    assert len(caught.value.history) == 0  # type: ignore[attr-defined]
    assert not hasattr(caught.value, "__notes__")


def test_failed_checkpoint_does_not_hide_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ModelFileError("the disk is full")

    def on_epoch(row: Any) -> None:
        monkeypatch.setattr("seqtoys.training.loop.save_training", fail)
        raise Broken

    with pytest.raises(Broken) as caught:
        fit(elman(), TEXTS, on_epoch=on_epoch, checkpoint=Checkpoint(tmp_path / "run", every=9))
    assert caught.value.__notes__ == [
        "The history of 1 epoch is in the attribute history of this error",
        "The training could not be saved: the disk is full",
    ]


class Closed(Exception):
    """An exception whose class defines `history` itself."""

    @property
    def history(self) -> str:
        """Something else."""
        return "mine"


def test_exception_with_its_own_history_keeps_it() -> None:
    with pytest.raises(Closed) as caught:
        fit(elman(), TEXTS, on_epoch=Alarm(2, Closed))
    assert caught.value.history == "mine"
    assert len(vars(caught.value)["history"]) == 2
