"""The command card: a score card of a model of one's own, printed and written to files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seqtoys.cli import card as command
from seqtoys.cli.program import main
from seqtoys.results import CardRow, Estimate, ScoreCard

pytestmark = pytest.mark.usefixtures("unchecked")

FACTORY = "seqtoys:ElmanCharModel"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Replace the measurement: the command is tested here, the scores elsewhere."""

    def replaced(*rows: CardRow, seeds: int = 1) -> list[dict[str, Any]]:
        calls = list[dict[str, Any]]()

        def scorecard(make_model: Any, **options: Any) -> ScoreCard:
            calls.append({"make_model": make_model, **options})
            return ScoreCard("Net", "quick", ["add"], list(range(seeds)), list(rows))

        monkeypatch.setattr(command, "scorecard", scorecard)
        return calls

    return replaced


SOLVED = CardRow("add", "quick", 0, score=Estimate(99.0), solved=True, updates=5, seconds=0.5)


def test_card_is_printed_and_written(
    measured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = measured(SOLVED)
    page, data = tmp_path / "card.html", tmp_path / "card.json"
    arguments = ["card", FACTORY, "--workers", "1", "--skills", "add, keep", "--seeds", "2"]
    arguments += ["--html", str(page), "--json", str(data), "--path", "rows.jsonl", "--full"]
    assert main(arguments) == 0
    (call,) = calls
    assert call.pop("make_model").__name__ == "ElmanCharModel"
    assert call == {
        "seeds": range(2),
        "level": "full",
        "skills": ["add", "keep"],
        "executor": None,
        "path": "rows.jsonl",
    }
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(data.read_text())["scorecard"]["model"] == "Net"
    printed = capsys.readouterr()
    assert printed.out.startswith("Net: 1 of 1 skill solved")
    assert printed.err == f"wrote {data}\nwrote {page}\n"


def test_defaults_are_quick_with_all_skills_in_processes(
    measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = measured(SOLVED)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert main(["card", FACTORY]) == 0
    (call,) = calls
    assert (call["level"], call["skills"], call["seeds"]) == ("quick", None, range(3))
    assert isinstance(call["executor"], ProcessPoolExecutor)


def test_exit_code_is_that_of_the_outcome(measured: Any) -> None:
    arguments = ["card", FACTORY, "--workers", "1"]
    measured(CardRow("add", "quick", 0, error="no room"))
    assert main(arguments) == 1
    measured(SOLVED, seeds=2)  # a row is missing: Ctrl-C was pressed
    assert main(arguments) == 130


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([FACTORY, "--html", "."], "can't write .: it is a folder; give the path of a file in it"),
        (
            ["nowhere:make"],
            "cannot import nowhere: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (["make"], "expected module:name, such as mypackage.mymodule:make_model, got 'make'"),
        ([FACTORY, "--seeds", "0"], "expected --seeds to be a positive integer, got 0"),
        ([FACTORY, "--workers", "0"], "expected --workers to be a positive integer, got 0"),
        ([FACTORY, "--html", "no/such/card.html"], "can't write no/such/card.html: there is no "),
        ([FACTORY, "--workers", "1", "--skills", "dance"], "expected skills to be 'keep', 'reve"),
    ],
)
def test_bad_input_ends_with_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"seqtoys: {message}")
    assert printed.err.count("\n") == 1


def test_read_only_file_is_noticed_before_training(
    measured: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The permissions are replaced, as they do not apply to root."""
    calls, page = measured(SOLVED), tmp_path / "card.html"
    page.touch()
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != page)
    assert main(["card", FACTORY, "--workers", "1", "--html", str(page)]) == 2
    assert capsys.readouterr().err == (
        f"seqtoys: can't write {page}: permission denied; use another path\n"
    )
    assert calls == []


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_named_pipe_is_noticed_before_training(
    measured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, pipe = measured(SOLVED), tmp_path / "card.html"
    os.mkfifo(pipe)
    assert main(["card", FACTORY, "--workers", "1", "--html", str(pipe)]) == 2
    reason = "it is a named pipe, not a regular file; choose another path"
    assert capsys.readouterr().err == f"seqtoys: can't write {pipe}: {reason}\n"
    assert calls == []


def test_help_does_not_load_torch() -> None:
    code = (
        "import sys\n"
        "from seqtoys.cli.program import main\n"
        "try:\n    main(['card', '--help'])\n"
        "except SystemExit:\n    assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "MODULE:NAME" in done.stdout
