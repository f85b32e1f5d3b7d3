"""evaluate and Report, checked against manual sums, an oracle and a pure memorizer."""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import replace
from itertools import chain
from statistics import mean, stdev
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import (
    Automaton,
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
)
from seqtoys.errors import DataError, OptionError
from seqtoys.results import Baselines, EnsembleHistory, EnsembleRow, Report
from seqtoys.support.uncertainty import Estimate
from seqtoys.training.stopping import StoppingRules

PARITY = get_task("parity")


class ParityOracle(nn.Module):
    """Answer parity correctly for known inputs (all if None), and "0" for others."""

    def __init__(self, known: Batch | None) -> None:
        super().__init__()
        self.anything = nn.Parameter(torch.zeros(1))
        rows = [] if known is None else known.inputs.tolist()
        self.known = None if known is None else {tuple(row) for row in rows}

    def forward(self, inputs: Tensor) -> Tensor:
        ones = (inputs == 1).cumsum(1) % 2  # (batch, time)
        if self.known is not None:
            is_known = [tuple(row) in self.known for row in inputs.tolist()]
            ones = ones * torch.tensor(is_known).unsqueeze(1)
        return F.one_hot(ones, 3) * 20.0 + self.anything * 0


def test_report_matches_manual_sums() -> None:
    batch = PARITY.sample(50, length=7)
    model = ElmanCharModel(PARITY.vocab, hidden_size=8, seed=2)
    score = evaluate(model, PARITY, seen=batch, count=60).seen
    logits = model(batch.inputs)[0][:, -1]
    answers = torch.tensor([row.count(1) % 2 for row in batch.inputs.tolist()])
    right = (logits.argmax(-1) == answers).double().mean().item()
    assert score.sequences == 50
    assert score.loss == pytest.approx(F.cross_entropy(logits, answers).item(), rel=1e-5)
    assert score.accuracy == score.whole_accuracy == pytest.approx(right)
    assert (score.optimum, score.excess) == (0, score.loss)


def test_counts_weight_seen_sequences() -> None:
    batch = PARITY.sample(50, length=4)  # there are 16 strings
    model = ElmanCharModel(PARITY.vocab, hidden_size=8, seed=2)
    each, counted = (evaluate(model, PARITY, seen=seen).seen for seen in (batch, batch.distinct()))
    assert counted.sequences == each.sequences == 50
    assert counted.loss == pytest.approx(each.loss, rel=1e-9)


def test_whole_accuracy_requires_every_symbol_to_be_right() -> None:
    task = Text(["abab", "aabb", "abba"])
    model = ElmanCharModel(task.vocab, seed=1)
    batch = task.batch
    predicted = model(batch.inputs)[0].argmax(-1)
    right = predicted == batch.targets
    score = evaluate(model, task, seen=batch.take(torch.tensor([0, 1])), count=10).unseen
    assert score.accuracy == pytest.approx(right[2].double().mean().item())
    assert score.whole_accuracy == float(right[2].all())


@pytest.mark.usefixtures("untraced")
@pytest.mark.usefixtures("unchecked")  # many calls; other tests check their types
def test_standard_errors_match_the_spread_over_repetitions() -> None:
    model = ElmanCharModel(PARITY.vocab, hidden_size=8, seed=2)
    task = get_task("parity")
    task.lengths = (10, 10)  # one length, as only the score of longer strings is used
    generators = [torch.Generator().manual_seed(seed) for seed in range(40)]
    scores = [
        evaluate(model, task, count=100, longer=[60], generator=g).longer[60] for g in generators
    ]
    for name in ("loss", "accuracy", "whole_accuracy"):
        values = [getattr(score, name) for score in scores]
        reported = mean(value.standard_error for value in values)
        assert 0.7 < stdev(values) / reported < 1.4


def test_replica_reports_match_single_models() -> None:
    ensemble = ElmanEnsemble(PARITY.vocab, [3, 4], hidden_size=8)
    together = evaluate(ensemble, PARITY, count=64, longer=[50])
    for replica, report in enumerate(together):
        alone = evaluate(ensemble[replica], PARITY, count=64, longer=[50])
        for name, score in report.scores.items():
            assert score.loss == pytest.approx(alone.scores[name].loss, rel=1e-5)
            assert score.accuracy == alone.scores[name].accuracy


