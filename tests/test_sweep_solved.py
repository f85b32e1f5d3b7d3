"""Which rows count as solved, which can't be trusted, and how failing seeds are handled."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import OptionError
from seqtoys.results import Estimate, SweepResult, SweepRow
from seqtoys.tasks.task import Task

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel", "oil"]
HEADS_OR_TAILS = Text(["hihe", "hiho"])  # the last symbol is random: optimum ln(2) / 3
REBER = get_task("reber")
SIZED = partial(ElmanEnsemble, hidden_size=12)  # with a readout, so that any loss can be reached
ONE: dict[str, Any] = {"grid": {}, "seeds": [0], "count": 100, "longer": []}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def test_task_with_a_positive_optimum_can_be_solved() -> None:
    assert HEADS_OR_TAILS.optimum == pytest.approx(math.log(2) / 3)
    options: dict[str, Any] = {"lr": 0.05, **ONE, "seeds": [0, 1], "count": 1000}
    for epochs, solved in ((150, True), (5, False)):
        rows = sweep(SIZED, HEADS_OR_TAILS, epochs=epochs, **options).rows
        ensemble = SIZED(HEADS_OR_TAILS.vocab, [0, 1])
        history = fit(ensemble, HEADS_OR_TAILS, epochs=epochs, lr=0.05)
        excess = history.loss - torch.tensor(history.optimum).unsqueeze(1)
        for replica, row in enumerate(rows):
            assert (row.solved, row.goal) == (solved, 0.01)
            assert row.accuracy is not None
            assert row.accuracy < 1
            near = (excess[:, replica] <= 0.01).nonzero().flatten() + 1
            assert row.epochs_to_solve == (int(near[0]) if solved else None)


def test_one_lucky_batch_does_not_count_as_solved() -> None:
    options: dict[str, Any] = {"lr": 0.02, "epochs": 150, "batch_size": 4, "until": 0.05}
    make = partial(ElmanEnsemble, hidden_size=16)
    result = sweep(make, REBER, grid={}, seeds=range(20), count=500, longer=[], **options)
    ensemble = make(REBER.vocab, range(20))
    stopped = fit(ensemble, REBER, **options).stopped
    reports = evaluate(ensemble, REBER, count=500, longer=[])
    for row, why, report in zip(result, stopped, reports, strict=True):
        excess = report.seen.excess
        assert (row.stopped, row.excess) == (why, excess)
        assert row.solved == (excess + 2 * excess.standard_error <= 0.05)
        assert row.goal == 0.05
    lucky = [row for row in result if row.stopped == "excess" and row.solved is False]
    assert len(lucky) > 5
    assert "at most 0.05" in str(result)


def test_goal_may_differ_from_until() -> None:
    options: dict[str, Any] = {"lr": 0.05, "epochs": 100, "until": 0.02, **ONE}
    strict, mild = (
        sweep(SIZED, HEADS_OR_TAILS, goal=goal, **options).rows[0] for goal in (1e-4, 0.1)
    )
    assert (strict.goal, strict.solved, strict.epochs_to_solve) == (1e-4, False, None)
    assert (mild.goal, mild.solved, mild.stopped) == (0.1, True, "excess")
    assert strict.excess == mild.excess
    losses = fit(SIZED(HEADS_OR_TAILS.vocab, [0]), HEADS_OR_TAILS, lr=0.05, epochs=100)[0]
    excess = [a - b for a, b in zip(losses.loss, losses.optimum, strict=True)]
    assert mild.epochs_to_solve == next(at for at, e in enumerate(excess, 1) if e <= 0.1)


def test_few_sequences_give_no_excess_error() -> None:
    options: dict[str, Any] = {**ONE, "epochs": 150, "lr": 0.05, "goal": 0.5}
    few, enough = (
        sweep(SIZED, HEADS_OR_TAILS, **{**options, "count": count}).rows[0] for count in (19, 20)
    )
    assert (few.solved, few.remark) == (False, None)
    assert few.excess is not None
    assert enough.excess is not None
    assert math.isnan(few.excess.standard_error)
    assert few.to_record()["excess_error"] is None
    assert enough.excess.standard_error > 0
    assert repr(vars(SweepRow.from_json(few.to_json()))) == repr(vars(few))
    assert enough.solved


@pytest.mark.usefixtures("untraced")
def test_goal_is_measured_from_the_unsplit_source() -> None:
    """Few strings of dyck are frequent, so knowing the split lowers the loss a lot."""
    make = partial(ElmanEnsemble, hidden_size=16)
    options: dict[str, Any] = {"epochs": 150, "lr": 0.02, "keep": "last"}
    dyck = get_task("dyck")
    grid = {"validation": [0.2]}
    rows = sweep(make, dyck, grid=grid, seeds=[0, 1], goal=0.05, longer=[], **options).rows
    ensemble = make(dyck.vocab, [0, 1])
    fit(ensemble, dyck, validation=0.2, **options)
    beyond = []
    for row, report in zip(
        rows, evaluate(ensemble, dyck.held_out(0.2)[0], longer=[]), strict=True
    ):
        seen = report.seen
        assert (row.excess, row.goal, row.remark) == (seen.excess, 0.05, None)
        assert seen.source_loss is not None
        from_source = seen.loss - seen.source_loss
        assert row.solved == (from_source + 2 * seen.excess.standard_error <= 0.05)
        beyond.append(row.solved and seen.excess > 0.05)
    assert any(beyond)


class Dropping(nn.Module):
    """A model with dropout."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(len(vocab), 16, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.readout = nn.Linear(16, len(vocab))
        self.size = len(vocab)

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        states, state = self.rnn(F.one_hot(inputs, self.size).float(), state)
        return self.readout(self.dropout(states)), state


