"""Valid calls of everything public, for `fuzz.py` to spoil."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

import seqtoys
from seqtoys import (
    AnswerTask,
    Automaton,
    Batch,
    Checkpoint,
    Curriculum,
    ElmanCharModel,
    ElmanEnsemble,
    Ensemble,
    FiniteLanguage,
    HiddenMarkov,
    Mixture,
    Pairs,
    Semiautomaton,
    TaskDataset,
    TaskStream,
    Text,
    Vocab,
    check_task,
    evaluate,
    fit,
    generate,
    get_task,
    list_skills,
    load,
    load_history,
    novelty,
    recipe,
    save,
    scorecard,
    stream,
    sweep,
    trace,
)
from seqtoys.inspection import loss_by_position, mean_hidden_by_symbol
from seqtoys.results import (
    Baselines,
    ByLabel,
    ByPosition,
    CardRow,
    EnsembleHistory,
    EnsembleRow,
    Estimate,
    History,
    Novelty,
    Proportion,
    Recipe,
    Report,
    Row,
    Score,
    ScoreCard,
    Skill,
    SkillRecipe,
    SkillSummary,
    Spread,
    SweepResult,
    SweepRow,
    TaskCheck,
    Trace,
)
from seqtoys.tasks.catalogue import CATALOGUE

VOCAB = Vocab("hielo")
WORDS = Vocab(["boy", "sees", "dog"])
TOSS = {
    "begin": [("b", "toss", 1.0)],
    "toss": [("t", "toss", 0.5), ("h", "end", 0.5)],
    "end": [],
}


@dataclass
class Call:
    """A call: a function and its arguments.

    Attributes:
        function: What is called.
        positional: Positional arguments.
        named: Keyword arguments.
        amounts: Names of arguments that set the amount of work; they stay small.
    """

    function: Callable[..., Any]
    positional: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    amounts: tuple[str, ...] = ()


@cache
def score_card() -> ScoreCard:
    """A score card of one seed that failed."""
    return ScoreCard("GRU", "quick", ["add"], [0], [CardRow("add", "quick", 0, error="failed")])


def broken_factory(vocab: Vocab, seed: int) -> nn.Module:
    """Fail, so that a score card has nothing to train."""
    raise RuntimeError("no model")


@cache
def history() -> History:
    """The history of a short training, with a held-out part."""
    return fit(ElmanCharModel(VOCAB), ["hello", "hill", "oil"], epochs=3, validation=0.3)


@cache
def ensemble_history() -> EnsembleHistory:
    """The history of a short training of two seeds."""
    return fit(ElmanEnsemble(VOCAB, [1, 2]), ["hello", "hill", "oil"], epochs=3, validation=0.3)


@cache
def report() -> Report:
    """A report with all kinds of sequences."""
    training, _ = get_task("parity").held_out(0.3)
    return evaluate(ElmanCharModel(training.vocab), training, count=9, longer=[50])


@cache
def labeled_report() -> Report:
    """A report with results by label."""
    task = get_task("dyck")
    return evaluate(ElmanCharModel(task.vocab), task, count=9, longer=[51], by="depth")


@cache
def result() -> SweepResult:
    """A sweep of two cells."""
    return sweep(
        ElmanEnsemble, Text(["hihello"]), grid={"lr": [0.1, 0.2]}, seeds=[1, 2], epochs=2, count=5
    )


def batch() -> Batch:
    """Three texts of several lengths."""
    return Batch.from_texts(["hello", "hihello", "oil"], VOCAB)


def model(rng: random.Random, **more: Any) -> ElmanCharModel:
    """Return a model with random options."""
    options = {
        "hidden_size": rng.choice((None, None, 1, 4)),
        "embedding_size": rng.choice((None, None, 2)),
        "num_layers": rng.choice((1, 1, 2)),
        "nonlinearity": rng.choice(("tanh", "relu")),
        "recurrent_init": rng.choice(("uniform", "orthogonal", "identity")),
        "batch_first": rng.random() < 0.8,
    }
    return ElmanCharModel(VOCAB, seed=rng.randrange(99), **{**options, **more})


def ensemble(rng: random.Random) -> ElmanEnsemble:
    """Return two networks with random options."""
    return ElmanEnsemble(
        VOCAB,
        seeds=[1, 2],
        hidden_size=rng.choice((None, 3)),
        embedding_size=rng.choice((None, 2)),
        num_layers=rng.choice((1, 2)),
    )


def any_task(rng: random.Random) -> Any:
    """Return a task of the catalogue."""
    return get_task(rng.choice(list(CATALOGUE)))


def fit_options(rng: random.Random, folder: Path) -> dict[str, Any]:
    """Return a few valid options of fit."""
    options = {
        "lr": 0.05,
        "stepwise": False,
        "batch_size": 2,
        "validation": 0.3,
        "optimizer": rng.choice((torch.optim.SGD, torch.optim.Adam)),
        "scheduler": lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer),
        "clip_norm": 1.0,
        "until": rng.choice(("solved", 0.01, None)),
        "patience": 2,
        "keep": "last",
        "seed": 5,
        "vocab": VOCAB,
        "progress": False,
        "report_every": 1,
        "on_epoch": print,
        "checkpoint": Checkpoint(folder / "run", every=1),
    }
    return {"epochs": 2} | dict(rng.sample(list(options.items()), rng.randint(0, 6)))


def fit_call(rng: random.Random, folder: Path) -> Call:
    """Train some model on some data."""
    options = fit_options(rng, folder)
    kind = rng.randrange(5)
    trained: Any = model(rng) if rng.random() < 0.7 else ensemble(rng)
    data: Any = ["hello", "hill", "hole", "hello"]
    if kind == 1:
        data = rng.choice(("hihello", ("hihell", "ihello"), [("hi", "lo"), ("hel", "elo")]))
        options.pop("validation", None)
    elif kind == 2:
        data = batch()
    elif kind == 3:
        data = get_task("parity")
        trained = ElmanCharModel(data.vocab, hidden_size=3)
        options |= {"lengths": rng.choice((3, (2, 5), Curriculum(6))), "vocab": None}
    elif kind == 4:
        data = "hello" * 20
        trained = model(rng, batch_first=True)
        options |= {"chunk": 7, "stepwise": False}
    return Call(
        fit, [], {"model": trained, "data": data, **options}, ("epochs", "report_every", "lengths")
    )


def resume_call(rng: random.Random, folder: Path) -> Call:
    """Resume a training."""
    path = folder / "resumable"
    trained = ElmanCharModel(VOCAB)
    fit(trained, "hihello", epochs=2, checkpoint=Checkpoint(path, every=1))
    options: dict[str, Any] = {"epochs": 3, "resume": path, "lr": 0.01}
    return Call(
        fit, [], {"model": ElmanCharModel(VOCAB), "data": "hihello", **options}, ("epochs",)
    )


def load_call(rng: random.Random, folder: Path) -> Call:
    """Load a file that is sometimes damaged."""
    path = folder / "saved"
    save(model(rng), path, history=history(), overwrite=True)
    if rng.random() < 0.5:
        contents = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 20)):
            contents[rng.randrange(len(contents))] = rng.randrange(256)
        path.write_bytes(
            contents[: rng.randint(0, len(contents))] if rng.random() < 0.3 else contents
        )
    return Call(rng.choice((load, load_history)), [], {"path": path})


def forward_call(rng: random.Random, folder: Path) -> Call:
    """Run whole sequences or single steps through a network or an ensemble."""
    reader: Any = model(rng, batch_first=True) if rng.random() < 0.7 else ensemble(rng)
    by_step = rng.random() < 0.5
    inputs = VOCAB.encode("hel") if by_step else VOCAB.encode_batch(["hel", "hi", "oil"])
    if rng.random() < 0.3:
        inputs = VOCAB.one_hot(inputs)
    return Call(
        reader.step if by_step else reader.forward,
        [],
        {"inputs": inputs, "hidden": reader.initial_hidden(3)},
    )


def of_model(rng: random.Random, folder: Path) -> Call:
    """Call a method of a network or an ensemble."""
    network: Any = model(rng) if rng.random() < 0.6 else ensemble(rng)
    calls = [
        Call(network.initial_hidden, [], {"batch_size": 3}, ("batch_size",)),
        Call(network.predict, [], {"sequence": "hihell"}),
        Call(network.backprop, [], {"batch": batch()}),
    ]
    if isinstance(network, ElmanEnsemble):
        calls += [Call(network.__getitem__, [1]), Call(network.__len__), Call(network.__iter__)]
    else:
        calls.append(Call(network.trace, [], {"sequence": "hihell"}))
    return rng.choice(calls)


def generate_call(rng: random.Random, folder: Path) -> Call:
    """Generate from a prompt."""
    options = {
        "temperature": rng.choice((0, 0.5, 1)),
        "top_k": rng.choice((None, 1, 5)),
        "stop": rng.choice((None, "o", "lo")),
        "generator": rng.choice((None, torch.Generator().manual_seed(3))),
    }
    named = {"prompt": "hi", "length": 5, **options}
    if rng.random() < 0.4:
        return Call(stream, [], {"model": model(rng), **named}, ("length",))
    writer: Any = model(rng) if rng.random() < 0.6 else ensemble(rng)
    num = rng.choice((None, 1, 3))
    return Call(generate, [], {"model": writer, **named, "num": num}, ("length",))


def of_vocab(rng: random.Random, folder: Path) -> Call:
    """Make a vocabulary, or call a method of one."""
    vocab, text = rng.choice(((VOCAB, "hihello"), (WORDS, ["boy", "sees", "boy"])))
    indices = vocab.encode(text)
    return rng.choice(
        [
            Call(Vocab, [], {"symbols": rng.choice(("hielo", ["boy", "sees"]))}),
            Call(Vocab.from_text, [text, text]),
            Call(vocab.encode, [], {"sequence": text}),
            Call(vocab.encode_batch, [], {"sequences": [text, text[:2]], "return_lengths": True}),
            Call(vocab.decode, [], {"indices": rng.choice((indices, indices.tolist()))}),
            Call(vocab.one_hot, [], {"sequence": rng.choice((text, indices))}),
            Call(vocab.__contains__, ["h"]),
            Call(vocab.__eq__, [VOCAB]),
        ]
    )


def of_batch(rng: random.Random, folder: Path) -> Call:
    """Make a batch, or call a method of one."""
    made = batch()
    counts = torch.tensor([1, 2, 1])
    parts: dict[str, Any] = {
        "inputs": made.inputs,
        "targets": made.targets,
        "lengths": made.lengths,
    }
    counted = Batch(**parts, counts=counts)
    return rng.choice(
        [
            Call(Batch, [], {**parts, "counts": counts}),
            Call(Batch.from_texts, [], {"texts": ["hello", "oil"], "vocab": VOCAB}),
            Call(Batch.from_pairs, [], {"pairs": [("hi", "lo"), ("h", "e")], "vocab": VOCAB}),
            Call(Batch.join, [], {"batches": [made, counted]}),
            Call(made.to, [], {"device": "cpu"}),
            Call(made.take, [], {"rows": torch.tensor([0, 2])}),
            Call(counted.show, [], {"vocab": VOCAB, "rows": 2}),
            Call(counted.distinct),
            Call(counted.repeated),
            Call(counted.count_symbols),
        ]
    )


def of_task(rng: random.Random, folder: Path) -> Call:
    """Call a method of a task."""
    task = any_task(rng)
    amounts = ("batch_size", "length", "lengths", "0", "1")
    some = task.sample(4)
    calls = [
        Call(task.sample, [3], {"length": task.lengths[0]}, amounts),
        Call(task.sample, [3], {"generator": torch.Generator()}, amounts),
        Call(task.optimal_loss, [], {"batch": some}),
        Call(task.surprise, [], {"batch": some}),
        Call(task.optimum_of, [], {"lengths": task.lengths}, amounts),
        Call(task.memoryless_of, [], {"lengths": task.lengths}, amounts),
        Call(task.allowed, [], {"batch": some}),
        Call(task.labels, [], {"batch": some}),
        Call(task.why_no_length, [], {"length": 5}, amounts),
        Call(
            task.draw_length,
            [],
            {"generator": torch.Generator(), "lengths": task.lengths},
            amounts,
        ),
        Call(task.held_out, [], {"fraction": 0.4}),
        Call(task.positions, [], {"length": task.lengths[0]}, amounts),
        Call(check_task, [task], {"count": 1000}, amounts),
    ]
    if isinstance(task, HiddenMarkov):
        calls.append(Call(task.beliefs, [], {"batch": some}))
    if isinstance(task, Automaton):
        start = task.graph.states[0]
        text = task.vocab.decode(some.inputs[0])
        calls += [
            Call(task.comes_from, [], {"batch": some, "state": start}),
            Call(task.legal, [], {"symbols": text}),
            Call(task.accepts, [], {"symbols": text}),
        ]
    if isinstance(task, Semiautomaton):
        calls.append(Call(task.follow, [], {"symbols": task.vocab.decode(some.inputs[0])}))
    return rng.choice(calls)


OPTIONS: dict[str, dict[str, Any]] = {
    "dyck": {"kinds": 2, "p": 0.3, "longest": 20},
    "anbn": {"n": (1, 8)},
    "reber": {},
    "embedded_reber": {},
    "copy": {"symbols": "ab"},
    "associative_recall": {},
    "n_back": {"n": 2},
    "delayed_copy": {"delay": 5},
    "modular_arithmetic": {"modulus": 5},
}


def get_task_call(rng: random.Random, folder: Path) -> Call:
    """Build a task of the catalogue with its options."""
    from inspect import Parameter, signature

    name = rng.choice(list(CATALOGUE))
    known = {
        each.name: each.default
        for each in signature(CATALOGUE[name].build).parameters.values()
        if each.default is not Parameter.empty
    }
    return Call(get_task, [name], known, tuple(known))


def of_ones_own(rng: random.Random, folder: Path) -> Call:
    """Make a user-defined task."""
    named = {"name": "mine", "source": "me"}
    tested = {"lengths": (1, 3), "longer": [5]}
    return rng.choice(
        [
            Call(Text, [], {"texts": ["hat", "hot"], "vocab": None, **named}),
            Call(Pairs, [], {"pairs": [("hi", "lo")], "vocab": VOCAB, **named}),
            Call(
                Automaton,
                [],
                {
                    "transitions": dict(TOSS),
                    "start": "begin",
                    "symbols": ["h", "b", "t"],
                    "level": "regular",
                    **tested,
                    **named,
                },
                ("lengths", "longer"),
            ),
            Call(
                Semiautomaton,
                [],
                {
                    "transitions": {"a": {"x": "a", "y": "b"}, "b": {"x": "a"}},
                    "start": "a",
                    "probabilities": rng.choice((None, {"a": {"x": 0.5, "y": 0.5}})),
                    "score": "answers",
                    "level": "regular",
                    **tested,
                    **named,
                },
                ("lengths", "longer"),
            ),
            Call(
                HiddenMarkov,
                [],
                {
                    "matrices": {"h": [[0.5, 0.0], [0.2, 0.0]], "t": [[0.0, 0.5], [0.3, 0.5]]},
                    "start": rng.choice((None, [1.0, 0.0])),
                    "mark": "#",
                    "level": "regular",
                    **tested,
                    **named,
                },
                ("lengths", "longer"),
            ),
            Call(
                FiniteLanguage,
                [],
                {
                    "strings": rng.choice(({"hat": 1.0, "hot": 2.0}, [(["b", "c"], 1.0)])),
                    "end": rng.choice((None, ".")),
                    "lengths": None,
                    "symbols": None,
                    **named,
                },
                ("lengths", "longer"),
            ),
            Call(Mixture, [], {"tasks": [Automaton(TOSS, "begin")] * 2, "weights": [0.25, 0.75],
                               **named}),
            Call(Mixture, [[get_task("mess3"), get_task("mess3", x=0.1)]]),
            Call(Curriculum, [], {"longest": 9, "shortest": 2, "start": 3, "threshold": 0.9}),
            Call(TaskStream, [get_task("parity")], {"batch_size": 4, "lengths": 5, "seed": 1},
                 ("batch_size", "lengths")),
            Call(TaskDataset, [get_task("parity"), 3], {"batch_size": 4, "lengths": (1, 5)},
                 ("batch_size", "lengths")),
            Call(TaskDataset(get_task("parity"), 3, batch_size=2).__getitem__, [1]),
        ]
    )  # fmt: skip


def results(rng: random.Random, folder: Path) -> Call:
    """Make a result, or call a method of one."""
    baselines = history().baselines
    two = torch.tensor([0.5, 0.25])
    row = Row(1, 0.5, 0.5, 0.1, "hi", 0.3, 0.4, 0.1)
    ensemble_row = EnsembleRow(two, two, 0.1, two, two, 0.0)
    columns = {name: [0.5, 0.25] for name in ("loss", "accuracy", "lr", "optimum")}
    states = (rng.choice((history(), ensemble_history())),)
    (whole,) = states
    trace = ElmanCharModel(VOCAB).trace("hi")
    return rng.choice(
        [
            Call(Baselines, [1.6, 0.4, 0.0]),
            Call(Checkpoint, [folder / "x", 5]),
            Call(Proportion, [], {"count": 3, "trials": 4}),
            Call(Recipe, [8, 200, 128, 0.05], {"nonlinearity": "relu", "lengths": Curriculum(9)}),
            Call(recipe, ["parity"]),
            Call(list_skills),
            Call(SkillRecipe, [], {"lengths": (1, 4), "longer": 8, "rates": (0.01,)}),
            Call(Skill, ["add", "Does it?", "parity", SkillRecipe(), SkillRecipe()]),
            Call(Spread, [98.0, 97.0, 99.0]),
            Call(CardRow, ["add", "quick", 0], {"score": Estimate(97.0), "solved": True}),
            Call(SkillSummary, ["add", [CardRow("add", "quick", 0)]]),
            Call(ScoreCard, ["GRU", "quick", ["add"], [0], [CardRow("add", "quick", 0)]]),
            Call(ScoreCard.from_json, [score_card().to_json()]),
            Call(score_card().to_json, [rng.choice((None, folder / f"card {rng.random()}"))]),
            Call(scorecard, [broken_factory], {"seeds": [0], "skills": ["add"]}),
            Call(Novelty, [], {"training": 3, "held_out": None, "new": 4}),
            Call(Row, [], dict(vars(row))),
            Call(EnsembleRow, [], dict(vars(ensemble_row))),
            Call(
                History, [baselines], {**columns, "predictions": ["hi", "lo"], "stopped": "epochs"}
            ),
            Call(fresh_history().row, [0]),
            Call(fresh_history().append, [row]),
            Call(History.from_json, [history().to_json()]),
            Call(History.from_state, [history().state()]),
            Call(EnsembleHistory, [[1, 2], baselines]),
            Call(EnsembleHistory.from_json, [ensemble_history().to_json()]),
            Call(EnsembleHistory.from_state, [ensemble_history().state()]),
            Call(ensemble_history().quantiles, [0.5, 0.9]),
            Call(ensemble_history().row, [0]),
            Call(ensemble_history().__getitem__, [1]),
            Call(ensemble_history().__eq__, [ensemble_history()]),
            Call(fresh_ensemble_history().append, [ensemble_row]),
            Call(fresh_ensemble_history().end, [torch.tensor([True, False]), "solved"]),
            Call(whole.state),
            Call(whole.to_json),
            Call(whole.reopen),
            Call(whole.__str__),
            Call(whole._repr_html_),
            Call(Score, [], dict(vars(report().seen))),
            Call(ByPosition, [], dict(vars(report().seen.by_position))),
            Call(ByLabel, [], dict(vars(labeled_report().seen.by_label))),
            Call(report().table, ["bits"]),
            Call(Estimate, [0.31, 0.012]),
            Call(Report, [], dict(vars(report()))),
            Call(Report.from_json, [report().to_json()]),
            Call(report().sentence),
            Call(report()._repr_html_),
            Call(Trace, [], dict(vars(trace))),
            Call(trace._repr_html_),
            Call(SweepRow, [{"lr": 0.1}, 7], {"solved": True, "accuracy": Estimate(0.5)}),
            Call(SweepRow.from_json, [result().rows[0].to_json()]),
            Call(SweepResult, [result().rows, {"lr": [0.1, 0.2]}]),
            Call(result().where, [], {"lr": 0.1}),
            Call(result().rate_grid, ["lr", "hidden_size"]),
            Call(result().best, ["excess"]),
            Call(result().to_markdown, ["accuracy"], {"across": "lr"}),
            Call(result().to_latex, ["solved"], {"across": "lr"}),
            Call(result().to_records),
            Call(result().to_dataframe),
            Call(TaskCheck, [], dict(vars(check_task(get_task("parity"), count=1000)))),
            Call(seqtoys.list_tasks),
        ]
    )


def fresh_history() -> History:
    """Return a history that may be changed."""
    return History.from_json(history().to_json())


def fresh_ensemble_history() -> EnsembleHistory:
    """Return an ensemble's history that may be changed."""
    return EnsembleHistory.from_json(ensemble_history().to_json())


