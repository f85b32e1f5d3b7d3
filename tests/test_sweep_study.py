"""Sweeps over models and tasks, their files, trials of the longest sequences, and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import DataError, InputTypeError, OptionError
from seqtoys.results import Estimate, SweepResult, SweepRow
from seqtoys.support.uncertainty import median_interval
from seqtoys.sweeps.cells import FIT_OPTIONS
from seqtoys.sweeps.code_digest import code_digest

PARITY, DYCK = get_task("parity"), get_task("dyck")
VOCAB = Vocab("hielo")
QUICK: dict[str, Any] = {"seeds": [0, 1], "epochs": 2, "batch_size": 4, "count": 32, "longer": []}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
TRAINED: list[int] = []
"""The seeds of the models that were trained."""


class Attending(nn.Module):
    """A model with a limited context that records its training."""

    def __init__(self, vocab: Vocab, seed: int, context: int = 1000) -> None:
        super().__init__()
        self.seed = seed
        self.symbols = nn.Embedding(len(vocab), 4)
        self.positions = nn.Embedding(context, 4)
        self.readout = nn.Linear(4, len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            TRAINED.append(self.seed)
        time = torch.arange(inputs.shape[1])
        logits: Tensor = self.readout(self.symbols(inputs) + self.positions(time))
        return logits


def fragile(vocab: Vocab, seed: int) -> nn.Module:
    if seed == 1:
        raise RuntimeError("one is a bad seed")
    return Attending(vocab, seed)


MODELS: Any = {"Elman": partial(ElmanEnsemble, hidden_size=4), "attention": Attending}


@cache
def rows_alone(task: Any, label: str) -> list[SweepRow]:
    return sweep(MODELS[label], task, grid={"lr": [0.01]}, **QUICK).rows


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor, ProcessPoolExecutor])
def test_models_and_tasks_are_names_of_the_grid(executor: Any) -> None:
    grid: Any = {"task": [PARITY, DYCK], "model": MODELS, "lr": [0.01]}
    if executor is None:
        result = sweep(grid=grid, **QUICK)
    else:
        with executor(2) as pool:
            result = sweep(grid=grid, executor=pool, **QUICK)
    assert result.grid == {"task": ["parity", "dyck"], "model": [*MODELS], "lr": [0.01]}
    assert len(result) == 2 * 2 * 2
    for task in (PARITY, DYCK):
        for label in MODELS:
            together = result.where(task=task, model=label)
            for row, other in zip(together, rows_alone(task, label), strict=True):
                assert row.settings == {"task": task.name, "model": label, **other.settings}
                assert (row.seed, row.error) == (other.seed, None)
                assert row.loss == pytest.approx(other.loss, rel=1e-6)
                assert row.parameters == other.parameters


def test_texts_and_labels_of_any_name() -> None:
    long = "hihello" * 20
    grid: Any = {"task": ["hihello", ["hi", "hill"], long], "size": {"small": 2, "large": 5}}

    def make(vocab: Vocab, seed: int, size: int) -> nn.Module:
        return ElmanCharModel(vocab, hidden_size=size, seed=seed)

    result = sweep(make, grid=grid, vocab=VOCAB, seeds=[0], epochs=1)
    assert result.grid == {
        "task": ["hihello", ["hi", "hill"], "a str of 140"],
        "size": ["small", "large"],
    }
    small, large = (result.where(size=size).rows[0].parameters for size in ("small", "large"))
    assert small is not None
    assert large is not None
    assert small < large
    assert all(row.whole_accuracy is not None for row in result)


def test_arguments_named_like_axes_are_options_of_the_model() -> None:
    def make(vocab: Vocab, seed: int, model: str) -> nn.Module:
        makes: dict[str, Any] = {"small": ElmanCharModel, "attention": Attending}
        made: nn.Module = makes[model](vocab, seed=seed)
        return made

    result = sweep(make, PARITY, grid={"model": ["small", "attention"]}, **QUICK)
    assert [row.error for row in result] == [None] * 4


def test_invalid_axes_raise(assert_error: ErrorCheck) -> None:
    none: dict[str, Any] = {"seeds": [0], "epochs": 1}
    with pytest.raises(
        OptionError, match=r"expected a model, got none; pass one, or several in the grid, "
    ):
        sweep(task=PARITY, grid={}, **none)
    with pytest.raises(OptionError, match=r"expected a task, got none; .* as \{'task': \[…\]\}"):
        sweep(ElmanCharModel, grid={"lr": [0.1]}, **none)
    assert_error(
        lambda: sweep(ElmanCharModel, PARITY, grid={"model": [Attending]}, **none),
        OptionError,
        "neither fit nor ElmanCharModel has an option 'model'; to compare several in the grid, "
        "omit the argument make_model",
    )
    assert_error(
        lambda: sweep(Attending, PARITY, grid={"task": [DYCK]}, **none),
        OptionError,
        "neither fit nor Attending has an option 'task'; to compare several in the grid, omit the "
        "argument task",
    )
    assert_error(
        lambda: sweep(task=PARITY, grid={"model": ["GRU"]}, **none),
        OptionError,
        "expected make_model to be a class or a function that creates a model, got 'GRU'",
    )
    assert_error(
        lambda: sweep(task=PARITY, grid={"model": [ElmanCharModel(PARITY.vocab)]}, **none),
        OptionError,
        "expected make_model to create models, got a model; pass its class, ElmanCharModel, or a "
        "function that returns a new model",
    )
    lambdas = [lambda vocab, seed: Attending(vocab, seed), lambda vocab, seed: None]
    with pytest.raises(OptionError, match=r"got '.*<lambda>' twice; to label them yourself"):
        sweep(task=PARITY, grid={"model": lambdas}, **none)
    assert_error(
        lambda: sweep(task=PARITY, grid={"model": [Attending, fragile], "context": [50]}, **none),
        OptionError,
        f"neither fit nor fragile has an option 'context'; known: {', '.join(FIT_OPTIONS)}",
    )
    with pytest.raises(OptionError, match="distinct values of task, got 'dyck' twice; to label"):
        sweep(Attending, grid={"task": [DYCK, get_task("dyck", kinds=2)]}, **none)
    with pytest.raises(OptionError, match=r"pass vocab=… to sweep, or get_task\('parity'\) for"):
        sweep(Attending, grid={"task": ["parity"]}, **none)
    with pytest.raises(InputTypeError, match=r"expected a text, an .* or a task, got 5"):
        sweep(Attending, grid={"task": [5]}, **none)
    with pytest.raises(OptionError, match="expected a model with the vocabulary of parity"):
        sweep(Attending, PARITY, vocab=VOCAB, grid={}, **none)
    with pytest.raises(OptionError, match=r"a list of values for lr in the grid, got \[\]"):
        sweep(Attending, PARITY, grid={"lr": []}, **none)


def without_vocab(seed: int) -> nn.Module:
    raise AssertionError


def only_by_name(*, vocab: Vocab, seed: int) -> nn.Module:
    raise AssertionError


def sized(vocab: Vocab, units: int, seed: int, *layers: int, **others: int) -> nn.Module:
    return ElmanCharModel(vocab, hidden_size=units, seed=seed)


def wants_lr(vocab: Vocab, seed: int, lr: float) -> nn.Module:
    raise AssertionError


def test_functions_that_cannot_be_called_raise(assert_error: ErrorCheck) -> None:
    for make, names in ((without_vocab, "seed"), (only_by_name, "vocab, seed")):
        called = make.__name__
        assert_error(
            lambda make=make: sweep(make, PARITY, grid={}, **QUICK),  # type: ignore[misc]
            OptionError,
            f"expected {called} to accept a vocabulary as its first argument, got "
            f"{called}({names})",
        )
    message = (
        "sized requires units; add it to the grid, as {'units': [value]}, or use "
        "functools.partial(sized, units=value)"
    )
    assert_error(
        lambda: sweep(task=PARITY, grid={"model": [Attending, sized]}, **QUICK),
        OptionError,
        message,
    )
    calls: Any = ((sized, {"units": [2]}), (partial(sized, units=2), {}))
    for factory, grid in calls:
        rows = sweep(factory, PARITY, grid=grid, **QUICK).rows
        assert [row.error for row in rows] == [None, None]
    with pytest.raises(OptionError, match="wants_lr requires lr"):  # which is an option of fit
        sweep(wants_lr, PARITY, grid={"lr": [0.1]}, **QUICK)


def test_impossible_lengths_of_any_task_raise_before_training() -> None:
    TRAINED.clear()
    with pytest.raises(OptionError, match="dyck has no sequence of length 50: lengths are odd"):
        sweep(Attending, grid={"task": [PARITY, DYCK]}, **{**QUICK, "longer": [50]})

    class Wrong(type(PARITY)):  # type: ignore[misc]
        longer = (41, 60)

        def why_no_length(self, length: int) -> str | None:
            return "too long" if length > 50 else None

    with pytest.raises(OptionError, match="parity has no sequence of length 60: too long"):
        sweep(Attending, Wrong(), grid={}, **{**QUICK, "longer": None})
    assert TRAINED == []


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({}, 501),  # of the task
        ({"longer": [100, 60]}, 101),
        ({"longer": []}, 41),  # in training
        ({"longer": [], "lengths": (1, 70)}, 71),
        ({"longer": [50], "lengths": 70}, 71),
    ],
)
def test_too_small_context_fails_before_training(options: Any, positions: int) -> None:
    TRAINED.clear()
    given = {**QUICK, "longer": None, "epochs": 1, **options}
    result = sweep(Attending, PARITY, grid={"context": [positions - 1, positions]}, **given)
    short, enough = result.rows[:2], result.rows[2:]
    assert [row.error for row in enough] == [None, None]
    for row in short:
        assert str(row.error).startswith("IndexError: index out of range in self (")
        assert str(row.error).endswith(
            f", before training, on a sequence of {positions} positions)"
        )
    assert TRAINED == [0]  # the first of the two seeds, which are trained together


def test_context_too_small_for_unbounded_lengths_fails_before_training() -> None:
    drawn = DYCK.sample(1000).inputs.shape[1]
    assert drawn > DYCK.lengths[1]
    TRAINED.clear()
    rows = sweep(Attending, DYCK, grid={"context": [drawn - 1]}, **QUICK).rows
    assert [str(row.error).endswith(f"of {drawn} positions)") for row in rows] == [True, True]
    assert TRAINED == []


def test_trial_of_the_longest_changes_no_number() -> None:
    class Careless(Attending):
        def forward(self, inputs: Tensor) -> Tensor:
            return nn.functional.dropout(super().forward(inputs), 0.5)  # from the global generator

    long, short = (
        sweep(Careless, PARITY, grid={}, **{**QUICK, "longer": longer}).rows
        for longer in ([60], [])
    )
    assert [row.loss for row in long] == [row.loss for row in short]


def test_without_settings_errors_have_no_colon() -> None:
    result = sweep(fragile, PARITY, grid={}, **{**QUICK, "seeds": [1]})
    assert "1 of 1 settings failed:\nRuntimeError: one is a bad seed" in str(result)


def test_file_takes_more_seeds_and_values(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    options: dict[str, Any] = {**QUICK, "path": path}
    first = sweep(Attending, PARITY, grid={"lr": [0.01], "context": [60]}, **options)
    TRAINED.clear()
    options["seeds"] = [0, 1, 2]
    more = sweep(Attending, PARITY, grid={"lr": [0.01], "context": [60]}, **options)
    assert set(TRAINED) == {2}
    assert more.rows[:2] == first.rows
    TRAINED.clear()
    grid: Any = {"context": [60], "lr": [0.02, 0.01]}  # in another order
    other = sweep(Attending, PARITY, grid=grid, **options)
    assert TRAINED == [0, 0]  # two epochs of the three seeds together
    assert [list(row.settings) for row in other] == [["context", "lr"]] * 6
    assert [row.loss for row in other.rows[3:]] == [row.loss for row in more]
    TRAINED.clear()
    assert sweep(Attending, PARITY, grid={"lr": [0.01], "context": [60]}, **options).rows == (
        more.rows
    )
    assert TRAINED == []
    assert len(path.read_text().splitlines()) == 1 + 6


def test_file_takes_more_models_and_tasks(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    options: dict[str, Any] = {**QUICK, "path": path}
    sweep(grid={"model": [Attending], "task": [PARITY]}, **options)
    TRAINED.clear()
    grid: Any = {"model": [Attending, ElmanEnsemble], "task": [PARITY, DYCK]}
    result = sweep(grid=grid, **options)
    assert TRAINED == [0, 0]  # two epochs of both seeds, only on dyck
    assert [row.error for row in result] == [None] * 8


def test_ensembles_train_only_missing_seeds(tmp_path: Path) -> None:
    made: list[Any] = []

    def make(vocab: Vocab, seeds: Any) -> ElmanEnsemble:
        made.append(seeds)
        return ElmanEnsemble(vocab, seeds).double()

    options: dict[str, Any] = {**QUICK, "path": tmp_path / "rows.jsonl", "grid": {}}
    sweep(make, PARITY, **{**options, "seeds": [3, 1]})
    rows = sweep(make, PARITY, **{**options, "seeds": range(4)}).rows
    assert made == [(3, 1), (0, 2)]
    together = sweep(make, PARITY, **{**options, "path": None, "seeds": range(4)}).rows
    for row, other in zip(rows, together, strict=True):
        assert row.seed == other.seed
        assert row.loss == pytest.approx(other.loss, rel=1e-9)


SIZE = 4


def edited(code: str) -> Any:
    """Return a function of a user's script."""
    scope = {"__name__": "script", "Attending": Attending, "nn": nn, "SIZE": SIZE, "LOG": []}
    exec(code, scope)
    return scope["make"]


