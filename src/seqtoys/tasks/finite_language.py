"""FiniteLanguage: weighted strings, whose optimum comes out of their prefix tree."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from seqtoys.errors import DataError, OptionError
from seqtoys.symbols import Symbols
from seqtoys.tasks.automaton import Automaton

END = "end"
"""The state after a whole string."""

Prefix = tuple[str, ...]


class FiniteLanguage(Automaton):
    """Strings with weights: learn each next symbol of one drawn by its weight.

    The strings make a tree: each beginning is a node, and the share of the weight below it that
    goes on with a symbol is the probability of this symbol. That is an automaton with a state for
    each beginning, and its optimum is that of `Automaton`: the entropies of the nodes, each
    weighted by how often it is visited. The first symbol of a string is read, not scored.

    Args:
        strings: Strings with their weights: `{"hat": 2, "hot": 1}`, or pairs where symbols are
            words: `[(["boys", "run"], 1), …]`.
        symbols: The symbols in the order of the vocabulary; None: as they are first met.
        name: What to call the task.
        source: Where it comes from.

    Raises:
        DataError: If there is no string, one has fewer than two symbols, or one is the beginning
            of another.
        OptionError: If a weight is not positive.

    Examples:
        >>> task = FiniteLanguage({"hat": 1.0, "hot": 1.0})
        >>> task.optimum  # ln 2 for one symbol of two
        0.3465...
        >>> sorted(task.legal("h"))
        ['a', 'o']
    """

    def __init__(
        self,
        strings: Mapping[str, float] | Iterable[tuple[Symbols, float]],
        *,
        symbols: Sequence[str] | None = None,
        name: str = "finite language",
        source: str = "my own",
    ) -> None:
        pairs = list(strings.items() if isinstance(strings, Mapping) else strings)
        weighted = [(tuple(string), weight) for string, weight in pairs]
        super().__init__(
            prefix_tree(weighted, END),
            (),
            symbols=symbols,
            name=name,
            source=source,
            level="finite",
        )


def prefix_tree(
    strings: Iterable[tuple[Prefix, float]], end: Hashable
) -> dict[Hashable, list[tuple[str, Hashable, float]]]:
    """Turn weighted strings into an automaton: a state for each beginning, `()` for the first.

    Args:
        strings: The strings with their weights; weights of equal ones add up.
        end: The state after a whole string; `()` joins the next string on.

    Raises:
        DataError: If there is no string, or one is the beginning of another.
        OptionError: If a weight is not positive.

    Examples:
        >>> prefix_tree([(("a", "b"), 1.0)], "end")
        {(): [('a', ('a',), 1.0)], ('a',): [('b', 'end', 1.0)], 'end': []}
    """
    weights: dict[Prefix, float] = {}
    for string, weight in strings:
        if not weight > 0:
            raise OptionError(f"expected positive weights, got {weight!r} for {string!r}")
        weights[string] = weights.get(string, 0.0) + weight
    tree: dict[Prefix, dict[str, float]] = {}
    for string, weight in weights.items():
        for t, symbol in enumerate(string):
            arcs = tree.setdefault(string[:t], {})
            arcs[symbol] = arcs.get(symbol, 0.0) + weight
    inner = next((string for string in weights if string in tree or not string), None)
    if inner is not None or not tree:
        raise DataError(
            "expected strings of which none is the beginning of another, "
            f"got {inner!r} among them; an end symbol makes them so"
        )
    made: dict[Hashable, list[tuple[str, Hashable, float]]] = {}
    for node, arcs in tree.items():
        total = sum(arcs.values())
        made[node] = [
            (symbol, end if (*node, symbol) in weights else (*node, symbol), weight / total)
            for symbol, weight in arcs.items()
        ]
    made.setdefault(end, [])
    return made
