"""scorecard: what it trains, what fails alone, and how it resumes."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqtoys import ElmanCharModel, Vocab, fit, get_task, list_skills, scorecard
from seqtoys.errors import DataError, InputTypeError, ModelFileError, OptionError, quoted
from seqtoys.results import CardRow, Estimate, ScoreCard, Skill
from seqtoys.scorecards import measure, run, skills
from seqtoys.scorecards.factory import import_factory, make
from seqtoys.scorecards.mistakes import worst_mistakes
from seqtoys.scorecards.run import SkillCell, run_skill
from seqtoys.scorecards.soundness import check_causal
from seqtoys.scorecards.state_size import state_size
from tests.forging import forge
from tests.pressing import pressed_at_line, spread

AssertError = Callable[[Callable[[], object], type[Exception], str], None]
FORM = "expected make_model to accept a vocabulary and a seed, as make_model(vocab, seed)"

pytestmark = pytest.mark.usefixtures("unchecked")


class Net(nn.Module):
    """An embedding, a layer over the steps, and a readout."""

    def __init__(self, vocab: Vocab, seed: int, middle: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(len(vocab), 16)
        self.middle = nn.GRU(16, 16, batch_first=True) if middle is None else middle
        self.readout = nn.Linear(16, len(vocab))

    def forward(self, inputs: Tensor) -> Any:
        states = self.middle(self.embedding(inputs))
        return self.readout(states[0] if isinstance(states, tuple) else states)


def make_net(vocab: Vocab, seed: int) -> nn.Module:
    return Net(vocab, seed)


def without_memory(vocab: Vocab, seed: int) -> nn.Module:
    return Net(vocab, seed, nn.Identity())


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorten the recipes of three skills; the library's own are timed elsewhere."""
    short: dict[str, dict[str, Any]] = {
        "parity": {"lengths": (1, 6), "longer": 12, "updates": 30, "count": 60},
        "latch": {"options": {"instructions": 6}, "longer": 23, "updates": 200, "count": 60},
        "infer": {"lengths": (8, 8), "longer": 16, "updates": 20, "count": 60},
    }
    known = {
        name: replace(skill, quick=replace(skill.quick, **short[name]))
        for name, skill in list_skills().items()
        if name in short
    }
    monkeypatch.setattr(run, "BATCH", 16)
    monkeypatch.setattr(skills, "_BY_NAME", known)
    monkeypatch.setattr(skills, "_ALL", tuple(known.values()))
    for cached in (measure.make_tasks, measure.make_yardsticks):
        cached.cache_clear()
    yield
    for cached in (measure.make_tasks, measure.make_yardsticks):
        cached.cache_clear()


def one_row(make_model: Any, skill: str = "parity", **options: Any) -> CardRow:
    (row,) = scorecard(make_model, seeds=[0], skills=[skill], **options).rows
    return row


def test_recurrent_network_solves_what_it_should() -> None:
    card = scorecard(make_net, seeds=[0, 1], skills=["latch"])
    assert card.is_complete
    assert card.solved == ["latch"]
    for row in card:
        assert row.solved
        assert row.score is not None
        assert row.score > 95
        assert row.updates is not None
        assert 0 < row.updates < 200  # stopped early
        assert row.parameters == 5 * 16 + 2 * 48 * 16 + 2 * 48 + 16 * 5 + 5
        assert row.memoryless == pytest.approx(math.log(2), abs=0.01)
        assert row.optimum == 0
        assert row.curve[-1][0] == row.updates
    (tried,) = card.rows[1].tried
    assert tried == (card.rows[0].lr, card.rows[1].score)


def test_embedding_and_readout_stay_at_0() -> None:
    row = one_row(without_memory, "latch")
    assert row.error is None
    assert row.score is not None
    assert abs(row.score) < 4 * row.score.standard_error + 3  # its weights still move
    assert row.longer is not None
    assert abs(row.longer) < 4 * row.longer.standard_error + 3
    assert not row.solved
    assert [rate for rate, _ in row.tried] == [0.01, 0.003]
    assert len(row.mistakes) == 3


