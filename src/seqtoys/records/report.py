"""Report: what `evaluate` measured, as a table, as JSON, and in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from seqtoys.errors import DataError, quoted
from seqtoys.records.by_label import ByLabel
from seqtoys.records.score import Score
from seqtoys.records.units import Units, in_units
from seqtoys.support.arguments import check_fields
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import expected
from seqtoys.support.tables import html_paragraph, html_table, text_table
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_choice

SMALL_GAIN = (
    0.1  # fraction of the way from uniform to optimum; memory that gains less hardly matters
)
FEW = 10  # fewer distinct sequences cannot distinguish learning from memorizing
ERRORS, ROUNDING = 5, 1e-4  # standard errors and nats by which a loss must be below the optimum
MEASURED = 20  # the fewest sequences that give a reliable standard error
FRESH = "as in training"
KINDS = re.compile(rf"seen|{FRESH}|unseen|length [0-9]+")
LEARNED, GUESSES = 0.9, 0.5  # fractions of the way from the baseline to the optimum
WIDTH = 80  # columns of a terminal; the table fits
_LOSS: dict[Units, str] = {"nats": "loss", "bits": "bits", "perplexity": "perplexity"}


@dataclass(frozen=True, repr=False)
class Report:
    """The results of `evaluate`.

    Attributes:
        task: The name of the task.
        scores: The score of each kind of sequences: `"seen"` and `"unseen"` if any are held out,
            or else `"as in training"`; and `"length 100"` and the like for longer ones.
        uniform: The loss of a uniform guess: the logarithm of the number of symbols.
        memoryless: The lowest loss without memory, from the current symbol alone.
        chance: The accuracy of always predicting the most frequent target.
        lengths: The shortest and longest training lengths of the task.
        references: Further losses of the task, such as that of a model that knows a hidden rule.

    Raises:
        DataError: If a score has an unknown kind, or there is none for `"seen"` or `"as in
            training"`.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, fit, get_task
        >>> task = get_task("hihello")
        >>> model = ElmanCharModel(task.vocab, hidden_size=8)
        >>> history = fit(model, task, epochs=100, lr=0.05, until="solved")
        >>> report = evaluate(model, task)
        >>> report.seen.accuracy, Report.from_json(report.to_json()) == report
        (Estimate(1.0, 0.0014071755786299353), True)
    """

    task: str
    scores: dict[str, Score]
    uniform: float
    memoryless: Estimate
    chance: Estimate
    lengths: tuple[int, int]
    references: dict[str, Estimate] = field(default_factory=dict[str, Estimate])

    def __post_init__(self) -> None:
        check_fields(self)
        first = {"seen", FRESH} & self.scores.keys()
        if len(first) != 1 or not all(map(KINDS.fullmatch, self.scores)):
            raise DataError(
                f"expected scores for either 'seen' or {quoted(FRESH)}, and optionally for "
                f"'unseen' and lengths such as 'length 100', got {quoted(list(self.scores))}"
            )

    @property
    def seen(self) -> Score:
        """The score on seen sequences or, if none are held out, fresh ones as in training."""
        return self.scores["seen" if "seen" in self.scores else FRESH]

    @property
    def unseen(self) -> Score:
        """The score on unseen sequences of the same lengths.

        Raises:
            DataError: If nothing was held out.
        """
        if "unseen" not in self.scores:
            raise DataError(
                "expected unseen sequences, but nothing was held out; evaluate one part of "
                "task.held_out(0.2), or pass the training sequences as seen=…"
            )
        return self.scores["unseen"]

    @property
    def longer(self) -> dict[int, Score]:
        """The score on longer sequences, by length."""
        named = {name: score for name, score in self.scores.items() if name.startswith("length")}
        return {int(name.removeprefix("length ")): score for name, score in named.items()}

    def sentence(self) -> str:
        """Summarize on one line whether the model learned the task.

        A model fits sequences if it has closed nine tenths of the gap between the memoryless
        baseline (the uniform baseline, if memory hardly helps) and the task's source: in accuracy
        if that can be perfect, otherwise in loss. It learned the task if it also fits unseen
        sequences, and memorized if it has closed less than half of the gap on them, unless most
        of them are copies of a few. A loss below the optimum by more than chance is reported
        first, since no causal model can reach it.
        """
        if (impossible := self._impossible()) is not None:
            return impossible
        seen = self._knowledge(self.seen)
        guess = f"{self.chance:.0%} by guessing"
        was = f"({self.seen.accuracy:.0%} accuracy on strings like those in training, {guess})"
        if seen < LEARNED:
            return f"not learned yet {was}"
        if "unseen" not in self.scores:
            return f"fits its training data {was}{self._beyond()}"
        other = f"{self.unseen.accuracy:.0%} on unseen ones"
        shown = f"({self.seen.accuracy:.0%} accuracy on seen strings, {other}, {guess})"
        unseen = self._knowledge(self.unseen)
        if unseen >= LEARNED:
            return f"learned {shown}{self._beyond()}"
        if (effective := self.unseen.effective_sequences or FEW) < FEW:
            few = f"about {effective:.1f} distinct unseen strings are too few to tell"
            return f"fits its training data {shown}; {few} learning from memorizing"
        return f"{'memorized' if unseen < GUESSES else 'partly learned'} {shown}"

    def to_json(self) -> str:
        """Serialize the report as JSON, without positions; `from_json` restores an equal one."""
        return json.dumps(_written(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Restore a report from the `text` that `to_json` returned.

        Raises:
            DataError: If the text is not a report.
        """
        with expected("a report as returned by to_json"):
            facts = _restored(json.loads(text))
            scores = {name: _score(**score) for name, score in facts["scores"].items()}
            shortest, longest = facts["lengths"]
            return cls(**{**facts, "scores": scores, "lengths": (shortest, longest)})

    def table(self, units: Units = "nats") -> str:
        """Return the report as a table, at most 80 columns wide.

        Args:
            units: The units of the losses per scored symbol: `"nats"`, `"bits"` or
                `"perplexity"`. The excess of a perplexity is a ratio: perplexity / optimum.

        Raises:
            OptionError: If the units are unknown.

        Examples:
            >>> from seqtoys import ElmanCharModel, evaluate, get_task
            >>> task = get_task("hihello")
            >>> print(evaluate(ElmanCharModel(task.vocab, seed=777), task).table("perplexity"))
            strings         perplexity  optimum  ratio   accuracy  whole
            as in training      5.4331   1.0000  5.4331     33.3%   0.0%
            <BLANKLINE>
            hihello: not learned yet (33% accuracy on strings like those in training, 33% by
            guessing).
            best without memory: perplexity 1.5874; guessing: accuracy 33.3%
        """
        check_choice("units", units, list(_LOSS))
        foot = "\n".join(fill(line, WIDTH) for line in self._foot(units).split("\n"))
        tables = [f"\n{title}\n{text_table(*cells)}\n" for title, cells in self._by_label(units)]
        return f"{text_table(*self._cells(units))}\n{''.join(tables)}\n{foot}"

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {score.accuracy:.1%}" for name, score in self.scores.items())
        return f"Report({self.task}: loss {self.seen.loss}; accuracy {rows})"

    def _repr_html_(self) -> str:
        table, foot = html_table(*self._cells("nats")), html_paragraph(self._foot("nats"))
        by_label = self._by_label("nats")
        tables = "".join(html_paragraph(title) + html_table(*cells) for title, cells in by_label)
        return f"{html_figure(self)}{table}{tables}{foot}"

    def _foot(self, units: Units) -> str:
        kind = _LOSS[units]
        marks = f"best without memory: {kind} {in_units(self.memoryless, units)}; "
        marks += f"guessing: accuracy {self.chance:.1%}"
        for name, loss in self.references.items():
            marks += f"; {name}: {kind} {in_units(loss, units)}"
        return f"{self.task}: {self.sentence()}.\n{marks}{self._legal()}{self._sources(units)}"

    def _legal(self) -> str:
        """List the proportions of legal predictions, if the task knows which are legal."""
        known = {name: score.legal for name, score in self.scores.items()}
        shares = ", ".join(f"{x:.1%} ({name})" for name, x in known.items() if x is not None)
        return f"\nlegal predictions: {shares}" if shares else ""

    def _by_label(self, units: Units) -> list[tuple[str, tuple[list[str], list[list[str]]]]]:
        """Return a table by label, with its title, for sequences of the training lengths."""
        return [
            (f"{name}, by {score.by_label.name}:", score.by_label.cells(units))
            for name, score in self.scores.items()
            if score.by_label is not None and not name.startswith("length")
        ]

    def _sources(self, units: Units) -> str:
        """List the source losses that differ from the optimum."""
        known = {
            name: score.source_loss
            for name, score in self.scores.items()
            if score.source_loss is not None and score.source_loss - score.optimum > ROUNDING
        }
        if not known:
            return ""
        losses = ", ".join(f"{in_units(loss, units)} ({name})" for name, loss in known.items())
        return f"\noptimum if neither split nor length is known: {losses}"

    def _cells(self, units: Units) -> tuple[list[str], list[list[str]]]:
        excess = "ratio" if units == "perplexity" else "excess"
        header = ["strings", _LOSS[units], "optimum", excess, "accuracy", "whole"]
        rows = [
            [
                name,
                *(str(in_units(x, units)) for x in (score.loss, score.optimum, score.excess)),
                f"{score.accuracy:.1%}",
                f"{score.whole_accuracy:.1%}",
            ]
            for name, score in self.scores.items()
        ]
        return header, rows

    def _impossible(self) -> str | None:
        """Describe the score furthest below its optimum, if more than chance explains."""
        below = {
            name: score
            for name, score in self.scores.items()
            if not score.is_given
            and score.sequences >= MEASURED
            and score.excess + ERRORS * score.excess.standard_error < -ROUNDING
        }
        if not below:
            return None
        name = min(below, key=lambda name: below[name].excess)
        excess = below[name].excess
        error = excess.standard_error
        far = f"{-excess / error:.0f} standard errors" if error else f"{-excess:.4f} nats"
        return (
            f"below the optimum by {far} ({name}): the model looks ahead or mixes the sequences "
            "of a batch, or the optimum is wrong"
        )

    def _knowledge(self, score: Score, *, is_longer: bool = False) -> float:
        """Return the fraction of the gap from no memory (0) to the task's source (1)."""
        best = score.optimum if score.source_loss is None else score.source_loss
        chance, memoryless = float(self.chance), float(self.memoryless)
        if is_longer and score.chance is not None and score.memoryless is not None:
            chance, memoryless = score.chance, score.memoryless
        if best == 0:  # every symbol can be predicted, so accuracy matters more than confidence
            return (score.accuracy - chance) / max(1 - chance, 0.01)
        # A source of pure noise has no gap to close; a tenth of a nat avoids dividing by 0.
        whole = max(self.uniform - best, 0.1)
        by_memory = memoryless - best
        return 1 - (score.loss - best) / (by_memory if by_memory >= SMALL_GAIN * whole else whole)

    def _beyond(self) -> str:
        """Describe the result on longer strings."""
        if not self.longer:
            return ""
        known = [
            n for n, s in self.longer.items() if self._knowledge(s, is_longer=True) >= LEARNED
        ]
        if len(known) == len(self.longer):
            return f"; generalizes to longer strings, up to length {max(known)}"
        lost = min(set(self.longer) - set(known))
        score = self.longer[lost]
        # Where some symbols are random, the accuracy says little.
        far = f"{score.excess:.4f} nats above the optimum"
        return (
            f"; but {far if score.optimum else f'{score.accuracy:.0%} accuracy'} at length {lost}"
        )


def _written(value: Any) -> Any:
    """Convert scores and estimates to plain values."""
    if isinstance(value, Estimate):
        return {"value": float(value), "standard_error": value.standard_error}
    if isinstance(value, Report | Score | ByLabel):
        return _written({name: x for name, x in vars(value).items() if name != "by_position"})
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    return list(map(_written, value)) if isinstance(value, list) else value


def _restored(value: Any) -> Any:
    """Convert plain values back to estimates."""
    if isinstance(value, dict):
        found = {name: _restored(item) for name, item in value.items()}
        return Estimate(**found) if "standard_error" in found else found
    return list(map(_restored, value)) if isinstance(value, list) else value


def _score(by_label: dict[str, Any] | None = None, **facts: Any) -> Score:
    """Make a score from restored values."""
    return Score(by_label=None if by_label is None else ByLabel(**by_label), **facts)
