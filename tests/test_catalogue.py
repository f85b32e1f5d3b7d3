"""get_task and list_tasks, and tasks of listed texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from seqtoys import (
    AnswerTask,
    Batch,
    ElmanCharModel,
    Pairs,
    Text,
    Vocab,
    fit,
    get_task,
    list_tasks,
)
from seqtoys.errors import DataError, IndexRangeError, OptionError, ShapeError
from seqtoys.tasks.text import Listed

pytestmark = pytest.mark.type_checked


def test_every_task_is_listed_once() -> None:
    listed = list_tasks()
    assert len(set(listed.values())) == len(listed)
    assert [name for name in listed if get_task(name).name != name] == []


def test_options_reach_the_task() -> None:
    assert get_task("dyck", kinds=2, p=0.2).vocab != get_task("dyck").vocab
    assert get_task("anbn", p=0.5).optimum > get_task("anbn").optimum


def test_unknown_names_raise() -> None:
    cases = {
        "rebber": "no task is named 'rebber'; did you mean 'reber'",
        "xyzzy": r"no task is named 'xyzzy'; list_tasks\(\), or python -m seqtoys tasks, lists",
    }
    for name, message in cases.items():
        with pytest.raises(OptionError, match=message):
            get_task(name)
    with pytest.raises(OptionError, match="the task dyck has no option 'kind'; its options are"):
        get_task("dyck", kind=2)
    with pytest.raises(OptionError, match="the task parity has no option 'p'; it has no options"):
        get_task("parity", p=2)


def test_listed_tasks_have_only_their_sequences() -> None:
    task = Text(["hat", "hot", "hi"])
    assert task.why_no_length(2) is None
    assert task.why_no_length(5) == "possible lengths are 1, 2"
    vocab = Vocab("hatoi")
    with pytest.raises(DataError, match="expected sequences of text, got some that are not in"):
        task.optimal_loss(Batch.from_texts(["hoh"], vocab))
    one = Batch(torch.tensor([[0, 1]]), torch.tensor([[1, 0]]))
    assert torch.equal(
        Listed(one, vocab, name="one", source="my own").sample(2).inputs[1], one.inputs[0]
    )
    pairs = Pairs([(["a", "b"], ["x", "y"])], name="letters")
    assert pairs.vocab.symbols == ("a", "b", "x", "y")
    assert pairs.chance == 0.5


def test_length_zero_is_impossible() -> None:
    assert get_task("reber").why_no_length(0) is not None
    assert get_task("letters").why_no_length(0) is not None
    assert get_task("parity").why_no_length(0) is not None


def test_expressions_can_be_drawn_without_their_answers() -> None:
    for name in ("modular_arithmetic_brackets", "solve_equation"):
        task = get_task(name)
        assert isinstance(task, AnswerTask)
        inputs = task.draw_inputs(50, 11, torch.Generator().manual_seed(4))
        for row, answer in zip(inputs, task.answer(inputs)[:, 0].tolist(), strict=True):
            text = str(task.vocab.decode(row))
            left, _, right = text.replace("x", str(answer)).partition("=")
            assert eval(left) % 5 == int(right or answer)


LEVELS = {  # levels of the fifteen tasks in Delétang et al. (2023)
    "regular": "even_pairs parity cycle_navigation modular_arithmetic",
    "deterministic context-free": "stack_manipulation reverse_string modular_arithmetic_brackets "
    "solve_equation",
    "context-sensitive": "duplicate_string missing_duplicate odds_first binary_addition "
    "binary_multiplication compute_sqrt bucket_sort",
}


@pytest.mark.parametrize(("level", "names"), LEVELS.items())
def test_chomsky_tasks_have_the_levels_of_the_paper(level: str, names: str) -> None:
    assert {get_task(name).level for name in names.split()} == {level}
    assert {get_task(name).source for name in names.split()} == {"Delétang et al. 2023"}


class MoreOnes(AnswerTask):
    """Are there more ones than zeros?"""

    name, level = "more", "deterministic context-free"
    vocab, lengths = Vocab("01="), (1, 20)

    def draw_inputs(self, batch_size: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (batch_size, length), generator=generator)

    def answer(self, inputs: Tensor) -> Tensor:
        return (inputs.sum(1, keepdim=True) * 2 > inputs.shape[1]).long()


def test_user_defined_task_needs_only_inputs_and_answer() -> None:
    task = MoreOnes()
    assert (task.source, task.longer) == ("my own", ())
    assert repr(task) == "<task more: my own; deterministic context-free>"
    batch = task.sample(50, length=7)
    answers = [int(row[:7].count(1) > row[:7].count(0)) for row in batch.inputs.tolist()]
    assert batch.targets[:, 7].tolist() == answers
    # At odd lengths, half of the strings have more ones; at even lengths, ties do not.
    assert task.chance > 0.5
    assert not task.chance.is_exact


def test_invalid_user_defined_tasks_raise(
    assert_error: Callable[[Callable[[], object], type[Exception], str], None],
) -> None:
    def sample(**changes: Any) -> Callable[[], object]:
        return lambda: type("Changed", (MoreOnes,), changes)().sample(2, length=5)

    assert_error(
        sample(draw_inputs=lambda self, batch, length, generator: torch.zeros(2, 6).long()),
        ShapeError,
        "expected draw_inputs of more to return shape (batch, length) = (2, 5), got (2, 6)",
    )
    assert_error(
        sample(answer=lambda self, inputs: inputs.sum(1)),
        ShapeError,
        "expected answer of more to return shape (batch, answer) = (2, …), got (2,)",
    )
    assert_error(
        sample(vocab=Vocab("01")),
        OptionError,
        "expected the vocabulary of more, Vocab('01'), to contain its blank '='; add it, or "
        "choose another blank",
    )
    far = type("Far", (MoreOnes,), {"answer": lambda _, inputs: inputs[:, :1] * 0 + 7})
    known, model = type("Known", (far,), {"memoryless": 0.0}), ElmanCharModel(MoreOnes.vocab)
    message = "expected scored targets in 0 … 2, got 7 to 7 for a vocabulary of 3 symbols"
    assert_error(lambda: far().memoryless, IndexRangeError, message)
    assert_error(lambda: fit(model, known(), epochs=1), IndexRangeError, message)
