"""What an observer of a hidden Markov source knows about its state, and how well that predicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqtoys.support.arrays import Floats, Ints
from seqtoys.tasks.automata.expectations import entropies

MOST = 2**21  # numbers in the table of beliefs by symbol and state: 16 MiB
TOTAL = 2**24  # numbers in the tables of all positions together: about a second
ODD = -0x61C8864680B583EB  # whose powers are spread over all 64-bit numbers
TINY = 1e-300  # instead of 0, to divide by
DIGITS = 12  # beliefs that agree to this number of decimal places are equal


def follow(matrices: Floats, start: Floats, symbols: Ints) -> tuple[Floats, Floats]:
    """Update the beliefs about the state symbol by symbol: the forward algorithm.

    The belief b becomes b T / p after a symbol with matrix T, where p, the sum of b T, is the
    probability of the symbol. Dividing by p at each step keeps the numbers from underflowing.

    Args:
        matrices: The matrix of each symbol, `(symbols, states, states)`.
        start: The start distribution, `(states,)`.
        symbols: Sequences of symbol indices, `(time, batch)`.

    Returns:
        The belief before each symbol, `(time, states, batch)`, and the probability of each symbol,
        `(time, batch)`. After a symbol that is impossible, beliefs and probabilities are 0.
    """
    time, batch = symbols.shape
    # NumPy is fastest along the last axis, and there are more sequences than states.
    by_symbol = np.ascontiguousarray(matrices.transpose(1, 2, 0))  # (states, states, symbols)
    beliefs = np.empty((time, len(start), batch))
    chances = np.empty((time, batch))
    belief = np.tile(start[:, np.newaxis], batch)  # (states, batch)
    for t, symbol in enumerate(symbols):
        beliefs[t] = belief
        joint = np.einsum("ib,ijb->jb", belief, by_symbol.take(symbol, 2))  # (states, batch)
        joint.sum(0, out=chances[t])
        belief = joint / np.maximum(chances[t], TINY)
    return beliefs, chances


def expected_losses(matrices: Floats, start: Floats) -> Iterator[float]:
    """Yield the lowest expected loss at each position, while the possible beliefs are few.

    The loss is the entropy of the next symbol given the belief, averaged over all beliefs that are
    possible at that position. Prefixes that lead to the same belief are merged.

    Args:
        matrices: The matrix of each symbol, `(symbols, states, states)`.
        start: The start distribution, `(states,)`.
    """
    symbols, states, _ = matrices.shape
    wide = matrices.swapaxes(0, 1).reshape(states, -1)  # (states, symbols * states)
    beliefs, shares, left = start[np.newaxis], np.ones(1), TOTAL
    while (numbers := len(beliefs) * symbols * states) <= min(MOST, left):
        left -= numbers
        joint = (beliefs @ wide).reshape(-1, symbols, states)  # (beliefs, symbols, states)
        chances = joint.sum(2)
        yield float(shares @ entropies(chances))
        at = np.nonzero(chances)
        beliefs = joint[at] / chances[at][:, np.newaxis]
        beliefs, shares = _merge(beliefs, (shares[:, np.newaxis] * chances)[at])


def _merge(beliefs: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Return the distinct beliefs and the sum of the probabilities of each."""
    rounded = (beliefs * 10.0**DIGITS).round().astype(np.int64)
    # Sorting one number for each belief is much faster than sorting rows.
    factors = np.cumprod(np.full(beliefs.shape[1], ODD))  # overflow wraps around
    _, first, place = np.unique(rounded @ factors, return_index=True, return_inverse=True)
    return beliefs[first], np.bincount(place, shares).astype(np.float64)
