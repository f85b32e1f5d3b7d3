"""The task catalog as Markdown, generated from the tasks, and the page that each is on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.recipes import family_of
from seqtoys import Task, get_task, list_tasks
from seqtoys.support.estimate import Estimate

HEAD = "| task | level | optimum | without memory | chance |"
RULE = "| --- | --- | --- | --- | --- |"


@dataclass(frozen=True)
class Family:
    """Tasks that share a page.

    Attributes:
        title: The title of the page.
        modules: The modules that define the tasks.
    """

    title: str
    modules: tuple[str, ...]


FAMILIES = {
    "text": Family("Texts of your own", ("text",)),
    "elman1990": Family("Structure in time", ("elman1990",)),
    "reber": Family("The Reber grammars", ("reber",)),
    "tomita": Family("Tomita's seven languages", ("tomita",)),
    "counting": Family("Counting and brackets", ("counting", "dyck")),
    "memory": Family("Memory", ("memory_copy", "memory_delay", "memory_recall")),
    "chomsky": Family(
        "The Chomsky hierarchy",
        (
            "chomsky_regular",
            "chomsky_context_free",
            "chomsky_context_sensitive",
            "chomsky_arithmetic",
        ),
    ),
}
"""Each family, by the name of its page."""


def names_on(page: str) -> list[str]:
    """Return the tasks on a page, in the order of the catalog.

    Examples:
        >>> names_on("reber")
        ['reber', 'embedded_reber']
    """
    return [name for name in list_tasks() if family_of(name) in FAMILIES[page].modules]


def catalogue() -> str:
    """Return one table of tasks per page, with links to the pages."""
    return "\n\n".join(
        f"### [{family.title}]({page}/)\n\n{table(names_on(page), f'{page}/')}"
        for page, family in FAMILIES.items()
    )


def table(names: list[str], page: str = "") -> str:
    """Return a table of tasks with their descriptions and baselines.

    Args:
        names: The names of the tasks.
        page: The address of their page. If empty, the current page.
    """
    lines = [HEAD, RULE, *(_row(get_task(name), page) for name in names)]
    return "\n".join(['<div class="catalogue" markdown>\n', *lines, "\n</div>"])


def _row(task: Task, page: str) -> str:
    cells = [
        f"[`{task.name}`]({page}#{task.name}): {about(task.name)}",
        task.level,
        f"{task.optimum:.4f}",
        str(task.memoryless),
        percent(task.chance),
    ]
    return f"| {' | '.join(cells)} |"


def about(name: str) -> str:
    """Return the one-line description of a task, with exponents as superscripts.

    Examples:
        >>> about("anbmcnm")[:43]
        'a<sup>n</sup> b<sup>m</sup> c<sup>n+m</sup>'
    """
    return re.sub(r"(\w)\^\(?([\w+]+)\)?", r"\1<sup>\2</sup>", list_tasks()[name])


def percent(share: Estimate) -> str:
    """Format a proportion in percent, with its standard error if it has one."""
    if share.is_exact:
        return f"{share:.1%}"
    return f"{share:.1%} ± {share.standard_error:.1%}"
