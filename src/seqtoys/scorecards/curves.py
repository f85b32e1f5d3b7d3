"""The training loss of each seed, as an SVG with a description in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from itertools import cycle

from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.summary import SkillSummary
from seqtoys.support.words import counted

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 16, 34  # around the axes
ABOVE = 0.6  # how far above no memory the figure goes, in spans between the levels
DASHES = ("none", "7 3", "2 3", "9 3 2 3")


def draw_curves(summary: SkillSummary) -> str:
    """Return the training loss of each seed of a skill as SVG; nothing if there is none.

    Args:
        summary: The results of the skill.

    Examples:
        >>> curve = [(50, 0.6), (100, 0.1)]
        >>> row = CardRow("add", "quick", 0, curve=curve, memoryless=0.7, optimum=0.0)
        >>> draw_curves(SkillSummary("add", [row]))[:18]
        '<svg viewBox="0 0 '
    """
    rows = [row for row in summary.rows if row.curve]
    if not rows:
        return ""
    scale = _Scale(rows)
    parts = [*_axes(scale), *_levels(scale), *_lines(scale, rows)]
    label = escape(_describe(summary.skill, rows, scale.levels))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


class _Scale:
    """Places in the figure.

    Only losses near the two levels are of interest. A loss that explodes would leave the rest of
    the figure flat.
    """

    def __init__(self, rows: list[CardRow]) -> None:
        self.updates: int = max(row.curve[-1][0] for row in rows)
        self.levels: tuple[float, float] = (rows[0].optimum or 0.0, rows[0].memoryless or 1.0)
        low, high = self.levels
        span = high - low
        losses = [loss for row in rows for _, loss in row.curve if math.isfinite(loss)]
        self.most: float = high + ABOVE * span
        self.least: float = max(min([low, *losses]), low - ABOVE * span) - 0.05 * span

    def x(self, update: int) -> float:
        """Return the place of an update."""
        return LEFT + (WIDTH - LEFT - RIGHT) * update / self.updates

    def y(self, loss: float) -> float:
        """Return the place of a loss; one that does not fit is at the edge."""
        shown = min(max(loss, self.least), self.most) if math.isfinite(loss) else self.most
        share = (shown - self.least) / (self.most - self.least)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _axes(scale: _Scale) -> Iterator[str]:
    left, bottom = LEFT, HEIGHT - BOTTOM
    yield (
        f'<path d="M{left} {TOP}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="currentColor" '
        'stroke-opacity=".5"/>'
    )
    yield _text(left, 11, "loss (nats)", "middle")
    yield _text(WIDTH - RIGHT, bottom + 15, f"{scale.updates:,}", "end")
    yield _text(left, bottom + 15, "0", "middle")
    yield _text((left + WIDTH - RIGHT) / 2, bottom + 28, "updates", "middle")


def _levels(scale: _Scale) -> Iterator[str]:
    """Yield the lines of no memory and of the optimum, with their names and values."""
    right = WIDTH - RIGHT
    names = (("optimum", LEFT + 5, "start"), ("no memory", right, "end"))  # beside the curves
    for loss, (name, x, anchor) in zip(scale.levels, names, strict=True):
        y = scale.y(loss)
        yield (
            f'<path d="M{LEFT} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".55" '
            'stroke-dasharray="1 3" fill="none"/>'
        )
        yield _text(x, y - 4, name, anchor)
        yield _text(LEFT - 5, y + 4, f"{loss:.2f}", "end")


def _lines(scale: _Scale, rows: list[CardRow]) -> Iterator[str]:
    for row, dash in zip(rows, cycle(DASHES), strict=False):
        points = " ".join(f"{scale.x(at):.1f},{scale.y(loss):.1f}" for at, loss in row.curve)
        yield (
            f'<polyline points="{points}" fill="none" stroke="var(--good)" stroke-width="2" '
            f'stroke-dasharray="{dash}"><title>seed {row.seed}</title></polyline>'
        )


def _text(x: int | float, y: int | float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _describe(skill: str, rows: list[CardRow], levels: tuple[float, float]) -> str:
    """Return what the figure shows, in words."""
    ends = ", ".join(
        f"seed {row.seed} from {row.curve[0][1]:.3g} to {row.curve[-1][1]:.3g} in "
        f"{counted(row.curve[-1][0], 'update')}"
        for row in rows
    )
    optimum, memoryless = levels
    return (
        f"Training loss on {skill}: {ends}. No memory: {memoryless:.3g}, optimum: {optimum:.3g}."
    )