def test_row_follows_from_fit() -> None:
    """The weights are those of `fit` with the recipe, so the last loss of the curve is, too."""
    row = one_row(make_net, "latch")
    recipe = list_skills()["latch"].quick
    task = list_skills()["latch"].make_training_task("quick")
    with torch.random.fork_rng(devices=[]):
        model = make_net(task.vocab, 0)
    history = fit(
        model,
        task,
        epochs=row.updates or 0,
        lr=row.lr,
        batch_size=16,
        optimizer=torch.optim.AdamW,
        clip_norm=1.0,
        vocab=task.vocab,
    )
    points = -(-len(history) // 60)
    assert row.curve[0][1] == pytest.approx(sum(history.loss[:points]) / points, rel=1e-4)
    last = [(loss - 0.0) / math.log(2) for loss in history.loss[-20:]]
    assert sum(last) / 20 <= 0.011
    assert recipe.updates > len(history)


class Ahead(Net):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs.flip(1)).flip(1)


class Mixed(Net):
    def forward(self, inputs: Tensor) -> Any:
        logits = super().forward(inputs)
        return logits + logits.mean(0, keepdim=True)


class Wide(Net):
    def forward(self, inputs: Tensor) -> Any:
        return torch.cat([super().forward(inputs)] * 2, -1)


class Nan(Net):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) * math.nan


class Probable(Net):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).softmax(-1)


class Broken(Net):
    def forward(self, inputs: Tensor) -> Any:
        raise MemoryError("no room for this")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError


class Awkward(Net):
    def forward(self, inputs: Tensor) -> Any:
        raise Unprintable


class Silent(Net):
    def forward(self, inputs: Tensor) -> Any:
        raise MemoryError


class Leaving(Net):
    def forward(self, inputs: Tensor) -> Any:
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Ahead, "DataError: Ahead looks ahead: changing symbols at later positions changes its"),
        (Mixed, "DataError: Mixed mixes the sequences of a batch: changing symbols in one"),
        (Probable, "DataError: Probable returns probabilities: its logits are positive"),
        (Wide, "ShapeError: expected logits of shape (8, "),
        (Nan, "NonFiniteLossError: the logits are inf or nan before training"),
        (Broken, "MemoryError: no room for this (test_scorecard.py, line "),
        (Silent, "MemoryError (test_scorecard.py, line "),
        (Leaving, "SystemExit: 3 (test_scorecard.py, line "),
        (Awkward, "Unprintable: its message can't be shown (test_scorecard.py, line "),
    ],
)
def test_faulty_model_fails_with_its_reason(kind: Any, reason: str) -> None:
    card = scorecard(kind, seeds=[0, 1], skills=["parity", "latch"])
    assert [row.score for row in card] == [None] * 4
    for row in card:
        assert row.error is not None
        assert row.error.startswith(reason), row.error
        assert "check=False" not in row.error
        assert ".py" not in row.error or "test_scorecard.py" in row.error  # no line of the library
    assert "failed: parity (seed 0)" in str(card)
    assert card.solved == []


