"""Forged checkpoints, journals and results with valid checksums: rejected, or usable."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler as schedulers

from seqtoys import (
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import DataError, ModelFileError, NonFiniteLossError, OptionError
from seqtoys.results import Baselines, EnsembleHistory, History, Report
from seqtoys.training.task_source import TaskSource
from tests.forging import forge, forge_tensor
from tests.test_hostile_files import parts_of, signed
from tests.test_resume import press_at

VOCAB, PARITY = Vocab("hielo"), get_task("parity")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel"]
FORGED = 60  # forgeries of each training
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


class UserModel(nn.Module):
    """A user's model with dropout, a state and a call counter."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table, self.rnn = nn.Embedding(5, 5), nn.GRU(5, 5, batch_first=True)
            self.readout = nn.Linear(5, 5)
        self.dropout, self.calls = nn.Dropout(0.3), 0

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.calls += 1
        states, last = self.rnn(self.table(inputs), hidden)
        return self.readout(self.dropout(states)), last

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": self.calls}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.calls = 0 + state["calls"]


def elman(**options: Any) -> Callable[[], ElmanCharModel]:
    return lambda: ElmanCharModel(VOCAB, **{"hidden_size": 4, "seed": 3, **options})


CASES: dict[str, tuple[Callable[[], Any], Any, dict[str, Any], int]] = {
    "written-out gradients": (
        elman(),
        TEXTS,
        {"batch_size": 2, "validation": 0.3, "patience": 50},
        5,
    ),
    "a step scheduler": (
        elman(num_layers=2),
        TEXTS,
        {
            "optimizer": partial(optim.SGD, momentum=0.9),
            "scheduler": partial(schedulers.StepLR, step_size=2),
        },
        2,
    ),
    "a task": (
        lambda: ElmanCharModel(PARITY.vocab, hidden_size=3),
        PARITY,
        {
            "lengths": Curriculum(6, threshold=0.3, window=1),
            "validation": 0.3,
            "scheduler": partial(schedulers.ReduceLROnPlateau, patience=1),
            "batch_size": 8,
        },
        3,
    ),
    "an ensemble": (
        lambda: ElmanEnsemble(VOCAB, range(3)),
        TEXTS,
        {"batch_size": 2, "patience": 2, "until": 0.5},
        5,
    ),
    "chunks of a model of one's own": (
        UserModel,
        "hihello" * 9,
        {
            "vocab": VOCAB,
            "chunk": 5,
            "batch_size": 2,
            "optimizer": partial(optim.AdamW, lr=0.1),
            "lr": 0.1,
            "scheduler": partial(schedulers.MultiStepLR, milestones=[2, 4]),
        },
        4,
    ),
    "chunks": (elman(), "hihello" * 9, {"chunk": 5, "batch_size": 2, "validation": 0.3}, 4),
    "schedulers in a row": (
        elman(num_layers=2),
        "hihello",
        {
            "optimizer": partial(optim.Adam, amsgrad=True),
            "scheduler": lambda optimizer: schedulers.SequentialLR(
                optimizer,
                [schedulers.LinearLR(optimizer), schedulers.ExponentialLR(optimizer, 0.9)],
                milestones=[2],
            ),
        },
        2,
    ),
}


def interrupted(name: str, path: Path) -> bytes:
    """Return the file of a training stopped by Ctrl-C, in mid-epoch if it has minibatches."""
    make, data, options, update = CASES[name]
    with pytest.MonkeyPatch.context() as patched, torch.random.fork_rng():
        press_at({update}, patched)
        fit(make(), data, checkpoint=Checkpoint(path, every=99), epochs=20, **options)
    contents = path.read_bytes()
    path.unlink()
    return contents


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Assert that two models have the same weights and extra state."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]) if isinstance(value, Tensor) else value == other[key]


