"""Dendrograms of hidden states: which symbols a network treats as similar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from seqtoys.data.symbols import legible
from seqtoys.errors import DataError, ShapeError, quoted
from seqtoys.plotting.alternatives import Table, set_alternative
from seqtoys.plotting.labels import fit_ticks, name_axes, printable
from seqtoys.plotting.style import TEAL, Axes, figure_of, inches, load, new_axes
from seqtoys.plotting.ticks import number, plain
from seqtoys.support.arguments import checked
from seqtoys.support.states import to_states

MOST = 2000  # symbols; a taller figure has more pixels than matplotlib can draw
ROW, AROUND = 1.3, 4.0  # lines of text: the height of a leaf, and of the margins


@checked
def plot_dendrogram(states: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Plot the hierarchical clustering of the states of symbols (Elman, 1990).

    Repeatedly merges the two nearest clusters, at the mean distance of their symbols (average
    linkage).

    Args:
        states: A state for each symbol, as returned by `mean_hidden_by_symbol`.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes, with the symbols on the right; the horizontal axis is Euclidean distance.

    Raises:
        DataError: If there are fewer than two symbols, or more than a figure can show.
        InputTypeError: If a state is not a list of numbers.
        ShapeError: If the states have different lengths.
        MissingPackageError: If matplotlib or SciPy is not installed.

    Examples:
        >>> ax = plot_dendrogram({"boy": [0.0, 1.0], "sees": [1.0, 0.0], "girl": [0.1, 1.0]})
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['sees', 'boy', 'girl']
    """
    if not 2 <= len(states) <= MOST:
        raise DataError(f"expected the states of 2 to {MOST:,} symbols, got {len(states):,}")
    vectors = _to_vectors(states)
    hierarchy = load("scipy.cluster.hierarchy")
    merges = hierarchy.linkage(vectors, "average")
    tree = hierarchy.dendrogram(merges, labels=list(states), no_plot=True)
    given, height = ax, inches(AROUND + ROW * len(states))
    ax = new_axes(given, 6.0, height)
    if given is None and height > figure_of(ax).get_figheight():
        figure_of(ax).set_figheight(height)
    for rows, distances in zip(tree["icoord"], tree["dcoord"], strict=True):
        ax.plot(distances, [row / 10 + 0.5 for row in rows], color=TEAL)  # leaves at 5, 15, …
    labels = [printable(legible(symbol)) for symbol in tree["ivl"]]
    ax.set_yticks(range(1, len(labels) + 1), labels)
    ax.yaxis.tick_right()
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(xlim=(ax.get_xlim()[1], 0), ylim=(len(labels) + 0.5, 0.5))
    name_axes(ax, "distance between mean hidden states", "")
    fit_ticks(ax.yaxis)
    _describe(ax, [plain(legible(symbol)) for symbol in states], labels, merges)
    return ax


def _describe(
    ax: Axes, symbols: Sequence[str], order: Sequence[str], merges: Float[np.ndarray, "merges 4"]
) -> None:
    """Describe the tree in words: the order of its leaves, and the merges from the nearest."""
    clusters, rows = [[symbol] for symbol in symbols], list[list[str]]()
    for one, other, distance, _ in merges.tolist():
        clusters.append([*clusters[int(one)], *clusters[int(other)]])
        pair = (", ".join(clusters[int(index)]) for index in (one, other))
        rows.append([*pair, number(distance)])
    first, last = rows[0], rows[-1]
    text = (
        f"A tree of {len(symbols):,} symbols, in the order {', '.join(map(plain, order))}. The "
        f"nearest are {first[0]} and {first[1]}, at a distance of {first[2]}; the last two "
        f"clusters merge at {last[2]}: {last[0]}; and {last[1]}."
    )
    set_alternative(ax, text, Table("merges", ["cluster", "merged with", "distance"], rows))


def _to_vectors(states: Mapping[str, Any]) -> Float[np.ndarray, "symbols hidden"]:
    vectors = [
        to_states(state, f"the state of {quoted(symbol)}", ("hidden",))
        for symbol, state in states.items()
    ]
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1:
        raise ShapeError(
            f"expected states of the same length, got lengths {quoted(sorted(sizes))}"
        )
    return np.stack(vectors)
