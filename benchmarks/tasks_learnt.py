"""Measure what an Elman network learns of each task in seconds of training.

Run it with `python -m benchmarks.tasks_learnt`; `--write` stores the results for the task pages.
An interrupted run keeps the results that are finished.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import describe
from benchmarks.published.cells import run_cells, train
from benchmarks.recipes import SEEDS, Network, networks_for
from seqtoys import Batch, ElmanCharModel, Task, evaluate, get_task, list_tasks, recipe
from seqtoys.inspection import loss_by_position

STORED = Path(__file__).with_name("tasks_learnt.jsonl")
KEPT = STORED.with_suffix(".unfinished.jsonl")
COMMAND = "python -m benchmarks.tasks_learnt --write"
COUNT = 1000  # test sequences per length
SHOWN = 30  # symbols in the curve
DIGITS = 5


def run(network: Network) -> dict[str, Any]:
    """Train and test one network.

    Args:
        network: The network to train.

    Returns:
        `seconds`, the training time on one core; `report`, the report of `evaluate`; `accuracy`
        on sequences like those of training; and, for the first seed, the loss `curve`.
    """
    task, settings = get_task(network.task), recipe(network.task)
    model, seconds = train(
        task,
        units=network.units,
        nonlinearity=network.nonlinearity,
        recurrent_init=network.recurrent_init,
        seed=network.seed,
        epochs=network.batches,
        batch_size=network.batch_size,
        lr=network.lr,
        clip_norm=settings.clip_norm,
        lengths=settings.lengths,
    )
    report = evaluate(model, task, count=COUNT)
    return {
        "seconds": seconds,
        "accuracy": round(report.seen.accuracy, DIGITS),
        "report": rounded(json.loads(report.to_json())),
        "curve": draw_curve(model, task) if network.seed == SEEDS[0] else None,
    }


def draw_curve(model: ElmanCharModel, task: Task) -> dict[str, Any] | None:
    """Return the loss at each symbol of one sequence, with the surprise of the true source.

    Returns None for a task that does not score every symbol.
    """
    batch = shown_sequence(task)
    if not batch.scored.all():
        return None
    source = task.surprise(batch)[0].tolist()
    return {
        "symbols": [task.vocab.symbols[i] for i in batch.targets[0, :SHOWN].tolist()],
        "losses": rounded(loss_by_position(model, batch)[0, :SHOWN].tolist()),
        "source": rounded(source[:SHOWN]),
    }


def shown_sequence(task: Task) -> Batch:
    """Return a representative sequence of a task, of medium length if lengths vary."""
    middle = sum(task.lengths) // 2
    length = next((n for n in range(middle, middle + 9) if task.why_no_length(n) is None), None)
    return task.sample(1, length=length, generator=torch.Generator().manual_seed(1))


def rounded(value: Any) -> Any:
    """Round all numbers in nested plain values, to keep the file short.

    Examples:
        >>> rounded({"loss": [0.123456789, 1]})
        {'loss': [0.12346, 1]}
    """
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


def store(
    networks: Sequence[Network], rows: Sequence[Mapping[str, Any]], path: Path = STORED
) -> None:
    """Store results, one line per network, replacing earlier rows of the same tasks.

    Rows of other tasks stay, even from another machine: the pages show it for each task.

    Args:
        networks: The networks that were trained.
        rows: The results of `run` for each.
        path: The file.
    """
    today = date.today().isoformat()
    facts = {"command": COMMAND, "machine": describe(), "date": today}
    new = [
        {
            **row,
            "network": asdict(network),
            **facts,
            "clip_norm": recipe(network.task).clip_norm,
        }
        for network, row in zip(networks, rows, strict=True)
    ]
    again = {network.task for network in networks}
    lines = [row for row in read(path) if row["network"]["task"] not in again] + new
    order = list(list_tasks())
    lines.sort(key=lambda row: order.index(row["network"]["task"]))  # stable: seeds stay in order
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)
    path.write_text(text, encoding="utf-8")


def read(path: Path = STORED) -> list[dict[str, Any]]:
    """Read what `store` wrote; return an empty list if there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The command-line arguments. If None, they are taken from `sys.argv`.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks_learnt", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TASK", help="tasks; defaults to all")
    parser.add_argument("--write", action="store_true", help="store the results for the pages")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(list_tasks())
    if unknown:
        parser.error(f"no such task: {', '.join(sorted(unknown))}")
    names = options.names or list(list_tasks())
    networks = [network for name in names for network in networks_for(name)]
    rows = run_cells(run, networks, KEPT if options.write else None)
    if options.write:
        store(networks, rows)


if __name__ == "__main__":
    main()
