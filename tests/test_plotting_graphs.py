"""Automata as graphs, and one-hot vectors as a matrix."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from seqtoys import Automaton, FiniteLanguage, Vocab, get_task
from seqtoys.errors import DataError, InputTypeError
from seqtoys.plotting import plot_automaton, plot_one_hot
from seqtoys.plotting.layers import layered
from seqtoys.tasks.automata.graph import Transitions

VOCAB = Vocab("hielo")
Draw = Callable[[Axes], Any]
COIN: Transitions = {
    "begin": [("b", "toss", 1.0)],
    "toss": [("t", "toss", 0.75), ("h", "end", 0.25)],
    "end": [],
}


def written(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def arrows(ax: Axes) -> list[FancyArrowPatch]:
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def rings(ax: Any) -> dict[tuple[float, ...], int]:
    """Return the number of circles at each place."""
    places = [tuple(part.get_offsets()[0].tolist()) for part in ax.collections]
    return {place: places.count(place) for place in places}


def test_states_and_labeled_arrows_are_drawn(draw: Draw) -> None:
    ax = draw(plot_automaton(Automaton(COIN, "begin")))
    assert written(ax) == ["begin", "toss", "end", "b", "t 0.75", "h 0.25"]
    assert len(arrows(ax)) == 1 + 3  # one to the start
    assert [count for _, count in sorted(rings(ax).items())] == [1, 1, 2]  # from left to right


TASKS = ["reber", "embedded_reber", *(f"tomita_{n}" for n in (2, 3, 5, 7))]


@pytest.mark.parametrize("name", TASKS)
def test_states_and_labels_of_known_automata_do_not_overlap(name: str, draw: Draw) -> None:
    ax = draw(plot_automaton(get_task(name)))
    places = np.array(list(rings(ax)))
    assert len(np.unique(places, axis=0)) == len(places)
    radius = np.sqrt(ax.collections[0].get_sizes()[0]) / 2 * ax.figure.dpi / 72  # pixels
    middles = ax.transData.transform(places)
    for one, other in combinations(middles, 2):
        assert np.linalg.norm(one - other) > 2.2 * radius
    for text in ax.texts[len(places) :]:  # labels of arrows are outside of the circles
        box = text.get_window_extent()
        nearest = np.clip(middles, box.min, box.max)
        assert np.linalg.norm(nearest - middles, axis=1).min() > 0.95 * radius, text.get_text()


def test_acceptors_show_accepting_states_and_both_symbols(draw: Draw) -> None:
    ax = draw(plot_automaton(get_task("tomita_4")))  # no three 0s in a row
    assert written(ax)[:4] == ["0", "1", "2", "3"]
    assert sorted(written(ax)[4:]) == ["0", "0", "0", "0, 1", "1", "1", "1"]
    assert sorted(rings(ax).values()) == [1, 2, 2, 2]


def test_start_is_first_and_labels_are_joined(draw: Draw) -> None:
    loop: Transitions = {"b": [("x", "a", 0.5), ("y", "a", 0.5)], "a": [("z", "b", 1.0)]}
    ax = draw(plot_automaton(Automaton(loop, "a", symbols="xyz")))
    assert written(ax) == ["a", "b", "x 0.5\ny 0.5", "z"] or written(ax)[2:] == [
        "z",
        "x 0.5\ny 0.5",
    ]
    assert set(rings(ax).values()) == {1}  # endless


def test_names_are_short_lines() -> None:
    words: Transitions = {
        "one coin": [("k", ("h", "e"), 1.0)],
        ("h", "e"): [("l", "immeasurable", 1.0)],
        "immeasurable": [],
    }
    ax = plot_automaton(Automaton(words, "one coin"))
    assert written(ax)[:3] == ["one\ncoin", "he", "immeasu…"]
    tree = plot_automaton(FiniteLanguage({"hat": 1.0, "hot": 1.0}))
    assert written(tree)[:3] == ["", "h", "ha"]


def test_labels_avoid_each_other_and_stay_in_the_figure(draw: Draw) -> None:
    chain: dict[Hashable, Any] = {6: []}
    chain |= {n: [("a", n + 1, 0.5), ("b", 0, 0.5)] for n in range(6)}
    draw(plot_automaton(Automaton(chain, 0)))  # long arrows back around the states between
    draw(plot_automaton(Automaton({"a": [("x", "a", 0.5), ("y", "a", 0.5)]}, "a")))
    draw(plot_automaton(get_task("temporal_xor")))


def test_graph_fits_small_axes(draw: Draw) -> None:
    task = get_task("reber")
    with rc_context({"figure.figsize": (3.3, 2.5)}):
        small: Any = plot_automaton(task)
    sizes = {text.get_fontsize() for text in small.texts}
    assert len(sizes) == 1
    assert sizes.pop() < plot_automaton(task).texts[0].get_fontsize()
    middles = small.transData.transform(np.array(list(rings(small))))
    radius = np.sqrt(small.collections[0].get_sizes()[0]) / 2 * small.figure.dpi / 72
    for one, other in combinations(middles, 2):
        assert np.linalg.norm(one - other) > 2 * radius


def test_large_automata_are_refused(assert_error: Any) -> None:
    chain: dict[Hashable, Any] = {100: []}
    chain |= {n: [("x", n + 1, 1.0)] for n in range(100)}
    assert_error(
        lambda: plot_automaton(Automaton(chain, 0)),
        DataError,
        "expected an automaton of at most 100 states, got 101",
    )


def test_other_tasks_are_refused(assert_error: Any) -> None:
    assert_error(
        lambda: plot_automaton(get_task("parity")),
        InputTypeError,
        "expected automaton to be an Automaton or one of Tomita's languages, got parity",
    )


def crossings(places: dict[Any, Any], pairs: list[tuple[int, int]]) -> int:
    """Count the pairs of arrows between the same columns that cross."""
    count = 0
    for (a, b), (c, d) in combinations(pairs, 2):
        if places[a][0] == places[c][0] and places[b][0] == places[d][0]:
            count += (places[a][1] - places[c][1]) * (places[b][1] - places[d][1]) < 0
    return count


def test_columns_are_distances_and_crossings_are_removed() -> None:
    pairs = [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 6)]
    places = layered(range(7), pairs)
    assert [places[state][0] for state in range(7)] == [0, 1, 1, 2, 2, 3, 3]
    assert crossings(places, pairs) == 0
    assert len(set(places.values())) == 7


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_every_state_has_a_place_of_its_own(pairs: list[tuple[int, int]]) -> None:
    reached = [0]
    for one in reached:
        reached += sorted({b for a, b in pairs if a == one} - set(reached))
    kept = [(a, b) for a, b in pairs if a in reached]
    places = layered(reached, kept)
    assert len(set(places.values())) == len(reached)
    assert places[0][0] == min(column for column, _ in places.values())


# --- one-hot vectors


def test_one_hot_vectors_are_rows(draw: Draw) -> None:
    ax = draw(plot_one_hot(VOCAB, "hihell"))
    assert [label.get_text() for label in ax.get_yticklabels()] == list("hihell")
    assert [label.get_text() for label in ax.get_xticklabels()] == list("hielo")
    numbers = {text.get_position(): text.get_text() for text in ax.texts}
    for row, symbol in enumerate("hihell", 1):
        for column, each in enumerate("hielo", 1):
            assert numbers[column, row] == str(int(symbol == each))
    assert ax.collections[0].get_array().reshape(6, 5).argmax(1).tolist() == [0, 1, 0, 2, 3, 3]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("symbol", "text")


def test_large_one_hot_vectors_are_cut(draw: Draw) -> None:
    vocab = Vocab([chr(0x100 + i) for i in range(200)])
    ax = draw(plot_one_hot(vocab, list(vocab) * 2))
    columns, rows = len(ax.get_xticklabels()), len(ax.get_yticklabels())
    assert ax.get_xlabel() == f"symbol (first {columns} of 200)"
    assert ax.get_ylabel() == f"text (first {rows} of 400)"
    assert columns * rows > 1000
    assert not ax.texts


def test_empty_text_has_no_vectors(assert_error: Any) -> None:
    message = "cannot plot the one-hot vectors of an empty text"
    assert_error(lambda: plot_one_hot(VOCAB, ""), DataError, message)
