"""Losses by position, mean states and principal components, compared with plain PyTorch."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.errors import DataError, OptionError, ShapeError
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol, principal_components

pytestmark = pytest.mark.type_checked

VOCAB = Vocab("hielo")
TEXTS = ["hihello", "hell", "ole"]
BATCH = Batch.from_texts(TEXTS, VOCAB)


class Cell(nn.Module):
    """A user's GRU with a step method but no vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.cell = nn.GRUCell(5, 3)

    def initial_hidden(self, batch_size: int) -> Tensor:
        return torch.zeros(1, batch_size, 3)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        after = self.cell(F.one_hot(inputs, 5).float(), hidden[0])
        return after, after.unsqueeze(0)


class TupleState(Cell):
    """The same with a tuple as its state, like an LSTM."""

    def step(self, inputs: Tensor, hidden: Any) -> Any:
        return inputs, (torch.zeros(3), torch.zeros(3))


class Fixed(nn.Module):
    """A model without weights whose logits are constant."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.arange(5.0).expand(*inputs.shape, 5)


@pytest.mark.parametrize("options", [{}, {"hidden_size": 4, "batch_first": False}])
def test_losses_are_negative_log_probabilities_of_the_targets(options: dict[str, Any]) -> None:
    model = ElmanCharModel(VOCAB, seed=3, **options)
    losses = loss_by_position(model, BATCH)
    assert losses.shape == (3, 6)
    for row, text in enumerate(TEXTS):
        probabilities = torch.from_numpy(model.trace(text[:-1]).probabilities)
        targets = VOCAB.encode(text[1:])
        expected = [-step[index].log() for step, index in zip(probabilities, targets, strict=True)]
        torch.testing.assert_close(
            losses[row, : len(expected)].float(), torch.stack(expected), rtol=1e-4, atol=1e-6
        )
        assert losses[row, len(expected) :].isnan().all()


def test_mean_loss_by_position_is_the_loss_fit_reports() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=4)
    mean = loss_by_position(model, BATCH).nanmean().item()
    assert mean == pytest.approx(fit(model, BATCH, epochs=1).loss[0], rel=1e-5)


def test_replicas_have_the_losses_of_single_models() -> None:
    ensemble = ElmanEnsemble(VOCAB, [5, 6])
    losses = loss_by_position(ensemble, BATCH)
    for replica, seed in enumerate([5, 6]):
        alone = loss_by_position(ElmanCharModel(VOCAB, seed=seed), BATCH)
        torch.testing.assert_close(losses[replica], alone, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_model_is_measured_without_dropout_and_left_in_training_mode() -> None:
    model = nn.Sequential(nn.Embedding.from_pretrained(torch.eye(5)), nn.Dropout(0.9))
    expected = -torch.eye(5).log_softmax(1)[0, 1]  # for "i" after "h"
    losses = loss_by_position(model, Batch.from_texts(["hi"], VOCAB))
    assert losses.item() == pytest.approx(expected.item())
    assert model.training


def test_model_without_weights_can_be_measured() -> None:
    losses = loss_by_position(Fixed(), Batch.from_texts(["ho"], VOCAB))
    assert losses.item() == pytest.approx(-torch.arange(5.0).log_softmax(0)[4].item())


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "hidden_size": 4}])
@pytest.mark.parametrize("batch_first", [True, False])
def test_mean_states_match_torch_nn_rnn(options: dict[str, Any], batch_first: bool) -> None:
    model = ElmanCharModel(VOCAB, seed=2, batch_first=batch_first, **options)
    layers = options.get("num_layers", 1)
    with torch.random.fork_rng():
        rnn = nn.RNN(5, model.rnn.hidden_size, layers, batch_first=True)
    rnn.load_state_dict(model.rnn.state_dict())
    states = defaultdict(list)
    for text in TEXTS:
        outputs, _ = rnn(VOCAB.one_hot(text[:-1]).unsqueeze(0))
        for symbol, state in zip(text, outputs[0], strict=False):
            states[symbol].append(state.detach())
    means = mean_hidden_by_symbol(model, BATCH)
    assert list(means) == ["h", "i", "e", "l", "o"]
    for symbol, mean in means.items():
        expected = torch.stack(states[symbol]).mean(0)
        torch.testing.assert_close(mean.float(), expected, rtol=1e-5, atol=1e-6)


def test_counts_weight_the_means() -> None:
    model = ElmanCharModel(VOCAB)
    batch = Batch.from_texts(["hello", "hill", "hello"], VOCAB)
    once, counted = (mean_hidden_by_symbol(model, each) for each in (batch, batch.distinct()))
    assert list(once) == list(counted)
    for symbol, mean in once.items():
        torch.testing.assert_close(counted[symbol], mean)


def test_symbols_that_are_never_input_have_no_mean() -> None:
    means = mean_hidden_by_symbol(ElmanCharModel(VOCAB), Batch.from_texts(["hello"], VOCAB))
    assert list(means) == ["h", "e", "l"]


def test_any_model_with_step_has_mean_states() -> None:
    model = Cell()
    means = mean_hidden_by_symbol(model, Batch.from_texts(["hi"], VOCAB), VOCAB)
    expected = model.cell(F.one_hot(torch.tensor([0]), 5).float(), torch.zeros(1, 3))[0]
    torch.testing.assert_close(means["h"].float(), expected.detach())


def test_models_without_usable_states_raise(assert_error: Any) -> None:
    batch = Batch.from_texts(["hi"], VOCAB)
    assert_error(
        lambda: mean_hidden_by_symbol(Fixed(), batch, VOCAB),
        ShapeError,
        "expected Fixed to return a state of shape (layers, 1, hidden) or (1, hidden), got no "
        "state",
    )
    assert_error(
        lambda: mean_hidden_by_symbol(Cell(), batch),
        OptionError,
        "expected a vocabulary, because Cell has none; pass vocab=…",
    )
    assert_error(
        lambda: mean_hidden_by_symbol(TupleState(), batch, VOCAB),
        ShapeError,
        "expected TupleState to return a state of shape (layers, 1, hidden) or (1, hidden), got a "
        "tuple of 2",
    )
    assert_error(
        lambda: mean_hidden_by_symbol(ElmanEnsemble(VOCAB, [1, 2]), batch),
        ShapeError,
        "expected ElmanEnsemble to return a state of shape (layers, 1, hidden) or (1, hidden), "
        "got shape (2, 1, 1, 5)",
    )


def test_components_match_a_singular_value_decomposition() -> None:
    states = np.random.default_rng(0).normal(size=(40, 6)) * np.arange(1, 7)
    points, variance_ratios = principal_components(states, 3)
    centred = states - states.mean(0)
    _, widths, directions = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(variance_ratios, (widths**2 / (widths**2).sum())[:3])
    np.testing.assert_allclose(np.abs(points), np.abs(centred @ directions[:3].T), atol=1e-9)


def test_components_do_not_depend_on_the_order_of_states() -> None:
    states = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    points, _ = principal_components(states)
    backwards, _ = principal_components(states[::-1])
    np.testing.assert_allclose(points, backwards[::-1], atol=1e-6)
    # Each direction's largest entry is positive, so points increase with that unit.
    largest = np.abs(np.linalg.lstsq(points, states - states.mean(0), rcond=None)[0]).argmax(1)
    for axis in (0, 1):
        assert np.corrcoef(points[:, axis], states[:, largest[axis]])[0, 1] > 0


def test_constant_states_have_zero_components() -> None:
    points, variance_ratios = principal_components(np.ones((3, 4)))
    assert not points.any()
    assert not variance_ratios.any()


def test_too_few_states_or_units_raise(assert_error: Any) -> None:
    assert_error(
        lambda: principal_components(np.ones((3, 1))),
        OptionError,
        "expected 1 to 1 components, got 2",
    )
    assert_error(
        lambda: principal_components(np.ones((1, 3))),
        DataError,
        "expected at least two states, got 1",
    )
