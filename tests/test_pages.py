"""Errors in the pages fail the build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
from tools.automata import hierarchy

print(hierarchy())
```
"""


def built(folder: Path, page: str, settings: str = SETTINGS) -> tuple[int, str]:
    """Build a site of one page quietly; return the exit code and stderr."""
    (folder / "docs").mkdir()
    (folder / "docs/index.md").write_text(page)
    (folder / "mkdocs.yml").write_text(settings)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return ended.returncode, ended.stderr


def test_examples_can_be_downloaded_as_notebooks(tmp_path: Path) -> None:
    assert built(tmp_path, "[notebook](examples/01_one_hot.ipynb)") == (0, "")
    assert (tmp_path / "site/examples/01_one_hot.ipynb").exists()


def test_dead_links_fail_a_quiet_strict_build(tmp_path: Path) -> None:
    targets = ["none.md", "#none", "examples/none.ipynb"]
    code, stderr = built(tmp_path, "\n\n".join(f"[dead]({target})" for target in targets))
    assert code == 1
    assert all(f"'{target}'" in stderr for target in targets)


def test_build_runs_code_blocks(tmp_path: Path) -> None:
    assert built(tmp_path, BROKEN.replace("1 / 0", "6 / 4"), SETTINGS + BLOCKS) == (0, "")
    assert ">1.5" in (tmp_path / "site/index.html").read_text()


def test_failing_block_fails_the_build_even_if_folded(tmp_path: Path) -> None:
    code, stderr = built(tmp_path, BROKEN, SETTINGS + BLOCKS)
    assert code == 1
    assert "ZeroDivisionError" in stderr


def test_code_of_a_figure_is_folded_below_it(tmp_path: Path) -> None:
    assert built(tmp_path, FIGURE, SETTINGS + BLOCKS) == (0, "")
    page = (tmp_path / "site/index.html").read_text()
    figure, fold = page.partition("<svg")[2].partition('<details class="note">')[::2]
    assert "</svg>" in figure
    assert "<summary>The code of this figure</summary>" in fold
    assert "hierarchy" in fold.partition("</details>")[0]
