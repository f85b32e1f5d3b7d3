"""A sweep's results depend only on its arguments, not on global state, order or executor."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    get_task,
    sweep,
)
from seqtoys.errors import DataError, OptionError
from seqtoys.results import SweepRow
from seqtoys.support.randomness import generator_for, seeded_generator
from seqtoys.sweeps import isolation
from seqtoys.tasks.given_data import split_rows

PARITY = get_task("parity")
VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel", "oil"]
QUICK: dict[str, Any] = {
    "grid": {"lr": [0.02, 0.05]},
    "seeds": [3, 0, 7],
    "epochs": 3,
    "batch_size": 8,
    "count": 8,
    "longer": [],
}
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


class Dropping(nn.Module):
    """A model with dropout whose weights come from PyTorch's generator, not from its seed."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), 4)
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.readout = nn.Linear(4, len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.dropout(self.gru(self.embedding(inputs))[0]))
        return logits


class Careless(Dropping):
    """The same, drawing from Python's and NumPy's generators, too."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__(vocab, seed)
        nn.init.constant_(self.readout.bias, random.random() + np.random.random())  # noqa: NPY002


class CarelessReplicas(nn.Module):
    """The same for several seeds."""

    def __init__(self, vocab: Vocab, seeds: Any) -> None:
        super().__init__()
        self.seeds = tuple(seeds)
        self.models = nn.ModuleList(Careless(vocab, seed) for seed in self.seeds)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([model(inputs) for model in self.models])


class CarelessTask(type(PARITY)):  # type: ignore[misc]
    """A task that draws its sequences from the global generator."""

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        own = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        batch: Batch = super().draw(batch_size, length, own)
        return batch


def pools() -> dict[str, Callable[[], Executor]]:
    made: dict[str, Callable[[], Executor]] = {"threads": partial(ThreadPoolExecutor, 3)}
    for name, workers in (("fork", 2), ("spawn", 1)):  # a spawned process takes seconds to start
        context = multiprocessing.get_context(name)
        made[name] = partial(ProcessPoolExecutor, workers, context)
    return made


def global_states() -> list[str]:
    drawn = np.random.get_state()  # noqa: NPY002
    return [repr(torch.get_rng_state().tolist()), repr(random.getstate()), repr(drawn)]


@cache
def inline_rows(make: Any) -> list[SweepRow]:
    return sweep(make, PARITY, **QUICK).rows


@pytest.mark.parametrize("name", pools())
def test_dropout_and_global_generators_give_the_same_rows_in_every_executor(name: str) -> None:
    makes: tuple[Any, ...] = (ElmanEnsemble, Careless, CarelessReplicas)
    with pools()[name]() as executor:
        found = [sweep(make, PARITY, executor=executor, **QUICK).rows for make in makes]
    for make, rows in zip(makes, found, strict=True):
        expected = inline_rows(make)
        if make is CarelessReplicas:  # whose stacked products may be rounded differently
            for row, other in zip(rows, expected, strict=True):
                assert row.loss == pytest.approx(other.loss, rel=1e-6)
                assert (row.settings, row.seed, row.accuracy) == (
                    other.settings,
                    other.seed,
                    other.accuracy,
                )
        else:
            assert rows == expected
        assert not any(row.error for row in rows)
        assert len({row.loss for row in rows}) == 6  # all seeds and settings differ


def test_dropout_gives_the_same_rows_in_the_threads_of_a_cluster() -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}
    with (
        distributed.Client(processes=False, **options) as client,
        client.get_executor() as executor,
    ):
        # Other threads of a cluster may draw from Python's generator.
        assert sweep(Dropping, PARITY, executor=executor, **QUICK).rows == inline_rows(Dropping)


@pytest.mark.usefixtures("unchecked")  # as the run-time type checks draw from Python's generator
@pytest.mark.parametrize("make", [Careless, CarelessReplicas])
def test_rows_neither_depend_on_nor_change_global_state(make: Any) -> None:
    with torch.random.fork_rng(devices=[]):
        for start in (1, 2):
            torch.manual_seed(start)
            before = global_states()
            assert sweep(make, PARITY, **QUICK).rows == inline_rows(make)
            assert global_states() == before


def test_task_drawing_from_the_global_generator_is_seeded() -> None:
    task = CarelessTask()
    first = sweep(ElmanCharModel, task, **QUICK).rows
    again = sweep(ElmanCharModel, task, **{**QUICK, "seeds": [7, 3]}).rows
    assert again == [first[2], first[0], first[5], first[3]]


def test_row_can_be_reproduced_from_its_documented_seed() -> None:
    rows = {row.seed: row for row in inline_rows(Careless)[3:]}
    for seed, row in rows.items():
        state = random.getstate(), np.random.get_state()  # noqa: NPY002
        with torch.random.fork_rng(devices=[]):
            own = generator_for("model", seed).initial_seed()
            torch.manual_seed(own)
            random.seed(own)
            np.random.seed(own)  # noqa: NPY002
            model = Careless(PARITY.vocab, seed)
            fit(model, PARITY, lr=0.05, epochs=3, batch_size=8)
            assert row.loss == evaluate(model, PARITY, count=8, longer=[]).seen.loss
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002


def test_seeds_and_settings_in_another_order_give_the_same_rows() -> None:
    def by_key(rows: list[SweepRow]) -> dict[Any, SweepRow]:
        return {(row.settings["lr"], row.seed): row for row in rows}

    options = {**QUICK, "grid": {"lr": [0.05, 0.02]}, "seeds": [7, 3]}
    found = by_key(sweep(Careless, PARITY, **options).rows)
    everything = by_key(inline_rows(Careless))
    assert found == {key: row for key, row in everything.items() if key[1] != 0}
    assert len(found) == 4


def test_truncated_file_gives_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    sweep(Careless, PARITY, path=path, **QUICK)
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        assert sweep(Careless, PARITY, path=path, **QUICK).rows == inline_rows(Careless)
        assert path.read_bytes().count(b"\n") == 7


def failing(vocab: Vocab, seed: int) -> Careless:
    torch.rand(3), random.random(), np.random.random()  # noqa: NPY002
    raise (KeyboardInterrupt if seed == 7 else RuntimeError)("no such seed")


@pytest.mark.usefixtures("unchecked")
def test_error_and_ctrl_c_leave_global_state_unchanged() -> None:
    before = [*global_states(), torch.get_num_threads()]
    rows = sweep(failing, PARITY, **QUICK).rows
    assert [row.seed for row in rows] == [3, 0]
    assert str(rows[0].error).startswith("RuntimeError: no such seed (test_sweep_randomness.py")
    assert [*global_states(), torch.get_num_threads()] == before


def test_gpu_generators_are_seeded_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: calls.append(seed))
    with isolation.isolated(7):
        pass
    own = generator_for("model", 7).initial_seed()
    assert calls == [own, torch.initial_seed()]  # since CUDA is not yet initialized
    calls.clear()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: "states")
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda states: calls.append(states))
    with isolation.isolated(7):
        pass
    assert calls == [own, "states"]


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_worker_forked_during_a_cell_does_not_deadlock() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with isolation.isolated(0):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        held.wait(60)
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(1, context) as pool:
            options: dict[str, Any] = {**QUICK, "seeds": [3], "grid": {"lr": [0.02]}}
            found = pool.submit(partial(sweep, Careless, PARITY, **options)).result(timeout=60)
    finally:
        done.set()
        thread.join()
    assert found.rows == inline_rows(Careless)[:1]


def greedy(vocab: Vocab, seed: int, sizes: list[int], generator: torch.Generator) -> Any:
    """Make a model, changing the given list and generator."""
    model = ElmanCharModel(vocab, hidden_size=sizes.pop(), seed=seed)
    nn.init.normal_(model.get_parameter("readout.weight"), generator=generator)
    return model


@pytest.mark.parametrize("place", ["grid", "partial"])
@pytest.mark.parametrize("name", ["here", "threads", "fork"])
def test_cells_do_not_change_the_arguments_of_make_model(name: str, place: str) -> None:
    sizes, generator = [4, 3], torch.Generator().manual_seed(5)
    options = {**QUICK, "grid": {"sizes": [sizes], "generator": [generator]}, "lr": 0.05}
    make: Any = greedy
    if place == "partial":
        make, options["grid"] = partial(greedy, sizes=sizes, generator=generator), {}
    if name == "here":
        rows = sweep(make, PARITY, **options).rows
    else:
        with pools()[name]() as executor:
            rows = sweep(make, PARITY, executor=executor, **options).rows
    assert sizes == [4, 3]
    for row in rows:
        model = greedy(PARITY.vocab, row.seed, [4, 3], torch.Generator().manual_seed(5))
        fit(model, PARITY, lr=0.05, epochs=3, batch_size=8)
        loss = evaluate(model, PARITY, count=8, longer=[]).seen.loss
        assert row.loss == pytest.approx(loss, rel=1e-6)


def test_vary_data_gives_each_seed_its_own_batches() -> None:
    rows = sweep(ElmanCharModel, PARITY, vary_data=True, **QUICK).rows
    for row in rows:
        model = ElmanCharModel(PARITY.vocab, seed=row.seed)
        lr: Any = row.settings["lr"]
        fit(model, PARITY, lr=lr, epochs=3, batch_size=8, seed=row.seed)
        assert row.loss == evaluate(model, PARITY, count=8, longer=[]).seen.loss
    same = sweep(ElmanCharModel, PARITY, **QUICK).rows
    assert are_close(rows, same) == [False, True, False] * 2  # seed 0
    fixed = sweep(ElmanCharModel, PARITY, seed=7, **QUICK).rows
    assert are_close(rows, fixed) == [False, False, True] * 2


def are_close(rows: list[SweepRow], others: list[SweepRow]) -> list[bool]:
    """Compare losses up to rounding, as seeds may be trained together or alone."""
    pairs = zip(rows, others, strict=True)
    return [a.loss == pytest.approx(b.loss, rel=1e-6) for a, b in pairs]


def test_vary_data_holds_out_other_texts_for_each_seed() -> None:
    options: dict[str, Any] = {"vocab": VOCAB, "validation": 0.3, "epochs": 2, "grid": {}}
    batch = Batch.from_texts(TEXTS, VOCAB)
    for vary_data in (True, False):
        held = set()
        for row in sweep(ElmanCharModel, TEXTS, seeds=range(4), vary_data=vary_data, **options):
            seed = row.seed if vary_data else 0
            model = ElmanCharModel(VOCAB, seed=row.seed)
            fit(model, TEXTS, validation=0.3, epochs=2, seed=seed)
            training, held_out = split_rows(batch, 0.3, seeded_generator(seed))
            for part, loss in ((training, row.loss), (held_out, row.unseen_loss)):
                rows = batch.take(part)
                logits = model(rows.inputs)[0].double().flatten(0, 1)
                expected = nn.functional.cross_entropy(logits, rows.targets.flatten())
                assert loss == pytest.approx(expected.item(), rel=1e-6)
            held.add(tuple(held_out.tolist()))
        assert len(held) == (4 if vary_data else 1)


def test_vary_data_trains_the_seeds_of_an_ensemble_one_by_one() -> None:
    made: list[Any] = []

    def make(vocab: Vocab, seeds: Any) -> ElmanEnsemble:
        made.append(seeds)
        return ElmanEnsemble(vocab, seeds).double()

    def alone(vocab: Vocab, seed: int) -> ElmanCharModel:
        return ElmanCharModel(vocab, seed=seed).double()

    rows = sweep(make, PARITY, vary_data=True, **QUICK).rows
    assert made == [(3,), (0,), (7,)] * 2
    for row, single in zip(rows, sweep(alone, PARITY, vary_data=True, **QUICK).rows, strict=True):
        assert row.loss == pytest.approx(single.loss, rel=1e-9)


def test_vary_data_cannot_be_combined_with_seed(tmp_path: Path, assert_error: ErrorCheck) -> None:
    assert_error(
        lambda: sweep(ElmanEnsemble, PARITY, vary_data=True, seed=3, **QUICK),
        OptionError,
        "seed=… cannot be combined with vary_data=True, which passes the seed of each model to "
        "fit",
    )
    path = tmp_path / "rows.jsonl"
    sweep(ElmanEnsemble, PARITY, path=path, **QUICK)
    assert_error(
        lambda: sweep(ElmanEnsemble, PARITY, path=path, vary_data=True, goal=0.1, **QUICK),
        DataError,
        f"{path} holds another sweep, with goal null, not 0.1; vary_data false, not true; use "
        "another path, or delete it",
    )


SEEN: dict[tuple[int, bool], set[bytes]] = {}
"""The sequences that each seed's model read, by training and evaluation mode."""


