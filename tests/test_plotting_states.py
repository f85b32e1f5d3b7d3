"""Figures of a network's predictions and states: heat maps, trajectories and dendrograms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from seqtoys import ElmanCharModel, Vocab
from seqtoys.errors import DataError, OptionError, UnknownSymbolError
from seqtoys.plotting import plot_dendrogram, plot_hidden, plot_probabilities, plot_trajectory
from seqtoys.plotting.style import COLOURS, TEAL
from seqtoys.records.trace import Trace

VOCAB = Vocab("hielo")
TRACE = ElmanCharModel(VOCAB, seed=777).trace("hihell")
Draw = Callable[[Axes], Any]


def labels(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def trace_of(states: list[list[float]], symbols: list[str] | None = None) -> Trace:
    """Return a trace of given states with uniform probabilities."""
    symbols = symbols or ["h"] * len(states)
    probabilities = np.full((len(states), 5), 0.2)
    return Trace(VOCAB, symbols, np.array(states), probabilities, symbols)


# --- probabilities


def test_cells_show_probabilities_and_rings_mark_targets(draw: Draw) -> None:
    ax = draw(plot_probabilities(TRACE, "ihello"))
    (image,) = ax.images
    assert np.array_equal(image.get_array(), TRACE.probabilities.T)
    assert image.get_clim() == (0, 1)
    assert tuple(image.get_extent()) == (0.5, 6.5, 5.5, 0.5)
    assert labels(ax.xaxis) == list("hihell")
    assert labels(ax.yaxis) == list("hielo")
    rows = [VOCAB.symbols.index(symbol) + 1 for symbol in "ihello"]
    assert ax.collections[0].get_offsets().tolist() == [[x, y] for x, y in enumerate(rows, 1)]
    assert ax.get_ylabel() == "next symbol"
    assert ax.child_axes[0].get_ylabel() == "probability"


def test_opacity_is_the_probability() -> None:
    colours: Any = plot_probabilities(TRACE).images[0].get_cmap()
    for probability in (0.0, 0.25, 1.0):
        assert to_hex(colours(probability)) == TEAL
        assert colours(probability)[3] == pytest.approx(probability, abs=0.01)


def test_without_targets_the_last_step_has_no_ring(draw: Draw) -> None:
    assert len(draw(plot_probabilities(TRACE)).collections[0].get_offsets()) == 5
    alone = ElmanCharModel(VOCAB).trace("h")
    assert len(draw(plot_probabilities(alone)).collections[0].get_offsets()) == 0


def test_labels_state_which_part_is_shown(draw: Draw) -> None:
    symbols = [chr(0x100 + i) for i in range(100)]
    model = ElmanCharModel(Vocab(symbols), hidden_size=40, seed=1)
    text = "".join(symbols[::3]) * 4
    trace = model.trace(text)
    ax = draw(plot_probabilities(trace))
    steps, rows = labels(ax.xaxis), labels(ax.yaxis)
    assert steps == list(text[: len(steps)])
    assert ax.get_xlabel() == (
        f"input symbol (first {len(steps)} of {len(text)}); rings: actual next symbol"
    )
    assert ax.get_ylabel() == f"next symbol ({len(rows)} of 100)"
    assert rows == sorted(rows)
    assert set(text[1 : len(steps) + 1]) <= set(rows)  # actual next symbols are shown
    hidden = [symbol for symbol in symbols if symbol not in rows]
    tops = trace.probabilities[: len(steps)].max(0)
    unlikely = max(tops[symbols.index(symbol)] for symbol in hidden)
    likely = [symbol for symbol in rows if symbol not in text[1 : len(steps) + 1]]
    assert all(tops[symbols.index(symbol)] >= unlikely for symbol in likely)


def test_words_and_symbols_without_a_glyph_are_drawn(draw: Draw) -> None:
    words = ["sandwich", "🦜", " ", "$", "x\n"]
    ax = draw(plot_probabilities(ElmanCharModel(Vocab(words)).trace(words)))
    assert labels(ax.yaxis) == ["sandwich", "U+1F99C", "␣", r"\$", "x\\n"]


def test_mismatched_targets_raise(assert_error: Any) -> None:
    assert_error(
        lambda: plot_probabilities(TRACE, "ihell"),
        DataError,
        "expected a target for each of the 6 steps, got 5: 'ihell'",
    )
    assert_error(
        lambda: plot_probabilities(TRACE, "ihellx"),
        UnknownSymbolError,
        "'x' at position 5 of 'ihellx' is not among the 5 symbols 'hielo'",
    )
    empty = Trace(VOCAB, [], np.zeros((0, 5)), np.zeros((0, 5)), [])
    for plot in (plot_probabilities, plot_hidden):
        assert_error(
            lambda plot=plot: plot(empty),
            DataError,
            "cannot plot an empty trace: it has no steps",
        )


# --- hidden states


def test_hidden_states_get_lighter_from_negative_to_positive(draw: Draw) -> None:
    ax = draw(plot_hidden(TRACE))
    (image,) = ax.images
    assert np.array_equal(image.get_array(), TRACE.hidden.T)
    assert image.get_clim() == (-1, 1)
    colours = image.get_cmap()(np.linspace(0, 1, 101))  # (values, red green blue opacity)
    gray = colours[:, :3] @ [0.299, 0.587, 0.114]  # as a printer converts colors
    assert (np.diff(gray) > 0).all()
    assert gray[-1] - gray[50] > 0.2
    assert gray[50] - gray[0] > 0.2
    assert (colours[:, 3] == 1).all()  # the same on a light and a dark page
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input symbol", "unit")


def test_unbounded_states_set_the_color_scale(draw: Draw) -> None:
    ax = draw(plot_hidden(trace_of([[0.5, 2.5], [-0.5, 7.0]])))
    assert ax.images[0].get_clim() == (-7, 7)
    relu = draw(plot_hidden(trace_of([[0.5, 2.5], [0.0, 7.0]])))
    assert relu.images[0].get_clim() == (0, 7)
    assert relu.images[0].get_cmap()(0.0)[3] == 0


def test_long_text_is_cut_off(draw: Draw) -> None:
    ax = draw(plot_hidden(ElmanCharModel(VOCAB, hidden_size=50).trace("hello" * 50)))
    shown = len(labels(ax.xaxis))
    assert ax.images[0].get_array().shape == (50, shown)
    assert ax.get_xlabel() == f"input symbol (first {shown} of 250)"


# --- trajectories


def points(ax: Any) -> list[Any]:
    return [line.get_xydata() for line in ax.lines]


def test_two_units_are_plotted_directly(draw: Draw) -> None:
    states = [[0.0, 1.0], [0.5, -0.5], [-0.5, -0.5]]
    ax = draw(plot_trajectory(trace_of(states, ["h", "i", "h"])))
    assert points(ax)[0].tolist() == states
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("unit 1", "unit 2")
    assert [(text.get_text(), tuple(text.xy)) for text in ax.texts] == [
        ("h", (0, 1)), ("i", (0.5, -0.5)), ("h", (-0.5, -0.5)),
    ]  # fmt: skip
    dots, heads = ax.collections
    assert dots.get_offsets().tolist() == states
    assert heads.get_offsets().tolist() == [[0.25, 0.25], [0.0, -0.5]]
    assert np.c_[heads.U, heads.V][1].tolist() == [-1, 0]


def test_more_units_are_projected_on_principal_components(draw: Draw) -> None:
    trace = ElmanCharModel(VOCAB, hidden_size=7, seed=4).trace("hihello" * 2)
    ax = draw(plot_trajectory(trace))
    centred = trace.hidden - trace.hidden.mean(0)
    _, widths, directions = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(points(ax)[0]) == pytest.approx(np.abs(centred @ directions[:2].T), abs=1e-5)
    ratio = (widths**2 / (widths**2).sum())[:2]
    assert ax.get_xlabel() == f"first principal component ({ratio[0]:.0%} of the variance)"
    assert ax.get_ylabel() == f"second principal component ({ratio[1]:.0%} of the variance)"
    assert ax.get_aspect() == 1


def test_several_texts_share_a_plane(draw: Draw) -> None:
    model = ElmanCharModel(VOCAB, hidden_size=4)
    traces = [model.trace(text) for text in ("hill", "hell", "hole", "oil")]
    ax = draw(plot_trajectory(traces))
    assert [len(way) for way in points(ax)] == [4, 4, 4, 3]
    assert [line.get_color() for line in ax.lines] == [*COLOURS, COLOURS[0]]
    assert points(ax)[0][0] == pytest.approx(points(ax)[1][0])  # both have read "h"
    assert np.concatenate(points(ax)).mean(0) == pytest.approx([0, 0], abs=1e-6)


def test_labels_are_inside_and_nearby_points_share_one(draw: Draw) -> None:
    states = [[0.0, 0.0], [1.0, 1.0], [0.001, 0.0], [1.0, 1.0], [1.0, 1.0]]
    ax = draw(plot_trajectory(trace_of(states, ["sandwich", "see", "sandwich", "see", "l"])))
    assert [text.get_text() for text in ax.texts] == ["sandwich", "see", "l"]
    frame = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.contains(box.x0, box.y0)
        assert frame.contains(box.x1, box.y1)


def test_unchanged_state_has_no_arrow(draw: Draw) -> None:
    ax = draw(plot_trajectory(trace_of([[0.5, 0.5], [0.5, 0.5]])))
    assert len(ax.collections) == 1  # the dots


def test_many_lines_are_fainter_than_few() -> None:
    states = np.random.default_rng(0).uniform(size=(80, 2)).tolist()
    few, many = (plot_trajectory(trace_of(states[:count])).lines[0] for count in (40, 80))
    assert (few.get_alpha(), many.get_alpha()) == (1.0, 0.5)


def test_states_without_two_dimensions_raise(assert_error: Any) -> None:
    assert_error(
        lambda: plot_trajectory(trace_of([[0.1], [0.2]])),
        OptionError,
        "expected at least two hidden units, got one; use plot_hidden instead",
    )
    assert_error(lambda: plot_trajectory([]), DataError, "expected at least one trace, got none")
    assert_error(
        lambda: plot_trajectory([trace_of([[0.1, 0.2]]), trace_of([[0.1, 0.2, 0.3]])]),
        DataError,
        "expected traces of one network, got states of [2, 3] units",
    )
    assert_error(
        lambda: plot_trajectory(trace_of([[0.1, 0.2, 0.3]])),
        DataError,
        "expected at least two states, got 1",
    )


# --- the tree of symbols


def average_linkage(states: dict[str, Any]) -> list[tuple[set[str], float]]:
    """Repeatedly join the two nearest groups; return each joined group and its distance."""

    def apart(one: frozenset[str], other: frozenset[str]) -> float:
        pairs = [np.linalg.norm(states[a] - states[b]) for a in one for b in other]
        return float(np.mean(pairs))

    groups, joins = [frozenset([symbol]) for symbol in states], []
    while len(groups) > 1:
        one, other = min(combinations(groups, 2), key=lambda pair: apart(*pair))
        joins.append((set(one | other), apart(one, other)))
        groups = [group for group in groups if group not in (one, other)] + [one | other]
    return joins


def test_symbols_are_joined_at_their_mean_distance(draw: Draw) -> None:
    random = np.random.default_rng(3)
    states = {f"word {i}": random.normal(size=4) for i in range(9)}
    ax = draw(plot_dendrogram(states))
    leaves = labels(ax.yaxis)
    assert sorted(leaves) == sorted(states)
    drawn_joins = []
    for line in ax.lines:
        distances, rows = line.get_xdata(), line.get_ydata()
        assert distances[1] == distances[2] == max(distances)
        drawn_joins.append((distances[1], rows))
    expected = sorted(average_linkage(states), key=lambda join: join[1])
    assert sorted(d for d, _ in drawn_joins) == pytest.approx([d for _, d in expected])
    for group, _ in expected:  # joined leaves are adjacent
        places = sorted(leaves.index(symbol) for symbol in group)
        assert places == list(range(places[0], places[0] + len(group)))
    assert ax.get_xlim()[0] > ax.get_xlim()[1] == 0  # the symbols are on the right
    assert ax.get_xlabel() == "distance between mean hidden states"


def test_dendrogram_height_grows_with_its_leaves(draw: Draw) -> None:
    few, many = (
        draw(plot_dendrogram({str(i): [float(i)] for i in range(count)})) for count in (2, 60)
    )
    heights = [ax.get_figure(root=True).get_figheight() for ax in (few, many)]
    assert heights[1] > 5 * heights[0]
    assert len(many.lines) == 59


def test_dendrogram_of_one_symbol_raises(assert_error: Any) -> None:
    assert_error(
        lambda: plot_dendrogram({"a": [1.0]}),
        DataError,
        "expected the states of 2 to 2,000 symbols, got 1",
    )
