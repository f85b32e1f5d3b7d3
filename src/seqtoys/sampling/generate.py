"""generate and stream: generate text from a model, symbol by symbol."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypedDict, Unpack, overload

import torch
from torch import nn

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, OptionError, quoted
from seqtoys.models.forward import Replicated, StepwiseModel, count_replicas
from seqtoys.models.stepping import Stepper, make_stepper
from seqtoys.models.vocabulary import vocab_of
from seqtoys.sampling.decoding import SamplingConfig, draw_text, draw_texts
from seqtoys.support.arrays import Array
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.named import named
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.values import check_count

MOST = 10**9  # symbols in one text; more would take days


class DrawingOptions(TypedDict, total=False):
    """The keyword arguments of `generate` and `stream`; see `generate`."""

    temperature: int | float
    top_k: int | None
    stop: Symbols | None
    vocab: Vocab | None
    generator: torch.Generator | None


@overload
def generate(
    model: Replicated,
    prompt: Symbols,
    length: int,
    *,
    num: None = None,
    **options: Unpack[DrawingOptions],
) -> list[str] | list[list[str]]: ...


@overload
def generate(
    model: Replicated, prompt: Symbols, length: int, *, num: int, **options: Unpack[DrawingOptions]
) -> list[list[str]] | list[list[list[str]]]: ...


@overload
def generate(
    model: StepwiseModel | nn.Module,
    prompt: Symbols,
    length: int,
    *,
    num: None = None,
    **options: Unpack[DrawingOptions],
) -> str | list[str]: ...


@overload
def generate(
    model: StepwiseModel | nn.Module,
    prompt: Symbols,
    length: int,
    *,
    num: int,
    **options: Unpack[DrawingOptions],
) -> list[str] | list[list[str]]: ...


@named
def generate(
    model: Any,
    prompt: Symbols,
    length: int,
    *,
    num: int | None = None,
    temperature: int | float = 1.0,
    top_k: int | None = None,
    stop: Symbols | None = None,
    vocab: Vocab | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    """Generate text from a prompt: sample a symbol, feed it back, sample the next.

    Symbols are sampled with probabilities `softmax(logits / temperature)`, as the argmax of the
    logits plus Gumbel noise (Maddison, Tarlow & Minka, 2014).

    Args:
        model: An `ElmanCharModel`; any model with `initial_hidden(batch_size)` and `step(indices,
            hidden)`, which returns logits `(batch, vocab)` and the next state, and so reads each
            symbol once; or any other module that maps indices to logits as for `fit`, which is run
            on the whole text for each new symbol. A module is put in evaluation mode meanwhile.
            With an ensemble, each replica generates.
        prompt: The text to continue: a string, or a list of symbols.
        length: The number of new symbols; with `stop`, the maximum.
        num: The number of independent texts to generate in parallel. If None, one text, not in a
            list.
        temperature: 1 samples from the model's probabilities; lower values favor likely symbols,
            higher values flatten the distribution, and 0 always picks the likeliest symbol.
        top_k: Sample only from the `top_k` likeliest symbols, including ties with the last of
            them. If None, from all.
        stop: One or more symbols that end a text; such a symbol is the last of the text. If None,
            every text has the full length. Symbols in the prompt do not end a text.
        vocab: The vocabulary, if the model has none.
        generator: Random generator for sampling. If None, one seeded with 0, so every call returns
            the same text. With a generator on the CPU, a shorter text is a prefix of a longer one.

    Returns:
        The new symbols only: a string, or a list if symbols are words. With `num`, a list of such
            texts. For an ensemble, a list with the result of each replica.

    Raises:
        InputTypeError: If the model is neither a module nor has `step` and `initial_hidden`.
        UnknownSymbolError: If a symbol of the prompt or of `stop` is not in the vocabulary.
        DataError: If the prompt is empty.
        OptionError: If an option is out of range, or there is no vocabulary.
        ShapeError: If the model returns logits of another shape.
        DeviceError: If the model is on the meta device, where weights have no values.
        NonFiniteLossError: If a logit is inf or nan. A logit of -inf is allowed for symbols that
            must never be sampled.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, "hihello", epochs=100, lr=0.05)
        >>> generate(model, "h", 6, temperature=0)
        'ihello'
        >>> generate(model, "h", 20, num=3, temperature=0.1, stop="o")
        ['ihello', 'ihello', 'ihello']
    """
    length = check_count("length", length, 0)
    if length > MOST:
        raise OptionError(
            f"expected length to be at most {MOST:,}, got {quoted(length)}; use stream for any "
            "number of symbols, one by one"
        )
    vocab = vocab_of(model, vocab)
    config = _make_config(vocab, temperature, top_k, stop, generator)
    replicas = count_replicas(model)
    if num is None and not replicas:
        stepper, symbol = _read_prompt(model, prompt, (), vocab)
        with stepper.around():
            return vocab.decode(list(draw_text(stepper.read, symbol, config, length)))
    texts = (*([replicas] if replicas else []), 1 if num is None else check_count("num", num, 1))
    check_room("texts", math.prod(texts), 8)
    with EnoughMemory():
        stepper, symbol = _read_prompt(model, prompt, texts, vocab)
    with stepper.around(), EnoughMemory():
        drawn, lengths = draw_texts(stepper.read, symbol, config, texts, length)
    written = _decode(drawn, lengths, vocab)
    return [text for (text,) in written] if num is None else written


@named
def stream(
    model: StepwiseModel | nn.Module,
    prompt: Symbols,
    length: int | None = None,
    *,
    temperature: int | float = 1.0,
    top_k: int | None = None,
    stop: Symbols | None = None,
    vocab: Vocab | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[str]:
    """Generate text from a prompt, yielding each symbol as it is sampled.

    The symbols are the same as those of `generate`. Random numbers are drawn several steps ahead
    of the symbols. Do not change the weights of the model before the stream is exhausted.

    Args:
        model: As for `generate`, but not an ensemble.
        prompt: The text to continue.
        length: The maximum number of new symbols. If None, there is no limit.
        temperature: As for `generate`, like all options below.
        top_k: Sample only from the `top_k` likeliest symbols.
        stop: One or more symbols that end the text.
        vocab: The vocabulary, if the model has none.
        generator: Random generator for sampling.

    Returns:
        An iterator of symbols.

    Raises:
        SeqtoysError: As for `generate`, and if the model is an ensemble.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab, fit
        >>> model = ElmanCharModel(Vocab("hielo"), seed=777)
        >>> history = fit(model, "hihello", epochs=100, lr=0.05)
        >>> for symbol in stream(model, "h", temperature=0, stop="o"):
        ...     print(symbol, end=" ")
        i h e l l o
    """
    if length is not None:
        length = check_count("length", length, 0)
    if isinstance(model, Replicated):
        raise InputTypeError(
            f"expected one model to stream from, got an ensemble of {len(model.seeds)}; "
            "use a single replica, as in stream(model[0], …)"
        )
    vocab = vocab_of(model, vocab)
    config = _make_config(vocab, temperature, top_k, stop, generator)
    stepper, symbol = _read_prompt(model, prompt, (), vocab)
    return _symbols(stepper, draw_text(stepper.read, symbol, config, length), vocab)


def _symbols(stepper: Stepper, indices: Iterator[int], vocab: Vocab) -> Iterator[str]:
    """Sample each symbol inside the stepper's context, which is left before yielding it."""
    while True:
        with stepper.around():
            index = next(indices, None)
        if index is None:
            return
        yield vocab.symbols[index]


