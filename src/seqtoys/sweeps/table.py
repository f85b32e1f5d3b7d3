"""The table of a sweep: a line for each setting, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean, median

from seqtoys.rate import Rate
from seqtoys.sweeps.row import SweepRow

SHOWN_SETTINGS = 60
SHOWN_FAILURES = 5


def table_of(rows: Sequence[SweepRow]) -> tuple[list[str], list[list[str]]]:
    """Sum up rows, those of a setting next to each other, in a line for each setting.

    Args:
        rows: One or more.

    Returns:
        The header and the lines.
    """
    settings = [list(group) for _, group in groupby(rows, key=lambda row: row.settings)]
    lengths = sorted({length for row in rows for length in row.longer_accuracy})
    has_unseen = any(row.unseen_accuracy is not None for row in rows)
    header = [*rows[0].settings, "solved", "95 % interval", "epochs", "excess"]
    header += ["accuracy", *["unseen"] * has_unseen, *(f"at {length}" for length in lengths)]
    lines = [_line(group, has_unseen, lengths) for group in settings[:SHOWN_SETTINGS]]
    if len(settings) > SHOWN_SETTINGS:
        more = f"and {len(settings) - SHOWN_SETTINGS} more settings"
        lines.append(["…"] * (len(header) - 1) + [more])
    return header, lines


def notes_of(rows: Sequence[SweepRow], cells: int) -> list[str]:
    """Say what the columns mean, what failed, and what was not run.

    Args:
        rows: The rows.
        cells: How many settings there are.
    """
    notes = ["epochs to solve, excess: medians over the seeds; accuracies: means"] if rows else []
    settings = [next(group) for _, group in groupby(rows, key=lambda row: row.settings)]
    failed = [row for row in settings if row.error is not None]
    if failed:
        told = [f"{_named(row)}: {row.error}" for row in failed[:SHOWN_FAILURES]]
        more = [f"and {len(failed) - SHOWN_FAILURES} more"] * (len(failed) > SHOWN_FAILURES)
        notes.append("\n".join([f"{len(failed)} of {cells} settings failed:", *told, *more]))
    if len(settings) < cells:
        notes.append(f"{cells - len(settings)} of {cells} settings were not run")
    return notes


def _line(group: Sequence[SweepRow], has_unseen: bool, lengths: Sequence[int]) -> list[str]:
    verdicts = [row.solved for row in group if row.solved is not None]
    rate = Rate(sum(verdicts), len(verdicts))
    interval = f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %"
    shares = [[row.accuracy for row in group]]
    shares += [[row.unseen_accuracy for row in group]] * has_unseen
    shares += [[row.longer_accuracy.get(length) for row in group] for length in lengths]
    return [
        *map(str, group[0].settings.values()),
        f"{rate.value:.1%}" if verdicts else "",
        interval if verdicts else "failed",
        _median([row.epochs_to_solve for row in group], "g"),
        _median([row.excess for row in group], ".4f"),
        *(_mean(column) for column in shares),
    ]


def _median(values: Sequence[int | float | None], digits: str) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):{digits}}" if known else ""


def _mean(values: Sequence[int | float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.1%}" if known else ""


def _named(row: SweepRow) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.settings.items())
