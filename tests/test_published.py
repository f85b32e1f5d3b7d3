"""Published numbers, reproduced: the scripts' results against the papers' digits."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import binomtest, pearsonr
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.published import (
    cells,
    deletang2023,
    edelman2024,
    guessing,
    hewitt2020,
    lan2022,
    lan2022_corpora,
    liu2023,
    merrill2024,
    notebook,
    reber,
    shai2024,
)
from benchmarks.published.findings import Finding, Study, read, store
from benchmarks.published.lan2022_addition import measure_addition, write_sums
from benchmarks.published.lan2022_corpora import Corpus
from seqtoys import ElmanEnsemble, get_task

pytestmark = [pytest.mark.published, pytest.mark.usefixtures("untraced")]


# --- Lan et al. (2022)


@pytest.fixture(autouse=True)
def corpora_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan2022, "draw_corpus", draw_corpus)


@cache
def draw_corpus(*arguments: Any, **options: Any) -> Corpus:
    return lan2022_corpora.draw_corpus(*arguments, **options)


@pytest.mark.parametrize("row", lan2022.ROWS, ids=str)
def test_rows_of_lan_are_reproduced_to_the_last_digit(row: lan2022.Row) -> None:
    loss, *accuracy = lan2022.measure_row(row)
    assert loss.here == pytest.approx(row.bits, abs=0.0006)
    for found in accuracy:
        assert found.here == pytest.approx(row.accuracy, abs=0.06)


@pytest.mark.parametrize(
    ("language", "printed"), [("anbn", 25.8), ("anbncn", 17.2), ("anb2n", 17.2), ("dyck", 88.2)]
)
def test_optima_match_the_paper(language: str, printed: float) -> None:
    assert 100 * lan2022.optimum(draw_corpus(language)) == pytest.approx(printed, abs=0.05)


def test_strings_match_the_paper() -> None:
    corpus = draw_corpus("anb2n")
    texts = [str(text).rstrip("#") for text in corpus.task.vocab.decode(corpus.training.inputs)]
    counts = corpus.training.counts
    assert counts is not None
    assert counts.sum() == 100
    assert texts == sorted(texts, key=len, reverse=True)  # longest first, each once
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert len(text.lstrip("#").replace("a", "")) == 2 * text.count("a")
    longest = texts[0].count("a")
    tested = {text.count("a") for text in corpus.task.vocab.decode(corpus.test.inputs)}
    assert tested == set(range(longest + 1, longest + 1001))


def test_symbols_after_a_free_count_are_not_determined() -> None:
    corpus = draw_corpus("anbmcnm", every=400)
    assert corpus.determined is not None
    for batch in (corpus.test, corpus.determined):
        for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            scored = {i for i, t in zip(inputs, targets, strict=True) if t >= 0}
            # symbols # a b c: the next one is random after a and b
            assert scored == ({0, 3} if batch is corpus.determined else {0, 1, 2, 3})


def test_addition_is_reproduced_to_the_last_digit() -> None:
    loss, right = measure_addition(10, 100, 0.758, 74.9)
    assert loss.here == pytest.approx(0.758, abs=0.0006)
    assert right.here == pytest.approx(74.9, abs=0.06)


def test_sums_are_written_lowest_bit_first() -> None:
    batch = write_sums(range(10))
    assert batch.inputs.shape == (100, 6)
    pairs = product(range(10), repeat=2)
    for (a, b), inputs, targets in zip(pairs, batch.inputs, batch.targets, strict=True):
        assert sum(int(i) % 2 << k for k, i in enumerate(inputs)) == a
        assert sum(int(i) // 2 << k for k, i in enumerate(inputs)) == b
        assert sum(int(t) << k for k, t in enumerate(targets)) == a + b


def test_most_seeds_of_lan_fall_short_of_the_best() -> None:
    found, bits = lan2022.measure_seeds(lan2022.ROWS[0], seeds=50)
    assert len(bits) == 50
    assert found.here > lan2022.ROWS[0].bits
    assert found.solved is not None
    assert found.solved[0] <= 10


# --- The Reber grammars


def test_reber_is_learned_to_its_optimum() -> None:
    (loss,) = reber.learn("reber", seeds=3)
    assert 0.594 < loss.here < 0.601
    assert loss.optimum == pytest.approx(0.5941, abs=0.002)


def test_embedded_reber_is_solved_with_full_gradients() -> None:
    loss, accuracy = reber.learn("embedded_reber", seeds=3)
    assert 0.440 < loss.here < 0.448
    assert accuracy.here == 100
    assert accuracy.solved == (3, 3)


def test_long_range_symbol_needs_gradients_over_many_steps() -> None:
    # An epoch has 16 times as many updates with gradients over one step.
    assert reber.learn_stream(1, 2, epochs=2, lr=0.01).here < 60
    assert reber.learn_stream(16, 2, epochs=5, lr=0.01).here > 99


def test_long_range_symbol_of_a_stream_is_the_second_last() -> None:
    class Copying(ElmanEnsemble):
        """Predicts that each symbol repeats."""

        def forward(self, inputs: Any, hidden: Any = None) -> Any:
            return torch.eye(len(self.vocab))[inputs].unsqueeze(0), hidden

    ensemble = Copying(get_task("embedded_reber").vocab, [0])
    # repeating is right only where the second-last symbol equals the third-last
    assert reber.read_stream(ensemble, ["BTBTXSETE", "BPBTXSEPE"]).tolist() == [0]
    assert reber.read_stream(ensemble, ["BTBTXSTTE", "BPBTXSEPE"]).tolist() == [0.5]


# --- The original notebook


@pytest.mark.parametrize("training", notebook.TRAININGS, ids=lambda training: training[0])
def test_notebook_losses_are_reproduced(training: tuple[Any, ...]) -> None:
    found = notebook.train_once(*training)
    assert found.here == pytest.approx(training[-1], abs=0.0006)
    assert found.note == "it predicts ihello"


def test_one_seed_for_all_cells_gives_other_losses() -> None:
    found = notebook.train_in_order()
    assert [each.here for each in found] == pytest.approx(notebook.IN_ORDER, abs=0.0006)
    assert found[0].here == pytest.approx(notebook.train_once(*notebook.TRAININGS[0]).here)


def test_notebook_weights_match_pytorch() -> None:
    state = torch.random.get_rng_state()
    first, second, _ = notebook.draw_in_order()
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(notebook.SEED)
        for weights in (first, second):
            for name, weight in nn.RNN(5, 5).named_parameters():
                assert torch.equal(weights[f"rnn.{name}"], weight)


def test_solve_rates_match_the_stored_ones() -> None:
    found = read("notebook")["curves"]
    for name, size in notebook.READOUTS.items():
        again = notebook.map_solve_rate(size, seeds=found["seeds"])["solved"]
        for row, stored_row in zip(again, found["solved"][name], strict=True):
            # for a few seeds in a thousand, rounding decides
            assert row == pytest.approx(stored_row, abs=10)


# --- Delétang et al. (2023), Hochreiter & Schmidhuber (1996): in a reduced form


def test_parity_is_solved_up_to_length_500() -> None:
    parity = next(cell for cell in deletang2023.REGULAR if cell.task == "parity")
    rows = (deletang2023.run(replace(parity, seed=seed, every=90)) for seed in range(4))
    row = next(row for row in rows if row["perfect"])
    assert max(row["by_length"]) == 500
    assert row["accuracy"] == 1


def test_impossible_lengths_are_not_tested() -> None:
    cell = replace(deletang2023.REGULAR[-1], units=4, steps=1, every=100, count=2)
    assert list(deletang2023.run(cell)["by_length"]) == [41, 241, 441, 499]  # odd ones


@pytest.mark.parametrize("name", deletang2023.PUBLISHED)
def test_guessing_accuracy_covers_the_tested_lengths(name: str) -> None:
    cell = next(cell for cell in deletang2023.table_cells() if cell.task == name)
    found = next(f for f in read("deletang2023")["findings"] if f.what.startswith(f"{name}: "))
    accuracy = deletang2023.guessing_accuracy(name, cell.every)  # of three tasks an estimate
    assert found.memoryless == pytest.approx(accuracy, abs=0.2)


@pytest.mark.parametrize("name", ["even_pairs", "modular_arithmetic_brackets", "compute_sqrt"])
def test_guessing_accuracy_matches_the_most_frequent_answer(name: str) -> None:
    task, generator = get_task(name), torch.Generator().manual_seed(5)
    batches = [task.sample(500, length=n, generator=generator) for n in (41, 149, 257, 365, 473)]
    targets = torch.cat([batch.targets[batch.scored] for batch in batches])
    frequency = torch.bincount(targets).max().item() / len(targets)
    error = math.sqrt(frequency * (1 - frequency) / len(targets))
    assert abs(deletang2023.guessing_accuracy(name, 108) / 100 - frequency) < 4.5 * error


def test_guessing_finds_networks_that_recognize_the_language() -> None:
    found = guessing.guess("tomita_1", 40_000)
    assert found.solved is not None
    assert 20 < found.solved[0] < 200
    assert found.here == pytest.approx(40_000 / found.solved[0])


class ConstantAnswer(nn.Module):
    """A model with constant answers."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, inputs: Tensor) -> Tensor:
        return F.one_hot(self.answers, 9).float()


