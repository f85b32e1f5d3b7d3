"""train: train networks on a task, and report how close to the optimum they get."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser, Namespace
from typing import Any

import torch

from seqtoys import ElmanCharModel, ElmanEnsemble, Task, evaluate, get_task
from seqtoys.cli.terminal import fold, print_json
from seqtoys.cli.training import add_training_options, is_interrupted, train
from seqtoys.records.ensemble_row import SHOWN_QUANTILES
from seqtoys.records.score import Score
from seqtoys.results import Proportion, Report
from seqtoys.support.tables import text_table
from seqtoys.support.values import check_positive

CLIP_NORM = 1.0  # without it, training on long sequences may diverge
ONE, EACH = 1000, 200  # sequences for evaluating one network, and each of several


def add_train(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("task", help="name of a task, as listed by `tasks`")
    parser.add_argument(
        "--seeds", type=int, default=1, help="number of networks to train together (default: 1)"
    )
    add_training_options(parser)
    parser.add_argument(
        "--goal",
        type=float,
        default=0.02,
        metavar="NATS",
        help="largest excess over the optimum that counts as solved (default: 0.02)",
    )


def train_task(options: Namespace) -> int:
    """Train networks on a task, and print how close to the optimum they get."""
    task, size = get_task(options.task), options.hidden
    check_positive("--goal", options.goal)
    seeds = range(options.seed, options.seed + options.seeds)
    model: ElmanCharModel | ElmanEnsemble
    if len(seeds) == 1:
        model = ElmanCharModel(task.vocab, hidden_size=size, seed=options.seed)
    else:
        model = ElmanEnsemble(task.vocab, seeds, hidden_size=size)
    # Half of the goal, as the loss on one batch may be low by chance.
    history = train(model, task, options, until=options.goal / 2, clip_norm=CLIP_NORM)
    found: Any = evaluate(model, task, count=ONE if len(seeds) == 1 else EACH)
    reports: list[Report] = [found] if len(seeds) == 1 else found
    solved = Proportion(
        sum(_is_near(report.seen, options.goal) for report in reports), len(reports)
    )
    if options.json:
        print_json(_facts(task, seeds, history, reports, options))
    else:
        shown = f"{history}\n\n{fold(str(found))}" if len(seeds) == 1 else _table(found, options)
        print(f"{shown}\n\n{fold(_verdict(task, reports, solved, options.goal))}")
    if is_interrupted(history):
        return 130
    return 0 if solved.count else 1


def _is_near(score: Score, goal: float) -> bool:
    return score.excess <= goal  # False for nan, from a network that diverged


def _table(reports: list[Report], options: Namespace) -> str:
    """Summarize many networks: one row per kind of strings."""
    quantiles = [f"excess {share:.0%}" for share in SHOWN_QUANTILES]
    rows = []
    for name in reports[0].scores:
        scores = [report.scores[name] for report in reports]
        near = sum(_is_near(score, options.goal) for score in scores) / len(scores)
        excess = _quantiles([score.excess for score in scores])
        accuracy = sum(score.accuracy for score in scores) / len(scores)
        rows.append([name, f"{near:.1%}", *(f"{x:.4f}" for x in excess), f"{accuracy:.1%}"])
    return text_table(["strings", "solved", *quantiles, "accuracy"], rows)


def _quantiles(values: list[float]) -> list[float]:
    levels = torch.tensor(SHOWN_QUANTILES, dtype=torch.float64, device="cpu")
    finite = torch.tensor(values, dtype=torch.float64, device="cpu").nan_to_num(nan=math.inf)
    return finite.quantile(levels, interpolation="nearest").tolist()


def _verdict(task: Task, reports: list[Report], solved: Proportion, goal: float) -> str:
    if len(reports) > 1:
        near = f"at most {goal:g} nats above the optimum {task.optimum:.4f}"
        marks = f"loss {task.memoryless} without memory, accuracy {task.chance:.1%} by guessing"
        where = "on strings like those in training"
        return f"{task.name}: solved by {solved}, that is, {near} {where}. Baselines: {marks}."
    excess = f"{reports[0].seen.excess} nats above the optimum (goal: at most {goal:g})"
    if solved.count:
        return f"Solved: {excess}."
    return f"Not solved: {excess}; try more --epochs, more --hidden units, or more --seeds."


def _facts(
    task: Task, seeds: range, history: Any, reports: list[Report], options: Namespace
) -> dict[str, Any]:
    """Return all results, with one value per seed even for a single network."""
    solved = [_is_near(report.seen, options.goal) for report in reports]
    is_one = len(reports) == 1
    return {
        "task": task.name,
        "hidden_size": options.hidden,
        "lr": options.lr,
        "goal": options.goal,
        "seconds": history.seconds,
        "seeds": list(seeds),
        "solved": solved,
        "epochs": [len(history)] if is_one else history.epochs.tolist(),
        "stopped": [history.stopped] if is_one else history.stopped,
        "reports": [json.loads(report.to_json()) for report in reports],
    }
