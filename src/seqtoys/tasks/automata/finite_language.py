"""FiniteLanguage: weighted strings, with the optimum computed from their prefix tree."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf

from seqtoys.data.batch import Batch
from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, OptionError, excerpt, quoted
from seqtoys.support.arguments import checked, listed
from seqtoys.support.values import LONGEST
from seqtoys.tasks.automata.automaton import Automaton

END = "end"
"""The state after a complete string."""

Prefix = tuple[str, ...]


class FiniteLanguage(Automaton):
    """Weighted strings: draw a string according to the weights, and predict each next symbol.

    The strings form a prefix tree: each prefix is a node, and the probability of a next symbol is
    the fraction of the node's total weight that continues with it. This is an automaton with one
    state per prefix, so the optimum is that of `Automaton`: the entropies of the nodes, weighted
    by their expected visits. The first symbol of a string is given, not scored.

    If a string is a prefix of another, its symbols do not show that it has ended. All strings then
    need an end symbol, which is scored like any other.

    Args:
        strings: Strings with their weights: `{"hat": 2.0, "hot": 1.0}`, or pairs if the symbols
            are words: `[(["boys", "run"], 1), …]`.
        end: A symbol to append to each string. If None, nothing is appended.
        symbols: The symbols in vocabulary order. If None, in order of first appearance.
        lengths: The shortest and longest length to train on, not counting the last symbol. If
            None, all lengths.
        longer: Greater lengths to test on. If None, they are chosen automatically.
        name: The name of the task.
        source: The origin of the task.

    Raises:
        DataError: If there are no strings, or one is a prefix of another.
        OptionError: If a weight is not positive, a string has fewer than two symbols or contains
            the end symbol, or no string has such lengths.

    Examples:
        >>> task = FiniteLanguage({"hat": 1.0, "hot": 1.0})
        >>> task.optimum  # ln 2 for one symbol of two
        0.3465...
        >>> sorted(task.legal("h"))
        ['a', 'o']
        >>> task = FiniteLanguage({"to": 1.0, "tom": 1.0}, end=".")
        >>> sorted(task.legal("to")), task.accepts("to.")
        (['.', 'm'], True)
    """

    @checked
    def __init__(
        self,
        strings: Mapping[str, float] | Iterable[tuple[Symbols, float]],
        *,
        end: str | None = None,
        symbols: Sequence[str] | None = None,
        lengths: tuple[int, int] | None = None,
        longer: Sequence[int] | None = None,
        name: str = "finite language",
        source: str = "my own",
    ) -> None:
        given = strings.items() if isinstance(strings, Mapping) else strings
        pairs = listed("strings", given, list[tuple[Symbols, float]])
        weighted = [(tuple(string), weight) for string, weight in pairs]
        if end is not None:
            weighted = [((*_without(end, string), end), weight) for string, weight in weighted]
        self._weighted: dict[Prefix, float] = dict(weighted)
        super().__init__(
            prefix_tree(weighted, END, advice="add an end symbol, as in end='.'"),
            (),
            symbols=symbols,
            lengths=lengths,
            longer=longer,
            name=name,
            source=source,
            level="finite",
        )

    def _all_sequences(self, length: int | None) -> Batch | None:
        low, high = (length, length) if length is not None else self._bounds or (1, LONGEST)
        strings = [list(string) for string in self._weighted if low < len(string) <= high + 1]
        return Batch.from_texts(strings, self.vocab)


def prefix_tree(
    strings: Iterable[tuple[Prefix, float]], end: Hashable, *, advice: str = "remove one"
) -> dict[Hashable, list[tuple[str, Hashable, float]]]:
    """Return the automaton of weighted strings: one state per prefix, starting with `()`.

    Args:
        strings: The strings with their weights; the weights of equal strings are added.
        end: The state after a complete string; with `()`, strings follow each other endlessly.
        advice: Advice for the error message if one string is a prefix of another.

    Raises:
        DataError: If there are no strings, or one is a prefix of another.
        OptionError: If a weight is not positive.

    Examples:
        >>> prefix_tree([(("a", "b"), 1.0)], "end")
        {(): [('a', ('a',), 1.0)], ('a',): [('b', 'end', 1.0)], 'end': []}
    """
    weights: dict[Prefix, float] = {}
    for string, weight in strings:
        if not 0 < weight < inf:
            raise OptionError(
                f"expected positive weights, got {quoted(weight)} for {_show(string)}"
            )
        weights[string] = weights.get(string, 0.0) + weight
    _check_prefixes(weights, advice)
    tree: dict[Prefix, dict[str, float]] = {}
    for string, weight in weights.items():
        for t, symbol in enumerate(string):
            arcs = tree.setdefault(string[:t], {})
            arcs[symbol] = arcs.get(symbol, 0.0) + weight
    made: dict[Hashable, list[tuple[str, Hashable, float]]] = {}
    for node, arcs in tree.items():
        total = sum(arcs.values())
        made[node] = [
            (symbol, end if (*node, symbol) in weights else (*node, symbol), weight / total)
            for symbol, weight in arcs.items()
        ]
    made.setdefault(end, [])
    return made


def _check_prefixes(strings: Iterable[Prefix], advice: str) -> None:
    """Check that there are strings, and that none is a prefix of another."""
    ordered = sorted(strings)  # a prefix is sorted directly before its continuations
    if not ordered or not ordered[0]:
        got = "an empty one" if ordered else "none"
        raise DataError(f"expected at least one string, each of at least two symbols, got {got}")
    for string, after in pairwise(ordered):
        if after[: len(string)] == string:
            raise DataError(
                "expected no string to be a prefix of another, "
                f"got {_show(string)} and {_show(after)}; {advice}"
            )


def _without(end: str, string: Prefix) -> Prefix:
    """Check that a string does not contain the end symbol, and return it."""
    if end in string:
        raise OptionError(
            f"expected an end symbol that is in no string, got {quoted(end)} in {_show(string)}"
        )
    return string


def _show(string: Prefix) -> str:
    return excerpt("".join(string) if all(len(s) == 1 for s in string) else string)
