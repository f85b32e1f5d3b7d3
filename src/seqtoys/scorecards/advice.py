"""What to try next, in words, from the results of a score card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from seqtoys.scorecards.results import Results
from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.summary import SkillSummary

IMPROVING = 3.0  # points from one fifth of a training to the last, if it was still improving
GAP = 10.0  # points between training and unseen sequences, or those and longer ones
SIMILAR = 1.2  # times the parameters of a model that a reference of "this size" may have


def advise(card: Results, references: Sequence[Results] = ()) -> list[str]:
    """Return what to try next, the most urgent first.

    Args:
        card: The score card.
        references: The score cards of known architectures.

    Examples:
        >>> from seqtoys.results import Estimate, ScoreCard
        >>> good = Estimate(99.0)
        >>> rows = [CardRow("add", "quick", 0, score=good, longer=good, solved=True)]
        >>> advise(ScoreCard("GRU", "quick", ["add"], [0], rows))
        ['Everything is solved. Try level="full": longer sequences and larger vocabularies.']
    """
    found = [*_failures(card), *_unreliable(card), *_improving(card), *_memorized(card)]
    found += [*_short_sighted(card), *_lucky(card), *_flat(card), *_behind(card, references)]
    if found:
        return found
    if not card.rows:
        return ["Nothing was run. Call scorecard again, or run the command again."]
    return ['Everything is solved. Try level="full": longer sequences and larger vocabularies.']


def training_score(row: CardRow) -> float | None:
    """Return the score on the training batches at the end of training; None if unknown.

    Examples:
        >>> curve = [(1, 0.7), (2, 0.35)]
        >>> training_score(CardRow("add", "quick", 0, curve=curve, memoryless=0.7, optimum=0.0))
        50.0
    """
    scores = _scores(row)
    return scores[-1] if scores else None


def _scores(row: CardRow) -> list[float]:
    """Return the score on the training batches along the curve; without bounds, an empty list."""
    top, bottom = row.memoryless, row.optimum
    if top is None or bottom is None:
        return []
    return [100 * (top - loss) / (top - bottom) for _, loss in row.curve]


def _failures(card: Results) -> Iterator[str]:
    failed = [each.skill for each in card.summaries if each.failed]
    if failed:
        yield f"Fix the failures first: {_listed(failed)}. Their reasons are above."


def _unreliable(card: Results) -> Iterator[str]:
    if any(row.score is not None and row.score > 100 and row.remark for row in card.rows):
        yield (
            "A score above 100 is impossible. Check that no position can see later ones, and that "
            "the first axis is the batch."
        )


def _improving(card: Results) -> Iterator[str]:
    found = _where(card, _is_improving)
    if found:
        yield (
            f"Training was still improving when the updates ran out: {_listed(found)}. The model "
            "may only be slow; fit it longer, or try other learning rates."
        )


def _is_improving(summary: SkillSummary) -> bool:
    curves = [_scores(row) for row in summary.finished if not row.solved]
    return any(_gain(curve) > IMPROVING for curve in curves if len(curve) > 9)


def _gain(curve: Sequence[float]) -> float:
    """Return the mean of the last fifth of a curve, minus that of the fifth before it."""
    size = len(curve) // 5
    return fmean(curve[-size:]) - fmean(curve[-2 * size : -size])


def _memorized(card: Results) -> Iterator[str]:
    found = _where(card, _is_memorized)
    if found:
        yield (
            f"Much better on training sequences than on unseen ones: {_listed(found)}. The model "
            "memorizes them instead of learning the rule."
        )


def _is_memorized(summary: SkillSummary) -> bool:
    return any(
        row.score is not None and (training_score(row) or 0.0) - row.score > GAP
        for row in summary.rows
        if row.optimum == 0  # otherwise, a few training batches may be easy by chance
    )


def _short_sighted(card: Results) -> Iterator[str]:
    found = _where(card, _fails_longer)
    if found:
        yield (
            f"Solved, but not on longer sequences: {_listed(found)}. Look at what depends on the "
            "position or the length: position embeddings, a state that saturates, a short context."
        )


def _fails_longer(summary: SkillSummary) -> bool:
    score, longer = summary.score, summary.longer
    if not summary.is_solved or score is None:
        return False
    return longer is None or score.value - longer.value > GAP


def _lucky(card: Results) -> Iterator[str]:
    found = _where(card, _is_lucky)
    if found:
        yield f"Some seeds solve it and others don't: {_listed(found)}. Use more seeds."


def _is_lucky(summary: SkillSummary) -> bool:
    return 0 < summary.solved.count < summary.solved.trials


def _flat(card: Results) -> Iterator[str]:
    explained = (_is_improving, _is_memorized, _is_lucky, lambda each: bool(each.failed))
    flat = [
        skill
        for skill in _unsolved(card)
        if not any(explains(card[skill]) for explains in explained)
    ]
    if flat:
        yield (
            f"Training ended on a plateau: {_listed(flat)}. More updates would hardly help; the "
            "model, its size or its learning rate would have to change."
        )


def _behind(card: Results, references: Sequence[Results]) -> Iterator[str]:
    for skill in _unsolved(card):
        most = SIMILAR * _largest(card[skill])
        better = [
            other.model.partition("(")[0]
            for other in references
            if skill in other.solved and _largest(other[skill]) <= most
        ]
        if better:
            yield (
                f"{skill.capitalize()} is within reach at this size and budget: "
                f"{_listed(list(dict.fromkeys(better)))} solved it."
            )


def _largest(summary: SkillSummary) -> int:
    """Return the largest number of parameters of the seeds; 0 if all failed."""
    return max((row.parameters or 0 for row in summary.finished), default=0)


def _unsolved(card: Results) -> list[str]:
    return [each.skill for each in card.summaries if not each.is_solved]


def _where(card: Results, holds: Callable[[SkillSummary], bool]) -> list[str]:
    return [each.skill for each in card.summaries if holds(each)]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def verdict(summary: SkillSummary) -> str:
    """Return the result of a skill in one or two sentences.

    Args:
        summary: The results of the skill.

    Examples:
        >>> from seqtoys.results import Estimate
        >>> row = CardRow("add", "quick", 0, score=Estimate(99.0), solved=True, updates=80)
        >>> verdict(SkillSummary("add", [row]))
        'Score 99.0 [99.0, 99.0]; solved by 1 of 1 seeds, in 80 updates (0.0 s).'
    """
    score, longer, solved = summary.score, summary.longer, summary.solved
    if score is None:
        return "Failed."
    further = "" if longer is None else f", {longer} on longer sequences"
    pace = ""
    if summary.updates is not None and summary.seconds is not None:
        pace = f", in {summary.updates:.0f} updates ({summary.seconds:.1f} s)"
    return f"Score {score}{further}; solved by {solved.count} of {solved.trials} seeds{pace}."
