"""sample: generate text from a saved model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from seqtoys import ElmanEnsemble, Vocab, generate, load, stream
from seqtoys.cli.terminal import print_json
from seqtoys.data.symbols import Symbols
from seqtoys.support.randomness import seeded_generator


def add_sample(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", metavar="FILE", help="a model saved with --save")
    parser.add_argument(
        "--prompt", help="text to continue (default: the first symbol of the vocabulary)"
    )
    parser.add_argument(
        "--length", type=int, default=200, help="maximum number of new symbols (default: 200)"
    )
    parser.add_argument("--num", type=int, help="number of texts (default: 1)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="sampling temperature; 0 always picks the likeliest symbol (default: 1)",
    )
    parser.add_argument(
        "--top-k", type=int, metavar="K", help="sample from the K likeliest symbols only"
    )
    parser.add_argument("--stop", metavar="SYMBOLS", help="symbols that end a text")


def sample(options: Namespace) -> int:
    """Print the prompt and its continuation by the model, or by each replica of an ensemble."""
    model = load(options.file)
    vocab = model.vocab
    prompt = vocab.symbols[:1] if options.prompt is None else _symbols(options.prompt, vocab)
    count = 1 if options.num is None else options.num
    sampling: dict[str, Any] = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "stop": None if options.stop is None else _symbols(options.stop, vocab),
        "generator": seeded_generator(options.seed),
    }
    if isinstance(model, ElmanEnsemble):
        written = generate(model, prompt, options.length, num=count, **sampling)
        for seed, texts in zip(model.seeds, written, strict=True):
            _print(prompt, texts, vocab, options.json, seed=seed)
    elif options.num is None and not options.json:
        gap = " " if vocab.has_words else ""
        symbols = stream(model, prompt, options.length, **sampling)  # checks the options
        print(_join(prompt, vocab), end="", flush=True)
        try:
            for symbol in symbols:
                print(gap + symbol, end="", flush=True)
        finally:
            print()
    else:
        texts = generate(model, prompt, options.length, num=count, **sampling)
        _print(prompt, texts, vocab, options.json)
    return 0


def _symbols(text: str, vocab: Vocab) -> Symbols:
    return text.split() if vocab.has_words else text


def _join(symbols: Symbols, vocab: Vocab) -> str:
    return (" " if vocab.has_words else "").join(symbols)


def _print(prompt: Symbols, texts: list[Any], vocab: Vocab, as_json: bool, **labels: int) -> None:
    """Print one text per line, after the seed of its replica if there are several."""
    for text in texts:
        if as_json:
            print_json({**labels, "prompt": _join(prompt, vocab), "text": _join(text, vocab)})
        else:
            whole = _join([*prompt, *text], vocab)
            print("".join(f"seed {seed}  " for seed in labels.values()) + whole)
