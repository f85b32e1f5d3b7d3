"""The legal next symbols of tasks, checked against searches through listed strings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch

from seqtoys import Automaton, Batch, Task, get_task


def symbols_in(task: Task, mask: torch.Tensor) -> set[str]:
    """Return the symbols for which a mask over the vocabulary is true."""
    return {task.vocab.symbols[i] for i in mask.nonzero().flatten().tolist()}


def is_balanced(text: str) -> bool:
    while "()" in text or "[]" in text:
        text = text.replace("()", "").replace("[]", "")
    return not text


def listed(name: str) -> Iterator[str]:
    """List strings of a language that show all that is legal after each shorter string."""
    counts = range(1, 6)
    if name == "anbmcnm":
        yield from (f"#{'a' * n}{'b' * m}{'c' * (n + m)}#" for n in counts for m in counts)
    elif name == "anb2n":
        yield from (f"#{'a' * n}{'b' * 2 * n}#" for n in counts)
    elif name == "anbncn":
        yield from (f"#{'a' * n}{'b' * n}{'c' * n}#" for n in counts)
    else:
        texts = ("".join(text) for n in (0, 2, 4, 6) for text in product("()[]", repeat=n))
        yield from (f"#{text}#" for text in texts if is_balanced(text))


def legal_by_search(strings: list[str], prefix: str) -> set[str]:
    """Return what follows a prefix in any of the strings."""
    return {s[len(prefix)] for s in strings if s.startswith(prefix) and len(s) > len(prefix)}


@pytest.mark.parametrize("name", ["anbmcnm", "anb2n", "anbncn", "dyck"])
def test_legal_symbols_match_a_search(name: str) -> None:
    task = get_task(name, **({"kinds": 2} if name == "dyck" else {}))
    strings = list(listed(name))
    few = [s for s in strings if len(s) <= {"dyck": 6, "anbmcnm": 8}.get(name, 11)]
    batch = Batch.from_texts(few, task.vocab)
    legal = task.allowed(batch)
    assert legal is not None
    for row, text in enumerate(few):
        for t in range(1, len(text)):
            found = symbols_in(task, legal[row, t - 1])
            assert found == legal_by_search(strings, text[:t]), text[:t]
        assert not legal[row, len(text) - 1 :].any()


@pytest.mark.parametrize("name", ["reber", "letters", "sentences"])
def test_legal_symbols_of_an_automaton_are_those_of_its_states(name: str) -> None:
    task = get_task(name)
    assert isinstance(task, Automaton)
    batch = task.sample(9)
    legal = task.allowed(batch)
    for row, end in enumerate(batch.count_symbols().tolist()):
        text = [task.vocab.symbols[i] for i in batch.inputs[row, :end].tolist()]
        for t in range(1, min(end, 30) + 1):
            assert symbols_in(task, legal[row, t - 1]) == task.legal(text[:t])
        assert not legal[row, end:].any()
    training, _ = task.held_out(0.3)
    again = training.allowed(batch)
    assert again is not None
    assert again.equal(legal)


def test_depth_of_dyck_is_the_number_of_open_brackets() -> None:
    task = get_task("dyck", kinds=2)
    batch = Batch.from_texts(["#([])()#", "#()#", "##"], task.vocab)
    assert task.labels(batch)["depth"].tolist() == [
        [0, 1, 2, 1, 0, 1, 0],
        [0, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]


def test_legal_symbols_are_unknown_by_default() -> None:
    task = get_task("hihello")
    assert task.allowed(task.sample(2)) is None
