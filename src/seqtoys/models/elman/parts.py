"""Running the parts of a network as modules, some of which a user may have replaced."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqtoys.errors import InputTypeError, OptionError, ShapeError
from seqtoys.models.elman.checks import check_hidden
from seqtoys.support.annotations import described


def zero_state(rnn: nn.Module, batch: int, weight: Tensor) -> Tensor:
    """Make the state `(layers, batch, units)` from which a recurrent part starts.

    Args:
        rnn: An `nn.RNN` or an `nn.GRU`; both directions of a layer count as layers.
        batch: The number of sequences.
        weight: Gives the device and the dtype.

    Raises:
        OptionError: If it is a module whose state has another form.
    """
    if not isinstance(rnn, nn.RNN | nn.GRU):
        raise OptionError(
            f"cannot make the initial state of rnn, which has been replaced by {described(rnn)}; "
            "replace it by an nn.RNN or nn.GRU, or call step and forward with hidden=None"
        )
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    return weight.new_zeros(layers, batch, rnn.hidden_size)


def run_rnn(
    rnn: nn.Module, vectors: Tensor, hidden: Tensor | None, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Call a recurrent part on vectors `(batch, time, features)`, or `(time, batch, features)`.

    Args:
        rnn: The part.
        vectors: What it reads.
        hidden: The state to resume from; None: its own start.
        weight: Gives the device and the dtype of that.

    Returns:
        The states at each step, and the last.

    Raises:
        ShapeError: If the vectors have another length than it reads.
        InputTypeError: If it returns something else than states and a state.
    """
    if isinstance(rnn, nn.RNNBase) and rnn.input_size != vectors.shape[-1]:
        raise ShapeError(
            f"expected an rnn that reads vectors of length {vectors.shape[-1]}, got {rnn}"
        )
    if isinstance(rnn, nn.RNN | nn.GRU):
        batch = vectors.shape[0 if rnn.batch_first else 1]
        start = zero_state(rnn, batch, weight)
        if hidden is not None:
            check_hidden(hidden, tuple(start.shape), weight)
        hidden = start if hidden is None else hidden
        if 0 in vectors.shape:  # torch.nn.RNN refuses to read nothing
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
    """Turn states into logits.

    Raises:
        ShapeError: If a linear readout reads vectors of another length.
    """
    if readout is None:
        return states
    if type(readout) is nn.Linear and readout.in_features != states.shape[-1]:
        raise ShapeError(f"expected a readout of {states.shape[-1]} states, got {readout}")
    return readout(states)  # type: ignore[no-any-return]
