"""The prefixes of listed sequences, and the targets that follow each."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.data.baselines import number_prefixes
from seqtoys.data.batch import Batch

Array: TypeAlias = npt.NDArray[Any]
WIDTH = 2**32  # the number of keys per node: more than any symbol index


class Beginnings:
    """A prefix tree of listed input sequences, with the targets at each node.

    Args:
        batch: The sequences.
        weights: The probability of each sequence, up to a factor.
    """

    def __init__(self, batch: Batch, weights: npt.NDArray[np.float64]) -> None:
        inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
        nodes = 1 + number_prefixes(inputs)  # (batch, time); 0 is the root
        parents = np.pad(nodes[:, :-1], ((0, 0), (1, 0)))
        self._edges, first = np.unique(parents * WIDTH + inputs, return_index=True)
        self._children = nodes.ravel()[first]
        scored = batch.scored.numpy()
        each = np.broadcast_to(weights[:, np.newaxis], scored.shape)[scored]
        self._pairs, at = np.unique((nodes * WIDTH + targets)[scored], return_inverse=True)
        together = np.bincount(at, each)
        owner = self._pairs // WIDTH
        self._surprise = np.log(np.bincount(owner, together)[owner] / together)

    def surprise(self, batch: Batch) -> Array:
        """Return the surprise at each target of given sequences.

        Returns:
            Nats, `(batch, time)`: 0 where nothing is scored, inf for targets not in the list.
        """
        inputs, targets = batch.inputs.cpu().numpy(), batch.targets.cpu().numpy()
        nodes, node = np.empty(inputs.shape, np.int64), np.zeros(len(inputs), np.int64)
        for t, symbols in enumerate(inputs.T):
            place, is_listed = _find(node * WIDTH + symbols, self._edges)
            node = np.where(is_listed, self._children[place], -1)  # -1: outside the tree
            nodes[:, t] = node
        place, is_listed = _find(nodes * WIDTH + targets, self._pairs)
        surprise = np.where(is_listed, self._surprise[place], np.inf)
        return np.where(batch.scored.cpu().numpy(), surprise, 0.0)


def _find(keys: Array, known: Array) -> tuple[Array, Array]:
    """Return the positions of keys among sorted known ones, and whether each is known."""
    place = known.searchsorted(keys).clip(max=len(known) - 1)
    return place, known[place] == keys
