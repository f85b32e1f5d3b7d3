"""An automaton's tables, checked against its definition and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import Batch, Vocab
from seqtoys.errors import InputTypeError, OptionError
from seqtoys.tasks.automata.graph import Graph, count_visits, read_graph
from seqtoys.tasks.automata.state_tracker import StateTracker
from seqtoys.tasks.automata.string_lengths import StringLengths
from seqtoys.tasks.automata.strings import StringSampler
from tests.graphs import COIN, LOOP

pytestmark = pytest.mark.type_checked

ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]
FLIP = COIN | {"nowhere": [("z", "begin", 1.0)]}  # out of reach
TREE: dict[Any, Any] = {
    0: [("a", 1, 0.25), ("b", 2, 0.75)],
    1: [("a", 3, 1.0)],
    2: [("a", 3, 0.5), ("b", 4, 0.5)],
    3: [],
    4: [("b", 3, 1.0)],
}
GRAPHS = {"coin": (FLIP, "begin"), "tree": (TREE, 0), "loop": (LOOP, "s"), "from t": (LOOP, "t")}
graphs = pytest.mark.parametrize(("written", "start"), GRAPHS.values(), ids=GRAPHS)


def moves(graph: Graph, written: dict[Any, Any]) -> Any:
    """Return the matrix of one-step transition probabilities."""
    matrix = np.zeros((len(graph.states), len(graph.states)))
    for row, state in enumerate(graph.states):
        for _, after, chance in written[state]:
            matrix[row, graph.states.index(after)] += chance
    return matrix


def test_states_and_symbols_are_in_breadth_first_order() -> None:
    graph = read_graph(FLIP, "begin")
    assert graph.states == ["begin", "toss", "last", "end"]
    assert graph.symbols == ["b", "t", "h", "x", "y"]
    assert read_graph(TREE, 0).states == [0, 1, 2, 3, 4]  # level by level
    assert graph.start == 0
    assert graph.chances.tolist() == [
        [1, 0, 0, 0, 0],
        [0, 0.2, 0.8, 0, 0],
        [0, 0.25, 0, 0.5, 0.25],
        [0, 0, 0, 0, 0],
    ]
    assert graph.following.tolist() == [
        [1, -1, -1, -1, -1],
        [-1, 1, 2, -1, -1],
        [-1, 1, -1, 3, 3],
        [-1, -1, -1, -1, -1],
    ]
    assert graph.is_start.tolist() == [True, False, False, False]
    assert graph.is_end.tolist() == graph.is_stop.tolist() == [False, False, False, True]
    ordered = read_graph(FLIP, "begin", "xythb")
    assert ordered.symbols == list("xythb")
    assert np.array_equal(ordered.chances[:, ::-1], graph.chances[:, [0, 2, 1, 4, 3]])


@graphs
def test_moves_equal_matrix_products(written: dict[Any, Any], start: Any) -> None:
    graph = read_graph(written, start)
    matrix, numbers = moves(graph, written), np.random.default_rng(0).random(len(graph.states))
    assert graph.move(numbers) == pytest.approx(numbers @ matrix)
    assert graph.look_ahead(numbers) == pytest.approx(matrix @ numbers)
    arrivals = graph.arrivals(numbers, graph.chances)
    expected = np.zeros_like(arrivals)
    for row, state in enumerate(graph.states):
        for symbol, after, chance in written[state]:
            cell = graph.states.index(after), graph.symbols.index(symbol)
            expected[cell] += numbers[row] * chance
    assert arrivals == pytest.approx(expected)


@graphs
def test_visits_equal_sums_over_steps(written: dict[Any, Any], start: Any) -> None:
    graph = read_graph(written, start)
    matrix, here = moves(graph, written), np.zeros(len(graph.states))
    here[graph.states.index(start)] = 1
    total = here * 0
    steps = 2000
    for _ in range(steps):
        total += here
        here = here @ matrix
    if graph.is_endless:
        assert count_visits(graph) == pytest.approx(total / steps, abs=0.01)
        assert count_visits(graph) @ matrix == pytest.approx(count_visits(graph))
    else:
        shorter = total * ~graph.is_end
        assert count_visits(graph) * ~graph.is_end == pytest.approx(shorter)


@graphs
def test_results_do_not_depend_on_the_order_of_states(written: dict[Any, Any], start: Any) -> None:
    graph = read_graph(written, start)
    last = len(graph.states) - 1
    following = np.where(graph.following < 0, -1, last - graph.following)[::-1]
    reverse = Graph(graph.states[::-1], graph.symbols, graph.chances[::-1], following, last)
    assert count_visits(reverse)[::-1] == pytest.approx(count_visits(graph))
    vocab, (lengths, others) = (
        Vocab(graph.symbols),
        (StringLengths(g, 30) for g in (graph, reverse)),
    )
    assert others.usual() == lengths.usual()
    assert [others.exist(n, n) for n in range(9)] == [lengths.exist(n, n) for n in range(9)]
    generator = torch.Generator().manual_seed(0)
    strings, counts = StringSampler(reverse, others, 30).draw(9, (3, 3), generator)
    assert counts.tolist() == [3] * 9
    batch = Batch(torch.from_numpy(strings[:, :-1]), torch.from_numpy(strings[:, 1:]))
    (states, surprise), (numbers, again) = (
        StateTracker(g, vocab, "it").read(batch) for g in (graph, reverse)
    )
    assert np.array_equal(last - numbers, states)
    assert np.array_equal(again, surprise)


def test_rounded_probabilities_are_accepted() -> None:
    rounded = [0.5, 0.5 - 1e-10]
    written = {"s": [("a", "s", rounded[0]), ("b", "s", rounded[1])]}
    assert read_graph(written, "s").chances.tolist() == [rounded]


POSITIVE = "expected positive probabilities that sum to 1 in state 's', got "
TWO = "expected strings of at least two symbols: one to read, one to predict"
BAD: list[tuple[dict[Any, Any], str]] = [
    (
        {"s": [("a", "t", 1.0)]},
        "expected each state to be defined, got no transitions for 't'; if it is an end state, "
        "define it as 't': []",
    ),
    ({"s": [("a", "s", 0.5), ("b", "s", 0.4)]}, f"{POSITIVE}[0.5, 0.4]"),
    ({"s": [("a", "s", 0.5), ("b", "s", 0.50001)]}, f"{POSITIVE}[0.5, 0.50001]"),
    ({"s": [("a", "s", 1.0), ("b", "s", 0.0)]}, f"{POSITIVE}[1.0, 0.0]"),
    (
        {"s": [("a", "t", 0.5), ("b", "t", 0.25), ("b", "s", 0.25)], "t": []},
        "expected each symbol once in state 's', so that a string determines its path, got 'b' "
        "twice",
    ),
    (
        {"s": [("a", "t", 0.5), ("b", "u", 0.5)], "t": [("a", "t", 1.0)], "u": []},
        "expected a path from each state to an end, got none from 't'",
    ),
    (
        {"s": [("a", "t", 0.5), ("b", "s", 0.5)], "t": [("a", "t", 1.0)]},
        "expected a path from each state back to the start, got none from 't'",
    ),
    ({"s": [("a", "e", 0.5), ("b", "t", 0.5)], "t": [("a", "e", 1.0)], "e": []}, TWO),
    ({"s": []}, TWO),
]


@pytest.mark.parametrize(("written", "message"), BAD)
def test_invalid_graphs_raise(
    written: dict[Any, Any], message: str, assert_error: ErrorCheck
) -> None:
    assert_error(lambda: read_graph(written, "s"), OptionError, message)


def test_symbols_must_match_the_graph(assert_error: ErrorCheck) -> None:
    start = "expected symbols to be ['b', 'h', 't', 'x', 'y'] in some order, got "
    for symbols in (list("bhtx"), list("bhtxyz")):
        assert_error(
            lambda symbols=symbols: read_graph(FLIP, "begin", symbols),  # type: ignore[misc]
            OptionError,
            f"{start}{symbols}",
        )


def test_states_must_be_hashable(assert_error: ErrorCheck) -> None:
    message = "expected hashable states, got ('t', [])"
    written: dict[Any, Any] = {"s": [("a", ("t", []), 1.0)]}
    assert_error(lambda: read_graph(written, "s"), InputTypeError, message)
