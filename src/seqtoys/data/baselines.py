"""Exact baseline losses, computed by counting, to compare a trained model with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from seqtoys.data.batch import Batch
from seqtoys.support.arguments import check_fields
from seqtoys.support.arrays import Floats, Ints

IntArray = Ints


@dataclass(frozen=True)
class Baselines:
    """The best mean losses on some sequences, by how much of the history a model sees.

    In nats per scored symbol. A loss below `memoryless` requires memory; a loss below `full_past`
    is impossible.

    Attributes:
        uniform: The loss of a uniform guess: the logarithm of the number of symbols.
        memoryless: The best loss of a model that sees only the current symbol.
        full_past: The best loss of a model that sees every symbol so far.
        references: Further losses by name, such as that of a model that knows a hidden rule.

    Examples:
        >>> from seqtoys import Vocab
        >>> vocab = Vocab("hielo")
        >>> count_baselines(Batch.from_texts(["hihello"], vocab), len(vocab))
        Baselines(uniform=1.6094..., memoryless=0.4620..., full_past=0.0)
    """

    uniform: float
    memoryless: float
    full_past: float
    references: dict[str, float] = field(default_factory=dict[str, float], repr=False, hash=False)

    def __post_init__(self) -> None:
        check_fields(self)


def count_baselines(batch: Batch, vocab_size: int) -> Baselines:
    """Compute the baselines of sequences by counting which symbols follow each context.

    Args:
        batch: The sequences.
        vocab_size: The number of symbols.

    Examples:
        After an `a`, the next symbol is `a` half of the time; the history determines which:

        >>> from seqtoys import Vocab
        >>> batch = Batch.from_texts(["aab", "aab"], Vocab("ab"))
        >>> count_baselines(batch, 2)
        Baselines(uniform=0.6931..., memoryless=0.6931..., full_past=0.0)
    """
    batch = batch.repeated()
    inputs, targets = batch.inputs.cpu().numpy(), batch.targets.cpu().numpy()
    scored = batch.scored.cpu().numpy()
    return Baselines(
        uniform=math.log(vocab_size),
        memoryless=conditional_entropy(inputs[scored], targets[scored]),
        full_past=conditional_entropy(number_prefixes(inputs)[scored], targets[scored]),
    )


def number_prefixes(inputs: IntArray) -> IntArray:
    """Number the prefixes: two positions get the same number if all inputs up to them agree."""
    (batch, time), symbols = inputs.shape, int(inputs.max(initial=0)) + 1
    node, shared = np.zeros(batch, np.int64), np.arange(batch)
    nodes = np.zeros((batch, time), np.int64)
    for t in range(time):
        # A row that is the only one with its prefix remains the only one, and keeps its number.
        if len(shared):
            edges = node[shared] * symbols + inputs[shared, t]
            _, first, at, counts = np.unique(
                edges, return_index=True, return_inverse=True, return_counts=True
            )
            node[shared] = shared[first][at]  # the index of the first row with this prefix
            shared = shared[counts[at] > 1]
        nodes[:, t] = node
    nodes += batch * np.arange(time)
    return nodes


def conditional_entropy(
    contexts: IntArray, targets: IntArray, weights: Floats | None = None
) -> float:
    """Compute the conditional entropy of targets given their contexts, in nats.

    Args:
        contexts: The context of each target.
        targets: The targets.
        weights: The weight of each target. If None, all weights are equal.

    Examples:
        >>> conditional_entropy(np.array([0, 0, 1]), np.array([2, 3, 4]))  # 2/3 ln 2
        0.4620...
    """
    width = int(targets.max(initial=0)) + 1
    if contexts.max(initial=0) >= np.iinfo(np.int64).max // width:
        _, contexts = np.unique(contexts, return_inverse=True)  # so that the codes fit in 64 bits
    codes = contexts * width + targets  # sorting pairs would take ten times as long
    if weights is None:
        pairs, together = _count(codes)
    else:
        pairs, at = np.unique(codes, return_inverse=True)
        together = np.bincount(at, weights)
    starts = np.flatnonzero(np.diff(pairs // width, prepend=-1))  # of the pairs of each context
    # Counts are summed as integers: with float rounding, certainty would not give exactly 0.
    above = np.add.reduceat(together, starts).repeat(np.diff(starts, append=len(pairs)))
    surprise = np.log(above / together)
    return float(together @ surprise / together.sum())


def _count(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct codes in ascending order, and how often each occurs."""
    if codes.max(initial=0) >= len(codes):
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes)  # without sorting
    distinct = np.flatnonzero(counts)
    return distinct, counts[distinct]