def outcome(name: str, contents: bytes, path: Path) -> str:
    """Resume from a file and return the outcome; assert that a rejection changes nothing."""
    make, data, options, _ = CASES[name]
    path.write_bytes(contents)
    model = make()
    before, rng_state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    try:
        history = fit(model, data, resume=path, epochs=6, **options)
        assert str(history)
        assert history.to_json()
    except NonFiniteLossError:
        return "not finite"
    except (ModelFileError, OptionError) as error:
        if ".step() failed with " in str(error):
            return "fails"
        assert torch.equal(torch.get_rng_state(), rng_state)
        assert_same(model.state_dict(), before)
        return "rejected"
    finally:
        torch.set_rng_state(rng_state)
    return "resumes"


@pytest.fixture
def baselines_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate a task's baselines once: they depend on no file and take half of the time."""
    estimate, known = TaskSource.baselines, dict[int, Baselines]()

    def baselines(self: TaskSource, vocab_size: int) -> Baselines:
        if vocab_size not in known:
            known[vocab_size] = estimate(self, vocab_size)
        return known[vocab_size]

    monkeypatch.setattr(TaskSource, "baselines", baselines)


@pytest.mark.usefixtures("baselines_once", "untraced")
@pytest.mark.parametrize("name", CASES)
def test_forged_training_resumes_or_is_rejected(name: str, tmp_path: Path) -> None:
    contents = interrupted(name, tmp_path / "run")
    facts, tensors = parts_of(contents)
    chance, ends = random.Random(name), Counter[str]()
    assert outcome(name, contents, tmp_path / "run") == "resumes"
    for _ in range(FORGED):
        part = chance.choice(["training", "training", "history", None])
        if part is None:
            forged = signed(facts, forge_tensor(tensors, chance))
        else:
            forged = signed({**facts, part: forge(facts[part], chance)}, tensors)
        ends[outcome(name, forged, tmp_path / "run")] += 1
    assert ends["rejected"] > FORGED / 2
    assert ends["resumes"] > 0
    assert ends["fails"] < FORGED / 20


