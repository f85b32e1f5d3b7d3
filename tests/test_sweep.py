"""sweep gives the same rows as fit and evaluate, wherever cells run and whatever fails."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import (
    Batch,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import DataError, InputTypeError, MissingPackageError, OptionError
from seqtoys.results import Estimate, Proportion, SweepResult, SweepRow
from seqtoys.sweeps import plan
from seqtoys.sweeps.journal import Journal

VOCAB = Vocab("hielo")
PAIR = ("hihell", "ihello")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel", "oil"]
TASK = Text(["hihello"])
PARITY = get_task("parity")
GRID = {"lr": [0.02, 0.05], "hidden_size": [3, 5]}
QUICK: dict[str, Any] = {
    "grid": GRID,
    "seeds": range(4),
    "epochs": 3,
    "batch_size": 8,
    "count": 32,
    "longer": [9],
}
QUICK_TEXT: dict[str, Any] = {**QUICK, "longer": []}  # TASK has sequences of one length only
WORD: dict[str, Any] = {"grid": GRID, "seeds": range(4), "epochs": 3, "vocab": VOCAB}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and killed")


def double_ensemble(vocab: Vocab, seeds: Any, **options: Any) -> ElmanEnsemble:
    return ElmanEnsemble(vocab, seeds, **options).double()


def double_model(vocab: Vocab, seed: int, **options: Any) -> ElmanCharModel:
    return ElmanCharModel(vocab, seed=seed, **options).double()


class GRU(nn.Module):
    """A user's model."""

    def __init__(self, vocab: Vocab, seed: int, units: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(len(vocab), units)
            self.gru = nn.GRU(units, units, batch_first=True)
            self.readout = nn.Linear(units, len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.gru(self.embedding(inputs))[0])
        return logits


def fragile(vocab: Vocab, seeds: Any, hidden_size: int) -> ElmanEnsemble:
    """Raise with 3 units and kill the worker with 4, if the file named by BAD exists."""
    if hidden_size == 3 and Path(os.environ["BAD"]).exists():
        raise RuntimeError("three units are too few")
    if hidden_size == 4 and Path(os.environ["BAD"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return ElmanEnsemble(vocab, seeds, hidden_size=hidden_size)


def test_rows_match_fit() -> None:
    result = sweep(
        partial(ElmanEnsemble, nonlinearity="tanh"),
        PAIR,
        grid={"lr": [0.02, 0.05], "hidden_size": [None, 3]},
        seeds=[5, 1, 7],
        vocab=VOCAB,
        epochs=40,
    )
    rows = iter(result)
    for lr in (0.02, 0.05):
        for hidden_size in (None, 3):
            ensemble = ElmanEnsemble(VOCAB, [5, 1, 7], hidden_size=hidden_size)
            history = fit(ensemble, PAIR, epochs=40, lr=lr)
            logits = ensemble(VOCAB.encode_batch([PAIR[0]]))[0]  # (3, 1, 6, 5), final weights
            targets = VOCAB.encode(PAIR[1])
            for replica, seed in enumerate([5, 1, 7]):
                alone, row = history[replica], next(rows)
                right = [
                    epoch for epoch, accuracy in enumerate(alone.accuracy, 1) if accuracy == 1
                ]
                assert row.settings == {"lr": lr, "hidden_size": hidden_size}
                assert row.seed == seed
                accuracy = float((logits[replica, 0].argmax(-1) == targets).double().mean())
                loss = F.cross_entropy(logits[replica, 0].double(), targets).item()
                assert (row.solved, row.stopped) == (accuracy == 1, "epochs")
                assert row.epochs_to_solve == ([*right, 40][0] if accuracy == 1 else None)
                assert row.loss == pytest.approx(loss, rel=1e-12)
                assert row.accuracy == accuracy
                whole = bool((logits[replica, 0].argmax(-1) == targets).all())
                assert row.whole_accuracy == float(whole)
                assert (row.optimum, row.excess) == (0.0, row.loss)
                found = (row.loss, row.excess, row.accuracy, row.whole_accuracy)
                assert all(each is not None and each.is_exact for each in found)
                assert row.parameters == sum(p.numel() for p in ensemble[replica].parameters())
                assert (row.goal, row.remark) == (None, None)
                assert (row.unseen_loss, row.longer_accuracy, row.error) == (None, {}, None)
                assert row.seconds > 0
    assert len(result) == 12
    assert {row.solved for row in result} == {True, False}


def test_rows_of_a_task_match_evaluate() -> None:
    options: dict[str, Any] = {"lr": 0.01, "validation": 0.3, "batch_size": 8, "epochs": 20}
    grid: dict[str, Any] = {"hidden_size": [6], "lengths": [(1, 5), Curriculum(9)]}
    result = sweep(
        ElmanEnsemble, PARITY, grid=grid, seeds=[1, 2], count=40, longer=[30], **options
    )
    assert result.grid["lengths"] == [[1, 5], repr(Curriculum(9))]
    ensemble = ElmanEnsemble(PARITY.vocab, [1, 2], hidden_size=6)
    history = fit(ensemble, PARITY, lengths=(1, 5), **options)
    reports = evaluate(ensemble, PARITY.held_out(0.3)[0], count=40, longer=[30])
    rows = result.where(lengths=(1, 5)).rows
    for row, report, stopped in zip(rows, reports, history.stopped, strict=True):
        assert (row.loss, row.optimum) == (report.seen.loss, report.seen.optimum)
        longer = report.longer[30]
        pairs = [
            *((row.loss, report.seen.loss), (row.unseen_loss, report.unseen.loss)),
            *((row.excess, report.seen.excess), (row.unseen_excess, report.unseen.excess)),
            *((row.accuracy, report.seen.accuracy), (row.unseen_accuracy, report.unseen.accuracy)),
            (row.whole_accuracy, report.seen.whole_accuracy),
            (row.unseen_whole_accuracy, report.unseen.whole_accuracy),
            (row.longer_excess[30], longer.excess),
            (row.longer_accuracy[30], longer.accuracy),
            (row.longer_whole_accuracy[30], longer.whole_accuracy),
        ]
        assert [repr(mine) for mine, _ in pairs] == [repr(reported) for _, reported in pairs]
        assert all(reported.standard_error > 0 for _, reported in pairs)
        assert row.parameters == sum(each.numel() for each in ensemble[0].parameters())
        assert (row.stopped, row.solved) == (stopped, False)
    record = rows[0].to_record()
    assert record["accuracy_at_30"] == rows[0].longer_accuracy[30]
    assert record["excess_at_30_error"] == rows[0].longer_excess[30].standard_error
    again = SweepRow.from_json(rows[0].to_json())
    assert (again, repr(vars(again))) == (rows[0], repr(vars(rows[0])))


@pytest.mark.parametrize("data", [TASK, TEXTS], ids=["task", "texts"])
def test_seeds_trained_together_match_single_models(data: Any) -> None:
    options: dict[str, Any] = {
        "grid": {"hidden_size": [2, 4], "until": ["solved", 0.6]},
        "seeds": [0, 3],
        "vocab": VOCAB if data is TEXTS else None,
        "validation": 0.3 if data is TEXTS else None,
        "epochs": 30,
        "lr": 0.05,
        "count": 32,
    }
    together, alone = (sweep(make, data, **options) for make in (double_ensemble, double_model))
    for row, single in zip(together, alone, strict=True):
        for name, value in row.to_record().items():
            expected = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            assert single.to_record()[name] == expected or name == "seconds", name
    assert {row.stopped for row in together} >= {"epochs", "excess"}
    assert all((row.epochs_to_solve is not None) == row.solved for row in together)


def test_task_is_solved_if_fresh_sequences_are() -> None:
    history = fit(ElmanCharModel(TASK.vocab), TASK, epochs=100, lr=0.05, until="solved")
    epochs = len(history) - 1  # the last update solves it
    options: dict[str, Any] = {"grid": {"lr": [0.05]}, "seeds": [0], "count": 32}
    row = sweep(ElmanCharModel, TASK, epochs=epochs, **options).rows[0]
    assert (row.solved, row.epochs_to_solve, row.stopped) == (True, epochs, "epochs")
    lucky = sweep(
        ElmanCharModel, PARITY, epochs=99, until="solved", batch_size=1, longer=[], **options
    )
    assert (lucky.rows[0].stopped, lucky.rows[0].solved) == ("solved", False)


def test_user_defined_models_are_trained_as_alone() -> None:
    result = sweep(GRU, TASK, grid={"units": [4]}, seeds=[2, 3], epochs=10, lr=0.1)
    for row in result:
        model = GRU(TASK.vocab, row.seed, 4)
        fit(model, TASK, epochs=10, lr=0.1)
        assert row.loss == pytest.approx(evaluate(model, TASK).seen.loss, rel=1e-5)


@torch.no_grad()
def spoilt_ensemble(vocab: Vocab, seeds: Any, **options: Any) -> ElmanEnsemble:
    ensemble = double_ensemble(vocab, seeds, **options)
    ensemble.get_parameter("rnn.weight_hh_l0")[1] *= 1e200
    return ensemble


@torch.no_grad()
def spoilt_model(vocab: Vocab, seed: int, **options: Any) -> ElmanCharModel:
    model = double_model(vocab, seed, **options)
    model.get_parameter("rnn.weight_hh_l0").mul_(1e200 if seed == 1 else 1)
    return model


@pytest.mark.parametrize("make", [spoilt_ensemble, spoilt_model])
def test_diverged_seed_has_no_numbers(make: Any) -> None:
    options: dict[str, Any] = {"optimizer": torch.optim.SGD, "lr": 0.5, "epochs": 20}
    grid = {"nonlinearity": ["relu"]}
    rows = sweep(make, TEXTS, grid=grid, vocab=VOCAB, seeds=[0, 1, 2], **options).rows
    assert rows[1] == SweepRow({"nonlinearity": "relu"}, 1, solved=False, stopped="diverged")
    for row in rows[::2]:
        alone = double_model(VOCAB, row.seed, nonlinearity="relu")
        fit(alone, TEXTS, **options)
        batch = Batch.from_texts(TEXTS, VOCAB)
        loss = F.cross_entropy(alone(batch.inputs)[0].flatten(0, 1), batch.targets.flatten())
        assert row.loss == pytest.approx(loss.item(), rel=1e-9)


class InlineExecutor(Executor):
    """An executor that runs calls immediately."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def executors() -> dict[str, Callable[[], Executor]]:
    """Return executors; spawned processes are tested in `test_sweep_randomness`."""
    forked = partial(ProcessPoolExecutor, 2, multiprocessing.get_context("fork"))
    return {"threads": partial(ThreadPoolExecutor, 2), "another": InlineExecutor, "fork": forked}


@cache
def inline_rows() -> list[SweepRow]:
    return sweep(ElmanEnsemble, PARITY, **QUICK).rows


@pytest.mark.parametrize("name", executors())
def test_rows_do_not_depend_on_the_executor(name: str) -> None:
    with executors()[name]() as executor:
        there = sweep(ElmanEnsemble, PARITY, executor=executor, **QUICK)
    assert there.rows == inline_rows()
    assert len(there) == 16


def test_cells_run_on_one_thread_and_restore_the_thread_count() -> None:
    seen: list[int] = []

    def spy(vocab: Vocab, seeds: Any, hidden_size: int) -> ElmanEnsemble:
        seen.append(torch.get_num_threads())
        time.sleep(0.02)
        return ElmanEnsemble(vocab, seeds, hidden_size=hidden_size)

    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(3) as executor:
            sweep(spy, TASK, executor=executor, **QUICK_TEXT)
        found = [torch.get_num_threads()]
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(1)
    assert seen == [1] * 4
    assert found == [3, 3]


@on_linux
@pytest.mark.parametrize("broken_before", [False, True])
def test_dead_worker_fails_only_its_own_cell(
    broken_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, path = tmp_path / "bad", tmp_path / "rows.jsonl"
    monkeypatch.setenv("BAD", str(bad))
    options: dict[str, Any] = {**QUICK, "grid": {"hidden_size": [2, 3, 4, 5, 6]}, "path": path}
    bad.touch()
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        if broken_before:
            with pytest.raises(RuntimeError):
                pool.submit(os._exit, 1).result()
        result = sweep(fragile, PARITY, executor=pool, **options)
    message = "RuntimeError: three units are too few (test_sweep.py, line "
    errors = {row.settings["hidden_size"]: row.error for row in result}
    assert str(errors[3]).startswith(message)
    assert str(errors[4]).startswith("BrokenProcessPool: ")
    assert [errors[n] for n in (2, 5, 6)] == [None] * 3
    assert {row.solved for row in result if row.error} == {None}
    assert "2 of 5 settings failed:\nhidden_size=3: RuntimeError: three" in str(result)
    bad.unlink()
    again = sweep(fragile, PARITY, **options)
    assert again.rows == sweep(ElmanEnsemble, PARITY, **{**options, "path": None}).rows
    assert len(path.read_text().splitlines()) == 1 + 5 * 4 + 2 * 4


@pytest.mark.type_checked
def test_executor_errors_are_stored_in_the_rows() -> None:
    class Lost(InlineExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(OSError("the worker is gone"))
            return future

    result = sweep(ElmanEnsemble, PARITY, executor=Lost(), **QUICK)
    assert [row.error for row in result] == ["OSError: the worker is gone"] * 16
    assert math.isnan(result.solve_rate.value)


def test_finished_cells_are_not_run_again(tmp_path: Path) -> None:
    built: list[int] = []

    def counted(vocab: Vocab, seeds: Any, hidden_size: int) -> ElmanEnsemble:
        built.append(hidden_size)
        return ElmanEnsemble(vocab, seeds, hidden_size=hidden_size)

    path = tmp_path / "rows.jsonl"
    first = sweep(counted, PARITY, path=path, **QUICK)
    assert built == [3, 5, 3, 5]
    content = path.read_bytes()
    assert sweep(counted, PARITY, path=path, **QUICK).rows == first.rows
    assert built == [3, 5, 3, 5]
    assert path.read_bytes() == content
    head, *lines = content.splitlines()
    assert json.loads(head)["sweep"]["grid"] == sorted(GRID)
    assert [SweepRow.from_json(line.decode()) for line in lines] == first.rows


def test_file_truncated_anywhere_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {**WORD, "grid": {"lr": [0.02, 0.05]}, "seeds": [0], "epochs": 1}
    path, flushed = tmp_path / "rows.jsonl", list[int]()
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_size))
    rows = sweep(ElmanEnsemble, "hihello", path=path, **options).rows
    whole = path.read_bytes()
    assert flushed == [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    about = json.loads(whole.splitlines()[0])["sweep"]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with Journal(path, about, SweepRow.from_json) as journal:
            kept = max(whole.count(b"\n", 0, length) - 1, 0)
            assert list(journal.rows.values()) == rows[:kept]
            journal.add(rows)
        assert path.read_bytes() == whole
        if length % 300 == 0:
            path.write_bytes(whole[:length])
            assert sweep(ElmanEnsemble, "hihello", path=path, **options).rows == rows


@on_linux
def test_no_finished_row_is_lost_when_a_sweep_is_killed(tmp_path: Path) -> None:
    options: dict[str, Any] = {**WORD, "grid": {"lr": [n / 1000 for n in range(1, 13)]}}
    rows = sweep(ElmanEnsemble, "hihello", **options).rows
    path, rng, killed = tmp_path / "rows.jsonl", random.Random(0), 0
    context = multiprocessing.get_context("fork")
    before: list[str] = []
    while killed < 8:
        run = partial(sweep, ElmanEnsemble, "hihello", path=path, **options)
        process = context.Process(target=run)
        process.start()
        time.sleep(rng.random() / 5)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        lines = re.findall(".*\n", path.read_text()) if path.exists() else []
        assert lines[: len(before)] == before
        before = lines
        if len(lines) == 1 + len(rows):
            path.unlink()
            before = []
    assert sweep(ElmanEnsemble, "hihello", path=path, **options).rows == rows


def test_file_of_another_sweep_raises(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "rows.jsonl"
    sweep(ElmanEnsemble, TASK, path=path, **QUICK_TEXT)
    end = "; use another path, or delete it"
    changes: dict[str, tuple[dict[str, Any], str]] = {
        "epochs": (
            {"epochs": 4},
            'options {"epochs": 3, "batch_size": 8}, not {"epochs": 4, "batch_size": 8}',
        ),
        "grid": ({"grid": {"lr": [0.02]}}, 'grid ["hidden_size", "lr"], not ["lr"]'),
        "count": ({"count": 33, "longer": None}, "count 32, not 33; longer [], not null"),
        "curves": ({"curves": True}, "curves false, not true"),
    }
    content = path.read_bytes()
    for changed, difference in changes.values():
        assert_error(
            lambda changed=changed: sweep(  # type: ignore[misc]
                ElmanEnsemble, TASK, path=path, **{**QUICK_TEXT, **changed}
            ),
            DataError,
            f"{path} holds another sweep, with {difference}{end}",
        )
    assert_error(
        lambda: sweep(ElmanEnsemble, PARITY, path=path, **QUICK_TEXT),
        DataError,
        f'{path} holds another sweep, with task "text", not "parity"{end}',
    )
    assert_error(
        lambda: sweep(ElmanEnsemble, Text(["hillo"]), path=path, **QUICK_TEXT),
        DataError,
        f"{path} holds a result of other sequences for "
        f'{{"hidden_size": 3, "lr": 0.02}}, seed 0{end}',
    )
    assert path.read_bytes() == content


def test_foreign_files_raise_and_are_unchanged(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "rows.jsonl"
    foreign = f"expected {path} to be the file of a sweep, got another file; use another path"
    sweep(ElmanEnsemble, TASK, path=path, **QUICK_TEXT)
    head = path.read_text().splitlines()[0]
    cases = {
        "my notes": foreign,
        "my notes\n": foreign,
        "[]\n": foreign,
        '{"sweep": 3}\n': foreign,
        f"{head}\nnotes\n": f"line 2 of {path} is not a row of a sweep: expected a row as "
        "returned by to_json, got: Expecting value: line 1 column 1 (char 0)",
        f'{head}\n{{"seed": 3}}\n': f"line 2 of {path} is not a row of a sweep: expected a row as "
        "returned by to_json, got one without 'loss'",
    }
    for content, message in cases.items():
        path.write_text(content)
        assert_error(
            lambda: sweep(ElmanEnsemble, TASK, path=path, **QUICK_TEXT), DataError, message
        )
        assert path.read_text() == content


class Press:
    """A scheduler that raises SIGINT in the second epoch."""

    def __init__(self, optimizer: object) -> None:
        self.epochs = 0

    def step(self) -> None:
        self.epochs += 1
        if self.epochs == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.type_checked
def test_ctrl_c_keeps_finished_cells(tmp_path: Path) -> None:
    calm = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=1.0)
    options = {**QUICK_TEXT, "grid": {"scheduler": [calm, Press]}, "path": tmp_path / "rows.jsonl"}
    result = sweep(ElmanEnsemble, TASK, **options)
    assert [row.settings for row in result] == [
        {"scheduler": "StepLR(step_size=1, gamma=1.0)"}
    ] * 4
    assert str(result).endswith("1 of 2 settings were not run")
    assert len(Path(options["path"]).read_text().splitlines()) == 5
    nothing = sweep(ElmanEnsemble, TASK, **{**QUICK_TEXT, "grid": {"scheduler": [Press]}})
    assert str(nothing) == "1 of 1 settings were not run"
    assert nothing._repr_html_() == "<p>1 of 1 settings were not run</p>"


def test_ctrl_c_cancels_waiting_cells() -> None:
    futures: list[Future[Any]] = []

    class Waiting(InlineExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            first = not futures
            futures.append(super().submit(fn, *args, **kwargs) if first else Future())
            if len(futures) == 4:  # after which the sweep waits
                threading.Timer(0.5, signal.pthread_kill, [main, signal.SIGINT]).start()
            return futures[-1]

    main = threading.main_thread().ident
    result = sweep(ElmanEnsemble, TASK, executor=Waiting(), **QUICK_TEXT)
    assert len(result) == 4
    assert [future.cancelled() for future in futures] == [False, True, True, True]


@pytest.mark.type_checked
def test_result_summarizes_rows() -> None:
    verdicts = {(1, "a"): [True, False], (1, "b"): [True, True], (2, "a"): [False, False]}
    rows = [
        SweepRow(
            {"size": size, "kind": kind},
            seed,
            solved=solved,
            epochs_to_solve=10 + seed if solved else None,
            excess=Estimate(0.25 + seed),
            accuracy=Estimate(0.5),
            unseen_accuracy=Estimate(0.25) if size == 1 else None,
            longer_accuracy={50: Estimate(0.125)},
        )
        for (size, kind), each in verdicts.items()
        for seed, solved in enumerate(each)
    ]
    rows += [SweepRow({"size": 2, "kind": "b"}, seed, error="OSError: <gone>") for seed in (0, 1)]
    result = SweepResult(rows, {"size": [1, 2], "kind": ["a", "b"]})
    assert result.solve_rate == Proportion(3, 6)
    assert result.where(size=1).solve_rate == Proportion(3, 4)
    assert result.where(size=1, kind="a").solve_rate == Proportion(1, 2)
    assert result.where(kind="a").grid == {"size": [1, 2], "kind": ["a"]}
    assert result.rate_grid("kind", "size") == [
        [Proportion(1, 2), Proportion(0, 2)],
        [Proportion(2, 2), Proportion(0, 0)],
    ]
    assert str(result) == "\n".join(
        [
            "size  kind  solved  95% interval    epochs  excess  accuracy  unseen  at 50",
            "   1  a      50.0%  1.3 to 98.7%        10  0.7500     50.0%   25.0%  12.5%",
            "   1  b     100.0%  15.8 to 100.0%    10.5  0.7500     50.0%   25.0%  12.5%",
            "   2  a       0.0%  0.0 to 84.2%            0.7500     50.0%          12.5%",
            "   2  b             failed",
            "",
            "epochs (to solve), excess and accuracies: medians over the seeds",
            "",
            "1 of 4 settings failed:",
            "size=2, kind=b: OSError: <gone>",
        ]
    )
    html = result._repr_html_()
    assert html.startswith("<table><tr><th>size</th>")
    assert "failed:<br>size=2, kind=b: OSError: &lt;gone&gt;</p>" in html
    assert Proportion(0, 0).low == 0
    assert Proportion(0, 0).high == 1


def test_long_table_is_truncated() -> None:
    rows = [SweepRow({"lr": lr}, 0, error="no") for lr in range(70)]
    lines = str(SweepResult(rows, {"lr": list(range(70))})).splitlines()
    assert lines[60].split() == ["59", "failed"]
    assert lines[61].split()[-4:] == ["and", "10", "more", "settings"]
    assert lines[-8:][:3] == ["", "70 of 70 settings failed:", "lr=0: no"]
    assert lines[-1] == "and 65 more"


def test_records_have_a_column_for_each_number(monkeypatch: pytest.MonkeyPatch) -> None:
    # pandas itself is tested in test_interop.py; it need not be installed here.
    pandas = SimpleNamespace(DataFrame=SimpleNamespace(from_records=list))
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    result = sweep(ElmanEnsemble, PARITY, **{**QUICK, "longer": [20, 30]})
    records = result.to_dataframe()
    assert [record["loss"] for record in records] == [row.loss for row in result]
    accuracies = ["accuracy", "accuracy_error", "whole_accuracy", "whole_accuracy_error"]
    scores = ["loss", "loss_error", "excess", "excess_error", *accuracies]
    at = [
        f"{name}_at_{length}{error}"
        for name in ("excess", "accuracy", "whole_accuracy")
        for length in (20, 30)
        for error in ("", "_error")
    ]
    assert list(records[0]) == [
        *["lr", "hidden_size", "seed", "solved", "epochs_to_solve", "goal", "stopped"],
        *["parameters", *scores[:2], "optimum", *scores[2:]],
        *[f"unseen_{name}" for name in scores],
        *at,
        *["seconds", "remark", "error"],
    ]


def test_missing_pandas_raises(monkeypatch: pytest.MonkeyPatch, assert_error: ErrorCheck) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = "to_dataframe requires pandas; install it with pip install pandas"
    assert_error(SweepResult([], {}).to_dataframe, MissingPackageError, message)


def test_progress_bar_counts_seeds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options: dict[str, Any] = {**QUICK_TEXT, "path": tmp_path / "rows.jsonl"}
    sweep(ElmanEnsemble, TASK, **options)
    assert capsys.readouterr().err == ""
    sweep(ElmanEnsemble, TASK, progress=True, **options)
    assert "16/16" in capsys.readouterr().err


def no_seed(vocab: Vocab, units: int) -> nn.Module:
    raise AssertionError


def any_option(vocab: Vocab, seed: int, **options: Any) -> nn.Module:
    raise AssertionError


def bad(make: Any = ElmanEnsemble, data: Any = TASK, **options: Any) -> Callable[[], SweepResult]:
    return lambda: sweep(make, data, **{**QUICK_TEXT, **options})


KNOWN = (
    "epochs, lr, stepwise, batch_size, chunk, lengths, validation, optimizer, scheduler, "
    "clip_norm, until, patience, keep, seed, check"
)
ERRORS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a misspelled name": (
        bad(grid={"hiden_size": [3]}),
        OptionError,
        "neither fit nor ElmanEnsemble has an option 'hiden_size'; did you mean 'hidden_size'?",
    ),
    "an unknown name": (
        bad(GRU, grid={"zzz": [3]}),
        OptionError,
        f"neither fit nor GRU has an option 'zzz'; known: {KNOWN}, units",
    ),
    "a column": (
        bad(grid={"seed": [3]}),
        OptionError,
        "'seed' cannot be in the grid, as the rows have a column seed; to vary the data with the "
        "seed, use vary_data=True",
    ),
    "no values": (
        bad(grid={"lr": 0.1}),
        InputTypeError,
        "expected grid['lr'] to be a list, an array or a dict, got 0.1; for one value, pass [0.1]",
    ),
    "a string": (
        bad(grid={"nonlinearity": "relu"}),
        OptionError,
        "expected a list of values for nonlinearity in the grid, got 'relu'",
    ),
    "a value twice": (
        bad(grid={"optimizer": [partial(torch.optim.SGD), torch.optim.Adam, torch.optim.Adam]}),
        OptionError,
        "expected distinct values of optimizer, got 'Adam' twice; to label them yourself, pass a "
        'dict: {"optimizer": {"label": value, …}}',
    ),
    "no seed": (bad(seeds=[]), OptionError, "expected one or more distinct seeds, got []"),
    "no integer": (
        bad(seeds=[1, 0.5]),
        OptionError,
        "expected seed to be an integer of at most 64 bits, got 0.5",
    ),
    "a seed twice": (
        bad(seeds=[1, 1]),
        OptionError,
        "expected one or more distinct seeds, got [1, 1]",
    ),
    "a model": (
        lambda: sweep(
            ElmanEnsemble(VOCAB, range(2)),  # type: ignore[arg-type]
            TASK,
            grid={"lr": [0.1]},
            seeds=[1],
        ),
        OptionError,
        "expected make_model to create models, got a model; pass its class, ElmanEnsemble, or a "
        "function that returns a new model",
    ),
    "no seed parameter": (
        bad(no_seed),
        OptionError,
        "expected no_seed to accept seeds=… (and return an ensemble) or seed=… (and return one "
        "model), got no_seed(vocab, units)",
    ),
    "a fixed model option": (
        bad(hidden_size=3),
        OptionError,
        "expected options of fit, got 'hidden_size'; set options of the model in the grid, as "
        "{'hidden_size': [value]}, or with functools.partial(ElmanEnsemble, hidden_size=value)",
    ),
    "given twice": (
        bad(lr=0.1),
        OptionError,
        "lr cannot be both in the grid and a fixed option",
    ),
    "no vocabulary": (
        bad(data="hihello"),
        OptionError,
        "expected a vocabulary, because the data have none; pass vocab=… to sweep, or "
        "get_task('hihello') for the task of that name",
    ),
    "count": (bad(count=0), OptionError, "expected count to be a positive integer, got 0"),
    "no such name": (
        lambda: SweepResult([], {"lr": [1]}).rate_grid("lr", "size"),
        OptionError,
        "expected a name of the grid, ['lr'], got 'size'",
    ),
    "one name twice": (
        lambda: SweepResult([], {"lr": [1]}).rate_grid("lr", "lr"),
        OptionError,
        "expected two names of the grid, got 'lr' twice",
    ),
    "no such value": (
        lambda: SweepResult([], {"lr": [1]}).where(lr=2),
        OptionError,
        "expected lr to be one of [1], got 2",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_expected_and_actual_values(case: str, assert_error: ErrorCheck) -> None:
    assert_error(*ERRORS[case])


def test_unpicklable_function_raises() -> None:
    def local(vocab: Vocab, seeds: Any, hidden_size: int) -> ElmanEnsemble:
        raise AssertionError

    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(OptionError, match=r"pickled for another process, got: .*local.*; define"),
    ):
        sweep(local, TASK, executor=pool, **QUICK_TEXT)


def test_cells_with_invalid_models_fail() -> None:
    result = sweep(lambda vocab, seeds: ElmanCharModel(vocab), TASK, grid={}, seeds=[1, 2])
    assert str(result.rows[0].error).startswith(
        "OptionError: expected an ensemble of 2 seeds, got a ElmanCharModel of 0"
    )
    any_name = sweep(any_option, TASK, grid={"whatever": [1]}, seeds=[1])
    assert str(any_name.rows[0].error).startswith("AssertionError")


def test_fingerprints_depend_on_data_and_vocabulary() -> None:
    fingerprint = plan._fingerprint
    assert (
        fingerprint("aab", Vocab("ab"))
        != fingerprint("aac", Vocab("ac"))
        != fingerprint("acc", Vocab("ac"))
    )
    assert fingerprint(PARITY, PARITY.vocab) == fingerprint(get_task("parity"), PARITY.vocab)
    assert fingerprint(get_task("dyck", kinds=1), VOCAB) != fingerprint(
        get_task("dyck", kinds=2), VOCAB
    )


def test_grid_accepts_arrays() -> None:
    options: dict[str, Any] = {"vocab": Vocab("hielo"), "seeds": range(2), "epochs": 2}
    rates = np.array([0.05, 0.1])
    found = sweep(ElmanEnsemble, "hihello", grid={"lr": rates}, **options)
    listed = sweep(ElmanEnsemble, "hihello", grid={"lr": [0.05, 0.1]}, **options)
    assert (found.grid, found.rows) == (listed.grid, listed.rows)
    with pytest.raises(OptionError, match="expected a list of values for lr in the grid, got 3"):
        sweep(ElmanEnsemble, "hihello", grid={"lr": np.array(3)}, **options)
    with pytest.raises(InputTypeError, match=r"got 3; for one value, pass \[3\]"):
        sweep(ElmanEnsemble, "hihello", grid={"lr": 3}, **options)  # type: ignore[dict-item]
