"""FiniteLanguage: weighted strings, whose optimum comes out of their prefix tree."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf

from seqtoys.data.batch import Batch
from seqtoys.data.symbols import Symbols
from seqtoys.errors import DataError, OptionError, excerpt, quoted
from seqtoys.support.amounts import LONGEST
from seqtoys.support.arguments import checked, listed
from seqtoys.tasks.automata.automaton import Automaton

END = "end"
"""The state after a whole string."""

Prefix = tuple[str, ...]


class FiniteLanguage(Automaton):
    """Strings with weights: learn each next symbol of one drawn by its weight.

    The strings make a tree: each beginning is a node, and the share of the weight below it that
    goes on with a symbol is the probability of this symbol. That is an automaton with a state for
    each beginning, and its optimum is that of `Automaton`: the entropies of the nodes, each
    weighted by how often it is visited. The first symbol of a string is read, not scored.

    Where a string is the beginning of another, nothing in it tells that it is over. Then each
    needs an end symbol, which is scored as any other.

    Args:
        strings: Strings with their weights: `{"hat": 2.0, "hot": 1.0}`, or pairs where symbols are
            words: `[(["boys", "run"], 1), …]`.
        end: A symbol to put at the end of each; None: none.
        symbols: The symbols in the order of the vocabulary; None: as they are first met.
        lengths: The shortest and the longest length to train on, counted without the last symbol;
            None: all.
        longer: Lengths beyond those, to test on; None: some.
        name: What to call the task.
        source: Where it comes from.

    Raises:
        DataError: If there is no string, or one is the beginning of another.
        OptionError: If a weight is not positive, a string has fewer than two symbols or holds the
            end, or no string has such lengths.

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
            prefix_tree(weighted, END, advice="an end symbol tells them apart: end='.'"),
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
    strings: Iterable[tuple[Prefix, float]], end: Hashable, *, advice: str = "leave one out"
) -> dict[Hashable, list[tuple[str, Hashable, float]]]:
    """Turn weighted strings into an automaton: a state for each beginning, `()` for the first.

    Args:
        strings: The strings with their weights; weights of equal ones add up.
        end: The state after a whole string; `()` joins the next string on.
        advice: What to do where one string is the beginning of another.

    Raises:
        DataError: If there is no string, or one is the beginning of another.
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
    """Make sure that there are strings, and that none is the beginning of another."""
    ordered = sorted(strings)  # a beginning comes right before what goes on from it
    if not ordered or not ordered[0]:
        told = "an empty one" if ordered else "none"
        raise DataError(f"expected one string or more, each of two symbols or more, got {told}")
    for string, after in pairwise(ordered):
        if after[: len(string)] == string:
            raise DataError(
                "expected strings of which none is the beginning of another, "
                f"got {_show(string)} and {_show(after)}; {advice}"
            )


def _without(end: str, string: Prefix) -> Prefix:
    """Make sure that a string does not hold its end."""
    if end in string:
        raise OptionError(
            f"expected an end that is in no string, got {quoted(end)}: {_show(string)}"
        )
    return string


def _show(string: Prefix) -> str:
    return excerpt("".join(string) if all(len(s) == 1 for s in string) else string)
