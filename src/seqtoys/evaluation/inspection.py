"""Losses by position and hidden states by symbol: the data behind the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.batch import Batch, check_range, check_targets
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, ShapeError, quoted
from seqtoys.models.char_model import CharModel
from seqtoys.models.forward import in_mode, logits_in_parts
from seqtoys.models.metrics import precise_losses
from seqtoys.models.reading import last_layer, make_reader
from seqtoys.models.vocabulary import vocab_of
from seqtoys.support.annotations import described
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Floats
from seqtoys.support.devices import device_of
from seqtoys.support.states import to_states


@checked
@torch.no_grad()
def loss_by_position(model: nn.Module, batch: Batch) -> Float[Tensor, "*replicas batch time"]:
    """Compute the loss of a model at each position of the sequences of a batch.

    The mean over the scored positions is the loss that `fit` reports, unless sequences of the
    batch are counted more than once.

    Args:
        model: An `ElmanCharModel`, an `ElmanEnsemble`, or any module that maps indices
            `(batch, time)` to logits `(batch, time, vocab)`, as for `fit`.
        batch: The sequences.

    Returns:
        The losses in nats, nan where nothing is scored; with replicas first for an ensemble.

    Raises:
        ShapeError: If the logits are not `(batch, time, vocab)`.
        IndexRangeError: If an index is out of range.

    Examples:
        >>> from seqtoys import ElmanCharModel
        >>> vocab = Vocab("hielo")
        >>> model = ElmanCharModel(vocab, seed=777)
        >>> losses = loss_by_position(model, Batch.from_texts(["hihello", "hello"], vocab))
        >>> losses.shape, losses.nanmean()
        (torch.Size([2, 6]), tensor(1.6704, dtype=torch.float64))
    """
    batch = batch.to(device_of(model))
    parts = list[Tensor]()
    with in_mode(model, training=False):
        for part, logits in logits_in_parts(model, batch):
            check_targets(part, logits.shape[-1])
            parts.append(precise_losses(logits, part.targets))  # ([replicas,] rows, time)
    losses = torch.cat(parts, -2)  # ([replicas,] batch, time)
    return losses.masked_fill(~batch.scored, torch.nan).cpu()


@checked
@torch.no_grad()
def mean_hidden_by_symbol(
    model: nn.Module, batch: Batch, vocab: Vocab | None = None
) -> dict[str, Float[Tensor, " hidden"]]:
    """Average the hidden state after each symbol over all its contexts (Elman, 1990).

    Args:
        model: An `ElmanCharModel`, or any module that has a state as in `trace`. The state of its
            last layer is used; of a `CharModel`, the vectors that its readout reads.
        batch: The sequences.
        vocab: Their vocabulary. Defaults to the model's.

    Returns:
        A state for each symbol that occurs in the inputs, in the order of the vocabulary.

    Raises:
        OptionError: If there is no vocabulary.
        ShapeError: If the model has no state `(layers, batch, hidden)` or `(batch, hidden)`.
        IndexRangeError: If an index is out of range.

    Examples:
        >>> from seqtoys import ElmanCharModel
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> means = mean_hidden_by_symbol(model, Batch.from_texts(["hihello"], model.vocab))
        >>> list(means), means["h"].shape
        (['h', 'i', 'e', 'l'], torch.Size([5]))
    """
    vocab = vocab_of(model, vocab)
    batch = check_range(batch.repeated(), len(vocab)).to(device_of(model))
    states = _states(model, batch)  # (batch, time, hidden)
    time = torch.arange(states.shape[1], device=states.device)
    real = time < batch.count_symbols().unsqueeze(1)  # (batch, time): no padding
    symbols, states = batch.inputs[real].long(), states[real].double()  # (symbols[, hidden])
    sums = states.new_zeros(len(vocab), states.shape[-1]).index_add_(0, symbols, states)
    counts = symbols.bincount(minlength=len(vocab))
    return {
        symbol: (total / count).cpu()
        for symbol, total, count in zip(vocab, sums, counts, strict=True)
        if count
    }


@checked
def principal_components(
    states: Float[npt.NDArray[np.floating], "states hidden"], count: int = 2
) -> tuple[Float[Floats, "states count"], Float[Floats, " count"]]:
    """Project states onto their principal components (Pearson, 1901).

    The sign of a component is arbitrary: its entry with the largest absolute value is made
    positive, so that equal states give equal figures.

    Args:
        states: Hidden states, one per row, such as `Trace.hidden`.
        count: The number of components.

    Returns:
        The coordinates relative to the mean, and the proportion of variance of each component.

    Raises:
        InputTypeError: If the states are not an array of numbers.
        ShapeError: If they are not `(states, hidden)`.
        OptionError: If there are fewer units than components.
        DataError: If there are fewer than two states, or a number is inf or nan.

    Examples:
        >>> points, shares = principal_components(np.array([[0.0, 0.0], [3.0, 4.0]]))
        >>> points.round(2) + 0, shares.round(2) + 0
        (array([[-2.5,  0. ],
               [ 2.5,  0. ]]), array([1., 0.]))
    """
    states = to_states(states, "states", ("states", "hidden"))
    if not 1 <= count <= states.shape[1]:
        raise OptionError(f"expected 1 to {states.shape[1]} components, got {quoted(count)}")
    if len(states) < 2:
        raise DataError(f"expected at least two states, got {len(states)}")
    centred = states - states.mean(0)
    # Scale first: the squares of large states would overflow, those of small ones underflow.
    centred /= (size := np.abs(centred).max() or 1.0)
    variances, directions = np.linalg.eigh(centred.T @ centred)  # in ascending order
    chosen = directions[:, ::-1][:, :count]  # (hidden, count)
    largest = np.abs(chosen).argmax(0)  # (count,)
    chosen = chosen * np.sign(chosen[largest, np.arange(count)])
    total = variances.sum() or 1.0  # identical states have no variance
    return size * (centred @ chosen), variances[::-1][:count].clip(min=0) / total


def _states(model: nn.Module, batch: Batch) -> Float[Tensor, "batch time hidden"]:
    if isinstance(model, CharModel):
        with in_mode(model, training=False):
            return model.states_of(batch.inputs)
    read, states = make_reader(model, len(batch)), []
    with in_mode(model, training=False):
        for symbols in batch.inputs.unbind(1):  # (batch, time) -> time of (batch,)
            state = read(symbols)[1]
            if (hidden := last_layer(state, len(batch))) is None:
                got = "no state" if state is None else _shape_of(state)
                raise ShapeError(
                    f"expected {type(model).__name__} to return a state of shape "
                    f"(layers, {len(batch)}, hidden) or ({len(batch)}, hidden), got {got}"
                )
            states.append(hidden)
    return torch.stack(states, 1)


def _shape_of(state: Any) -> str:
    return f"shape {tuple(state.shape)}" if isinstance(state, Tensor) else described(state)
