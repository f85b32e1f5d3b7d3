"""Score cards as a heat map: skills, and one or more models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from seqtoys.errors import DataError
from seqtoys.plotting.labels import fit_ticks, printable
from seqtoys.plotting.style import TEAL, Axes, colour_map, inches, load, new_axes, text_size
from seqtoys.support.arguments import check_type, checked, listed


@runtime_checkable
class Card(Protocol):
    """What is plotted of a `ScoreCard`."""

    @property
    def short_name(self) -> str:
        """The name of the model, without its arguments."""

    @property
    def skills(self) -> list[str]:
        """The names of the skills."""

    def __getitem__(self, skill: str) -> Any:
        """Return the summary of a skill, with its `score` and its `longer` score, or None."""


@checked
def plot_scorecard(card: Card, others: Iterable[Card] = (), *, ax: Axes | None = None) -> Axes:
    """Plot a score card as a heat map: a row per skill.

    The columns are the score on unseen sequences of training lengths, that on longer sequences,
    and the scores of other models. The color runs from 0 (without memory) to 100 (the optimum);
    the numbers are not clipped.

    Args:
        card: The score card.
        others: Score cards of other models, such as the references.
        ax: The axes. If None, those of a new figure.

    Returns:
        The axes.

    Raises:
        DataError: If the card has no skills.
        InputTypeError: If an argument has the wrong type.
        MissingPackageError: If matplotlib is not installed.

    Examples:
        >>> from seqtoys.results import CardRow, Estimate, ScoreCard
        >>> row = CardRow("add", "quick", 0, score=Estimate(97.0), longer=Estimate(-12.0))
        >>> ax = plot_scorecard(ScoreCard("GRU", "quick", ["add"], [0], [row]))
        >>> [text.get_text() for text in ax.texts]
        ['97', '-12']
    """
    if not card.skills:
        raise DataError("cannot plot a score card without skills")
    cards = [check_type("others", each, Card) for each in listed("others", others)]
    names = [printable(card.short_name), "longer", *(printable(c.short_name) for c in cards)]
    ax = new_axes(ax, inches(14 + 5.2 * len(names)), inches(4 + 2.0 * len(card.skills)))
    for y, skill in enumerate(card.skills, 1):
        own = card[skill]
        scores = [own.score, own.longer, *(each[skill].score for each in cards)]
        _draw_row(ax, y, scores)
    ax.xaxis.tick_top()
    for axis, labels in ((ax.xaxis, names), (ax.yaxis, card.skills)):
        axis.set_ticks(range(1, len(labels) + 1), labels)
        axis.set_tick_params(length=0)
    ax.set(xlim=(0.5, len(names) + 0.5), ylim=(len(card.skills) + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    fit_ticks(ax.xaxis)
    fit_ticks(ax.yaxis)
    return ax


def _draw_row(ax: Axes, y: int, scores: Sequence[Any]) -> None:
    """Fill each cell with a color that depends on its score, and write the score in it."""
    colours, rectangle = colour_map(TEAL), load("matplotlib.patches").Rectangle
    for x, score in enumerate(scores, 1):
        if score is not None:
            share = min(max(score.value / 100, 0.0), 1.0)  # of the color only
            at = (x - 0.5, y - 0.5)
            ax.add_patch(rectangle(at, 1, 1, facecolor=colours(share), linewidth=0))
            text = f"{round(score.value) + 0}"
            ax.text(x, y, text, ha="center", va="center", size=text_size())
