"""Bracketed expressions modulo 5, and equations: sampling and evaluation of batches."""

from __future__ import annotations

import numpy as np
import torch

from seqtoys.support.arrays import Array

MODULUS = 5
PLUS, MINUS, OPEN, CLOSE, TIMES = range(5, 10)
"""The indices of + - ( ) * in every vocabulary of expressions, after the digits."""
X, EQUALS = 9, 10
"""The indices of x and = in the vocabulary of equations, which has no `*`."""

_DIGITS = np.arange(MODULUS)
_TABLES = (np.add, np.subtract, np.multiply)
APPLY = np.stack([table.outer(_DIGITS, _DIGITS) % MODULUS for table in _TABLES])
"""The value of `a op b` modulo 5: `APPLY[op, a, b]`, with the operators in the order + - *."""
_VALUES = APPLY.ravel()
_OPERATORS = np.array([PLUS, MINUS, TIMES])
_TABLE_AT = np.zeros(10, np.int64)  # the offset of each operator's table in _VALUES
_TABLE_AT[_OPERATORS] = np.arange(3) * MODULUS**2

# An expression of 1, 2, 3, 4 or more symbols: d, -d, (d), (-d), (left op right). For each: the
# marks that replace the random digits at its first, second and last position; the distance from
# its last symbol back to its digit; and the operator between 0 and this digit. 0 if there is none.
_FIRST = np.array([0, MINUS, OPEN, OPEN, OPEN])
_SECOND = np.array([0, 0, 0, MINUS, 0])
_LAST = np.array([0, 0, CLOSE, CLOSE, CLOSE])
_BACK = np.array([0, 0, 1, 1, 0])
_SIGN = _TABLE_AT[[PLUS, MINUS, PLUS, MINUS, PLUS]]
_STEP = np.array([0] * OPEN + [1, -1, 0], np.int8)  # the change in the number of open brackets
_IS_OPERATOR = np.array([0] * PLUS + [1, 1, 0, 0, 1], bool)
_ENDS_VALUE = np.array([1] * PLUS + [0, 0, 0, 1, 0], bool)


def draw_expressions(
    batch_size: int, length: int, operators: int, generator: torch.Generator, *, room: int = 0
) -> tuple[Array, Array]:
    """Draw expressions of one length, each with its own structure.

    Expressions of 1 to 4 symbols are `d`, `-d`, `(d)` and `(-d)`, with a digit `d`; longer ones
    are `(left op right)`, with the length of `left` uniform among those that leave at least one
    symbol for `right`. Digits and operators are uniform. All spans of five or more symbols are
    split level by level, for all expressions at once, and evaluated in reverse order.

    Args:
        batch_size: The number of expressions.
        length: The number of symbols.
        operators: 3, or 2 to exclude `*`.
        generator: The source of randomness.
        room: The number of extra columns on the right, with arbitrary contents.

    Returns:
        Symbol indices `(batch, length + room)`, and the values modulo 5, `(batch,)`.
    """
    width = length + room
    # One random number per symbol is enough, whatever that symbol is used for.
    chances = torch.rand(batch_size * width, dtype=torch.float32, generator=generator).numpy()
    levels, first, last, size = _part(np.arange(batch_size) * width, length, chances)
    marks = np.zeros(batch_size * width + 1, np.int64)  # all symbols but digits
    marks[first + 1] = _SECOND.take(size)  # set first: after a single digit, it is overwritten
    marks[first] = _FIRST.take(size)
    marks[last] = _LAST.take(size)
    middle = np.concatenate([middle for middle, _ in levels]) if levels else last[:0]
    marks[middle] = _OPERATORS.take((chances.take(middle) * operators).astype(np.int64))
    digits = (chances * MODULUS).astype(np.int64)
    symbols = np.maximum(marks[:-1], digits)  # marks are larger than all digits
    values = symbols.copy()  # the value of each expression, at its last symbol
    # For (left op right) this is a placeholder, until its parts are evaluated.
    values[last] = _VALUES.take(_SIGN.take(size) + symbols.take(last - _BACK.take(size)))
    _join(symbols, values, levels)
    return symbols.reshape(batch_size, width), values[length - 1 :: width]


