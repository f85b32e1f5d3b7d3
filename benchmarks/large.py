"""Large vocabularies and data in one thread: time and peak memory, against hand-written code."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from benchmarks.fresh import run_fresh
from benchmarks.memory import STATUS, peak_of
from benchmarks.peers import Reader
from benchmarks.timing import Claim, Row, compare, share_of_time, time_once
from seqtoys import ElmanCharModel, Vocab, evaluate, fit

Job: TypeAlias = Callable[[], object]

WORDS, READ = 100_000, 500  # the symbols of a vocabulary, and of the text
TEXTS, LONGEST, BATCH = 100_000, 59, 128
SYMBOLS, STEPS = "abcdef", 100_000
LR, UNSCORED = 0.01, -100

EVALUATED = f"evaluate, {WORDS:,} symbols, one text of {READ}"
TAUGHT = f"an epoch over {TEXTS:,} texts of 2 to {LONGEST} symbols"
LONG = f"an update on one sequence of {STEPS:,} symbols, with an embedding"
CLAIMS: dict[str, tuple[Claim, Claim]] = {
    "evaluate_words": (
        share_of_time(f"{EVALUATED}: time", limit=2.0),
        Claim(f"{EVALUATED}: memory", "of its peak", "at most", limit=400.0),
    ),
    "fit_texts": (
        share_of_time(f"{TAUGHT}: time", limit=5.0),
        Claim(f"{TAUGHT}: memory", "of its peak", "at most"),
    ),
    "fit_long": (
        share_of_time(f"{LONG}: time", limit=4.0),
        Claim(f"{LONG}: memory", "of its peak", "at most", limit=500.0),
    ),
}


def measure(threads: int, quick: bool) -> list[Row]:
    """Measure each in fresh processes, one at a time; only Linux reports the peak memory."""
    if threads > 1 or not STATUS.exists():
        return []
    rows = []
    for name, claims in CLAIMS.items():
        jobs = (name, f"{name}_by_hand")
        found: dict[str, list[tuple[float, float]]] = {job: [] for job in jobs}
        for _ in range(1 if quick else 3):
            for job in jobs:
                found[job].append(run_fresh(f"benchmarks.large:{job}", threads))
        rows += _rows(claims, *found.values())
    return rows


def evaluate_words() -> tuple[float, float]:
    """Return the seconds and the peak in MiB of `evaluate` with many symbols."""
    vocab, text = _words()
    model = ElmanCharModel(vocab, hidden_size=64)
    return _measured(lambda: evaluate(model, [(text[:-1], text[1:])]))


def evaluate_words_by_hand() -> tuple[float, float]:
    """Return the same for a forward pass on one-hot vectors, with the loss and the accuracy."""
    vocab, text = _words()
    network = Reader(WORDS, 64, batch_first=True)
    index = {word: at for at, word in enumerate(vocab.symbols)}
    return _measured(lambda: score(network, torch.tensor([[index[word] for word in text]])))


def fit_texts() -> tuple[float, float]:
    """Return the seconds and the peak in MiB of an epoch of `fit` over many texts."""
    model, texts = ElmanCharModel(Vocab(SYMBOLS), hidden_size=32), _texts()
    return _measured(lambda: fit(model, texts, epochs=1, batch_size=BATCH, progress=False))


def fit_texts_by_hand() -> tuple[float, float]:
    """Return the same for a loop over padded batches."""
    network, texts = Reader(len(SYMBOLS), 32, batch_first=True), _texts()
    return _measured(lambda: learn_texts(network, texts, BATCH))


def fit_long() -> tuple[float, float]:
    """Return the seconds and the peak in MiB of one update of `fit` on a long sequence."""
    model = ElmanCharModel(Vocab(SYMBOLS), hidden_size=32, embedding_size=16)
    (text,) = _texts(count=1, shortest=STEPS + 1, longest=STEPS + 1)
    return _measured(lambda: fit(model, [(text[:-1], text[1:])], epochs=1, progress=False))


def fit_long_by_hand() -> tuple[float, float]:
    """Return the same for an update of `nn.RNN`."""
    network = Reader(len(SYMBOLS), 32, features=16, batch_first=True)
    texts = _texts(count=1, shortest=STEPS + 1, longest=STEPS + 1)
    return _measured(lambda: learn_texts(network, texts, 1))


@torch.no_grad()
def score(network: nn.Module, indices: Tensor) -> tuple[float, float]:
    """Return the loss and the accuracy of a network on texts `(batch, 1 + time)`."""
    logits, targets = network(indices[:, :-1])[0].flatten(0, 1), indices[:, 1:].flatten()
    right = (logits.argmax(-1) == targets).double().mean()
    return F.cross_entropy(logits, targets).item(), right.item()


def learn_texts(network: nn.Module, texts: Sequence[str], batch_size: int) -> float:
    """Train on shuffled, padded batches for one epoch, and return the mean loss per symbol."""
    index = {symbol: at for at, symbol in enumerate(SYMBOLS)}
    encoded = [torch.tensor([index[symbol] for symbol in text]) for text in texts]
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    total, count = 0.0, 0
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0))
    for rows in order.split(batch_size):
        chosen = [encoded[row] for row in rows.tolist()]
        inputs = pad_sequence([text[:-1] for text in chosen], batch_first=True)
        targets = pad_sequence([text[1:] for text in chosen], True, UNSCORED)
        logits = network(inputs)[0]
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNSCORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scored = int((targets != UNSCORED).sum())
        total, count = total + loss.item() * scored, count + scored
    return total / count


def _measured(job: Job) -> tuple[float, float]:
    seconds: list[float] = []
    peak = peak_of(lambda: seconds.append(time_once(lambda: job)))
    return seconds[0], peak


def _words() -> tuple[Vocab, list[str]]:
    words = [f"word{at}" for at in range(WORDS)]
    return Vocab(words), random.Random(0).choices(words, k=READ + 1)


def _texts(count: int = TEXTS, shortest: int = 2, longest: int = LONGEST) -> list[str]:
    draws = random.Random(0)
    lengths = [draws.randint(shortest, longest) for _ in range(count)]
    return ["".join(draws.choices(SYMBOLS, k=length)) for length in lengths]


def _rows(
    claims: tuple[Claim, Claim],
    ours: Sequence[tuple[float, float]],
    hand: Sequence[tuple[float, float]],
) -> list[Row]:
    time, memory = claims
    our_seconds, our_peaks = zip(*ours, strict=True)
    seconds, peaks = zip(*hand, strict=True)
    ratios = [a / b for a, b in zip(our_peaks, peaks, strict=True)]
    return [
        compare(time, our_seconds, seconds),
        memory.judge(ratios, median(our_peaks), median(peaks), "MiB"),
    ]
