"""Automata as graphs: states, and arrows with the symbols and their probabilities."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import groupby

from seqtoys.data.symbols import legible
from seqtoys.errors import DataError, InputTypeError
from seqtoys.plotting.alternatives import Table, set_alternative
from seqtoys.plotting.graphs import Labels, draw_graph
from seqtoys.plotting.labels import printable
from seqtoys.plotting.style import Axes
from seqtoys.plotting.ticks import plain
from seqtoys.support.arguments import checked
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.task import Task
from seqtoys.tasks.tomita import ACCEPTORS, Tomita

MOST = 100  # states; more would be illegible
LONGEST = 8  # characters in a line of a state's name


@checked
def plot_automaton(automaton: Task, *, ax: Axes | None = None) -> Axes:
    """Plot the states of an automaton, and arrows with their symbols and probabilities.

    The start is on the left; a string may end in the states with two rings. A symbol without a
    probability is certain.

    Args:
        automaton: An `Automaton` such as `get_task("reber")`, a `FiniteLanguage`, or one of
            Tomita's languages: its minimal acceptor, which has no probabilities.
        ax: The axes. If None, those of a new figure, as large as the graph needs. In smaller axes,
            the text is smaller.

    Returns:
        The axes, with the states in columns by their distance from the start.

    Raises:
        InputTypeError: If it is another task.
        DataError: If the automaton has more than 100 states.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import Automaton
        >>> toss = {"begin": [("b", "toss", 1.0)], "end": [],
        ...         "toss": [("t", "toss", 0.5), ("h", "end", 0.5)]}
        >>> ax = plot_automaton(Automaton(toss, start="begin"))
        >>> [text.get_text() for text in ax.texts if text.get_text()]
        ['begin', 'toss', 'end', 'b', 't 0.5', 'h 0.5']
    """
    labels, ends = _arrows(automaton)
    states = list(dict.fromkeys(state for pair in labels for state in pair))  # the start first
    if len(states) > MOST:
        raise DataError(f"expected an automaton of at most {MOST} states, got {len(states):,}")
    names = {state: _name(state) for state in states}
    ax = draw_graph(names, labels, ends, ax)
    _describe(ax, {state: plain(name) for state, name in names.items()}, labels, ends)
    return ax


def _describe(ax: Axes, names: dict[Hashable, str], labels: Labels, ends: set[Hashable]) -> None:
    """Describe the graph in words: the arrows from each state, and a table of them."""
    order = list(names.values())
    arrows = [
        (names[at], plain(symbol), names[after])
        for (at, after), symbols in labels.items()
        for symbol in symbols
    ]
    arrows.sort(key=lambda arrow: order.index(arrow[0]))
    ways = (
        f"From {at}: " + ", ".join(f"{symbol} to {after}" for _, symbol, after in found) + "."
        for at, found in groupby(arrows, lambda arrow: arrow[0])
    )
    last = ", ".join(names[state] for state in names if state in ends) or "none"
    head = f"A graph of {len(names)} states. Start: {order[0]}; ends: {last}."
    table = Table("arrows", ["from", "symbol", "to"], arrows)
    set_alternative(ax, " ".join([head, *ways]), table)


def _arrows(task: Task) -> tuple[Labels, set[Hashable]]:
    """Return the labels of the arrows, and the states in which a string may end."""
    if isinstance(task, Automaton):
        labels = _source(task)
        after = {state for _, state in labels}
        return labels, after - {state for state, _ in labels}
    if isinstance(task, Tomita):
        return _acceptor(task), set(ACCEPTORS[task.number][1])
    raise InputTypeError(
        f"expected automaton to be an Automaton or one of Tomita's languages, got {task.name}"
    )


def _source(task: Automaton) -> Labels:
    """Return the labels of the arrows of a source, those from the start first."""
    graph, labels = task.graph, Labels()
    order = sorted(zip(*graph.arcs, strict=True), key=lambda arc: arc[0] != graph.start)
    for at, symbol, after, chance in order:
        label = printable(legible(graph.symbols[symbol]))
        label += f" {chance:.2g}" if chance < 1 else ""
        labels.setdefault((graph.states[at], graph.states[after]), []).append(label)
    return labels


def _acceptor(task: Tomita) -> Labels:
    """Return the labels of the arrows of an acceptor."""
    labels = Labels()
    for state, following in enumerate(ACCEPTORS[task.number][0]):
        for symbol, after in enumerate(following):
            labels.setdefault((state, after), []).append(str(symbol))
    return labels


def _name(state: Hashable) -> str:
    """Return the name of a state, in short lines; that of a prefix is its symbols."""
    text = "".join(map(str, state)) if isinstance(state, tuple) else str(state)
    words = printable(legible(text)).split(" ")
    return "\n".join(word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…" for word in words)