def test_report_distinguishes_learning_from_memorizing() -> None:
    training, held_out = PARITY.held_out(0.5)
    shown = training.sample(200, length=12)
    memorizer = evaluate(ParityOracle(shown), PARITY, seen=shown, longer=[])
    assert memorizer.seen.accuracy == 1.0
    assert abs(memorizer.unseen.accuracy - 0.5) < 0.1
    assert memorizer.sentence().startswith("memorized (100% accuracy on seen strings, ")
    oracle = evaluate(ParityOracle(None), held_out, longer=[50, 100])
    assert [score.whole_accuracy for score in oracle.scores.values()] == [1.0] * 4
    assert oracle.sentence().startswith("learned (100% accuracy")
    assert oracle.sentence().endswith("; generalizes to longer strings, up to length 100")
    nothing = evaluate(ParityOracle(PARITY.sample(1, length=3)), PARITY, longer=[])
    assert nothing.sentence().startswith("not learned yet")


def test_report_without_held_out_strings_does_not_mention_them() -> None:
    report = evaluate(ParityOracle(None), PARITY, longer=[])
    assert report.sentence().startswith("fits its training data (100%")
    with pytest.raises(DataError, match="nothing was held out"):
        _ = report.unseen


def test_excess_over_a_random_source_is_the_divergence() -> None:
    task = Text(["ab", "ab", "ab", "aa"])  # b follows a with probability 3/4
    model = nn.Embedding.from_pretrained(torch.zeros(2, 2), freeze=False)
    score = evaluate(model, task, count=4000).seen
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert abs(score.excess - divergence) < 4 * score.excess.standard_error
    assert score.excess == pytest.approx(score.loss - score.optimum)
    assert evaluate(model, task).sentence().startswith("not learned yet")
    log_probabilities = torch.tensor([[0.25, 0.75]]).log().expand(2, 2).clone()
    optimal_model = nn.Embedding.from_pretrained(log_probabilities, freeze=False)
    assert evaluate(optimal_model, task).sentence().startswith("fits its training data")


NOISE: dict[str, Any] = {"s": [(symbol, "s", 0.25) for symbol in "abcd"]}
LIGHTS: dict[str, Any] = {
    "red": [("r", "red", 0.7), ("o", "amber", 0.3)],
    "amber": [("g", "green", 1.0)],
    "green": [("g", "green", 0.8), ("a", "yellow", 0.2)],
    "yellow": [("r", "red", 1.0)],
}


@pytest.mark.parametrize(("arcs", "start", "error"), [(NOISE, "s", 0.1), (LIGHTS, "red", 0.2)])
def test_near_optimal_counts_as_learned_where_memory_does_not_help(
    arcs: dict[str, Any], start: str, error: float
) -> None:
    task = Automaton(arcs, start, lengths=(5, 20), longer=())
    assert task.memoryless == pytest.approx(task.optimum)
    logits = torch.full((4, 4), -5.0)  # (symbol, next symbol)
    for symbol, after, _ in chain(*arcs.values()):
        for following, _, chance in arcs[after]:
            row, column = task.vocab.encode(symbol + following).tolist()
            logits[row, column] = math.log(chance)
    training, _ = task.held_out(0.2)
    noise = error * torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    report = evaluate(nn.Embedding.from_pretrained(logits + noise, freeze=False), training)
    assert report.unseen.source_loss is not None
    assert 0.002 < report.unseen.loss - report.unseen.source_loss < 0.05
    assert report.sentence().startswith("learned (")
    far = evaluate(nn.Embedding.from_pretrained(logits.roll(1, 1), freeze=False), training)
    assert far.sentence().startswith("not learned yet" if len(arcs) > 1 else "learned")


def test_report_as_table_and_json() -> None:
    report = evaluate(ParityOracle(None), PARITY.held_out(0.2)[0], count=100, longer=[50])
    assert Report.from_json(report.to_json()) == report
    assert report.to_json().count("standard_error") == 3 * 4 + 2
    lines = str(report).splitlines()
    assert lines[0].split() == ["strings", "loss", "optimum", "excess", "accuracy", "whole"]
    assert [line.split("  ")[0] for line in lines[1:4]] == ["seen", "unseen", "length 50"]
    assert lines[-1].startswith("best without memory: loss 0.69")
    assert max(map(len, lines)) <= 80  # as wide as a terminal
    assert "<td>length 50</td>" in report._repr_html_()
    with pytest.raises(DataError, match="expected a report as returned by to_json"):
        Report.from_json("{}")


