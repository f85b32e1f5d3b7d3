"""generate and stream: let a model write on, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict, Unpack, overload

import torch

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, OptionError, quoted
from seqtoys.models.forward import Ensemble, StepwiseModel, count_replicas
from seqtoys.models.readers import Array, Reader, make_reader
from seqtoys.sampling.decoding import Drawing, draw_text, draw_texts
from seqtoys.support.amounts import check_count
from seqtoys.support.memory import EnoughMemory
from seqtoys.support.randomness import seeded_generator

MOST = 10**9  # symbols of one text: more would take days


class DrawingOptions(TypedDict, total=False):
    """What `generate` and `stream` take by name; `generate` says what each means."""

    temperature: int | float
    top_k: int | None
    stop: Symbols | None
    generator: torch.Generator | None


@overload
def generate(
    model: Ensemble,
    prompt: Symbols,
    length: int,
    *,
    num: None = None,
    **options: Unpack[DrawingOptions],
) -> list[str] | list[list[str]]: ...


@overload
def generate(
    model: Ensemble, prompt: Symbols, length: int, *, num: int, **options: Unpack[DrawingOptions]
) -> list[list[str]] | list[list[list[str]]]: ...


@overload
def generate(
    model: StepwiseModel,
    prompt: Symbols,
    length: int,
    *,
    num: None = None,
    **options: Unpack[DrawingOptions],
) -> str | list[str]: ...


@overload
def generate(
    model: StepwiseModel,
    prompt: Symbols,
    length: int,
    *,
    num: int,
    **options: Unpack[DrawingOptions],
) -> list[str] | list[list[str]]: ...


def generate(
    model: Any,
    prompt: Symbols,
    length: int,
    *,
    num: int | None = None,
    temperature: int | float = 1.0,
    top_k: int | None = None,
    stop: Symbols | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    """Write on from a prompt: draw a symbol, read it, draw the next.

    Each symbol has the probability `softmax(logits / temperature)`; it is drawn as the largest of
    the logits with Gumbel noise added (Maddison, Tarlow & Minka, 2014). Nothing is read twice.

    Args:
        model: An `ElmanCharModel`, or any model with `vocab`, `initial_hidden(batch_size)` and
            `step(indices, hidden)`, which returns logits `(batch, vocab)` and the next state.
            A module is in evaluation mode meanwhile. Of an ensemble, each replica writes.
        prompt: What to read first: a string, or a list of symbols.
        length: The number of new symbols; at most, where an end symbol is given.
        num: How many texts to write side by side, each drawn for itself; None: one.
        temperature: 1 draws as the model says; less keeps to what is likely, more levels it out;
            0 takes the likeliest symbol each time and draws nothing.
        top_k: Draw from so many of the likeliest symbols only, and from those as likely as the
            last of them; None: from all.
        stop: The symbol, or several, with which a text ends; it is the last of the text. None:
            each text has the full length. What stands in the prompt ends nothing.
        generator: Draws the symbols; None: one seeded with 0, for the same text at each call.
            With a generator on the CPU, a shorter text is the beginning of a longer one.

    Returns:
        The new symbols alone: a string, or a list where symbols are words. With `num`, a list of
            such texts. Of an ensemble, a list with what each replica writes.

    Raises:
        InputTypeError: If the model lacks a vocabulary, `step` or `initial_hidden`.
        UnknownSymbolError: If the vocabulary lacks a symbol of the prompt, or an end symbol.
        DataError: If the prompt is empty.
        OptionError: If an option is out of its range.
        ShapeError: If `step` gives logits of another shape.
        DeviceError: If the model is on the meta device, where there are no numbers.
        NonFiniteLossError: If a logit is inf or nan; -inf is fine for a symbol never to draw.

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
            f"expected length to be {MOST:,} at most, got {quoted(length)}; stream gives any "
            "number of symbols, one by one"
        )
    vocab = _vocab_of(model)
    drawing = _make_drawing(vocab, temperature, top_k, stop, generator)
    replicas = count_replicas(model)
    if num is None and not replicas:
        reader, symbol = _read_prompt(model, prompt, (), vocab)
        with reader.around():
            return vocab.decode(list(draw_text(reader.read, symbol, drawing, length)))
    texts = (*([replicas] if replicas else []), 1 if num is None else check_count("num", num, 1))
    with EnoughMemory():
        reader, symbol = _read_prompt(model, prompt, texts, vocab)
    with reader.around(), EnoughMemory():
        drawn, lengths = draw_texts(reader.read, symbol, drawing, texts, length)
    written = _decode(drawn, lengths, vocab)
    return [text for (text,) in written] if num is None else written


