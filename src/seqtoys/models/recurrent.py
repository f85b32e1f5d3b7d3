"""What the models built on a recurrent module of PyTorch have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqtoys.data.vocab import Vocab
from seqtoys.models.char_model import CharModel
from seqtoys.models.settings import Settings
from seqtoys.models.undrawn import draw_uniform, undrawn
from seqtoys.support.arguments import checked


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings(Settings):
    """The sizes and options of a `GRUCharModel` or an `LSTMCharModel`.

    Attributes:
        embedding_size: Size of the learned input vectors. If None, inputs are one-hot vectors.

    Examples:
        >>> RecurrentSettings(hidden_size=8).embedding_size is None
        True
    """

    embedding_size: int | None = None


class RecurrentCharModel(CharModel):
    """A model whose weights are in a recurrent module of PyTorch, which runs it.

    Subclasses define `KIND`, `_state_shapes` and `_step`, and describe the arguments.

    Attributes:
        KIND: The class of the recurrent module.

    Examples:
        >>> from seqtoys.models.lstm import LSTMCharModel
        >>> LSTMCharModel(Vocab("hielo"), hidden_size=8).rnn
        LSTM(5, 8, batch_first=True)
    """

    SETTINGS: ClassVar[type[Settings]] = RecurrentSettings
    KIND: ClassVar[type[nn.RNNBase]]
    settings: RecurrentSettings
    rnn: nn.RNNBase

    @checked
    def __init__(
        self,
        vocab: Vocab,
        hidden_size: int | None = None,
        *,
        parameters: int | None = None,
        embedding_size: int | None = None,
        num_layers: int = 1,
        batch_first: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw the initial weights; the arguments are described with each subclass."""
        settings = self._choose(
            vocab,
            hidden_size,
            parameters,
            embedding_size=embedding_size,
            num_layers=num_layers,
            batch_first=batch_first,
        )
        super().__init__(vocab, settings, seed)

    @classmethod
    def make_parts(cls, symbols: int, settings: RecurrentSettings) -> dict[str, nn.Module | None]:
        """Create the parts, whose weights are drawn later, in this order.

        Args:
            symbols: The number of symbols.
            settings: The sizes and options.
        """
        embedding, features = None, symbols
        if settings.embedding_size is not None:
            features = settings.embedding_size
            embedding = undrawn(nn.Embedding, symbols, features)
        sizes = features, settings.hidden_size
        return {
            "embedding": embedding,
            "rnn": undrawn(cls.KIND, *sizes, num_layers=settings.num_layers, batch_first=True),
            "readout": undrawn(nn.Linear, settings.hidden_size, symbols),
        }

    def _draw(self, generator: torch.Generator) -> None:
        """Draw the weights that the constructors of the parts would draw, in the same order."""
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, generator=generator)
        for part in (self.rnn, self.readout):
            draw_uniform(part, self.rnn.hidden_size, generator)

    def _run(self, vectors: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        if 0 in vectors.shape[:2]:  # for which PyTorch's recurrent modules raise an error
            return vectors.new_empty(*vectors.shape[:2], self.rnn.hidden_size), hidden
        states, hidden = self.rnn(vectors, hidden)
        return states, hidden