def test_exam_is_passed_without_mistakes() -> None:
    batch = get_task("tomita_4").sample(16, length=6)
    answers = batch.targets.clamp(min=0)
    assert guessing.passes(ConstantAnswer(answers), batch)
    answers[3, 0] += 1  # where nothing is scored
    assert guessing.passes(ConstantAnswer(answers), batch)
    answers[3, -1] += 1
    assert not guessing.passes(ConstantAnswer(answers), batch)


def test_guessing_intervals_are_exact_for_few_solutions() -> None:
    notes = {f.solved: f.note for f in read("guessing")["findings"] if f.unit == "guesses"}
    few = [solved for solved in notes if solved[0] <= 3]
    assert len(few) == 3  # zero, one and three
    for count, drawn in few:
        exact = binomtest(count, drawn).proportion_ci(method="exact")
        stated = [
            int(number.replace(",", ""))
            for number in re.findall(r"[\d,]{4,}", notes[count, drawn])
        ]
        wanted = [1 / exact.high, *([1 / exact.low] if count else [])]
        assert stated == pytest.approx(wanted, rel=1e-5)


# --- Shai et al. (2024), Edelman et al. (2024)


def test_stored_networks_contain_the_beliefs() -> None:
    stored = read("shai2024")
    shares = [f.here for f in stored["findings"] if f.unit == "%"]
    for network, share in zip(stored["curves"]["networks"], shares, strict=True):
        beliefs, image = shai2024.read_beliefs(*shai2024.load_observer(network), count=1000)
        assert image.sum(1) == pytest.approx(1)  # as for the beliefs
        corners = [pearsonr(beliefs[:, i], image[:, i]).statistic ** 2 for i in range(3)]
        weights = beliefs.var(0)
        assert 100 * torch.tensor(corners) @ weights / weights.sum() == pytest.approx(share, abs=1)