def stream(
    model: StepwiseModel,
    prompt: Symbols,
    length: int | None = None,
    *,
    temperature: int | float = 1.0,
    top_k: int | None = None,
    stop: Symbols | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[str]:
    """Write on from a prompt, and give each symbol as it is drawn.

    All of them together are what `generate` gives. Random numbers are drawn some steps ahead of
    the symbols. Leave the weights of the model as they are until the stream is read.

    Args:
        model: As for `generate`; a single one.
        prompt: What to read first.
        length: The number of new symbols; None: endless, or until an end symbol.
        temperature: As for `generate`, like all below.
        top_k: Draw from so many of the likeliest symbols only.
        stop: The symbol, or several, with which the text ends.
        generator: Draws the symbols.

    Returns:
        An iterator of symbols.

    Raises:
        SeqtoysError: As `generate` does; for an ensemble.

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
    if isinstance(model, Ensemble):
        raise InputTypeError(
            f"expected one model to stream from, got an ensemble of {len(model.seeds)}; "
            "take one replica, as in stream(model[0], …)"
        )
    vocab = _vocab_of(model)
    drawing = _make_drawing(vocab, temperature, top_k, stop, generator)
    reader, symbol = _read_prompt(model, prompt, (), vocab)
    return _symbols(reader, draw_text(reader.read, symbol, drawing, length), vocab)


def _symbols(reader: Reader, indices: Iterator[int], vocab: Vocab) -> Iterator[str]:
    """Draw each symbol in the reader's context, and leave that while the symbol is out."""
    while True:
        with reader.around():
            index = next(indices, None)
        if index is None:
            return
        yield vocab.symbols[index]


def _make_drawing(
    vocab: Vocab,
    temperature: int | float,
    top_k: int | None,
    stop: Symbols | None,
    generator: torch.Generator | None,
) -> Drawing:
    ends: frozenset[int] = frozenset()
    if stop is not None:
        symbols = [stop] if isinstance(stop, str) and vocab.has_words else stop
        ends = frozenset(vocab.encode(symbols).tolist())
        if not ends:
            raise OptionError(
                f"expected stop to be a symbol, several, or None, got {quoted(stop)}"
            )
    source = seeded_generator(0) if generator is None else generator
    return Drawing(len(vocab), temperature, top_k, ends, source)


def _read_prompt(
    model: object, prompt: Symbols, texts: tuple[int, ...], vocab: Vocab
) -> tuple[Reader, int]:
    """Read all of a prompt but its last symbol, which is the first to be read to draw another."""
    indices = vocab.encode(prompt).tolist()
    if not indices:
        raise DataError(
            f"expected a prompt of at least one symbol, got {quoted(prompt)}; "
            f"begin with one of the vocabulary, such as {quoted(vocab.symbols[0])}"
        )
    reader = make_reader(model, texts, len(vocab))
    with reader.around():
        for index in indices[:-1]:
            reader.read(index)
    return reader, indices[-1]


def _decode(drawn: Array, lengths: Any, vocab: Vocab) -> Any:
    """Write texts `(*texts, steps)` as nested lists, each text up to its length."""
    if drawn.ndim == 1:
        return vocab.decode(drawn[:lengths])
    return [_decode(*row, vocab) for row in zip(drawn, lengths, strict=True)]


def _vocab_of(model: object) -> Vocab:
    vocab, kind = getattr(model, "vocab", None), type(model).__name__
    if not isinstance(vocab, Vocab):
        raise InputTypeError(
            f"expected a model with a Vocab as its vocab, got {kind} with {quoted(vocab)}; "
            "set model.vocab to the one it was trained with"
        )
    return vocab
