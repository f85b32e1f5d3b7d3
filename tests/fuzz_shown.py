"""Valid calls of figures, inspection, commands and every method, for `fuzz.py` to spoil."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqtoys import (
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    TaskDataset,
    TaskStream,
    Vocab,
    errors,
    get_task,
    list_skills,
    novelty,
    save,
)
from seqtoys.__main__ import main
from seqtoys.errors import quoted
from seqtoys.inspection import (
    gradient_by_distance,
    loss_by_position,
    mean_hidden_by_symbol,
    principal_components,
)
from seqtoys.models.vocabulary import vocab_of
from seqtoys.plotting import (
    plot_accuracy_by_label,
    plot_accuracy_by_length,
    plot_automaton,
    plot_dendrogram,
    plot_gradient_reach,
    plot_hidden,
    plot_loss,
    plot_loss_by_position,
    plot_one_hot,
    plot_probabilities,
    plot_scorecard,
    plot_solve_rate,
    plot_trajectory,
    to_svg,
)
from seqtoys.results import Estimate, Proportion, SkillSummary
from tests.fuzz_models import architecture, architectures, card_row
from tests.fuzz_targets import (
    VOCAB,
    Call,
    any_task,
    batch,
    ensemble,
    ensemble_history,
    fresh_ensemble_history,
    fresh_history,
    history,
    labeled_report,
    model,
    report,
    result,
    score_card,
)


def axes(rng: random.Random) -> Any:
    """Return axes to draw in, or None for a new figure."""
    from matplotlib.figure import Figure

    return None if rng.random() < 0.8 else Figure().subplots()


def figures(rng: random.Random, folder: Path) -> Call:
    """Draw a figure."""
    network = model(rng, batch_first=True)
    trace, drawn = network.trace("hihello"), {"ax": axes(rng)}
    states = {"h": [0.0, 1.0], "i": np.ones(2), "e": torch.zeros(2)}
    grid = {
        "rates": [[0.5, Proportion(1, 2)]],
        "down": ("lr", [0.1]),
        "across": ("epochs", [1, 2]),
    }
    of = rng.choice((history(), ensemble_history(), {"all": [history(), history()]}))
    return rng.choice(
        [
            Call(plot_loss, [], {"history": of, "log": True, "answers": False, **drawn}),
            Call(plot_loss_by_position, [],
                 {"model": network, "data": rng.choice(("hihello", ("hi", "lo"), batch())),
                  "task": None, "vocab": None, **drawn}),
            Call(plot_accuracy_by_length, [],
                 {"reports": rng.choice((report(), [report()], {"mine": report()})),
                  "trained": rng.choice((None, (1, 40))), **drawn}),
            Call(plot_accuracy_by_label, [],
                 {"reports": labeled_report(), "kind": rng.choice((None, "length 51")), **drawn}),
            Call(plot_probabilities, [], {"trace": trace, "targets": "hielohi", **drawn}),
            Call(plot_automaton, [], {"automaton": get_task("tomita_3"), **drawn}),
            Call(plot_one_hot, [], {"vocab": VOCAB, "text": "hielo", **drawn}),
            Call(plot_gradient_reach, [],
                 {"model": rng.choice((network, {"mine": [network]})), "data": "hihello",
                  "vocab": None, **drawn}),
            Call(plot_hidden, [], {"trace": trace, **drawn}),
            Call(plot_trajectory, [], {"traces": rng.choice((trace, [trace] * 2)), **drawn}),
            Call(plot_dendrogram, [], {"states": states, **drawn}),
            Call(plot_solve_rate, [], {**grid, "mark": (0.1, 2), **drawn}),
            Call(plot_scorecard, [score_card()], {"others": [score_card()], **drawn}),
            Call(to_svg, [plot_hidden(trace)]),
        ]
    )  # fmt: skip


def inspections(rng: random.Random, folder: Path) -> Call:
    """Compute the numbers behind a figure."""
    network = model(rng, batch_first=True)
    return rng.choice(
        [
            Call(loss_by_position, [], {"model": network, "batch": batch()}),
            Call(gradient_by_distance, [], {"model": network, "batch": batch()}),
            Call(mean_hidden_by_symbol, [], {"model": network, "batch": batch(), "vocab": None}),
            Call(principal_components, [], {"states": np.eye(3), "count": 2}),
            Call(vocab_of, [], {"model": network}),
        ]
    )


@cache
def words(folder: Path) -> list[list[str]]:
    """Return valid command lines that finish quickly."""
    (folder / "text").write_text("hihello\n", encoding="utf-8")
    (folder / "lines").write_text("hill\nhello\nhole\n", encoding="utf-8")
    save(ElmanCharModel(VOCAB), folder / "model", overwrite=True)
    save(ElmanCharModel(Vocab("\nhielo")), folder / "lined", overwrite=True)
    (folder / "taken").write_text("mine", encoding="utf-8")
    brief = ["--epochs", "3", "--seed", "5"]
    return [
        ["learn", "hihello", *brief, "--lr", "0.1", "--hidden", "4"],
        ["learn", str(folder / "text"), *brief, "--save", str(folder / "new"), "--force"],
        ["learn", str(folder / "lines"), "--lines", "--validation", "0.4", *brief],
        ["learn", str(folder / "lines"), "--words", "--encoding", "cp1252", *brief],
        ["learn", "hello.txt", "--text", "--validation", "0.5", *brief],
        ["learn", "hello", *brief, "--json", "--save", str(folder / "taken")],
        ["train", "parity", *brief, "--hidden", "3", "--goal", "0.5"],
        ["train", "reber", *brief, "--seeds", "2", "--json"],
        ["sample", str(folder / "model"), "--prompt", "h", "--length", "5", "--num", "2",
         "--temperature", "0.5", "--top-k", "3", "--stop", "o"],
        ["sample", str(folder / "lined"), "--lines", "--prompt", "h", "--length", "5"],
        ["tasks"],
        ["tasks", "dyck", "--json"],
        ["card", "tests.fuzz_targets:broken_factory", "--skills", "add,parity", "--seeds", "1",
         "--workers", "1", "--html", str(folder / "page"), "--json", str(folder / "json"),
         "--path", str(folder / "rows")],
        ["--version"],
        ["--help"],
    ]  # fmt: skip


def commands(rng: random.Random, folder: Path) -> Call:
    """Run a command line of strings, as from a shell."""

    def run(*line: Any) -> int:
        try:
            return main([word if isinstance(word, str) else quoted(word) for word in line])
        except SystemExit as end:  # --help, and what argparse rejects
            code = end.code
        if code not in (0, 2):
            raise RuntimeError(f"an exit code of {code}")
        return 0

    line = list(rng.choice(words(folder)))
    # The work of a spoiled command grows with its numbers, so those stay small.
    return Call(run, list(line), {}, tuple(map(str, _amounts(line))))


def _amounts(line: list[str]) -> Iterator[int]:
    """Yield the positions of numbers, and of words without which slow defaults would apply."""
    yield 0
    for at, word in enumerate(line):
        if word in ("--epochs", "--seeds", "--length", "--num", "--workers"):
            yield from (at, at + 1)


def library_objects(rng: random.Random) -> Any:
    """Return any object that the library creates."""
    network = model(rng, batch_first=True)
    makers: list[Callable[[], Any]] = [
        lambda: network,
        lambda: ensemble(rng),
        lambda: VOCAB,
        batch,
        lambda: any_task(rng),
        lambda: get_task("reber").held_out(0.3)[0],
        lambda: Curriculum(9),
        lambda: Checkpoint("none", every=1),
        lambda: TaskStream(get_task("parity"), batch_size=2),
        lambda: TaskDataset(get_task("parity"), 3, batch_size=2),
        fresh_history,
        fresh_ensemble_history,
        lambda: history().row(0),
        lambda: history().baselines,
        report,
        lambda: report().seen,
        lambda: report().seen.by_position,
        labeled_report,
        lambda: labeled_report().seen.by_label,
        result,
        lambda: result().rows[0],
        lambda: network.trace("hi"),
        lambda: Proportion(3, 4),
        lambda: Estimate(0.5, 0.1),
        lambda: novelty(["hat"], ["hat"]),
        lambda: architecture(rng),
        lambda: architectures(rng),
        score_card,
        lambda: card_row(rng),
        lambda: SkillSummary("parity", [card_row(rng)]),
        lambda: rng.choice(list(list_skills().values())),
    ]
    return rng.choice(makers)()


INHERITED = (nn.Module, float, torch.utils.data.Dataset)
# Called by `sample` and `encode`, which check.
INNER = ("draw", "draw_inputs", "answer", "one_answer", "unknown_symbol")


def methods(rng: random.Random, folder: Path) -> Call:
    """Call any method of any object with guessed arguments, which `fuzz` spoils."""
    made = library_objects(rng)
    known = [
        name
        for name in dir(type(made))
        if not name.startswith("_") and name not in INNER and callable(getattr(type(made), name))
        if not isinstance(getattr(type(made), name), type)
        if not any(name in dir(kind) for kind in INHERITED if isinstance(made, kind))
    ]
    special = [
        name for name in ("__getitem__", "__contains__", "__eq__") if name in vars(type(made))
    ]
    if not (known or special):
        return Call(lambda: repr(made))
    return _with_guesses(getattr(made, rng.choice(known + special)), rng)


VALID: dict[str, Callable[[], Any]] = {
    "batch": batch, "vocab": lambda: VOCAB, "length": lambda: 5, "batch_size": lambda: 3,
    "generator": torch.Generator, "lengths": lambda: (3, 5), "symbols": lambda: "hi",
    "sequence": lambda: "hihell", "inputs": lambda: VOCAB.encode_batch(["hi"]),
    "targets": lambda: VOCAB.encode_batch(["lo"]), "rows": lambda: torch.tensor([0]),
    "device": lambda: "cpu", "fraction": lambda: 0.3, "text": lambda: history().to_json(),
    "length_range": lambda: (1, 9), "hidden": lambda: None,
    "level": lambda: "quick",
}  # fmt: skip


def _with_guesses(function: Callable[..., Any], rng: random.Random) -> Call:
    """Make a call with an argument for each parameter, valid where its name is known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # implemented in C
        return Call(function, ["h"])
    needed = [
        each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    named = {
        each.name: VALID[each.name]() if each.name in VALID else
        (0.5 if each.default is each.empty else each.default)
        for each in needed
    }  # fmt: skip
    return Call(function, [], named, ("length", "lengths", "batch_size", "count", "longer"))


def raised(rng: random.Random, folder: Path) -> Call:
    """Create an error, as an `except` clause receives it."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kind = rng.choice([kind for kind in kinds if issubclass(kind, errors.SeqtoysError)])
    return Call(lambda: str(kind("expected h, got i")))


SHOWN_CALLS = {call.__name__: call for call in (figures, inspections, commands, methods, raised)}
