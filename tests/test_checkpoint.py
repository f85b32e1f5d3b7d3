"""Checkpoints: when they are written, how training resumes from them, what is rejected."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim

from seqtoys import (
    Checkpoint,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    fit,
    load,
    load_history,
    save,
)
from seqtoys.errors import InputTypeError, ModelFileError, OptionError
from seqtoys.results import Row
from seqtoys.support.rng_state import GlobalRngState

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def elman(**options: Any) -> Callable[[], ElmanCharModel]:
    return lambda: ElmanCharModel(VOCAB, **{"hidden_size": 6, "seed": 3, **options})


def one_weight_frozen() -> ElmanCharModel:
    model = elman()()
    model.rnn.bias_ih_l0.requires_grad_(False)
    return model


class UserModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5, _weight=torch.eye(5))

    def forward(self, inputs: torch.Tensor) -> Any:
        return self.table(inputs)


def epochs_in(path: Path) -> int:
    return len(load_history(path).lr) if path.exists() else 0


def test_finished_training_resumes_only_for_more_epochs(tmp_path: Path) -> None:
    path = tmp_path / "run"
    reported: list[int] = []
    options: dict[str, Any] = {"checkpoint": Checkpoint(path, every=9), "lr": 0.05}
    options["on_epoch"] = lambda row: reported.append(row.epoch)
    for epochs in (3, 5, 5):
        resume = path if path.exists() else None
        history = fit(elman()(), "hihello", epochs=epochs, resume=resume, **options)
        assert (len(history), history.stopped) == (epochs, "epochs")
    assert reported == [1, 2, 3, 4, 5]
    whole = fit(elman()(), "hihello", epochs=5, lr=0.05)
    assert (history.loss, history.predictions) == (whole.loss, whole.predictions)

    solved = fit(elman()(), "hihello", epochs=99, until="solved", **options)
    again = fit(elman()(), "hihello", epochs=999, until="solved", resume=path, lr=0.05)
    assert solved.stopped == again.stopped == "solved"
    assert again.settings["epochs"] == 999
    assert again.loss == solved.loss
    assert again.predictions == solved.predictions


def test_checkpoint_is_written_at_start_and_every_n_epochs(tmp_path: Path) -> None:
    path, seen = tmp_path / "run", []
    fit(
        elman()(),
        "hihello",
        epochs=7,
        checkpoint=Checkpoint(path, every=3),
        on_epoch=lambda _: seen.append(epochs_in(path)),
    )
    assert seen == [0, 0, 0, 3, 3, 3, 6]
    assert epochs_in(path) == 7


def test_checkpoint_is_a_model_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    for make in (elman(), lambda: ElmanEnsemble(VOCAB, range(3))):
        model = make()
        history = fit(model, "hihello", epochs=4, checkpoint=Checkpoint(str(path), every=1))
        loaded = load(path)
        assert type(loaded) is type(model)
        assert all(map(torch.equal, loaded.parameters(), model.parameters()))
        assert load_history(path) == history
        save(loaded, tmp_path / "model")
        assert (tmp_path / "model").stat().st_size < path.stat().st_size


def test_progress_bar_resumes_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    path = tmp_path / "run"
    fit(elman()(), "hihello", epochs=3, checkpoint=Checkpoint(path, every=1))
    fit(elman()(), "hihello", epochs=8, resume=path, progress=True)
    shown = capsys.readouterr().err
    assert "3/8" in shown
    assert "8/8" in shown


def test_gpu_generator_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"cuda:1": torch.zeros(2)}
    monkeypatch.setattr("torch.cuda.get_rng_state", lambda device: states[str(device)].clone())
    monkeypatch.setattr(
        "torch.cuda.set_rng_state", lambda state, device: states.update({str(device): state})
    )
    for drawn in (0, 1):
        with GlobalRngState(torch.device("cuda:1")) as rng:
            rng.restore([torch.get_rng_state(), torch.full((2,), 5)])
            states["cuda:1"] = states["cuda:1"] + drawn
        assert states["cuda:1"].tolist() == ([6, 6] if drawn else [0, 0])


DIFFERENCES: dict[str, tuple[Callable[[], Any], Any, dict[str, Any], str]] = {
    "lr": (elman(), TEXTS, {"lr": 0.5}, "lr was 0.01 and is 0.5"),
    "options": (
        elman(),
        TEXTS,
        {"batch_size": 3, "optimizer": partial(optim.SGD, momentum=0.5), "seed": 1},
        "data was 4 sequences (DIGEST) and is 4 sequences (DIGEST); "
        "held-out data was 2 sequences (DIGEST) and is 2 sequences (DIGEST); "
        "batch_size was 2 and is 3; optimizer was Adam and is SGD(momentum=0.5); "
        "seed was 0 and is 1",
    ),
    "validation": (
        elman(),
        TEXTS,
        {"validation": None},
        "data was 4 sequences (DIGEST) and is 6 sequences (DIGEST); "
        "held-out data was 2 sequences (DIGEST) and is None; validation was 0.3 and is None; "
        "keep was best and is last",
    ),
    "data": (
        elman(),
        [*TEXTS[:5], "eeh"],
        {},
        "data was 4 sequences (DIGEST) and is 4 sequences (DIGEST)",
    ),
    "held-out data": (
        elman(),
        [*TEXTS[:4], "lole", "eel"],
        {},
        "held-out data was 2 sequences (DIGEST) and is 2 sequences (DIGEST)",
    ),
    "a task": (
        elman(),
        Text(TEXTS, vocab=VOCAB),
        {},
        "data was 4 sequences (DIGEST) and is the task text (training) (DIGEST); "
        "held-out data was 2 sequences (DIGEST) and is the task text (held out) (DIGEST)",
    ),
    "units": (elman(hidden_size=7), TEXTS, {}, "hidden_size was 6 and is 7"),
    "a seed": (elman(seed=4), TEXTS, {}, "seeds of the model was [3] and is [4]"),
    "symbols": (
        lambda: ElmanCharModel(Vocab("hielx")),
        ["hi", "le", "xi"],
        {},
        "hidden_size was 6 and is None; seeds of the model was [3] and is [0]; "
        "vocab was DIGEST and is DIGEST; data was 4 sequences (DIGEST) and is 2 sequences "
        "(DIGEST); held-out data was 2 sequences (DIGEST) and is 1 sequence (DIGEST)",
    ),
    "double": (
        lambda: elman()().double(),
        TEXTS,
        {},
        "rnn.weight_ih_l0 is of torch.float32, not torch.float64; "
        "rnn.weight_hh_l0 is of torch.float32, not torch.float64; "
        "rnn.bias_ih_l0 is of torch.float32, not torch.float64; and 3 more",
    ),
    "a user-defined model": (
        UserModel,
        TEXTS,
        {"vocab": VOCAB},
        "model was ElmanCharModel and is UserModel",
    ),
    "a frozen weight": (
        one_weight_frozen,
        TEXTS,
        {},
        "gradients was written out and is by autograd",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_resume_error_lists_differences(name: str, tmp_path: Path, unchecked: None) -> None:
    make, data, options, message = DIFFERENCES[name]
    path = tmp_path / "run"
    given: dict[str, Any] = {"epochs": 2, "batch_size": 2, "validation": 0.3}
    fit(elman()(), TEXTS, checkpoint=Checkpoint(path, every=1), **given)
    model = make()
    before = copy.deepcopy(model)
    with pytest.raises(OptionError) as caught:
        fit(model, data, resume=path, **{**given, **options})
    error = re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", str(caught.value))
    assert error == (
        f"expected the model, data and options of the training in {path}, got different ones: "
        f"{message}"
    )
    assert all(map(torch.equal, model.parameters(), before.parameters()))


class Bare:
    """A scheduler without a state_dict."""

    def __init__(self, optimizer: object) -> None:
        pass

    def step(self) -> None:
        pass


class Odd(Bare):
    def state_dict(self) -> dict[str, Any]:
        return {"window": [1, {2, 3}]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise AssertionError


def test_invalid_checkpoint_options_raise(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "run"
    model = elman()()
    reported: list[Row] = []

    def attempt(**options: Any) -> Callable[[], object]:
        return lambda: fit(model, "hihello", on_epoch=reported.append, **options)

    fit(model, "hihello", epochs=3, checkpoint=Checkpoint(path, every=1))
    assert_error(
        attempt(resume=path, epochs=2),
        OptionError,
        f"expected epochs to be at least 3, the number already done in {path}, got 2",
    )
    missing = tmp_path / "no" / "run"
    assert_error(
        attempt(resume=missing),
        ModelFileError,
        f"expected a model file at {missing}, found nothing; check the path",
    )
    assert_error(
        attempt(checkpoint=Checkpoint(missing, every=5)),
        ModelFileError,
        f"can't write {missing}: No such file or directory; create its directory first. "
        "Any existing file is unchanged",
    )
    assert_error(
        attempt(checkpoint="run"),
        OptionError,
        "expected checkpoint to be a Checkpoint(path, every=…), got 'run'",
    )
    save(model, path)
    assert_error(
        attempt(resume=path),
        ModelFileError,
        f"expected a model file at {path}, found one without training state; "
        "save both with fit(…, checkpoint=…)",
    )
    here = Checkpoint(path, every=5)
    assert_error(
        attempt(checkpoint=here, scheduler=Bare),
        OptionError,
        "checkpoint=… needs an optimizer and scheduler with state_dict and load_state_dict, got "
        "Bare",
    )
    assert_error(
        attempt(checkpoint=here, scheduler=Odd),
        InputTypeError,
        "expected plain values and tensors, got a set at "
        "training['updates']['scheduler']['window'][1]",
    )
    assert reported == []  # all before the first epoch
