"""Validation of symbols, and the lookup tables of a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from seqtoys.errors import DataError, InputTypeError, VocabError, excerpt, quoted
from seqtoys.support.arguments import check_type, listed
from seqtoys.support.arrays import Ints

Symbols: TypeAlias = str | Sequence[str]
"""A sequence of symbols: a string of characters, or a list of words."""


def to_symbols(symbols: Iterable[str]) -> tuple[str, ...]:
    """Return the symbols of a vocabulary in order, after checking them.

    Raises:
        VocabError: If there are no symbols, or a symbol is empty or occurs twice.
        InputTypeError: If a symbol is not a string, or the symbols are unordered, as in a set.

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
            raise VocabError(f"expected non-empty symbols, got '' at position {position}")
        if first.setdefault(symbol, position) != position:
            raise VocabError(
                f"expected distinct symbols, got {quoted(symbol)} at positions {first[symbol]} "
                f"and {position}; Vocab.from_text removes duplicates"
            )
    if not first:
        raise VocabError("expected at least one symbol, got none")
    return tuple(first)


def plain_string(value: object) -> str | None:
    """Return a string as a plain `str`, or None if the value is not a string.

    A subclass, such as NumPy's, may override printing, comparison or hashing.

    Examples:
        >>> import numpy as np
        >>> plain_string(np.str_("h")), plain_string(5)
        ('h', None)
    """
    return str.__str__(value) if isinstance(value, str) else None


def several(texts: Sequence[Symbols]) -> Sequence[Symbols]:
    """Check that `texts` is a list of texts, and not one string, which would yield characters.

    Raises:
        InputTypeError: If it is a single string, or not a list.
        DataError: If it is empty.

    Examples:
        >>> several(["hihello"])
        ['hihello']
    """
    if isinstance(texts, str):
        raise InputTypeError(
            f"expected a list of sequences, got the single string {excerpt(texts)}; "
            "write [text] for a batch of one"
        )
    check_type("sequences", texts, Sequence)
    if not texts:
        raise DataError("expected at least one sequence, got none")
    return texts


def legible(symbol: str) -> str:
    """Return a visible form of a symbol: a space as `␣`, a line break as its escape sequence.

    Examples:
        >>> [legible(symbol) for symbol in "a b"]
        ['a', '␣', 'b']
    """
    if symbol == " ":
        return "␣"
    return symbol if symbol.isprintable() else repr(symbol)[1:-1]


def code_point_table(symbols: tuple[str, ...]) -> Ints:
    """Return a table from code points to symbol indices; others, and the last entry, are -1.

    Examples:
        >>> code_point_table(("b", "a"))[[ord("a"), ord("b"), -1]]
        array([ 1,  0, -1])
    """
    codes = [ord(symbol) for symbol in symbols]
    table = np.full(max(codes) + 2, -1, np.int64)
    table[codes] = np.arange(len(symbols))
    return table
