"""Exact expectations over the sequences of a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqtoys.support.arrays import Floats
from seqtoys.tasks.automata.graph import Graph, count_visits
from seqtoys.tasks.automata.known_lengths import KnownLengths


@dataclass(frozen=True, eq=False)
class ExpectedPairs:
    """The expected pairs of an input and its target, from which the baselines follow.

    Attributes:
        pairs: The expected count of each pair, `(inputs, targets)`.
    """

    pairs: Floats

    @property
    def scored(self) -> float:
        """The number of targets."""
        return float(self.pairs.sum())

    @property
    def memoryless(self) -> float:
        """The entropy of a target given its input, in nats."""
        totals = self.pairs.sum(1, keepdims=True)
        shares = np.divide(self.pairs, totals, out=np.zeros_like(self.pairs), where=totals > 0)
        return float(totals[:, 0] @ entropies(shares) / self.scored)

    @property
    def chance(self) -> float:
        """The proportion of the most frequent target."""
        return float(self.pairs.sum(0).max() / self.scored)


@dataclass(frozen=True, eq=False)
class Expected(ExpectedPairs):
    """Expected sums over the scored symbols of a sequence: all but its first symbol.

    Attributes:
        surprise: The expected surprise of a model that knows the source, in nats.
        hits: The expected number of correct predictions of the most likely symbol.
    """

    surprise: float
    hits: float

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            self.pairs + other.pairs, self.surprise + other.surprise, self.hits + other.hits
        )


def expect(graph: Graph) -> Expected:
    """Compute the expectations per string, or per symbol of an endless source."""
    return _scored(graph.arrivals(count_visits(graph), graph.chances), graph.chances)


def expect_known(graph: Graph, known: KnownLengths) -> Expected:
    """Compute the expectations for strings with a known length distribution.

    Args:
        graph: The graph.
        known: Its strings, reweighted by length.
    """
    arrivals = graph.arrivals(graph.is_start.astype(np.float64), known.chances(0))
    total = _scored(arrivals, known.chances(1))
    for place in range(2, known.longest):
        arrivals = graph.arrivals(arrivals.sum(1), known.chances(place - 1))
        total += _scored(arrivals, known.chances(place))
    return total


def expect_cut(graph: Graph, low: int, high: int) -> Expected:
    """Compute the expectations for an endless source that is cut at a uniformly drawn length.

    The cut does not depend on the symbols, so it changes no probability: a symbol is scored if it
    is before the cut.

    Args:
        graph: The graph of an endless source.
        low: The smallest number of scored symbols.
        high: The largest number of scored symbols.
    """
    here = graph.arrivals(graph.is_start.astype(np.float64), graph.chances)
    total = _scored(here, graph.chances)
    for place in range(2, high + 1):
        here = graph.arrivals(here.sum(1), graph.chances)
        share = (high + 1 - max(place, low)) / (high + 1 - low)
        total += _scored(share * here, graph.chances)
    return total


def entropies(rows: Floats) -> Floats:
    """Return the entropy of each row of probabilities, in nats; 0 for a row of zeros."""
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    totals: Floats = -(rows * logs).sum(1)
    return totals


def _scored(arrivals: Floats, chances: Floats) -> Expected:
    """Compute the expectations for the next symbol, given how often symbols reach each state."""
    visits = arrivals.sum(1)
    return Expected(
        pairs=arrivals.T @ chances,
        surprise=float(visits @ entropies(chances)),
        hits=float(visits @ chances.max(1)),
    )
