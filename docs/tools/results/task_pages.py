"""The page of each task family, generated from the tasks and stored training results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import getdoc, signature

import torch

from seqtoys import Batch, Task, Vocab, get_task, recipe
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.catalogue import CATALOGUE
from tools.blocks.folds import folded
from tools.results.learnt import made, rows_of, scores_table
from tools.results.task_figures import loss_figure
from tools.results.tasks import about, names_on, percent, table

SECTIONS = re.compile(r"\n+(?:Args|Raises|Examples):\n")
OPTION = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
DERIVED = ("**Optimum", "**Memoryless", "**Chance")
SAMPLES = 3
WIDTH = 64  # symbols of a sample that fit on a page
FEW = 12  # larger vocabularies are shown by their size


def tasks_of(page: str) -> str:
    """Return the sections of all tasks on a page, and how the training results were made.

    Args:
        page: The name of the page.
    """
    names = names_on(page)
    shared = len(names) > 1 and len({CATALOGUE[name].source for name in names}) == 1
    head = [definition(names[0])] if shared else []
    parts = [section(name, is_defined=shared) for name in names]
    code = folded("the figures", "", [("results.task_figures", "loss_figure")])
    last = [made(names), *([code] if any('class="figure"' in part for part in parts) else [])]
    return "\n\n".join([*head, table(names), *parts, *last])


def section(name: str, *, is_defined: bool = False) -> str:
    """Return the section of a task: its definition, samples, baselines and training results.

    Args:
        name: The name of the task.
        is_defined: Whether the page already has one definition for all of its tasks.
    """
    task = get_task(name)
    parts = [f"## `{name}` {{ #{name} }}", about(name)]
    if not is_defined:
        parts += [definition(name), options(name)]
    parts += [samples(task), facts(task), learnt(name)]
    return "\n\n".join(part for part in parts if part)


def definition(name: str) -> str:
    """Return the description from the docstring of a task, without its first line and sections.

    Examples:
        >>> definition("parity").partition(chr(10))[0]
        'The input is random bits; the answer is one symbol.'
    """
    told = SECTIONS.split(getdoc(CATALOGUE[name].source) or "")[0]
    return told.partition("\n")[2].strip()


def derivation(kind: type[Task]) -> str:
    """Return the paragraphs of a class docstring that derive its optimum and baselines.

    Examples:
        >>> print(derivation(Automaton)[:27])
        **Optimum.** In each state,
    """
    parts = re.split(r"\n\n(?=\*\*)", SECTIONS.split(getdoc(kind) or "")[0])
    return "\n\n".join(part for part in parts if part.startswith(DERIVED))


def options(name: str) -> str:
    """Return the options of a task as a table, or an empty string if it has none.

    Examples:
        >>> options("reber")
        ''
    """
    parameters = signature(CATALOGUE[name].build).parameters
    told = dict(OPTION.findall(getdoc(CATALOGUE[name].source) or ""))
    lines = [
        f"| `{option}` | {' '.join(told[option].split())} | `{_default(parameter.default)}` |"
        for option, parameter in parameters.items()
    ]
    head = ["| option | description | default |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines]) if lines else ""


def _default(value: object) -> str:
    return f"{len(value)} words" if isinstance(value, tuple) else repr(value)


def samples(task: Task) -> str:
    """Return a few sample sequences, short ones if the task's lengths can be chosen."""
    generator = torch.Generator().manual_seed(0)
    drawn = [task.sample(1, length=length, generator=generator) for length in _short_lengths(task)]
    shown = "\n\n".join(dict.fromkeys(_cut(batch, task.vocab) for batch in drawn))
    return f"```text\n{shown}\n```"


def _short_lengths(task: Task) -> list[int | None]:
    """Return a few possible lengths, close to the shortest; None for a random length."""
    shortest, longest = task.lengths
    if isinstance(task, Automaton) and task.is_endless:
        return [None] * SAMPLES
    possible = [n for n in range(shortest, longest + 1) if task.why_no_length(n) is None]
    return [possible[min(len(possible) - 1, place)] for place in (2, 4, 6)]


def _cut(batch: Batch, vocab: Vocab) -> str:
    """Show a sequence, truncating each line to the page width."""
    lines = batch.show(vocab).splitlines()
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 2] + " …" for line in lines)


def facts(task: Task) -> str:
    """Return a table with the symbols, baselines and lengths of a task."""
    cells = dict(_facts(task))
    lines = [cells.keys(), ["---"] * len(cells), cells.values()]
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join(['<div class="facts" markdown>\n', *rows, "\n</div>"])


def _facts(task: Task) -> Iterator[tuple[str, str]]:
    yield "symbols", _symbols(task.vocab)
    yield "optimum", f"{task.optimum:.4f}"
    yield "without memory", str(task.memoryless)
    yield "chance", percent(task.chance)
    if isinstance(task, Automaton):
        yield "best guess", f"{task.best_accuracy:.1%}"
    shortest, longest = task.lengths
    yield "training lengths", f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    if task.longer:
        yield "test lengths", ", ".join(map(str, task.longer))


def _symbols(vocab: Vocab) -> str:
    if len(vocab) > FEW or any(len(symbol) > 1 for symbol in vocab):
        return str(len(vocab))
    return f"`{' '.join(vocab)}`"


def learnt(name: str) -> str:
    """Return the training results of a task, and a loss figure if each symbol is predicted."""
    stored = rows_of(name)
    if not stored:
        return ""
    curve = stored[0]["curve"]
    figure = [loss_figure(curve)] if curve and any(curve["source"]) else []  # skip a line at 0
    seconds = [row["seconds"] for row in stored]
    took = f"{min(seconds):.1f} to {max(seconds):.1f} s"
    head = f"**Results** of {len(stored)} networks of {recipe(name)}, in {took} on one core each:"
    return "\n\n".join([head, scores_table(stored), *figure])
