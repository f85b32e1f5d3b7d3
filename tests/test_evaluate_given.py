"""evaluate on given texts, its units and positions, and how a task's lengths are spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from statistics import stdev
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Task,
    Text,
    Vocab,
    evaluate,
    fit,
    get_task,
)
from seqtoys.errors import DataError, InputTypeError, OptionError, UnknownSymbolError
from seqtoys.evaluation.drawing import draw_parts
from seqtoys.evaluation.means import paired_ratio
from seqtoys.inspection import loss_by_position
from seqtoys.models import forward
from seqtoys.models.forward import loss_and_accuracy
from seqtoys.records.units import in_units
from seqtoys.results import Estimate, Report, Score

VOCAB = Vocab("hielo")
MODEL = ElmanCharModel(VOCAB, hidden_size=6, seed=3)
UNIFORM = nn.Embedding.from_pretrained(torch.zeros(5, 5))
COUNTED = Batch.from_texts(["hello", "hill", "hello"], VOCAB)
GIVEN: dict[str, Any] = {
    "a text": "hihello",
    "a list of symbols": list("hihello"),
    "a pair": ("hihell", "ihello"),
    "texts": ["hihello", "oil", "oil"],
    "pairs": [("hi", "lo"), ("hell", "oooo")],
    "a batch": COUNTED,
    "a counted batch": COUNTED.distinct(),
}


class Plain(nn.Module):
    """A bigram model without a vocabulary, which records how many sequences it reads at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding.from_pretrained(seeded_table(), freeze=False)
        self.read = list[int]()

    def forward(self, inputs: Tensor) -> Tensor:
        self.read.append(len(inputs))
        logits: Tensor = self.table(inputs)
        return logits


def seeded_table() -> Tensor:
    return torch.randn(5, 5, generator=torch.Generator().manual_seed(1))


SOME = Batch(
    torch.tensor([[0, 1], [2, 3], [4, 1]]), torch.tensor([[1, 4], [-100, -100], [-100, 0]])
)
SPLIT_MODELS: dict[str, Callable[[], nn.Module]] = {
    "a model": lambda: deepcopy(MODEL),
    "an ensemble": lambda: ElmanEnsemble(VOCAB, range(2), hidden_size=6),
    "without a vocabulary": Plain,
}


