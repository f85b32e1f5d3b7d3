"""Bracketed expressions modulo 5, and equations: draw a batch, and find the values."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Array: TypeAlias = npt.NDArray[Any]

MODULUS = 5
PLUS, MINUS, OPEN, CLOSE, TIMES = range(5, 10)
"""The indices of + - ( ) * in every vocabulary of expressions; before them come the digits."""
X, EQUALS = 9, 10
"""The indices of x and = in that of equations, which has no `*`."""

_DIGITS = np.arange(MODULUS)
_TABLES = (np.add, np.subtract, np.multiply)
APPLY = np.stack([table.outer(_DIGITS, _DIGITS) % MODULUS for table in _TABLES])
"""The value of `a op b` modulo 5: `APPLY[op, a, b]`, the operators in the order + - *."""
_VALUES = APPLY.ravel()
_OPERATORS = np.array([PLUS, MINUS, TIMES])
_TABLE_AT = np.zeros(10, np.int64)  # where the table of an operator begins in _VALUES
_TABLE_AT[_OPERATORS] = np.arange(3) * MODULUS**2

# An expression of 1, 2, 3, 4 or more symbols: d, -d, (d), (-d), (left op right). For each, what
# to write over a digit at its first, second and last symbol; how far before the last one a digit
# is; and the operator between 0 and this digit. Where it has no such symbol or digit: 0.
_FIRST = np.array([0, MINUS, OPEN, OPEN, OPEN])
_SECOND = np.array([0, 0, 0, MINUS, 0])
_LAST = np.array([0, 0, CLOSE, CLOSE, CLOSE])
_BACK = np.array([0, 0, 1, 1, 0])
_SIGN = _TABLE_AT[[PLUS, MINUS, PLUS, MINUS, PLUS]]
_STEP = np.array([0] * OPEN + [1, -1, 0], np.int8)  # what a symbol adds to the open brackets
_IS_OPERATOR = np.array([0] * PLUS + [1, 1, 0, 0, 1], bool)
_ENDS_VALUE = np.array([1] * PLUS + [0, 0, 0, 1, 0], bool)


def draw_expressions(
    batch_size: int, length: int, operators: int, generator: torch.Generator, *, room: int = 0
) -> tuple[Array, Array]:
    """Draw expressions of one length, each with a structure of its own.

    An expression of 1 symbol is a digit `d`, of 2 `-d`, of 3 `(d)`, of 4 `(-d)`; longer ones are
    `(left op right)`, with the length of `left` uniform among those that leave a symbol for
    `right`. Digits and operators are uniform. All spans of five symbols or more are parted at
    once, level by level, and their values found in the other direction.

    Args:
        batch_size: How many.
        length: The number of symbols.
        operators: 3, or 2 to leave out `*`.
        generator: Draws them.
        room: How many symbols to leave free on the right, with anything in them.

    Returns:
        Symbol indices `(batch, length + room)`, and the values modulo 5, `(batch,)`.
    """
    width = length + room
    # One random number for each symbol draws whatever that symbol turns out to be.
    chances = torch.rand(batch_size * width, dtype=torch.float32, generator=generator).numpy()
    levels, first, last, size = _part(np.arange(batch_size) * width, length, chances)
    marks = np.zeros(batch_size * width + 1, np.int64)  # what is no digit
    marks[first + 1] = _SECOND.take(size)  # of a digit it is the next expression's: so before all
    marks[first] = _FIRST.take(size)
    marks[last] = _LAST.take(size)
    middle = np.concatenate([middle for middle, _ in levels]) if levels else last[:0]
    marks[middle] = _OPERATORS.take((chances.take(middle) * operators).astype(np.int64))
    digits = (chances * MODULUS).astype(np.int64)
    symbols = np.maximum(marks[:-1], digits)  # the marks are above all digits
    values = symbols.copy()  # of each expression at its last symbol
    # Of (left op right) this writes anything: its value comes when its parts are joined.
    values[last] = _VALUES.take(_SIGN.take(size) + symbols.take(last - _BACK.take(size)))
    _join(symbols, values, levels)
    return symbols.reshape(batch_size, width), values[length - 1 :: width]


def _part(
    first: Array, length: int, chances: Array
) -> tuple[list[tuple[Array, Array]], Array, Array, Array]:
    """Part expressions into smaller ones, down to single digits.

    Returns:
        The positions of operator and last symbol, level by level; and of all expressions
        together the first and last position, and the size: 0 to 4, the last for five or more.
    """
    last = first + (length - 1)
    levels, firsts, lasts = [], [first], [last]
    while True:
        parted = last - first >= 4
        first, last = first[parted], last[parted]
        if not len(first):
            break
        middle = first + 2 + (chances.take(first) * (last - first - 3)).astype(np.int64)
        levels.append((middle, last))
        first = np.concatenate([first, middle]) + 1
        last = np.concatenate([middle, last]) - 1
        firsts.append(first)
        lasts.append(last)
    first, last = np.concatenate(firsts), np.concatenate(lasts)
    return levels, first, last, np.minimum(last - first, 4)


def draw_equations(
    batch_size: int, length: int, generator: torch.Generator, *, room: int = 0
) -> tuple[Array, Array]:
    """Draw equations of one length: an expression without `*`, `=`, its value; and x for a digit.

    Args:
        batch_size: How many.
        length: The number of symbols.
        generator: Draws them.
        room: How many symbols to leave free on the right, with anything in them.

    Returns:
        Symbol indices `(batch, length + room)`, and the digits that x stands for, `(batch,)`.
    """
    symbols, values = draw_expressions(batch_size, length - 2, 2, generator, room=2 + room)
    symbols[:, length - 2], symbols[:, length - 1] = EQUALS, values
    flat, width = symbols.ravel(), length + room
    start = np.arange(batch_size) * width
    chosen = torch.randint(length - 2, (batch_size,), generator=generator).numpy()
    digits = np.flatnonzero(flat < MODULUS)  # a value, too, is one: it ends its expression
    place = digits.take(digits.searchsorted(start + chosen))
    is_outside = place - start >= length - 2
    place[is_outside] = digits.take(digits.searchsorted(start[is_outside]))
    answers = flat.take(place)
    flat[place] = X
    return symbols, answers


def _join(symbols: Array, values: Array, levels: list[tuple[Array, Array]]) -> None:
    """Write the value of each `(left op right)` at its last symbol, the innermost first."""
    for middle, last in reversed(levels):
        left, right = values.take(middle - 1), values.take(last - 1)
        table = _TABLE_AT.take(symbols.take(middle))
        values[last] = _VALUES.take(table + left * MODULUS + right)


def evaluate(symbols: Array) -> Array:
    """Find the values of expressions modulo 5.

    Args:
        symbols: Symbol indices `(batch, length)`.

    Returns:
        The values `(batch,)`.

    Examples:
        >>> evaluate(np.array([[7, 3, 6, 7, 6, 4, 8, 8]]))  # (3-(-4))
        array([2])
    """
    # A bracket before each expression, so that it has a symbol before its first one.
    rows = np.pad(symbols, ((0, 0), (1, 0)), constant_values=OPEN)  # (batch, 1 + length)
    depths = _STEP.take(rows).cumsum(1).ravel()
    symbols = rows.ravel()
    operators = np.flatnonzero(_IS_OPERATOR[symbols])
    has_left = _ENDS_VALUE[symbols[operators - 1]]
    digits = operators[~has_left] + 1  # those with a sign
    values = symbols.copy()
    values[digits] = -symbols[digits] % MODULUS
    closes = np.flatnonzero(symbols == CLOSE)
    values[closes] = values[closes - 1]  # right for (d) and (-d)
    _join(symbols, values, _find_levels(symbols, depths, operators[has_left], closes))
    return values.reshape(rows.shape)[:, -1]


def _find_levels(
    symbols: Array, depths: Array, middles: Array, closes: Array
) -> list[tuple[Array, Array]]:
    """Find operator and last symbol of each `(left op right)`, by the number of open brackets."""
    is_sign = symbols[closes - 2] == MINUS
    has_digit = symbols[closes - 2 - is_sign] == OPEN  # (d) or (-d)
    lasts = closes[~has_digit]
    # In each row and depth, operators and their last brackets come in turn.
    middles = middles[depths[middles].argsort(kind="stable")]
    lasts = lasts[depths[lasts].argsort(kind="stable")]
    ends = np.flatnonzero(np.diff(depths[middles])) + 1
    return list(zip(np.split(middles, ends), np.split(lasts, ends), strict=True))
