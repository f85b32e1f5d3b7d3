"""evaluate(by=…) and the share of legal predictions, against loops over single symbols."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from statistics import mean, stdev
from typing import Any, cast

import pytest
import torch
from torch.nn import functional as F

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Semiautomaton,
    Task,
    evaluate,
    get_task,
)
from seqtoys.errors import DataError, InputTypeError, OptionError, ShapeError
from seqtoys.results import ByLabel, ByPosition, Report
from seqtoys.tasks.state_tracking.flip_flop import FlipFlop

HOP = get_task("hop", length=12)
CHAINS = get_task("in_context_markov", length=20)
DYCK = get_task("dyck")


class Labeled(FlipFlop):
    """Flip-flops with labels of our own."""

    def labels(self, batch: Batch) -> dict[str, Any]:
        places = torch.arange(batch.inputs.shape[1]).expand(batch.inputs.shape)
        return {"signed": (places - 50).int(), "all alike": places * 0, "wide": places[:, :1]}


def test_means_by_gap_match_a_loop_over_symbols() -> None:
    batch, model = HOP.sample(60), ElmanCharModel(HOP.vocab, hidden_size=8, seed=2)
    logits = model(batch.inputs)[0].detach().double()
    losses, hits = defaultdict[int, list[float]](list), Counter[int]()
    for row, text in enumerate(batch.inputs.tolist()):
        for at, target in enumerate(batch.targets[row].tolist()):
            reached = at
            for _ in range(2):
                places = [i for i in range(reached) if text[i] == text[reached]]
                reached = places[-1] + 1 if places else -1
                if reached < 0:
                    break
            gap = 0 if reached < 0 else at - reached
            losses[gap].append(float(F.cross_entropy(logits[row, at], torch.tensor(target))))
            hits[gap] += int(logits[row, at].argmax() == target)
    found = evaluate(model, HOP, seen=batch, count=10, longer=[], by="gap").seen.by_label
    assert found is not None
    assert (found.name, found.low) == ("gap", sorted(losses))
    assert found.high == found.low
    assert found.scored == [len(losses[gap]) for gap in found.low]
    assert found.loss == pytest.approx([mean(losses[gap]) for gap in found.low], rel=1e-5)
    assert found.accuracy == [hits[gap] / len(losses[gap]) for gap in found.low]
    assert {each.standard_error for each in (*found.loss, *found.accuracy)} == {0.0}
    assert (found.optimum, found.excess) == ([0.0] * len(found), found.loss)


def test_expanded_labels_cause_no_warning() -> None:
    task = Semiautomaton({"off": {"push": "on"}, "on": {"push": "off"}}, start="off")
    assert not task.labels(task.sample(3, length=4))["position"].is_contiguous()
    warns_always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # by default, PyTorch warns once per process
    try:
        evaluate(ElmanCharModel(task.vocab), task, count=3, longer=[], by="position")
    finally:
        torch.set_warn_always(warns_always)


def test_rows_add_up_to_the_score() -> None:
    model = ElmanCharModel(CHAINS.vocab, hidden_size=8, seed=2)
    report = evaluate(model, CHAINS, count=300, longer=[40], by="occurrences")
    for score in report.scores.values():
        found = score.by_label
        assert found is not None
        assert found.optimum is not None
        assert found.excess is not None
        assert sum(found.scored) == score.scored
        for name in ("loss", "optimum", "excess", "accuracy"):
            rows = zip(getattr(found, name), found.scored, strict=True)
            total = math.fsum(value * scored for value, scored in rows)
            assert total / score.scored == pytest.approx(getattr(score, name), abs=1e-9)
        # An unseen context is uniform; with more occurrences, a chain is known better.
        assert found.optimum[0] == pytest.approx(math.log(2))
        assert found.optimum[-1] < found.optimum[2]


@pytest.mark.usefixtures("untraced")
@pytest.mark.usefixtures("unchecked")
def test_standard_errors_match_the_spread_over_repetitions() -> None:
    model = ElmanCharModel(CHAINS.vocab, hidden_size=4, seed=2)
    generators = [torch.Generator().manual_seed(seed) for seed in range(40)]
    tables: list[Any] = [
        evaluate(model, CHAINS, count=60, longer=[], by="occurrences", generator=g).seen.by_label
        for g in generators
    ]
    for name in ("loss", "excess", "accuracy"):
        for row in (0, 4):
            values = [getattr(table, name)[row] for table in tables]
            reported = mean(value.standard_error for value in values)
            assert 0.7 < stdev(values) / reported < 1.4


def test_many_labels_are_binned_by_their_binary_digits() -> None:
    task = Labeled(0.5, 60, "all")
    found = evaluate(ElmanCharModel(task.vocab), task, count=4, longer=[], by="signed")
    table = found.seen.by_label
    assert table is not None
    digits = Counter(
        math.copysign(abs(n).bit_length(), n) if n else 0 for n in range(-50, task.lengths[0] - 50)
    )
    assert table.scored == [4 * digits[key] for key in sorted(digits)]
    assert table.low[:2] + table.high[:2] == [-63, -31, -32, -16]
    assert table.low[-2:] + table.high[-2:] == [32, 64, 63, 127]
    assert str(table).splitlines()[1].startswith("-63 to -32")


def test_the_error_of_one_sequence_is_unknown() -> None:
    task = Labeled(0.5, 4)
    report = evaluate(ElmanCharModel(task.vocab), task, count=1, longer=[], by="all alike")
    table = report.seen.by_label
    assert table is not None
    assert table.loss[0].standard_error == math.inf
    assert 0 < table.accuracy[0].standard_error < 1


def test_replicas_have_the_rows_of_single_models() -> None:
    ensemble = ElmanEnsemble(DYCK.vocab, [3, 4], hidden_size=8)
    together = evaluate(ensemble, DYCK, count=64, longer=[], by="depth")
    for replica, report in enumerate(together):
        alone = evaluate(ensemble[replica], DYCK, count=64, longer=[], by="depth").seen
        assert report.seen.by_label is not None
        assert alone.by_label is not None
        assert report.seen.by_label.scored == alone.by_label.scored
        assert report.seen.by_label.loss == pytest.approx(alone.by_label.loss, rel=1e-5)
        assert (report.seen.by_label.accuracy, report.seen.legal) == (
            alone.by_label.accuracy, alone.legal,
        )  # fmt: skip


def test_report_shows_and_stores_the_rows() -> None:
    model = ElmanCharModel(CHAINS.vocab, hidden_size=8, seed=2)
    report = evaluate(model, CHAINS, count=100, longer=[40], by="occurrences")
    table = report.seen.by_label
    assert table is not None
    assert Report.from_json(report.to_json()) == report
    assert f"\n\nas in training, by occurrences:\n{table}\n\nin_context_markov: " in str(report)
    assert "length 40, by" not in str(report)
    assert f"by occurrences:</p>{table._repr_html_()}" in report._repr_html_()
    assert repr(table) == f"ByLabel(occurrences, {len(table)} rows)"
    header, first, *_ = report.table("perplexity").split("occurrences:\n")[1].splitlines()
    assert header.split() == [
        "occurrences",
        "scored",
        "perplexity",
        "optimum",
        "ratio",
        "accuracy",
    ]
    assert first.split()[:2] == ["0", str(table.scored[0])]
    assert first.split()[5] == "2.0000"


def test_optimum_is_left_out_where_the_surprise_is_unknown() -> None:
    training, _ = DYCK.held_out(0.3)
    report = evaluate(ElmanCharModel(DYCK.vocab), training, count=64, longer=[], by="depth")
    for score in report.scores.values():
        assert score.by_label is not None
        assert score.by_label.optimum is score.by_label.excess is None
        assert str(score.by_label).split()[:4] == ["depth", "scored", "loss", "accuracy"]
    assert Report.from_json(report.to_json()) == report


def test_legal_predictions_are_counted() -> None:
    batch, model = DYCK.sample(80), ElmanCharModel(DYCK.vocab, hidden_size=8, seed=1)
    predicted, pairs = model(batch.inputs)[0].argmax(-1), DYCK.vocab.symbols[1:]
    legal = 0
    for row, text in enumerate(batch.inputs.tolist()):
        depth = list[int]()
        for at in range(int(batch.scored[row].sum())):
            if text[at] and text[at] % 2:
                depth.append(text[at] + 1)
            elif text[at]:
                depth.pop()
            said = int(predicted[row, at])
            legal += said % 2 == 1 or said == (depth[-1] if depth else 0)
    report = evaluate(model, DYCK, seen=batch, count=40, longer=[])
    assert len(pairs) % 2 == 0
    assert report.seen.legal == legal / int(batch.scored.sum())
    assert f"\nlegal predictions: {report.seen.legal:.1%} (seen), " in str(report)
    assert evaluate(model, DYCK, count=40, longer=[]).seen.legal.standard_error > 0  # type: ignore[union-attr]
    parity = get_task("parity")
    unknown = evaluate(ElmanCharModel(parity.vocab), parity, count=4, longer=[])
    assert (unknown.seen.legal, "legal" in str(unknown)) == (None, False)


@pytest.mark.parametrize(
    ("task", "by", "error", "message"),
    [
        (HOP, "depth", OptionError, "expected by to be a label of hop, got 'depth'; it has 'gap'"),
        (get_task("reber"), "gap", OptionError,
         "expected by to be a label of reber, got 'gap'; it has none: omit by=…"),
        (HOP, 3, InputTypeError, "expected by to be a string or None, got 3"),
        (Labeled(0.5, 4), "wide", ShapeError,
         "expected the label 'wide' of flip_flop to have shape (batch, time) = "
         "(1, 7), got (1, 1)"),
    ],
)  # fmt: skip
def test_unknown_labels_raise(
    task: Task, by: Any, error: type[Exception], message: str, assert_error: Any
) -> None:
    model = ElmanCharModel(task.vocab)
    assert_error(lambda: evaluate(model, task, by=by, count=2, longer=[]), error, message)


def test_given_data_have_no_labels(assert_error: Any) -> None:
    model, measure = ElmanCharModel(DYCK.vocab), cast(Any, evaluate)
    message = "by=… applies only to tasks; got '#()#'"
    assert_error(lambda: measure(model, "#()#", by="depth"), OptionError, message)


def test_columns_of_different_lengths_raise(assert_error: Any) -> None:
    assert_error(
        lambda: ByLabel("gap", [1, 2], [1, 2], [5], [], []),
        DataError,
        "expected scored with 2 rows, as many as low, got 1",
    )
    assert_error(
        lambda: ByPosition([1, 2], [5, 5], [0.5, 0.5], [1.0]),
        DataError,
        "expected accuracy with 2 rows, as many as position, got 1",
    )


def test_unknown_units_raise(assert_error: Any) -> None:
    units: Any = "bytes"
    message = "expected units to be 'nats', 'bits' or 'perplexity', got 'bytes'"
    assert_error(lambda: ByLabel("gap", [], [], [], [], []).cells(units), OptionError, message)
