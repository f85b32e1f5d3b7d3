"""How far back gradients reach: against the chain rule by hand, and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, Vocab
from seqtoys.errors import DataError, OptionError
from seqtoys.inspection import gradient_by_distance
from seqtoys.models import GRUCharModel, LSTMCharModel
from seqtoys.plotting import plot_gradient_reach

VOCAB = Vocab("hielo")
Draw = Callable[[Axes], Any]


def by_chain_rule(model: ElmanCharModel, text: str) -> list[float]:
    """Multiply the Jacobians of a tanh network with a linear readout, from the last loss back."""
    trace, back = model.trace(text[:-1]), []
    target = VOCAB.one_hot(text[-1])[0].numpy()
    readout, rnn = cast(Any, model.readout), cast(Any, model.rnn)
    gradient = readout.weight.detach().numpy().T @ (trace.probabilities[-1] - target)
    for hidden in trace.hidden[::-1]:
        back.append(float(np.linalg.norm(gradient)))
        gradient = rnn.weight_hh_l0.detach().numpy().T @ ((1 - hidden**2) * gradient)
    return back


def test_gradients_follow_the_chain_rule() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=7, seed=3)
    model.requires_grad_(
        requires_grad=False
    )  # frozen weights have gradients with respect to states
    with torch.no_grad():
        sizes = gradient_by_distance(model, Batch.from_texts(["hihello"], VOCAB))
    assert sizes.tolist() == pytest.approx(by_chain_rule(model, "hihello"), rel=1e-5)
    assert all(not weight.requires_grad and weight.grad is None for weight in model.parameters())


def test_sequences_of_several_lengths_are_aligned_at_their_last_loss() -> None:
    model = ElmanCharModel(VOCAB, hidden_size=7, seed=3)
    long, short = by_chain_rule(model, "hihello"), by_chain_rule(model, "hill")
    mean = [(a + b) / 2 for a, b in zip(long, short, strict=False)] + long[len(short) :]
    batch = Batch.from_texts(["hihello", "hill"], VOCAB)
    assert gradient_by_distance(model, batch).tolist() == pytest.approx(mean, rel=1e-5)
    twice = Batch.from_texts(["hihello", "hill", "hill"], VOCAB).distinct()
    weighted = (long[0] + 2 * short[0]) / 3
    assert gradient_by_distance(model, twice)[0] == pytest.approx(weighted, rel=1e-5)
    unscored = Batch(batch.inputs, batch.targets.clone().index_fill_(0, torch.tensor(1), -100))
    assert gradient_by_distance(model, unscored).tolist() == pytest.approx(long, rel=1e-5)


class Fading(nn.Module):
    """A state in two parts that loses half of each at every step."""

    def initial_hidden(self, batch: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(1, batch, 5), torch.zeros(1, batch, 5)

    def step(self, inputs: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        hidden = tuple(part / 2 for part in hidden)
        return (hidden[0] + hidden[1])[-1], hidden


def test_state_may_have_several_parts() -> None:
    sizes = gradient_by_distance(Fading(), Batch.from_texts(["hello"], VOCAB))
    # softmax minus one-hot, in both parts of the state
    whole = math.sqrt(2 * (0.8**2 + 4 * 0.2**2))
    assert sizes.tolist() == pytest.approx([whole / 2**k for k in range(4)])


class FadingMatrices(nn.Module):
    """A state of matrices that loses half of each at every step."""

    def initial_hidden(self, batch: int) -> Tensor:
        return torch.zeros(1, batch, 5, 2)

    def step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        hidden = hidden / 2
        return hidden.sum(-1)[-1], hidden


def test_state_may_have_several_axes() -> None:
    sizes = gradient_by_distance(FadingMatrices(), Batch.from_texts(["hello"] * 3, VOCAB))
    whole = math.sqrt(2 * (0.8**2 + 4 * 0.2**2))
    assert sizes.tolist() == pytest.approx([whole / 2**k for k in range(4)])


@pytest.mark.parametrize("kind", [GRUCharModel, LSTMCharModel])
def test_last_loss_depends_on_the_state_that_step_returns(kind: Any) -> None:
    model = kind(VOCAB, hidden_size=7, seed=3)
    trace = model.trace("hihell")
    error = trace.probabilities[-1] - VOCAB.one_hot("o")[0].numpy()
    expected = np.linalg.norm(model.readout.weight.detach().numpy().T @ error)
    sizes = gradient_by_distance(model, Batch.from_texts(["hihello"], VOCAB))
    assert sizes[0].item() == pytest.approx(expected, rel=1e-5)


class Attention(nn.Module):
    """A model without steps, whose embeddings of symbols and positions are added."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols, self.places = nn.Embedding(5, 4), nn.Embedding(9, 4)
        self.readout = nn.Linear(4, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.read(self.symbols(inputs))

    def read(self, embedded: Tensor) -> Tensor:
        states = embedded + self.places(torch.arange(embedded.shape[1]))
        weights = (states @ states.mT).tril().exp().tril()
        return cast(Tensor, self.readout(weights / weights.sum(-1, keepdim=True) @ states))


def test_embeddings_take_the_place_of_states() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Attention().requires_grad_(requires_grad=False)
    batch = Batch.from_texts(["hihello"], VOCAB)
    embedded = model.symbols(batch.inputs).requires_grad_()
    loss = nn.functional.cross_entropy(model.read(embedded)[0, -1], batch.targets[0, -1])
    (gradient,) = torch.autograd.grad(loss, embedded)
    expected = gradient[0].norm(dim=1).flip(0).tolist()
    assert gradient_by_distance(model, batch).tolist() == pytest.approx(expected, rel=1e-5)
    assert not model.symbols._forward_hooks


class OneHot(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.one_hot(inputs, 5).float()


def test_cudnn_is_not_used() -> None:
    """It has no gradients of recurrent networks in evaluation mode."""
    used = []

    class Watched(nn.Embedding):
        def forward(self, indices: Tensor) -> Tensor:
            used.append(torch.backends.cudnn.enabled)
            return super().forward(indices)

    with torch.random.fork_rng():
        model = Watched(5, 5)
    gradient_by_distance(model, Batch.from_texts(["hihello"], VOCAB))
    assert used == [False]
    assert torch.backends.cudnn.enabled


def test_models_and_seeds_are_compared(draw: Draw) -> None:
    models: dict[str, Any] = {
        "tanh": ElmanEnsemble(VOCAB, range(5), hidden_size=7),
        "relu": ElmanCharModel(
            VOCAB, hidden_size=7, nonlinearity="relu", recurrent_init="identity"
        ),
    }
    ax = draw(plot_gradient_reach(models, "hihello"))
    tanh = [by_chain_rule(each, "hihello") for each in models["tanh"]]
    relative = [[size / sizes[0] for size in sizes] for sizes in tanh]
    assert ax.lines[0].get_ydata() == pytest.approx(np.median(relative, axis=0), rel=1e-5)
    assert [text.get_text() for text in ax.texts] == ["tanh", "relu"]
    assert ax.get_xlabel() == "steps back (bands: middle 50%)"
    alone = draw(plot_gradient_reach(models["relu"], "hihello"))
    assert not alone.texts
    assert alone.get_ylabel() == "gradient (last step = 1)"


def test_models_without_gradients_raise(assert_error: Any) -> None:
    batch = Batch.from_texts(["hi"], VOCAB)
    assert_error(
        lambda: gradient_by_distance(ElmanEnsemble(VOCAB, [1]), batch),
        OptionError,
        "expected one model, got an ensemble; pass a replica, as in ensemble[0]",
    )
    assert_error(
        lambda: gradient_by_distance(OneHot(), batch),
        OptionError,
        "expected a model with step and initial_hidden, or with a torch.nn.Embedding that reads "
        "the symbols, got OneHot",
    )

    class Deaf(Fading):
        def step(self, inputs: Tensor, hidden: Any) -> tuple[Tensor, Any]:
            return super().step(inputs, hidden)[0] * 0, hidden

    assert_error(
        lambda: plot_gradient_reach(Deaf(), "hi", vocab=VOCAB),
        DataError,
        "expected a loss that depends on the last state, got a gradient of 0.0; let step compute "
        "its logits from the state that it returns",
    )
