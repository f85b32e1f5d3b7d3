from __future__ import annotations

import errno
import json
import math
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtoys import (
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    generate,
    get_task,
    list_tasks,
    load,
    load_history,
    save,
)
from seqtoys.__main__ import main
from seqtoys.models.elman.backprop import Backprop
from seqtoys.tasks.reber import reber
from seqtoys.training.interrupt import Interrupts

Shown = pytest.CaptureFixture[str]
TEXT = "to be, or not to be"


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def facts_of(shown: Shown) -> Any:
    """Return the one JSON object on stdout."""
    line, nothing = shown.readouterr().out.split("\n")
    assert nothing == ""
    return json.loads(line)


def test_demo_shows_ihello_being_learned(capsys: Shown) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines() if line.startswith("epoch")]
    assert lines[0] == ["epoch", "1", "loss", "1.6925", "llllll"]
    assert lines[-1] == ["epoch", "35", "loss", "0.5926", "ihello"]
    assert "Memorized 'hihello': all 6 next symbols (100 epochs)." in shown.out
    assert shown.err == ""


def test_learn_memorizes_a_user_text(capsys: Shown) -> None:
    assert main(["learn", TEXT]) == 0
    shown = capsys.readouterr()
    assert f"Memorized '{TEXT}': all 18 next symbols" in shown.out
    assert shown.out.startswith("step  symbol")
    assert all(re.match(r"epoch +\d+  loss \d", line) for line in shown.err.splitlines())
    seen = [line.split("  ", 2)[2] for line in shown.err.splitlines()]
    assert len(seen) > 3
    assert all(a != b for a, b in pairwise(seen))


def test_exit_code_is_1_if_not_learned(capsys: Shown) -> None:
    assert main(["learn", TEXT, "--epochs", "2", "--hidden", "1"]) == 1
    assert "Not memorized: " in capsys.readouterr().out


@pytest.mark.type_checked
def test_several_texts_are_learned_to_their_optimum(capsys: Shown) -> None:
    assert main(["learn", "hat", "hot", "hut"]) == 0
    match = re.search(r"Learned 3 texts: (\S+) nats per symbol, (\S+) a", capsys.readouterr().out)
    assert match is not None
    loss, excess = match.groups()
    assert float(loss) == pytest.approx(0.5493 + float(excess), abs=1e-4)  # ln 3 / 2
    assert float(excess) <= 0.05
    assert main(["learn", "hat", "hot", "hut", "--epochs", "2"]) == 1
    assert "\nNot learned: " in capsys.readouterr().out


def test_learn_reads_a_text_file(tmp_path: Path, capsys: Shown) -> None:
    file = tmp_path / "text.txt"
    file.write_text("eins\nzwölf\n", encoding="utf-8")
    assert main(["learn", str(file)]) == 0
    assert r"Memorized 'eins\nzwölf': all 9 next symbols" in capsys.readouterr().out


def test_long_file_is_trained_in_chunks(tmp_path: Path, capsys: Shown) -> None:
    file, saved = tmp_path / "book.txt", str(tmp_path / "book")
    file.write_text("the early bird catches the worm " * 200)
    command = ["learn", str(file), "--validation", "0", "--epochs", "3", "--save", saved]
    assert main(command) == 1
    shown = capsys.readouterr()
    history: Any = load_history(saved)
    assert (history.settings["chunk"], history.settings["batch_size"]) == (100, 6)
    right = round(history.accuracy[-1] * 6399)
    assert f"Not memorized: {right:,} of 6,399 next symbols. Ran all 3 epochs" in shown.out
    assert "symbol  predicted" not in shown.out