def test_untrained_network_contains_less_of_the_beliefs() -> None:
    observer = shai2024.OBSERVERS[0]
    (_, share), _ = shai2024.observe(observer, epochs=1)
    (_, learned), weights = shai2024.observe(observer, epochs=300)
    assert share.here < learned.here
    assert [len(weights["rnn.weight_hh_l0"]), len(weights["rnn.weight_ih_l0"][0])] == [3, 4]


def test_networks_pass_the_loss_of_counting_single_symbols() -> None:
    found = read("edelman2024")["curves"]
    unigram, optimum = found["levels"]["counts single symbols"], found["levels"]["optimum"]
    half = found["batches"].index(next(n for n in found["batches"] if n >= 100))
    for losses in found["losses"]:
        assert losses[half] == pytest.approx(unigram, abs=0.02)
        assert optimum < losses[-1] < (unigram + optimum) / 2


def test_spans_of_epochs_are_averaged() -> None:
    losses = torch.rand(100, 2, generator=torch.Generator().manual_seed(0))
    ends, curves = edelman2024.smoothed(losses, points=5)
    assert (ends[0], ends[-1]) == (1, 100)
    spans = torch.tensor([1, *(b - a for a, b in pairwise(ends))]).float()
    assert torch.tensor(curves) @ spans / 100 == pytest.approx(losses.mean(0), abs=1e-4)


