"""The grid of a sweep: the values of each name, and their combinations."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from seqtoys.errors import OptionError, quoted
from seqtoys.support.annotations import described
from seqtoys.support.arrays import Array
from seqtoys.tasks.task import Task
from seqtoys.training.options import Written, as_written

Grid: TypeAlias = Mapping[str, Sequence[Any] | Array | Mapping[str, Any]]
"""For each name a list or an array of values, or a dict with a label for each value."""

SHOWN = 60  # characters of a text that is its own label


@dataclass(frozen=True)
class Choice:
    """One value of a name of the grid.

    Attributes:
        label: The value as in the rows: a number, or a text.
        value: The value itself.
    """

    label: Written
    value: Any


def read_grid(grid: Grid) -> dict[str, list[Choice]]:
    """Return the choices of each name of a grid.

    Raises:
        OptionError: If a name has no values, or two values with the same label.

    Examples:
        >>> read_grid({"lr": np.array([0.1]), "size": {"small": 4}})
        {'lr': [Choice(label=0.1, value=0.1)], 'size': [Choice(label='small', value=4)]}
    """
    return {name: _read(name, values) for name, values in grid.items()}


def combine(grid: Mapping[str, Sequence[Choice]]) -> list[dict[str, Choice]]:
    """Return all combinations of the choices of a grid; the last name varies fastest.

    Examples:
        >>> grid = read_grid({"lr": [0.1, 0.2], "size": [4]})
        >>> [{name: choice.label for name, choice in one.items()} for one in combine(grid)]
        [{'lr': 0.1, 'size': 4}, {'lr': 0.2, 'size': 4}]
    """
    return [dict(zip(grid, choices, strict=True)) for choices in itertools.product(*grid.values())]


def label_of(value: object) -> Written:
    """Return the label of a value: the name of a task, a short text, a number or a list.

    Examples:
        >>> from seqtoys import get_task
        >>> label_of(get_task("parity")), label_of((1, 20)), label_of(combine)
        ('parity', [1, 20], 'combine')
    """
    if isinstance(value, Task):
        return value.name
    if isinstance(value, str) and len(value) > SHOWN:
        return described(value)
    return as_written(value)


def _read(name: str, values: Any) -> list[Choice]:
    if isinstance(values, Mapping):
        choices = [Choice(as_written(label), value) for label, value in values.items()]
    else:
        column = values.tolist() if isinstance(values, np.ndarray) else values
        if isinstance(column, str) or not isinstance(column, Sequence):
            raise OptionError(
                f"expected a list of values for {name} in the grid, got {quoted(column)}"
            )
        choices = [Choice(label_of(value), value) for value in column]
    if not choices:
        raise OptionError(
            f"expected a list of values for {name} in the grid, got {quoted(values)}"
        )
    labels = [choice.label for choice in choices]
    twice = [label for at, label in enumerate(labels) if label in labels[:at]]
    if twice:
        raise OptionError(
            f"expected distinct values of {name}, got {quoted(twice[0])} twice; to label them "
            f'yourself, pass a dict: {{"{name}": {{"label": value, …}}}}'
        )
    return choices
