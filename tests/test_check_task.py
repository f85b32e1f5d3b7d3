"""check_task accepts correct tasks, and finds each of the usual mistakes in others."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqtoys import AnswerTask, Batch, Task, Text, Vocab, check_task, get_task, list_tasks
from seqtoys.errors import DataError, InputTypeError, OptionError, ShapeError
from seqtoys.tasks.task import TaskSplit

FEW = 2000
ErrorCheck = Callable[[Callable[[], object], type[Exception], str], None]


def batch_of(both: Tensor) -> Batch:
    return Batch(both[0], both[1])


class Coin(Task):
    """Biased coins: each target is 1 with probability 3/4, whatever the input."""

    name = "coin"
    level = "regular"
    vocab = Vocab("01")
    lengths = (2, 20)
    longer: tuple[int, ...] = (50,)
    optimum: Any = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    memoryless: Any = optimum
    chance: Any = 0.75

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        length = length or self.draw_length(generator)
        return batch_of(self.flips((2, batch_size, length), generator))

    def flips(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return (torch.rand(shape, generator=generator) < 0.75).long()

    def optimal_loss(self, batch: Batch) -> float:
        ones = batch.targets[batch.scored].double().mean().item()
        return -(ones * math.log(0.75) + (1 - ones) * math.log(0.25))


class Last(AnswerTask):
    """Repeat the last symbol."""

    name = "last"
    level = "regular"
    vocab = Vocab("01=")
    lengths = (1, 20)
    longer = (50,)

    def draw_inputs(self, batch_size: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (batch_size, length), generator=generator)

    def answer(self, inputs: Tensor) -> Tensor:
        return inputs[:, -1:]


def changed(base: type[Task] = Coin, /, **attributes: Any) -> Task:
    """Return a task with other attributes or methods."""
    task: Task = type("Changed", (base,), attributes)()
    return task


@pytest.mark.parametrize("name", list_tasks())
def test_tasks_of_the_catalog_pass(name: str) -> None:
    task = get_task(name)
    task = task.whole if isinstance(task, TaskSplit) else task
    found = check_task(task, count=FEW)
    assert found.task == name
    assert found.stated == {
        "optimum": task.optimum, "memoryless": task.memoryless, "chance": task.chance
    }  # fmt: skip
    for length, positions in found.positions.items():
        assert positions == int(task.sample(3, length=length).count_symbols().max())


@pytest.mark.type_checked
def test_result_shows_stated_and_measured_numbers() -> None:
    found = check_task(changed())
    batches = [
        changed().sample(100, generator=torch.Generator().manual_seed(n)) for n in range(99)
    ]
    ones = float(torch.cat([b.targets.flatten() for b in batches]).double().mean())
    assert found.measured["chance"] == pytest.approx(ones, abs=0.01)
    assert found.measured["optimum"].standard_error > 0
    assert found.positions == {2: 2, 20: 20, 50: 50}
    lines = str(found).splitlines()
    assert lines[0] == f"coin: no mistakes found in {found.sequences:,} sequences"
    assert found.sequences >= 10_000
    assert re.fullmatch(r"optimum +0\.5623 +0\.56\d+ ± 0\.0\d+", lines[3])
    assert lines[-1] == "positions: 2 at length 2, 20 at length 20, 50 at length 50"
    assert check_task(changed(Last)).measured["optimum"].is_exact
    assert check_task(Text(["hihello"])).positions == {6: 6}  # one sequence, whatever the seed


def test_answers_may_differ_in_length() -> None:
    def answer(self: Last, inputs: Tensor) -> Tensor:
        padding = torch.full((len(inputs), int(inputs.sum()) % 7), -100)
        return torch.cat([inputs[:, :1], padding], 1)

    task = changed(Last, answer=answer)
    widths = {
        task.sample(64, length=20, generator=torch.Generator().manual_seed(n)).inputs.shape[1]
        for n in (1, 2)
    }
    assert len(widths) == 2  # in the two batches that are compared
    assert check_task(task, count=FEW).positions[20] > 20


def flips_of(draw: Callable[[Any], Any]) -> Callable[..., Tensor]:
    """Return `flips` that draw uniform numbers in a given way, without the generator."""
    return lambda _, shape, generator: torch.as_tensor(draw(shape) < 0.75).long()


def keeping_a_generator() -> Task:
    own = torch.Generator().manual_seed(0)
    return changed(flips=flips_of(lambda shape: torch.rand(shape, generator=own)))


def fixed(shape: Any) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def fixed_batch(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    return batch_of((fixed((2, batch_size, length or 9)) < 0.75).long())


def partly_fixed(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    length = length or self.draw_length(generator)
    both = self.flips((2, batch_size, length), generator)
    if length > 3:
        both[1, :, 3] = fixed((batch_size,)) < 0.75
    return batch_of(both)


def one_row(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    return batch_of(self.flips((2, 1, length or 9), generator))


def one_length(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    return batch_of(self.flips((2, batch_size, 9), generator))


def two_lengths(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    inputs, targets = self.flips((2, batch_size, length or 9), generator).unbind(0)
    lengths = torch.full((batch_size,), length or 9)
    lengths[1:] -= 1
    return Batch(inputs, targets, lengths)


def unscored_row(self: Coin, batch_size: int, length: int | None, generator: Any) -> Batch:
    inputs, targets = self.flips((2, batch_size, length or 9), generator).unbind(0)
    targets[1:2] = -100
    return Batch(inputs, targets)


def add_one(self: Coin, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(3, shape, generator=generator)


def blanks(self: Last, batch_size: int, length: int, generator: torch.Generator) -> Tensor:
    return torch.randint(3, (batch_size, length), generator=generator)


def in_place(self: Last, inputs: Tensor) -> Tensor:
    inputs[:, 0] = 1 - inputs[:, 0]
    return inputs[:, -1:]


def seeding(self: Coin, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    random.seed(0)
    return (torch.rand(shape, generator=generator) < 0.75).long()


CALLS = iter(range(10_000))


def unsteady(self: Last, inputs: Tensor) -> Tensor:
    return inputs[:, -1:] * 0 + next(CALLS) % 2


GLOBALLY = "draw uses or changes the global random state of {}; draw everything from"
MISTAKES: dict[str, tuple[Callable[[], Task], str]] = {
    "no name": (lambda: changed(name=None), "name: expected a str, got None"),
    "letters": (lambda: changed(vocab="01"), "vocab: expected a Vocab, got '01'"),
    "one length": (
        lambda: changed(lengths=5),
        "lengths and longer: expected lengths to be (shortest, longest), got 5",
    ),
    "short test": (
        lambda: changed(longer=(20,)),
        "lengths and longer: expected test lengths above 20, got 20",
    ),
    "impossible test": (
        lambda: changed(why_no_length=lambda self, length: "too long" if length > 20 else None),
        "lengths and longer: coin has no sequence of length 50: too long",
    ),
    "torch": (lambda: changed(flips=flips_of(torch.rand)), GLOBALLY.format("PyTorch")),
    "numpy": (
        lambda: changed(flips=flips_of(np.random.random)),
        GLOBALLY.format("NumPy"),
    ),
    "python": (
        lambda: changed(flips=flips_of(lambda s: torch.full(s, random.random()))),
        GLOBALLY.format("Python"),
    ),
    "seeded globally": (lambda: changed(flips=seeding), GLOBALLY.format("Python")),
    "own generator": (keeping_a_generator, "the same seed gives different sequences; draw"),
    "fixed seed": (
        lambda: changed(draw=fixed_batch),
        "draw ignores its generator: two seeds give the same 64 sequences; pass",
    ),
    "only the length is random": (
        lambda: changed(flips=flips_of(fixed)),
        "draw ignores its generator: two seeds give the same 64 sequences; pass",
    ),
    "partly fixed": (
        lambda: changed(draw=partly_fixed),
        "draw ignores its generator in part: two seeds give the same symbols at position 3 of 64",
    ),
    "one number": (
        lambda: changed(longer=50),
        "lengths and longer: expected longer to be a list, got 50",
    ),
    "one row": (
        lambda: changed(draw=one_row),
        "draw(batch_size=7, length=None): expected 7 sequences, got 1",
    ),
    "ignored length": (
        lambda: changed(draw=one_length),
        "draw ignores its length: sequences of length 2 and 50 both have 9 positions",
    ),
    "two lengths": (
        lambda: changed(draw=two_lengths),
        "draw(batch_size=7, length=20): expected sequences of the same length, got [19, 20]",
    ),
    "scored padding": (
        lambda: changed(draw=two_lengths),
        "draw(batch_size=7, length=None): targets are scored behind the end of a sequence; set",
    ),
    "unscored": (
        lambda: changed(draw=unscored_row),
        "draw(batch_size=7, length=2): a sequence has no scored target; all of its targets are",
    ),
    "range": (
        lambda: changed(flips=add_one),
        "draw(batch_size=7, length=50): expected inputs in 0 … 1, got 0 to 2 for a vocabulary of",
    ),
    "negative loss": (
        lambda: changed(optimal_loss=lambda self, batch: -1.0),
        "draw(batch_size=1, length=2): expected optimal_loss to be at least 0 and finite, got -1",
    ),
    "no property": (
        lambda: changed(optimum=lambda self: 0.5623),
        "optimum: expected a number, got a method; add @property above its definition",
    ),
    "no number": (lambda: changed(chance="3/4"), "chance: expected a number, got '3/4'"),
    "optimum": (
        lambda: changed(optimum=0.5),
        "optimum is 0.5000, but optimal_loss has a mean of 0.56",
    ),
    "memoryless": (
        lambda: changed(memoryless=math.log(2)),
        "memoryless is 0.6931, but counting gives 0.56",
    ),
    "chance": (lambda: changed(chance=0.5), "chance is 0.5000, but counting gives 0.74"),
    "impossible": (
        lambda: changed(memoryless=0.1),
        "optimum is 0.5623, above the 0.1000 of a model without memory",
    ),
    "blank": (
        lambda: changed(Last, draw_inputs=blanks),
        "draw(batch_size=7, length=20): draw_inputs returns the blank '=', which means “answer",
    ),
    "changed inputs": (
        lambda: changed(Last, answer=in_place),
        "draw(batch_size=7, length=20): answer changes its inputs; work on inputs.clone()",
    ),
    "unsteady answer": (
        lambda: changed(Last, answer=unsteady),
        "draw(batch_size=1, length=1): answer does not depend on the inputs alone: called again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_listed(case: str) -> None:
    make, line = MISTAKES[case]
    states = random.getstate(), str(np.random.get_state())  # noqa: NPY002
    with pytest.raises(DataError) as caught:
        check_task(make(), count=FEW)
    title, *lines = str(caught.value).split("\n- ")
    count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    assert re.fullmatch(rf"the task (coin|last|None) has {count}:", title)
    assert any(each.startswith(line) for each in lines), lines
    assert states == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002


def test_several_mistakes_are_listed_together() -> None:
    with pytest.raises(DataError) as caught:
        check_task(changed(name=3, level=None, vocab=None), count=FEW)
    assert str(caught.value) == (
        "the task 3 has 2 mistakes:\n- name: expected a str, got 3\n"
        "- vocab: expected a Vocab, got None"
    )


def test_errors_of_draw_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        check_task(changed(flips=lambda *_: 1 / 0))
    with pytest.raises(ShapeError, match="expected answer of last to return shape"):
        check_task(changed(Last, answer=lambda self, inputs: inputs[:, -1]))


def test_invalid_arguments_raise(assert_error: ErrorCheck) -> None:
    task = get_task("parity")
    assert_error(
        lambda: check_task(task, count=999),
        OptionError,
        "expected count to be an integer of at least 1,000, got 999",
    )
    assert_error(
        lambda: check_task(task.held_out(0.2)[0]),
        OptionError,
        "expected a whole task, got 'parity (training)', one part of a split; pass "
        "task.whole instead",
    )
    with pytest.raises(InputTypeError, match="expected task to be a Task, got"):
        check_task(Coin)  # type: ignore[arg-type]


def test_positions_include_the_blanks() -> None:
    for name, length, positions in (
        ("reverse_string", 40, 80),
        ("parity", 40, 41),
        ("dyck", 39, 39),
    ):
        task = get_task(name)
        assert task.positions(length) == positions
        assert task.positions(length) == task.sample(2, length=length).inputs.shape[1]
    with pytest.raises(OptionError, match="dyck has no sequence of length 38: lengths are odd"):
        get_task("dyck").positions(38)
    assert get_task("parity").held_out(0.2)[1].positions(9) == 10
