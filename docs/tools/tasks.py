"""The catalogue of tasks as Markdown, from the tasks themselves."""

from __future__ import annotations

from collections.abc import Iterable

from seqtoys import Task, get_task, list_tasks
from seqtoys.tasks.estimate import Estimate

HEAD = "| task | level | optimum | without memory | chance |"
RULE = "| --- | --- | --- | --- | --- |"


def table(source: str | None = None) -> str:
    """Write the tasks as tables, one for each source.

    Args:
        source: Only those whose source begins so; None: all.
    """
    tasks = [get_task(name) for name in list_tasks()]
    sources = list(dict.fromkeys(task.source for task in tasks))
    parts = [
        f"### {each}\n\n{rows(task for task in tasks if task.source == each)}"
        for each in sources
        if source is None or each.startswith(source)
    ]
    return "\n\n".join(parts)


def rows(tasks: Iterable[Task]) -> str:
    """Write a table of tasks: a row of numbers, and what each is about."""
    lines = list_tasks()
    return "\n".join([HEAD, RULE, *(_row(task, lines[task.name]) for task in tasks)])


def _row(task: Task, line: str) -> str:
    cells = [
        f"`{task.name}`: {line}".replace("|", "\\|"),
        task.level,
        f"{task.optimum:.4f}",
        str(task.memoryless),
        percent(task.chance),
    ]
    return f"| {' | '.join(cells)} |"


def percent(share: Estimate) -> str:
    """Write a share in percent, with its standard error if it has one."""
    if share.is_exact:
        return f"{share:.1%}"
    return f"{share:.1%} ± {share.standard_error:.1%}"
