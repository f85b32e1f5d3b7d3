"""sample: generate text from a saved model."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from seqtoys import ElmanEnsemble, Ensemble, Vocab, generate, load, stream
from seqtoys.cli.reading import NEWLINE, join, words_of
from seqtoys.cli.terminal import print_json
from seqtoys.data.symbols import Symbols
from seqtoys.errors import OptionError
from seqtoys.models.vocabulary import vocab_of
from seqtoys.support.randomness import seeded_generator


def run(options: Namespace) -> int:
    """Print the prompt and its continuation by the model, or by each replica of an ensemble."""
    model = load(options.file)
    vocab = vocab_of(model)
    prompt, stop = _ends(options, vocab)
    count = 1 if options.num is None else options.num
    sampling: dict[str, Any] = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "stop": stop,
        "generator": seeded_generator(options.seed),
    }
    if isinstance(model, ElmanEnsemble | Ensemble):
        written = generate(model, prompt, options.length, num=count, **sampling)
        for seed, texts in zip(model.seeds, written, strict=True):
            _print(prompt, texts, vocab, options, seed=seed)
    elif options.num is None and not options.json and not options.lines:
        # The call checks the options, so nothing is printed if one is invalid.
        _stream(prompt, stream(model, prompt, options.length, **sampling), vocab)
    else:
        texts = generate(model, prompt, options.length, num=count, **sampling)
        _print(prompt, texts, vocab, options)
    return 0


def _ends(options: Namespace, vocab: Vocab) -> tuple[Symbols, Symbols | None]:
    """Return the symbols to begin with, and those that end a text."""
    prompt, stop = (
        words_of(text) if text is not None and vocab.has_words else text
        for text in (options.prompt, options.stop)
    )
    if not options.lines:
        return vocab.symbols[:1] if prompt is None else prompt, stop
    if NEWLINE not in vocab:
        raise OptionError("--lines needs a model trained with `learn --lines`")
    return [NEWLINE, *(prompt or [])], [NEWLINE, *(stop or [])]


def _stream(prompt: Symbols, symbols: Iterable[str], vocab: Vocab) -> None:
    """Print a text symbol by symbol."""
    print(join(prompt, words=vocab.has_words), end="", flush=True)
    last = prompt[-1]
    try:
        for symbol in symbols:
            gap = " " if vocab.has_words and NEWLINE not in (last, symbol) else ""
            print(gap + symbol, end="", flush=True)
            last = symbol
    finally:
        print()


def _print(
    prompt: Symbols, texts: list[Any], vocab: Vocab, options: Namespace, **labels: int
) -> None:
    """Print one text per line, after the seed of its replica if there are several."""
    words = vocab.has_words
    for text in texts:
        whole, start, rest = (
            join(symbols, words=words) for symbols in ([*prompt, *text], prompt, text)
        )
        if options.lines:
            whole, start, rest = whole.strip(NEWLINE), start.lstrip(NEWLINE), rest.rstrip(NEWLINE)
        if options.json:
            print_json({**labels, "prompt": start, "text": rest})
        else:
            print("".join(f"seed {seed}  " for seed in labels.values()) + whole)
