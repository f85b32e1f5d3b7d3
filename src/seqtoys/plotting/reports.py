"""The accuracy by length, for one or more models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from seqtoys.errors import DataError
from seqtoys.plotting.labels import Mark, draw_levels, label_levels, printable
from seqtoys.plotting.style import COLOURS, FAINT, TEAL, Axes, ink, load, new_axes
from seqtoys.records.report import Report
from seqtoys.support.arguments import checked
from seqtoys.support.uncertainty import NORMAL_95
from seqtoys.support.values import check_lengths

Reports = Report | Sequence[Report] | Mapping[str, Report]
"""One report, the reports of the replicas of an ensemble, or several reports by name."""


@checked
def plot_accuracy_by_length(
    reports: Reports, *, trained: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the accuracy on longer sequences, compared with that on the training lengths.

    The training lengths are shaded. The solid line across them is the accuracy on seen sequences,
    the dotted line that on unseen ones. Points are longer sequences, with 95% confidence
    intervals. The dashed line is chance.

    Args:
        reports: The result of `evaluate` for a model or an ensemble, or several results by name.
        trained: The shortest and longest training lengths. Defaults to those of the task.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes; accuracies are proportions of the scored symbols.

    Raises:
        DataError: If there is no report.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, get_task
        >>> task = get_task("parity")
        >>> report = evaluate(ElmanCharModel(task.vocab, hidden_size=8), task)
        >>> ax = plot_accuracy_by_length({"untrained": report})
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('length (shaded: training)', 'accuracy')
    """
    named = _by_name(reports)
    known = [length for _, report in named for length in report.lengths]
    shortest, longest = check_lengths(trained or (min(known), max(known)))
    ax = new_axes(ax)
    ax.axvspan(shortest - 0.5, longest + 0.5, color=ink(), alpha=0.08, linewidth=0)
    ends = list[Mark]()
    for (name, report), colour in zip(named, cycle(COLOURS), strict=False):
        if name:
            end = _draw_report(ax, report, color=colour)
            ends.append(Mark(end, f"{printable(name)} {end:.1%}", colour))
        else:  # one of many replicas
            _draw_report(ax, report, color=TEAL, alpha=FAINT / 2)
    held_out = any("unseen" in report.scores for _, report in named)
    ax.set_xlabel(f"length (shaded: training{'; dotted: unseen' * held_out})")
    ax.set(ylabel="accuracy", ylim=(0, 1.05), xlim=(0, None))
    ax.yaxis.set_major_formatter(load("matplotlib.ticker").PercentFormatter(1))
    chances = {float(report.chance): None for _, report in named}
    levels = [Mark(chance, f"chance {chance:.1%}") for chance in chances]
    draw_levels(ax, levels)
    label_levels(ax, [*levels, *ends])
    return ax


def _by_name(reports: Reports) -> list[tuple[str, Report]]:
    """Return pairs of a name and a report; the name of replicas is ''."""
    if isinstance(reports, Report):
        return [(reports.task, reports)]
    if isinstance(reports, Mapping):
        named = list(reports.items())
    else:
        named = [("", report) for report in reports]
    if not named:
        raise DataError("expected at least one report, got none")
    return named


def _draw_report(ax: Axes, report: Report, **style: Any) -> float:
    """Plot one report; return its accuracy at the largest length."""
    shortest, longest = report.lengths
    across = [shortest - 0.5, longest + 0.5]
    ax.plot(across, [report.seen.accuracy] * 2, linewidth=2, **style)
    if "unseen" in report.scores:
        ax.plot(across, [report.unseen.accuracy] * 2, ":", linewidth=3, **style)
    lengths = sorted(report.longer)
    accuracies = [report.longer[length].accuracy for length in lengths]
    intervals = [NORMAL_95 * share.standard_error for share in accuracies]
    ax.errorbar(lengths, accuracies, intervals, marker="o", capsize=3, **style)
    return float(accuracies[-1] if accuracies else report.seen.accuracy)