def _make_config(
    vocab: Vocab,
    temperature: int | float,
    top_k: int | None,
    stop: Symbols | None,
    generator: torch.Generator | None,
) -> SamplingConfig:
    ends: frozenset[int] = frozenset()
    if stop is not None:
        symbols = [stop] if isinstance(stop, str) and vocab.has_words else stop
        ends = frozenset(vocab.encode(symbols).tolist())
        if not ends:
            raise OptionError(
                f"expected stop to be one or more symbols, or None, got {quoted(stop)}"
            )
    source = seeded_generator(0) if generator is None else generator
    return SamplingConfig(len(vocab), temperature, top_k, ends, source)


def _read_prompt(
    model: object, prompt: Symbols, texts: tuple[int, ...], vocab: Vocab
) -> tuple[Stepper, int]:
    """Read a prompt except for its last symbol, which the sampling loop reads first."""
    indices = vocab.encode(prompt).tolist()
    if not indices:
        raise DataError(
            f"expected a prompt of at least one symbol, got {quoted(prompt)}; "
            f"start with a symbol of the vocabulary, such as {quoted(vocab.symbols[0])}"
        )
    stepper = make_stepper(model, texts, len(vocab))
    with stepper.around():
        for index in indices[:-1]:
            stepper.read(index)
    return stepper, indices[-1]


def _decode(drawn: Array, lengths: Any, vocab: Vocab) -> Any:
    """Decode texts `(*texts, steps)` to nested lists, truncating each text to its length."""
    if drawn.ndim == 1:
        return vocab.decode(drawn[:lengths])
    return [_decode(*row, vocab) for row in zip(drawn, lengths, strict=True)]
