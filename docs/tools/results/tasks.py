"""The task catalog as Markdown, generated from the tasks, and the page that each is on."""

from __future__ import annotations

import re
from pathlib import Path

from seqtoys import Task, get_task, list_tasks
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.catalogue import CATALOGUE

DOCS = Path(__file__).parents[2]
HEAD = "| task | level | optimum | without memory | chance |"
RULE = "| --- | --- | --- | --- | --- |"


PAGES = tuple(dict.fromkeys(entry.page for entry in CATALOGUE.values()))
"""The pages of tasks, in the order of the catalog."""


def title_of(page: str) -> str:
    """Return the title of a page, its first line.

    Examples:
        >>> title_of("reber")
        'The Reber grammars'
    """
    text = (DOCS / "tasks" / f"{page}.md").read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# ")


def names_on(page: str) -> list[str]:
    """Return the tasks on a page, in the order of the catalog.

    Examples:
        >>> names_on("reber")
        ['reber', 'embedded_reber']
    """
    return [name for name, entry in CATALOGUE.items() if entry.page == page]


def catalogue() -> str:
    """Return one table of tasks per page, with links to the pages."""
    return "\n\n".join(
        f"### [{title_of(page)}]({page}/)\n\n{table(names_on(page), f'{page}/')}" for page in PAGES
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
        task.level or "",
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
