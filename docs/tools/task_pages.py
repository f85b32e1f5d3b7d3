"""The page of each family of tasks, from the tasks themselves and what networks learnt of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import getdoc, signature

import torch

from benchmarks.recipes import builder_of, networks_for
from seqtoys import Batch, Task, Vocab, get_task
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.catalogue import CATALOGUE
from tools.learnt import made, rows_of, scores_table
from tools.shown import folded
from tools.task_figures import loss_figure
from tools.tasks import about, names_on, percent, table

SECTIONS = re.compile(r"\n+(?:Args|Raises|Examples):\n")
OPTION = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
DERIVED = ("**Optimum", "**Memoryless", "**Chance")
SAMPLES = 3
WIDTH = 64  # symbols of a sample that fit on a page
FEW = 12  # symbols that are named rather than counted


def tasks_of(page: str) -> str:
    """Write all that is known of the tasks on a page, and what made the numbers of training.

    Args:
        page: Its name.
    """
    names = names_on(page)
    shared = len(names) > 1 and len({builder_of(name) for name in names}) == 1
    head = [definition(names[0])] if shared else []
    parts = [section(name, is_defined=shared) for name in names]
    code = folded("the figures", "", [("task_figures", "loss_figure")])
    last = [made(names), *([code] if any('class="figure"' in part for part in parts) else [])]
    return "\n\n".join([*head, table(names), *parts, *last])


def section(name: str, *, is_defined: bool = False) -> str:
    """Write what a task is, what it looks like, how well it can be told, and how it is learnt.

    Args:
        name: Its name.
        is_defined: Whether all tasks of the page have one definition, which stands above them.
    """
    task = get_task(name)
    parts = [f"## `{name}` {{ #{name} }}", about(name)]
    if not is_defined:
        parts += [definition(name), options(name)]
    parts += [samples(task), facts(task), learnt(name)]
    return "\n\n".join(part for part in parts if part)


def definition(name: str) -> str:
    """Take what the docstring of a task says below its first line, but for its arguments.

    Examples:
        >>> definition("parity").partition(chr(10))[0]
        'The input is random bits, the answer one symbol.'
    """
    told = SECTIONS.split(getdoc(builder_of(name)) or "")[0]
    return told.partition("\n")[2].strip()


def derivation(kind: type[Task]) -> str:
    """Take what the docstring of a class says of its optimum and of guessing.

    Examples:
        >>> print(derivation(Automaton)[:30])
        **Optimum.** A symbol leads to
    """
    parts = re.split(r"\n\n(?=\*\*)", SECTIONS.split(getdoc(kind) or "")[0])
    return "\n\n".join(part for part in parts if part.startswith(DERIVED))


def options(name: str) -> str:
    """Write the options of a task as a table; nothing, if it has none.

    Examples:
        >>> options("reber")
        ''
    """
    parameters = signature(CATALOGUE[name]).parameters
    told = dict(OPTION.findall(getdoc(builder_of(name)) or ""))
    lines = [
        f"| `{option}` | {' '.join(told[option].split())} | `{_default(parameter.default)}` |"
        for option, parameter in parameters.items()
    ]
    head = ["| option | what it is | by default |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines]) if lines else ""


def _default(value: object) -> str:
    return f"{len(value)} words" if isinstance(value, tuple) else repr(value)


def samples(task: Task) -> str:
    """Draw a few sequences: short ones, where that is for the task to decide."""
    generator = torch.Generator().manual_seed(0)
    drawn = [task.sample(1, length=length, generator=generator) for length in _short_lengths(task)]
    shown = "\n\n".join(dict.fromkeys(_cut(batch, task.vocab) for batch in drawn))
    return f"```text\n{shown}\n```"


def _short_lengths(task: Task) -> list[int | None]:
    """A few lengths that exist, not far above the shortest; None: as they come."""
    shortest, longest = task.lengths
    if isinstance(task, Automaton) and task.is_endless:
        return [None] * SAMPLES
    possible = [n for n in range(shortest, longest + 1) if task.refusal(n) is None]
    return [possible[min(len(possible) - 1, place)] for place in (2, 4, 6)]


def _cut(batch: Batch, vocab: Vocab) -> str:
    """Show a sequence; of a long one, the beginning."""
    lines = batch.show(vocab).splitlines()
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 2] + " …" for line in lines)


def facts(task: Task) -> str:
    """Write in one table what to expect of a task."""
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
    yield "lengths", f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    if task.longer:
        yield "longer", ", ".join(map(str, task.longer))


def _symbols(vocab: Vocab) -> str:
    if len(vocab) > FEW or any(len(symbol) > 1 for symbol in vocab):
        return str(len(vocab))
    return f"`{' '.join(vocab)}`"


def learnt(name: str) -> str:
    """Tell what networks reach on a task, and draw the loss where each next symbol is learnt."""
    stored = rows_of(name)
    if not stored:
        return ""
    recipe = networks_for(name)[0].describe()
    curve = stored[0]["curve"]
    figure = [loss_figure(curve)] if curve and any(curve["source"]) else []  # else a line at 0
    seconds = [row["seconds"] for row in stored]
    took = f"{min(seconds):.1f} to {max(seconds):.1f} s"
    head = f"**Learnt** by {len(stored)} networks of {recipe}, in {took} of one core each:"
    return "\n\n".join([head, scores_table(stored), *figure])
