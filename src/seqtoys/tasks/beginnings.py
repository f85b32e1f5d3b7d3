"""The beginnings of listed sequences, and what follows each."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.baselines import number_prefixes
from seqtoys.batch import Batch

Array: TypeAlias = npt.NDArray[Any]
WIDTH = 2**32  # of a node among the keys: more than any symbol's index


class Beginnings:
    """A tree of the inputs of listed sequences, with the targets at each node.

    Args:
        batch: The sequences.
    """

    def __init__(self, batch: Batch) -> None:
        inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
        nodes = 1 + number_prefixes(inputs)  # (batch, time); 0 is the root
        parents = np.pad(nodes[:, :-1], ((0, 0), (1, 0)))
        self._edges, first = np.unique(parents * WIDTH + inputs, return_index=True)
        self._children = nodes.ravel()[first]
        pairs = (nodes * WIDTH + targets)[batch.scored.numpy()]
        self._pairs, together = np.unique(pairs, return_counts=True)
        above = np.bincount(pairs // WIDTH)[self._pairs // WIDTH]
        self._surprise = np.log(above / together)

    def surprise(self, batch: Batch) -> Array:
        """The surprise at each scored target of other sequences; inf at what is not listed."""
        inputs, targets = batch.inputs.cpu().numpy(), batch.targets.cpu().numpy()
        nodes, node = np.empty(inputs.shape, np.int64), np.zeros(len(inputs), np.int64)
        for t, symbols in enumerate(inputs.T):
            place, is_listed = _find(node * WIDTH + symbols, self._edges)
            node = np.where(is_listed, self._children[place], -1)  # -1: out of the tree for good
            nodes[:, t] = node
        pairs = (nodes * WIDTH + targets)[batch.scored.cpu().numpy()]
        place, is_listed = _find(pairs, self._pairs)
        return np.where(is_listed, self._surprise[place], np.inf)


def _find(keys: Array, known: Array) -> tuple[Array, Array]:
    """Where keys are among known ones, in increasing order, and whether they are."""
    place = known.searchsorted(keys).clip(max=len(known) - 1)
    return place, known[place] == keys
