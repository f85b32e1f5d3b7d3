"""How many numbers a model carries from one symbol to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from jaxtyping import Int
from torch import Tensor, nn

from seqtoys.models.forward import run_from
from seqtoys.models.probing import undisturbed


def state_size(model: nn.Module, inputs: Int[Tensor, "batch time"]) -> int | None:
    """Return the number of numbers in the state of a model after a sequence.

    It is counted in the state that the model returns with its logits, or else in what its method
    `initial_hidden` returns. A key-value cache grows with the sequence.

    Args:
        model: The model.
        inputs: Sequences, of which the first is read.

    Returns:
        The number of numbers, for one sequence; None if the model shows no state.

    Examples:
        >>> import torch
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> vocab = Vocab("ab")
        >>> state_size(ElmanCharModel(vocab, hidden_size=8, num_layers=2), torch.tensor([[0, 1]]))
        16
    """
    found: Any = None
    with undisturbed(model):
        with suppress(NotImplementedError):  # a model that only steps
            found = run_from(model, inputs[:1])[1]
        if not list(_tensors(found)) and hasattr(model, "initial_hidden"):
            found = model.initial_hidden(1)  # type: ignore[operator]
    sizes = [tensor.numel() * (2 if tensor.is_complex() else 1) for tensor in _tensors(found)]
    return sum(sizes) if sizes else None


def _tensors(state: Any) -> Iterator[Tensor]:
    """Yield the tensors in a nested state."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping):
        yield from _tensors(tuple(state.values()))
    elif isinstance(state, tuple | list):
        for part in state:
            yield from _tensors(part)
