"""What models with a recurrent module of PyTorch have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqtoys.models.settings import Settings
from seqtoys.models.undrawn import draw_uniform, undrawn


def make_recurrent_parts(
    kind: type[nn.RNNBase], symbols: int, settings: Settings, embedding_size: int | None
) -> dict[str, nn.Module | None]:
    """Create the embedding, the recurrent part and the readout, with undefined weights.

    Args:
        kind: The class of the recurrent part.
        symbols: The number of symbols.
        settings: The sizes and options of the model.
        embedding_size: Size of the learned input vectors, or None for one-hot vectors.

    Examples:
        >>> parts = make_recurrent_parts(nn.GRU, 5, Settings(hidden_size=8), None)
        >>> parts["rnn"]
        GRU(5, 8, batch_first=True)
    """
    embedding, features = None, symbols
    if embedding_size is not None:
        embedding, features = undrawn(nn.Embedding, symbols, embedding_size), embedding_size
    sizes = features, settings.hidden_size
    return {
        "embedding": embedding,
        "rnn": undrawn(kind, *sizes, num_layers=settings.num_layers, batch_first=True),
        "readout": undrawn(nn.Linear, settings.hidden_size, symbols),
    }


def draw_recurrent(model: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of such a model as PyTorch's constructors would, one part after another.

    Args:
        model: The model, with the parts `embedding`, `rnn` and `readout`.
        generator: The source of random numbers.

    Examples:
        >>> parts = make_recurrent_parts(nn.GRU, 5, Settings(hidden_size=8), None)
        >>> model = nn.Module()
        >>> for name, part in parts.items():
        ...     model.add_module(name, part)
        >>> draw_recurrent(model, torch.Generator().manual_seed(0))
        >>> _ = torch.manual_seed(0)
        >>> torch.equal(model.rnn.weight_hh_l0, nn.GRU(5, 8).weight_hh_l0)
        True
    """
    parts: Any = model
    if parts.embedding is not None:
        nn.init.normal_(parts.embedding.weight, generator=generator)
    for part in (parts.rnn, parts.readout):
        draw_uniform(part, parts.rnn.hidden_size, generator)


def run_recurrent(rnn: nn.RNNBase, vectors: Tensor, hidden: Any) -> tuple[Tensor, Any]:
    """Run a recurrent part on vectors `(batch, time, features)`, which may be empty.

    Args:
        rnn: The part.
        vectors: Its inputs.
        hidden: The state to resume from.

    Returns:
        The states `(batch, time, hidden)`, and the final state.

    Examples:
        >>> states, _ = run_recurrent(nn.GRU(5, 8, batch_first=True), torch.ones(2, 0, 5), None)
        >>> states.shape
        torch.Size([2, 0, 8])
    """
    if 0 in vectors.shape[:2]:  # PyTorch's recurrent modules do not accept empty inputs
        return vectors.new_empty(*vectors.shape[:2], rnn.hidden_size), hidden
    found: tuple[Tensor, Any] = rnn(vectors, hidden)
    return found
