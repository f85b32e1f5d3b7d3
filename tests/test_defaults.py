"""PyTorch's default dtype and device affect only new models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqtoys import (
    Batch,
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    TaskDataset,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    save,
)
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol
from seqtoys.tasks.catalogue import CATALOGUE
from seqtoys.tasks.task import Task

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hello", "hill"]
PARITY = get_task("parity")


@pytest.fixture(params=["float16", "bfloat16", "float64", "meta"])
def other_default(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Return a function that changes the default dtype or device until the test ends."""

    def change() -> None:
        if request.param == "meta":
            torch.set_default_device("meta")
        else:
            torch.set_default_dtype(getattr(torch, request.param))

    yield change
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


@cache
def drawn_by_default(name: str) -> list[Any]:
    return drawn(get_task(name))


def drawn(task: Task) -> list[Any]:
    length = next(n for n in range(task.lengths[0], 999) if task.why_no_length(n) is None)
    batches = [task.sample(30), task.sample(5, length=length)]
    numbers = [float(task.chance), float(task.memoryless), task.optimal_loss(batches[0])]
    return [[batch.inputs.tolist(), batch.targets.tolist()] for batch in batches] + numbers


@pytest.mark.parametrize("name", CATALOGUE)
def test_tasks_ignore_the_defaults(name: str, other_default: Callable[[], None]) -> None:
    before = drawn_by_default(name)
    other_default()
    assert drawn(get_task(name)) == before


def test_split_ignores_the_defaults(other_default: Callable[[], None]) -> None:
    def samples() -> list[Any]:
        return [part.sample(30).inputs.tolist() for part in get_task("reber").held_out(0.3)]

    before = samples()
    other_default()
    assert samples() == before


def weights(model: nn.Module) -> list[Any]:
    return [(weight.dtype, weight.tolist()) for weight in model.parameters()]


def trained(model: nn.Module, data: Any, **options: Any) -> list[Any]:
    """Train a copy for a few epochs and return its losses and weights."""
    learner = copy.deepcopy(model)
    history: Any = fit(learner, data, epochs=3, lr=0.01, **options)
    losses = torch.as_tensor(history.loss, dtype=torch.float64, device="cpu")
    return [losses.tolist(), weights(learner)]


def results_of(model: Any, learner: Any, folder: Path) -> list[Any]:
    """Return the numbers that every part of the library computes with a model."""
    batch = Batch.from_texts(TEXTS, VOCAB).distinct().repeated()
    save(model, folder / "model")
    options: dict[str, Any] = {"lr": 0.01, "vocab": VOCAB}
    fit(
        copy.deepcopy(model),
        TEXTS,
        epochs=2,
        checkpoint=Checkpoint(folder / "run", every=1),
        **options,
    )
    resumed = copy.deepcopy(model)
    fit(resumed, TEXTS, epochs=4, resume=folder / "run", **options)
    return [
        trained(model, TEXTS, batch_size=2, validation=0.4, optimizer=torch.optim.AdamW),
        trained(model, "hihello" * 9, chunk=10, validation=0.3),
        trained(learner, PARITY, validation=0.3, lengths=Curriculum(9)),
        str(evaluate(learner, PARITY, count=64, seen=PARITY.sample(9), longer=[50])),
        generate(model, "h", 20, num=2),
        loss_by_position(model, batch).nan_to_num().tolist(),
        weights(load(folder / "model")),
        weights(resumed),
        [part.tolist() for part in TaskDataset(PARITY, 2, batch_size=3)[1]],
    ]


def make(kind: str, vocab: Vocab) -> ElmanCharModel | ElmanEnsemble:
    if kind == "model":
        return ElmanCharModel(vocab, hidden_size=5, embedding_size=3, seed=1)
    return ElmanEnsemble(vocab, [1, 2], hidden_size=5)


@cache
def results_by_default(kind: str) -> list[Any]:
    with TemporaryDirectory() as folder:
        return results_of(make(kind, VOCAB), make(kind, PARITY.vocab), Path(folder))


@pytest.mark.parametrize("kind", ["model", "ensemble"])
def test_existing_models_ignore_the_defaults(
    kind: str, other_default: Callable[[], None], tmp_path: Path
) -> None:
    model, learner = make(kind, VOCAB), make(kind, PARITY.vocab)
    before = results_by_default(kind)
    other_default()
    assert results_of(model, learner, tmp_path) == before
    if isinstance(model, ElmanEnsemble):
        assert weights(model[1]) == weights(model.cpu()[1])
    else:
        states = mean_hidden_by_symbol(model, Batch.from_texts(TEXTS, VOCAB))
        assert all(state.device.type == "cpu" for state in states.values())


def pytorch_weights(seed: int) -> list[Tensor]:
    """Return the weights of PyTorch's own modules."""
    before = torch.get_rng_state()
    torch.manual_seed(seed)
    parts = [nn.Embedding(5, 3), nn.RNN(3, 4, batch_first=True), nn.Linear(4, 5)]
    torch.set_rng_state(before)
    return [weight for part in parts for weight in part.parameters()]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_new_weights_match_pytorch_in_its_default_dtype(dtype: torch.dtype) -> None:
    torch.set_default_dtype(dtype)
    try:
        expected = pytorch_weights(7)
        model = ElmanCharModel(VOCAB, hidden_size=4, embedding_size=3, seed=7)
        replica = ElmanEnsemble(VOCAB, [7, 8], hidden_size=4, embedding_size=3)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    for made in (model, replica):
        for weight, wanted in zip(made.parameters(), expected, strict=True):
            # PyTorch computes the bounds of a linear layer differently, with other rounding.
            torch.testing.assert_close(weight, wanted, rtol=1e-15, atol=0)


def test_new_models_are_on_the_default_device() -> None:
    torch.set_default_device("meta")
    try:
        model, ensemble = ElmanCharModel(VOCAB, hidden_size=4), ElmanEnsemble(VOCAB, [1, 2])
    finally:
        torch.set_default_device(None)
    for made in (model, ensemble):
        assert {weight.device.type for weight in made.parameters()} == {"meta"}
