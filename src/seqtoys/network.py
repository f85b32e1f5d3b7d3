"""What one Elman network and an ensemble of them have in common."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn

from seqtoys.backprop import Backprop, is_covered, parameters_of
from seqtoys.batch import Batch
from seqtoys.layouts import Layout
from seqtoys.settings import ElmanSettings
from seqtoys.vocab import Vocab


class ElmanNetwork(nn.Module):
    """The abstract base of `ElmanCharModel` and `ElmanEnsemble`.

    Args:
        vocab: The symbols it reads and predicts.
        settings: Its sizes and options.
        layout: How its numbers lie in memory.
    """

    def __init__(self, vocab: Vocab, settings: ElmanSettings, layout: Layout) -> None:
        super().__init__()
        self.vocab: Vocab = vocab
        self.settings: ElmanSettings = settings
        self._layout: Layout = layout

    @property
    def loss_floor(self) -> float:
        """The lowest loss the readout allows, in nats per scored symbol.

        With tanh states as logits each logit stays inside (-1, 1), so the loss of a symbol stays
        above `ln(1 + (V - 1) e⁻²)` for V symbols; else there is no such floor, and this is 0.

        Examples:
            >>> from seqtoys import ElmanCharModel
            >>> ElmanCharModel(Vocab("hielo")).loss_floor
            0.4326...
            >>> ElmanCharModel(Vocab("hielo"), hidden_size=5).loss_floor
            0.0
        """
        if self.settings.hidden_size is not None or self.settings.nonlinearity != "tanh":
            return 0.0
        return math.log1p((len(self.vocab) - 1) * math.exp(-2))

    @property
    def writes_gradients(self) -> bool:
        """Whether `backprop` can stand in for autograd.

        It can for one layer on one-hot symbols, on a CPU, without hooks and frozen weights, and
        not for subclasses, which may compute something else.
        """
        return type(self).__base__ is ElmanNetwork and is_covered(self)

    def backprop(self, batch: Batch) -> Backprop:
        """Prepare to compute the loss of sequences and its gradients without autograd."""
        return Backprop(parameters_of(self), self._layout, self.settings.nonlinearity, batch)

    @property
    def _weight(self) -> Tensor:
        return cast(Tensor, self.get_submodule("rnn").weight_hh_l0)