def _part(
    first: Array, length: int, chances: Array
) -> tuple[list[tuple[Array, Array]], Array, Array, Array]:
    """Split expressions recursively into smaller ones, down to single digits.

    Returns:
        The positions of operators and last symbols, level by level; and for all expressions, their
        first and last positions, and their size minus 1, capped at 4.
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
    """Draw equations of one length: an expression without `*`, `=` and its value, one digit as x.

    Args:
        batch_size: The number of equations.
        length: The number of symbols.
        generator: The source of randomness.
        room: The number of extra columns on the right, with arbitrary contents.

    Returns:
        Symbol indices `(batch, length + room)`, and the digits replaced by x, `(batch,)`.
    """
    symbols, values = draw_expressions(batch_size, length - 2, 2, generator, room=2 + room)
    symbols[:, length - 2], symbols[:, length - 1] = EQUALS, values
    flat, width = symbols.ravel(), length + room
    start = np.arange(batch_size) * width
    chosen = torch.randint(length - 2, (batch_size,), generator=generator).numpy()
    digits = np.flatnonzero(flat < MODULUS)  # includes the value at the end of each equation
    place = digits.take(digits.searchsorted(start + chosen))
    is_outside = place - start >= length - 2
    place[is_outside] = digits.take(digits.searchsorted(start[is_outside]))
    answers = flat.take(place)
    flat[place] = X
    return symbols, answers


def _join(symbols: Array, values: Array, levels: list[tuple[Array, Array]]) -> None:
    """Compute the value of each `(left op right)` at its last symbol, innermost first."""
    for middle, last in reversed(levels):
        left, right = values.take(middle - 1), values.take(last - 1)
        table = _TABLE_AT.take(symbols.take(middle))
        values[last] = _VALUES.take(table + left * MODULUS + right)


def evaluate(symbols: Array) -> Array:
    """Evaluate expressions modulo 5.

    Args:
        symbols: Symbol indices `(batch, length)`.

    Returns:
        The values `(batch,)`.

    Examples:
        >>> evaluate(np.array([[7, 3, 6, 7, 6, 4, 8, 8]]))  # (3-(-4))
        array([2])
    """
    # Prepend a bracket to each expression, so that every symbol has a predecessor.
    rows = np.pad(symbols, ((0, 0), (1, 0)), constant_values=OPEN)  # (batch, 1 + length)
    depths = _STEP.take(rows).cumsum(1).ravel()
    symbols = rows.ravel()
    operators = np.flatnonzero(_IS_OPERATOR[symbols])
    has_left = _ENDS_VALUE[symbols[operators - 1]]
    digits = operators[~has_left] + 1  # negated digits
    values = symbols.copy()
    values[digits] = -symbols[digits] % MODULUS
    closes = np.flatnonzero(symbols == CLOSE)
    values[closes] = values[closes - 1]  # correct for (d) and (-d)
    _join(symbols, values, _find_levels(symbols, depths, operators[has_left], closes))
    return values.reshape(rows.shape)[:, -1]


def _find_levels(
    symbols: Array, depths: Array, middles: Array, closes: Array
) -> list[tuple[Array, Array]]:
    """Find the operator and last symbol of each `(left op right)`, by nesting depth."""
    is_sign = symbols[closes - 2] == MINUS
    has_digit = symbols[closes - 2 - is_sign] == OPEN  # (d) or (-d)
    lasts = closes[~has_digit]
    # Within each row and depth, operators and closing brackets alternate.
    middles = middles[depths[middles].argsort(kind="stable")]
    lasts = lasts[depths[lasts].argsort(kind="stable")]
    ends = np.flatnonzero(np.diff(depths[middles])) + 1
    return list(zip(np.split(middles, ends), np.split(lasts, ends), strict=True))
