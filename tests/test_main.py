from __future__ import annotations

import runpy
import signal
import subprocess
import sys

import pytest

from seqtoys.__main__ import main
from seqtoys.backprop import Backprop


def test_the_demonstration_shows_ihello_being_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines() if line.startswith("epoch")]
    assert lines[0] == ["epoch", "1", "loss", "1.6925", "llllll"]
    assert lines[-1] == ["epoch", "35", "loss", "0.5926", "ihello"]
    assert "Memorised 'hihello': all 6 next symbols (100 epochs)." in shown.out
    assert shown.err == ""


def test_learn_memorises_a_text_of_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "to be, or not to be"]) == 0
    assert "Memorised 'to be, or not to be': all 18 next symbols" in capsys.readouterr().out


def test_exit_code_1_if_it_was_not_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "to be, or not to be", "--epochs", "2", "--hidden", "1"]) == 1
    assert "Not memorised: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["learn", "h"], "expected texts of at least two symbols"),
        (["learn", ""], "expected texts of at least two symbols"),
        (["learn", "hi", "--lr", "0"], "expected lr to be a positive finite number, got 0.0"),
        (["learn", "hi", "--hidden", "0"], "expected hidden_size to be a positive integer"),
    ],
)
def test_bad_input_gives_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"seqtoys: {line}")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["learn"], ["teach"], ["learn", "hi", "--lr", "x"]])
def test_bad_arguments_give_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.endswith("; --help explains\n")
    assert error.count("\n") == 1


def test_ctrl_c_shows_what_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = Backprop.measure

    def pressed(self: Backprop) -> object:
        signal.raise_signal(signal.SIGINT)
        return measure(self)

    monkeypatch.setattr(Backprop, "measure", pressed)
    assert main(["learn", "hihello"]) == 130
    assert "1 epochs" in capsys.readouterr().out


def test_python_m_seqtoys() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "seqtoys", "--help"], capture_output=True, text=True, check=True
    )
    assert "learn" in run.stdout


def test_it_leaves_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["seqtoys", "learn", "h"])
    monkeypatch.delitem(sys.modules, "seqtoys.__main__")
    with pytest.raises(SystemExit) as left:
        runpy.run_module("seqtoys", run_name="__main__")
    assert left.value.code == 2
