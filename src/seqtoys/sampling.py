"""generate: let a model write on, symbol by symbol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seqtoys.errors import DataError, InputTypeError, NonFiniteLossError, OptionError, ShapeError
from seqtoys.initial import seeded_generator
from seqtoys.model import ElmanCharModel
from seqtoys.outputs import StepwiseModel, in_mode
from seqtoys.symbols import Symbols
from seqtoys.vocab import Vocab

_Vector: TypeAlias = npt.NDArray[Any]
_Reader: TypeAlias = Callable[[int], _Vector]
"""Reads a symbol, keeps the state, and tells the logits `(vocab,)` of the next symbol."""

_BLOCK = 1_000_000  # random numbers: the most that are held at a time
_FOR_NUMPY = [{(nn.Parameter, "cpu", dtype)} for dtype in (torch.float32, torch.float64)]


@torch.no_grad()
def generate(
    model: StepwiseModel,
    prompt: Symbols,
    length: int,
    *,
    temperature: int | float = 1.0,
    generator: torch.Generator | None = None,
) -> str | list[str]:
    """Write on from a prompt: draw a symbol, read it, draw the next.

    Each symbol has the probability `softmax(logits / temperature)`; it is drawn as the largest of
    the logits with Gumbel noise added (Maddison, Tarlow & Minka, 2014). Nothing is read twice.

    Args:
        model: An `ElmanCharModel`, or any model with `vocab`, `initial_hidden(batch_size)` and
            `step(indices, hidden)`, which returns logits `(batch, vocab)` and the next state.
            A module is in evaluation mode meanwhile.
        prompt: What to read first: a string, or a list of symbols.
        length: The number of new symbols.
        temperature: 1 draws as the model says; less keeps to what is likely, more levels it out;
            0 takes the likeliest symbol each time and draws nothing.
        generator: Draws the symbols; None: one seeded with 0, for the same text at each call.
            With a generator on the CPU, a shorter text is the beginning of a longer one.

    Returns:
        The new symbols alone: a string, or a list where symbols are words.

    Raises:
        InputTypeError: If the model lacks a vocabulary, `step` or `initial_hidden`.
        UnknownSymbolError: If the vocabulary lacks a symbol of the prompt.
        DataError: If the prompt is empty.
        OptionError: If an option is out of its range.
        ShapeError: If `step` gives logits of another shape.
        NonFiniteLossError: If a logit is inf or nan; -inf is fine for a symbol never to draw.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, "hihello", epochs=100, lr=0.05)
        >>> generate(model, "h", 6, temperature=0)
        'ihello'
    """
    vocab = _vocab_of(model)
    _check_options(length, temperature, generator)
    *before, symbol = _encode(prompt, vocab)
    noises = _noises(length, len(vocab), temperature, generator or seeded_generator(0))
    mode = in_mode(model, training=False) if isinstance(model, nn.Module) else nullcontext()
    drawn: list[int] = []
    with mode, np.errstate(over="ignore", invalid="ignore"):  # told below, once it matters
        read = _elman_reader(model) if _is_plain(model) else _step_reader(model, len(vocab))
        for index in before:
            read(index)
        for noise in noises:
            scores = read(symbol) + noise  # (vocab,)
            symbol = int(scores.argmax())
            if not math.isfinite(scores[symbol]):  # argmax stops at any nan
                raise NonFiniteLossError(
                    f"expected finite logits, got {scores[symbol]} for new symbol "
                    f"{len(drawn) + 1} of {length}; look for inf and nan in the weights, and "
                    "train with a smaller lr, or clip_norm=1.0"
                )
            drawn.append(symbol)
    return vocab.decode(drawn)  # type: ignore[return-value]


def _noises(
    length: int, vocab_size: int, temperature: int | float, generator: torch.Generator
) -> Iterator[_Vector | float]:
    """What to add to the logits at each step, so that the largest sum is a draw."""
    if temperature == 0:
        yield from repeat(0.0, length)
        return
    scale = min(temperature, 1e300)  # beyond, the noise would overflow; the draw is even already
    steps = max(1, _BLOCK // vocab_size)
    for start in range(0, length, steps):
        # Unlike exponential_, rand draws the same numbers in one block as in several.
        uniform = torch.rand(
            (min(steps, length - start), vocab_size),
            generator=generator,
            device=generator.device,
            dtype=torch.float64,
        ).clamp_(min=2**-54)  # as 0 has no logarithm
        yield from uniform.log_().neg_().log_().mul_(-scale).cpu().numpy()  # steps of (vocab,)


def _step_reader(model: StepwiseModel, vocab_size: int) -> _Reader:
    hidden = model.initial_hidden(1)
    weight = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    device = getattr(hidden if weight is None else weight, "device", None)

    def read(symbol: int) -> _Vector:
        nonlocal hidden
        logits, hidden = model.step(torch.tensor([symbol], device=device), hidden)
        if logits.shape != (1, vocab_size):
            raise ShapeError(
                f"expected step to give logits of shape (batch, vocab) = (1, {vocab_size}), "
                f"got {tuple(logits.shape)}"
            )
        return logits.detach()[0].cpu().double().numpy()  # (1, vocab) -> (vocab,)

    return read


def _is_plain(model: object) -> TypeGuard[ElmanCharModel]:
    """Whether a model is its weights and no more: nothing hooked, swapped or off the CPU."""
    if type(model) is not ElmanCharModel or "step" in vars(model):
        return False
    parts, weights = list(model.children()), list(model.parameters())
    embeds, reads_out = model.embedding is not None, model.readout is not None
    return (
        {type(part) for part in parts} <= {nn.Embedding, nn.RNN, nn.Linear}
        and not any(part._forward_hooks or part._forward_pre_hooks for part in [model, *parts])
        and {(type(weight), weight.device.type, weight.dtype) for weight in weights} in _FOR_NUMPY
        and len(weights) == 4 * model.rnn.num_layers + embeds + 2 * reads_out
    )


def _elman_reader(model: ElmanCharModel) -> _Reader:
    """Do what `step` does, in NumPy: on single vectors its calls cost half of PyTorch's."""
    layers = [[_array(weight) for weight in layer] for layer in model.rnn.all_weights]
    recurrent = [weight_hh for _, weight_hh, *_ in layers]
    upward = [(weight_ih, bias_ih + bias_hh) for weight_ih, _, bias_ih, bias_hh in layers]
    if model.readout is not None:
        upward.append((_array(model.readout.weight), _array(model.readout.bias)))
    (weight_ih, bias), *upward = upward
    rows = np.ascontiguousarray(weight_ih.T)  # (symbol vectors, units)
    rows = (rows if model.embedding is None else _array(model.embedding.weight) @ rows) + bias
    states = [np.zeros_like(bias) for _ in layers]
    squash: Callable[[_Vector], _Vector] = (
        np.tanh if model.rnn.nonlinearity == "tanh" else partial(np.maximum, 0)
    )

    def read(symbol: int) -> _Vector:
        vector: _Vector = rows[symbol]  # (units,)
        for layer, weight_hh in enumerate(recurrent):
            vector = states[layer] = squash(vector + weight_hh.dot(states[layer]))
            if layer < len(upward):
                weight, bias = upward[layer]
                vector = weight.dot(vector) + bias  # (units of the layer above, or vocab)
        return vector

    return read


