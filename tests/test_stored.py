"""Sentences about stored results on the pages are built from the stored numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tools.results import published, stored

from benchmarks.published.findings import Finding, read


def stub(monkeypatch: pytest.MonkeyPatch, findings: list[Finding], **curves: Any) -> None:
    """Replace the stored results."""
    monkeypatch.setattr(stored, "read", lambda _: {"findings": findings, "curves": curves})


def test_reproduced_digits_are_counted() -> None:
    small = [f for f in read("lan2022")["findings"] if f.settings["units"] <= 4]
    compared = [f for f in small if "median" not in f.what]
    assert stored.digits_met() == (
        f"Of the {len(compared)} numbers above for networks with 2 and 4 units, all agree with "
        "the paper in every printed digit."
    )


def test_missed_digit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [f for f in read("lan2022")["findings"] if f.published is not None][:4]
    stub(monkeypatch, [replace(found[0], here=0.5441), *found[1:]])
    assert stored.digits_met() == (
        "Of the 4 numbers above for networks with 2 and 4 units, 3 agree in every printed digit, "
        "but not ['anbn, 2 units, 100 strings']."
    )


def test_effect_of_moving_a_weight_is_stated_with_numbers() -> None:
    sentence = stored.digits_moved()
    (note,) = (f.note for f in read("lan2022")["findings"] if f.note.startswith("not to be"))
    assert all(number in note for number in ("1.195", "0.434"))
    assert "0.349 bits, compared with 0.451 in the paper" in sentence
    assert sentence.endswith("gives 1.195 or 0.434 bits instead.")


def test_best_seeds_are_compared_with_the_optima(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = {"one": {"bits": [0.9, 0.6], "optimum": 0.3}, "two": {"bits": [1.0], "optimum": 0.8}}
    stub(monkeypatch, [], **curves)
    sentence = "Even the best of 2 seeds has 2.0 and 1.2 times the optimal loss."
    assert stored.best_seeds() == sentence


def test_forks_and_seeds_are_stated_as_counts() -> None:
    assert stored.forks_told("after 6 passes") == (
        "nouns and verbs in 0 of 8; in a tree of nouns only, living and lifeless in 7 of 8"
    )
    assert stored.reber_told() == "10 of 10 seeds learn it (95% interval 69% to 100%)"


def test_chunks_are_summarized_by_the_best_and_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = [[0.5, 0.6], [0.4, 0.5], [0.9, 1.0], [0.97, 0.99]]
    stub(monkeypatch, [], chunks=[1, 4, 8, 16], long_range=accuracies)
    assert stored.chunks_told(4, 8) == (
        "With chunks of up to four symbols, the best of 4 networks predicts 60% of these letters "
        "correctly; the median is 50%. With eight symbols or more, 2 of 4 networks predict at "
        "least 98% correctly, and the worst 90%."
    )


def test_networks_with_and_without_growing_lengths_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = [("identity", True, False), ("uniform", True, True), ("uniform", True, False),
             ("uniform", False, True), ("identity", False, False)]  # fmt: skip
    rows = [
        {"task": "parity", "recurrent_init": start, "grow": grow, "perfect": perfect}
        for start, grow, perfect in kinds
    ]
    stub(monkeypatch, [], ablation=[*rows, {**rows[0], "task": "other"}])
    assert stored.curriculum_told("parity") == (
        "Networks without a mistake at test lengths, 41 to 500: 1 of 2 with all lengths at once, "
        "1 of 2 with growing lengths, and 0 of 1 with growing lengths and identity initialization."
    )


def test_tasks_that_differ_from_guessing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Finding("near: best of 3", 51.0, "%", 49.0, 100.0, 50.0, (0, 3)),
        Finding("far: best of 3", 60.0, "%", 20.0, 100.0, 20.0, (0, 3)),
        Finding("below: best of 3", 40.0, "%", 62.0, 100.0, 50.0, (0, 3)),
        Finding("regular: best of 10", 100.0, "%", 100.0, 100.0, 50.0, (8, 10)),
    ]
    stub(monkeypatch, found)
    sentence = stored.others_told()
    assert "Here, one of the 3 are" in sentence
    assert "others are `far` (60.0% against 20.0%) and `below` (40.0% against 50.0%)." in sentence
    assert sentence.endswith("others are `below` (62.0% against 50.0%).")
    assert stored.regular_told() == (
        "Seeds without a mistake at lengths 41 to 500: `regular` 8 of 10."
    )


def test_only_a_perfect_score_is_written_as_100_percent() -> None:
    text = published.table("reber")
    assert "| 99.98% | 100.0% |" in text
    assert "none of 4,000,000" in published.table("guessing")


def test_networks_above_guessing_at_the_longest_lengths_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accuracies = {"parity": [0.5, 0.54, 0.56], "cycle_navigation": [0.26, 0.2]}
    monkeypatch.setattr(stored, "longest_of", lambda name: (100, accuracies[name]))
    assert stored.longest_told(["parity", "cycle_navigation"]) == (
        "At the longest lengths, 2 of the 5 networks for these tasks are more than 5 percentage "
        "points better than guessing."
    )
    accuracies["parity"] = accuracies["cycle_navigation"] = [0.1]
    assert "none of the 2 networks for these tasks is more" in stored.longest_told(
        list(accuracies)
    )
