"""A resumed training ends bit for bit like an uninterrupted one."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler as schedulers

from seqtoys import (
    Batch,
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    fit,
    get_task,
    load,
    load_history,
)
from seqtoys.errors import ModelFileError
from seqtoys.results import Row
from seqtoys.training.sources import SequencesSource
from seqtoys.training.state import TrainingState
from seqtoys.training.updates import Updates

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]
PARITY = get_task("parity")
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
Case = tuple[Callable[[], Any], Any, dict[str, Any]]


class UserModel(nn.Module):
    """A user's model with dropout, buffers, tied weights and extra state."""

    def __init__(self, kind: type[nn.Module] = nn.GRU, *, state: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table, self.rnn = nn.Embedding(5, 5), kind(5, 5, batch_first=True)
        self.dropout, self.norm = nn.Dropout(0.3), nn.BatchNorm1d(5)
        self.readout = nn.Linear(5, 5, bias=False)
        self.readout.weight = self.table.weight
        self.state, self.calls = state, 0

    def forward(self, inputs: Tensor, hidden: Any = None) -> Any:
        self.calls += self.training
        states, hidden = self.rnn(self.table(inputs), hidden)
        logits = self.readout(self.norm(self.dropout(states).transpose(1, 2)).transpose(1, 2))
        return (logits, hidden) if self.state else logits

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": self.calls}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.calls = state["calls"]


def elman(**options: Any) -> Callable[[], ElmanCharModel]:
    return lambda: ElmanCharModel(VOCAB, **{"hidden_size": 6, "seed": 3, **options})


def ensemble(count: int, **options: Any) -> Callable[[], ElmanEnsemble]:
    return lambda: ElmanEnsemble(VOCAB, range(count), **options)


DATA: dict[str, Case] = {
    "a text": (elman(hidden_size=None), "hihello", {}),
    "a pair, stepwise": (elman(embedding_size=3), ("hihell", "ihello"), {"stepwise": True}),
    "pairs in double": (lambda: elman()().double(), [("hi", "ih"), ("hel", "leh")], {}),
    "a batch": (elman(num_layers=2), Batch.from_texts(TEXTS, VOCAB), {"clip_norm": 0.1}),
    "minibatches": (elman(), TEXTS, {"batch_size": 2, "validation": 0.3, "patience": 3}),
    "minibatches, the last weights": (
        elman(), TEXTS, {"batch_size": 2, "validation": 0.3, "keep": "last"},
    ),
    "an early best epoch": (elman(), TEXTS, {"lr": 0.3, "validation": 0.3, "batch_size": 2}),
    "a minibatch unscored": (
        elman(),
        Batch(torch.zeros(3, 2).long(), torch.tensor([[1, 2], [-100, -100], [0, 1]])),
        {"batch_size": 1},
    ),
    "counted sequences": (
        elman(),
        Batch.from_texts([*TEXTS, "hill", "hi"], VOCAB).distinct(),
        {"batch_size": 2},
    ),
    "one text much longer": (elman(), ["hihello" * 9, *TEXTS], {"batch_size": 2}),
    "a long text": (elman(), "hihello" * 9, {"chunk": 5, "batch_size": 3, "validation": 0.2}),
    "a long text by autograd": (elman(num_layers=2), "hihello" * 9, {"chunk": 7}),
    "a task": (
        lambda: ElmanCharModel(PARITY.vocab, hidden_size=6),
        PARITY,
        {"batch_size": 4, "validation": 0.3, "lengths": (2, 9)},
    ),
    "a curriculum": (
        lambda: ElmanCharModel(PARITY.vocab, hidden_size=6),
        PARITY,
        {"batch_size": 8, "lengths": Curriculum(9, threshold=0.4, window=2), "until": 1e-9},
    ),
    "a user's model": (UserModel, TEXTS, {"vocab": VOCAB, "batch_size": 4}),
    "a user's model, a task": (UserModel, Text(TEXTS, vocab=VOCAB), {"batch_size": 4}),
    "a user's model, a long text": (
        partial(UserModel, nn.LSTM, state=True),
        "hihello" * 9,
        {"vocab": VOCAB, "chunk": 5, "batch_size": 3},
    ),
    "a user's model, a batch": (UserModel, Batch.from_texts(TEXTS, VOCAB), {}),
    "seeds": (ensemble(3, hidden_size=4), TEXTS, {"batch_size": 4, "validation": 0.3}),
    "seeds with early best epochs": (
        ensemble(9), TEXTS, {"lr": 0.5, "validation": 0.3, "until": "solved", "batch_size": 4},
    ),
    "seeds, some solved": (ensemble(9), "hihello", {"lr": 0.5, "until": "solved"}),
    "seeds, solved in minibatches": (
        ensemble(9, hidden_size=4),
        ["hi", "le", "oo"],
        {"lr": 0.3, "until": "solved", "batch_size": 1},
    ),
    "seeds out of patience": (ensemble(9), "hihello", {"lr": 1.0, "patience": 1}),
    "many seeds": (ensemble(130), "hihello" * 9, {"chunk": 9, "clip_norm": 0.1}),
    "many seeds of a task": (
        lambda: ElmanEnsemble(PARITY.vocab, range(130), hidden_size=3),
        PARITY,
        {"batch_size": 4},
    ),
}  # fmt: skip
OPTIMIZERS: dict[str, Any] = {
    name: kind
    for name, kind in vars(optim).items()
    if isinstance(kind, type)
    and issubclass(kind, optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam", "Muon", "Adafactor")  # not for ensembles
} | {
    "SGD with momentum": partial(optim.SGD, momentum=0.9, nesterov=True),
    "Adam with amsgrad": partial(optim.Adam, amsgrad=True, foreach=False),
}
SCHEDULERS: dict[str, Any] = {
    "StepLR": partial(schedulers.StepLR, step_size=2),
    "MultiStepLR": partial(schedulers.MultiStepLR, milestones=[2, 4, 4]),
    "LambdaLR": partial(schedulers.LambdaLR, lr_lambda=lambda epoch: 0.9**epoch),
    "MultiplicativeLR": partial(schedulers.MultiplicativeLR, lr_lambda=lambda epoch: 0.9),
    "ConstantLR": partial(schedulers.ConstantLR, total_iters=3),
    "LinearLR": partial(schedulers.LinearLR, total_iters=5),
    "ExponentialLR": partial(schedulers.ExponentialLR, gamma=0.7),
    "PolynomialLR": schedulers.PolynomialLR,
    "CosineAnnealingLR": partial(schedulers.CosineAnnealingLR, T_max=5),
    "CosineAnnealingWarmRestarts": partial(schedulers.CosineAnnealingWarmRestarts, T_0=2),
    "CyclicLR": partial(schedulers.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=2),
    "OneCycleLR": partial(schedulers.OneCycleLR, max_lr=0.1, total_steps=9),
    "ReduceLROnPlateau": partial(schedulers.ReduceLROnPlateau, patience=0, threshold=1.0),
    "SWALR": partial(optim.swa_utils.SWALR, swa_lr=0.05, anneal_epochs=3),
    "SequentialLR": lambda optimizer: schedulers.SequentialLR(
        optimizer,
        [schedulers.ConstantLR(optimizer), schedulers.MultiStepLR(optimizer, [1, 2])],
        [2],
    ),
    "ChainedScheduler": lambda optimizer: schedulers.ChainedScheduler(
        [schedulers.LinearLR(optimizer), schedulers.ExponentialLR(optimizer, 0.9)]
    ),
}
CASES: dict[str, Case] = (
    DATA
    | {
        name: (ensemble(130, hidden_size=3), TEXTS, {"optimizer": optimizer, "batch_size": 4})
        for name, optimizer in OPTIMIZERS.items()
    }
    | {
        name: (
            elman(),
            TEXTS,
            {"scheduler": scheduler, "optimizer": partial(optim.SGD, momentum=0.9)},
        )
        for name, scheduler in SCHEDULERS.items()
    }
    | {"Adafactor": (elman(), TEXTS, {"optimizer": optim.Adafactor, "batch_size": 4})}
    | {"fused Adam with a scheduler": (elman(), TEXTS, {"scheduler": SCHEDULERS["StepLR"]})}
)


class Stopped(BaseException):
    """Not an `Exception`, after which the training would be saved."""


def stop_after(epoch: int) -> Callable[[Row], None]:
    """Return a callback that raises after an epoch, as if the process died there."""

    def stop(row: Row) -> None:
        if row.epoch > epoch:
            raise Stopped

    return stop


@pytest.fixture(autouse=True)
def isolated_rng() -> Any:
    """Isolate the global generator, from which dropout draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        yield


def contents(path: Path) -> tuple[Any, dict[str, Tensor]]:
    """Return a file's contents, except for its duration and checksum, which may differ."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    facts = json.loads(json.loads(data[8:end])["__metadata__"]["seqtoys"])
    del facts["checksum"], facts["history"]["seconds"]
    return facts, safetensors.torch.load(data)


def assert_equal(one: tuple[Any, dict[str, Tensor]], other: tuple[Any, dict[str, Tensor]]) -> None:
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    for name, tensor in one[1].items():
        assert tensor.dtype == other[1][name].dtype
        bits = [x.reshape(-1).view(torch.uint8) for x in (tensor, other[1][name])]
        assert torch.equal(*bits), name


def assert_same_history(one: Any, other: Any) -> None:
    one.seconds = other.seconds
    assert one == other


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", CASES)
def test_resumed_training_equals_uninterrupted_training(name: str, tmp_path: Path) -> None:
    make, data, options = CASES[name]
    options = {"epochs": 6, **options}
    whole, cut, end = make(), tmp_path / "cut", tmp_path / "end"
    history = fit(whole, data, checkpoint=Checkpoint(end, every=99), **options)
    uninterrupted = contents(end)
    torch.manual_seed(5)
    for every, stop_epoch in ((2, 3), (1, 4)) if name in DATA else ((2, 3),):
        resume, checkpoint = cut if cut.exists() else None, Checkpoint(cut, every=every)
        given = {**options, "epochs": 5, "resume": resume, "on_epoch": stop_after(stop_epoch)}
        with pytest.raises(Stopped):
            fit(make(), data, checkpoint=checkpoint, **given)
        torch.manual_seed(99)  # another process has another random state
    resumed = fit(make(), data, resume=cut, checkpoint=Checkpoint(end, every=99), **options)
    assert_same_history(resumed, history)
    assert_equal(contents(end), uninterrupted)
    assert all(torch.equal(x, uninterrupted[1][name]) for name, x in whole.named_parameters())


def press_at(updates: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C during these updates, counted from 1."""
    step, count = Updates.apply, 0

    def apply(self: Updates) -> None:
        nonlocal count
        count += 1
        if count in updates:
            signal.raise_signal(signal.SIGINT)
        step(self)

    monkeypatch.setattr(Updates, "apply", apply)
    monkeypatch.setattr("seqtoys.training.interrupt.IMPATIENT", 0.0)  # each is a first press


IN_PARTS = [name for name, case in DATA.items() if {"batch_size", "chunk"} & case[2].keys()]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", IN_PARTS)
def test_ctrl_c_between_two_updates_loses_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, data, options = DATA[name]
    options = {"epochs": 4, **options}
    whole, path, end = make(), tmp_path / "cut", tmp_path / "end"
    history = fit(whole, data, checkpoint=Checkpoint(end, every=99), **options)
    uninterrupted = contents(end)
    torch.manual_seed(5)
    press_at({2, 3, 5}, monkeypatch)
    cut = fit(make(), data, checkpoint=Checkpoint(path, every=99), **options)
    assert not cut.is_open
    for _ in range(2):
        torch.manual_seed(99)
        fit(make(), data, checkpoint=Checkpoint(path, every=99), resume=path, **options)
    resumed = fit(make(), data, checkpoint=Checkpoint(end, every=99), resume=path, **options)
    assert_same_history(resumed, history)
    assert_equal(contents(end), uninterrupted)


def test_ctrl_c_saves_the_model_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the third of five minibatches of the second epoch."""
    press_at({8}, monkeypatch)
    model, path = elman()(), tmp_path / "cut"
    history = fit(model, TEXTS[:5], batch_size=1, checkpoint=Checkpoint(path, every=99))
    assert (history.stopped, len(history)) == ("interrupted", 1)
    loaded, again = load(path), load_history(path)
    assert all(map(torch.equal, loaded.parameters(), model.parameters()))
    assert again == history


def test_second_ctrl_c_stops_at_once_and_writes_nothing(tmp_path: Path) -> None:
    class Stuck(ElmanCharModel):
        def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError

    path = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        fit(Stuck(VOCAB), "hihello", checkpoint=Checkpoint(path, every=1))
    assert load_history(path).stopped == "running"  # as it was before the first epoch


def train_long(path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 2, "lr": 0.05, "patience": 1000}
    model = ensemble(20, hidden_size=4)()
    texts = ["hello", "hi", "hill", "hole"]
    fit(model, texts, epochs=100_000, checkpoint=Checkpoint(path, every=1), **options)


def epochs_in(path: Path) -> int:
    return len(load_history(path).lr) if path.exists() else 0


def test_killed_process_can_be_resumed(tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context("fork")
    process = context.Process(target=train_long, args=(tmp_path / "run",))
    process.start()
    done = 0
    while done < 3:
        time.sleep(0.01)
        done = epochs_in(tmp_path / "run")
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done = epochs_in(tmp_path / "run")
    options: dict[str, Any] = {"epochs": done + 3, "batch_size": 2, "lr": 0.05, "patience": 1000}
    whole, resumed = ensemble(20, hidden_size=4)(), ensemble(20, hidden_size=4)()
    history = fit(whole, ["hello", "hi", "hill", "hole"], **options)
    again = fit(resumed, ["hello", "hi", "hill", "hole"], resume=tmp_path / "run", **options)
    assert_same_history(again, history)
    assert all(map(torch.equal, resumed.parameters(), whole.parameters()))


@pytest.mark.parametrize("make", [UserModel, elman()])
def test_resumed_training_draws_the_same_random_numbers(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    """Also from a file that was written before anything was drawn."""
    cut, whole, resumed, path = make(), make(), make(), tmp_path / "run"
    first = Checkpoint(path, every=1)
    torch.manual_seed(5)
    with pytest.raises(Stopped):
        fit(cut, TEXTS, vocab=VOCAB, checkpoint=first, on_epoch=stop_after(0))
    torch.manual_seed(5)
    history = fit(whole, TEXTS, vocab=VOCAB, epochs=3)
    after = torch.get_rng_state()
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert_same_history(fit(resumed, TEXTS, vocab=VOCAB, epochs=3, resume=path), history)
    assert torch.equal(torch.get_rng_state(), after if make is UserModel else before)


def test_checkpoint_of_a_user_defined_model_is_not_a_model_file(
    tmp_path: Path, assert_error: ErrorCheck
) -> None:
    model, path = UserModel(), tmp_path / "run"
    fit(model, TEXTS, vocab=VOCAB, epochs=1, checkpoint=Checkpoint(path, every=1))
    assert_error(
        lambda: load(path),
        ModelFileError,
        f"expected a model file at {path}, found the training run of another class (UserModel), "
        "whose code is not in the file; create such a model and pass it to fit with resume=…",
    )
    assert len(load_history(path).lr) == 1
    weights = safetensors.torch.load_file(path)
    assert all(torch.equal(weights[name], x) for name, x in model.named_parameters())


def test_edited_functions_of_the_same_name_can_resume(tmp_path: Path) -> None:
    def scheduler(base: float) -> Any:
        return partial(schedulers.LambdaLR, lr_lambda=lambda epoch: base**epoch)

    checkpoint = Checkpoint(tmp_path / "run", every=9)
    fit(elman()(), TEXTS, epochs=2, lr=1.0, scheduler=scheduler(0.5), checkpoint=checkpoint)
    history = fit(
        elman()(), TEXTS, epochs=5, lr=1.0, scheduler=scheduler(0.25), resume=tmp_path / "run"
    )
    assert history.lr == [1.0, 0.5, 0.25, 0.25**3, 0.25**4]


def test_two_trainings_cannot_write_to_one_path(tmp_path: Path) -> None:
    path = tmp_path / "both.safetensors"

    def interfere(row: Row) -> None:
        if row.epoch == 3:
            checkpoint = Checkpoint(path, every=1, overwrite=True)
            fit(ElmanCharModel(Vocab("hielo")), "hihello", epochs=2, checkpoint=checkpoint)

    with pytest.raises(ModelFileError, match="another training has written to it since") as caught:
        fit(
            ElmanCharModel(Vocab("hielo"), seed=1),
            "hihello",
            epochs=9,
            checkpoint=Checkpoint(path, every=1),
            on_epoch=interfere,
        )
    assert len(caught.value.history) == 3
    assert load_history(path).stopped == "epochs"  # from the other training


def test_update_is_applied_once() -> None:
    vocab = Vocab("hielo")
    model = ElmanCharModel(vocab, seed=0)
    source = SequencesSource(
        Batch.from_texts(["hihello"], vocab), batch_size=None, generator=torch.Generator()
    )
    descent = optim.SGD(model.parameters(), lr=0.1)
    updates = Updates(
        model,
        source,
        descent,
        scheduler=None,
        clip_norm=None,
        stepwise=False,
        symbols=5,
        check=False,
    )
    start = [weight.detach().clone() for weight in model.parameters()]
    updates.run_epoch(lambda: None)
    assert all(map(torch.equal, model.parameters(), start))
    updates.apply()
    once = [weight.detach().clone() for weight in model.parameters()]
    assert not any(map(torch.equal, start, once))
    updates.apply()
    assert all(map(torch.equal, model.parameters(), once))


def test_model_is_unchanged_if_resuming_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    options: Any = {"epochs": 3, "lr": 0.05, "seed": 0}
    fit(ElmanCharModel(Vocab("hielo")), "hihello", checkpoint=Checkpoint(path, every=1), **options)

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(TrainingState, "restore", fail)
    model = ElmanCharModel(Vocab("hielo"))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(MemoryError):
        fit(model, "hihello", resume=path, **{**options, "epochs": 5})
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
