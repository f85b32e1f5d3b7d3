"""The process of a command: imports, Ctrl-C, and outputs that are closed, full or not in UTF-8."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest

from seqtoys import list_tasks
from seqtoys.cli import process
from seqtoys.cli.program import main

PRESSED = """
import importlib.abc, runpy, signal, sys

class Press(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
sys.argv = ["seqtoys", "tasks", "parity"]
runpy.run_module("seqtoys", run_name="__main__")
"""


@pytest.fixture(autouse=True)
def ctrl_c_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_help_version_and_errors_do_not_load_pytorch() -> None:
    done = run_python(
        "import sys; from seqtoys.cli.program import main\n"
        "for line in '--help', '--version', 'learn --help', 'learn', 'no':\n"
        "    try: main(line.split())\n"
        "    except SystemExit as end: print(end.code, file=sys.stderr)\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "import seqtoys; assert seqtoys.Vocab('h') and 'torch' in sys.modules"
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[:3] == ["0", "0", "0"]


@pytest.mark.parametrize("module", ["argparse", "torch"])
def test_ctrl_c_while_loading_ends_without_a_traceback(module: str) -> None:
    done = run_python(PRESSED.format(module=module))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_before_a_command_runs_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.exit_on_interrupt()
    signal.raise_signal(signal.SIGINT)
    assert codes == []  # it was ignored from the start, as after nohup
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.exit_on_interrupt()
    signal.raise_signal(signal.SIGINT)
    assert codes == [130]


def test_ctrl_c_raises_again_while_a_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: object) -> int:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("Ctrl-C did not raise")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.exit_on_interrupt()
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    monkeypatch.setattr("seqtoys.cli.tasks.run", press)
    assert process.run(lambda: main(["tasks"])) == 130


def test_ctrl_c_while_python_exits_is_ignored() -> None:
    done = run_python(
        "import atexit, signal; from seqtoys.cli import process, program\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)  # runs last\n"
        "process.run(lambda: program.main(['--version']))"
    )
    assert (done.returncode, done.stderr) == (0, "")


def printed(arguments: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a command prints to a pipe with this encoding."""
    pipe = TextIOWrapper(BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(sys, "stderr", TextIOWrapper(BytesIO(), encoding))
    assert process.run(lambda: main(arguments)) == 0
    return pipe.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-16", "utf-8"])
def test_any_text_can_be_printed_in_any_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = "a ± ä…\udcff"  # the last is an undecodable byte of the command line
    shown = printed(["learn", text], encoding, monkeypatch)
    assert max(map(len, shown.splitlines())) <= 80
    assert "␣" in shown if encoding.startswith("utf") else "  _  " in shown  # of the trace
    assert "A sample" in shown
    assert r"\udcff" in shown
    facts = json.loads(printed(["learn", text, "--json"], encoding, monkeypatch))
    assert facts["symbols"] == 6
    listed = printed(["tasks"], encoding, monkeypatch)
    assert max(map(len, listed.splitlines())) <= 80
    assert listed.count("\n") > len(list_tasks())


def test_json_keeps_every_symbol_in_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = str(tmp_path / "model")
    printed(["learn", "zäh…z", "--save", saved], "utf-8", monkeypatch)
    rest = ["--json", "--prompt", "zäh", "--length", "1"]
    lines = [printed(["sample", saved, *rest], name, monkeypatch) for name in ("ascii", "utf-8")]
    assert lines[0].isascii()
    assert json.loads(lines[0]) == json.loads(lines[1])


def test_our_own_symbols_have_replacements() -> None:
    assert "±…·␣→é😀".encode("ascii", "seqtoys") == rb"+-...._->\xe9\U0001f600"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "seqtoys")


def test_closed_outputs_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert process.run(lambda: main(["tasks", "parity"])) == 0
    sys.stdout.close()
    sys.stderr.close()


def test_outputs_of_other_kinds_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()  # as a notebook's, it has no encoding
    monkeypatch.setattr(sys, "stdout", out)
    assert process.run(lambda: main(["tasks", "parity"])) == 0
    assert out.getvalue().startswith("parity: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_outputs_end_with_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, code in (["--help"], 1), (["tasks", "parity"], 1), (["learn", "no.txt"], 2):
        with monkeypatch.context() as patched, open("/dev/full", "w") as out:
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", os.fdopen(os.dup(out.fileno()), "w"))
            assert main(arguments) == code
            sys.stderr.close()  # does not fail, since the rest is discarded


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_training_goes_on_without_messages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert main(["learn", "hihello", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["learned"]
