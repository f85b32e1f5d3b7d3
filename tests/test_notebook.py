"""The original notebook's three training loops, compared with the library."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from seqtoys import ElmanCharModel, Vocab, fit

pytestmark = pytest.mark.type_checked

SYMBOLS = "hielo"
INPUTS, LABELS = torch.tensor([0, 1, 0, 2, 3, 3]), torch.tensor([1, 0, 2, 3, 3, 4])
ONE_HOTS = torch.eye(5)[INPUTS]
Course = list[tuple[float, str]]


def read(outputs: torch.Tensor) -> str:
    return "".join(SYMBOLS[int(i)] for i in outputs.argmax(-1).flatten())


def stepwise() -> Course:
    rnn = nn.RNN(5, 5, batch_first=True)
    optimizer, course = torch.optim.Adam(rnn.parameters(), lr=0.005), []
    for _ in range(100):
        optimizer.zero_grad()
        loss, hidden, text = torch.zeros(()), torch.zeros(1, 1, 5), ""
        for one_hot, label in zip(ONE_HOTS, LABELS, strict=True):
            output, hidden = rnn(one_hot.view(1, 1, 5), hidden)
            loss = loss + nn.functional.cross_entropy(output.view(1, 5), label.view(1))
            text += read(output)
        loss.backward()
        optimizer.step()
        course.append((loss.item(), text))
    return course


def whole() -> Course:
    rnn = nn.RNN(5, 5, batch_first=True)
    optimizer, course = torch.optim.Adam(rnn.parameters(), lr=0.05), []
    for _ in range(100):
        outputs = rnn(ONE_HOTS.view(1, 6, 5), torch.zeros(1, 1, 5))[0].view(6, 5)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(outputs, LABELS)
        loss.backward()
        optimizer.step()
        course.append((loss.item(), read(outputs)))
    return course


def embedding() -> Course:
    table = nn.Embedding(5, 10)
    rnn = nn.RNN(10, 5, batch_first=True)
    readout = nn.Linear(5, 5)
    parameters = [p for part in (table, rnn, readout) for p in part.parameters()]
    optimizer, course = torch.optim.Adam(parameters, lr=0.1), []
    for _ in range(100):
        states = rnn(table(INPUTS).view(1, 6, 10), torch.zeros(1, 1, 5))[0]
        outputs = readout(states).view(6, 5)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(outputs, LABELS)
        loss.backward()
        optimizer.step()
        course.append((loss.item(), read(outputs)))
    return course


CASES: dict[str, Any] = {
    "stepwise": (stepwise, {}, {"stepwise": True, "lr": 0.005}, 6, "10.155", "5.140"),
    "whole": (whole, {}, {"lr": 0.05}, 1, "1.693", "0.469"),
    "embedding": (
        embedding,
        {"hidden_size": 5, "embedding_size": 10},
        {"lr": 0.1},
        1,
        "1.768",
        "0.007",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_epoch_matches_the_notebook(case: str) -> None:
    train, sizes, options, scored, first, last = CASES[case]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(777)
        course = train()
    model = ElmanCharModel(Vocab(SYMBOLS), seed=777, **sizes)
    history = fit(model, ("hihell", "ihello"), epochs=100, **options)

    losses = [scored * loss for loss in history.loss]  # the notebook sums over the steps
    assert losses == pytest.approx([loss for loss, _ in course], rel=1e-4)
    assert history.predictions == [text for _, text in course]
    assert (f"{losses[0]:.3f}", f"{losses[-1]:.3f}") == (first, last)
    assert model.predict("hihell") == "ihello"