class Gated(Net):
    """Sees later symbols through a gate that is initially closed."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__(vocab, seed)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor) -> Any:
        states = self.embedding(inputs)
        backwards = self.middle(states.flip(1))[0].flip(1)
        return self.readout(states + self.gate * backwards)


def test_model_that_looks_ahead_only_once_trained_fails() -> None:
    row = one_row(Gated)
    assert row.score is None
    assert (row.error or "").startswith("DataError: Gated looks ahead: ")


class Distant(Net):
    """Adds the vector of the symbol 20 positions later."""

    def forward(self, inputs: Tensor) -> Any:
        vectors = self.embedding(inputs)
        later = nn.functional.pad(vectors[:, 20:], (0, 0, 0, min(20, inputs.shape[1])))
        return self.readout(vectors + later)


def test_model_that_looks_far_ahead_fails() -> None:
    task = get_task("flip_flop", instructions=24)  # 47 symbols
    with torch.random.fork_rng():
        model = Distant(task.vocab, 0)
    with pytest.raises(DataError, match="Distant looks ahead"):
        check_causal(model, task.sample(8), len(task.vocab))


def test_failure_costs_only_its_own_cell() -> None:
    def sometimes(vocab: Vocab, seed: int) -> nn.Module:
        if seed == 1 and "w" in vocab.symbols:  # latch
            raise RuntimeError("CUDA out of memory")
        return Net(vocab, seed)

    card = scorecard(sometimes, seeds=[1, 2], skills=["latch", "parity"])
    assert [row.error is not None for row in card] == [False, False, True, False]
    assert card["latch"].solved.trials == 2
    assert len(card["latch"].rows[1].tried) >= 1  # seed 2 had to find its own learning rate
    assert "failed: latch (seed 1): RuntimeError: CUDA out of memory" in str(card)


class Diverging(Net):
    """Diverges at the learning rate that is tried first, or at all."""

    calls = 0

    def __init__(self, vocab: Vocab, seed: int, always: bool = False) -> None:
        super().__init__(vocab, seed)
        Diverging.calls += 1
        self.diverges = always or Diverging.calls == 1
        self.count = 0

    def forward(self, inputs: Tensor) -> Any:
        self.count += self.training
        return super().forward(inputs) * (math.inf if self.diverges and self.count > 3 else 1)


def test_learning_rate_that_diverges_is_passed_over() -> None:
    Diverging.calls = 0
    row = one_row(Diverging)
    assert row.error is None
    assert row.lr == 0.003
    assert math.isnan(dict(row.tried)[0.01])


def test_model_that_always_diverges_fails() -> None:
    row = one_row(partial(Diverging, always=True))
    assert row.error is not None
    assert row.error.startswith("NonFiniteLossError: ")


class Bursting(Net):
    """Is finite in training, but not afterwards."""

    is_trained = False

    def forward(self, inputs: Tensor) -> Any:
        self.is_trained = self.is_trained or self.training
        burst = self.is_trained and not self.training
        return super().forward(inputs) * (math.inf if burst else 1)


def test_model_that_is_not_finite_on_test_sequences_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "worst_mistakes", lambda *_: [])
    row = one_row(Bursting, "infer")
    assert row.error is not None
    assert "on new sequences" in row.error


class Short(Net):
    def forward(self, inputs: Tensor) -> Any:
        if inputs.shape[1] > 8:
            raise IndexError("position 8 is out of range")
        return super().forward(inputs)


def test_model_that_cannot_read_longer_sequences_has_a_score_without_them() -> None:
    card = scorecard(Short, seeds=[0], skills=["parity"])
    (row,) = card.rows
    assert row.score is not None
    assert row.longer is None
    reason = "failed on longer sequences: IndexError: position 8 is out of range"
    assert row.remark == reason
    assert f"parity (seed 0): {reason}" in str(card)


class Exploding(Net):
    def forward(self, inputs: Tensor) -> Any:
        logits = super().forward(inputs)
        return logits * (math.nan if inputs.shape[1] > 8 else 1.0)


def test_model_that_explodes_on_longer_sequences_has_a_score_without_them() -> None:
    card = scorecard(Exploding, seeds=[0], skills=["parity"])
    (row,) = card.rows
    assert row.score is not None
    assert (row.longer, row.longer_accuracy) == (None, None)
    reason = "failed on longer sequences: the score is nan"
    assert row.remark == reason
    assert f"parity (seed 0): {reason}" in str(card)


def test_score_above_100_is_not_trusted() -> None:
    assert run._doubt(Estimate(100.9, 0.01)) is None
    assert run._doubt(Estimate(105.0, 2.0)) is None
    doubt = run._doubt(Estimate(105.0, 0.1))
    assert doubt is not None
    assert doubt.startswith("a score of 105.0 is impossible: the model can see its targets")


def test_threads_give_the_same_rows() -> None:
    with ThreadPoolExecutor(2) as pool:
        card = scorecard(make_net, seeds=[0, 3], skills=["parity", "infer"], executor=pool)
    assert card == scorecard(make_net, seeds=[0, 3], skills=["parity", "infer"])


def test_finished_rows_are_kept_and_failed_ones_retried(tmp_path: Path) -> None:
    path, made = tmp_path / "rows.jsonl", list[tuple[int, int]]()

    class Factory:
        failing = True

        def __call__(self, vocab: Vocab, seed: int) -> nn.Module:
            made.append((len(vocab), seed))
            if self.failing and len(vocab) == 3:  # parity
                raise RuntimeError("not yet")
            return Net(vocab, seed)

    factory = Factory()
    first = scorecard(factory, seeds=[0], skills=["parity", "infer"], path=path)
    assert [row.error is None for row in first] == [False, True]
    factory.failing, made[:] = False, []
    again = scorecard(factory, seeds=[0, 1], skills=["parity", "infer"], path=path)
    assert again.rows[2:3] == first.rows[1:]
    assert again.is_complete
    assert (4, 0) not in made  # infer, seed 0
    assert again.rows[0].error is None
    made.clear()
    assert scorecard(factory, seeds=[0, 1], skills=["parity", "infer"], path=path) == again
    assert made == []


def test_file_of_something_else_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(DataError) as caught:
        scorecard(make_net, seeds=[0], skills=["parity"], path=path)
    message = f"expected {path} to be the file of a score card, got another file; use another path"
    assert str(caught.value) == message
    assert path.read_text() == "my notes\n"


def test_file_of_other_code_or_another_card_is_rejected(
    tmp_path: Path, assert_error: AssertError
) -> None:
    path = tmp_path / "rows.jsonl"
    scorecard(make_net, seeds=[0], skills=["infer"], path=path)
    with pytest.raises(DataError, match="holds another score card"):
        scorecard(without_memory, seeds=[0], skills=["infer"], path=path)
    text = path.read_text().replace('"code": "', '"code": "0')
    path.write_text(text)
    with pytest.raises(DataError, match="holds a result of other code"):
        scorecard(make_net, seeds=[0], skills=["infer"], path=path)


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_killed_card_resumes_with_the_same_result(tmp_path: Path) -> None:
    options: dict[str, Any] = {"seeds": [0, 1, 2], "skills": ["parity", "infer"]}
    rows, path = scorecard(make_net, **options).rows, tmp_path / "rows.jsonl"
    chance, context, seen = random.Random(0), multiprocessing.get_context("fork"), b""
    for _ in range(4):
        process = context.Process(
            target=scorecard, args=(make_net,), kwargs={**options, "path": path}
        )
        process.start()
        process.join(chance.uniform(0.05, 0.6))
        process.kill()
        process.join()
        there = path.read_bytes() if path.exists() else b""
        assert there.startswith(seen)
        seen = there[: there.rfind(b"\n") + 1]
    assert scorecard(make_net, path=path, **options).rows == rows
    assert path.read_bytes().count(b"\n") == 1 + len(rows)
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_anywhere_in_a_card_keeps_finished_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    options: dict[str, Any] = {"seeds": [0, 1], "skills": ["infer"]}
    rows = scorecard(make_net, **options).rows

    def interrupted(number: int) -> int:
        path.unlink(missing_ok=True)
        with pressed_at_line(number) as lines, suppress(KeyboardInterrupt):
            card = scorecard(make_net, path=path, **options)
            assert card.rows == rows[: len(card)]
        there = path.read_bytes() if path.exists() else b""
        assert scorecard(make_net, path=path, **options).rows == rows
        assert path.read_bytes().startswith(there[: there.rfind(b"\n") + 1])
        return lines[0]

    for number in spread(interrupted, places=5):
        interrupted(number)


def test_full_disk_keeps_finished_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_error: AssertError
) -> None:
    path, flushes = tmp_path / "rows.jsonl", list[int]()
    options: dict[str, Any] = {"seeds": [0, 1], "skills": ["infer"], "path": path}

    def fails(descriptor: int) -> None:
        flushes.append(descriptor)
        if len(flushes) == 3:  # the header and the first row are flushed
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        message = f"can't write {path}: No space left on device; free some disk space. All "
        assert_error(
            lambda: scorecard(make_net, **options), ModelFileError,
            f"{message}previous rows are in it",
        )  # fmt: skip
    card = scorecard(make_net, **options)
    assert card.is_complete
    assert CardRow.from_json(path.read_text().splitlines()[1]) == card.rows[0]


def test_ctrl_c_returns_what_is_finished() -> None:
    def interrupted(vocab: Vocab, seed: int) -> nn.Module:
        if seed == 1:
            raise KeyboardInterrupt
        return Net(vocab, seed)

    card = scorecard(interrupted, seeds=[0, 1], skills=["parity", "infer"])
    assert len(card) == 2
    assert not card.is_complete
    assert "not run: 2 of 4 cells" in str(card)


def test_ctrl_c_during_training_is_not_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        stopped = "interrupted"

    monkeypatch.setattr(run, "fit", lambda *_, **__: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run_skill(SkillCell("infer", "quick", 0, 0.01, make_net))


def with_more(vocab: Vocab, seed: int, width: int) -> nn.Module:
    return Net(vocab, seed)


@pytest.mark.parametrize(
    ("factory", "got"),
    [
        (Net(Vocab("ab"), 0), "a Net; pass a class, or a function that returns a new model"),
        (
            with_more,
            "with_more(vocab: 'Vocab', seed: 'int', width: 'int') -> 'nn.Module': missing a "
            "required argument: 'width'; set its other arguments with functools.partial",
        ),
        (
            lambda vocab: None,
            "test_factory_that_cannot_be_called_is_rejected.<lambda>(vocab): too many positional "
            "arguments; set its other arguments with functools.partial",
        ),
    ],
    ids=["a model", "more", "fewer"],
)
def test_factory_that_cannot_be_called_is_rejected(factory: Any, got: str) -> None:
    with pytest.raises((OptionError, InputTypeError)) as caught:
        scorecard(factory)
    message = str(caught.value)
    assert message.startswith(FORM)
    assert message.endswith(got.partition("test_factory")[2].partition("<lambda>")[2] or got)


def test_result_of_a_factory_is_checked() -> None:
    row = one_row(lambda vocab, seed: [1])
    expected = "InputTypeError: expected make_model to return a torch.nn.Module, got a list"
    assert (row.error or "").startswith(expected)
    row = one_row(lambda vocab, seed: nn.Identity())
    assert "a model with trainable parameters" in (row.error or "")


def test_factory_must_return_a_new_model_each_time() -> None:
    with torch.random.fork_rng(devices=[]):
        model = Net(list_skills()["parity"].make_task("quick").vocab, 0)
    first, second = scorecard(lambda vocab, seed: model, seeds=[0, 1], skills=["parity"]).rows
    message = "OptionError: expected make_model to return a new model at each call, got one that"
    assert (first.error or "").startswith(message)  # at its second learning rate
    assert (second.error or "").startswith(message)


def test_factory_without_a_signature_is_called_by_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_signature(_: object) -> None:
        raise ValueError

    monkeypatch.setattr("seqtoys.scorecards.factory.signature", no_signature)
    assert one_row(make_net).error is None


def test_seed_is_passed_by_name_if_there_is_one() -> None:
    assert make(ElmanCharModel, Vocab("ab"), 5).seed == 5
    with torch.random.fork_rng(devices=[]):
        assert isinstance(make(lambda v, s: Net(v, s), Vocab("ab"), 5), Net)


def test_factory_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_factories.py").write_text("class A:\n    def make(vocab, seed): pass\nONE = 1\n")
    Path("my_broken.py").write_text("1 / 0\n")
    Path("my_script.py").write_text("raise SystemExit(7)\n")
    assert import_factory("my_factories:A.make").__name__ == "make"
    for path, message in (
        ("make_model", "expected module:name, such as mypackage.mymodule:make_model, got 'make"),
        ("my_factories:B", "cannot find 'B' in my_factories; expected module:name"),
        ("my_factories:ONE", f"{FORM}, got 1; pass a class, or a function that"),
        (
            "my_broken:make",
            "cannot import my_broken: ZeroDivisionError: division by zero; fix the error in that "
            "module",
        ),
        (
            "my_missing:make",
            "cannot import my_missing: ModuleNotFoundError: No module named 'my_missing'; run the "
            "command in the folder that contains the package, or install it",
        ),
        (
            "my_script:make",
            'cannot import my_script: SystemExit: 7; run its commands only if __name__ == "__main',
        ),
        (
            "folder/my_broken.py:make",
            "expected the name of a module, such as folder.my_broken:make, got the file folder/my",
        ),
    ):
        with pytest.raises(OptionError) as caught:
            import_factory(path)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "slow"}, "expected level to be 'quick' or 'full', got 'slow'"),
        ({"skills": ["dance"]}, "expected skills to be 'parity', 'latch' or 'infer', got 'dance'"),
        ({"skills": ["parit"]}, "no skill is named 'parit'; did you mean 'parity'?"),
        ({"skills": [["parity"]]}, "expected skills to be 'parity', 'latch' or 'infer', got ['p"),
        ({"skills": []}, "expected one or more different skills, got []"),
        ({"skills": ["infer", "infer"]}, "expected one or more different skills, got ['infer'"),
        ({"seeds": [1, 1]}, "expected one or more distinct seeds, got [1, 1]"),
    ],
)
def test_bad_options(options: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        scorecard(make_net, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("level", ["Quick", "fulll", torch.ones(2), ["full"]], ids=str)
def test_misspelled_level_is_not_taken_for_the_full_one(
    level: Any, assert_error: AssertError
) -> None:
    skill, message = list_skills()["parity"], "expected level to be 'quick' or 'full', got "
    for call in (
        skill.recipe, skill.make_task, skill.make_training_task, ScoreCard.references,
    ):  # fmt: skip
        assert_error(partial(call, level), OptionError, message + quoted(level))
    with pytest.raises(DataError, match="expected a card of level quick or full"):
        ScoreCard("net", level, ["parity"], [0], [])


def test_name_of_one_skill_is_not_read_letter_by_letter(assert_error: AssertError) -> None:
    message = "expected skills to be a list, got a string; pass ['parity']"
    assert_error(lambda: scorecard(make_net, skills="parity"), InputTypeError, message)


class Stateful(Net):
    state: Any = None

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs), self.state


class Steps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.readout = nn.Linear(3, 2)

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, 3)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.readout(hidden), hidden


def test_state_is_counted() -> None:
    inputs, vocab = torch.tensor([[0, 1, 0], [1, 1, 1]]), Vocab("ab")
    with torch.random.fork_rng(devices=[]):
        model = Stateful(vocab, 0)
        steps = Steps()
    assert state_size(model, inputs) is None
    assert state_size(steps, inputs) == 3
    model.state = {"h": torch.zeros(1, 4), "conv": [torch.zeros(1, 2, 3)]}
    assert state_size(model, inputs) == 10
    model.state = torch.zeros(1, 5, dtype=torch.complex64), None
    assert state_size(model, inputs) == 10  # a complex number is two


def test_worst_mistakes_are_shown_in_their_place() -> None:
    skill: Skill = list_skills()["parity"]
    task = skill.make_task("quick")
    batch = task.sample(30, length=5)

    class Wrong(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            odd = inputs[:, :5].sum(1) % 2
            answer = torch.where(inputs[:, 0] == 1, 1 - odd, odd)  # wrong after a first 1
            return 3.0 * nn.functional.one_hot(answer, 3).float().unsqueeze(1).expand(-1, 6, -1)

    shown = worst_mistakes(Wrong(), task, [batch, batch])
    assert len(set(shown)) == len(shown) == 3
    for text in shown:
        inputs, targets, predicted, mark, chances = text.split("\n")
        assert inputs.startswith("inputs     1")
        assert inputs.endswith("=")
        bits = [int(bit) for bit in inputs.removeprefix("inputs     ")[:5]]
        assert targets == f"targets    ·····{sum(bits) % 2}"
        assert predicted == f"predicted  ·····{1 - sum(bits) % 2}"
        assert mark == " " * 16 + "^"
        share = 1 / (2 + math.exp(3))
        assert chances.startswith(f"probability of the target: model {share:.1%}, optimum 100.0%")


def test_long_mistakes_are_cut_around_the_mistake() -> None:
    task = list_skills()["latch"].make_task("quick")
    batch = task.sample(4, length=199)

    class Never(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return torch.zeros(*inputs.shape, 5).index_fill(2, torch.tensor([3, 4]), -9.0)

    for text in worst_mistakes(Never(), task, [batch]):
        lines = text.split("\n")
        assert max(map(len, lines)) <= 85
        assert "…" in lines[0]
        place = lines[3].index("^")
        assert lines[0][place] == "r"
        assert lines[1][place] in "01"


def test_card_survives_json(tmp_path: Path) -> None:
    rows = [
        CardRow(
            "parity", "quick", 0, score=Estimate(99.5, 0.1), longer=Estimate(-12.0, math.inf),
            tried=[(0.01, math.nan), (0.003, 99.5)], curve=[(5, 0.7), (10, 0.1)],
            mistakes=["inputs  1"], solved=True, seconds=1.5, versions={"code": "1"}, lr=0.003,
        ),
        CardRow("parity", "quick", 1, error="MemoryError: full"),
    ]  # fmt: skip
    card = ScoreCard("net", "quick", ["parity"], [0, 1], rows, {"date": "2026-01-01"})
    again = ScoreCard.from_json(card.to_json(tmp_path / "card.json"))
    assert again.to_json() == card.to_json() == (tmp_path / "card.json").read_text()
    assert again.facts == card.facts
    assert math.isnan(again.rows[0].tried[0][1])
    assert again.rows[0].longer is not None
    assert math.isnan(again.rows[0].longer.standard_error)
    assert again.rows[1] == card.rows[1]
    assert json.loads(card.to_json())["scorecard"]["model"] == "net"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"scorecard": {"rows": [1]}}', "null"])
def test_other_json_is_rejected(text: str) -> None:
    with pytest.raises(DataError, match=r"expected a (score card|row)"):
        ScoreCard.from_json(text)
    with pytest.raises(DataError, match="expected a row of a score card"):
        CardRow.from_json(text)


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "expected score to be finite or None, got nan": {"score": Estimate(math.nan, 1.0)},
    "expected longer to be finite or None, got -inf": {"longer": Estimate(-math.inf)},
    "expected optimum < memoryless, or both None, got 0.5 and 0.5": {
        "optimum": 0.5, "memoryless": 0.5,
    },
    "expected optimum < memoryless, or both None, got None and 0.5": {"memoryless": 0.5},
    "expected optimum < memoryless, or both None, got 0.0 and inf": {
        "optimum": 0.0, "memoryless": math.inf,
    },
    "expected a curve with increasing updates, got [0]": {"curve": [(0, 0.5)]},
    "expected a curve with increasing updates, got [5, 5]": {"curve": [(5, 0.5), (5, 0.4)]},
}  # fmt: skip


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_impossible_row_is_rejected(message: str, assert_error: AssertError) -> None:
    assert_error(lambda: CardRow("parity", "quick", 0, **IMPOSSIBLE[message]), DataError, message)


@pytest.mark.parametrize("kind", ["another level", "another seed", "another skill", "twice"])
def test_row_that_does_not_belong_to_its_card_is_rejected(kind: str) -> None:
    row = CardRow("parity", "quick", 0)
    other = {
        "another level": [replace(row, level="full")],
        "another seed": [replace(row, seed=3)],
        "another skill": [replace(row, skill="latch")],
        "twice": [row, row],
    }
    with pytest.raises(DataError, match="expected at most one row for each of the card's skills"):
        ScoreCard("net", "quick", ["parity"], [0], other[kind])


def test_forged_card_is_rejected_or_shown() -> None:
    rows = [
        CardRow(
            "parity", "quick", seed, 0.01, Estimate(99.5, 0.1), Estimate(12.0, 3.0), 0.9, 0.5,
            True, 200, 1.5, 3.0, 900, 32, [(0.01, 99.5)], [(n + 1, 0.5) for n in range(11)],
            0.7, 0.0, ["inputs  1"], "doubtful", None, {"code": "1"},
        )
        for seed in (0, 1)
    ]  # fmt: skip
    card = ScoreCard("net", "quick", ["parity"], [0, 1], rows, {"recipes": "1"})
    chance, facts, shown = random.Random(0), json.loads(card.to_json()), 0
    for _ in range(400):
        text = json.dumps(forge(facts, chance))
        try:
            forged = ScoreCard.from_json(text)
        except DataError:
            continue
        shown += 1
        assert str(forged)
        assert forged._repr_html_()
        assert forged.to_html(references=False)
        assert ScoreCard.from_json(forged.to_json()).to_json() == forged.to_json()
    assert 20 < shown < 300


def test_card_of_other_skills_is_rejected() -> None:
    with pytest.raises(DataError, match=r"got 'quick' with \['dance'\]"):
        ScoreCard("net", "quick", ["dance"], [0], [])
    level: Any = "slow"
    with pytest.raises(DataError, match="got 'slow' with"):
        ScoreCard("net", level, ["parity"], [0], [])