SCRIPT = """
class Model(Attending):
    "A model."

    def __init__(self, vocab, seed):
        super().__init__(vocab, seed)
        self.factor = SIZE

    def forward(self, inputs):
        LOG.append(len(inputs))
        return helper(super().forward(inputs)) * self.factor

    @property
    def name(self):
        return "model"

    @classmethod
    def made(cls, *arguments):
        return cls(*arguments)

def helper(logits, times=2):
    return (lambda x: x * times)(logits) if "h" in {"h", "i", "e"} else logits

make = lambda vocab, seed: Model.made(vocab, seed)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIZE\n", "SIZE + 1\n"),  # in a method
        ("x * times", "x + times"),  # in a function inside a function
        ("times=2", "times=3"),
        ('"e"', '"o"'),
        ("(vocab, seed)\n        self", "(vocab, 0)\n        self"),
        ("cls(*arguments)", "cls(*arguments, 99)"),
        ('"model"\n', '"other"\n'),
        ("class Model(Attending)", "class Model(nn.Module)"),
        ("Model.made(vocab, seed)", "Model.made(vocab, 7)"),
    ],
)
def test_edited_code_is_found(old: str, new: str) -> None:
    assert old in SCRIPT
    assert code_digest(edited(SCRIPT)) != code_digest(edited(SCRIPT.replace(old, new)))


def test_digest_ignores_comments_and_what_may_change() -> None:
    digest = code_digest(edited(SCRIPT))
    same = SCRIPT.replace("= SIZE", "= SIZE  # units").replace("logits, times", "logits,  times")
    assert code_digest(edited("\n\n" + same)) == digest
    make = edited(SCRIPT)
    with torch.random.fork_rng():
        make(Vocab("01"), 0)(torch.zeros(1, 1, dtype=torch.int64))
    assert code_digest(make) == digest  # though LOG has grown


def digests_of_closure(number: int) -> list[str]:
    def make(vocab: Vocab, seed: int, *, width: int = number) -> int:
        return int(later(width))

    digests = [code_digest(make)]  # before the closure has a value

    def later(width: int, factor: int = number) -> int:
        return width * factor

    makes = (make, partial(make, width=number), partial(make, VOCAB, number))
    return digests + [code_digest(each) for each in makes]


def test_digest_follows_constants_and_references(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [code_digest(edited(SCRIPT))]
    monkeypatch.setitem(globals(), "SIZE", 5)
    digests.append(code_digest(edited(SCRIPT)))
    for number in (1, 2):
        digests += digests_of_closure(number)
    digests += [code_digest(VOCAB.encode), code_digest(Attending), code_digest(torch.nn)]
    assert len(set(digests)) == len(digests)
    with torch.random.fork_rng():
        one, other = (code_digest(Attending(VOCAB, seed).forward) for seed in (0, 1))
    assert one == other


def test_file_of_edited_code_is_rejected(tmp_path: Path, assert_error: ErrorCheck) -> None:
    path = tmp_path / "rows.jsonl"
    before, after = edited(SCRIPT), edited(SCRIPT.replace("times=2", "times=3"))
    options: dict[str, Any] = {**QUICK, "path": path}
    sweep(before, PARITY, grid={"lr": [0.1]}, **options)
    content = path.read_bytes()
    message = (
        f"{path} holds a result of other code or values (or another Python version) for {{}}, "
        "seed 0; use another path, or delete it"
    )
    assert_error(
        lambda: sweep(after, PARITY, grid={"lr": [0.1]}, **options),
        DataError,
        message.format('{"lr": 0.1}'),
    )
    assert path.read_bytes() == content
    assert len(sweep(after, PARITY, grid={"lr": [0.2]}, **options)) == 2  # nothing old is used


def test_file_of_an_edited_scheduler_is_rejected(tmp_path: Path) -> None:
    def run(gamma: float) -> SweepResult:
        step = torch.optim.lr_scheduler.StepLR
        schedule = lambda optimizer: step(optimizer, 1, gamma=gamma)  # noqa: E731
        return sweep(
            Attending, PARITY, grid={}, scheduler=schedule, path=tmp_path / "rows.jsonl", **QUICK
        )

    assert run(0.5).rows == run(0.5).rows
    with pytest.raises(DataError, match="holds a result of other code"):
        run(0.6)


def test_failed_rows_are_retried_by_other_code(tmp_path: Path) -> None:
    options: dict[str, Any] = {**QUICK, "path": tmp_path / "rows.jsonl", "seeds": [1]}
    make = edited("def make(vocab, seed): raise RuntimeError")
    assert sweep(make, PARITY, grid={}, **options).rows[0].error is not None
    fixed = edited("def make(vocab, seed): return Attending(vocab, seed)")
    assert sweep(fixed, PARITY, grid={}, **options).rows[0].error is None


def test_rows_have_learning_curves_on_request(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 6, "batch_size": 8, "lr": 0.02, "validation": 0.3}
    ensemble = ElmanEnsemble(PARITY.vocab, [0, 1])
    history = fit(ensemble, PARITY, **options)
    for make in (ElmanEnsemble, ElmanCharModel):
        path = tmp_path / f"{make.__name__}.jsonl"
        given: dict[str, Any] = {**QUICK, **options, "curves": True, "path": path}
        rows = sweep(make, PARITY, grid={}, **given).rows
        for replica, row in enumerate(rows):
            one = history[replica]
            assert row.curves["loss"] == pytest.approx(one.loss, rel=1e-4)
            assert row.curves["excess"] == pytest.approx(one.loss, rel=1e-4)  # the optimum is 0
            assert row.curves["accuracy"] == one.accuracy
            assert row.curves["unseen_loss"] == pytest.approx(one.validation_loss, rel=1e-4)
            assert "curves" not in row.to_record()
        assert sweep(make, PARITY, grid={}, **given).rows == rows  # from the file
    assert sweep(ElmanEnsemble, DYCK, grid={}, **QUICK).rows[0].curves == {}
    dyck = sweep(ElmanEnsemble, DYCK, grid={}, **QUICK, curves=True).rows[0].curves
    gaps = [a - b for a, b in zip(dyck["loss"], dyck["excess"], strict=True)]
    single = fit(ElmanCharModel(DYCK.vocab), DYCK, epochs=2, batch_size=4)
    assert gaps == pytest.approx(single.optimum)
    assert "unseen_loss" not in dyck


def row(settings: dict[str, Any], seed: int, excess: float | None, **facts: Any) -> SweepRow:
    found = None if excess is None else Estimate(excess, 0.01)
    return SweepRow(settings, seed, excess=found, **facts)


def test_best_setting_has_the_best_median() -> None:
    values: dict[str, list[Any]] = {
        "a": [0.1, 0.2, 0.9],
        "b": [0.3, 0.3, 0.3],
        "c": [0.0, None, None],
    }
    rows = [
        row(
            {"model": name},
            seed,
            excess,
            solved=None if excess is None else excess < 0.3,
            accuracy=None if excess is None else Estimate(1 - excess),
            longer_accuracy={50: Estimate(0.5)} if name == "b" else {},
        )
        for name, column in values.items()
        for seed, excess in enumerate(column)
    ]
    rows += [
        row({"model": "d"}, seed, -1.0, solved=False, remark="looks ahead") for seed in range(3)
    ]
    result = SweepResult(rows, {"model": [*values, "d"]}, [0, 1, 2])
    best = result.best("excess")
    assert best.grid == {"model": ["a"]}
    assert (best.rows, best.seeds) == (rows[:3], [0, 1, 2])
    assert result.best("accuracy").grid == {"model": ["a"]}
    assert result.best("solved").grid == {"model": ["a"]}
    assert result.best("accuracy_at_50").grid == {"model": ["b"]}
    assert result.where(model="d").best("excess").grid == {"model": ["d"]}


def test_invalid_columns_raise(assert_error: ErrorCheck) -> None:
    result = SweepResult([row({"lr": 0.1}, 0, 0.5)], {"lr": [0.1]})
    message = "the rows have no column of numbers 'exces'; did you mean 'excess'?"
    for method in (result.best, result.to_markdown, result.to_latex):
        assert_error(lambda method=method: method("exces"), OptionError, message)  # type: ignore[misc]
    for name in ("lr", "seed", "error", "versions"):
        with pytest.raises(OptionError, match=f"no column of numbers '{name}'; (known|did you)"):
            result.best(name)
    assert_error(
        lambda: result.to_markdown(across="size"),
        OptionError,
        "expected a name of the grid, ['lr'], got 'size'",
    )
    nothing = SweepResult([], {"lr": [0.1]})
    assert_error(
        lambda: nothing.best("excess"),
        DataError,
        "cannot select the best setting of a sweep without rows",
    )
    assert_error(nothing.to_markdown, DataError, "cannot make a table of a sweep without rows")


def table_result() -> SweepResult:
    rows = [
        row(
            {"model": model, "task": task},
            seed,
            seed / 10 + (model == "GRU_2"),
            solved=seed < 3,
            accuracy=Estimate(0.5),
            parameters=123,
        )
        for model in ("Elman", "GRU_2")
        for task in ("a|b", "50%")
        for seed in range(1, 10)
        if (model, task) != ("GRU_2", "50%")
    ]
    return SweepResult(rows, {"model": ["Elman", "GRU_2"], "task": ["a|b", "50%"]})


def test_markdown_and_latex_tables_have_intervals() -> None:
    result = table_result()
    lines = result.to_markdown().splitlines()
    assert lines == [
        "| model | task | solved | excess | accuracy |",
        "| --- | --- | --- | --- | --- |",
        "| Elman | a\\|b | 22.2% [2.8%, 60.0%] | 0.5000 [0.2000, 0.8000] | 50.0% [50.0%, 50.0%] |",
        "| Elman | 50% | 22.2% [2.8%, 60.0%] | 0.5000 [0.2000, 0.8000] | 50.0% [50.0%, 50.0%] |",
        "| GRU_2 | a\\|b | 22.2% [2.8%, 60.0%] | 1.5000 [1.2000, 1.8000] | 50.0% [50.0%, 50.0%] |",
    ]
    assert result.to_markdown("excess", across="model").splitlines() == [
        "| task | Elman | GRU_2 |",
        "| --- | --- | --- |",
        "| a\\|b | 0.5000 [0.2000, 0.8000] | 1.5000 [1.2000, 1.8000] |",
        "| 50% | 0.5000 [0.2000, 0.8000] |  |",
    ]
    assert result.to_latex("parameters", "solved", across="task").splitlines() == [
        r"\begin{tabular}{lllll}",
        r"\toprule",
        r"model & parameters, a|b & parameters, 50\% & solved, a|b & solved, 50\% \\",
        r"\midrule",
        r"Elman & 123 [123, 123] & 123 [123, 123] & 22.2\% [2.8\%, 60.0\%] & "
        r"22.2\% [2.8\%, 60.0\%] \\",
        r"GRU\_2 & 123 [123, 123] &  & 22.2\% [2.8\%, 60.0\%] &  \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


@pytest.mark.parametrize("count", [6, 7, 8, 9, 17, 30, 101, 1200])
def test_median_interval_is_the_narrowest_that_is_exact(count: int) -> None:
    low, high = median_interval(range(1, count + 1))

    def coverage(at: int) -> float:
        """Return the probability that `at` to `count + 1 - at` of the values are below."""
        return float(sum(comb(count, k) for k in range(at, count + 1 - at)) / 2**count)

    assert low + high == count + 1
    assert coverage(int(low)) >= 0.95 > coverage(int(low) + 1)


def test_median_interval_of_few_values_is_their_range() -> None:
    assert median_interval([5.0]) == (5, 5)
    assert median_interval([3.0, 1.0, 2.0, 7.0, 5.0]) == (1, 7)


def test_printed_table_shows_the_shortest_and_longest_lengths() -> None:
    rows = [
        SweepRow({"task": "a"}, 0, longer_accuracy={n: Estimate(n / 100) for n in (41, 50, 60)}),
        SweepRow({"task": "b"}, 0),
    ]
    lines = str(SweepResult(rows, {"task": ["a", "b"]})).splitlines()
    assert lines[0].split()[-4:] == ["at", "41", "at", "60"]
    assert lines[1].split()[-2:] == ["41.0%", "60.0%"]
    rows[1] = SweepRow({"task": "b"}, 0, longer_accuracy={76: Estimate(0.76)})
    lines = str(SweepResult(rows, {"task": ["a", "b"]})).splitlines()
    assert lines[0].split()[-1] == "longest"
    assert [line.split()[-1] for line in lines[1:3]] == ["60.0%", "76.0%"]


def test_unknown_errors_are_null_in_json() -> None:
    one = SweepRow({}, 0, excess=Estimate(0.5, math.nan), longer_excess={9: Estimate(1.0, 0.5)})
    facts = json.loads(one.to_json(), parse_constant=pytest.fail)
    assert (facts["excess"], facts["longer_excess"]) == ([0.5, None], {"9": [1.0, 0.5]})
    assert repr(vars(SweepRow.from_json(one.to_json()))) == repr(vars(one))


def test_baselines_of_a_task_may_be_plain_numbers() -> None:
    class Plain(type(PARITY)):  # type: ignore[misc]
        memoryless = math.log(2)
        chance = np.float64(0.5)

    task = Plain()
    model = ElmanCharModel(task.vocab, hidden_size=4)
    for data in (task, *task.held_out(0.2)):
        report = evaluate(model, data, count=32, longer=[])
        assert (report.memoryless, report.chance) == (Estimate(math.log(2)), Estimate(0.5))
        assert "best without memory: loss 0.6931" in str(report)
        assert type(report).from_json(report.to_json()) == report
    assert fit(model, task, epochs=1).baselines.memoryless == math.log(2)
    assert sweep(ElmanEnsemble, task, grid={}, **QUICK).rows[0].error is None