class Spy(nn.Module):
    """A model that records every sequence it reads that is too long to repeat by chance."""

    def __init__(self, vocab: Vocab, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.logits = nn.Embedding(len(vocab), len(vocab))

    def forward(self, inputs: Tensor) -> Tensor:
        assert math.isfinite(self.logits.weight.sum().item())  # so that it isn't batched
        if inputs.shape[1] > 30:
            rows = SEEN.setdefault((self.seed, self.training), set())
            rows.update(map(bytes, inputs.tolist()))
        logits: Tensor = self.logits(inputs)
        return logits


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(  # evaluation draws 1, 4, 31 and 32 sequences at once
    ("batch_size", "vary_data"), [(1, False), (31, True), (32, False), (32, True), (128, False)]
)
def test_no_seed_is_evaluated_on_training_sequences_of_any_seed(
    batch_size: int, vary_data: bool
) -> None:
    SEEN.clear()
    task, seeds = get_task("parity"), [0, 1, 2]
    task.lengths = (31, 40)
    for count in (10, 100, 992, 1000):
        sweep(
            Spy,
            task,
            grid={},
            seeds=seeds,
            epochs=32 if count == 10 else 1,  # the same batches, but fewer
            batch_size=batch_size,
            count=count,
            longer=[31, 40, 64],
            vary_data=vary_data,
        )
    for trained in seeds:
        assert len(SEEN[trained, True]) == 32 * batch_size
        for measured in seeds:
            assert len(SEEN[measured, False]) >= 1000
            assert not SEEN[trained, True] & SEEN[measured, False]
    assert (SEEN[0, True] == SEEN[1, True]) is not vary_data
    assert SEEN[0, False] == SEEN[1, False]  # all are measured on the same sequences
