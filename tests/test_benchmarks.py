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
from tools.results.benchmarks import NO_GPU, STORED, amount, gpu_table, machine, number, table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import (
    gpu,
    large,
    memory,
    own_loop,
    peers,
    results,
    sizes,
    start,
    tasks,
    text,
    timing,
)
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.shares import answer_shares
from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, evaluate, fit, generate, get_task
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


def test_jax_matches_fit_at_other_sizes() -> None:
    pytest.importorskip("jax", reason="JAX is in the extra bench", exc_type=ImportError)
    size = sizes.Size(seeds=2, units=7, sequences=3, steps=5, target=1, epochs=20)
    history = sizes.train(size)()
    for unroll in (1, size.steps):
        _, (losses, _) = sizes.train_in_jax(size, unroll)()
        assert torch.tensor(losses).T.tolist() == [
            pytest.approx(row, rel=1e-4) for row in history.loss.tolist()
        ]


def test_loop_over_texts_matches_fit() -> None:
    texts = ["abc", "fedcba", "be"]
    model = ElmanCharModel(Vocab(large.SYMBOLS), hidden_size=7)
    network = peers.Reader(len(large.SYMBOLS), 7, batch_first=True)
    for _ in range(2):
        loss = large.learn_texts(network, texts, batch_size=3)
        assert fit(model, texts, epochs=1, lr=0.01).loss == pytest.approx([loss], rel=1e-5)


def test_score_by_hand_matches_evaluate() -> None:
    vocab = Vocab(large.SYMBOLS)
    score = evaluate(ElmanCharModel(vocab, hidden_size=7), [("abcd", "bcde")])
    network = peers.Reader(len(vocab), 7, batch_first=True)
    loss, accuracy = large.score(network, vocab.encode_batch(["abcde"]))
    assert score.loss == pytest.approx(loss, rel=1e-5)
    assert score.accuracy == accuracy


def test_import_is_timed_after_those_of_pytorch_and_numpy() -> None:
    script = start.SCRIPT.format(line=start.NAMES)
    imports = [line for line in script.splitlines() if "import" in line]
    assert imports[1:] == ["import torch, numpy", start.NAMES]
    assert start.run_python("-c", "print(5)") == "5\n"


@pytest.mark.parametrize("benchmark", [large, memory, start, tasks])
def test_measured_in_one_thread_only(benchmark: Any) -> None:
    assert benchmark.measure(2, quick=True) == []


def test_without_jax_other_sizes_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "has_jax", lambda: False)
    assert sizes.measure(1, quick=True) == []


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


def test_limit_is_on_our_own_measurement(tmp_path: Path) -> None:
    claim = timing.share_of_time("import", limit=2.0)
    rows = [{**timing.compare(claim, [ours], [1.0]), "threads": 1} for ours in (2.0, 3.0)]
    assert [row["met"] for row in rows] == [True, False]
    assert [results.show(row).partition("; ")[2] for row in rows] == [
        "at most 2 s: met",
        "at most 2 s: MISSED",
    ]
    path = tmp_path / "results.json"
    results.store("start", rows, path)
    assert "| at most 2.00 s | **missed** | 3.00 s | 1.00 s |" in table("start", path)
    both = timing.share_of_time("fit", 0.5, limit=2.0)
    found = [
        timing.compare(both, [ours], [peer])["met"] for ours, peer in ((2, 4), (1, 1), (3, 9))
    ]
    assert found == [True, False, False]


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


@pytest.mark.parametrize(
    "name",
    [
        "ElmanCharModel, mini-batches",
        "ElmanCharModel, saved and resumed",
        "ElmanCharModel on reber, and evaluate",
        "ElmanEnsemble of 8 seeds",
        "MambaCharModel",
    ],
)
def test_trainings_on_the_same_device_are_equal(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value in {"EPOCHS": 2, "REPEATS": 1, "COUNT": 8}.items():
        monkeypatch.setattr(gpu, option, value)
    row = gpu.measure(gpu.TRAININGS[name], gpu.CPU, name)
    assert (row["losses"], row["weights"], row["met"]) == (0, 0, True)


def test_resumed_training_on_a_gpu_is_compared_with_an_uninterrupted_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "EPOCHS", 4)
    whole, halves = (
        gpu.train(gpu.TRAININGS[f"ElmanCharModel, {kind}"], gpu.CPU)
        for kind in ("embedding", "saved and resumed")
    )
    assert torch.equal(whole.losses, halves.losses)
    assert gpu.largest_difference(whole.weights, halves.weights) == 0


def test_a_difference_on_a_gpu_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "EPOCHS", 2)
    monkeypatch.setattr(gpu, "REPEATS", 1)
    seeds = iter(range(9))
    training = gpu.Training(lambda: ElmanCharModel(gpu.VOCAB, hidden_size=4, seed=next(seeds)))
    row = gpu.measure(training, gpu.CPU)
    assert not row["met"]
    assert min(row["losses"], row["weights"]) > gpu.TOLERANCE
    nan = {"weight": torch.tensor([math.nan])}
    assert gpu.largest_difference(nan, nan) == math.inf


def test_without_a_gpu_the_reason_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("nothing was measured: ")
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None, raising=False)
    assert "supports no GPU" in str(gpu.why_no_gpu())
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert gpu.why_no_gpu() == "PyTorch finds no GPU"


def test_failed_training_on_a_gpu_is_stored_with_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, training = tmp_path / "gpu.json", gpu.TRAININGS["ElmanCharModel, embedding"]
    assert gpu_table(path) == NO_GPU
    for name, value in {"STORED": path, "EPOCHS": 2, "REPEATS": 1}.items():
        monkeypatch.setattr(gpu, name, value)
    failing = gpu.Training(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(gpu, "TRAININGS", {"failing": failing, "embedding": training})
    monkeypatch.setattr(gpu, "why_no_gpu", lambda: None)
    monkeypatch.setattr(gpu, "find_gpu", lambda: (gpu.CPU, "a GPU"))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    assert gpu.main(["--write"]) == 1
    assert "failing: ZeroDivisionError: division by zero" in capsys.readouterr().out
    failed, equal = gpu_table(path).splitlines()[2:4]
    assert failed == "| failing | | | **failed**: ZeroDivisionError: division by zero | | |"
    assert equal.startswith("| embedding | 0.0e+00 | 0.0e+00 | met | ")
    assert "a GPU" in gpu_table(path)


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
