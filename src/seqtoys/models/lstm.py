"""The long short-term memory (Hochreiter & Schmidhuber, 1997; Gers et al., 2000)."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.models.checks import Pair
from seqtoys.models.recurrent import RecurrentCharModel, RecurrentSettings
from seqtoys.models.settings import Settings


def lstm_step(
    x: Float[Tensor, "batch features"],
    state: tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]],
    weight_ih: Float[Tensor, "four_hidden features"],
    weight_hh: Float[Tensor, "four_hidden hidden"],
    bias_ih: Float[Tensor, " four_hidden"],
    bias_hh: Float[Tensor, " four_hidden"],
) -> tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]]:
    """Compute the next state of an LSTM with a forget gate, as the papers write it.

    The next cell `c` is the sum of the old one, scaled by the forget gate `f`, and the candidate
    `g`, scaled by the input gate `i`. Where `f` is 1, gradients flow back through time unchanged.
    The output gate `o` scales what the rest of the network reads of the cell.

    Args:
        x: The input vectors.
        state: The hidden state `h` and the cell `c`.
        weight_ih: The weights of the inputs, stacked for `i`, `f`, `g` and `o`, like all others.
        weight_hh: The weights of the hidden state.
        bias_ih: The biases of the inputs.
        bias_hh: The biases of the hidden state; PyTorch adds both.

    Examples:
        >>> cell = nn.LSTMCell(5, 8)
        >>> x, state = torch.randn(3, 5), (torch.randn(3, 8), torch.randn(3, 8))
        >>> (h, c), (same_h, same_c) = lstm_step(x, state, *cell.parameters()), cell(x, state)
        >>> torch.allclose(h, same_h, atol=1e-6), torch.allclose(c, same_c, atol=1e-6)
        (True, True)
    """
    h, c = state
    total = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (batch, 4 * hidden)
    i, f, g, o = total.chunk(4, -1)  # (batch, hidden)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class LSTMCharModel(RecurrentCharModel):
    """An LSTM that reads a sequence and predicts each next symbol.

    `lstm_step` is the recurrence (Hochreiter & Schmidhuber, 1997). The weights are in `rnn`, a
    `torch.nn.LSTM` that runs it, in `embedding` (None for one-hot vectors) and in `readout`. The
    state is the pair `(h, c)` of hidden state and cell, each `(layers, batch, hidden)`.

    Args:
        vocab: The symbols it reads and predicts.
        hidden_size: Number of hidden units. Defaults to 32, unless `parameters` is given.
        parameters: The largest number of parameters, from which `hidden_size` is chosen; the two
            cannot be combined.
        embedding_size: Size of the learned input vectors. If None, inputs are one-hot vectors.
        num_layers: Number of stacked recurrent layers.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`. The
            state is `(layers, batch, hidden)` either way, as in PyTorch.
        seed: The seed of the initial weights, which are those PyTorch draws after
            `torch.manual_seed(seed)`. The global random state is left unchanged.

    Raises:
        OptionError: If an option is out of range, or `parameters` are too few.

    Examples:
        >>> from seqtoys import Vocab
        >>> model = LSTMCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, hidden = model(model.vocab.encode_batch(["hihell"]))
        >>> h, c = hidden
        >>> logits.shape, c.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 1, 46]))
    """

    SETTINGS: ClassVar[type[Settings]] = RecurrentSettings
    KIND: ClassVar[type[nn.RNNBase]] = nn.LSTM
    rnn: nn.LSTM

    def _state_shapes(self, batch: int) -> tuple[tuple[int, int, int], ...]:
        return ((self.settings.num_layers, batch, self.settings.hidden_size),) * 2

    def _step(self, vectors: Tensor, hidden: Pair) -> tuple[Tensor, Pair]:
        _, (h, c) = self.rnn(vectors.unsqueeze(1), hidden)
        # The state is read out, so that the logits depend on it, for its gradients.
        return h[-1], (h, c)