def measures(rng: random.Random, folder: Path) -> Call:
    """Measure a model."""
    measured: Any = model(rng) if rng.random() < 0.6 else ensemble(rng)
    task, dyck = get_task("parity"), get_task("dyck")
    learner = ElmanCharModel(task.vocab, hidden_size=3)
    seen = task.sample(5)
    return rng.choice(
        [
            Call(loss_by_position, [], {"model": measured, "batch": batch()}),
            Call(mean_hidden_by_symbol, [], {"model": measured, "batch": batch(), "vocab": VOCAB}),
            Call(
                evaluate,
                [],
                {"model": learner, "data": task, "count": 9, "longer": [50], "seen": seen},
                ("count", "longer"),
            ),
            Call(
                evaluate,
                [],
                {"model": ElmanCharModel(dyck.vocab), "data": dyck, "count": 9, "by": "depth",
                 "longer": [51]},
                ("count", "longer"),
            ),
            Call(
                evaluate,
                [],
                {"model": learner, "data": task.held_out(0.3)[0], "count": 9,
                 "generator": torch.Generator()},
                ("count", "longer"),
            ),
            Call(
                evaluate,
                [],
                {"model": measured, "data": rng.choice(("hihello", ["hi", "hello"], batch())),
                 "vocab": VOCAB},
            ),
            Call(trace, [], {"model": measured, "text": "hihell", "vocab": VOCAB}),
            Call(
                novelty,
                [],
                {"samples": ["hat", "hot"], "training_texts": ["hat"], "held_out": ["hut"]},
            ),
            Call(
                sweep,
                [],
                {
                    "make_model": rng.choice((ElmanEnsemble, ElmanCharModel)),
                    "task": rng.choice((Text(["hihello"]), "hihello")),
                    "grid": {"lr": [0.1, 0.2]},
                    "seeds": [1, 2],
                    "path": rng.choice((None, folder / f"sweep {rng.random()}")),
                    "vocab": VOCAB,
                    "epochs": 2,
                    "count": 3,
                },
                ("count", "longer", "epochs", "grid", "goal"),
            ),
        ]
    )  # fmt: skip


