"""What one Elman network and an ensemble of them have in common."""

from __future__ import annotations

import math
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.amounts import check_count
from seqtoys.arguments import checked
from seqtoys.backprop import Backprop, is_covered, parameters_of
from seqtoys.batch import Batch
from seqtoys.errors import OptionError
from seqtoys.layouts import Layout
from seqtoys.memory import EnoughMemory, check_room
from seqtoys.ranges import check_range
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

    def initial_hidden(self, batch_size: int) -> Float[Tensor, "*replicas layers batch hidden"]:
        """Make the state before the first symbol: zeros; an ensemble's has replicas first.

        Args:
            batch_size: How many sequences are read side by side.

        Raises:
            OptionError: If that is no number from 0 on.

        Examples:
            >>> from seqtoys import ElmanCharModel, ElmanEnsemble
            >>> ElmanCharModel(Vocab("hielo")).initial_hidden(3).shape
            torch.Size([1, 3, 5])
            >>> ElmanEnsemble(Vocab("hielo"), seeds=range(9)).initial_hidden(3).shape
            torch.Size([9, 1, 3, 5])
        """
        check_count("batch_size", batch_size, 0)
        *replicas, _, units = self._weight.shape
        numbers = math.prod(replicas) * self.settings.num_layers * units
        check_room("states", batch_size, numbers * self._weight.element_size())
        with EnoughMemory():
            return self._zeros(batch_size)

    @property
    def writes_gradients(self) -> bool:
        """Whether `backprop` can stand in for autograd.

        It can for one layer on one-hot symbols, on a CPU, without hooks and frozen weights, and
        not for subclasses, which may compute something else.
        """
        return type(self).__base__ is ElmanNetwork and is_covered(self)

    @checked
    def backprop(self, batch: Batch) -> Backprop:
        """Prepare to compute the loss of sequences and its gradients without autograd.

        Raises:
            OptionError: If this network leaves its gradients to autograd.
            IndexRangeError: If an index names no symbol.
        """
        if not self.writes_gradients:
            raise OptionError(
                "expected a network that writes its gradients: one layer on one-hot symbols, on "
                f"a CPU, with no hooks and nothing frozen; got\n{self}\nautograd trains any other"
            )
        check_range(batch, len(self.vocab))
        return Backprop(parameters_of(self), self._layout, self.settings.nonlinearity, batch)

    def _zeros(self, batch: int) -> Tensor:
        """The same unchecked: while a graph is exported, its batch is no number yet."""
        *replicas, _, units = self._weight.shape
        return self._weight.new_zeros(*replicas, self.settings.num_layers, batch, units)

    @property
    def _weight(self) -> Tensor:
        return cast(Tensor, self.get_submodule("rnn").weight_hh_l0)
