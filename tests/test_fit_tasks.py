"""fit on tasks: fresh batches, the optimum of each, lengths, curricula and held-out sides."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from seqtoys import Curriculum, ElmanCharModel, ElmanEnsemble, History, Text, fit, get_task
from seqtoys.curriculum import LengthPlan
from seqtoys.errors import DataError, OptionError

PARITY = get_task("parity")
REBER = get_task("reber")


def model_of(task: Any, **options: Any) -> ElmanCharModel:
    return ElmanCharModel(task.vocab, **{"hidden_size": 8, **options})


def test_each_epoch_is_a_fresh_batch() -> None:
    history = fit(model_of(REBER), REBER, epochs=3, batch_size=10, seed=5)
    generator = torch.Generator().manual_seed(5)
    batches = [REBER.sample(10, generator=generator) for _ in range(3)]
    assert history.optimum == [REBER.optimal_loss(batch) for batch in batches]
    assert len(set(history.optimum)) == 3
    again = model_of(REBER).double()
    first = fit(again, REBER, epochs=1, batch_size=10, seed=5).loss
    assert first == pytest.approx(
        [fit(model_of(REBER).double(), batches[0], epochs=1).loss[0]], rel=1e-9
    )
    assert history.baselines.full_past == REBER.optimum
    assert History.from_json(history.to_json()) == history


def test_training_stops_near_the_optimum_of_each_batch() -> None:
    task = Text(["abba", "abab", "baab"])
    history = fit(model_of(task), task, epochs=2000, lr=0.05, until=0.01)
    assert history.stopped == "excess"
    assert history.loss[-1] - history.optimum[-1] <= 0.01 < history.loss[-2] - history.optimum[-2]


def test_replicas_see_the_same_batches() -> None:
    ensemble = ElmanEnsemble(REBER.vocab, [1, 2], hidden_size=8).double()
    histories = fit(ensemble, REBER, epochs=4, batch_size=16)
    alone = fit(model_of(REBER, seed=2).double(), REBER, epochs=4, batch_size=16)
    assert histories[1].loss == pytest.approx(alone.loss, rel=1e-9)
    assert histories[1].optimum == alone.optimum


def test_a_share_of_a_task_is_held_out() -> None:
    model = model_of(PARITY)
    history = fit(model, PARITY, epochs=3, batch_size=16, validation=0.25, lr=0.0001)
    assert len(history.validation_loss) == 3
    training, _ = PARITY.held_out(0.25)
    expected = fit(model_of(PARITY), training, epochs=1, batch_size=16).loss
    assert history.loss[0] == pytest.approx(expected[0], rel=1e-6)


@pytest.mark.parametrize(("lengths", "possible"), [(5, {5}), ((3, 6), {3, 4, 5, 6})])
def test_lengths_can_be_chosen(lengths: Any, possible: set[int]) -> None:
    plan, generator = LengthPlan(PARITY, lengths), torch.Generator().manual_seed(0)
    assert {plan.draw(generator) for _ in range(100)} == possible
    assert fit(model_of(PARITY), PARITY, epochs=1, lengths=lengths).settings["lengths"] == (
        list(lengths) if isinstance(lengths, tuple) else lengths
    )


def test_a_curriculum_grows_with_the_running_mean() -> None:
    plan = LengthPlan(PARITY, Curriculum(4, shortest=2, threshold=0.7, window=2))
    longest = []
    for accuracy in (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        plan.heed(accuracy)
        longest.append(plan.longest)
    # 0.5, 0.75 -> 3; 0.5, 0.25, 0.625, 0.8125 -> 4; and no further
    assert longest == [2, 3, 3, 3, 3, 4, 4, 4, 4]


def test_a_curriculum_begins_where_it_is_told() -> None:
    plan = LengthPlan(PARITY, Curriculum(9, shortest=2, start=4))
    generator = torch.Generator().manual_seed(0)
    assert {plan.draw(generator) for _ in range(100)} == {2, 3, 4}


def test_a_curriculum_passes_over_lengths_that_no_sequence_has() -> None:
    odd = get_task("modular_arithmetic")  # lengths are odd
    plan = LengthPlan(odd, Curriculum(7, threshold=0.5, window=1))
    longest = []
    for _ in range(4):
        plan.heed(1.0)
        longest.append(plan.longest)
    assert longest == [3, 5, 7, 7]


def test_bad_lengths_are_told() -> None:
    cases: list[tuple[Any, str]] = [
        (0, "expected lengths to be a positive integer, got 0"),
        ((5, 3), r"expected lengths as \(shortest, longest\), got \(5, 3\)"),
    ]
    for lengths, message in cases:
        with pytest.raises(OptionError, match=message):
            LengthPlan(PARITY, lengths)
    with pytest.raises(OptionError, match="got shortest 5, start 5, longest 3"):
        Curriculum(3, shortest=5)
    with pytest.raises(OptionError, match="got shortest 1, start 4, longest 3"):
        Curriculum(3, start=4)
    with pytest.raises(OptionError, match="expected start to be a positive integer, got 0"):
        Curriculum(3, start=0)
    with pytest.raises(OptionError, match="expected threshold to be a share"):
        Curriculum(3, threshold=1.0)
    with pytest.raises(OptionError, match="expected window to be a positive integer"):
        Curriculum(3, window=0)
    with pytest.raises(OptionError, match="modular_arithmetic has no sequence of 2 to 2 symbols"):
        fit(model_of(get_task("modular_arithmetic")), get_task("modular_arithmetic"), lengths=2)
    with pytest.raises(OptionError, match="expected a task for lengths"):
        fit(model_of(PARITY), "0101", lengths=3)
    with pytest.raises(OptionError, match="expected one text for chunk=…, got the task parity"):
        fit(model_of(PARITY), PARITY, chunk=3)


def test_a_side_without_sequences_is_told() -> None:
    task = Text(["ab", "ba"])
    sides = [side for share in (0.001, 0.999) for side in task.held_out(share)]
    assert len(sides[0].sample(4)) == len(sides[3].sample(4)) == 4
    for empty in sides[1:3]:
        with pytest.raises(DataError, match="there may be too few"):
            empty.sample(1)
    with pytest.raises(OptionError, match=r"expected a fraction between 0 and 1, got 1\.0"):
        task.held_out(1.0)


def test_many_lengths_do_not_pile_up_buffers() -> None:
    model = model_of(PARITY)
    history = fit(model, PARITY, epochs=150, batch_size=2, lengths=(1, 120))
    assert len(history) == 150
