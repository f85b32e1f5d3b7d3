"""fit on tasks: fresh batches and their optima, lengths, curricula and held-out splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqtoys import Batch, Curriculum, ElmanCharModel, ElmanEnsemble, Text, fit, get_task
from seqtoys.errors import DataError, InputTypeError, OptionError
from seqtoys.results import History
from seqtoys.training.curriculum import LengthPlan

pytestmark = pytest.mark.type_checked

PARITY = get_task("parity")
REBER = get_task("reber")


def model_of(task: Any, **options: Any) -> ElmanCharModel:
    return ElmanCharModel(task.vocab, **{"hidden_size": 8, **options})


def test_each_epoch_draws_a_fresh_batch() -> None:
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


def test_training_stops_as_soon_as_a_batch_is_solved() -> None:
    task = get_task("first_symbol")
    history = fit(model_of(task), task, epochs=500, lr=0.05, lengths=2, until="solved")
    assert history.stopped == "solved"
    assert history.accuracy[-1] == 1.0 > max(history.accuracy[:-1])


def test_held_out_batch_does_not_depend_on_the_batch_size() -> None:
    measured = [
        fit(model_of(PARITY), PARITY, epochs=2, lr=1e-12, validation=0.3, batch_size=batch_size)
        for batch_size in (1, 32, None)
    ]
    one, *others = (history.validation_loss for history in measured)
    assert one == pytest.approx([one[0]] * 2)
    for other in others:
        assert other == pytest.approx(one, rel=1e-9)
    seeded = fit(model_of(PARITY), PARITY, epochs=1, lr=1e-12, validation=0.3, seed=1)
    assert seeded.validation_loss[0] != pytest.approx(one[0], rel=1e-6)


def test_replicas_see_the_same_batches() -> None:
    ensemble = ElmanEnsemble(REBER.vocab, [1, 2], hidden_size=8).double()
    histories = fit(ensemble, REBER, epochs=4, batch_size=16)
    alone = fit(model_of(REBER, seed=2).double(), REBER, epochs=4, batch_size=16)
    assert histories[1].loss == pytest.approx(alone.loss, rel=1e-9)
    assert histories[1].optimum == alone.optimum


def test_validation_holds_out_a_fraction_of_a_task() -> None:
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


def test_curriculum_grows_with_the_running_mean() -> None:
    plan = LengthPlan(PARITY, Curriculum(4, shortest=2, threshold=0.7, window=2))
    longest = []
    for accuracy in (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        plan.record_accuracy(accuracy)
        longest.append(plan.longest)
    # 0.5, 0.75 -> 3; 0.5, 0.25, 0.625, 0.8125 -> 4; and no further
    assert longest == [2, 3, 3, 3, 3, 4, 4, 4, 4]


@pytest.mark.parametrize("stop", [{"until": 5.0}, {"patience": 1}])
def test_nothing_stops_while_lengths_grow(stop: dict[str, Any]) -> None:
    task = get_task("parity")
    grow = Curriculum(9, start=3, threshold=1e-9, window=1)  # whenever any answer is right
    options: dict[str, Any] = {"lengths": grow, "epochs": 99, **stop}
    history = fit(ElmanCharModel(task.vocab, hidden_size=4, seed=0), task, **options)
    together = fit(ElmanEnsemble(task.vocab, [0, 1], hidden_size=4), task, **options)
    reason = next(iter(stop)).replace("until", "excess")
    assert history.stopped == together.stopped[0] == reason
    assert 6 < len(history) < 99  # 3, 4, 5, 6, 7, 8, 9
    assert together.epochs[0] > 6


def test_a_diverged_replica_stops_while_lengths_grow() -> None:
    task = get_task("parity")
    ensemble = ElmanEnsemble(task.vocab, [0, 1], hidden_size=4)
    with torch.no_grad():
        for parameter in ensemble.parameters():
            parameter[0] = float("nan")
    history = fit(ensemble, task, lengths=Curriculum(9, threshold=0.999), epochs=2)
    assert history.stopped == ["diverged", "epochs"]


def test_curriculum_begins_at_start() -> None:
    plan = LengthPlan(PARITY, Curriculum(9, shortest=2, start=4))
    generator = torch.Generator().manual_seed(0)
    assert {plan.draw(generator) for _ in range(100)} == {2, 3, 4}


def test_curriculum_skips_impossible_lengths() -> None:
    odd = get_task("modular_arithmetic")  # lengths are odd
    plan = LengthPlan(odd, Curriculum(7, threshold=0.5, window=1))
    longest = []
    for _ in range(4):
        plan.record_accuracy(1.0)
        longest.append(plan.longest)
    assert longest == [3, 5, 7, 7]


def test_invalid_lengths_raise() -> None:
    cases: list[tuple[Any, str]] = [
        (0, "expected lengths to be a positive integer, got 0"),
        ((5, 3), r"with shortest <= longest, got \(5, 3\)"),
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
    with pytest.raises(OptionError, match="expected threshold to be a fraction"):
        Curriculum(3, threshold=1.0)
    with pytest.raises(OptionError, match="expected window to be a positive integer"):
        Curriculum(3, window=0)
    with pytest.raises(OptionError, match="modular_arithmetic has no sequence of length 2"):
        fit(model_of(get_task("modular_arithmetic")), get_task("modular_arithmetic"), lengths=2)
    with pytest.raises(OptionError, match="lengths=… applies only to tasks"):
        fit(model_of(PARITY), "0101", lengths=3)
    with pytest.raises(OptionError, match="chunk=… cannot be combined with the task parity"):
        fit(model_of(PARITY), PARITY, chunk=3)


def test_impossible_held_out_fractions_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    two = Text(["ab", "ba"])
    assert {len(split.sample(4)) for split in two.held_out(0.5)} == {4}
    assert_error(
        lambda: two.held_out(0.1),
        OptionError,
        "cannot hold out 0.1 of text: with 2 distinct sequences among the 4032 drawn, the nearest "
        "possible fraction is 0.49",
    )
    assert_error(
        lambda: get_task("hihello").held_out(0.2),
        OptionError,
        "cannot hold out sequences of hihello: all 2048 sequences drawn are the same",
    )
    for fraction in (1.0, 0.0001):
        message = f"expected a fraction from 0.001 to 0.999, got {fraction!r}"
        assert_error(lambda f=fraction: two.held_out(f), OptionError, message)  # type: ignore[misc]
    assert_error(
        lambda: two.held_out("half"),  # type: ignore[arg-type]
        InputTypeError,
        "expected fraction to be a number, got 'half'",
    )


def test_lengths_missing_from_a_split_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    _, held_out = PARITY.held_out(0.1)
    assert_error(
        lambda: held_out.sample(3, length=1),
        DataError,
        "expected 3 sequences of length 1 in parity (held out), found 0 in 100 "
        "rounds; choose a length with more of them",
    )


def list_strings(name: str, most: int) -> list[tuple[str, float]]:
    """Return strings up to a length with their probabilities at p = 0.3."""
    if name == "anbn":
        return [("a" * n + "b" * n, 0.3 * 0.7 ** (n - 1)) for n in range(1, most // 2)]
    found, waiting = [], [("", 0)]
    while waiting:  # open a bracket with p = 0.3, otherwise close one or end
        text, height = waiting.pop()
        if not height:
            found.append((text, 0.3 ** text.count("(") * 0.7 ** (text.count(")") + 1)))
        if len(text) + height < most:
            waiting.append((text + "(", height + 1))
        if height:
            waiting.append((text + ")", height - 1))
    return found


@pytest.mark.parametrize(
    ("name", "fraction"), [("anbn", 0.1), ("anbn", 0.5), ("dyck", 0.2), ("dyck", 0.02)]
)
def test_held_out_fraction_is_met_with_few_strings(name: str, fraction: float) -> None:
    task = get_task(name)
    texts = list_strings(name, 16 if name == "dyck" else 100)
    assert sum(chance for _, chance in texts) > 0.98
    batch = Batch.from_texts([f"#{text}#" for text, _ in texts], task.vocab)
    training, held_out = task.held_out(fraction)
    is_held = held_out.parting.holds_out(batch)
    held = sum(texts[row][1] for row in is_held.nonzero().flatten().tolist())
    assert abs(held - fraction) < 0.25 * min(fraction, 1 - fraction) + 0.02 * fraction + 0.01
    for split, expected in ((training, False), (held_out, True)):
        drawn = split.sample(300)
        assert (held_out.parting.holds_out(drawn) == expected).all()
        assert len(drawn) == 300


def test_split_can_be_split_again() -> None:
    training, test = PARITY.held_out(0.2)
    training, validation = training.held_out(0.2)
    splits = [split.sample(200, length=30) for split in (training, validation, test)]
    seen = [{tuple(row) for row in split.inputs.tolist()} for split in splits]
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_many_lengths_do_not_accumulate_buffers() -> None:
    model = model_of(PARITY)
    history = fit(model, PARITY, epochs=150, batch_size=2, lengths=(1, 120))
    assert len(history) == 150
