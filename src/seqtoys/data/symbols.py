"""What counts as a symbol, and the tables a vocabulary looks symbols up in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seqtoys.errors import DataError, InputTypeError, VocabError, excerpt, quoted
from seqtoys.support.arguments import check_type, listed

Symbols: TypeAlias = str | Sequence[str]
"""A sequence of symbols: a string of characters, or a list of words."""


def to_symbols(symbols: Iterable[str]) -> tuple[str, ...]:
    """Read the symbols of a vocabulary, in order.

    Raises:
        VocabError: If there is no symbol, or a symbol is empty or comes twice.
        InputTypeError: If a symbol is not a string, or the symbols have no order: those of a set.

    Examples:
        >>> to_symbols("hi")
        ('h', 'i')
    """
    first: dict[str, int] = {}
    for position, each in enumerate(listed("symbols", symbols)):
        symbol = plain_string(each)
        if symbol is None:
            raise InputTypeError(f"expected strings, got {quoted(each)} at position {position}")
        if not symbol:
            raise VocabError(f"expected no empty symbol, got '' at position {position}")
        if first.setdefault(symbol, position) != position:
            raise VocabError(
                f"expected each symbol once, got {quoted(symbol)} at positions {first[symbol]} "
                f"and {position}; Vocab.from_text keeps the first of each"
            )
    if not first:
        raise VocabError("expected at least one symbol, got none")
    return tuple(first)


def plain_string(value: object) -> str | None:
    """Return a string as Python's own type, or None if the value is no string.

    A subclass, such as NumPy's, may be written, compared or hashed in a way of its own.

    Examples:
        >>> import numpy as np
        >>> plain_string(np.str_("h")), plain_string(5)
        ('h', None)
    """
    return str.__str__(value) if isinstance(value, str) else None


def several(texts: Sequence[Symbols]) -> Sequence[Symbols]:
    """Make sure that texts are several, and not one string, whose characters would be taken.

    Raises:
        InputTypeError: If they are one string, or no list.
        DataError: If there is none.

    Examples:
        >>> several(["hihello"])
        ['hihello']
    """
    if isinstance(texts, str):
        raise InputTypeError(
            f"expected several sequences, got the one string {excerpt(texts)}; "
            "write [text] for a batch of one"
        )
    check_type("sequences", texts, Sequence)
    if not texts:
        raise DataError("expected at least one sequence, got none")
    return texts


def legible(symbol: str) -> str:
    """Write a symbol so that a reader can see it: a blank as `␣`, a line break as its escape.

    Examples:
        >>> [legible(symbol) for symbol in "a b"]
        ['a', '␣', 'b']
    """
    if symbol == " ":
        return "␣"
    return symbol if symbol.isprintable() else repr(symbol)[1:-1]


def code_point_table(symbols: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Map each code point to its index, and every other, like the last entry, to -1.

    Examples:
        >>> code_point_table(("b", "a"))[[ord("a"), ord("b"), -1]]
        array([ 1,  0, -1])
    """
    codes = [ord(symbol) for symbol in symbols]
    table = np.full(max(codes) + 2, -1, np.int64)
    table[codes] = np.arange(len(symbols))
    return table