KEPT: list[nn.Module] = []


def kept(vocab: Vocab, seed: int) -> nn.Module:
    KEPT.append(Dropping(vocab, seed))
    return KEPT[-1]


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("stepwise", [False, True])
def test_given_data_are_measured_with_the_final_weights(
    batch_size: int | None, stepwise: bool
) -> None:
    """With dropout and minibatches, a training loss belongs to no single set of weights."""
    make, models = kept, KEPT
    if stepwise:
        models = []

        def make(vocab: Vocab, seed: int) -> nn.Module:
            models.append(ElmanCharModel(vocab, seed=seed, hidden_size=16))
            return models[-1]

    options: dict[str, Any] = {"lr": 0.02, "epochs": 200, "vocab": VOCAB, "goal": 0.05}
    options |= {"batch_size": batch_size, "stepwise": stepwise}
    row = sweep(make, TEXTS, **{**ONE, **options}).rows[0]
    batch = Batch.from_texts(TEXTS, VOCAB)
    with torch.no_grad():
        logits = models[-1].eval()(batch.inputs)[0].double()
    loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()).item()
    hits = (logits.argmax(-1) == batch.targets)[batch.scored]
    assert row.loss == pytest.approx(loss, rel=1e-6)
    assert row.accuracy == pytest.approx(float(hits.double().mean()), rel=1e-12)
    assert row.optimum is not None
    assert row.excess == pytest.approx(loss - row.optimum, rel=1e-5)
    assert row.excess is not None
    assert row.excess.is_exact
    assert loss - row.optimum <= 0.05
    assert row.solved


@pytest.mark.parametrize("until", [None, "solved", 0.5])
def test_long_text_is_measured_with_the_final_weights(until: Any) -> None:
    text = "hello hi " * 20
    vocab = Vocab.from_text(text)
    options: dict[str, Any] = {"chunk": 6, "validation": 0.2, "epochs": 30, "lr": 0.02}
    row = sweep(kept, text, vocab=vocab, until=until, **ONE, **options).rows[0]
    indices = vocab.encode(text).unsqueeze(0)
    for part, loss, accuracy in (
        (indices[:, :144], row.loss, row.accuracy),
        (indices[:, 144:], row.unseen_loss, row.unseen_accuracy),
    ):
        with torch.no_grad():
            logits = KEPT[-1].eval()(part[:, :-1])[0][0]
        targets = part[0, 1:]
        assert loss == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-5)
        hits = (logits.argmax(-1) == targets).double().mean()
        assert accuracy == pytest.approx(float(hits), rel=1e-9)
    assert (row.optimum, row.goal) == (0.0, 0.5 if until == 0.5 else None)
    assert row.accuracy is not None
    assert row.loss is not None
    assert row.solved is (row.loss <= 0.5 if until == 0.5 else row.accuracy > 1 - 1e-9)
    assert (row.epochs_to_solve is not None) is row.solved


