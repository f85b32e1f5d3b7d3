"""The matrices of a hidden Markov source and its start distribution, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from seqtoys.errors import InputTypeError, OptionError, quoted
from seqtoys.support.arrays import Floats

Matrices: TypeAlias = Mapping[str, Any]
"""For each symbol x a square matrix, as lists, an array or a tensor: row i, column j is the
probability that state i emits x and moves to state j."""

Probabilities: TypeAlias = Any
"""The probability of each state, as a list, an array or a tensor."""

ROUNDING = 1e-9  # the allowed error of probabilities that sum to 1
NOISE = 1e-12  # a larger probability than what a linear system may have instead of 0


def read_matrices(matrices: Matrices) -> Floats:
    """Check the matrices of a source and return them as one array, `(symbols, states, states)`.

    Args:
        matrices: The matrix of each symbol.

    Raises:
        InputTypeError: If a matrix does not contain numbers.
        OptionError: If there are none, they are not square or of different sizes, a number is not
            a probability, or those of a state do not sum to 1.

    Examples:
        >>> read_matrices({"0": [[0.5, 0.0], [1.0, 0.0]], "1": [[0.0, 0.5], [0.0, 0.0]]}).shape
        (2, 2, 2)
    """
    if not matrices:
        raise OptionError("expected a matrix for at least one symbol, got none")
    each = {
        symbol: _numbers(f"the matrix of {quoted(symbol)}", m) for symbol, m in matrices.items()
    }
    first, *_ = each.values()
    for symbol, matrix in each.items():
        if matrix.ndim != 2 or not matrix.size or matrix.shape != (len(first), len(first)):
            raise OptionError(
                "expected square matrices of one size, (states, states), got shape "
                f"{matrix.shape} for {quoted(symbol)}"
            )
        _check_probabilities(f"the matrix of {quoted(symbol)}", matrix)
    stacked: Floats = np.stack(list(each.values()))
    for state, total in enumerate(stacked.sum((0, 2)).tolist()):
        if abs(total - 1) > ROUNDING:
            raise OptionError(
                "expected the probabilities of each state, over all symbols and next states, to "
                f"sum to 1, got {total:g} for state {state}"
            )
    return stacked


def read_start(start: Probabilities, states: int) -> Floats:
    """Check a start distribution and return it as an array.

    Args:
        start: The probability of each state.
        states: The number of states.

    Raises:
        InputTypeError: If it does not contain numbers.
        OptionError: If its size is not the number of states, or it is not a distribution.
    """
    chances = _numbers("start", start)
    if chances.shape != (states,):
        raise OptionError(
            f"expected start to have one probability for each of {states} states, got shape "
            f"{chances.shape}"
        )
    _check_probabilities("start", chances)
    if abs(chances.sum() - 1) > ROUNDING:
        raise OptionError(f"expected start to sum to 1, got {chances.sum():g}")
    return chances


def stationary(moves: Floats) -> Floats:
    """Return the stationary distribution of a Markov chain.

    Args:
        moves: The probability of each move, `(states, states)`.

    Raises:
        OptionError: If there are several.

    Examples:
        >>> stationary(np.array([[0.5, 0.5], [1.0, 0.0]])).round(4).tolist()
        [0.6667, 0.3333]
    """
    states = len(moves)
    # s (moves - 1) = 0 and s 1 = 1, as one system with an equation more than it has unknowns.
    system = np.vstack([moves.T - np.eye(states), np.ones(states)])
    if np.linalg.matrix_rank(system) < states:
        raise OptionError(
            "expected a start distribution, since this source has several stationary ones; pass "
            "start=[…]"
        )
    found = np.linalg.lstsq(system, np.append(np.zeros(states), 1.0), rcond=None)[0]
    positive = np.where(found > NOISE, found, 0.0)  # a state that is left for good
    shares: Floats = positive / positive.sum()
    return shares


def _numbers(name: str, values: Any) -> Floats:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, or a tensor without values
        raise InputTypeError(
            f"expected {name} to contain numbers, got {quoted(values)}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputTypeError(f"expected {name} to contain numbers, got {quoted(values)}")
    return array.astype(np.float64)


def _check_probabilities(name: str, values: Floats) -> None:
    if not (values >= 0).all() or not (values <= 1 + ROUNDING).all():  # rejects nan, too
        wrong = values[~((values >= 0) & (values <= 1 + ROUNDING))]
        raise OptionError(f"expected {name} to contain probabilities, got {wrong[0]:g}")