@pytest.mark.parametrize("make", SPLIT_MODELS.values(), ids=SPLIT_MODELS)
def test_results_do_not_depend_on_how_many_sequences_are_read_at_a_time(
    make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = torch.tensor([2, 1, 3])
    batch = Batch(SOME.inputs, SOME.targets, counts=counts)
    texts = Batch.from_texts(["hello", "hill", "oil", "hihello"], VOCAB)

    def results() -> list[Tensor]:
        history = fit(make(), texts, epochs=2, validation=0.5, check=False)
        loss, correct = loss_and_accuracy(make(), batch)
        held_out = [history.validation_loss, history.validation_accuracy]
        return [*map(torch.as_tensor, held_out), loss, correct, loss_by_position(make(), batch)]

    def scores() -> list[Any]:
        found: Any = evaluate(make(), batch)
        return found if isinstance(found, list) else [found]

    together, expected = results(), scores()
    monkeypatch.setattr(forward, "HELD_LOGITS", 1)
    monkeypatch.setattr(forward, "HELD_POSITIONS", 1)
    torch.testing.assert_close(results(), together, equal_nan=True)
    for one, other in zip(scores(), expected, strict=True):
        assert one.loss == pytest.approx(other.loss)
        assert one.accuracy == other.accuracy
        assert one.by_position.accuracy == other.by_position.accuracy


@pytest.mark.parametrize("right", [49, 10])
def test_accuracy_is_exact_in_any_number_of_parts(
    right: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "HELD_POSITIONS", 1)
    monkeypatch.setattr(forward, "HELD_LOGITS", 1)
    inputs = torch.arange(49).unsqueeze(1) % 5  # (batch, time): 49 parts
    targets = torch.where(torch.arange(49).unsqueeze(1) < right, inputs, (inputs + 1) % 5)
    model = nn.Embedding.from_pretrained(torch.eye(5))  # predicts its input
    assert loss_and_accuracy(model, Batch(inputs, targets))[1].item() == right / 49


def test_few_sequences_are_read_at_a_time_if_they_have_many_logits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = Batch.from_texts(["hello"] * 9, VOCAB)  # of 4 inputs and 20 logits each

    def read(symbols: int | None = None) -> list[int]:
        model = Plain()
        loss_and_accuracy(model, batch, symbols=symbols)
        return model.read

    assert read() == read(5) == [9]
    monkeypatch.setattr(forward, "HELD_LOGITS", 45)
    assert read() == [9]  # few positions
    assert read(5) == [2, 2, 2, 2, 1]
    monkeypatch.setattr(forward, "HELD_POSITIONS", 35)
    assert read() == [1, 2, 2, 2, 2]


@pytest.mark.parametrize("kind", [kind for kind in GIVEN if kind != "a list of symbols"])
def test_given_data_are_read_as_by_fit(kind: str) -> None:
    score = evaluate(MODEL, GIVEN[kind])
    history = fit(deepcopy(MODEL), GIVEN[kind], epochs=1, lr=1e-9)
    assert score.loss == pytest.approx(history.loss[0], rel=1e-6)
    assert score.accuracy == pytest.approx(history.accuracy[0])
    assert score.optimum == pytest.approx(history.baselines.full_past, abs=1e-12)
    assert score.memoryless == pytest.approx(history.baselines.memoryless)
    assert score.uniform == pytest.approx(math.log(5))
    for exact in (score.loss, score.excess, score.accuracy, score.whole_accuracy):
        assert exact.is_exact


def test_score_of_texts_matches_manual_sums() -> None:
    texts = ["hihello", "hill", "lol"]
    losses, right = list[float](), list[list[bool]]()
    for text in texts:
        logits = MODEL(VOCAB.encode_batch([text[:-1]]))[0][0]
        targets = VOCAB.encode(text[1:])
        losses += F.cross_entropy(logits, targets, reduction="none").tolist()
        right.append((logits.argmax(-1) == targets).tolist())
    score = evaluate(MODEL, texts)
    hits = [hit for row in right for hit in row]
    assert (score.sequences, score.scored) == (3, 11)
    assert score.loss == pytest.approx(sum(losses) / 11, rel=1e-6)
    assert score.perplexity == pytest.approx(math.exp(sum(losses) / 11), rel=1e-6)
    assert score.bits == pytest.approx(sum(losses) / 11 / math.log(2), rel=1e-6)
    assert score.accuracy == pytest.approx(sum(hits) / 11)
    assert score.whole_accuracy == pytest.approx(sum(map(all, right)) / 3)


def test_replicas_modules_and_words_are_measured() -> None:
    ensemble = ElmanEnsemble(VOCAB, [1, 2])
    for seed, score in zip([1, 2], evaluate(ensemble, "hello"), strict=True):
        alone = evaluate(ElmanCharModel(VOCAB, seed=seed), "hello")
        assert score.loss == pytest.approx(alone.loss, rel=1e-6)
    assert evaluate(UNIFORM, "hello", vocab=VOCAB).perplexity == pytest.approx(5)
    assert evaluate(UNIFORM, COUNTED).perplexity == pytest.approx(5)
    words = Vocab(["boy", "sees", "dog"])
    assert evaluate(ElmanCharModel(words), ["boy", "sees", "boy"]).sequences == 1


def test_a_long_text_in_chunks_has_the_loss_of_one_pass() -> None:
    text = "hihello" * 9 + "oil"
    ensemble = ElmanEnsemble(VOCAB, [1, 2])
    scores = [(evaluate(MODEL, text), evaluate(MODEL, text, chunk=10))]
    scores += zip(evaluate(ensemble, text), evaluate(ensemble, text, chunk=10), strict=True)
    for one, same in scores:
        assert same.loss == pytest.approx(one.loss, rel=1e-5)
        for name in ("accuracy", "whole_accuracy", "optimum", "memoryless", "uniform"):
            assert getattr(same, name) == pytest.approx(getattr(one, name))
        assert (same.scored, same.sequences, same.by_position) == (65, 1, None)
    right = ElmanCharModel(VOCAB, seed=777)
    fit(right, "hihello", epochs=100, lr=0.05)
    assert float(evaluate(right, "hihello", chunk=2).whole_accuracy) == 1


class Seeds:
    """An ensemble that is no module."""

    seeds: tuple[int, ...] = (1,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: evaluate(MODEL, "hello", count=9), OptionError,  # type: ignore[call-overload]
         "count=… applies only to tasks; got 'hello'"),
        (lambda: evaluate(MODEL, ["hi"], longer=[9]), OptionError,  # type: ignore[call-overload]
         "longer=… applies only to tasks; got a list of 1"),
        (lambda: evaluate(MODEL, ["hi", "lo"], chunk=3), InputTypeError,
         "expected one text for chunk=…, got a list"),
        (lambda: evaluate(MODEL, "hello", chunk=0), OptionError, "expected chunk to be a pos"),
        (lambda: evaluate(MODEL, get_task("hihello"), chunk=3),  # type: ignore[call-overload]
         OptionError, "chunk=… cannot be combined with the task hihello; omit chunk"),
        (lambda: evaluate(MODEL, get_task("hihello"), count=2).table("bytes"),  # type: ignore[arg-type]
         OptionError, "expected units to be 'nats', 'bits' or 'perplexity', got 'bytes'"),
        (lambda: evaluate(MODEL, "hex"), UnknownSymbolError, "'x' at position 2"),
        (lambda: evaluate(MODEL, "h"), DataError, "expected texts of at least two symbols"),
        (lambda: evaluate(MODEL, {"hi", "lo"}), InputTypeError,  # type: ignore[call-overload]
         "got a set; a set has no order"),
        (lambda: evaluate(UNIFORM, "hello"), OptionError, "pass vocab=…"),
        (lambda: evaluate(MODEL, "hello", vocab=Vocab("helo")), OptionError, "omit vocab=…"),
        (lambda: evaluate("model", "hello"), InputTypeError,  # type: ignore[call-overload]
         "expected model to be a torch.nn.Module or a Replicated, got 'model'"),
        (lambda: evaluate(Seeds(), "hello"), InputTypeError,
         "expected model to be a torch.nn.Module, got a Seeds"),
    ],
)  # fmt: skip
def test_errors_name_expected_and_actual_values(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_positions_are_means_of_the_losses_of_each_sequence() -> None:
    batch = Batch.from_texts(["hihello", "oil", "oh"], VOCAB)
    found, losses = evaluate(MODEL, batch).by_position, loss_by_position(MODEL, batch)
    assert found is not None
    assert found.position == [1, 2, 3, 4, 5, 6]
    assert found.scored == [3, 2, 1, 1, 1, 1]
    assert found.loss == pytest.approx(losses.nanmean(0).tolist())
    for n, text in enumerate(["hihello", "oil", "oh"]):
        assert len(text) - 1 == int(losses[n].isfinite().sum())
    long = evaluate(MODEL, "hihello" * 9).by_position
    assert long is not None
    assert len(str(long).splitlines()) == 42
    assert "<td>40</td>" in long._repr_html_()


def test_only_scored_positions_are_listed() -> None:
    task = get_task("parity")
    report = evaluate(ElmanCharModel(task.vocab), task, count=80, longer=[50])
    assert report.longer[50].by_position is not None
    assert report.longer[50].by_position.position == [51]
    places = report.seen.by_position
    assert places is not None
    assert places.position == list(range(2, 42))  # the blank after 1 to 40 bits
    assert places.scored == [2] * 40


def test_units_convert_losses_and_their_errors() -> None:
    loss = Estimate(math.log(8), 0.01)
    assert in_units(loss, "bits") == pytest.approx(3)
    assert in_units(loss, "bits").standard_error == pytest.approx(0.01 / math.log(2))
    assert in_units(loss, "perplexity") == pytest.approx(8)
    assert in_units(loss, "perplexity").standard_error == pytest.approx(0.08)
    assert in_units(1e9, "perplexity") == math.inf
    assert in_units(math.inf, "bits") == math.inf


def test_reports_are_printed_in_bits_and_perplexity() -> None:
    task = get_task("reber")
    training, _ = task.held_out(0.2)
    report = evaluate(ElmanCharModel(task.vocab), training, count=50)
    loss, optimum = report.unseen.loss, report.unseen.optimum
    bits, perplexity = report.table(units="bits"), report.table(units="perplexity")
    assert f"{optimum / math.log(2):.4f}" in bits
    assert f"best without memory: bits {report.memoryless / math.log(2):.4f}" in bits
    assert f"{math.exp(loss):.2f}" in perplexity
    assert f"{math.exp(loss - optimum):.2f}" in perplexity
    assert perplexity.splitlines()[0].split()[1:4] == ["perplexity", "optimum", "ratio"]
    assert report.table() == str(report)
    for table in (bits, perplexity):
        assert max(map(len, table.splitlines())) <= 80


def test_results_have_one_line_each_in_lists() -> None:
    task = get_task("parity")
    ensemble = ElmanEnsemble(task.vocab, [0, 1], hidden_size=4)
    reports = evaluate(ensemble, task, count=20)
    for line in map(repr, (*reports, reports[0].seen, evaluate(MODEL, "hello"))):
        assert len(line) < 200
        assert "\n" not in line
    assert repr(reports).count("Report(parity: loss ") == 2
    assert repr(reports[0].seen.by_position) == "ByPosition(17 positions)"
    score = evaluate(MODEL, "hello")
    assert repr(score).endswith("1 sequence, 4 scored symbols)")
    assert max(map(len, str(score).splitlines())) <= 80
    assert "uniform guess</td>" in score._repr_html_()
    plain = Score(9, score.loss, 0.0, score.excess, score.accuracy, score.whole_accuracy)
    assert repr(plain).endswith("9 sequences)")
    assert Report.from_json(reports[0].to_json()) == reports[0]
    bare = Report("t", {"seen": plain}, 1.0, Estimate(0.5), Estimate(0.5), (1, 2))
    assert Report.from_json(bare.to_json()) == bare


def test_fresh_sequences_are_labeled_as_in_training() -> None:
    task = Text(["hihello", "hill"])
    model = ElmanCharModel(task.vocab)
    assert list(evaluate(model, task).scores) == ["as in training"]
    assert evaluate(model, task).seen == evaluate(model, task).scores["as in training"]
    seen = task.batch.take(torch.tensor([0]))
    assert list(evaluate(model, task, seen=seen).scores) == ["seen", "unseen"]
    given = evaluate(model, task, seen=task.batch.take(torch.tensor([0, 0, 0]))).seen
    assert given.loss.is_exact
    assert given.accuracy.is_exact
    report = evaluate(model, task)
    with pytest.raises(DataError, match="expected scores for either 'seen' or 'as in training'"):
        Report("t", {**report.scores, "seen": report.seen}, 1.0, Estimate(1), Estimate(1), (1, 2))


# --- Lengths


class ByLength(nn.Module):
    """A model of parity whose loss grows with the length of the input, and only with it."""

    def forward(self, inputs: Tensor) -> Tensor:
        parity = (inputs == 1).cumsum(1) % 2  # (batch, time)
        time = torch.arange(inputs.shape[1]) / 10
        wrong = F.one_hot(1 - parity, 3) * time.unsqueeze(1)  # (batch, time, symbols)
        return wrong.double()


def lengths_of(task: Task, count: int, seed: int = 0) -> Counter[int]:
    parts = draw_parts(task, None, count, (), torch.Generator().manual_seed(seed))
    *_, part = parts  # of a split, the unseen ones
    return Counter(n for batch in part.batches for n in batch.count_symbols().tolist())


@pytest.mark.parametrize("count", [1000, 80])
def test_all_lengths_are_evaluated_equally_often(count: int) -> None:
    parity, recall = get_task("parity"), get_task("associative_recall")
    assert lengths_of(parity, count) == dict.fromkeys(range(2, 42), count // 40)
    found = lengths_of(recall, count)
    assert set(found) == {n + 1 for n in recall.possible_lengths(recall.lengths)}
    assert max(found.values()) - min(found.values()) <= 1
    held_out = parity.held_out(0.3)[1]
    counts = lengths_of(held_out, 1000)
    assert all(counts[n] >= 20 for n in range(12, 42))  # shorter ones may be in training
    assert sum(counts.values()) == 1000


def test_few_sequences_are_spread_over_the_lengths_at_random() -> None:
    total = sum((lengths_of(get_task("parity"), 8, seed) for seed in range(50)), Counter[int]())
    quarters = [sum(total[n] for n in range(start, start + 10)) for start in (2, 12, 22, 32)]
    assert quarters == [100] * 4  # two in each of the 50 draws
    assert len(total) > 30
    assert lengths_of(get_task("parity"), 1).total() == 1


def test_loss_that_depends_on_the_length_is_known_precisely() -> None:
    """With independent lengths, the standard deviation would be 0.17 for 32 batches."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(40)]
    losses = [evaluate(ByLength(), get_task("parity"), longer=[], generator=g).seen.loss
              for g in generators[:3]]  # fmt: skip
    exact = sum(math.log(2 + math.exp(n / 10)) for n in range(1, 41)) / 40
    assert losses == pytest.approx([exact] * 3)
    assert max(loss.standard_error for loss in losses) < 1e-6
    few = [evaluate(ByLength(), get_task("parity"), count=16, longer=[], generator=g).seen.loss
           for g in generators]  # fmt: skip
    assert 0.7 < stdev(few) / (sum(loss.standard_error for loss in few) / 40) < 1.4


class Reweighted(type(get_task("parity"))):  # type: ignore[misc]
    """Parity of lengths that are drawn in the user's own way."""

    def draw_length(self, generator: torch.Generator, lengths: Any = None) -> int:
        return 7


def test_own_distributions_of_lengths_are_kept() -> None:
    assert lengths_of(Reweighted(), 100) == {8: 100}


def test_the_error_of_one_batch_is_unknown() -> None:
    task = get_task("parity")
    score = evaluate(ElmanCharModel(task.vocab), task, count=1).seen
    assert score.loss.standard_error == math.inf
    assert 0 < score.accuracy.standard_error < 1
    assert "±" not in str(score.loss)


def test_paired_errors_match_the_spread_over_repetitions() -> None:
    """Pairs of unequal sizes and levels, with an odd batch at the end."""
    sizes = torch.tensor([3.0, 5.0, 2.0, 4.0, 6.0, 6.0, 5.0]).double()
    levels = torch.tensor([0.0, 0.0, 9.0, 9.0, -4.0, -4.0, 1.0]).double()
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 7, generator=random, dtype=torch.float64) * sizes.sqrt()
    found = [paired_ratio(levels * sizes + each, sizes, sizes) for each in noise]
    means, errors = torch.tensor([[float(e), e.standard_error] for e in found]).T
    assert errors.square().mean().sqrt() == pytest.approx(means.std().item(), rel=0.05)
