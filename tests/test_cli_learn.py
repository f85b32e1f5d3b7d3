"""learn: what it reads, what it holds out, and what it writes at the end."""

from __future__ import annotations

import json
import re
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from seqtoys import ElmanCharModel, Vocab, load, load_history, save
from seqtoys.cli.program import main
from seqtoys.cli.reading import read
from seqtoys.errors import DataError

Shown = pytest.CaptureFixture[str]
NAMES = ["Ada", "Grace", "Alan", "Anna", "Hanna", "Dan", "Nora", "Leah", "Clara", "Hal"] * 2
POEM = "Twinkle, twinkle, little star,\nHow I wonder what you are!\n" * 3


@pytest.fixture(autouse=True)
def at_80_columns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "argument",
    ["boook.txt", "../poem", "no/poem", "~poem", "names*", "and/or", "C:\\poem", "my poem.md"],
)
def test_a_path_that_cannot_be_read_is_an_error(argument: str, capsys: Shown) -> None:
    is_quoted = argument in ("~poem", "names*")  # or the shell would have replaced it
    hint = (
        "leave out the quotes, so that the shell replaces ~ and *"
        if is_quoted
        else "check the name"
    )
    assert main(["learn", argument]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"seqtoys: expected a text or the name of a file, got {argument!r}, which looks like a "
        f"file but can't be read (No such file or directory); {hint}, or pass --text if it is a "
        "text\n"
    )
    assert main(["learn", argument, "--text", "--epochs", "1"]) == 1


def test_a_misspelled_path_is_an_error_that_names_the_file(capsys: Shown) -> None:
    (Path("poems") / "old").mkdir(parents=True)
    Path("poems/book.txt").write_text("to be")
    for wrong in ("poems/boook.txt", "poems/BOOK.txt~"):
        assert main(["learn", wrong]) == 2
        error = capsys.readouterr().err
        assert ("; did you mean poems/book.txt? Or pass --text" in error) == ("~" not in wrong)


@pytest.mark.parametrize(
    "text",
    [
        "poem",
        "to be or not?",
        "a rose / is a rose",
        "3.14",
        "Yes. No.",
        "a.b c",
        "()[]",
        "a/b " * 99,
    ],
)
def test_other_arguments_are_texts(text: str) -> None:
    assert read(text, "utf-8") == text


def test_a_name_with_a_null_character_is_an_error() -> None:
    with pytest.raises(DataError, match=r"looks like a file but can't be read .*null"):
        read("poem\0.txt", "utf-8")


