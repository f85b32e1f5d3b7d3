"""Benchmarks compare equivalent code, and their page shows the stored rows; nothing is timed."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tools.results.benchmarks import STORED, amount, machine, number, table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import own_loop, peers, results, tasks, text, timing
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.shares import answer_shares
from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, fit, generate, get_task
from seqtoys.tasks.catalogue import CATALOGUE

SYMBOLS, STREAMS, CHUNK = "abcde", 3, 4
TEXT = text.make_text(SYMBOLS, STREAMS, CHUNK, updates=5)
DATA = ("hihell", "ihello")
RECALL = ("associative_recall", "n_back", "first_symbol")
ANSWERING = [
    name
    for name, entry in CATALOGUE.items()
    if entry.page in ("chomsky", "tomita") or name in RECALL
]


def parts() -> list[peers.Part]:
    return peers.cut_text(TEXT, SYMBOLS, STREAMS, CHUNK)


@pytest.mark.parametrize(
    ("learn", "options", "scored"),
    [
        (peers.learn_whole, {"lr": 0.05}, 1),
        (peers.learn_stepwise, {"lr": 0.005, "stepwise": True}, 6),
    ],
)
def test_notebook_loops_match_fit(learn: Any, options: dict[str, Any], scored: int) -> None:
    course = learn(peers.make_rnn(), 100)
    history = fit(ElmanCharModel(Vocab("hielo"), seed=777), DATA, epochs=100, **options)
    losses = [scored * loss for loss in history.loss]  # the notebook sums over the steps
    assert losses == pytest.approx([loss for loss, _ in course], rel=1e-4)
    assert history.predictions == [predicted for _, predicted in course]


def test_text_is_cut_into_consecutive_chunks_of_parallel_streams() -> None:
    inputs = torch.cat([part for part, _ in parts()])  # (time, streams)
    targets = torch.cat([part for _, part in parts()])
    assert [len(part) for part, _ in parts()] == [CHUNK] * 5
    assert Vocab(SYMBOLS).decode(inputs.T.flatten()) == TEXT[:-1]
    assert torch.equal(inputs[1:], targets[:-1])


def test_text_loop_matches_fit() -> None:
    losses = peers.learn_text(peers.Network(len(SYMBOLS), 7), parts())
    model = ElmanCharModel(Vocab(SYMBOLS), hidden_size=7)
    options: dict[str, Any] = {"chunk": CHUNK, "batch_size": STREAMS, "epochs": 1}
    history = fit(model, TEXT, lr=0.01, **options)
    assert history.loss == pytest.approx([sum(losses) / len(losses)], rel=1e-4)


@pytest.mark.parametrize(
    "network",
    [own_loop.Network(7), own_loop.Network(7, batch_first=True, features=3, layers=2)],
)
def test_own_loops_match(network: own_loop.Network) -> None:
    network = replace(network, dtype=torch.float64)
    assert "double precision" in network.title
    ours, peer = network.ours(), network.peer()
    symbols = [torch.arange(24).view(4, 6) % 5 + shift for shift in (0, 1)]
    losses = [own_loop.update(each, *symbols) for each in (ours, peer)]
    torch.testing.assert_close(*losses)
    peers_parameters = dict(peer.named_parameters())
    assert peers_parameters.keys() == dict(ours.named_parameters()).keys()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, peers_parameters[name].grad)


def test_precomputed_one_hots_change_nothing() -> None:
    before = [peers.one_hots_of(inputs, len(SYMBOLS)) for inputs, _ in parts()]
    losses = [
        peers.learn_text(peers.Network(len(SYMBOLS), 7), parts(), one_hots)
        for one_hots in (None, before)
    ]
    assert losses[0] == losses[1]


def test_sampling_loop_matches_generate() -> None:
    network = peers.Network(len(SYMBOLS), 7)
    for weight in network.readout.parameters():
        weight.data.mul_(1e5)  # the likeliest symbol gets all of the probability
    sampled = peers.sample(network, SYMBOLS, "a", 50, torch.Generator().manual_seed(0))
    model = ElmanCharModel(Vocab(SYMBOLS), hidden_size=7)
    assert sampled == generate(model, "a", 50, temperature=0)


def test_jax_matches_the_loops() -> None:
    pytest.importorskip("jax", reason="JAX is in the extra bench", exc_type=ImportError)
    from benchmarks import jax_peers

    rnns = [peers.make_rnn(seed) for seed in (777, 1)]
    _, (losses, predicted) = jax_peers.seeds_trainer(unroll=1)(jax_peers.stacked(rnns))
    courses = [peers.learn_whole(rnn) for rnn in rnns]
    for row, indices, course in zip(losses, predicted, courses, strict=True):
        assert row == pytest.approx([loss for loss, _ in course], rel=1e-4)
        assert Vocab("hielo").decode(indices[-1]) == course[-1][1]

    network, trainer = peers.Network(len(SYMBOLS), 7), jax_peers.TextTrainer()
    text_losses = trainer.learn(trainer.start(network, STREAMS), parts())
    assert text_losses == pytest.approx(peers.learn_text(network, parts()), rel=1e-4)


def test_ensemble_matches_the_loops() -> None:
    ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[777, 1])
    history: Any = fit(ensemble, DATA, epochs=20, lr=0.05)
    for replica, seed in enumerate((777, 1)):
        course = peers.learn_whole(peers.make_rnn(seed), 20)
        assert history[replica].loss == pytest.approx([loss for loss, _ in course], rel=1e-4)


def test_task_updates_match_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCHES", 3)
    task = get_task("reber")
    timed, fitted = (ElmanCharModel(task.vocab, hidden_size=8) for _ in range(2))
    tasks.train(timed, tasks.draw(task))()
    fit(fitted, task, epochs=3, lr=0.01)
    for ours, its in zip(timed.parameters(), fitted.parameters(), strict=True):
        assert torch.equal(ours, its)


def test_operation_count_matches_pytorch() -> None:
    network = peers.Network(len(SYMBOLS), 7)
    with FlopCounterMode(display=False) as counter:
        peers.learn_text(network, parts()[:1])
    products_of_one_hots = 2 * 2 * STREAMS * CHUNK * 7 * len(SYMBOLS)  # forward and backward
    counted = counter.get_total_flops() - products_of_one_hots
    assert text.count_operations(7, len(SYMBOLS), STREAMS, CHUNK) == counted


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SETTLE", 0)
    ran: list[str] = []
    contestants: Any = {name: lambda name=name: lambda: ran.append(name) for name in "ab"}
    seconds = timing.take_turns(contestants, repeats=2)
    assert ran == ["a", "b"] * 3
    assert [len(times) for times in seconds.values()] == [2, 2]


def test_ratio_is_the_median_over_pairs() -> None:
    row = timing.compare(timing.share_of_time("", 0.4), [1, 2, 9], [2, 8, 10])
    assert (row["ratio"], row["low"], row["high"], row["met"]) == (0.5, 0.25, 0.9, False)
    row = timing.compare(timing.times_as_fast("", 2.0), [1, 2, 9], [2, 8, 10], peer_share=2)
    assert (row["ratio"], row["ours"], row["peer"], row["met"]) == (4, 2, 16, True)


def test_rows_are_kept_only_for_the_same_machine(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.store("text", [{"name": "old"}], path, BENCHMARKS)
    results.store("hihello", [{"name": "a"}], path, BENCHMARKS)
    results.store("text", [{"name": "b"}], path, BENCHMARKS)
    stored = json.loads(path.read_text())
    assert list(stored["rows"].items()) == [
        ("hihello", [{"name": "a"}]),
        ("text", [{"name": "b"}]),
    ]

    path.write_text(json.dumps({**stored, "machine": "another"}))
    results.store("seeds", [], path, BENCHMARKS)
    assert json.loads(path.read_text())["rows"] == {"seeds": []}


def test_page_shows_every_stored_row() -> None:
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert stored["machine"]["cpu"] in machine()
    for name, rows in stored["rows"].items():
        shown = [line for line in table(name).splitlines() if re.search(r"\| [12] \|", line)]
        assert len(shown) == len(rows)
        for row in rows:
            (line,) = [line for line in shown if f"| {row['name']} | {row['threads']} |" in line]
            assert f"**{number(row['ratio'])}** {row['unit']}" in line
            assert amount(row["peer"], row["scale"]) in line
            assert ("**missed**" in line) == (row["met"] is False)


def test_page_has_every_benchmark() -> None:
    page = Path("docs/benchmarks.md").read_text(encoding="utf-8")
    assert re.findall(r'table\("(\w+)"\)', page) == list(BENCHMARKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["txt"], "expected names among"), (["--quick", "--write"], "stores full runs")],
)
def test_command_line_rejects_invalid_arguments(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ANSWERING)
def test_answer_probabilities_match_samples(name: str) -> None:
    task, count = get_task(name), 4000
    length = next(n for n in range(5, 12) if task.why_no_length(n) is None)
    batch = task.sample(count, length=length, generator=torch.Generator().manual_seed(3))
    found = Counter(batch.targets[batch.scored].tolist())
    frequencies = sorted(found[i] / found.total() for i in range(len(task.vocab)))
    probabilities = sorted([*answer_shares(name, length), *[0.0] * len(task.vocab)])[
        -len(frequencies) :
    ]
    assert probabilities == pytest.approx(frequencies, abs=4.5 * math.sqrt(0.25 / count))
