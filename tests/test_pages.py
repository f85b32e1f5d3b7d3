"""Errors in the pages fail the build."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools.blocks.fences import FOLDER

SETTINGS = f"""
site_name: specimen
strict: true
hooks: [{Path("docs/tools/hooks.py").resolve()}]
validation: {{ anchors: warn }}
"""


BLOCKS = """
plugins: [search, markdown-exec]
markdown_extensions: [admonition, pymdownx.details, pymdownx.superfences]
"""
BROKEN = """
??? success "Answer"

    ```python exec="on" source="above" result="text"
    print(1 / 0)
    ```
"""
FIGURE = """
```python exec="on" html="on"
from tools.figures.chomsky import hierarchy

print(hierarchy())
```
"""


TIME = """
```python exec="on" result="text"
import time

print(time.time_ns())
```
"""


def built(folder: Path, page: str, settings: str = SETTINGS) -> tuple[int, str]:
    """Build a site of one page quietly; return the exit code and stderr."""
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs/index.md").write_text(page)
    (folder / "mkdocs.yml").write_text(settings)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    env = {**os.environ, FOLDER: str(folder / "outputs")}
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    return ended.returncode, ended.stderr


def times(page: str) -> list[str]:
    """Return the times printed on a page."""
    return re.findall(r"\d{19}", page)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site that is built without a warning."""
    folder = tmp_path_factory.mktemp("specimen")
    notebook = "[notebook](examples/01_one_hot.ipynb)\n"
    page = notebook + BROKEN.replace("1 / 0", "6 / 4") + FIGURE + TIME
    assert built(folder, page, SETTINGS + BLOCKS) == (0, "")
    return folder


def test_examples_can_be_downloaded_as_notebooks(folder: Path) -> None:
    assert (folder / "site/examples/01_one_hot.ipynb").exists()


def test_dead_links_fail_a_quiet_strict_build(tmp_path: Path) -> None:
    targets = ["none.md", "#none", "examples/none.ipynb"]
    code, stderr = built(tmp_path, "\n\n".join(f"[dead]({target})" for target in targets))
    assert code == 1
    assert all(f"'{target}'" in stderr for target in targets)


def test_build_runs_code_blocks(folder: Path) -> None:
    assert ">1.5" in (folder / "site/index.html").read_text()


def test_failing_block_fails_the_build_even_if_folded(tmp_path: Path) -> None:
    code, stderr = built(tmp_path, BROKEN, SETTINGS + BLOCKS)
    assert code == 1
    assert "ZeroDivisionError" in stderr
    assert 'File "docs/index.md", line 5, in <module>' in stderr


def test_code_of_a_figure_is_folded_below_it(folder: Path) -> None:
    page = (folder / "site/index.html").read_text()
    figure, fold = page.partition("<svg")[2].partition('<details class="note">')[::2]
    assert "</svg>" in figure
    assert "<summary>The code of this figure</summary>" in fold
    assert "hierarchy" in fold.partition("</details>")[0]


def test_outputs_are_used_again_in_the_next_build(folder: Path) -> None:
    (before,) = times((folder / "site/index.html").read_text())
    assert built(folder, f"New prose. {TIME}", SETTINGS + BLOCKS) == (0, "")
    page = (folder / "site/index.html").read_text()
    assert times(page) == [before]
    assert "New prose" in page
