"""Random walks of many sequences at a time, each through its own transition table."""

from __future__ import annotations

import numpy as np

from seqtoys.support.arrays import Array
from seqtoys.tasks.automata.strings import BELOW_ONE

FEW = 16  # cells of a table


def walk(tables: Array, start: Array, drawn: Array) -> Array:
    """Draw the symbols of sequences from their transition tables.

    A context is a number whose last digit in base `symbols` is the current symbol. Each row of all
    tables, a context of a sequence, leads to another row of the same sequence.

    Args:
        tables: The probabilities of the next symbol, up to a factor, `(symbols, contexts, batch)`.
        start: The first context of each sequence, `(batch,)`.
        drawn: Random numbers from 0 to 1, `(steps, batch)`.

    Returns:
        The symbols, `(steps, batch)`.

    Examples:
        From 0 always to 1, and from 1 to either:

        >>> tables = np.array([[[0.0], [1.0]], [[1.0], [1.0]]])
        >>> walk(tables, np.array([0]), np.array([[0.9], [0.6], [0.3]])).T
        array([[1, 1, 0]])
    """
    symbols, contexts, batch = tables.shape
    ends = tables.cumsum(0)
    ends = ends / ends[-1]
    context, sequence = np.arange(contexts)[:, np.newaxis], np.arange(batch)
    shifted = context * symbols + np.arange(symbols)[:, np.newaxis, np.newaxis]
    leads = shifted % contexts * batch + sequence  # (symbols, contexts, batch)
    rows = np.empty((len(drawn) + 1, batch), np.int64)
    rows[0] = start * batch + sequence
    follow = _follow_few if symbols * contexts <= FEW else _follow_many
    follow(rows, drawn, ends, leads)
    # The symbol of each row is looked up, since dividing takes longer.
    symbol_of: Array = (np.arange(contexts) % symbols).repeat(batch)
    return np.asarray(symbol_of.take(rows[1:]))


def _follow_few(rows: Array, drawn: Array, ends: Array, leads: Array) -> None:
    """Choose a symbol in each row of the tables at all times, then follow the rows."""
    leads = leads.astype(np.int32)  # half as much to write as in int64
    to = leads[0]
    for end, further in zip(ends[:-1], np.diff(leads, axis=0), strict=True):
        # Multiplying is faster than choosing, which the processor cannot predict.
        to = to + (drawn[:, np.newaxis] >= end) * further  # (steps, contexts, batch)
    for t, each in enumerate(to.reshape(len(drawn), -1)):
        rows[t + 1] = each.take(rows[t])


def _follow_many(rows: Array, drawn: Array, ends: Array, leads: Array) -> None:
    """Follow the rows, searching for the symbol at each step."""
    columns = ends.reshape(len(ends), -1).T  # (rows, symbols)
    # Row i divides the interval from i to i + 1 among the symbols.
    line = np.minimum(columns, 1.0).ravel() + np.arange(len(columns)).repeat(len(ends))
    leads = leads.reshape(len(ends), -1).T.ravel()
    for t, number in enumerate(drawn * BELOW_ONE):
        cell = line.searchsorted(rows[t] + number, side="right")
        rows[t + 1] = leads.take(cell)
