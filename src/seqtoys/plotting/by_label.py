"""The accuracy by label, such as the gap to what must be recalled, for one or more models."""

from __future__ import annotations

from collections.abc import Sequence

from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.plotting.labels import (
    draw_levels,
    fit_ticks,
    label_levels,
    name_axes,
    noted,
    room_for,
)
from seqtoys.plotting.reports import Group, chance_marks, curve_of, draw_points, percent_axis
from seqtoys.plotting.runs import Named, band_note, by_name
from seqtoys.plotting.style import Axes, line_style, new_axes, settle
from seqtoys.records.by_label import ByLabel, bounds
from seqtoys.records.report import Report
from seqtoys.support.arguments import checked


@checked
def plot_accuracy_by_label(
    reports: Named[Report], *, kind: str | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the accuracy by the label that was passed to `evaluate` as `by=`.

    Bars are 95% confidence intervals. The thin dashed line is the accuracy of chance on the whole
    task. Of several reports with one name, such as those of an ensemble, plots the median, with
    bands and bars of the middle 50%.

    Args:
        reports: The result of `evaluate`, a list of results, or either by name.
        kind: The sequences to show, as in `report.scores`: for example, `"length 100"`. If None,
            unseen sequences if there are any, or else those of `report.seen`.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; accuracies are proportions of the scored symbols.

    Raises:
        DataError: If there is no report, one has no results by label, or they have no row in
            common.
        OptionError: If a report has no such kind of sequences.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, get_task
        >>> task = get_task("dyck")
        >>> model = ElmanCharModel(task.vocab, hidden_size=8)
        >>> report = evaluate(model, task, by="depth", count=100)
        >>> ax = plot_accuracy_by_label({"untrained": report})
        >>> ax.get_xlabel(), [label.get_text() for label in ax.get_xticklabels()][:3]
        ('depth', ['0', '1', '2'])
    """
    groups = [
        Group(*each, line_style(index))
        for index, each in enumerate(by_name(reports, "report").items())
    ]
    tables = [[_table(report, kind) for report in group.reports] for group in groups]
    every = [table for each in tables for table in each]
    rows = _rows(every)
    levels = chance_marks([report for group in groups for report in group.reports])
    ax = new_axes(ax, height=room_for(len(levels) + len(groups)))
    ax.set_xlim(-0.5, len(rows) - 0.5)
    percent_axis(ax)
    marks = []
    for group, found in zip(groups, tables, strict=True):
        shares = [[each.accuracy[each.rows.index(row)] for each in found] for row in rows]
        draw_points(ax, group, dict(enumerate(shares)), several=len(groups) > 1)
        marks.append(group.mark(float(curve_of(shares).median[-1])))
    draw_levels(ax, levels)
    label_levels(ax, [*levels, *marks])
    settle(ax)
    ax.set_xticks(range(len(rows)), [bounds(*row) for row in rows])
    fit_ticks(ax.xaxis)
    notes = band_note([len(group.reports) for group in groups])
    name_axes(ax, noted(every[0].name, notes), "accuracy")
    return ax


def _table(report: Report, kind: str | None) -> ByLabel:
    """Return the results by label on one kind of sequences."""
    kind = kind or ("unseen" if "unseen" in report.scores else None)
    if kind is not None and kind not in report.scores:
        known = ", ".join(map(quoted, report.scores))
        raise OptionError(f"expected kind to be in report.scores ({known}), got {quoted(kind)}")
    table = (report.seen if kind is None else report.scores[kind]).by_label
    if table is None:
        raise DataError(
            f"expected results by label, got a report of {report.task} without; pass by=… to "
            "evaluate"
        )
    return table


def _rows(tables: Sequence[ByLabel]) -> list[tuple[int, int]]:
    """Return the rows that all tables have."""
    names = {table.name: None for table in tables}
    rows = set.intersection(*(set(table.rows) for table in tables))
    if len(names) > 1 or not rows:
        raise DataError(
            "expected reports by the same label with a row in common, got results by "
            + ", ".join(map(quoted, names))
        )
    return sorted(rows)
