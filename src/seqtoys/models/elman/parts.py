"""Calls to the parts of a network as modules, which users may have replaced."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.models.checks import check_hidden
from seqtoys.support.annotations import described


def zero_state(rnn: nn.Module, batch: int, weight: Tensor) -> Tensor:
    """Return the initial state `(layers, batch, units)` of a recurrent part.

    Args:
        rnn: An `nn.RNN` or an `nn.GRU`; both directions of a layer count as layers.
        batch: The number of sequences.
        weight: A weight, for the device and dtype.

    Raises:
        OptionError: If `rnn` is another module, whose form of state is unknown.
    """
    if not isinstance(rnn, nn.RNN | nn.GRU):
        raise OptionError(
            f"cannot make the initial state of rnn, which has been replaced by {described(rnn)}; "
            "use an nn.RNN or nn.GRU, or call step and forward with hidden=None"
        )
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    return weight.new_zeros(layers, batch, rnn.hidden_size)


def run_rnn(
    rnn: nn.Module, vectors: Tensor, hidden: Tensor | None, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Call a recurrent part on vectors `(batch, time, features)`, or `(time, batch, features)`.

    Args:
        rnn: The recurrent part.
        vectors: Its inputs.
        hidden: The state to resume from. If None, its default initial state.
        weight: A weight, for the device and dtype of the state.

    Returns:
        The states at each step, and the final state.

    Raises:
        ShapeError: If the vectors don't have the input size of `rnn`.
        InputTypeError: If `rnn` does not return `(states, state)`.
    """
    if isinstance(rnn, nn.RNNBase) and rnn.input_size != vectors.shape[-1]:
        raise ShapeError(f"expected an rnn with an input size of {vectors.shape[-1]}, got {rnn}")
    if isinstance(rnn, nn.RNN | nn.GRU):
        batch = vectors.shape[0 if rnn.batch_first else 1]
        start = zero_state(rnn, batch, weight)
        if hidden is not None:
            check_hidden(hidden, tuple(start.shape), weight)
        hidden = start if hidden is None else hidden
        if 0 in vectors.shape:  # torch.nn.RNN does not accept empty inputs
            width = rnn.hidden_size * (2 if rnn.bidirectional else 1)
            return vectors.new_empty(*vectors.shape[:2], width), hidden
    result: Any = rnn(vectors) if hidden is None else rnn(vectors, hidden)
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputTypeError(
            f"expected rnn to return the states and the last state, got {described(result)} "
            f"from {described(rnn)}"
        )
    return result


def read_out(readout: nn.Module | None, states: Tensor) -> Tensor:
    """Compute logits from states.

    Raises:
        ShapeError: If a linear readout has another input size.
    """
    if readout is None:
        return states
    if type(readout) is nn.Linear and readout.in_features != states.shape[-1]:
        raise ShapeError(
            f"expected a readout with {states.shape[-1]} input features, got {readout}"
        )
    return readout(states)  # type: ignore[no-any-return]
