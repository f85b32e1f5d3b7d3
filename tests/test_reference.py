"""Every fast path of the Elman network, checked against the paper's forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, generate
from seqtoys.models.elman.model import reference_forward

VOCAB = Vocab("hielo")
INPUTS = VOCAB.encode_batch(["hihell", "ohello", "llllll"])
SETTINGS: list[dict[str, Any]] = [
    {},
    {"hidden_size": 4},
    {"hidden_size": 4, "nonlinearity": "relu", "num_layers": 3},
    {"hidden_size": 6, "embedding_size": 2, "num_layers": 2},
]


@pytest.fixture(params=SETTINGS, ids=str)
def model(request: pytest.FixtureRequest) -> ElmanCharModel:
    return ElmanCharModel(VOCAB, seed=3, **request.param).double()


def test_whole_sequences_and_single_steps_match_the_reference(model: ElmanCharModel) -> None:
    layers, units = model.settings.num_layers, model.settings.units(len(VOCAB))
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(
        layers, len(INPUTS), units, dtype=torch.float64, generator=generator
    ).tanh()
    for hidden in (None, start):
        expected = reference_forward(model, INPUTS, hidden)
        torch.testing.assert_close(model(INPUTS, hidden), expected)
        logits, state = [], hidden
        for symbols in INPUTS.unbind(1):
            step, state = model.step(symbols, state)
            logits.append(step)
        torch.testing.assert_close((torch.stack(logits, 1), state), expected)


def test_gradients_and_ensembles_match_the_reference(model: ElmanCharModel) -> None:
    batch = Batch(INPUTS, INPUTS.roll(-1, 1))
    logits, _ = reference_forward(model, batch.inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
    expected = torch.autograd.grad(loss, list(model.parameters()))
    options = {k: v for k, v in vars(model.settings).items() if k != "batch_first"}
    ensemble = ElmanEnsemble(VOCAB, [3, 4], **options).double()
    torch.testing.assert_close(ensemble(batch.inputs)[0][0], logits)
    if not model.writes_gradients:
        assert model.settings.embedding_size or model.settings.num_layers > 1
        return
    for network in (model, ensemble):
        backprop = network.backprop(batch)
        measured, predicted = backprop.loss_and_predictions()
        backprop.backward()
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        if network is ensemble:
            measured, predicted, grads = measured[0], predicted[0], [g[0] for g in grads]
        torch.testing.assert_close((measured, predicted), (loss.detach(), logits.argmax(-1)))
        torch.testing.assert_close(grads, list(expected))


def test_generated_text_matches_the_reference(model: ElmanCharModel) -> None:
    text = "h"
    for _ in range(9):
        logits, _ = reference_forward(model, VOCAB.encode_batch([text]))
        text += str(VOCAB.decode(logits[0, -1:].argmax(-1)))
    assert generate(model, "h", 9, temperature=0) == text[1:]
