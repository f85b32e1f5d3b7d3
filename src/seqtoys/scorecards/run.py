"""The work of one worker: train one seed on one skill, and measure it."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from seqtoys.errors import NonFiniteLossError
from seqtoys.records.history import History
from seqtoys.records.row import Row
from seqtoys.scorecards.factory import MakeModel, make
from seqtoys.scorecards.measure import Yardstick, make_tasks, make_yardsticks
from seqtoys.scorecards.mistakes import worst_mistakes
from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.skills import (
    BATCH,
    CLIP,
    NEAR,
    SOLVED,
    WINDOW,
    Level,
    list_skills,
)
from seqtoys.scorecards.soundness import check_causal, check_sound
from seqtoys.scorecards.state_size import state_size
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.sweeps.failures import describe_error
from seqtoys.sweeps.isolation import isolated
from seqtoys.training.fit import fit

POINTS = 60  # of a learning curve
ABOVE, ERRORS = 1.0, 3.0  # points and standard errors by which a score of 100 may be exceeded
CHECKED = 8  # sequences that a model is checked on
SEARCHED = 8  # batches that mistakes are looked for in


@dataclass(frozen=True)
class SkillCell:
    """One seed of one skill: everything that a worker needs.

    Attributes:
        skill: The name of the skill.
        level: The level of its recipe.
        seed: The seed of the model and of its training data.
        lr: The learning rate. If None, those of the recipe are tried until one solves the skill,
            and the best one counts.
        make_model: The factory of the model.
        versions: A digest of the code of the factory, for the row.
    """

    skill: str
    level: Level
    seed: int
    lr: float | None
    make_model: MakeModel
    versions: dict[str, str] = field(default_factory=dict[str, str])


def run_skill(cell: SkillCell) -> list[CardRow]:
    """Train one seed on one skill and measure it; an error is recorded in its row.

    Raises:
        KeyboardInterrupt: After Ctrl-C, even if `fit` caught it first.
    """
    started = time.perf_counter()
    try:
        # Weights created in inference mode could not be trained.
        with isolated(cell.seed), torch.inference_mode(False):
            started = time.perf_counter()  # excluding the wait for other cells
            facts = _run_rates(cell)
    except (Exception, SystemExit) as error:  # from the user's model
        return failed_rows(cell, describe_error(error), time.perf_counter() - started)
    total = time.perf_counter() - started
    return [_row(cell, **facts, total_seconds=total, versions=cell.versions)]


def failed_rows(cell: SkillCell, error: str, seconds: float = 0.0) -> list[CardRow]:
    """Return the row of a cell that failed, with the error."""
    return [_row(cell, error=error, total_seconds=seconds)]


def _row(cell: SkillCell, **facts: Any) -> CardRow:
    return CardRow(cell.skill, cell.level, cell.seed, **facts)


def _run_rates(cell: SkillCell) -> dict[str, Any]:
    """Train with one learning rate after the other; return the facts of the best one."""
    recipe = list_skills()[cell.skill].recipe(cell.level)
    rates = recipe.rates if cell.lr is None else (cell.lr,)
    tried, best, failure = list[tuple[float, float]](), dict[str, Any](), None
    for lr in rates:
        try:
            facts = _train_and_measure(cell, lr)
        except NonFiniteLossError as error:  # diverged; another rate may do better
            failure = error
            tried.append((lr, math.nan))
            continue
        tried.append((lr, float(facts["score"])))
        if not best or facts["score"] > best["score"]:
            best = facts
        if best["solved"]:
            break
    if failure is not None and not best:
        raise failure
    return {**best, "tried": tried}


def _train_and_measure(cell: SkillCell, lr: float) -> dict[str, Any]:
    """Train a new model with one learning rate, and measure it."""
    task, _ = make_tasks(cell.skill, cell.level)
    model = make(copy.deepcopy(cell.make_model), task.vocab, cell.seed)
    sample = task.sample(CHECKED, generator=generator_for("check"))
    check_sound(model, sample, len(task.vocab))
    history = _train(cell, model, lr)
    check_causal(model, sample, len(task.vocab))
    near, longer = make_yardsticks(cell.skill, cell.level)
    score, accuracy = near.score(model)
    if not math.isfinite(score):
        raise NonFiniteLossError(f"the loss of the trained model is {score} on new sequences")
    remark = _doubt(score)
    return {
        "lr": lr,
        "score": score,
        "accuracy": accuracy,
        "solved": score >= SOLVED and remark is None,
        "updates": len(history),
        "seconds": history.seconds,
        "parameters": sum(each.numel() for each in model.parameters()),
        "state": state_size(model, sample.inputs),
        "curve": _curve(history),
        "memoryless": near.memoryless,
        "optimum": near.optimum,
        "mistakes": worst_mistakes(model, task, near.batches[:SEARCHED]),
        "remark": remark,
        **_measure_longer(model, longer, remark),
    }


class _NearOptimum(Exception):
    """Ends a training that is near the optimum."""

    history: History


class _Watch:
    """Ends a training when its mean loss over the last updates is near the optimum.

    A single batch would not do: it may have short sequences, which are easy.

    Args:
        span: The loss without memory, minus the optimum.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._last = list[float]()

    def __call__(self, row: Row) -> None:
        self._last = [*self._last, (row.loss - row.optimum) / self._span][-WINDOW:]
        if len(self._last) == WINDOW and sum(self._last) / WINDOW <= NEAR:
            raise _NearOptimum


def _train(cell: SkillCell, model: nn.Module, lr: float) -> History:
    """Train a model with `fit`, until it is near the optimum or the updates are used up.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
    """
    recipe = list_skills()[cell.skill].recipe(cell.level)
    _, task = make_tasks(cell.skill, cell.level)
    near, _ = make_yardsticks(cell.skill, cell.level)
    try:
        history: History = fit(
            model,
            task,
            epochs=recipe.updates,
            lr=lr,
            batch_size=BATCH,
            optimizer=torch.optim.AdamW,
            clip_norm=CLIP,
            seed=cell.seed,
            vocab=task.vocab,
            check=False,  # `check_sound` has done more
            progress=False,
            on_epoch=_Watch(near.memoryless - near.optimum),
        )
    except _NearOptimum as end:
        return end.history
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    return history


def _curve(history: History) -> list[tuple[int, float]]:
    """Return the mean training loss of successive groups of updates."""
    size = -(-len(history) // POINTS)
    return [
        (min(at + size, len(history)), round(_mean(history.loss[at : at + size]), 5))
        for at in range(0, len(history), size)
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _doubt(score: Estimate) -> str | None:
    """Return why a score can't be trusted: it is above 100 by more than chance."""
    if score - max(ABOVE, ERRORS * score.standard_error) <= 100:
        return None
    return (
        f"a score of {score:.1f} is impossible: the model can see its targets, or the sequences "
        "of a batch are mixed"
    )


def _measure_longer(model: nn.Module, longer: Yardstick, remark: str | None) -> dict[str, Any]:
    """Measure a model on longer sequences, which some models can't read."""
    try:
        score, accuracy = longer.score(model)
        if math.isfinite(score):
            return {"longer": score, "longer_accuracy": accuracy}
        reason = f"failed on longer sequences: the score is {float(score)}"
    except Exception as error:  # from the user's model
        reason = f"failed on longer sequences: {type(error).__name__}: {error}"
    return {"remark": "; ".join(filter(None, [remark, reason]))}