def build(rng: random.Random, folder: Path) -> Call:
    """Make a network or an ensemble."""
    options = {
        "hidden_size": rng.choice((None, 3)),
        "embedding_size": rng.choice((None, 2)),
        "num_layers": 1,
        "nonlinearity": "tanh",
        "recurrent_init": "orthogonal",
        "batch_first": True,
    }
    chance = rng.random()
    if chance < 0.4:
        return Call(ElmanCharModel, [VOCAB], {**options, "seed": 5}, ("num_layers",))
    if chance < 0.6:
        return Call(Ensemble, [lambda seed: ElmanCharModel(VOCAB, seed=seed), [1, 2]])
    return Call(ElmanEnsemble, [VOCAB, [1, 2]], options, ("num_layers",))


def save_call(rng: random.Random, folder: Path) -> Call:
    """Save a model, perhaps with a history."""
    saved: Any = model(rng) if rng.random() < 0.6 else ensemble(rng)
    saved_history = rng.choice((None, history(), ensemble_history()))
    return Call(save, [], {"model": saved, "path": folder / "there", "history": saved_history})


class UserTask(AnswerTask):
    """A user-defined task that returns the given values."""

    name, level, vocab, lengths, longer = "own", "regular", Vocab("01="), (1, 9), ()

    def __init__(self, inputs: Any, answer: Any) -> None:
        self._inputs, self._answer = inputs, answer

    def draw_inputs(self, batch_size: int, length: int, generator: torch.Generator) -> Any:
        """Return the given value."""
        return self._inputs

    def answer(self, inputs: Any) -> Any:
        """Return the given value."""
        return self._answer


def own_task(rng: random.Random, folder: Path) -> Call:
    """Sample from a user-defined task that returns wild values."""

    def sample(inputs: Any, answer: Any) -> Batch:
        return UserTask(inputs, answer).sample(2, length=3)

    ones = torch.ones(2, 3, dtype=torch.int64)
    return Call(sample, [], {"inputs": ones, "answer": ones[:, :1]})


CALLS: dict[str, Callable[[random.Random, Path], Call]] = {
    call.__name__.removesuffix("_call"): call
    for call in (
        of_vocab, of_batch, build, of_model, forward_call, fit_call, resume_call, generate_call,
        save_call, load_call, get_task_call, of_task, of_ones_own, own_task, measures, results,
    )
}  # fmt: skip
