"""trace: the states and predictions of any model at each step of a text."""

from __future__ import annotations

from typing import Any, overload

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import ShapeError
from seqtoys.models.char_model import CharModel
from seqtoys.models.elman.model import ElmanCharModel
from seqtoys.models.forward import Replicated, StepwiseModel
from seqtoys.models.reading import last_layer, make_reader
from seqtoys.models.stepping import evaluating, replicas_of
from seqtoys.models.vocabulary import vocab_of
from seqtoys.records.trace import Trace, widened


@overload
def trace(model: Replicated, text: Symbols, *, vocab: Vocab | None = ...) -> list[Trace]: ...


@overload
def trace(
    model: StepwiseModel | nn.Module, text: Symbols, *, vocab: Vocab | None = ...
) -> Trace: ...


def trace(model: Any, text: Symbols, *, vocab: Vocab | None = None) -> Any:
    """Record the state, probabilities and prediction of any model at each step of a text.

    The model reads each prefix of the text: with `step`, if it has `step` and `initial_hidden`;
    otherwise it is run on every prefix. It is put in evaluation mode meanwhile.

    Args:
        model: A model as for `generate`. Its state is `(layers, batch, hidden)`, `(batch, hidden)`
            or a tuple that starts with either, returned by `step`, or by `forward` as in
            `(logits, state)`. Without such a state, `Trace.hidden` is empty.
        text: A string, or a list of symbols.
        vocab: The vocabulary, if the model has none.

    Returns:
        A `Trace`; for an ensemble, a list with the trace of each replica.

    Raises:
        InputTypeError: If the model is neither a module nor has `step` and `initial_hidden`.
        OptionError: If there is no vocabulary, or it is not the model's.
        UnknownSymbolError: If a symbol is not in the vocabulary.
        ShapeError: If the logits don't have one number per symbol of the vocabulary.
        DeviceError: If the model is on the meta device, where weights have no values.

    Examples:
        >>> bigram = nn.Embedding(5, 5)
        >>> found = trace(bigram, "hihell", vocab=Vocab("hielo"))
        >>> found.probabilities.shape, found.hidden.shape
        ((6, 5), (6, 0))
    """
    vocab = vocab_of(model, vocab)
    if isinstance(model, Replicated):
        return [trace(replica, text, vocab=vocab) for replica in replicas_of(model)]
    if isinstance(model, ElmanCharModel | CharModel):
        return model.trace(text)
    logits, states = _read(model, text, vocab)
    return Trace(
        vocab=vocab,
        symbols=list(text),
        hidden=widened(states).cpu().numpy(),
        probabilities=widened(logits).softmax(-1).cpu().numpy(),
        predictions=list(vocab.decode(logits.argmax(-1))),  # type: ignore[arg-type]
    )


def _read(
    model: object, text: Symbols, vocab: Vocab
) -> tuple[Float[Tensor, "time vocab"], Float[Tensor, "time hidden"]]:
    """Return the logits and the states after each symbol; without states, of no units."""
    indices, read = vocab.encode(text), make_reader(model, 1)
    logits, states = [torch.zeros(0, len(vocab))], list[Tensor | None]()
    with evaluating(model):
        for index in indices.unsqueeze(1):  # (time, 1) -> time of (1,)
            found, state = read(index)
            if found.shape != (1, len(vocab)):
                raise ShapeError(
                    f"expected logits of shape (1, {len(vocab)}) for each symbol, got "
                    f"{tuple(found.shape)}"
                )
            logits.append(found)
            states.append(last_layer(state, 1))
    known = [state for state in states if state is not None]
    has_states = len({state.shape for state in states if state is not None}) == 1
    if len(known) < len(states) or not has_states:
        known = [torch.zeros(len(states), 0)]
    return torch.cat(logits[1:] or logits), torch.cat(known)