def test_an_unreadable_file_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    Path("poem").write_text("to be")
    monkeypatch.setattr("builtins.open", refuse)
    assert main(["learn", "poem"]) == 2
    assert capsys.readouterr().err == "seqtoys: can't read poem: Permission denied\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_files_are_read_without_marks_and_line_ends(encoding: str) -> None:
    Path("poem").write_bytes("\r\nzwölf\r\nBoxkämpfer\rjagen\n\n".encode(encoding))
    named = "utf-8" if encoding == "utf-8-sig" else encoding
    assert read("poem", named) == "\nzwölf\nBoxkämpfer\njagen"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a" * 9999 + b"\xff", "utf-8", "can't read poem as utf-8: byte 0xff at offset 9999 (in"),
        (b"h\0i\0", "utf-8", "expected a text, got a null character at position 1 of poem; if it"),
        (b"\xef\xbb\xbf\n", "utf-8", "expected a text, but poem is empty\n"),
        (b"hi", "utf-9", "can't read poem as utf-9: unknown encoding: utf-9\n"),
        (b"hi", "rot13", "can't read poem as rot13: 'rot13' is not a text encoding"),
        (b"hi\x80", "punycode", "can't read poem as punycode: "),
    ],
)
def test_what_is_no_text_is_an_error(
    content: bytes, encoding: str, message: str, capsys: Shown
) -> None:
    Path("poem").write_bytes(content)
    assert main(["learn", "poem", "--encoding", encoding]) == 2
    assert capsys.readouterr().err.startswith(f"seqtoys: {message}")


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO("zwölf\n".encode()), "ascii"))
    assert main(["learn", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == 4

    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", TextIOWrapper(Broken()))
    assert main(["learn", "-"]) == 2
    told = "seqtoys: can't read standard input: Input/output error\n"
    assert capsys.readouterr().err == told
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["learn", "-"]) == 2
    assert "on standard input (-), but it is closed" in capsys.readouterr().err


def test_lines_become_new_lines(capsys: Shown) -> None:
    Path("names.txt").write_text("\n\n".join(f" {name} " for name in NAMES))
    command = ["learn", "names.txt", "--lines", "--hidden", "8", "--save", "names"]
    assert main([*command, "--epochs", "30"]) == 0
    shown = capsys.readouterr()
    assert load("names").vocab == Vocab.from_text("\nAda\n", *NAMES)
    history: Any = load_history("names")
    assert (history.settings["batch_size"], history.settings["validation"]) == (32, 0.1)
    held_out = {NAMES[row] for row in history.held_out}
    assert len(held_out) == 1  # a tenth of the distinct names
    best = min(history.validation_loss)
    epoch = history.validation_loss.index(best) + 1
    assert f"held-out loss {best:.4f} nats per symbol at epoch {epoch} (" in shown.out
    assert f"held-out loss {history.validation_loss[0]:.4f}\n" in shown.err

    new = shown.out.split("Generated lines (temperature 0.7):\n\n")[1].split("\n\n10 samples")[0]
    lines = new.split("\n")
    copies = sum(line in NAMES and line not in held_out for line in lines)
    assert len(lines) == 10
    assert f"\n10 samples: {copies} among the training texts" in shown.out
    assert shown.out.endswith("\n  python -m seqtoys sample names --lines --num 20\n")

    assert main([*command, "--epochs", "40", "--resume"]) == 0
    assert len(load_history("names").lr) == 40
    capsys.readouterr()
    assert main(["sample", "names", "--lines", "--num", "5", "--prompt", "Ha"]) == 0
    assert all(re.fullmatch("Ha[A-Za-z]*", each) for each in capsys.readouterr().out.splitlines())
    assert main(["sample", "names", "--lines", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["prompt"], "\n" in facts["text"]) == ("", False)


def test_lines_learned_as_one_text_are_noted(capsys: Shown) -> None:
    hint = "many lines, learned as one text; to learn each separately, pass --lines\n"
    Path("names.txt").write_text("\n".join(NAMES * 9)[:200])
    for options, is_noted in ([], True), (["--lines"], False):
        main(["learn", "names.txt", "--epochs", "1", "--hidden", "2", *options])
        assert (hint in capsys.readouterr().err) == is_noted


def test_few_lines_are_all_learned(capsys: Shown) -> None:
    assert main(["learn", "hat\nhot\nhut", "--lines", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "held_out_loss" not in facts
    assert facts["symbols"] == 12  # h a t and a line break, three times
    for text in ("hat\n" * 30, f"{'hat' * 2000}\n" * 2):  # many lines, or long ones, all equal
        main(["learn", text, "--lines", "--json", "--epochs", "1"])
        assert "held_out_loss" not in capsys.readouterr().out
    assert main(["learn", " \n\n", "--lines"]) == 2
    assert "at least one line that is not blank, got none" in capsys.readouterr().err


def test_words_are_learned_and_written(capsys: Shown) -> None:
    Path("poem.txt").write_text(POEM)
    assert main(["learn", "poem.txt", "--words", "--save", "poem"]) == 0
    shown, noted = capsys.readouterr()
    vocab = load("poem").vocab
    predicted = noted.splitlines()[-2].split()[4:-1]  # after the loss; the last word is cut
    assert predicted
    assert set(predicted) <= {*vocab.symbols, r"\n"}
    assert vocab.symbols == tuple(dict.fromkeys(re.findall(r"\n|\S+", POEM)))
    assert "all 34 next symbols" in " ".join(shown.split())  # 30 words between 5 line breaks
    assert "A sample (temperature 0.3):\n\nTwinkle, " in shown
    for options in ([], ["--num", "1"]):  # written one by one, or at once
        rest = ["--prompt", "Twinkle, twinkle,", "--length", "9", "--temperature", "0", *options]
        assert main(["sample", "poem", *rest]) == 0
        assert capsys.readouterr().out == POEM[: len(POEM) // 3]


def test_one_letter_words_are_characters(capsys: Shown) -> None:
    assert main(["learn", "a b a c", "--words", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == 3


@pytest.mark.parametrize("words", [[], ["--words"]])
def test_several_long_texts_are_read_in_chunks(words: list[str], capsys: Shown) -> None:
    line = "the early bird catches the worm, "
    for name in ("one.txt", "two.txt"):
        Path(name).write_text(line * (900 if words else 100))
    command = ["learn", "one.txt", "two.txt", *words, "--epochs", "3", "--save", "model", "--json"]
    main([*command, "--hidden", "16"])
    length = 900 * 6 if words else 100 * len(line)
    facts = json.loads(capsys.readouterr().out)
    assert facts["symbols"] == 2 * length
    history: Any = load_history("model")
    assert history.settings["chunk"] == 100
    assert history.settings["batch_size"] == (2 * length + 1) // 1000
    assert history.settings["validation"] == 0.1
    assert facts["held_out_loss"] == min(history.validation_loss)
    assert load("model").vocab.symbols[-1] == "\n"  # between the two texts


def test_held_out_data(capsys: Shown) -> None:
    Path("poem.txt").write_text(POEM)
    rest = ["--save", "model", "--json", "--force", "--validation", "0.3"]
    # The end of a single text is held out.
    assert main(["learn", "poem.txt", "--lr", "0.03", *rest]) == 0
    history: Any = load_history("model")
    assert (history.settings["chunk"], history.stopped) == (100, "patience")
    losses = history.validation_loss
    assert len(losses) - losses.index(min(losses)) - 1 == 10
    code = main(["learn", "hat", "hot", "hut", *rest, "--epochs", "1"])
    history = load_history("model")
    assert len(history.held_out) == 1
    assert code == (history.validation_loss[0] >= history.baselines.uniform)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["learned"] == (code == 0)
    for share in ("1", "-0.1", "nan"):
        assert main(["learn", "hihello", "--validation", share]) == 2
        assert "expected --validation to be at least 0 and below 1" in capsys.readouterr().err


def test_output_is_short_and_fits_80_columns(capsys: Shown) -> None:
    assert main(["learn", POEM]) == 0
    shown = capsys.readouterr()
    for line in (shown.out + shown.err).splitlines():
        assert len(line) <= 80
    assert len(shown.err.splitlines()) < 25
    assert "predicted  probability" not in shown.out
    assert " Solved at epoch " in shown.out
    assert "A sample (temperature 0.3):\n\nT" in shown.out
    assert shown.out.endswith(
        "Next: keep the model with --save FILE, then generate more with\n"
        "  python -m seqtoys sample FILE\n"
    )


def test_sample_of_lines_needs_a_model_of_lines(capsys: Shown) -> None:
    save(ElmanCharModel(Vocab("hielo")), "model")
    assert main(["sample", "model", "--lines"]) == 2
    told = "seqtoys: --lines needs a model trained with `learn --lines`\n"
    assert capsys.readouterr().err == told
