"""Report: what `evaluate` found, as a table, as JSON, and in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from seqtoys.arguments import check_fields
from seqtoys.errors import DataError
from seqtoys.notebook import html_figure
from seqtoys.plain import expected
from seqtoys.tables import html_table, text_table
from seqtoys.tasks.estimate import Estimate

SLIGHT = 0.1  # of the way from knowing nothing to the best: a gain that hardly needs a memory
KINDS = re.compile(r"seen|unseen|length [0-9]+")
KNOWS, GUESSES = 0.9, 0.5  # shares of the way to the best there is
WIDTH = 80  # columns of a terminal, which the table fits


@dataclass(frozen=True)
class Score:
    """How a model does on sequences of one kind; losses are in nats per scored symbol.

    Attributes:
        sequences: How many there were.
        loss: Its mean loss.
        optimum: The loss of the true source on the same sequences.
        excess: `loss - optimum`: it estimates the Kullback-Leibler divergence from the true
            source to the model.
        accuracy: The share of the scored symbols that are predicted.
        whole_accuracy: The share of the sequences whose every scored symbol is predicted.

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
        (Estimate(1.0, 0.0), True)
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
        """Say in a sentence whether the model has learnt the task.

        Strings are known by a model that has come nine tenths of the way from no memory (or from
        knowing nothing, where a memory hardly helps) to the best there is: in accuracy where that
        is perfect, else in loss. It learnt if it knows strings that it was not shown, and
        memorised if it has not come half of that way on them.
        """
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
        return f"{self.task}: {self.sentence()}.\n{marks}"

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

    def _knowledge(self, score: Score) -> float:
        """How far a score has come from no memory (0) to the best there is (1).

        Where a memory is of little use, the way begins with knowing nothing.
        """
        if score.optimum == 0:  # every symbol can be told: how sure the model is matters less
            return (score.accuracy - self.chance) / max(1 - self.chance, 0.01)
        # Of a source that is all noise there is nothing to know: a tenth of a nat serves as well.
        whole = max(self.uniform - score.optimum, 0.1)
        by_memory = self.memoryless - score.optimum
        return 1 - score.excess / (by_memory if by_memory >= SLIGHT * whole else whole)

    def _beyond(self) -> str:
        """How it does on longer strings."""
        if not self.longer:
            return ""
        known = [n for n, score in self.longer.items() if self._knowledge(score) >= KNOWS]
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
