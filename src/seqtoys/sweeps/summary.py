"""Columns of a sweep summarized over its seeds: medians or solve rates with 95% intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from difflib import get_close_matches
from statistics import median
from typing import Any

from seqtoys.errors import OptionError, quoted
from seqtoys.support.uncertainty import Proportion, median_interval
from seqtoys.sweeps.row import SweepRow
from seqtoys.training.options import Written

NOT_NUMBERS = ("seed", "goal", "stopped", "remark", "error")


def check_column(rows: Sequence[SweepRow], column: str) -> None:
    """Check that the records of some rows have a column of numbers.

    Raises:
        OptionError: If there is no such column.
    """
    names = dict.fromkeys(name for row in rows for name in row.to_record())
    others = {*NOT_NUMBERS, *(name for row in rows for name in row.settings)}
    known = [name for name in names if name not in others]
    if column not in known:
        near = get_close_matches(column, known, n=1)
        hint = f"did you mean {quoted(near[0])}?" if near else f"known: {', '.join(known)}"
        raise OptionError(f"the rows have no column of numbers {quoted(column)}; {hint}")


def summary_of(
    rows: Sequence[SweepRow], columns: Sequence[str], across: str | None, wide: Sequence[Written]
) -> tuple[list[str], list[list[str]]]:
    """Summarize columns of the records in one line per setting.

    Args:
        rows: The rows.
        columns: The names of the columns.
        across: A name of the grid whose values are columns of the table, or None.
        wide: Those values.

    Returns:
        The header and the lines.

    Raises:
        OptionError: If there is no such column of numbers.
    """
    for column in columns:
        check_column(rows, column)
    grouped: dict[str, tuple[dict[str, Written], list[SweepRow]]] = {}
    for row in rows:
        down = {name: value for name, value in row.settings.items() if name != across}
        grouped.setdefault(json.dumps(down), (down, []))[1].append(row)
    places = [(column, value) for column in columns for value in (wide if across else [None])]
    names = [name for name in rows[0].settings if name != across]
    header = [
        column if not across else str(value) if len(columns) == 1 else f"{column}, {value}"
        for column, value in places
    ]
    lines = [
        [
            *map(str, down.values()),
            *(summarize(_part(line, across, at), name) for name, at in places),
        ]
        for down, line in grouped.values()
    ]
    return [*names, *header], lines


def rank(rows: Sequence[SweepRow], column: str) -> float:
    """Return a number that is lower for better results of a setting.

    It is the median over the seeds, or the rate for `"solved"`. Rows that diverged or failed, or
    that can't be trusted, count as the worst.

    Args:
        rows: The rows of one setting.
        column: The name of a column. Accuracies and `"solved"` are better if higher.
    """
    sign = -1 if is_share(column) else 1
    values = _values(rows, column)
    each = [
        math.inf if value is None or row.remark is not None else sign * float(value)
        for row, value in zip(rows, values, strict=True)
    ]
    if column == "solved":
        return -each.count(-1) / len(each)
    return median(each)


def summarize(rows: Sequence[SweepRow], column: str) -> str:
    """Format a column of one setting: its median or rate, with the 95% interval.

    Args:
        rows: The rows of one setting.
        column: The name of a column.

    Examples:
        >>> rows = [SweepRow({}, seed, optimum=seed / 10) for seed in range(1, 10)]
        >>> summarize(rows, "optimum")
        '0.5000 [0.2000, 0.8000]'
    """
    values = [value for value in _values(rows, column) if value is not None]
    if not values:
        return ""
    if column == "solved":
        rate = Proportion(sum(values), len(values))
        return f"{rate.value:.1%} [{rate.low:.1%}, {rate.high:.1%}]"
    digits = ".1%" if is_share(column) else "g" if isinstance(values[0], int) else ".4f"
    low, high = median_interval(values)
    return f"{median(values):{digits}} [{low:{digits}}, {high:{digits}}]"


def is_share(column: str) -> bool:
    """Return whether a column holds proportions, of which more are better."""
    return column == "solved" or "accuracy" in column


def _values(rows: Sequence[SweepRow], column: str) -> list[Any]:
    return [row.to_record().get(column) for row in rows]


def _part(rows: Sequence[SweepRow], across: str | None, value: Written) -> list[SweepRow]:
    return [row for row in rows if across is None or row.settings[across] == value]
