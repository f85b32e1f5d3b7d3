"""recipe: how the networks on the pages of the tasks are trained."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seqtoys import Curriculum, ElmanCharModel, Text, fit, get_task, list_tasks, recipe
from seqtoys.__main__ import main
from seqtoys.errors import OptionError

Shown = pytest.CaptureFixture[str]


@pytest.mark.type_checked
@pytest.mark.parametrize("name", list_tasks())
def test_every_recipe_trains_its_task(name: str) -> None:
    task, settings = get_task(name), recipe(name)
    model = ElmanCharModel(task.vocab, seed=0, **settings.model)
    history = fit(model, task, **{**settings.training, "epochs": 1})
    written = history.settings
    assert f" {written['batch_size']}, lr {written['lr']:g}" in str(settings)
    assert str(settings).startswith(f"{model.rnn.hidden_size} {model.rnn.nonlinearity} units,")
    assert ("growing" in str(settings)) == (written["lengths"] is not None)


def test_lengths_grow_to_those_of_the_task() -> None:
    lengths = recipe("parity").lengths
    assert lengths == Curriculum(40, shortest=1, start=3, threshold=0.98)
    short = get_task("parity")
    short.lengths = (4, 5)
    assert recipe(short).lengths == Curriculum(5, shortest=4, start=5, threshold=0.98)


def test_own_tasks_have_no_recipe() -> None:
    with pytest.raises(OptionError, match="expected a task of the catalog, got 'text'; choose"):
        recipe(Text(["hihello"]))
    with pytest.raises(OptionError, match="no task is named 'rebber'; did you mean 'reber'"):
        recipe("rebber")


@pytest.mark.parametrize("option", ["--hidden", "--epochs", "--lr"])
def test_options_are_checked_before_anything_is_printed(option: str, capsys: Shown) -> None:
    assert main(["train", "parity", option, "0"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err[:17]) == ("", "seqtoys: expected")


def unfolded(text: str) -> str:
    """Return printed text in one line, whatever the width of the terminal."""
    return " ".join(text.split())


def test_train_follows_the_recipe(capsys: Shown) -> None:
    assert main(["train", "tomita_1", "--epochs", "400"]) == 0
    shown = capsys.readouterr()
    about = f"tomita_1: {replace(recipe('tomita_1'), epochs=400)}"
    assert unfolded(shown.err) == about
    # Not only until it knows the shortest strings.
    assert "Ran all 400 epochs.\n" in shown.out
    accuracies = re.findall(
        r"^(?:as in training|length \d+) .* (\S+)% +\S+%$", shown.out, re.MULTILINE
    )
    assert float(accuracies[0]) > 99


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "reber",
            r"Accuracy \S+%; at best 57.1% is expected, since some symbols are random.",
        ),  # 4/7
        ("dyck", r"Accuracy \S+%; at best 70.0% is expected, since some symbols are random."),
        ("parity", r"best without memory: 0\.6931\)"),
    ],
)
def test_train_compares_with_what_is_possible(name: str, told: str, capsys: Shown) -> None:
    assert main(["train", name, "--epochs", "1", "--hidden", "2"]) == 1
    shown = unfolded(capsys.readouterr().out)
    assert re.search(told, shown)
    assert shown.endswith(
        "More --epochs, --hidden units or --seeds may help; some tasks defeat Elman networks."
    )