@pytest.mark.type_checked
def test_learn_saves_and_prints_json(tmp_path: Path, capsys: Shown) -> None:
    saved = str(tmp_path / "model")
    assert main(["learn", TEXT, "--epochs", "12", "--save", saved, "--json", "--seed", "5"]) == 1
    facts = facts_of(capsys)
    model: Any = load(saved)
    assert model.seed == 5
    right = sum(a == b for a, b in zip(model.predict(TEXT[:-1]), TEXT[1:], strict=True))
    probabilities = torch.tensor(model.trace(TEXT[:-1]).probabilities)
    loss = -probabilities[range(18), model.vocab.encode(TEXT[1:])].log().mean().item()
    assert 0 < right < 18
    assert facts == {
        "learned": False,
        "symbols": 18,
        "right": right,
        "loss": pytest.approx(loss, rel=1e-5),
        "optimum": 0.0,
        "epochs": 12,
        "stopped": "epochs",
    }
    assert len(load_history(saved)) == 12


def test_tasks_lists_every_task_with_level_and_optimum(capsys: Shown) -> None:
    assert main(["tasks"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["task", "level", "optimum", "description"]
    assert [line.split()[0] for line in lines] == list(list_tasks())
    assert all(
        line.endswith(f"  {about}")
        for line, about in zip(lines, list_tasks().values(), strict=True)
    )
    assert lines[5].split()[:3] == ["reber", "regular", "0.5941"]
    assert main(["tasks", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["task"] for row in rows] == list(list_tasks())
    assert rows[0]["vocab"] == list("hielo")
    assert rows[0]["lengths"] == [6, 6]


@pytest.mark.parametrize("columns", [30, 80, 140])
def test_tables_fit_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = " ".join(" ".join(line.split()) for line in lines)
    assert all(f"{name} " in words for name in list_tasks())
    for about in list_tasks().values():
        assert " ".join(about.split()) in words
    assert len(max(lines, key=len)) <= max(columns, 58)  # names, and as much again
    assert ("optimum" in lines[0]) == (columns == 140)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["tasks", "sentences"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) == 80  # the samples, cut off
    assert shown.replace("\n", " ").startswith(
        f"sentences: {list_tasks()['sentences']} Elman 1990"
    )


@pytest.mark.type_checked
def test_tasks_describes_one_task(capsys: Shown) -> None:
    assert main(["tasks", "hihello"]) == 0
    shown = capsys.readouterr().out
    assert "tutorial example; finite; 6 symbols of Vocab('hielo')" in shown
    assert shown.count("inputs   hihell\ntargets  ihello\n") == 3
    assert shown.endswith(
        "optimum              0.0000 nats per scored symbol\n"
        "best without memory  0.4621\n"
        "chance               33.3% accuracy\n\n"
        "Next: python -m seqtoys train hihello\n"
        "  8 tanh units, 200 batches of 128, lr 0.05\n"
    )


@pytest.mark.type_checked
def test_tasks_describes_one_task_as_json(capsys: Shown) -> None:
    samples = []
    for seed in ("1", "2"):
        assert main(["tasks", "reber", "--json", "--seed", seed]) == 0
        facts = facts_of(capsys)
        samples.append(facts["samples"])
        for sample in facts["samples"]:
            assert sample["inputs"][1:] == sample["targets"][:-1]
            assert reber().accepts("".join([*sample["inputs"], "E"]))
    assert samples[0] != samples[1]
    assert facts["optimum"] == pytest.approx(0.5941, abs=1e-4)
    assert facts["memoryless"] == {"value": pytest.approx(1.1640, abs=1e-4), "standard_error": 0}
    assert main(["tasks", "parity", "--json"]) == 0
    targets = facts_of(capsys)["samples"][0]["targets"]
    assert targets[:-1] == [None] * (len(targets) - 1)
    assert targets[-1] in ("0", "1")


def test_train_reports_the_excess_of_one_network(tmp_path: Path, capsys: Shown) -> None:
    saved = str(tmp_path / "model")
    arguments = ["train", "reber", "--hidden", "4", "--seed", "3", "--save", saved]
    assert main([*arguments, "--epochs", "2"]) == 1
    shown = capsys.readouterr()
    model: Any = load(saved)
    report = evaluate(model, get_task("reber"), count=1000)
    assert f"\n\n{report}\n\nNot solved: {report.seen.excess} nats above the optimum" in shown.out
    assert shown.err == f"reber: 4 tanh units, 2 batches of 64, lr 0.01\nsaved to {saved}\n"
    assert model.seed == 3
    assert main(["train", "hihello", "--lr", "0.05"]) == 0
    assert "\nSolved: " in capsys.readouterr().out


def test_train_reports_every_seed(tmp_path: Path, capsys: Shown) -> None:
    saved = str(tmp_path / "models")
    arguments = ["train", "reber", "--seeds", "6", "--seed", "4", "--hidden", "4", "--lr", "0.03"]
    arguments += ["--epochs", "60", "--goal", "0.1", "--save", saved]
    code = main([*arguments, "--json"])
    facts = facts_of(capsys)
    ensemble: Any = load(saved)
    assert list(ensemble.seeds) == facts["seeds"] == [4, 5, 6, 7, 8, 9]
    reports = evaluate(ensemble, get_task("reber"), count=200)
    assert facts["reports"] == [json.loads(report.to_json()) for report in reports]
    solved = [report.seen.excess <= 0.1 for report in reports]
    assert facts["solved"] == solved
    assert facts["epochs"] == load_history(saved).epochs.tolist()  # type: ignore[union-attr]
    assert facts["stopped"] == load_history(saved).stopped
    assert 0 < sum(solved) < 6
    assert code == 0

    assert main(arguments) == 0
    _, *rows = capsys.readouterr().out.split("\n\n")[0].splitlines()
    excess = sorted(report.scores["length 38"].excess for report in reports)
    near = sum(value <= 0.1 for value in excess) / 6
    assert [row.partition("  ")[0] for row in rows] == list(reports[0].scores)
    assert rows[1].split()[2] == f"{near:.1%}"
    assert rows[1].split()[3] == f"{excess[0]:.4f}"
    assert rows[1].split()[5] == f"{excess[-1]:.4f}"


@pytest.mark.type_checked
def test_train_reports_the_solve_rate(capsys: Shown) -> None:
    assert main(["train", "hihello", "--seeds", "3", "--epochs", "60"]) == 0
    assert (
        "hihello: solved by 100.0% of 3 (95% interval 29.2 to 100.0%): at most 0.02 "
        "nats above the optimum 0.0000 on strings like those in training. Baselines: loss 0.4621 "
        "without memory, accuracy 33.3% by guessing.\n"
    ) in capsys.readouterr().out
    assert main(["train", "hihello", "--seeds", "3", "--epochs", "2"]) == 1


@pytest.fixture
def saved_model(tmp_path: Path) -> str:
    """Save a model whose weights are large enough that it prefers some symbols."""
    model = ElmanCharModel(Vocab("hielo"), hidden_size=7, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    save(model, tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.type_checked
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--temperature", "0"], {"temperature": 0}),
        (["--temperature", "0.5", "--top-k", "2"], {"temperature": 0.5, "top_k": 2}),
        (["--stop", "lo"], {"stop": "lo"}),
    ],
)
def test_sample_prints_the_prompt_and_its_continuation(
    arguments: list[str], options: dict[str, Any], saved_model: str, capsys: Shown
) -> None:
    model: Any = load(saved_model)

    def expected(prompt: str, length: int, seed: int, **more: Any) -> Any:
        generator = torch.Generator().manual_seed(seed)
        return generate(model, prompt, length, generator=generator, **options, **more)

    assert main(["sample", saved_model, *arguments]) == 0
    assert capsys.readouterr().out == f"h{expected('h', 200, 0)}\n"
    rest = ["--prompt", "ell", "--length", "30", "--seed", "7", *arguments]
    assert main(["sample", saved_model, *rest]) == 0
    assert capsys.readouterr().out == f"ell{expected('ell', 30, 7)}\n"
    assert main(["sample", saved_model, "--num", "3", *rest]) == 0
    texts = expected("ell", 30, 7, num=3)
    assert capsys.readouterr().out.splitlines() == [f"ell{text}" for text in texts]
    assert main(["sample", saved_model, "--num", "3", "--json", *rest]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [{"prompt": "ell", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (["--num", "0"], "expected num to be a positive integer, got 0"),
        (["--prompt", "xyz"], "'x' at position 0 of 'xyz' is not among the 5 symbols 'hielo'"),
        (["--top-k", "9"], "expected top_k to be an integer from 1 to 5, got 9"),
    ],
)
def test_bad_options_are_named_before_anything_is_printed(
    option: list[str], line: str, saved_model: str, capsys: Shown
) -> None:
    assert main(["sample", saved_model, *option]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"seqtoys: {line}\n")


def test_sample_of_words_and_of_an_ensemble(tmp_path: Path, capsys: Shown) -> None:
    file, vocab = str(tmp_path / "model"), Vocab(["boy", "sees", "dog"])
    save(ElmanCharModel(vocab, seed=1), file)
    arguments = ["sample", file, "--prompt", "dog sees", "--length", "9", "--stop", "boy dog"]
    assert main(arguments) == 0
    words = generate(ElmanCharModel(vocab, seed=1), ["dog", "sees"], 9, stop=["boy", "dog"])
    assert capsys.readouterr().out == f"dog sees {' '.join(words)}\n"
    save(ElmanEnsemble(vocab, [4, 5]), file)
    texts: Any = generate(ElmanEnsemble(vocab, [4, 5]), ["boy"], 9, num=2)
    assert main(["sample", file, "--length", "9", "--num", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"seed {seed}  boy {' '.join(text)}"
        for seed, of_seed in zip((4, 5), texts, strict=True)
        for text in of_seed
    ]
    assert main(["sample", file, "--length", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["seed"], row["prompt"]) for row in rows] == [(4, "boy"), (5, "boy")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["learn", "h"], "expected texts of at least two symbols"),
        (["learn", ""], "expected texts of at least two symbols"),
        (["learn", "hi", "--lr", "0"], "expected lr to be a positive finite number, got 0.0"),
        (["learn", "hi", "--hidden", "0"], "expected hidden_size to be a positive integer"),
        (["learn", "hi", "--save", "no/such/folder"], "can't write no/such/folder: No such file"),
        (["tasks", "rebber"], "no task is named 'rebber'; did you mean 'reber'?"),
        (["train", "rebber"], "no task is named 'rebber'; did you mean 'reber'?"),
        (["train", "reber", "--seeds", "0"], "expected at least one seed, got none"),
        (
            ["train", "reber", "--goal", "0"],
            "expected --goal to be a positive finite number, got 0",
        ),
        (["sample", "no/such"], "expected a model file at no/such, found nothing"),
    ],
)
def test_invalid_input_prints_one_line(arguments: list[str], line: str, capsys: Shown) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"seqtoys: {line}")
    assert shown.err.count("\n") == 1


def test_binary_or_empty_file_prints_one_line(tmp_path: Path, capsys: Shown) -> None:
    (tmp_path / "image").write_bytes(b"GIF\xff\x00")
    assert main(["learn", str(tmp_path / "image")]) == 2
    assert capsys.readouterr().err.startswith(
        f"seqtoys: can't read {tmp_path / 'image'} as utf-8: byte 0xff at offset 3"
    )
    (tmp_path / "empty").write_text("\n")
    assert main(["learn", str(tmp_path / "empty")]) == 2


@pytest.mark.parametrize(
    "arguments",
    [["learn"], ["teach"], ["learn", "hi", "--lr", "x"], ["train"], ["sample"], ["tasks", "--no"]],
)
def test_invalid_arguments_print_one_line(arguments: list[str], capsys: Shown) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m seqtoys")
    assert error.endswith("; see --help\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["learn", "hihello"], ["train", "hihello", "--seeds", "2"]])
def test_ctrl_c_saves_and_shows_the_training_so_far(
    arguments: list[str], tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, saved = Backprop.loss_and_predictions, str(tmp_path / "model")

    def pressed(self: Backprop) -> object:
        signal.raise_signal(signal.SIGINT)
        return measure(self)

    monkeypatch.setattr(Backprop, "loss_and_predictions", pressed)
    assert main([*arguments, "--save", saved]) == 130
    shown = capsys.readouterr()
    told = " ".join(shown.out.split())
    assert "Interrupted after epoch" in told or "as in training" in told
    monkeypatch.setattr(Interrupts, "_last", -math.inf)  # or this would be the second press
    assert main([]) == 130  # the introductory example, too
    assert "Memorized" not in capsys.readouterr().out
    assert f"saved to {saved}; run the same command with --resume to continue\n" in shown.err
    assert list(load(saved).vocab) == list("hielo")


def test_ctrl_c_outside_training_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, saved_model: str
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seqtoys.cli.sample.stream", pressed)
    assert main(["sample", saved_model]) == 130


def test_sigint_prints_json_saves_and_exits_with_130(tmp_path: Path) -> None:
    saved = tmp_path / "models"
    command = [sys.executable, "-m", "seqtoys", "train", "reber", "--seeds", "3", "--json"]
    command += ["--save", str(saved), "--epochs", "99999", "--goal", "1e-9"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as program:
        while not saved.exists() and program.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert set(json.loads(out)["stopped"]) == {"interrupted"}
    told = "reber: 32 tanh units, 99,999 batches of 64, lr 0.01\n"
    assert err == f"{told}saved to {saved}; run the same command with --resume to continue\n"
    ensemble: Any = load(saved)
    assert ensemble.seeds == (0, 1, 2)


def press_at(update: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C in an update, counted from now."""
    measure, count = Backprop.loss_and_predictions, 0

    def pressed(self: Backprop) -> object:
        nonlocal count
        count += 1
        if count == update:
            signal.raise_signal(signal.SIGINT)
        return measure(self)

    monkeypatch.setattr(Backprop, "loss_and_predictions", pressed)


@pytest.mark.parametrize("arguments", [["learn", TEXT], ["train", "reber", "--seeds", "2"]])
def test_repeated_command_does_not_overwrite_an_unfinished_training(
    arguments: list[str], tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "model"
    command = [*arguments, "--save", str(saved), "--lr", "1e-4"]
    with monkeypatch.context() as patched:
        press_at(61, patched)
        assert main([*command, "--epochs", "80"]) == 130
    content = saved.read_bytes()
    capsys.readouterr()
    assert main([*command, "--epochs", "80"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"seqtoys: can't write {saved}: it holds an unfinished training run of 61 epochs; choose "
        "another file, or pass --resume to continue a training run or --force to replace it\n"
    )
    assert saved.read_bytes() == content
    with monkeypatch.context() as patched:
        press_at(10, patched)
        assert main([*command, "--epochs", "80", "--resume"]) == 130
    assert 61 < len(load_history(saved).lr) < 80
    for epochs in (80, 90):
        assert main([*command, "--epochs", str(epochs), "--resume"]) == 1
        assert len(load_history(saved).lr) == epochs
    resumed = load(saved).state_dict()
    assert main([*command, "--epochs", "90"]) == 1  # the training has finished
    whole = load(saved).state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_force_replaces_an_unfinished_training(
    tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "model"
    command = ["learn", TEXT, "--save", str(saved), "--epochs", "9"]
    with monkeypatch.context() as patched:
        press_at(5, patched)
        assert main(command) == 130
    assert main([*command, "--force"]) == 1
    assert len(load_history(saved).lr) == 9
    assert f"saved to {saved}\n" in capsys.readouterr().err


def test_save_does_not_overwrite_texts(tmp_path: Path, capsys: Shown) -> None:
    text, link, notes = (tmp_path / name for name in ("text.txt", "link.txt", "notes.txt"))
    text.write_text("to be or not")
    notes.write_text("my notes")
    link.symlink_to(text)
    for saved in (text, link):
        assert main(["learn", "hihello", str(text), "--save", str(saved)]) == 2
        assert capsys.readouterr().err == (
            f"seqtoys: --save would overwrite {saved}, which is a text to learn; choose another "
            "file, or pass --force to replace it\n"
        )
    assert main(["learn", "hihello", "--save", str(notes)]) == 2
    assert "it holds data that seqtoys did not write or can't read" in capsys.readouterr().err
    assert (text.read_text(), notes.read_text()) == ("to be or not", "my notes")
    assert main(["learn", str(text), "--save", str(text), "--force", "--epochs", "1"]) == 1
    assert len(load_history(text).lr) == 1


def test_resume_without_a_file_starts_a_new_training(tmp_path: Path, capsys: Shown) -> None:
    saved = tmp_path / "model"
    command = ["learn", "hihello", "--epochs", "2", "--save", str(saved), "--resume"]
    assert main(command) == 1
    told = f"nothing to resume at {saved}: starting a new training run\n"
    assert told in capsys.readouterr().err
    assert main([*command, "--lr", "0.5"]) == 2
    assert "got different ones: lr was 0.01 and is 0.5" in capsys.readouterr().err
    for option in ("--resume", "--force"):
        assert main(["learn", "hihello", option]) == 2
        assert capsys.readouterr().err == "seqtoys: --resume and --force need --save FILE\n"


@pytest.mark.skipif(os.name != "posix", reason="named pipes and sockets")
def test_learn_reads_pipes_but_no_other_special_files(
    tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('to be or\\n')"]
    with subprocess.Popen(command):
        assert main(["learn", str(pipe)]) == 0
    assert "Memorized 'to be or': all 7 next symbols" in capsys.readouterr().out
    assert main(["learn", "hihello", "--save", str(pipe)]) == 2
    assert f"can't write {pipe}: it is a named pipe, not a regular file" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    monkeypatch.chdir(tmp_path)  # since long names are abbreviated
    for name, kind in (("socket", "a socket"), (".", "a directory")):
        assert main(["learn", name]) == 2
        assert capsys.readouterr().err == (
            f"seqtoys: expected a text or the name of a text file, got {name!r}, which is {kind}\n"
        )


def test_text_over_the_size_limit_is_rejected(
    tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqtoys.cli.reading.MOST", 9)
    (tmp_path / "text").write_text("to be or not")
    assert main(["learn", str(tmp_path / "text")]) == 2
    assert "expected a text of at most 9 bytes, got more from" in capsys.readouterr().err


def test_closed_output_pipe_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["tasks"]) == 0  # and the file can be closed, as at program exit


def test_main_module_exits_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["seqtoys", "learn", "h"])
    monkeypatch.delitem(sys.modules, "seqtoys.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("seqtoys", run_name="__main__")
    assert caught.value.code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_output_device_prints_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "seqtoys", "tasks"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "seqtoys: can't write the output: No space left on device\n"


def test_failed_output_is_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    with open(tmp_path / "output", "w") as output:

        class Full:
            def write(self, text: str) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

            def flush(self) -> None:
                """Do nothing: there is nothing to flush."""

            def fileno(self) -> int:
                return output.fileno()

        monkeypatch.setattr(sys, "stdout", Full())
        assert main(["tasks"]) == 1
        output.write("discarded")
    assert capsys.readouterr().err == "seqtoys: can't write the output: No space left on device\n"
    assert (tmp_path / "output").read_text() == ""


def test_nan_goal_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "parity", "--goal", "nan"]) == 2
    assert "expected --goal to be a positive finite number, got nan" in capsys.readouterr().err


def test_empty_path_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "hihello", "--save", ""]) == 2
    assert "the path is empty; choose another path" in capsys.readouterr().err
