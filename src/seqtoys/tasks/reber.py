"""The Reber grammar and the embedded Reber grammar."""

from __future__ import annotations

from collections.abc import Hashable

from jaxtyping import Bool
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.tasks.automata.automaton import Automaton

Arcs = dict[Hashable, list[tuple[str, Hashable, float]]]

GRAMMAR: dict[int, list[tuple[str, int]]] = {
    1: [("T", 2), ("P", 3)],
    2: [("S", 2), ("X", 4)],
    3: [("T", 3), ("V", 5)],
    4: [("X", 3), ("S", 6)],
    5: [("P", 4), ("V", 6)],
}
"""The two equally likely symbols of each inner state, and their next states; 6 is the end."""

SYMBOLS = "BTPSXVE"


def reber() -> Automaton:
    """The Reber grammar: strings such as BTXSE, with a choice of two symbols in each state.

    A string is B, a walk through five states with two equally likely symbols each, and E. The
    walk takes 6 steps on average, so a string has 6 bits of surprise. B is given, and 7 symbols
    are scored: the optimum is 6/7 bit = 0.5941 nats per scored symbol. The best guess is right
    half of the time for six symbols, and always for E: the best accuracy is 4/7.

    Source: Reber (1967), Implicit learning of artificial grammars; learned by an Elman network in
    Cleeremans, Servan-Schreiber & McClelland (1989).

    Examples:
        >>> task = reber()
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   BPVV
        targets  PVVE
        >>> task.optimum, task.best_accuracy  # 6/7 ln 2, 4/7
        (0.5941..., 0.5714...)
        >>> task.accepts("BTSSXXTVVE"), task.accepts("BTSSE")
        (True, False)
    """
    arcs: Arcs = {"begin": [("B", "1", 1.0)], **_walk(""), "6": [("E", "end", 1.0)], "end": []}
    return Automaton(arcs, "begin", symbols=SYMBOLS, name="reber", source="Reber 1967")


def embedded_reber() -> Automaton:
    """The embedded Reber grammar: BT…TE or BP…PE, with a Reber string in between.

    The second symbol, T or P, is repeated at the second-to-last position, after a string of any
    length; a model that has forgotten it can only guess. The optimum is 7 bits (1 for the choice,
    and 6 for the inner string) over 11 scored symbols, or 0.4411 nats; without long-term memory,
    it is 8 bits, or 0.5041 nats. `long_range` returns the positions that depend on it.

    Source: Cleeremans, Servan-Schreiber & McClelland (1989); Hochreiter & Schmidhuber (1997),
    Long short-term memory.

    Examples:
        >>> task = embedded_reber()
        >>> print(task.sample(1, length=8).show(task.vocab))
        inputs   BPBPVVEP
        targets  PBPVVEPE
        >>> task.optimum  # 7/11 ln 2
        0.4410...
    """
    arcs: Arcs = {
        "begin": [("B", "choice", 1.0)],
        "choice": [("T", "T in", 0.5), ("P", "P in", 0.5)],
        "close": [("E", "end", 1.0)],
        "end": [],
    }
    for side in "TP":
        arcs[f"{side} in"] = [("B", f"{side}1", 1.0)]
        arcs |= _walk(side)
        arcs[f"{side}6"] = [("E", f"{side} out", 1.0)]
        arcs[f"{side} out"] = [(side, "close", 1.0)]
    source = "Cleeremans et al. 1989; Hochreiter & Schmidhuber 1997"
    return Automaton(arcs, "begin", symbols=SYMBOLS, name="embedded_reber", source=source)


def long_range(task: Automaton, batch: Batch) -> Bool[Tensor, "batch time"]:
    """Return a mask of the targets that require long-term memory in the embedded grammar.

    Args:
        task: The task `embedded_reber()`.
        batch: Sequences of the task.

    Examples:
        >>> task = embedded_reber()
        >>> long_range(task, task.sample(1, length=8)).tolist()
        [[False, False, False, False, False, False, True, False]]
    """
    return task.comes_from(batch, "T out") | task.comes_from(batch, "P out")


def _walk(side: str) -> Arcs:
    """Return the transitions of the five inner states, with a prefix for the state names."""
    return {
        f"{side}{state}": [(symbol, f"{side}{after}", 0.5) for symbol, after in arcs]
        for state, arcs in GRAMMAR.items()
    }
