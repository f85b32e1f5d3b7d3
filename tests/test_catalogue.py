"""get_task and list_tasks, and tasks of listed texts."""

from __future__ import annotations

import pytest
import torch

from seqtoys import Batch, Pairs, Text, Vocab, get_task, list_tasks
from seqtoys.errors import DataError, OptionError
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.text import Listed


def test_every_task_is_listed_once() -> None:
    listed = list_tasks()
    assert len(listed) == 41
    assert len(set(listed.values())) == len(listed)
    assert [name for name in listed if get_task(name).name != name] == []


def test_options_reach_the_task() -> None:
    assert get_task("dyck", kinds=2, p=0.2).vocab != get_task("dyck").vocab
    assert get_task("anbn", p=0.5).optimum > get_task("anbn").optimum


def test_wrong_names_are_told() -> None:
    cases = {
        "rebber": "no task is named 'rebber'; did you mean 'reber'",
        "xyzzy": r"no task is named 'xyzzy'; list_tasks\(\) names them all",
    }
    for name, message in cases.items():
        with pytest.raises(OptionError, match=message):
            get_task(name)
    with pytest.raises(OptionError, match="the task dyck has no option 'kind'; its options are"):
        get_task("dyck", kind=2)
    with pytest.raises(OptionError, match="the task parity has no option 'p'; it has no options"):
        get_task("parity", p=2)


def test_listed_sequences_are_all_there_is() -> None:
    task = Text(["hat", "hot", "hi"])
    assert task.refusal(2) is None
    assert task.refusal(5) == "those listed have 1, 2"
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


def test_streams_and_strings_have_at_least_a_symbol() -> None:
    assert get_task("reber").refusal(0) is not None
    assert get_task("letters").refusal(0) is not None
    assert get_task("parity").refusal(0) is not None


def test_expressions_can_be_drawn_without_their_answers() -> None:
    for name in ("modular_arithmetic_brackets", "solve_equation"):
        task = get_task(name)
        assert isinstance(task, AnswerTask)
        inputs = task.draw_inputs(50, 11, torch.Generator().manual_seed(4))
        for row, answer in zip(inputs, task.answer(inputs)[:, 0].tolist(), strict=True):
            text = str(task.vocab.decode(row))
            left, _, right = text.replace("x", str(answer)).partition("=")
            assert eval(left) % 5 == int(right or answer)
