"""Report: what `evaluate` measured, as a table, as JSON, and in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from seqtoys.errors import DataError
from seqtoys.support.arguments import check_fields
from seqtoys.support.estimate import Estimate
from seqtoys.support.notebook import html_figure
from seqtoys.support.serialization import expected
from seqtoys.support.tables import html_table, text_table

SLIGHT = 0.1  # of the way from a uniform guess to the best: a gain that hardly needs a memory
FEW = 10  # different sequences: too few to tell learning from memorizing
ERRORS, ROUNDING = 5, 1e-4  # standard errors and nats by which a loss must be below the optimum
MEASURED = 20  # sequences, from which on a standard error is reliable
KINDS = re.compile(r"seen|unseen|length [0-9]+")
KNOWS, GUESSES = 0.9, 0.5  # shares of the way to the best there is
WIDTH = 80  # columns of a terminal, which the table fits


@dataclass(frozen=True)
class Score:
    """The results of a model on sequences of one kind; losses are in nats per scored symbol.

    Attributes:
        sequences: The number of sequences.
        loss: The model's mean loss.
        optimum: The loss on the same sequences of the best causal model that knows how they were
            drawn: their length where it was chosen, and their side where a task was split. Of
            given training sequences, `source_loss`.
        excess: `loss - optimum`: an estimate of the Kullback-Leibler divergence from the source of
            these sequences to the model. Below 0 by chance only; of given training sequences, also
            if the model memorized them.
        accuracy: The proportion of scored symbols that are predicted.
        whole_accuracy: The proportion of sequences with every scored symbol predicted.
        source_loss: The loss on the same sequences of the task's source, a model that knows the
            task as it is in training, but neither a split nor a chosen length. What was learned is
            judged by it. If None, `optimum`.
        memoryless: The lowest loss on these sequences without memory, by counting in them.
        chance: The proportion of the most frequent target in these sequences.
        effective_sequences: How many different sequences there are, counting frequent ones for
            less: 1 over the sum of squared proportions.
        is_given: Whether they are the training sequences themselves, rather than fresh ones.

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
    """What `evaluate` found.

    Attributes:
        task: The name of the task.
        scores: The score of each kind of sequences: `"seen"`, `"unseen"` where there are such,
            and `"length 100"` and the like for longer ones.
        uniform: The loss of knowing nothing: the logarithm of the number of symbols.
        memoryless: The loss of the best model that sees the current symbol only.
        chance: The accuracy of always naming the most frequent target.
        lengths: The shortest and the longest length that the task has in training.

    Raises:
        DataError: If a score is of another kind, or none is of what was seen.

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

    def __post_init__(self) -> None:
        check_fields(self)
        if "seen" not in self.scores or not all(map(KINDS.fullmatch, self.scores)):
            raise DataError(
                "expected scores of 'seen', perhaps of 'unseen' and of 'length 100' or others, "
                f"got {list(self.scores)}"
            )

    @property
    def seen(self) -> Score:
        """The score on sequences as in training."""
        return self.scores["seen"]

    @property
    def unseen(self) -> Score:
        """The score on sequences of the same lengths that were not seen.

        Raises:
            DataError: If nothing was held out.
        """
        if "unseen" not in self.scores:
            raise DataError(
                "expected unseen sequences, but nothing was held out: train on a side of "
                "task.held_out(0.2), or give evaluate what was seen"
            )
        return self.scores["unseen"]

    @property
    def longer(self) -> dict[int, Score]:
        """The score on longer sequences, by length."""
        named = {name: score for name, score in self.scores.items() if name.startswith("length")}
        return {int(name.removeprefix("length ")): score for name, score in named.items()}

    def sentence(self) -> str:
        """Summarize in a sentence whether the model learned the task.

        A model knows sequences if it has covered nine tenths of the way from no memory (from a
        uniform guess, where a memory hardly helps) to the task's source: in accuracy where that
        can be perfect, else in loss. It learned the task if it knows sequences that it was not
        trained on, and memorized if it has covered less than half of that way on them; unless a
        few sequences make up most of these. A loss below the optimum by more than chance is
        reported first, as no causal model can have it.
        """
        if (impossible := self._impossible()) is not None:
            return impossible
        seen = self._knowledge(self.seen)
        guess = f"guessing gives {self.chance:.0%}"
        was = f"{self.seen.accuracy:.0%} of the symbols of strings as in training"
        if seen < KNOWS:
            return f"it has not learnt it (yet): it predicts {was}; {guess}"
        if "unseen" not in self.scores:
            return f"it knows what it was trained on: {was}; {guess}{self._beyond()}"
        other = f"{self.unseen.accuracy:.0%} on strings it was not"
        shown = f"{self.seen.accuracy:.0%} on the strings it was shown, {other}; {guess}"
        unseen = self._knowledge(self.unseen)
        if unseen >= KNOWS:
            return f"it learnt: {shown}{self._beyond()}"
        if (effective := self.unseen.effective_sequences or FEW) < FEW:
            few = f"about {effective:.1f} different ones, too few to tell learning from memorising"
            return f"it knows what it was trained on: {shown}; the unseen strings are {few}"
        return f"it {'memorised' if unseen < GUESSES else 'learnt in part'}: {shown}"

    def to_json(self) -> str:
        """Write the report as JSON; `from_json` reads it back equal."""
        return json.dumps(_written(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a `text` that `to_json` wrote.

        Raises:
            DataError: If the text is not a report.
        """
        with expected("a report as to_json writes it"):
            facts = json.loads(text)
            scores = {name: Score(**_restored(score)) for name, score in facts["scores"].items()}
            shortest, longest = facts["lengths"]
            return cls(**{**_restored(facts), "scores": scores, "lengths": (shortest, longest)})

    def __str__(self) -> str:
        foot = "\n".join(fill(line, WIDTH) for line in self._foot().split("\n"))
        return f"{text_table(*self._cells())}\n\n{foot}"

    def _repr_html_(self) -> str:
        return f"{html_figure(self)}{html_table(*self._cells())}<p>{self._foot()}</p>"

    def _foot(self) -> str:
        marks = f"without memory: loss {self.memoryless}; guessing: accuracy {self.chance:.1%}"
        return f"{self.task}: {self.sentence()}.\n{marks}{self._sources()}"

    def _sources(self) -> str:
        """The losses of the source where it does not know what the optimum knows."""
        known = {
            name: score.source_loss
            for name, score in self.scores.items()
            if score.source_loss is not None and score.source_loss - score.optimum > ROUNDING
        }
        if not known:
            return ""
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in known.items())
        return f"\noptimum without knowing the split or the length: {losses}"

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
        """Describe the score that lies furthest below its optimum, if that is no chance."""
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
            f"below the optimum by {far} ({name}): it sees what it should predict, by looking "
            "ahead or by mixing the sequences of a batch, or the optimum is wrong"
        )

    def _knowledge(self, score: Score, *, is_longer: bool = False) -> float:
        """How far a score has come from no memory (0) to the task's source (1)."""
        best = score.optimum if score.source_loss is None else score.source_loss
        chance, memoryless = float(self.chance), float(self.memoryless)
        if is_longer and score.chance is not None and score.memoryless is not None:
            chance, memoryless = score.chance, score.memoryless
        if best == 0:  # every symbol can be predicted: how confident the model is matters less
            return (score.accuracy - chance) / max(1 - chance, 0.01)
        # Of a source that is all noise there is nothing to know: a tenth of a nat serves as well.
        whole = max(self.uniform - best, 0.1)
        by_memory = memoryless - best
        return 1 - (score.loss - best) / (by_memory if by_memory >= SLIGHT * whole else whole)

    def _beyond(self) -> str:
        """How it does on longer strings."""
        if not self.longer:
            return ""
        known = [n for n, s in self.longer.items() if self._knowledge(s, is_longer=True) >= KNOWS]
        if len(known) == len(self.longer):
            return f"; and on longer ones, up to length {max(known)}"
        lost = min(set(self.longer) - set(known))
        return f"; but {self.longer[lost].accuracy:.0%} at length {lost}"


def _written(value: Any) -> Any:
    """Turn scores and estimates into plain values."""
    if isinstance(value, Estimate):
        return {"value": float(value), "standard_error": value.standard_error}
    if isinstance(value, Report | Score):
        return _written(vars(value))
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    return value


def _restored(facts: dict[str, Any]) -> dict[str, Any]:
    """Turn what was an estimate into one again."""
    return {
        name: Estimate(**value) if isinstance(value, dict) and "standard_error" in value else value
        for name, value in facts.items()
    }