def test_invalid_arguments_raise() -> None:
    stranger = ElmanCharModel(Vocab("abc"))
    with pytest.raises(OptionError, match="expected a model with the vocabulary of parity"):
        evaluate(stranger, PARITY)
    with pytest.raises(OptionError, match="expected a model with the vocabulary of parity"):
        fit(stranger, PARITY)
    with pytest.raises(OptionError, match="expected count to be a positive integer, got 0"):
        evaluate(ParityOracle(None), PARITY, count=0)
    task = Text(["ab", "ba"])
    with pytest.raises(DataError, match="expected text to have unseen sequences, found none"):
        evaluate(ElmanCharModel(task.vocab), task, seen=task.batch, count=40)


def test_estimates_are_floats_with_a_standard_error() -> None:
    assert str(Estimate(0.123456, 0.0123)) == "0.123 ± 0.012"
    assert str(Estimate(12.3, 4.5)) == "12.3 ± 4.5"
    assert str(Estimate(0.5)) == "0.5000"
    assert str(Estimate(9743659.0, 569725.0)) == "9.74e+06 ± 5.7e+05"
    assert str(Estimate(-1e6)) == "-1.00e+06"
    assert Estimate(0.5, 0.1) == 0.5
    assert Estimate(1.0, 0.5).__getnewargs__() == (1.0, 0.5)


def test_report_names_lengths_where_accuracy_drops() -> None:
    known = PARITY.sample(2000, length=3)
    for longer, end in (([9], r"; but \d+% accuracy at length 9"), ([], r"50% by guessing\)")):
        shown = PARITY.sample(100, length=3)
        report = evaluate(ParityOracle(known), PARITY, seen=shown, longer=longer)
        scores = {**report.scores, "unseen": report.seen}
        text = replace(report, scores=scores).sentence()
        assert text.startswith("learned (")
        assert re.search(end + "$", text)


def test_report_gives_the_excess_at_lengths_with_random_symbols() -> None:
    task = get_task("reber")
    report = evaluate(ElmanCharModel(task.vocab, seed=0), task, count=40, longer=[38])
    best = Estimate(report.seen.source_loss or 0.0)
    scores = {**report.scores, "as in training": replace(report.seen, loss=best)}
    excess = report.longer[38].excess
    text = replace(report, scores=scores).sentence()
    assert text.endswith(f"; but {excess:.4f} nats above the optimum at length 38")


def test_report_accepts_few_unseen_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("seqtoys.evaluation.drawing"), "ROUNDS", 1)
    task = Text(["ab", "ba"])
    seen = Batch.from_texts(["ab"], task.vocab)
    report = evaluate(ElmanCharModel(task.vocab), task, seen=seen, count=40)
    assert 0 < report.unseen.sequences < 40


# --- Below the optimum, and few strings


class LooksAhead(nn.Module):
    """A model that reads the next input symbol, like a network without a causal mask."""

    def __init__(self, symbols: int, sharpness: float) -> None:
        super().__init__()
        self.symbols, self.sharpness = symbols, sharpness
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(self, inputs: Tensor) -> Tensor:
        following = F.one_hot(inputs.roll(-1, 1), self.symbols).double()
        return following * self.sharpness + self.bias


REBER = get_task("embedded_reber")


def test_model_that_looks_ahead_is_reported_below_the_optimum() -> None:
    training, _ = REBER.held_out(0.2)
    for task in (REBER, training):
        report = evaluate(LooksAhead(len(REBER.vocab), 4.0), task, count=200, longer=[30])
        assert report.seen.excess < -0.2
        assert re.match(
            r"below the optimum by \d+ standard errors "
            r"\((seen|as in training|unseen|length 30)\): the model looks ahead or mixes the "
            r"sequences of a batch, or the optimum is wrong$",
            report.sentence(),
        )


def test_wrong_optimum_is_reported() -> None:
    class HighOptimum(Automaton):
        @property
        def optimum(self) -> float:
            return 1.0

        def optimal_loss(self, batch: Batch) -> float:
            return 1.0

    arcs: dict[str, Any] = {"a": [("x", "a", 0.5), ("y", "a", 0.5)]}
    task = HighOptimum(arcs, "a", lengths=(9, 9), longer=())
    model = nn.Embedding.from_pretrained(torch.zeros(2, 2), freeze=False)
    sentence = evaluate(model, task, count=100).sentence()
    below = "below the optimum by 0.3069 nats (as in training): "  # 1 - ln 2, everywhere
    assert sentence.startswith(below)


