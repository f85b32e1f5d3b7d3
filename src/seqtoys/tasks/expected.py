"""What is expected of the sequences of a graph, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqtoys.tasks.graph import Floats, Graph, count_visits
from seqtoys.tasks.string_lengths import StringLengths


@dataclass(frozen=True, eq=False)
class Expected:
    """Sums over the scored symbols of a sequence: all but its first symbol.

    Attributes:
        pairs: How often each symbol is expected with each next one, `(symbols, symbols)`.
        surprise: The expected surprise of one who knows the source, in nats.
        hits: How often the likeliest symbol is expected to come.
    """

    pairs: Floats
    surprise: float
    hits: float

    @property
    def scored(self) -> float:
        """The number of scored symbols."""
        return float(self.pairs.sum())

    @property
    def memoryless(self) -> float:
        """The entropy of a scored symbol given the one before it, in nats."""
        totals = self.pairs.sum(1, keepdims=True)
        shares = np.divide(self.pairs, totals, out=np.zeros_like(self.pairs), where=totals > 0)
        return float(totals[:, 0] @ entropies(shares) / self.scored)

    @property
    def chance(self) -> float:
        """The share of the most frequent scored symbol."""
        return float(self.pairs.sum(0).max() / self.scored)

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            self.pairs + other.pairs, self.surprise + other.surprise, self.hits + other.hits
        )


def expect(graph: Graph) -> Expected:
    """Compute what is expected of strings as they come; of an endless one, for each symbol."""
    return _scored(graph.arrivals(count_visits(graph), graph.chances), graph.chances)


def expect_within(graph: Graph, lengths: StringLengths, low: int, high: int) -> Expected:
    """Compute what is expected of sequences of `low` to `high` scored symbols, one by one.

    Strings that end are as likely among those as among all: a symbol's chance is in proportion to
    that of an end in time after it. Endless ones are cut, at each length alike: a symbol is scored
    where the cut comes after it.

    Args:
        graph: The graph.
        lengths: How long its strings are.
        low: The smallest number.
        high: The largest number.
    """
    chances = _chances_within(graph, lengths, low, high)
    arrivals = graph.arrivals(graph.is_start.astype(np.float64), chances)
    parts = []
    for t in range(1, high + 1):
        chances = _chances_within(graph, lengths, low - t, high - t)
        is_there = (high + 1 - max(t, low)) / (high + 1 - low) if graph.is_endless else 1.0
        parts.append(_scored(is_there * arrivals, chances))
        arrivals = graph.arrivals(arrivals.sum(1), chances)
    return sum(parts[1:], start=parts[0])


def _chances_within(graph: Graph, lengths: StringLengths, low: int, high: int) -> Floats:
    """The chances of symbols after which strings end in `low` to `high` more."""
    if graph.is_endless:
        return graph.chances
    reach, _ = lengths.reach(low, high)
    ways = graph.chances * reach[graph.following]
    totals = ways.sum(1, keepdims=True)
    within: Floats = np.divide(ways, totals, out=np.zeros_like(ways), where=totals > 0)
    return within


def entropies(rows: Floats) -> Floats:
    """The entropy of each row of shares, in nats; 0 for a row of zeros."""
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    totals: Floats = -(rows * logs).sum(1)
    return totals


def _scored(arrivals: Floats, chances: Floats) -> Expected:
    """Score what comes next in states that are reached by some symbols, so often each."""
    visits = arrivals.sum(1)
    return Expected(
        pairs=arrivals.T @ chances,
        surprise=float(visits @ entropies(chances)),
        hits=float(visits @ chances.max(1)),
    )
