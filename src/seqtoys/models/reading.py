"""Reading sequences symbol by symbol, with any model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqtoys.errors import InputTypeError
from seqtoys.models.forward import StepwiseModel, check_logits, run_from
from seqtoys.support.annotations import described
from seqtoys.support.devices import device_of

Reader: TypeAlias = Callable[[Int[Tensor, " batch"]], tuple[Tensor, Any]]
"""Reads one symbol of each sequence; returns the logits of the next, and the state or None."""


def make_reader(model: object, batch: int) -> Reader:
    """Create a function that reads the next symbol of each sequence, from the initial state.

    A model with `step` and `initial_hidden` reads each symbol once. Any other module is run on the
    whole prefix for each symbol, which takes time quadratic in the length.

    Args:
        model: A model.
        batch: The number of sequences.

    Raises:
        InputTypeError: If it is neither a module nor has `step` and `initial_hidden`.
        DeviceError: If it is on the meta device.

    Examples:
        >>> gru = nn.Sequential(nn.Embedding(5, 8), nn.GRU(8, 5, batch_first=True))
        >>> read = make_reader(gru, 1)
        >>> logits, hidden = read(torch.tensor([0]))
        >>> logits.shape, hidden.shape
        (torch.Size([1, 5]), torch.Size([1, 1, 5]))
    """
    if isinstance(model, nn.Module):
        device_of(model)  # raises an error on the meta device
    if isinstance(model, StepwiseModel):
        return _step_reader(model, batch)
    if isinstance(model, nn.Module):
        return _prefix_reader(model, batch)
    raise InputTypeError(
        "expected a torch.nn.Module, or a model with step and initial_hidden, got "
        f"{described(model)}"
    )


def _step_reader(model: StepwiseModel, batch: int) -> Reader:
    hidden = model.initial_hidden(batch)
    weight = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    device = getattr(hidden if weight is None else weight, "device", None)

    def read(symbols: Tensor) -> tuple[Tensor, Any]:
        nonlocal hidden
        logits, hidden = model.step(symbols.to(device), hidden)
        return logits, hidden

    return read


def _prefix_reader(model: nn.Module, batch: int) -> Reader:
    prefix = torch.zeros((batch, 0), dtype=torch.int64, device=device_of(model))

    def read(symbols: Tensor) -> tuple[Tensor, Any]:
        nonlocal prefix
        prefix = torch.cat([prefix, symbols.to(prefix).unsqueeze(1)], 1)  # (batch, time)
        logits, state = run_from(model, prefix)
        return check_logits(logits, model, prefix, None)[..., -1, :], state

    return read


def last_layer(state: Any, batch: int) -> Float[Tensor, "batch hidden"] | None:
    """Return the hidden vectors in the state of a recurrent network, or None if there are none.

    Args:
        state: `(layers, batch, hidden)`, of which the last layer is returned; `(batch, hidden)`;
            or a tuple that starts with either, as for an LSTM.
        batch: The number of sequences.

    Examples:
        >>> _, state = nn.LSTM(4, 3, batch_first=True)(torch.zeros(1, 6, 4))
        >>> last_layer(state, 1).shape
        torch.Size([1, 3])
        >>> last_layer("unknown", 1) is None
        True
    """
    hidden = state[0] if isinstance(state, tuple) and state else state
    if not isinstance(hidden, Tensor) or hidden.ndim not in (2, 3) or hidden.shape[-2] != batch:
        return None
    return hidden[-1] if hidden.ndim == 3 else hidden  # (layers, batch, hidden) -> (batch, hidden)