class LooksAhead(nn.Module):
    """A bidirectional model."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), 8)
        self.gru = nn.GRU(8, 8, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(16, len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.gru(self.embedding(inputs))[0])
        return logits


@pytest.mark.parametrize("data", [HEADS_OR_TAILS, TEXTS], ids=["task", "texts"])
def test_model_below_the_optimum_is_not_solved(data: Any) -> None:
    # With one more symbol, looking ahead reveals every target but the last.
    data = Text(["hihei", "hihoi"], vocab=VOCAB) if isinstance(data, Task) else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sweep(
            LooksAhead, data, vocab=VOCAB, epochs=200, lr=0.05, **{**ONE, "seeds": [0, 1]}
        )
    for row in result:
        assert row.excess is not None
        assert row.excess < -0.1
        assert (row.solved, row.epochs_to_solve) == (False, None)
        assert str(row.remark).startswith("below the optimum by ")
    nats = f"{-result.rows[0].excess:.4g} nats"  # type: ignore[operator]
    errors = "standard errors"
    assert (errors if isinstance(data, Task) else nats) in str(result.rows[0].remark)
    assert "2 of 2 rows can't be trusted:\nseed=0: below the optimum by " in str(result)
    assert result.solve_rate.count == 0
    assert SweepRow.from_json(result.rows[0].to_json()) == result.rows[0]


class InfiniteLoss(nn.Module):
    """A model that gives a symbol probability 0, so that its loss is infinite."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__()
        self.logits = nn.Embedding(len(vocab), len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.logits(inputs)
        if self.training:
            return logits
        return logits.masked_fill(torch.arange(logits.shape[-1]) == 0, -math.inf)


class NanInEvaluation(InfiniteLoss):
    """A model whose logits are nan in evaluation mode."""

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.logits(inputs)
        return logits if self.training else logits * math.nan


class NanInTraining(InfiniteLoss):
    """A model whose logits are nan in training mode."""

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.logits(inputs)
        return logits * math.nan if self.training else logits


def test_infinite_and_nan_losses_have_no_excess_error() -> None:
    row = sweep(InfiniteLoss, HEADS_OR_TAILS, epochs=2, **ONE).rows[0]
    assert (row.loss, row.excess) == (math.inf, math.inf)
    assert row.excess is not None
    assert math.isnan(row.excess.standard_error)
    assert (row.solved, row.stopped, row.error) == (False, "epochs", None)
    for diverging in (NanInEvaluation, NanInTraining):
        row = sweep(diverging, HEADS_OR_TAILS, epochs=2, **ONE).rows[0]
        assert row == SweepRow({}, 0, solved=False, stopped="diverged")


def test_impossible_longer_lengths_raise_before_training(assert_error: ErrorCheck) -> None:
    def never(vocab: Vocab, seed: int) -> nn.Module:
        raise AssertionError

    whole = get_task("dyck")
    for task in (whole, whole.held_out(0.2)[0]):
        with pytest.raises(OptionError, match="dyck has no sequence of length 38: "):
            sweep(never, task, grid={}, longer=[9, 38])


@pytest.mark.parametrize("goal", [0, -1.0, math.inf, math.nan])
def test_invalid_goals_raise(goal: float, assert_error: ErrorCheck) -> None:
    assert_error(
        lambda: sweep(ElmanEnsemble, REBER, grid={}, goal=goal),
        OptionError,
        f"expected goal to be a positive finite number of nats, got {goal!r}",
    )


CALLS: list[int] = []


def fragile(vocab: Vocab, seed: int, hidden_size: int) -> ElmanCharModel:
    CALLS.append(seed)
    if seed == 1 and hidden_size == 2 and BAD:
        raise RuntimeError("one is a bad seed")
    if seed == 4 and BAD:
        raise KeyboardInterrupt
    return ElmanCharModel(vocab, hidden_size=hidden_size, seed=seed)


BAD = [True]


def test_failing_seed_fails_alone_and_ctrl_c_keeps_finished_seeds(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    options: dict[str, Any] = {**ONE, "grid": {"hidden_size": [2, 3]}, "epochs": 2, "path": path}
    # Its updates are not elementwise, so the seeds of a setting are trained one after another.
    options["optimizer"] = torch.optim.Adafactor
    CALLS.clear()
    result = sweep(fragile, HEADS_OR_TAILS, **{**options, "seeds": [0, 1, 2]})
    assert [row.error is None for row in result] == [True, False, True, True, True, True]
    assert str(result.rows[1].error).startswith("RuntimeError: one is a bad seed (")
    assert result.solve_rate.trials == 5
    note = "1 of 6 runs failed:\nhidden_size=2, seed=1: RuntimeError: one is a bad seed"
    assert note in str(result)
    CALLS.clear()
    BAD.clear()
    try:
        again = sweep(fragile, HEADS_OR_TAILS, **{**options, "seeds": [0, 1, 2]})
    finally:
        BAD.append(True)
    assert CALLS == [1]
    assert all(row.error is None for row in again)
    assert [row for row in again if row.error] == []
    stopped = sweep(fragile, HEADS_OR_TAILS, **{**options, "path": None, "seeds": [0, 2, 4, 5]})
    assert [row.seed for row in stopped] == [0, 2]
    assert stopped.rows == [again.rows[0], again.rows[2]]
    assert str(stopped).endswith(
        "1 of 2 settings were not run\n\n2 of 4 seeds of the other settings were not run"
    )
    assert stopped.where(hidden_size=2).seeds == [0, 2, 4, 5]


def test_ctrl_c_keeps_the_settings_whose_seeds_were_trained_together() -> None:
    def make(vocab: Vocab, seed: int, hidden_size: int) -> ElmanCharModel:
        if hidden_size == 3:
            raise KeyboardInterrupt
        return ElmanCharModel(vocab, hidden_size=hidden_size, seed=seed)

    options: dict[str, Any] = {**ONE, "grid": {"hidden_size": [2, 3]}, "epochs": 2}
    stopped = sweep(make, HEADS_OR_TAILS, **{**options, "seeds": [0, 2]})
    assert [(row.settings["hidden_size"], row.seed) for row in stopped] == [(2, 0), (2, 2)]
    assert str(stopped).endswith("1 of 2 settings were not run")


def test_make_model_returning_an_ensemble_for_one_seed_fails() -> None:
    def make(vocab: Vocab, seed: int) -> ElmanEnsemble:
        return ElmanEnsemble(vocab, [seed, seed + 1])

    row = sweep(make, HEADS_OR_TAILS, **ONE).rows[0]
    assert row.error == "OptionError: expected one model, got a ElmanEnsemble of 2"


@pytest.mark.usefixtures("unchecked")
def test_make_model_returning_no_model_fails() -> None:
    make: Any = lambda vocab, seed: "model"  # noqa: E731
    row = sweep(make, HEADS_OR_TAILS, **ONE).rows[0]
    assert str(row.error).startswith("InputTypeError: expected model to be a ")


def test_make_model_returning_a_trained_model_fails() -> None:
    model = ElmanCharModel(HEADS_OR_TAILS.vocab)
    rows = sweep(lambda vocab, seed: model, HEADS_OR_TAILS, **{**ONE, "seeds": [0, 1]}).rows
    assert rows[0].error is None
    message = (
        "OptionError: expected make_model to return a new model at each call, got one that another"
    )
    assert str(rows[1].error).startswith(message)


def test_error_without_a_message_fails_only_its_seed() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def make(vocab: Vocab, seed: int) -> ElmanCharModel:
        if seed == 0:
            raise Mute
        return ElmanCharModel(vocab, seed=seed)

    rows = sweep(make, HEADS_OR_TAILS, **{**ONE, "seeds": [0, 1], "epochs": 2}).rows
    message = "Mute: its message can't be shown (test_sweep_solved.py, line "
    assert str(rows[0].error).startswith(message)
    assert rows[1].error is None


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_shut_down_executor_raises(kind: Any, assert_error: ErrorCheck) -> None:
    executor = kind(1)
    executor.shutdown()
    assert_error(
        lambda: sweep(ElmanEnsemble, HEADS_OR_TAILS, executor=executor, **ONE),
        OptionError,
        "expected an executor that accepts work, got an error: cannot schedule new futures after "
        "shutdown",
    )


def test_cells_have_an_error_if_the_executor_is_shut_down() -> None:
    class ShutDown(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.submitted:
                future = Future[Any]()
                future.cancel()
                future.set_running_or_notify_cancel()
                return future
            self.submitted = True
            return super().submit(fn, *args, **kwargs)

        submitted = False

    with ShutDown(1) as executor:
        two: Any = {**ONE, "grid": {"hidden_size": [2, 3]}, "seeds": [0]}
        rows = sweep(ElmanCharModel, HEADS_OR_TAILS, executor=executor, **two).rows
    assert rows[0].error is None
    assert rows[1].error == "CancelledError: the executor was shut down before this ran"


def test_notes_list_a_few_rows_and_every_goal() -> None:
    rows = [
        SweepRow(
            {"until": until}, seed, loss=Estimate(0.5), goal=until, remark="odd", solved=False
        )
        for until in (0.1, 0.05)
        for seed in range(4)
    ]
    rows.append(SweepRow({"until": 0.05}, 4, loss=Estimate(0.5), solved=True))
    assert str(SweepResult(rows, {"until": [0.1, 0.05]})).splitlines()[-9:] == [
        "solved: every scored symbol is predicted; or excess plus two standard errors is at most "
        "0.05 or 0.1",
        "",
        "8 of 9 rows can't be trusted:",
        *(f"until=0.1, seed={seed}: odd" for seed in range(4)),
        "until=0.05, seed=0: odd",
        "and 3 more",
    ]
