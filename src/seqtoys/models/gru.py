"""The gated recurrent unit (Cho et al., 2014)."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.models.recurrent import RecurrentCharModel, RecurrentSettings
from seqtoys.models.settings import Settings


def gru_step(
    x: Float[Tensor, "batch features"],
    h: Float[Tensor, "batch hidden"],
    weight_ih: Float[Tensor, "three_hidden features"],
    weight_hh: Float[Tensor, "three_hidden hidden"],
    bias_ih: Float[Tensor, " three_hidden"],
    bias_hh: Float[Tensor, " three_hidden"],
) -> Float[Tensor, "batch hidden"]:
    """Compute the next state of a GRU, as the paper writes it, with PyTorch's biases.

    The reset gate `r` scales how much the candidate `n` depends on the old state; the update gate
    `z` mixes the old state with the candidate. Where `z` is 1, the state is copied unchanged, so
    gradients neither vanish nor explode.

    Args:
        x: The input vectors.
        h: The state.
        weight_ih: The weights of the inputs, stacked for `r`, `z` and `n`, like all others.
        weight_hh: The weights of the state.
        bias_ih: The biases of the inputs.
        bias_hh: The biases of the state. That of `n` is inside the reset gate.

    Examples:
        >>> cell = nn.GRUCell(5, 8)
        >>> x, h = torch.randn(3, 5), torch.randn(3, 8)
        >>> torch.allclose(gru_step(x, h, *cell.parameters()), cell(x, h), atol=1e-6)
        True
    """
    x_r, x_z, x_n = (x @ weight_ih.T + bias_ih).chunk(3, -1)  # (batch, hidden)
    h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, -1)  # (batch, hidden)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


class GRUCharModel(RecurrentCharModel):
    """A GRU that reads a sequence and predicts each next symbol (Cho et al., 2014).

    `gru_step` is the recurrence. The weights are in `rnn`, a `torch.nn.GRU` that runs it, in
    `embedding` (None for one-hot vectors) and in `readout`. The state is
    `(layers, batch, hidden)`.

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
        >>> model = GRUCharModel(Vocab("hielo"), parameters=10_000, seed=0)
        >>> logits, hidden = model(model.vocab.encode_batch(["hihell"]))
        >>> logits.shape, hidden.shape
        (torch.Size([1, 6, 5]), torch.Size([1, 1, 53]))
    """

    SETTINGS: ClassVar[type[Settings]] = RecurrentSettings
    KIND: ClassVar[type[nn.RNNBase]] = nn.GRU
    rnn: nn.GRU

    def _state_shapes(self, batch: int) -> tuple[tuple[int, int, int]]:
        return ((self.settings.num_layers, batch, self.settings.hidden_size),)

    def _step(self, vectors: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        _, hidden = self.rnn(vectors.unsqueeze(1), hidden)
        # The state is read out, so that the logits depend on it, for its gradients.
        return hidden[-1], hidden
