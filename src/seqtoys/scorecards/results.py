"""What the page of a score card reads from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.skills import SOLVED, Level
from seqtoys.scorecards.summary import SkillSummary

MEANING = (
    "score: 0 = best without memory, 100 = optimum, on unseen sequences; longer: on\n"
    f"sequences about twice as long. Solved: a score of {SOLVED:g} or more."
)


@runtime_checkable
class Results(Protocol):
    """The results of a `ScoreCard`; see there."""

    @property
    def model(self) -> str:
        """The name of the factory."""

    @property
    def short_name(self) -> str:
        """The same without its arguments."""

    @property
    def level(self) -> Level:
        """The level of the recipes."""

    @property
    def skills(self) -> list[str]:
        """The names of the skills."""

    @property
    def seeds(self) -> list[int]:
        """The seeds."""

    @property
    def rows(self) -> list[CardRow]:
        """The finished and failed rows."""

    @property
    def facts(self) -> dict[str, str]:
        """Versions and the date."""

    @property
    def summaries(self) -> Sequence[SkillSummary]:
        """The results by skill."""

    @property
    def solved(self) -> list[str]:
        """The skills that more than half of the seeds solved."""

    def __getitem__(self, skill: str) -> SkillSummary:
        """Return the results of a skill."""

    def head(self) -> str:
        """Return the result in one sentence."""

    def notes(self) -> list[str]:
        """Return what the table leaves out."""
