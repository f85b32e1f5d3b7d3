"""Dendrograms of hidden states: which symbols a network treats as similar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from seqtoys.data.symbols import legible
from seqtoys.errors import DataError, ShapeError, quoted
from seqtoys.plotting.labels import printable
from seqtoys.plotting.style import TEAL, Axes, load, new_axes
from seqtoys.support.arguments import checked
from seqtoys.support.states import to_states

MOST = 2000  # symbols; a taller figure has more pixels than matplotlib can draw
ROW, AROUND = 0.24, 0.9  # inches: the height of a leaf, and the margins above and below


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
    tree = hierarchy.dendrogram(
        hierarchy.linkage(vectors, "average"), labels=list(states), no_plot=True
    )
    ax = new_axes(ax, 6.0, AROUND + ROW * len(states))
    for rows, distances in zip(tree["icoord"], tree["dcoord"], strict=True):
        ax.plot(distances, [row / 10 + 0.5 for row in rows], color=TEAL)  # leaves at 5, 15, …
    labels = [printable(legible(symbol)) for symbol in tree["ivl"]]
    ax.set_yticks(range(1, len(labels) + 1), labels)
    ax.yaxis.tick_right()
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(xlabel="distance between mean hidden states", xlim=(ax.get_xlim()[1], 0))
    ax.set_ylim(len(labels) + 0.5, 0.5)
    return ax


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
