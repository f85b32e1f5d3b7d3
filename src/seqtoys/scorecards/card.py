"""ScoreCard: what `scorecard` measured, as a table, as JSON and as HTML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, get_args

from seqtoys.errors import DataError, quoted
from seqtoys.scorecards.page import make_page
from seqtoys.scorecards.references import shipped_references
from seqtoys.scorecards.results import MEANING
from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.skills import RECIPES, Level, list_skills
from seqtoys.scorecards.summary import SkillSummary, digits
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.atomic_file import PathLike, write_whole
from seqtoys.support.serialization import expected
from seqtoys.support.tables import html_paragraph, html_table, text_table, truncated
from seqtoys.support.values import check_choice
from seqtoys.support.words import counted

WIDTH = 80
COLUMNS = ("skill", "score", "interval", "longer", "solved", "updates", "seconds")


@dataclass(frozen=True, repr=False)
class ScoreCard:
    """What a model can do: the results of all seeds on all skills.

    Printing it shows a table with one line per skill. A notebook also shows it as a table.

    Attributes:
        model: The name of the factory of the model.
        level: The level of the recipes, `"quick"` or `"full"`.
        skills: The names of the skills.
        seeds: The seeds.
        rows: One row per skill and seed; those that were not run are missing.
        facts: The version of the recipes, the versions of the packages, and the date.

    Raises:
        DataError: If the level or a skill is unknown, if a row is of another level, skill or seed,
            or if two rows are of the same skill and seed.

    Examples:
        >>> from seqtoys.results import Estimate
        >>> row = CardRow(
        ...     "parity", "quick", 0, score=Estimate(99.5, 0.05), longer=Estimate(98.0, 0.1),
        ...     solved=True, updates=136, seconds=0.9,
        ... )
        >>> card = ScoreCard("GRU", "quick", ["parity"], [0], [row])
        >>> print(card)
        GRU: 1 of 1 skill solved (quick recipes, 1 seed)
        <BLANKLINE>
        skill   score      interval  longer  solved  updates  seconds
        parity   99.5  99.4 to 99.6    98.0  1 of 1      136      0.9
        <BLANKLINE>
        score: 0 = best without memory, 100 = optimum, on unseen sequences; longer: on
        sequences about twice as long. Solved: a score of 95 or more.
        >>> card["parity"].score.value, ScoreCard.from_json(card.to_json()) == card
        (99.5, True)
    """

    model: str
    level: Level
    skills: list[str]
    seeds: list[int]
    rows: list[CardRow]
    facts: dict[str, str] = field(default_factory=dict[str, str], compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        unknown = {*self.skills, *(row.skill for row in self.rows)} - list_skills().keys()
        if not isinstance(self.level, str) or self.level not in get_args(Level) or unknown:
            raise DataError(
                f"expected a card of level quick or full with known skills, got "
                f"{quoted(self.level)} with {quoted(sorted(unknown))}; was it made by another "
                "version of seqtoys?"
            )
        self._check_rows()

    def _check_rows(self) -> None:
        cells = Counter((row.skill, row.seed) for row in self.rows)
        planned = set(product(self.skills, self.seeds))
        for row in self.rows:
            cell = (row.skill, row.seed)
            if row.level != self.level or cell not in planned or cells[cell] > 1:
                raise DataError(
                    f"expected at most one row for each of the card's skills and seeds, all of "
                    f"level {self.level}, got {quoted(row)} of level {quoted(row.level)}"
                )

    @property
    def short_name(self) -> str:
        """The name of the factory, without its arguments and without `CharModel`.

        Examples:
            >>> ScoreCard("GRUCharModel(parameters=10000)", "quick", [], [], []).short_name
            'GRU'
        """
        return self.model.partition("(")[0].removesuffix("CharModel") or self.model

    @property
    def summaries(self) -> list[SkillSummary]:
        """The results by skill, without skills that were not run."""
        return [self[skill] for skill in self.skills if any(r.skill == skill for r in self.rows)]

    @property
    def solved(self) -> list[str]:
        """The skills that more than half of the seeds solved."""
        return [each.skill for each in self.summaries if each.is_solved]

    @property
    def is_complete(self) -> bool:
        """Whether every seed of every skill was run."""
        return len(self.rows) == len(self.skills) * len(self.seeds)

    @checked
    def __getitem__(self, skill: str) -> SkillSummary:
        return SkillSummary(skill, [row for row in self.rows if row.skill == skill])

    @checked
    def to_json(self, path: PathLike | None = None) -> str:
        """Serialize the card as JSON; `from_json` restores an equal one.

        Args:
            path: A file to write it to, as well.

        Raises:
            ModelFileError: If the file can't be written.
        """
        facts = {**vars(self), "rows": [row.to_plain() for row in self.rows]}
        text = json.dumps({"scorecard": facts}, ensure_ascii=False, indent=1)
        return _written(text, path)

    @classmethod
    def from_json(cls, text: str) -> ScoreCard:
        """Restore a card from the `text` that `to_json` returned.

        Raises:
            DataError: If the text is not a card.
        """
        with expected("a score card as returned by to_json"):
            facts: dict[str, Any] = json.loads(text)["scorecard"]
            return cls(**{**facts, "rows": [CardRow.from_plain(each) for each in facts["rows"]]})

    @staticmethod
    @checked
    def references(level: Level = "quick") -> list[ScoreCard]:
        """Return the score cards of known architectures that are shipped with the package.

        Args:
            level: The level of their recipes.

        Returns:
            One card per architecture and size, made with the current recipes. Their rows have no
            curves and no mistakes.

        Raises:
            OptionError: If there is no such level.

        Examples:
            >>> ScoreCard.references()[0].model
            'ElmanCharModel(parameters=10000)'
        """
        check_choice("level", level, get_args(Level))
        cards = map(ScoreCard.from_json, shipped_references())
        is_current = {"recipes": str(RECIPES)}.items()
        return [card for card in cards if card.level == level and is_current <= card.facts.items()]

    @checked
    def to_html(self, path: PathLike | None = None, *, references: bool = True) -> str:
        """Return the card as one HTML page, without scripts or files from elsewhere.

        Args:
            path: A file to write it to, as well.
            references: Whether to show the architectures that are shipped with the package next
                to the model.

        Raises:
            ModelFileError: If the file can't be written.
        """
        others = ScoreCard.references(self.level) if references else []
        return _written(make_page(self, others), path)

    def notes(self) -> list[str]:
        """Return what the table leaves out: sizes, failures, doubts, and what was not run."""
        return [*self._sizes(), *self._failures(), *self._remarks(), *self._missing()]

    def head(self) -> str:
        """Return the result in one sentence."""
        return (
            f"{self.model}: {len(self.solved)} of {counted(len(self.skills), 'skill')} solved "
            f"({self.level} recipes, {counted(len(self.seeds), 'seed')})"
        )

    def __iter__(self) -> Iterator[CardRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"ScoreCard({self.head()})"

    def __str__(self) -> str:
        table = [text_table(COLUMNS, self._lines())] if self.rows else []
        notes = "\n".join(self.notes())
        return "\n\n".join(filter(None, [self.head(), *table, MEANING, notes]))

    def _repr_html_(self) -> str:
        table = html_table(COLUMNS, self._lines())
        notes = "\n".join([MEANING, *self.notes()])
        return f"{html_paragraph(self.head())}{table}{html_paragraph(notes)}"

    def _lines(self) -> list[list[str]]:
        return [line_of(each) for each in self.summaries]

    def _sizes(self) -> Iterator[str]:
        for name, text in (("parameters", "parameters"), ("state", "numbers in the state")):
            sizes = sorted({size for row in self.rows if (size := getattr(row, name))})
            if sizes:
                ends = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
                yield f"{ends} {text}"

    def _failures(self) -> Iterator[str]:
        yield from (f"failed: {note}" for note in self._grouped(lambda row: row.error))

    def _remarks(self) -> Iterator[str]:
        yield from self._grouped(lambda row: row.remark)

    def _grouped(self, reason_of: Callable[[CardRow], str | None]) -> Iterator[str]:
        """Yield each reason once, after the rows that share it."""
        reasons = dict[str, list[str]]()
        for row in self.rows:
            reason = reason_of(row)
            if reason is not None:
                reasons.setdefault(reason, []).append(f"{row.skill} (seed {row.seed})")
        for reason, places in reasons.items():
            yield truncated(f"{_several(places)}: {reason}", 400)

    def _missing(self) -> Iterator[str]:
        left = len(self.skills) * len(self.seeds) - len(self.rows)
        if left:
            yield f"not run: {left} of {len(self.skills) * len(self.seeds)} cells"


def line_of(summary: SkillSummary) -> list[str]:
    """Return the line of a skill in the table.

    Args:
        summary: The results of a skill.

    Examples:
        >>> line_of(SkillSummary("add", [CardRow("add", "quick", 0, error="no memory left")]))
        ['add', 'failed', '', '', '0 of 1', '', '']
    """
    score, longer, solved = summary.score, summary.longer, summary.solved
    return [
        summary.skill,
        "failed" if score is None else digits(score.value),
        "" if score is None else f"{digits(score.low)} to {digits(score.high)}",
        "" if longer is None else digits(longer.value),
        f"{solved.count} of {solved.trials}",
        "" if summary.updates is None else f"{summary.updates:.0f}",
        "" if summary.seconds is None else f"{summary.seconds:.1f}",
    ]


def _several(places: list[str], most: int = 4) -> str:
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more


def _written(text: str, path: PathLike | None) -> str:
    if path is not None:
        write_whole(path, text.encode("utf-8", "surrogatepass"))
    return text
