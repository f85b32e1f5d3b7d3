"""Valid calls of the architectures, of ensembles of them, and of score cards, for `fuzz.py`."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtoys import (
    Checkpoint,
    Ensemble,
    evaluate,
    fit,
    generate,
    get_task,
    load,
    save,
    scorecard,
    stream,
    sweep,
    trace,
)
from seqtoys.inspection import gradient_by_distance, loss_by_position, mean_hidden_by_symbol
from seqtoys.models import (
    CharModel,
    DeltaNetCharModel,
    GRUCharModel,
    LRUCharModel,
    LSTMCharModel,
    MambaCharModel,
    TransformerCharModel,
)
from seqtoys.plotting import plot_scorecard
from seqtoys.results import CardRow, Estimate, ScoreCard
from tests.fuzz_targets import VOCAB, Call, batch, broken_factory

SIZES: dict[type[CharModel], dict[str, Any]] = {
    GRUCharModel: {"embedding_size": 2},
    LSTMCharModel: {"embedding_size": 2},
    TransformerCharModel: {"num_heads": 2, "context": 150},
    LRUCharModel: {"state_size": 3},
    MambaCharModel: {"state_size": 2, "conv_size": 3, "dt_rank": 1},
    DeltaNetCharModel: {"num_heads": 2, "conv_size": 2},
}
"""Small sizes of each architecture, besides its width and its number of layers."""

AMOUNTS = ("num_layers", "parameters")


def architecture(rng: random.Random, **more: Any) -> Any:
    """Return a small model of any architecture."""
    kind = rng.choice(list(SIZES))
    sizes = SIZES[kind] if rng.random() < 0.5 else {}
    options = {"hidden_size": 4, "num_layers": rng.choice((1, 2)), "seed": rng.randrange(99)}
    return kind(VOCAB, **{**options, **sizes, **more})


def architectures(rng: random.Random) -> Ensemble:
    """Return an ensemble of two models of any architecture."""
    make = partial(architecture, random.Random(rng.random()))
    first = make()
    return Ensemble(lambda seed: type(first)(VOCAB, hidden_size=4, seed=seed), [1, 2])


def build_architecture(rng: random.Random, folder: Path) -> Call:
    """Make a model of any architecture with every option."""
    kind = rng.choice(list(SIZES))
    parameters = inspect.signature(kind).parameters.values()
    known = {each.name: each.default for each in parameters if each.default is not each.empty}
    width = rng.choice(({"hidden_size": 4}, {"parameters": 2000}))
    return Call(kind, [VOCAB], {**known, **SIZES[kind], **width}, AMOUNTS)


def run_architecture(rng: random.Random, folder: Path) -> Call:
    """Run a model of any architecture, or an ensemble of them."""
    reader: Any = architecture(rng) if rng.random() < 0.6 else architectures(rng)
    whole, steps = VOCAB.encode_batch(["hel", "hil"]), VOCAB.encode("hi")
    with torch.no_grad():
        _, state = reader(whole)
    calls = [
        Call(reader.forward, [whole, state]),
        Call(reader.step, [steps, state]),
        Call(reader.initial_hidden, [], {"batch_size": 2}, ("batch_size",)),
        Call(reader.predict, [], {"sequence": "hihell"}),
    ]
    if isinstance(reader, Ensemble):
        calls.append(Call(reader.__getitem__, [1]))
    else:
        calls += [
            Call(reader.states_of, [], {"indices": whole}),
            Call(reader.trace, [], {"sequence": "hihell"}),
            Call(trace, [], {"model": reader, "text": "hihell", "vocab": None}),
            Call(reader.forward, [VOCAB.one_hot(whole)]),
        ]
    if isinstance(reader, TransformerCharModel):
        calls.append(Call(reader.attention_of, [], {"indices": whole}))
    return rng.choice(calls)


def use_architecture(rng: random.Random, folder: Path) -> Call:
    """Train, measure, sample or save a model of any architecture, or an ensemble of them."""
    used: Any = architecture(rng) if rng.random() < 0.6 else architectures(rng)
    data = rng.choice(("hihello", ["hello", "hill", "hole"], batch()))
    options = {
        "stepwise": rng.random() < 0.5, "batch_size": rng.choice((None, 2)), "clip_norm": 1.0,
        "checkpoint": Checkpoint(folder / f"run {rng.random()}", every=1), "seed": 3,
    }  # fmt: skip
    calls = [
        Call(fit, [], {"model": used, "data": data, "epochs": 1, **options}, ("epochs",)),
        Call(evaluate, [], {"model": used, "data": data, "vocab": VOCAB}),
        Call(generate, [], {"model": used, "prompt": "hi", "length": 3, "num": 2}, ("length",)),
        Call(save, [], {"model": used, "path": folder / "used", "history": None}),
        Call(loss_by_position, [], {"model": used, "batch": batch()}),
    ]
    if not isinstance(used, Ensemble):
        calls += [
            Call(stream, [], {"model": used, "prompt": "hi", "length": 3}, ("length",)),
            Call(gradient_by_distance, [], {"model": used, "batch": batch()}),
            Call(mean_hidden_by_symbol, [], {"model": used, "batch": batch(), "vocab": None}),
        ]
    return rng.choice(calls)


def load_architecture(rng: random.Random, folder: Path) -> Call:
    """Load a saved model of any architecture, or an ensemble of them."""
    saved: Any = architecture(rng) if rng.random() < 0.6 else architectures(rng)
    path = folder / f"saved {rng.random()}"
    save(saved, path)
    return Call(load, [], {"path": path})


def sweep_over_models(rng: random.Random, folder: Path) -> Call:
    """Sweep over architectures and tasks."""
    kinds: list[Callable[..., Any]] = rng.sample(list(SIZES), 2)
    makers = [partial(kind, hidden_size=4) for kind in kinds]
    grid: dict[str, Any] = {
        "model": rng.choice((makers, {"one": makers[0], "other": makers[1]})),
        "task": rng.choice((["hihello"], {"word": "hihello"}, [get_task("parity")])),
        "lr": [0.1],
    }
    named: dict[str, Any] = {
        "grid": grid, "seeds": [1], "vocab": None, "epochs": 1, "count": 3,
        "path": rng.choice((None, folder / f"sweep {rng.random()}")), "curves": True,
    }  # fmt: skip
    if "hihello" in grid["task"]:
        named["vocab"] = VOCAB
    return Call(sweep, [], named, ("grid", "seeds", "epochs", "count"))


def card_row(rng: random.Random) -> CardRow:
    """Return a row with every result."""
    return CardRow(
        "parity", "quick", rng.choice((0, 7)), 0.01, Estimate(rng.uniform(-200, 101), 0.5),
        Estimate(12.0, 3.0), 0.9, 0.5, rng.choice((True, False)), 200, 1.5, 3.0, 900, 32,
        [(0.01, 12.0), (0.003, 99.0)], [(5, 0.7), (200, 0.1)], 0.69, 0.0,
        ["inputs  10=\ntargets ··1\n          ^"], rng.choice((None, "a doubt")), None,
        {"code": "1"},
    )  # fmt: skip


def shown_card(**facts: Any) -> str:
    """Show a card of one row in every form, and restore it from its JSON."""
    row = CardRow(**facts)
    card = ScoreCard("net", "quick", ["parity"], [0, 7], [row])
    assert CardRow.from_json(row.to_json()).to_json() == row.to_json()
    assert ScoreCard.from_json(card.to_json()).to_json() == card.to_json()
    plot_scorecard(card)
    return f"{row!r} {card} {card._repr_html_()} {card.to_html(references=False)}"


def score_cards(rng: random.Random, folder: Path) -> Call:
    """Measure, make, show or restore a score card."""
    rows = [card_row(rng), CardRow("parity", "quick", 3, error="RuntimeError: no")]
    card = ScoreCard("net", "quick", ["parity", "add"], [0, 3, 7], rows, {"date": "2026-01-01"})
    path = folder / f"card {rng.random()}"
    return rng.choice(
        [
            Call(
                scorecard,
                [broken_factory],
                {"seeds": [0, 1], "level": "quick", "skills": ["add", "parity"],
                 "executor": None, "path": rng.choice((None, path)), "progress": None},
            ),
            Call(ScoreCard, [], dict(vars(card))),
            Call(CardRow, [], dict(vars(rows[0]))),
            Call(CardRow.from_json, [rows[0].to_json()]),
            Call(CardRow.from_plain, [rows[0].to_plain()]),
            Call(ScoreCard.from_json, [card.to_json()]),
            Call(ScoreCard.references, [], {"level": "quick"}),
            Call(shown_card, [], {each.name: getattr(rows[0], each.name)
                                  for each in fields(CardRow)}),
            Call(card.to_html, [], {"path": rng.choice((None, path)), "references": True}),
            Call(card.to_json, [], {"path": rng.choice((None, path))}),
            Call(card.__getitem__, ["parity"]),
            Call(plot_scorecard, [], {"card": card, "others": [card], "ax": None}),
        ]
    )  # fmt: skip


MODEL_CALLS: dict[str, Callable[[random.Random, Path], Call]] = {
    call.__name__: call
    for call in (
        build_architecture, run_architecture, use_architecture, load_architecture,
        sweep_over_models, score_cards,
    )
}  # fmt: skip