# --- Liu et al. (2023), Merrill et al. (2024)


def test_some_networks_never_err_on_long_flip_flops() -> None:
    right, _ = liu2023.learn(range(5))
    assert right.shape == (3, 5)
    assert right.all(0).any()


def test_stored_networks_learn_groups_that_are_not_solvable() -> None:
    solved = {f.what.partition(",")[0]: f.solved for f in read("merrill2024")["findings"][::2]}
    found = {name: count for name, (count, _) in solved.items()}
    assert min(found["A5"], found["Z60"]) >= 2  # as the page says
    assert found["S5"] == 0


def test_small_groups_are_solved_and_counted() -> None:
    group = next(group for group in merrill2024.GROUPS if group.name == "S3")
    row = merrill2024.learn((replace(group, batches=1500), 0))
    assert row["trained"] >= merrill2024.TOLD
    failed = {"trained": 0.5, "longer": 0.2, "seconds": 3.0}
    trained, longer = merrill2024.summarize(group, [row, failed, failed])
    assert (trained.here, trained.solved) == (50, (1, 3))
    assert (longer.here, longer.what) == (20, "S3, all elements, length 100")


# --- Hewitt et al. (2020)


def test_stored_networks_of_eight_units_suffice_and_of_four_do_not() -> None:
    solved = [(f.what.split()[-2], f.solved) for f in read("hewitt2020")["findings"]]
    count = {int(units): found[0] for units, found in solved}  # as the page says
    assert count[8] == count[12] == 20
    assert count[6] > 10
    assert count[2] == count[3] == count[4] == 0


def test_excess_shrinks_with_more_units() -> None:
    training = {**hewitt2020.TRAINING, "epochs": 60}
    few, many = (hewitt2020.learn((units, training))[0] for units in (2, 12))
    assert few.shape == (20,)
    assert 0 < many.median() < few.median()


# --- Stored results


def test_results_are_stored_with_their_origin(tmp_path: Path) -> None:
    finding = Finding("loss", 0.5, "nats", 0.4, 0.3, 0.9, (3, 4), 1.5, {"lr": 0.1}, "a note")
    store("script", Study([finding], {"curve": [1, 2]}), 2.34, tmp_path)
    facts = read("script", tmp_path)
    assert facts["findings"] == [finding]
    assert facts["curves"] == {"curve": [1, 2]}
    assert facts["command"] == "python -m benchmarks.published script --write"
    assert facts["seconds"] == 2.3
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", facts["date"])
    assert torch.__version__.startswith(facts["machine"]["torch"])  # a build may have a suffix
    assert str(finding) == (
        "loss: 0.5 nats, published 0.4, optimum 0.3, without memory 0.9, "
        "solved 75.0% of 4 (95% interval 19.4 to 99.4%) (1.5 s)"
    )


@dataclass(frozen=True)
class Tried:
    number: int


def half(cell: Tried) -> dict[str, Any]:
    """Stand in for training; at module level, so that other processes can import it."""
    return {"accuracy": cell.number / 2}


def test_finished_cells_are_kept_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = json.dumps([json.dumps({"number": 1}), {"accuracy": 0.75}])
    path.write_text(f'{kept}\n["cut of')
    rows = cells.run_cells(half, [Tried(1), Tried(2)], path)
    assert rows == [{"accuracy": 0.75}, {"accuracy": 1.0}]  # the first was not run again
    assert not path.exists()