A, B, C = "written-out gradients", "a step scheduler", "an ensemble"
D, E, F = "a task", "chunks", "chunks of a model of one's own"
OPTIMIZER, RULE = ("training", "updates", "optimizer"), ("training", "rule")
SCHEDULER, BEGUN = ("training", "updates", "scheduler"), ("training", "updates", "begun")
SUMS = (*BEGUN, "sums")
Forgery = tuple[str, tuple[Any, ...], Any, str]
FORGERIES: list[Forgery] = [
    (A, (*OPTIMIZER, "means"), [], "optimizer['means'] is a list of 0, expected a list of 6"),
    (A, (*OPTIMIZER, "count"), torch.zeros(1), "optimizer['count'] has shape (1,), expected (6,)"),
    (A, (*OPTIMIZER, "more"), 1, "optimizer['more'] is unexpected"),
    (
        B,
        (*OPTIMIZER, "param_groups", 0, "momentum"),
        "0.9",
        "optimizer['param_groups'][0]['momentum'] is '0.9', expected one like 0.9",
    ),
    (
        B,
        (*OPTIMIZER, "param_groups", 0, "params"),
        list(range(10, 0, -1)),
        "optimizer['param_groups'] has other parameters",
    ),
    (
        B,
        (*OPTIMIZER, "state"),
        {"$dict": [[99, {}]]},
        "optimizer['state'][99] does not belong to a parameter",
    ),
    (
        B,
        (*OPTIMIZER, "state"),
        {"$dict": [[0, {"momentum_buffer": {"$tensor": "forged/0"}}]]},
        "optimizer['state'][0]['momentum_buffer'] is of torch.int64, expected torch.float32",
    ),
    (
        B,
        (*OPTIMIZER, "state"),
        {"$dict": [[0, {"momentum_buffer": 5}]]},
        "optimizer['state'][0]['momentum_buffer'] is 5, expected a tensor",
    ),
    (B, (*SCHEDULER, "gamma"), None, "scheduler['gamma'] is None, expected one like 0.1"),
    (B, SCHEDULER, 5, "scheduler is 5, expected a dict"),
    (
        B,
        (*SCHEDULER, "step_size"),
        0,
        "the optimizer's next update fails (StepLR.step() failed with ZeroDivisionError: ",
    ),
    (A, (*RULE, "best"), "5", "best is '5', expected one like inf"),
    (A, (*RULE, "best"), True, "best is True, expected one like inf"),
    (A, (*RULE, "best_epoch"), 99, "best_epoch is 99, but there are 2 epochs"),
    (C, (*RULE, "best"), torch.zeros(2).double(), "rule['best'] has shape (2,), expected (3,)"),
    (C, (*RULE, "ended"), torch.ones(3).bool(), "rule['ended'] differs from the history"),
    (
        D,
        ("training", "updates", "source", "plan", "longest"),
        7,
        "expected a length from 1 to 6 and an accuracy, got 7 and ",
    ),
    (
        D,
        ("training", "held_out", "measured", "inputs"),
        torch.full((8, 1), 9),
        "ShapeError: ",
    ),
    (
        A,
        ("training", "updates", "source"),
        torch.arange(4.0),
        "expected a permutation of 4 sequences, got something else",
    ),
    (A, ("training", "updates", "epoch"), 3.0, "expected updates of 2 epochs, got another number"),
    (A, (*SUMS, "parts"), 10**99, "expected a number of parts, got about 10^99"),
    (A, (*SUMS, "loss"), "x", "expected the sums of losses and hits of an epoch, got others"),
    (C, (*SUMS, "hits"), 5, "expected the sums of losses and hits of an epoch, got others"),
    (A, (*SUMS, "rows"), [], "expected the predictions of 1 parts, got others"),
    (
        A,
        (*SUMS, "rows", 0),
        torch.tensor([0, 4]),
        "expected rows of shape (2,) from 0 to 3, got torch.int64 of shape (2,)",
    ),
    (
        A,
        (*SUMS, "predicted", 0),
        torch.zeros(2, 3).int(),
        "expected predictions of shape (2, 3) from 0 to 4, got torch.int32 of shape (2, 3)",
    ),
    (E, (*BEGUN, "hidden"), torch.zeros(2, 5), "hidden has shape (2, 5), expected "),
    (F, (*BEGUN, "hidden"), torch.zeros(1, 3, 5), "RuntimeError: "),
    (F, ("training", "extras"), {"_extra_state": {}}, "KeyError: 'calls'"),
    (F, ("training", "draws"), [], "draws is a list of 0, expected a list of 1"),
    (
        F,
        ("training", "draws", 0),
        torch.zeros(5056).byte(),
        "RuntimeError: ",
    ),
    (A, ("training", "generator"), torch.zeros(5).byte(), "RuntimeError: "),
    (A, ("history", "predictions"), None, "expected predictions of 2 epochs, got those of 0"),
    (
        A,
        ("history", "validation_loss"),
        torch.zeros(0).double(),
        "expected validation_loss if and only if something is held out",
    ),
    (
        C,
        ("history", "epochs"),
        torch.tensor([1, 1, 99]),
        "expected epochs from 0 to 1, got [1, 1, 99]",
    ),
]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("trainings")
    return {name: interrupted(name, folder / "run") for name in (A, B, C, D, E, F)}


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: "-".join(map(str, forgery[1])))
def test_rejection_names_the_invalid_value(
    forgery: Forgery, contents: dict[str, bytes], tmp_path: Path
) -> None:
    name, (*outer, last), value, found = forgery
    facts, tensors = parts_of(contents[name])
    holder: Any = facts
    for key in outer:
        holder = holder[key]
    tensors["forged/0"] = value if isinstance(value, Tensor) else torch.zeros(4, 5).long()
    holder[last] = {"$tensor": "forged/0"} if isinstance(value, Tensor) else value
    path, (make, data, options, _) = tmp_path / "run", CASES[name]
    path.write_bytes(signed(facts, tensors))
    model = make()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ModelFileError) as caught:
        fit(model, data, resume=path, epochs=6, **options)
    start = f"expected a model file at {path}, found a training that can't be resumed ("
    assert str(caught.value).startswith(start)
    assert found in str(caught.value)
    assert_same(model.state_dict(), before)


