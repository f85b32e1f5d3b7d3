"""The table of a sweep: a line for each setting, and notes on failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median

from seqtoys.support.uncertainty import Proportion
from seqtoys.sweeps.row import SweepRow

SHOWN_SETTINGS = 60
SHOWN_ROWS = 5  # rows that failed or have a remark


def table_of(rows: Sequence[SweepRow]) -> tuple[list[str], list[list[str]]]:
    """Summarize rows in one line per setting.

    Args:
        rows: One or more rows, grouped by setting.

    Returns:
        The header and the lines.
    """
    settings = by_setting(rows)
    longer = _shown_lengths(rows)
    has_unseen = any(row.unseen_accuracy is not None for row in rows)
    header = [*rows[0].settings, "solved", "95% interval", "epochs", "excess"]
    header += ["accuracy", *["unseen"] * has_unseen, *longer]
    lines = [_line(group, has_unseen, longer) for group in settings[:SHOWN_SETTINGS]]
    if len(settings) > SHOWN_SETTINGS:
        more = f"and {len(settings) - SHOWN_SETTINGS} more settings"
        lines.append(["…"] * (len(header) - 1) + [more])
    return header, lines


def by_setting(rows: Sequence[SweepRow]) -> list[list[SweepRow]]:
    """Group rows by their setting, in the order of their first row."""
    return [list(group) for _, group in groupby(rows, key=lambda row: row.settings)]


def _shown_lengths(rows: Sequence[SweepRow]) -> dict[str, int | None]:
    """Return titles of columns for longer sequences: the shortest and the longest length.

    If the tasks have different lengths, there is one column for the longest of each.
    """
    tested = {tuple(row.longer_accuracy) for row in rows if row.longer_accuracy}
    if len(tested) > 1:
        return {"longest": None}
    lengths = sorted(*tested) if tested else []
    return {f"at {length}": length for length in lengths[:1] + lengths[1:][-1:]}


def notes_of(rows: Sequence[SweepRow], cells: int, seeds: int) -> list[str]:
    """Explain the columns, and list rows that failed, are suspicious, or were not run.

    Args:
        rows: The rows.
        cells: The number of settings.
        seeds: The number of seeds of each, or 0 if unknown.
    """
    columns = "epochs (to solve), excess and accuracies: medians over the seeds"
    notes = [columns] if rows else []
    notes += _goal_notes(rows)
    settings = by_setting(rows)
    whole = [group[0] for group in settings if all(row.error is not None for row in group)]
    notes += _listed(f"{len(whole)} of {cells} settings failed:", [_labeled(row) for row in whole])
    single = [
        _labeled(row, row.seed)
        for group in settings
        for row in group
        if row.error is not None and group[0] not in whole
    ]
    notes += _listed(f"{len(single)} of {len(rows)} runs failed:", single)
    suspect = [_labeled(row, row.seed) for row in rows if row.remark is not None]
    notes += _listed(f"{len(suspect)} of {len(rows)} rows can't be trusted:", suspect)
    if len(settings) < cells:
        notes.append(f"{cells - len(settings)} of {cells} settings were not run")
    begun = len(settings) * seeds
    if len(rows) < begun:
        notes.append(f"{begun - len(rows)} of {begun} seeds of the other settings were not run")
    return notes


def _goal_notes(rows: Sequence[SweepRow]) -> list[str]:
    """Explain when a row counts as solved, if any was evaluated."""
    goals = {row.goal for row in rows if row.loss is not None}
    near = " or ".join(f"{goal:g}" for goal in sorted(goals - {None}))  # type: ignore[type-var]
    conditions = ["every scored symbol is predicted"] * (None in goals)
    conditions += [f"excess plus two standard errors is at most {near}"] * bool(near)
    return [f"solved: {'; or '.join(conditions)}"] if conditions else []


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    """Return a note with the first few lines, or no note if there are none."""
    more = [f"and {len(lines) - SHOWN_ROWS} more"] * (len(lines) > SHOWN_ROWS)
    return ["\n".join([title, *lines[:SHOWN_ROWS], *more])] if lines else []


def _line(
    group: Sequence[SweepRow], has_unseen: bool, longer: Mapping[str, int | None]
) -> list[str]:
    verdicts = [row.solved for row in group if row.solved is not None]
    rate = Proportion(sum(verdicts), len(verdicts))
    interval = f"{100 * rate.low:.1f} to {100 * rate.high:.1f}%"
    shares = [[row.accuracy for row in group]]
    shares += [[row.unseen_accuracy for row in group]] * has_unseen
    for length in longer.values():
        tested = [(row, length or max(row.longer_accuracy, default=0)) for row in group]
        shares.append([row.longer_accuracy.get(at) for row, at in tested])
    return [
        *map(str, group[0].settings.values()),
        f"{rate.value:.1%}" if verdicts else "",
        interval if verdicts else "failed",
        _median([row.epochs_to_solve for row in group], "g"),
        _median([row.excess for row in group], ".4f"),
        *(_median(column, ".1%") for column in shares),
    ]


def _median(values: Sequence[int | float | None], digits: str) -> str:
    known = [float(value) for value in values if value is not None]
    return f"{median(known):{digits}}" if known else ""


def _labeled(row: SweepRow, seed: int | None = None) -> str:
    """Format the error or remark of a row, after its setting and, if given, its seed."""
    named = row.settings if seed is None else {**row.settings, "seed": seed}
    where = ", ".join(f"{name}={value}" for name, value in named.items())
    return f"{where}: {row.error or row.remark}" if where else f"{row.error or row.remark}"
