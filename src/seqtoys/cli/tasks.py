"""tasks: list the built-in tasks, or show one of them."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from seqtoys import Batch, Task, get_task, list_tasks, recipe
from seqtoys.cli.terminal import clip, fold, print_json, terminal_width
from seqtoys.data.batch import UNSCORED
from seqtoys.support.randomness import seeded_generator
from seqtoys.support.tables import text_table
from seqtoys.support.uncertainty import Estimate

LEAST = 50  # columns of a description below which a table leaves out the others
SAMPLES = 3


def run(options: Namespace) -> int:
    """Print one line per task, or the details of one task."""
    if options.name is not None:
        task = get_task(options.name)
        batch = task.sample(SAMPLES, generator=seeded_generator(options.seed))
        if options.json:
            print_json(_facts(task) | _numbers(task) | {"samples": _samples(batch, task)})
        else:
            _show(task, batch)
    elif options.json:
        for name in list_tasks():
            print_json(_facts(get_task(name)))
    else:
        _list()
    return 0


def _list() -> None:
    """Print the names and descriptions of all tasks, with their levels and optima if they fit."""
    built = [get_task(name) for name in list_tasks()]
    abouts = list(list_tasks().values())
    width = terminal_width()
    rows = [[task.name, task.level or "", f"{task.optimum:.4f}"] for task in built]
    lines = text_table(["task", "level", "optimum"], rows).split("\n")
    if width is not None and len(lines[0]) + LEAST > width:
        lines = text_table(["task"], [[task.name] for task in built]).split("\n")
    indent = max(map(len, lines)) + 2
    for line, about in zip(lines, ["description", *abouts], strict=True):
        print(fold(f"{line:{indent}}{about}", indent=indent))


def _show(task: Task, batch: Batch) -> None:
    shortest, longest = task.lengths
    lengths = f"{shortest} symbols" if shortest == longest else f"{shortest} to {longest} symbols"
    print(fold(f"{task.name}: {list_tasks()[task.name]}"))
    print(fold(f"{task.source}; {task.level}; {lengths} of {task.vocab!r}\n"))
    for line in batch.show(task.vocab).split("\n"):
        print(clip(line))
    print(f"\noptimum              {task.optimum:.4f} nats per scored symbol")
    print(f"best without memory  {task.memoryless}")
    print(f"chance               {task.chance:.1%} accuracy")
    if hasattr(task, "best_accuracy"):
        print(f"best possible        {task.best_accuracy:.1%} accuracy")
    print(fold(f"\nNext: python -m seqtoys train {task.name}\n  {recipe(task)}", indent=2))


def _facts(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "about": list_tasks()[task.name],
        "source": task.source,
        "level": task.level,
        "lengths": task.lengths,
        "longer": task.longer,
        "vocab": task.vocab.symbols,
        "optimum": float(task.optimum),
    }


def _numbers(task: Task) -> dict[str, Any]:
    """Return the baselines; estimating them from samples can take a moment."""
    return {"memoryless": _estimate(task.memoryless), "chance": _estimate(task.chance)}


def _estimate(number: Estimate) -> dict[str, float]:
    return {"value": float(number), "standard_error": number.standard_error}


def _samples(batch: Batch, task: Task) -> list[dict[str, list[str | None]]]:
    """Return the inputs and targets of each sequence, None where nothing is scored."""
    symbols = task.vocab.symbols
    rows = zip(batch.inputs.tolist(), batch.targets.tolist(), batch.count_symbols(), strict=True)
    return [
        {
            "inputs": [symbols[i] for i in inputs[:end]],
            "targets": [None if i == UNSCORED else symbols[i] for i in targets[:end]],
        }
        for inputs, targets, end in rows
    ]