def test_what_an_optimizer_does_not_know_is_left_to_it(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    facts, tensors = parts_of(contents[B])
    facts["training"]["updates"]["optimizer"]["state"] = {"$dict": [[0, {"unknown": 5}]]}
    assert outcome(B, signed(facts, tensors), tmp_path / "run") == "resumes"


class Picky(optim.SGD):
    """An optimizer that fails on zero gradients, so that a trial update is impossible."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert any(p.grad.any() for group in self.param_groups for p in group["params"])
        super().step()


def test_optimizer_without_a_trial_update_resumes(tmp_path: Path) -> None:
    path = tmp_path / "run"
    options: dict[str, Any] = {"optimizer": partial(Picky, momentum=0.9), "lr": 0.1}
    whole, resumed = elman()(), elman()()
    fit(whole, "hihello", epochs=4, **options)
    fit(elman()(), "hihello", epochs=2, checkpoint=Checkpoint(path, every=9), **options)
    fit(resumed, "hihello", epochs=4, resume=path, **options)
    assert_same(resumed.state_dict(), whole.state_dict())


RESULTS: dict[str, Callable[[], Any]] = {
    "a history": lambda: fit(elman()(), ["hello", "hi", "hill"], epochs=3, validation=0.3),
    "an ensemble's history": lambda: fit(ElmanEnsemble(VOCAB, [1, 2]), "hihello", epochs=3),
    "a report": lambda: evaluate(ElmanCharModel(PARITY.vocab), PARITY, count=20),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_forged_result_is_read_or_rejected(kind: str) -> None:
    result = RESULTS[kind]()
    facts, chance, ends = json.loads(result.to_json()), random.Random(kind), Counter[bool]()
    for _ in range(400):
        text = json.dumps(forge(facts, chance))
        try:
            read = type(result).from_json(text)
        except DataError:
            ends[False] += 1
            continue
        ends[True] += 1
        assert str(read)
        assert len(repr(read)) > 0
        assert type(result).from_json(read.to_json()).to_json() == read.to_json()
        if isinstance(read, EnsembleHistory):
            assert [str(read[at]) for at in range(len(read))]
        elif isinstance(read, History):
            assert len(read.rows) == len(read)
        else:
            assert isinstance(read, Report)
            assert read.sentence()
    assert min(ends.values()) > 40


def test_forged_journal_resumes_or_is_rejected(tmp_path: Path) -> None:
    path, chance, ends = tmp_path / "rows.jsonl", random.Random(0), Counter[bool]()
    options: dict[str, Any] = {"grid": {"lr": [0.02, 0.05]}, "seeds": [0, 1], "epochs": 1}
    rows = sweep(ElmanEnsemble, "hihello", path=path, vocab=VOCAB, **options).rows
    lines = path.read_text().splitlines()
    for _ in range(200):
        made, at = list(lines), chance.randrange(len(lines))
        made[at] = json.dumps(forge(json.loads(made[at]), chance))
        path.write_text("".join(f"{line}\n" for line in made))
        try:
            result = sweep(ElmanEnsemble, "hihello", path=path, vocab=VOCAB, **options)
        except DataError:
            ends[False] += 1
            assert path.read_text().splitlines() == made
            continue
        ends[True] += 1
        assert len(result) == len(rows)
        assert str(result)
        assert path.read_text().splitlines()[: len(made)] == made
    assert min(ends.values()) > 20
