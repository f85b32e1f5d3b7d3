"""Elman's sentences (1990): do hidden states group nouns and verbs, living and inanimate?

As in the paper, 27,354 words follow each other without full stops, and the states of a network of
150 units are averaged for each word. The network is examined untrained, after one pass through the
text, after the paper's six passes, and fully trained.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from benchmarks.published.findings import Finding
from seqtoys import Batch, ElmanCharModel, Vocab, fit
from seqtoys.inspection import mean_hidden_by_symbol, principal_components
from seqtoys.tasks.elman1990 import CLASSES, sentences

VERBS = frozenset(
    word
    for name in ("be", "transitive", "move", "perceive", "destroy", "eat")
    for word in CLASSES[name]
)
ANIMATES = frozenset(word for name in ("human", "animal", "aggressor") for word in CLASSES[name])
WORDS, AVERAGED = 27_354, 5000  # in the text; number of these to average over
UNITS, SEEDS = 150, 8
OPTIONS: dict[str, Any] = {"chunk": 10, "batch_size": 32, "lr": 5e-4}
STAGES = {"untrained": 0, "after 1 pass": 1, "after 6 passes": 5, "after 50 passes": 44}
"""The stages, with the number of passes since the previous one; the paper trains for six."""


def measure_sentences(seeds: int = SEEDS) -> tuple[list[Finding], dict[str, Any]]:
    """Train networks in stages, and measure how the topmost fork of the tree splits words.

    Args:
        seeds: The number of networks.

    Returns:
        The findings, and the mean states of the first network at each stage.
    """
    words = write_words()
    models = [ElmanCharModel(vocabulary(), hidden_size=UNITS, seed=seed) for seed in range(seeds)]
    found, first = list[Finding](), dict[str, Any]()
    for stage, epochs in STAGES.items():
        if epochs:
            for model in models:
                fit(model, words, epochs=epochs, progress=False, **OPTIONS)
        states = [average_states(model, words) for model in models]
        first[stage] = in_few_numbers(states[0])
        found += [
            _summarise(f"{stage}: nouns and verbs part", states, VERBS, ()),
            _summarise(f"{stage}: living and lifeless nouns part", states, ANIMATES, VERBS),
        ]
    return found, first


def vocabulary() -> Vocab:
    """Return the 29 words, without the full stop that ends each sentence of the task."""
    return Vocab(word for word in sentences().vocab if word != ".")


def write_words() -> list[str]:
    """Generate sentences one after the other, without full stops."""
    task = sentences()
    batch = task.sample(400, generator=torch.Generator().manual_seed(0))
    words = [word for word in chain.from_iterable(task.vocab.decode(batch.inputs)) if word != "."]
    return words[:WORDS]


def average_states(model: ElmanCharModel, words: list[str]) -> dict[str, Tensor]:
    """Return the mean state after each word, averaged over its contexts."""
    return mean_hidden_by_symbol(model, Batch.from_texts([words[:AVERAGED]], model.vocab))


def in_few_numbers(states: Mapping[str, Tensor]) -> dict[str, list[float]]:
    """Express states by principal components, with as many as preserve all distances."""
    vectors = torch.stack(list(states.values())).numpy()
    points, _ = principal_components(vectors, min(len(vectors) - 1, vectors.shape[1]))
    return {
        word: [round(x, 3) for x in point.tolist()]
        for word, point in zip(states, points, strict=True)
    }


def part_of_agreement(states: Mapping[str, Tensor], group: Collection[str]) -> float:
    """Return the fraction of words on the correct side of the topmost fork of their tree.

    Args:
        states: The mean state of each word.
        group: The words that should be on one side, with all others on the other side.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(torch.stack(list(states.values())).numpy(), method="average")
    sides = fcluster(tree, 2, criterion="maxclust") == 1
    same = sum((word in group) == bool(side) for word, side in zip(states, sides, strict=True))
    return max(same, len(states) - same) / len(states)


def _summarise(
    what: str, states: list[dict[str, Tensor]], group: Collection[str], without: Collection[str]
) -> Finding:
    """Summarize the median over the networks, and how many separate all words correctly."""
    kept = [{w: state for w, state in each.items() if w not in without} for each in states]
    shares = torch.tensor([part_of_agreement(each, group) for each in kept])
    return Finding(
        f"sentences, {what}",
        100 * shares.median().item(),
        "%",
        None,
        100.0,
        solved=(int((shares == 1).sum()), len(shares)),
        settings={"units": UNITS, "seeds": f"0 to {len(shares) - 1}", "words": WORDS, **OPTIONS},
        note="words on the right side of the topmost fork; solved: all of them",
    )
