"""Elman (1990), Finding structure in time: its four simulations.

The paper shows figures rather than numbers. This script measures what they show: which bits,
letters and words a network predicts, where its loss peaks, and how its states group the words.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.published.elman1990_words import measure_sentences
from benchmarks.published.findings import Finding, Study
from seqtoys import Batch, ElmanCharModel, ElmanEnsemble, evaluate, fit
from seqtoys.inspection import loss_by_position
from seqtoys.models.forward import logits_of
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.elman1990 import letters, onsets, temporal_xor, word_boundaries

XOR_SEEDS, TOLD = 8, 0.999
XOR_OPTIONS: dict[str, Any] = {"epochs": 2000, "batch_size": 64, "lr": 0.01, "clip_norm": 1.0}
OPTIONS: dict[str, Any] = {"epochs": 1000, "batch_size": 32, "lr": 0.01}
UNITS = 20
SHOWN = 30  # letters in a curve


def measure(quick: bool) -> Study:
    """Run the four simulations.

    Args:
        quick: Run the exclusive or with four units only.
    """
    findings = [measure_xor(units) for units in ((4,) if quick else (4, 8))]
    learnt, letter_curve = measure_letters()
    found, word_curve = measure_boundaries()
    grouped, states = measure_sentences()
    curves = {"letters": letter_curve, "words": word_curve, "states": states}
    return Study([*findings, *learnt, *found, *grouped], curves)


def measure_xor(units: int, seeds: int = XOR_SEEDS) -> Finding:
    """Learn the temporal exclusive or, and measure how often the third bit is predicted.

    Args:
        units: The number of hidden units.
        seeds: The number of networks, trained side by side.
    """
    task = temporal_xor()
    networks = ElmanEnsemble(task.vocab, range(seeds), hidden_size=units)
    history = fit(networks, task, progress=False, **XOR_OPTIONS)
    batch = task.sample(500, generator=_generator())
    at = certain(task, batch)
    predicted = logits_of(networks, batch.inputs).argmax(-1)  # (replicas, batch, time)
    right = (predicted == batch.targets)[:, at].double().mean(1)
    return Finding(
        f"temporal_xor, {units} units: third bit right, worst of {seeds} seeds",
        100 * right.min().item(),
        "%",
        None,
        100.0,
        50.0,
        solved=(int((right >= TOLD).sum()), seeds),
        seconds=history.seconds,
        settings={"units": units, "seeds": f"0 to {seeds - 1}", **XOR_OPTIONS},
        note=f"solved: at least {TOLD:.1%} right",
    )


def measure_letters(seed: int = 0) -> tuple[list[Finding], dict[str, Any]]:
    """Learn ba, dii and guuu: vowels are certain, consonants one of three."""
    task = letters()
    model, loss = _learn(task, seed)
    batch = task.sample(500, generator=_generator())
    right = _right(model, batch)
    after = onsets(task, batch)  # where the target is a consonant
    settings = {"units": UNITS, "seed": seed, **OPTIONS}
    sides = (batch.scored & ~after, batch.scored & after)
    vowels, consonants = (100 * right[at].double().mean().item() for at in sides)
    found = [
        loss,
        Finding("letters: vowels right", vowels, "%", None, 100.0, settings=settings),
        Finding(
            "letters: consonants right", consonants, "%", None, 100 / 3, settings=settings,
            note="one of three at best",
        ),
    ]  # fmt: skip
    return found, _curve(model, task, batch)


def measure_boundaries(seed: int = 0) -> tuple[list[Finding], dict[str, Any]]:
    """Learn words without spaces, and find their onsets from the loss alone."""
    task = word_boundaries()
    model, loss = _learn(task, seed)
    batch = task.sample(500, generator=_generator())
    guessed = find_onsets(loss_by_position(model, batch), len(task.vocab))
    real = onsets(task, batch)
    both = int((guessed & real).sum())
    precision, recall = 100 * both / int(guessed.sum()), 100 * both / int(real.sum())
    settings = {"units": UNITS, "seed": seed, **OPTIONS}
    what, note = "word onsets found from the loss", "where it is over half that of an even guess"
    found = [
        loss,
        Finding(f"{what}: precision", precision, "%", None, 100.0, settings=settings, note=note),
        Finding(f"{what}: recall", recall, "%", None, 100.0, settings=settings, note=note),
    ]
    return found, _curve(model, task, batch)


def find_onsets(
    losses: Float[Tensor, "batch time"], vocab_size: int
) -> Bool[Tensor, "batch time"]:
    """Guess where words begin: where the loss exceeds half that of a uniform guess.

    Args:
        losses: The loss at each position, NaN where nothing is scored.
        vocab_size: The number of letters.
    """
    high: Tensor = losses > math.log(vocab_size) / 2
    return high


def certain(task: Automaton, batch: Batch) -> Bool[Tensor, "batch time"]:
    """Return a mask of the targets that the two bits before them determine."""
    return task.comes_from(batch, "0?") | task.comes_from(batch, "1?")


def _learn(task: Automaton, seed: int) -> tuple[ElmanCharModel, Finding]:
    """Train a network on a task, and compare its loss with the optimum."""
    model = ElmanCharModel(task.vocab, hidden_size=UNITS, seed=seed)
    history = fit(model, task, progress=False, **OPTIONS)
    score = evaluate(model, task, longer=[]).seen
    return model, Finding(
        f"{task.name}, {UNITS} units",
        float(score.loss),
        "nats",
        None,
        score.optimum,
        float(task.memoryless),
        seconds=history.seconds,
        settings={"units": UNITS, "seed": seed, **OPTIONS},
        note=f"excess {score.excess} nats",
    )


def _right(model: ElmanCharModel, batch: Batch) -> Bool[Tensor, "batch time"]:
    return model(batch.inputs)[0].argmax(-1) == batch.targets


def _curve(model: ElmanCharModel, task: Automaton, batch: Batch) -> dict[str, Any]:
    """Return the loss of the first letters of a sequence, and where words begin."""
    losses, begins = loss_by_position(model, batch)[0, :SHOWN], onsets(task, batch)[0, :SHOWN]
    return {
        "symbols": [task.vocab.symbols[i] for i in batch.targets[0, :SHOWN].tolist()],
        "losses": [round(loss, 4) for loss in losses.tolist()],
        "onsets": begins.tolist(),
    }


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)
