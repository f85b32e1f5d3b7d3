"""train: train networks on a task, and report how close to the optimum they get."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from typing import Any

import torch

from seqtoys import ElmanCharModel, ElmanEnsemble, Task, evaluate, get_task, recipe
from seqtoys.cli.terminal import fold, print_json
from seqtoys.cli.training import is_interrupted, train
from seqtoys.records.ensemble_row import SHOWN_QUANTILES, quantiles_of
from seqtoys.records.report import Report
from seqtoys.records.score import Score
from seqtoys.support.tables import text_table
from seqtoys.support.uncertainty import Proportion
from seqtoys.support.values import check_positive
from seqtoys.training.recipes import Recipe

ADVICE = "\nMore --epochs, --hidden units or --seeds may help; some tasks defeat Elman networks."
ONE, EACH = 1000, 200  # sequences for evaluating one network, and each of several


def run(options: Namespace) -> int:
    """Train networks on a task, and print how close to the optimum they get."""
    task, settings = get_task(options.task), _settings(options)
    check_positive("--goal", options.goal)
    seeds = range(options.seed, options.seed + options.seeds)
    model: ElmanCharModel | ElmanEnsemble
    if len(seeds) == 1:
        model = ElmanCharModel(task.vocab, seed=options.seed, **settings.model)
    else:
        model = ElmanEnsemble(task.vocab, seeds, **settings.model)
    about = f"{task.name}: {settings}"
    history = train(model, task, options, about, seed=options.seed, **settings.training)
    found: Any = evaluate(model, task, count=ONE if len(seeds) == 1 else EACH)
    reports: list[Report] = [found] if len(seeds) == 1 else found
    solved = Proportion(
        sum(_is_near(report.seen, options.goal) for report in reports), len(reports)
    )
    if options.json:
        print_json(_facts(task, seeds, history, reports, settings, options))
    else:
        shown = f"{history}\n\n{fold(str(found))}" if len(seeds) == 1 else _table(found, options)
        print(f"{shown}\n\n{fold(_verdict(task, reports, solved, history, options.goal))}")
    if is_interrupted(history):
        return 130
    return 0 if solved.count else 1


def _settings(options: Namespace) -> Recipe:
    """Return the recipe of the task, with the options that were passed.

    Training doesn't stop early: the loss on a single batch, of sequences of one length, may be low
    by chance, and while lengths grow it is that of short sequences.
    """
    given = {"hidden_size": options.hidden, "epochs": options.epochs, "lr": options.lr}
    return replace(
        recipe(options.task), **{name: value for name, value in given.items() if value is not None}
    )


def _is_near(score: Score, goal: float) -> bool:
    return score.excess <= goal  # False for nan, from a network that diverged


def _table(reports: list[Report], options: Namespace) -> str:
    """Summarize many networks: one row per kind of strings."""
    quantiles = [f"excess {share:.0%}" for share in SHOWN_QUANTILES]
    rows = []
    for name in reports[0].scores:
        scores = [report.scores[name] for report in reports]
        near = sum(_is_near(score, options.goal) for score in scores) / len(scores)
        excesses = torch.tensor([[float(score.excess) for score in scores]], dtype=torch.float64)
        excess = quantiles_of(excesses, SHOWN_QUANTILES).flatten().tolist()
        accuracy = sum(score.accuracy for score in scores) / len(scores)
        rows.append([name, f"{near:.1%}", *(f"{x:.4f}" for x in excess), f"{accuracy:.1%}"])
    return text_table(["strings", "solved", *quantiles, "accuracy"], rows)


def _verdict(
    task: Task, reports: list[Report], solved: Proportion, history: Any, goal: float
) -> str:
    if len(reports) > 1:
        near = f"at most {goal:g} nats above the optimum {task.optimum:.4f}"
        marks = f"loss {task.memoryless} without memory, accuracy {task.chance:.1%} by guessing"
        where = "on strings like those in training"
        return f"{task.name}: solved by {solved}: {near} {where}. Baselines: {marks}."
    seen = reports[0].seen
    without = max(float(task.memoryless) - task.optimum, 0)
    return (
        f"{'Solved' if solved.count else 'Not solved'}: {seen.excess} nats above the optimum "
        f"(goal: {goal:g}; best without memory: {without:.4f}).{_possible(task, seen)}"
        f"{'' if solved.count else ADVICE}"
    )


def _possible(task: Task, seen: Score) -> str:
    """Compare the accuracy with the best possible one, if not every symbol can be predicted."""
    best = getattr(task, "best_accuracy", None)
    if best is None:
        return ""
    some = "since some symbols are random"
    return f" Accuracy {seen.accuracy:.1%}; at best {best:.1%} is expected, {some}."


def _facts(
    task: Task,
    seeds: range,
    history: Any,
    reports: list[Report],
    settings: Recipe,
    options: Namespace,
) -> dict[str, Any]:
    """Return all results, with one value per seed even for a single network."""
    solved = [_is_near(report.seen, options.goal) for report in reports]
    is_one = len(reports) == 1
    return {
        "task": task.name,
        "hidden_size": settings.hidden_size,
        "lr": settings.lr,
        "goal": options.goal,
        "seconds": history.seconds,
        "seeds": list(seeds),
        "solved": solved,
        "epochs": [len(history)] if is_one else history.epochs.tolist(),
        "stopped": [history.stopped] if is_one else history.stopped,
        "reports": [json.loads(report.to_json()) for report in reports],
    }
