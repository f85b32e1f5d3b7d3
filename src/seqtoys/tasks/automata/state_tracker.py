"""The states that strings pass through in a graph, and their surprise."""

from __future__ import annotations

import numpy as np

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Bools, Floats, Ints
from seqtoys.tasks.automata.graph import Graph
from seqtoys.tasks.task_checks import check_sequences


class StateTracker:
    """Follows the symbols of batches through a graph.

    Args:
        graph: The graph.
        vocab: Its symbols.
        name: The name of the task, for messages.
    """

    def __init__(self, graph: Graph, vocab: Vocab, name: str) -> None:
        self.graph = graph
        self.vocab = vocab
        self.name = name
        states, self._columns = len(graph.states) + 1, len(graph.symbols) + 1
        # An extra symbol for unscored positions, which keeps the state, and an extra dead state.
        lost = states - 1
        following = np.full((states, self._columns), lost)
        following[:-1, :-1] = np.where(graph.following < 0, lost, graph.following)
        following[:, -1] = np.arange(states)
        surprise = np.zeros(following.shape)
        np.log(graph.chances, out=surprise[:-1, :-1], where=graph.chances > 0)
        self._following, self._surprise = following.ravel(), -surprise.ravel()
        self._is_over = np.append(graph.is_end | graph.is_endless, False)

    @checked
    def follow(self, symbols: Symbols) -> int | None:
        """Return the state after a prefix, or None if no string has this prefix."""
        state = self.graph.start
        for symbol in symbols:
            if symbol not in self.vocab.symbols:
                return None
            state = int(self.graph.following[state, self.vocab.symbols.index(symbol)])
            if state < 0:
                return None
        return state

    def read(self, batch: Batch) -> tuple[Ints, Floats]:
        """Follow sequences from their first symbol.

        Returns:
            The state before each target and after the last, `(time + 1, batch)`, and the surprise
            of each target, `(time, batch)`: 0 where nothing is scored.

        Raises:
            DataError: If the source cannot generate a sequence.
        """
        inputs, targets = batch.inputs.cpu().numpy().T, batch.targets.cpu().numpy().T
        is_scored = targets != UNSCORED
        states, surprise = self.trace(batch)
        fits = self._are_symbols(inputs[0]) & (self._are_symbols(targets) == is_scored).all(0)
        fits &= ((inputs[1:] == targets[:-1]) | ~is_scored[1:]).all(0)
        fits &= self._is_over.take(states[-1])
        check_sequences(self, batch, fits)
        return states, surprise

    def trace(self, batch: Batch) -> tuple[Ints, Floats]:
        """Follow sequences like `read`, but without an error where the source cannot go on.

        The state is then the number of states, and the surprise 0.
        """
        first, targets = batch.inputs[:, 0].cpu().numpy(), batch.targets.cpu().numpy().T
        symbols = np.where(self._are_symbols(targets), targets, self._columns - 1)  # (time, batch)
        first = np.where(self._are_symbols(first), first, self._columns - 1)
        arcs = np.empty(symbols.shape, np.int64)
        states = np.empty((len(symbols) + 1, len(batch)), np.int64)
        states[0] = self._following.take(self.graph.start * self._columns + first)
        for t, symbol in enumerate(symbols):
            arcs[t] = states[t] * self._columns + symbol
            states[t + 1] = self._following.take(arcs[t])
        return states, self._surprise.take(arcs)

    def _are_symbols(self, indices: Ints) -> Bools:
        return (indices >= 0) & (indices < self._columns - 1)
