"""The strings of Lan et al. (2022): training strings from NumPy's legacy generator, and tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch

from seqtoys import Batch, Task, get_task
from seqtoys.data.batch import UNSCORED
from seqtoys.tasks.counting import CountingLanguage

P = 0.3  # the probability that a count ends, or that a bracket opens
SEED = 100
LONGEST = 200  # brackets per string
BRACKET_TESTS = 50_000


@dataclass(frozen=True)
class Corpus:
    """The strings of an experiment, with duplicates merged and counted.

    Attributes:
        task: The language.
        training: The training strings.
        test: The test strings.
        determined: The test strings, scored only where the language determines the next symbol, or
            None if it never does.
    """

    task: Task
    training: Batch
    test: Batch
    determined: Batch | None


def draw_corpus(language: str, strings: int = 100, every: int = 1) -> Corpus:
    """Sample the strings of a language.

    Args:
        language: A counting language of the catalog, or `"dyck"`.
        strings: The number of training strings to sample.
        every: Test on every n-th string.
    """
    random = np.random.RandomState(SEED)
    task = get_task(language)
    if isinstance(task, CountingLanguage):
        counts = _draw_counts(task, random, strings)
        drawn, test = _write(task, counts), _write(task, _longer(counts))
    else:
        drawn, test = _draw_brackets(random, strings), _draw_brackets(random, BRACKET_TESTS)
    training_batch, test_batch = (
        Batch.from_texts(sorted(texts, key=len, reverse=True), task.vocab).distinct()
        for texts in (drawn, test[::every])
    )
    return Corpus(task, training_batch, test_batch, _determined(task, test_batch))


def _draw_counts(
    task: CountingLanguage, random: np.random.RandomState, strings: int
) -> list[tuple[int, ...]]:
    """Draw n for each string; with two counts, all n are drawn before all m."""
    columns = [random.geometric(P, size=strings).tolist() for _ in task.blocks[0]]
    return list(zip(*columns, strict=True))


def _longer(counts: Sequence[tuple[int, ...]]) -> Iterable[tuple[int, ...]]:
    """Return the 1,000 values of n after the longest, or all pairs of the 49 values after it."""
    longest, free = max(map(max, counts)), len(counts[0])
    return product(range(longest + 1, longest + (1001 if free == 1 else 50)), repeat=free)


def _write(task: CountingLanguage, counts: Iterable[Sequence[int]]) -> list[str]:
    letters = task.vocab.symbols[1:]
    lengths = [(task.blocks @ torch.tensor(each)).tolist() for each in counts]
    return [
        f"#{''.join(letter * n for letter, n in zip(letters, each, strict=True))}#"
        for each in lengths
    ]


def _draw_brackets(random: np.random.RandomState, strings: int) -> list[str]:
    """Expand S -> ( S ) S with probability p, else S -> nothing, from the left."""
    drawn: list[str] = []
    while len(drawn) < strings:
        waiting, text = ["S"], ""
        while waiting and len(text) <= LONGEST:
            symbol = waiting.pop()
            if symbol != "S":
                text += symbol
            elif random.random_sample() < P:
                waiting += ["S", ")", "S", "("]
        if len(text) <= LONGEST:
            drawn.append(f"#{text}#")
    return drawn


def _determined(task: Task, batch: Batch) -> Batch | None:
    """Score only symbols that are determined, not those after a letter with a free count."""
    if not isinstance(task, CountingLanguage):
        return None  # another bracket may open after any bracket
    is_free = (batch.inputs > 0) & (batch.inputs <= len(task.blocks[0]))
    return replace(batch, targets=batch.targets.masked_fill(is_free, UNSCORED))
