"""Every chapter is also a notebook, blank and with answers, that runs without the repository."""

from __future__ import annotations

import json
import os
import re
import sys
from base64 import b64decode
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
import torch
from mkdocs.utils.meta import get_data
from tools.teaching.lessons import to_lesson

from tests.browsers import SITE

pytestmark = pytest.mark.usefixtures("untraced")

CHAPTERS = sorted(Path("docs/course").glob("[0-9][0-9]-*.md"))
CHEAP = ("03", "04")  # run in a second; the others take minutes
PAGE = """
# 1 · A page

See [chapter 2](02-b.md#one) and [the task](../tasks/index.md) on
[this site](https://example.org). { .small }

<div class="names" markdown>

| a |

</div>

!!! note "Long vectors"
    They match $x$.

    $$y$$

```python
not_run = [link](a.md)
```

```python exec="on" source="above" html="on" session="01"
from tools.figures.show import show  # markdown-exec: hide
from seqtoys.plotting.style import new_axes

ax = new_axes(None, 3, 2)
ax.set(xlabel="x")
print(show(ax))  # markdown-exec: hide
```

```python exec="on" html="on" session="01"
from tools.figures.chomsky import hierarchy as drawn

for _ in range(2):
    print(drawn())
```

## A section

```python exec="on" source="above" html="on" session="01"
ax = new_axes(None, 3, 2)
from tools.figures.chomsky import hierarchy  # markdown-exec: hide
print(hierarchy())  # markdown-exec: hide
```

```python exec="on" source="above" html="on" session="01"
from tools.figures.drawings import compass

print(compass())
```

```python exec="on" source="above" html="on"
from tools.results.published import guesses as guessed

print(guessed())
```

??? note "An aside"

    ```python exec="on" source="above" result="text" session="01"
    print("aside")
    ```

```python exec="on"
from tools.results.stored import best_seeds

print(best_seeds())
```

```python exec="on" html="on"
from tools.results.published import guesses

print(guesses())
```

## Exercises

**1.** Count.

??? success "Answer"

    ```python exec="on" source="above" result="text" session="01"
    print("counted")
    ```

**2.** Why?

??? success "Answer"

    Because.
"""


def cells(**options: Any) -> list[dict[str, Any]]:
    options = {"answers": True, "stored": False, **options}
    notebook = json.loads(to_lesson(PAGE.lstrip(), "course/01-page.md", **options))
    nbformat.validate(notebook)
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def sources(**options: Any) -> list[str]:
    return [cell["source"] for cell in cells(**options)]


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what is displayed; hide the repository's own modules, which no reader has."""
    shown: list[str] = []
    jupyter = ModuleType("IPython.display")
    vars(jupyter).update(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython.display", jupyter)
    for package in ("tools", "benchmarks", "docs"):
        monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith(("tools.", "benchmarks."))]:
        monkeypatch.delitem(sys.modules, name)
    return shown


def run(notebook: list[dict[str, Any]]) -> str:
    """Run the cells of code one after the other, and return what they print."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with redirect_stdout(StringIO()) as printed, torch.random.fork_rng():  # readers may use it
        for cell in notebook:
            if cell["cell_type"] == "code":
                code = compile(cell["source"], cell["id"], "exec", dont_inherit=True)
                exec(code, namespace)
    return printed.getvalue()


@pytest.mark.parametrize("answers", [False, True], ids=["blank", "answers"])
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs_as_a_notebook(path: Path, answers: bool, displayed: list[str]) -> None:
    if not path.name.startswith(CHEAP) and SITE not in os.environ:
        pytest.skip(f"runs after the site was built, with {SITE}")
    markdown, _ = get_data(path.read_text())
    text = to_lesson(markdown, f"course/{path.name}", answers=answers, stored=False)
    notebook = json.loads(text)
    nbformat.validate(notebook)
    assert "from tools" not in text
    assert "markdown-exec" not in text
    assert markdown.count('??? success "') == text.count("**Answer" if answers else "our answer")
    if not (answers or path.name.startswith(CHEAP)):
        return  # these cells are also in the notebook with answers
    run(notebook["cells"])
    assert len(displayed) >= text.count("display(HTML(")


def test_links_lead_to_the_site_or_are_left_out() -> None:
    (text,) = [source for source in sources() if "See" in source]
    assert text.startswith("See chapter 2 and the task on\n[this site](https://example.org).")
    (text,) = [s for s in sources(site="https://example.org/docs/") if "See" in s]
    assert "[chapter 2](https://example.org/docs/course/02-b/#one)" in text
    assert "[the task](https://example.org/docs/tasks/)" in text


def test_text_has_no_marks_that_only_pages_understand() -> None:
    text = "\n".join(cell["source"] for cell in cells() if cell["cell_type"] == "markdown")
    assert not re.search(r"<div|\{ \.|!!!|\?\?\?|exec=", text)
    assert "> **Long vectors**\n>\n> They match $x$.\n>\n> $$y$$" in text
    assert "not_run = [link](a.md)" in text  # code is left alone
    assert "**An aside**" in text


def test_sections_begin_cells() -> None:
    starts = [source.splitlines()[0] for source in sources() if source.startswith("#")]
    assert starts == ["# 1 · A page", "## A section", "## Exercises"]


def test_answers_are_left_blank_on_request() -> None:
    assert sources()[-3:] == ['print("counted")', "**2.** Why?", "**Answer**\n\nBecause."]
    blank = cells(answers=False)
    assert [cell["source"] for cell in blank][-3:] == [
        "# Your answer\n",
        "**2.** Why?",
        "*Your answer:*",
    ]
    assert [cell["cell_type"] for cell in blank][-3:] == ["code", "markdown", "markdown"]
    assert "left blank" in blank[0]["source"]
    assert "left blank" not in cells()[0]["source"]


def test_hidden_code_brings_the_functions_it_needs(displayed: list[str]) -> None:
    notebook = cells()
    assert run(notebook) == "aside\ncounted\n"
    assert len(displayed) == 4
    assert displayed[0].startswith('<div class="figure"')
    hidden = [cell for cell in notebook if cell["metadata"]]
    assert len(hidden) == 3
    assert [cell["source"].count("display(HTML(") for cell in hidden] == [1, 1, 0]
    assert "display(HTML(compass()))" in [cell["source"] for cell in notebook]


def test_functions_of_a_page_leave_the_names_of_the_reader_alone(displayed: list[str]) -> None:
    before = {"cell_type": "code", "id": "before", "source": "box = label = 1"}
    after = {"cell_type": "code", "id": "after", "source": "print(box + label)"}
    assert run([before, *cells(), after]).endswith("2\n")  # `hierarchy` uses helpers so named


def test_last_line_of_a_figure_prints_nothing() -> None:
    assert any(source.endswith('ax.set(xlabel="x");') for source in sources())


def test_stored_results_are_included_as_they_are() -> None:
    notebook = cells(stored=True)
    first, image = (cell for cell in notebook if "attachments" in cell)
    assert first["attachments"] == image["attachments"]
    assert "print(guessed())" in notebook[notebook.index(first) - 1]["source"]
    data = image["attachments"]["figure.svg"]["image/svg+xml"]
    root = ElementTree.fromstring(b64decode(data))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "background: white" in root.attrib["style"]
    place = notebook.index(image)
    assert "seed" in notebook[place - 1]["source"]
    assert "stored results follow here" in sources()[place]