def _array(weight: Tensor) -> _Vector:
    return weight.detach().numpy()


def _vocab_of(model: StepwiseModel) -> Vocab:
    vocab, kind = getattr(model, "vocab", None), type(model).__name__
    if not isinstance(model, StepwiseModel):
        raise InputTypeError(
            f"expected a model with step and initial_hidden, got {kind}; give it both: "
            "step(indices, hidden) returns logits (batch, vocab) and the next hidden"
        )
    if not isinstance(vocab, Vocab):
        raise InputTypeError(
            f"expected a model with a Vocab as its vocab, got {kind} with {vocab!r}; "
            "set model.vocab to the one it was trained with"
        )
    return vocab


def _encode(prompt: Symbols, vocab: Vocab) -> list[int]:
    indices = vocab.encode(prompt).tolist()
    if not indices:
        raise DataError(
            f"expected a prompt of at least one symbol, got {prompt!r}; "
            f"begin with one of the vocabulary, such as {vocab.symbols[0]!r}"
        )
    return indices


def _check_options(
    length: int, temperature: int | float, generator: torch.Generator | None
) -> None:
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise OptionError(
            f"expected length, the number of new symbols, to be an integer of at least 0, "
            f"got {length!r}"
        )
    is_number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not is_number or not 0 <= temperature < math.inf:
        raise OptionError(
            f"expected temperature to be a finite number of at least 0, got {temperature!r}; "
            "0 takes the likeliest symbol, 1 draws as the model says"
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise OptionError(
            f"expected generator to be a torch.Generator or None, got {generator!r}; "
            "torch.Generator().manual_seed(0) makes one"
        )
