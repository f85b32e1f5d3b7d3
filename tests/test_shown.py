"""The code of each figure is on its page, and runs by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tools import automata, published, task_figures
from tools.shown import BLOCK, Definition, fold_code, listing

FIGURES = re.compile(r"```python exec=\"on\"[^\n]*html=\"on\"")
PAGES = sorted(path for path in Path("docs").rglob("*.md") if FIGURES.search(path.read_text()))
DRAWING: list[Definition] = sorted(
    {
        (module, name)
        for page in PAGES
        for block in BLOCK.finditer(page.read_text())
        if 'html="on"' in block["options"]
        for module, names in re.findall(r"from tools\.(\w+) import ([\w, ]+)", block["code"])
        for name in re.findall(r"(?:^|, )(\w+)", names)
    }
)
SESSION = """
```python exec="on" html="on" session="a"
from tools.automata import hierarchy

print(hierarchy())
```

??? success "Answer"

    ```python exec="on" html="on" session="a"
    print(hierarchy().upper())
    ```
"""


def folds(page: str) -> list[str]:
    """The contents of the blocks that unfold."""
    found = re.findall(
        r"^( *)\?\?\? note \"The code of [^\n]*\n\n((?:\1    .*\n|\n)+)", page, re.M
    )
    return [text for _, text in found]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_figure_of_a_page_shows_its_code(page: Path) -> None:
    text = fold_code(page.read_text())
    for block in BLOCK.finditer(text):
        if 'exec="on"' not in block["options"] or 'html="on"' not in block["options"]:
            continue
        following = text[block.end() :].lstrip("\n")
        is_folded = following.lstrip().startswith('??? note "The code of this figure"')
        hidden = [line for line in block["code"].splitlines() if "markdown-exec: hide" in line]
        if 'source="above"' not in block["options"]:
            assert is_folded
            assert block["code"].strip().splitlines()[-1].strip() in folds(following)[0]
        elif any("show" not in line for line in hidden):
            assert is_folded
        else:  # all is on the page but what places the figure
            assert not is_folded


def test_functions_that_draw_are_shown_with_all_that_they_call() -> None:
    text = fold_code(Path("docs/tasks/reber.md").read_text())
    (shown,) = folds(text)
    for name in ("reber_graph", "_state", "_arc", "_loop", "label", "drawing"):
        assert f"    def {name}(" in shown
    assert "hierarchy" not in shown


def test_a_tool_of_an_earlier_block_is_known_in_its_session() -> None:
    text = fold_code(SESSION)
    assert text.count("??? note") == 2
    assert "\n    ??? note" in text  # as far in as its block
    assert text.count("def hierarchy() -> str:") == 2
    assert "??? note" in fold_code(SESSION.replace(' session="a"', ""))


def test_numbers_are_shown_where_asked() -> None:
    block = 'python exec="on"\nfrom tools.stored import best_seeds\n\nprint(best_seeds())\n'
    page = f"```{block}```"
    assert fold_code(page) == page
    shown = fold_code(page, numbers=True)
    assert '??? note "The code of these numbers"' in shown
    assert "made by `python -m benchmarks.published lan2022 --write`" in shown
    assert fold_code("```python\n1 / 0\n```", numbers=True) == "```python\n1 / 0\n```"


def test_figures_of_stored_results_say_what_made_them() -> None:
    shown = " ".join(folds(fold_code(Path("docs/course/10-limits.md").read_text())))
    for script in ("reber", "deletang2023"):
        assert (
            f"stored results, made by `python -m benchmarks.published {script} --write`" in shown
        )
    assert "`python -m benchmarks.tasks_learnt --write`" in shown


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (automata, "hierarchy"),
        (task_figures, "balance_figure"),
        (published, "guesses"),
        (published, "seeds_of_lan"),
    ],
)
def test_the_code_that_is_shown_draws_the_figure(module: ModuleType, name: str) -> None:
    space: dict[str, object] = {}
    wanted = (module.__name__.removeprefix("tools."), name)
    exec("from __future__ import annotations\n" + listing([wanted]), space)
    again = space[name]
    assert callable(again)
    assert again() == getattr(module, name)()


def test_no_name_is_missing_or_defined_twice_in_what_is_shown(tmp_path: Path) -> None:
    assert len(DRAWING) > 30
    for number, wanted in enumerate(DRAWING):
        source = listing([wanted])
        path = tmp_path / f"{number}.py"
        path.write_text("from __future__ import annotations\n" + source)
        names = re.findall(r"^(?:def |class )?(\w+)(?=\(| = |: )", source, re.MULTILINE)
        assert len(names) == len(set(names)), wanted
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", str(tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
