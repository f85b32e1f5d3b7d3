"""The probabilities of a graph for a model that knows the length distribution of its strings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqtoys.support.arrays import Floats, Ints
from seqtoys.tasks.automata.graph import Graph
from seqtoys.tasks.automata.string_lengths import StringLengths


class KnownLengths:
    """The strings of a graph, reweighted by length.

    A string of n symbols is `weight(n)` times as likely as in the graph. Then the state and the
    length of a prefix determine how it continues: the weight ahead of state s after t symbols is
    `ahead(t, s) = weight(t) [s is an end] + sum over x of p(x | s) ahead(t + 1, s')`, and the next
    symbol is x with probability `p(x | s) ahead(t + 1, s') / ahead(t, s)`.

    Args:
        graph: The graph, which is not endless.
        log_weights: The logarithm of the weight of each length in symbols; other lengths do not
            occur.
    """

    def __init__(self, graph: Graph, log_weights: Mapping[int, float]) -> None:
        self.graph = graph
        self.longest: int = max(log_weights)
        self._log_weights = np.full(self.longest + 1, -np.inf)
        self._log_weights[list(log_weights)] = list(log_weights.values())
        # Weights may overflow or underflow, so each is stored with the log of a common factor.
        ahead, factor = np.zeros(len(graph.states)), -np.inf
        self._ahead, self._factors = [ahead], [factor]
        for log_weight in self._log_weights[::-1]:
            ahead, factor = self._one_earlier(ahead, factor, float(log_weight))
            self._ahead.append(ahead)
            self._factors.append(factor)
        self._ahead.reverse()
        self._factors.reverse()

    def chances(self, place: int) -> Floats:
        """Return the probability of each symbol in each state after `place` symbols."""
        graph = self.graph
        ways: Floats = graph.chances * self._ahead[place + 1][graph.following]
        totals = ways.sum(1, keepdims=True)
        shares: Floats = np.divide(ways, totals, out=np.zeros_like(ways), where=totals > 0)
        return shares

    def correction(self, states: Ints, counts: Ints) -> Floats:
        """Return the nats to add to the surprise of strings in the graph; inf if impossible.

        Args:
            states: The state of each string after its first symbol, which is given.
            counts: The number of symbols in each string.
        """
        is_known = counts <= self.longest
        log_weights = np.where(is_known, self._log_weights[counts * is_known], -np.inf)
        with np.errstate(divide="ignore"):  # log(0) = -inf is correct: nothing is ahead
            ahead = np.log(self._ahead[1][states]) + self._factors[1]
        possible = np.isfinite(log_weights)
        return np.where(possible, ahead - np.where(possible, log_weights, 0.0), np.inf)

    def corrections(self, states: Ints, counts: Ints) -> Floats:
        """Return the nats to add to the surprise of each symbol in the graph: `(time, batch)`.

        Args:
            states: The state of each string after its first symbol, and after each later one,
                `(time + 1, batch)`.
            counts: The number of symbols in each string; the corrections are 0 for strings of
                other lengths and after the end.
        """
        width = len(states)
        log_ahead = np.zeros(states.shape)
        for t in range(min(width, self.longest)):
            ahead = self._ahead[t + 1][states[t]]
            log_ahead[t] = np.log(np.where(ahead > 0, ahead, 1.0)) + self._factors[t + 1]
        is_known = np.isfinite(self.correction(states[0], counts))
        is_inside = np.arange(1, width)[:, np.newaxis] < counts  # (time, batch)
        return np.where(is_inside & is_known, log_ahead[:-1] - log_ahead[1:], 0.0)

    def log_ahead(self, states: Ints) -> Floats:
        """Return the logarithm of the weight ahead of each state, relative to that of the start.

        Args:
            states: The states after 1, 2, … symbols, `(time, batch)`; the number of states where
                there is none.
        """
        log_ahead = np.full(states.shape, -np.inf)
        start = np.log(self._ahead[0][self.graph.start]) + self._factors[0]
        for t in range(min(len(states), self.longest)):
            ahead = np.append(self._ahead[t + 1], 0.0)[states[t]]
            np.log(ahead, out=log_ahead[t], where=ahead > 0)
            log_ahead[t] += self._factors[t + 1] - start
        return log_ahead

    def _one_earlier(
        self, ahead: Floats, factor: float, log_weight: float
    ) -> tuple[Floats, float]:
        """Return the weights ahead of each state one symbol earlier, and their log factor."""
        before = self.graph.look_ahead(ahead)
        common = max(log_weight, factor)  # finite, since the longest strings have a weight
        before = before * np.exp(factor - common) + self.graph.is_end * np.exp(log_weight - common)
        largest = before.max() or 1.0
        return before / largest, common + float(np.log(largest))


def within(graph: Graph, low: int, high: int) -> KnownLengths:
    """Return the strings conditioned on having `low` to `high` symbols."""
    return KnownLengths(graph, dict.fromkeys(range(low, high + 1), 0.0))


def equally_often(graph: Graph, lengths: StringLengths, counts: tuple[int, ...]) -> KnownLengths:
    """Return the strings with a uniform distribution over some numbers of symbols.

    Args:
        graph: The graph.
        lengths: The probabilities of its lengths.
        counts: The numbers of symbols, all of which must be possible.
    """
    log_chances = {}
    for count in counts:
        chances, factor = lengths.reach(count, count)
        log_chances[count] = float(np.log(chances[graph.start])) + factor
    return KnownLengths(graph, {n: -np.log(len(counts)) - log for n, log in log_chances.items()})
