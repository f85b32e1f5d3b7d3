"""The one-hot vectors of a text."""

from __future__ import annotations

import numpy as np

from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.plotting.labels import cut, fitting, name_axes, symbol_ticks
from seqtoys.plotting.style import TEAL, Axes, colour_map, inches, new_axes, settle, text_size
from seqtoys.support.arguments import checked

CELL = 2.0  # lines of text: the width and height of a cell
AROUND, TALLEST = 4.0, 40.0  # lines of text: the labels around the cells, and a whole figure
WRITTEN = 1000  # the numbers are written in at most this many cells


@checked
def plot_one_hot(vocab: Vocab, text: Symbols, *, ax: Axes | None = None) -> Axes:
    """Plot the one-hot vectors of a text, as a matrix with a row for each of its symbols.

    Only the rows and columns that fit are shown. The axis labels indicate this.

    Args:
        vocab: The vocabulary.
        text: The text.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with the symbols of the vocabulary below the columns.

    Raises:
        DataError: If the text is empty.
        UnknownSymbolError: If a symbol is not in the vocabulary.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import Vocab
        >>> ax = plot_one_hot(Vocab("hielo"), "hihell")
        >>> [label.get_text() for label in ax.get_xticklabels()]
        ['h', 'i', 'e', 'l', 'o']
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['h', 'i', 'h', 'e', 'l', 'l']
    """
    indices = vocab.encode(text).tolist()
    if not indices:
        raise DataError("cannot plot the one-hot vectors of an empty text")
    symbols = [vocab.symbols[index] for index in indices]
    width, height = (inches(min(AROUND + CELL * n, TALLEST)) for n in (len(vocab), len(symbols)))
    ax = new_axes(ax, width, height)
    symbol_ticks(ax.xaxis, [max(vocab, key=len)])  # as large as the labels will be
    symbol_ticks(ax.yaxis, [max(symbols, key=len)])
    name_axes(ax, "symbol", "text")
    settle(ax)
    columns, rows = (
        vocab.symbols[: fitting(ax.xaxis, vocab)],
        symbols[: fitting(ax.yaxis, symbols)],
    )
    vectors = vocab.one_hot(rows).numpy()[:, : len(columns)]  # (time, vocab)
    ax.pcolormesh(
        np.arange(len(columns) + 1) + 0.5, np.arange(len(rows) + 1) + 0.5, vectors,
        cmap=colour_map(TEAL), vmin=0, vmax=1,
    )  # fmt: skip
    if vectors.size <= WRITTEN:
        for (row, column), value in np.ndenumerate(vectors):
            ax.text(
                column + 1, row + 1, f"{value:.0f}", ha="center", va="center", size=text_size()
            )
    ax.set(xlim=(0.5, len(columns) + 0.5), ylim=(len(rows) + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    symbol_ticks(ax.xaxis, columns)
    symbol_ticks(ax.yaxis, rows)
    name_axes(ax, f"symbol{cut(columns, vocab.symbols)}", f"text{cut(rows, symbols)}")
    return ax
