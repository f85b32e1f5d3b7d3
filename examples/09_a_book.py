"""Learn a book character by character, in chunks, and measure bits per character."""

import inspect
import math
import sys
import textwrap
from pathlib import Path

from seqtoys import ElmanCharModel, Vocab, fit, generate


def main(path: str | None = None) -> None:
    """Train on a text file, or on Python's own documentation."""
    text = Path(path).read_text() if path else read_the_manual()
    vocab = Vocab.from_text(text)
    print(f"{len(text):,} characters, {len(vocab)} distinct")

    model = ElmanCharModel(vocab, hidden_size=128, seed=0)
    history = fit(
        model, text, chunk=50, batch_size=32, epochs=5, lr=0.003, clip_norm=1.0, validation=0.1
    )
    for row in history.rows:
        trained, held_out = (bits(loss) for loss in (row.loss, row.validation_loss))
        print(f"epoch {row.epoch}  bits per character: {trained:.3f}, held-out end {held_out:.3f}")
    print(f"best without memory: {bits(history.baselines.memoryless):.3f}")
    sample = "".join(generate(model, text[:100], 200, temperature=0.7))
    print(textwrap.fill(sample, 80))


def bits(nats: float | None) -> float:
    """Convert nats to bits: a bit is ln 2 nats."""
    return math.nan if nats is None else nats / math.log(2)


def read_the_manual() -> str:
    """Collect docstrings of the standard library, text that comes with every Python."""
    import argparse
    import datetime
    import decimal
    import logging
    import pathlib
    import statistics
    import subprocess
    import unittest

    modules = (argparse, datetime, decimal, logging, pathlib, statistics, subprocess, unittest)
    texts = []
    for module in modules:
        members = [member for _, member in inspect.getmembers(module)]
        methods = [
            m for member in members if inspect.isclass(member) for m in vars(member).values()
        ]
        texts += [inspect.getdoc(item) or "" for item in (module, *members, *methods)]
    return "\n\n".join(dict.fromkeys(text for text in texts if text.isascii()))


if __name__ == "__main__":
    main(*sys.argv[1:2])
