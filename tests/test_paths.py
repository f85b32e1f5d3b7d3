"""Paths through a graph, checked against single-step walks, and strings made of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from seqtoys import Automaton, Batch
from seqtoys.tasks.automata import paths as paths_module
from seqtoys.tasks.automata.graph import read_graph
from seqtoys.tasks.automata.paths import LONGEST, Paths, list_paths
from seqtoys.tasks.automata.string_lengths import StringLengths
from seqtoys.tasks.automata.strings import StringSampler
from tests.graphs import COIN, LOOP

CASES = {
    "to an end": (COIN, "begin", {"end"}),
    "to the start": (LOOP, "s", {"s"}),
    "through": (LOOP, "s", set[str]()),
}


def made(case: str) -> tuple[Any, Paths]:
    written, start, stops = CASES[case]
    graph = read_graph(written, start)
    return graph, list_paths(graph, np.array([state in stops for state in graph.states]))


@pytest.mark.parametrize("many", [1, 10, 40])
@pytest.mark.parametrize("case", CASES)
def test_paths_are_valid_walks(case: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths_module, "MANY", many)
    written, _, stops = CASES[case]
    graph, paths = made(case)
    assert paths.rest == len(graph.states)
    assert len(paths.start) <= max(many, graph.chances.size + 1)
    walks = Counter[tuple[Any, ...]]()
    for start, after, chance, count, symbols in zip(
        paths.start, paths.after, paths.chances, paths.counts, paths.symbols, strict=True
    ):
        at, probability = graph.states[start] if start < paths.rest else None, 1.0
        for column in symbols[:count]:
            arcs = {symbol: (state, p) for symbol, state, p in written[at]}
            at, p = arcs[graph.symbols[column]]
            probability *= p
            at = None if at in stops else at
        ends_here = start == paths.rest or written[graph.states[start]] == []
        assert after == (paths.rest if at is None or ends_here else graph.states.index(at))
        assert count == paths.steps or after == paths.rest
        assert chance == pytest.approx(probability)
        walks[start, *symbols[:count]] += 1
    assert set(walks.values()) == {1}
    assert np.bincount(paths.start, paths.chances) == pytest.approx(np.ones(paths.rest + 1))
    assert (np.diff(paths.start) >= 0).all()


def test_path_length_is_limited_by_many() -> None:
    assert made("through")[1].steps == 10  # 2 * 2^10 paths, and the resting one
    chain = {n: [("a", n + 1, 1.0)] for n in range(100)} | {100: list[Any]()}
    graph = read_graph(chain, 0)
    assert list_paths(graph, graph.is_stop).steps == LONGEST
    short = read_graph({n: chain[n] for n in range(97, 101)}, 97)
    assert list_paths(short, short.is_stop).steps == 3  # all have stopped


@pytest.mark.parametrize("case", CASES)
def test_each_path_has_an_interval_of_its_probability(case: str) -> None:
    _, paths = made(case)
    weights = np.random.default_rng(0).random(len(paths.start)) * (paths.start != 1)
    weights[:5] = [0, 1, 0, 0, 2]
    for line, each in ((paths.line, paths.chances), (paths.lay_out(weights), weights)):
        totals = np.bincount(paths.start, each)[paths.start]
        uniform = 1 / np.bincount(paths.start)[paths.start]
        fractions = np.where(totals > 0, each / np.where(totals > 0, totals, 1), uniform)
        assert np.diff(line, prepend=0) == pytest.approx(fractions, abs=1e-12)
        last = np.flatnonzero(np.diff(paths.start, append=paths.rest + 1))
        assert line[last].tolist() == list(range(1, paths.rest + 2))
        assert (np.diff(line) >= 0).all()


def test_rounding_errors_do_not_accumulate_over_states() -> None:
    start = np.arange(20_000).repeat(3)
    paths = Paths(start, start, np.tile([0.1, 0.2, 0.7], 20_000), start, start[:, np.newaxis])
    assert np.abs(paths.line - (start + np.tile([0.1, 0.3, 1.0], 20_000))).max() < 2e-11


def texts_of(task: Automaton, batch: Batch) -> list[str]:
    return [
        task.vocab.decode([*inputs[:length], targets[length - 1]])  # type: ignore[misc]
        for inputs, targets, length in zip(
            batch.inputs.tolist(),
            batch.targets.tolist(),
            batch.count_symbols().tolist(),
            strict=True,
        )
    ]


def test_endless_source_is_cut_after_thirty_returns_and_one_symbol() -> None:
    task = Automaton(LOOP, "s")
    texts = texts_of(task, task.sample(2000, generator=torch.Generator().manual_seed(3)))
    assert {text[:-1].count("a") for text in texts} == {30}  # each a returns to the start
    assert {text[-2] for text in texts} == {"a"}
    assert len(set(texts)) > 1800
    lasts, rest = Counter(text[-1] for text in texts), "".join(text[:-1] for text in texts)
    assert lasts["b"] / 2000 == pytest.approx(0.1, abs=0.03)
    assert rest.count("ab") / rest.count("a") == pytest.approx(0.1, abs=0.01)
    assert rest.count("ba") / rest.count("b") == pytest.approx(0.3, abs=0.02)
    assert sum(text.startswith("b") for text in texts) / 2000 == pytest.approx(0.1, abs=0.03)


def test_endless_strings_have_the_largest_of_several_lengths() -> None:
    graph = read_graph(LOOP, "s")
    sampler = StringSampler(graph, StringLengths(graph, 30), 30)
    strings, counts = sampler.draw(3, (2, 50), torch.Generator().manual_seed(0))
    assert strings.shape == (3, 50)
    assert counts.tolist() == [50] * 3


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_extreme_random_numbers_give_valid_strings(
    number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torch, "rand", lambda size, dtype, **_: torch.full((size,), number, dtype=dtype)
    )
    for written, start in ((COIN, "begin"), (LOOP, "s")):
        task = Automaton(written, start)
        for length in (2, 3, 9, 10, 11, 40):
            (text,) = texts_of(task, task.sample(1, length=length))
            assert len(text) == length + 1
            assert task.accepts(text)
