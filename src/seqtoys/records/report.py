"""Report: what `evaluate` measured, as a table, as JSON, and in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from seqtoys.errors import DataError
from seqtoys.support.arguments import check_fields
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import expected
from seqtoys.support.tables import html_table, text_table
from seqtoys.support.uncertainty import Estimate

SMALL_GAIN = (
    0.1  # fraction of the way from uniform to optimum; memory that gains less hardly matters
)
FEW = 10  # fewer distinct sequences cannot distinguish learning from memorizing
ERRORS, ROUNDING = 5, 1e-4  # standard errors and nats by which a loss must be below the optimum
MEASURED = 20  # the fewest sequences that give a reliable standard error
KINDS = re.compile(r"seen|unseen|length [0-9]+")
LEARNED, GUESSES = 0.9, 0.5  # fractions of the way from the baseline to the optimum
WIDTH = 80  # columns of a terminal; the table fits


@dataclass(frozen=True)
class Score:
    """The results of a model on sequences of one kind; losses are in nats per scored symbol.

    Attributes:
        sequences: The number of sequences.
        loss: The model's mean loss.
        optimum: The loss on these sequences of the best causal model, given how they were drawn:
            from which part of a train/held-out split, and with which length if one was chosen. For
            given training sequences, `source_loss`.
        excess: `loss - optimum`: an estimate of the Kullback-Leibler divergence from the source of
            these sequences to the model. Below 0 only by chance, or if the model memorized the
            given training sequences.
        accuracy: The proportion of scored symbols predicted correctly.
        whole_accuracy: The proportion of sequences with every scored symbol predicted correctly.
        source_loss: The loss on these sequences of the task's source: the best model of the task
            as it is in training, ignoring any split or chosen length. `Report.sentence` compares
            the model with it. If None, `optimum`.
        memoryless: The lowest loss on these sequences without memory, from counts in them.
        chance: The proportion of the most frequent target in these sequences.
        effective_sequences: The effective number of distinct sequences: 1 over the sum of squared
            proportions, so frequent sequences count less.
        is_given: Whether these are the training sequences themselves rather than fresh ones.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, get_task
        >>> task = get_task("parity")
        >>> score = evaluate(ElmanCharModel(task.vocab, seed=0), task, count=100).seen
        >>> score.sequences, score.optimum, float(score.excess) == float(score.loss)
        (100, 0.0, True)
    """

    sequences: int
    loss: Estimate
    optimum: float
    excess: Estimate
    accuracy: Estimate
    whole_accuracy: Estimate
    source_loss: float | None = None
    memoryless: float | None = None
    chance: float | None = None
    effective_sequences: float | None = None
    is_given: bool = False

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Report:
    """The results of `evaluate`.

    Attributes:
        task: The name of the task.
        scores: The score of each kind of sequences: `"seen"`, `"unseen"` if any are held out, and
            `"length 100"` and the like for longer ones.
        uniform: The loss of a uniform guess: the logarithm of the number of symbols.
        memoryless: The lowest loss without memory, from the current symbol alone.
        chance: The accuracy of always predicting the most frequent target.
        lengths: The shortest and longest training lengths of the task.
        references: Further losses of the task, such as that of a model that knows a hidden rule.

    Raises:
        DataError: If a score has an unknown kind, or there is none for `"seen"`.

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
        if "seen" not in self.scores or not all(map(KINDS.fullmatch, self.scores)):
            raise DataError(
                "expected scores for 'seen' and optionally for 'unseen' and lengths such as "
                f"'length 100', got {list(self.scores)}"
            )

    @property
    def seen(self) -> Score:
        """The score on sequences like those in training."""
        return self.scores["seen"]

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
        """Serialize the report as JSON; `from_json` restores an equal one."""
        return json.dumps(_written(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Restore a report from the `text` that `to_json` returned.

        Raises:
            DataError: If the text is not a report.
        """
        with expected("a report as returned by to_json"):
            facts = json.loads(text)
            scores = {name: Score(**_restored(score)) for name, score in facts["scores"].items()}
            shortest, longest = facts["lengths"]
            known = {**_restored(facts), "references": _restored(facts.get("references", {}))}
            return cls(**{**known, "scores": scores, "lengths": (shortest, longest)})

    def __str__(self) -> str:
        foot = "\n".join(fill(line, WIDTH) for line in self._foot().split("\n"))
        return f"{text_table(*self._cells())}\n\n{foot}"

    def _repr_html_(self) -> str:
        return f"{html_figure(self)}{html_table(*self._cells())}<p>{self._foot()}</p>"

    def _foot(self) -> str:
        marks = f"best without memory: loss {self.memoryless}; guessing: "
        marks += f"accuracy {self.chance:.1%}"
        named = "".join(f"; {name}: {loss}" for name, loss in self.references.items())
        return f"{self.task}: {self.sentence()}.\n{marks}{named}{self._sources()}"

    def _sources(self) -> str:
        """List the source losses that differ from the optimum."""
        known = {
            name: score.source_loss
            for name, score in self.scores.items()
            if score.source_loss is not None and score.source_loss - score.optimum > ROUNDING
        }
        if not known:
            return ""
        losses = ", ".join(f"{loss:.4f} ({name})" for name, loss in known.items())
        return f"\noptimum if neither split nor length is known: {losses}"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = ["strings", "loss", "optimum", "excess", "accuracy", "whole"]
        rows = [
            [
                name,
                str(score.loss),
                f"{score.optimum:.4f}",
                str(score.excess),
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
        return f"; but {self.longer[lost].accuracy:.0%} accuracy at length {lost}"


def _written(value: Any) -> Any:
    """Convert scores and estimates to plain values."""
    if isinstance(value, Estimate):
        return {"value": float(value), "standard_error": value.standard_error}
    if isinstance(value, Report | Score):
        return _written(vars(value))
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    return value


def _restored(facts: dict[str, Any]) -> dict[str, Any]:
    """Convert plain values back to estimates."""
    return {
        name: Estimate(**value) if isinstance(value, dict) and "standard_error" in value else value
        for name, value in facts.items()
    }