@pytest.mark.parametrize("count", [8, 40])
def test_true_source_is_not_reported_below_the_optimum(count: int) -> None:
    """The true source is below its optimum as often as above it."""
    task = Automaton({"a": [("x", "a", 0.5), ("y", "a", 0.5)]}, "a", lengths=(9, 9), longer=())
    model = nn.Embedding.from_pretrained(torch.zeros(2, 2), freeze=False)
    assert "below" not in evaluate(model, task, count=count).sentence()


def test_memorized_sequences_may_be_below_the_source_loss() -> None:
    task = get_task("letters")
    seen = task.sample(3, length=30)
    model = ElmanCharModel(task.vocab, hidden_size=24, seed=0)
    fit(model, seen, epochs=400, lr=0.02)
    report = evaluate(model, task, seen=seen, count=60, longer=[])
    assert report.seen.is_given
    assert report.seen.excess < -0.05
    assert "below the optimum" not in report.sentence()


def test_until_ignores_a_loss_below_the_optimum() -> None:
    model = LooksAhead(len(REBER.vocab), 4.0)
    history = fit(model, REBER, epochs=12, until=0.05, lr=1e-6, check=False)
    assert history.stopped == "epochs"
    assert history.loss[-1] < history.optimum[-1] - 0.2
    assert "The loss is lower than any causal (left-to-right) model" in str(history)
    assert "The loss is lower" in history._repr_html_()
    short = fit(model, REBER, epochs=2, lr=1e-6, check=False)
    assert "lower than any" not in str(short)  # two batches are too few


def test_replica_below_the_optimum_is_not_solved() -> None:
    rows = [(torch.tensor([0.1, 0.6, 0.64]), 0.6)] * 6
    history = EnsembleHistory((1, 2, 3), Baselines(1.0, 0.8, 0.6))
    rule = StoppingRules(0.05, None, 3)
    for loss, optimum in rows:
        accuracy = torch.tensor([0.5, 0.5, 0.5], dtype=torch.float64)
        history.append(EnsembleRow(loss.double(), accuracy, 0.1, None, None, optimum))
        rule.reason(history)
    assert rule.ended.tolist() == [False, True, True]
    rule.close(history, "epochs")
    assert history.stopped == ["epochs", "excess", "excess"]
    assert "1 of 3 seeds: The loss is lower than any causal" in str(history)


def test_few_frequent_strings_are_not_reported_as_memorized() -> None:
    training, _ = get_task("dyck").held_out(0.2)
    model = ElmanCharModel(training.vocab, hidden_size=20, seed=0)
    fit(model, training, epochs=300, lr=0.02)
    report = evaluate(model, training, count=400, longer=[])
    assert report.unseen.effective_sequences is not None
    assert report.unseen.effective_sequences < 5
    for score in report.scores.values():
        assert score.excess >= -4 * score.excess.standard_error
    assert "memorized" not in report.sentence()
    assert "too few to tell learning from memorizing" in report.sentence()
    known = r"optimum if neither split nor length is known: 0\.\d+ \(seen\)"
    assert re.search(known, str(report))


def test_longer_strings_are_compared_with_guessing_at_their_length() -> None:
    """Answering like a memoryless model at each length is not learning the longer ones."""
    task = get_task("stack_manipulation")
    report = evaluate(ElmanCharModel(task.vocab), task, count=50, longer=[60])
    batch = task.sample(400, length=60)
    targets = batch.targets[batch.scored]
    frequency = targets.bincount().max().item() / len(targets)
    assert report.longer[60].chance == pytest.approx(frequency, abs=0.03)
    assert report.longer[60].memoryless == pytest.approx(
        -sum(p * math.log(p) for p in (targets.bincount() / len(targets)).tolist() if p), abs=0.03
    )


def test_unscored_sequences_are_skipped() -> None:
    batch = PARITY.sample(3, length=6)
    targets = batch.targets.clone()
    targets[1] = -100
    model = ElmanCharModel(PARITY.vocab, hidden_size=8, seed=2)
    whole = evaluate(model, PARITY, seen=Batch(batch.inputs, targets), count=20).seen
    others = evaluate(model, PARITY, seen=batch.take(torch.tensor([0, 2])), count=20).seen
    assert whole.sequences == 2
    assert whole.loss == pytest.approx(others.loss)
