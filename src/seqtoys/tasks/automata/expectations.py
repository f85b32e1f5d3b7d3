"""What is expected of the sequences of a graph, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqtoys.tasks.automata.graph import Floats, Graph, count_visits
from seqtoys.tasks.automata.known_lengths import KnownLengths


@dataclass(frozen=True, eq=False)
class Expected:
    """Sums over the scored symbols of a sequence: all but its first symbol.

    Attributes:
        pairs: How often each symbol is expected with each next one, `(symbols, symbols)`.
        surprise: The expected surprise of a model that knows the source, in nats.
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


def expect_known(graph: Graph, known: KnownLengths) -> Expected:
    """Compute what is expected of strings whose lengths are known to be drawn in some way.

    Args:
        graph: The graph.
        known: Its strings, reweighted by their length.
    """
    arrivals = graph.arrivals(graph.is_start.astype(np.float64), known.chances(0))
    total = _scored(arrivals, known.chances(1))
    for place in range(2, known.longest):
        arrivals = graph.arrivals(arrivals.sum(1), known.chances(place - 1))
        total += _scored(arrivals, known.chances(place))
    return total


def expect_cut(graph: Graph, low: int, high: int) -> Expected:
    """Compute what is expected of an endless source that is cut, at each length equally often.

    The cut depends on no symbol, so it changes no probability: a symbol is scored if the cut comes
    after it.

    Args:
        graph: The graph; its strings don't end.
        low: The smallest number of scored symbols.
        high: The largest.
    """
    here = graph.arrivals(graph.is_start.astype(np.float64), graph.chances)
    total = _scored(here, graph.chances)
    for place in range(2, high + 1):
        here = graph.arrivals(here.sum(1), graph.chances)
        share = (high + 1 - max(place, low)) / (high + 1 - low)
        total += _scored(share * here, graph.chances)
    return total


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
