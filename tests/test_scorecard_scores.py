"""Scores of the score card: 0 without memory, 100 for the source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqtoys import Batch, Task, Vocab, evaluate, get_task, list_skills
from seqtoys.results import Estimate, SkillRecipe
from seqtoys.scorecards.baselines import Memoryless, make_memoryless
from seqtoys.scorecards.measure import Yardstick, make_yardsticks
from seqtoys.support.randomness import seeded_generator

SKILLS = list(list_skills())
RANDOM = ("count", "nest", "learn in context", "infer")  # skills whose next symbol is random
ANSWERED = [skill for skill in SKILLS if skill not in RANDOM]

pytestmark = pytest.mark.usefixtures("unchecked")


class Table(nn.Module):
    """An embedding whose vectors are the logits: a model without memory."""

    def __init__(self, shares: np.ndarray[Any, Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.from_numpy(np.log(shares)))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.embedding(inputs)
        return logits


class Looked(nn.Module):
    """Knows the answers to some sequences by heart."""

    def __init__(self, batches: Any, symbols: int) -> None:
        super().__init__()
        pairs = [pair for b in batches for pair in zip(b.inputs, b.targets, strict=True)]
        self.known = {tuple(inputs.tolist()): targets for inputs, targets in pairs}
        self.symbols = symbols

    def forward(self, inputs: Tensor) -> Tensor:
        targets = torch.stack([self.known[tuple(row)] for row in inputs.tolist()])
        return 50.0 * nn.functional.one_hot(targets.clamp(min=0), self.symbols).double()


class Next(nn.Module):
    """The probabilities of the next symbol, from a function of the symbols so far."""

    def __init__(self, vocab: Vocab, predict: Callable[[str], dict[str, float]]) -> None:
        super().__init__()
        self.vocab, self.predict = vocab, predict
        self.cache: dict[str, list[float]] = {}

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tensor([self._rows(row) for row in inputs.tolist()], dtype=torch.float64)

    def _rows(self, row: list[int]) -> list[list[float]]:
        text = str(self.vocab.decode(row))
        return [self._logits(text[: end + 1]) for end in range(len(text))]

    def _logits(self, prefix: str) -> list[float]:
        if prefix not in self.cache:
            chances = self.predict(prefix)
            self.cache[prefix] = [math.log(chances.get(s, 0) + 1e-30) for s in self.vocab.symbols]
        return self.cache[prefix]


def equal_numbers(prefix: str) -> dict[str, float]:
    """Predict a^n b^n with a geometric n that ends with probability 0.2 at each step."""
    a, b = prefix.count("a"), prefix.count("b")
    if b:
        return {"b": 1.0} if b < a else {"#": 1.0}
    return {"a": 0.8, "b": 0.2} if a else {"a": 1.0}


def brackets(prefix: str) -> dict[str, float]:
    """Predict brackets of two kinds up to depth 3, with a stack."""
    stack = list[str]()
    for symbol in prefix[1:].partition("#")[0]:
        if symbol in "([":
            stack.append({"(": ")", "[": "]"}[symbol])
        else:
            stack.pop()
    if len(stack) == 3:
        return {stack[-1]: 1.0}
    return {"(": 0.25, "[": 0.25, stack[-1] if stack else "#": 0.5}


def laplace(prefix: str) -> dict[str, float]:
    """Predict a Markov chain of two symbols by the add-one rule."""
    counts = Counter(b for a, b in pairwise(prefix) if a == prefix[-1])
    return {s: (counts[s] + 1) / (counts.total() + 2) for s in "ab"}


def filtered(prefix: str) -> dict[str, float]:
    """Predict mess3 by following the probabilities of its three hidden states."""
    moves = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    emits = np.full((3, 3), 0.075) + 0.775 * np.eye(3)
    belief = np.full(3, 1 / 3)
    for symbol in prefix[1:]:
        belief = (belief @ moves) * emits[:, int(symbol)]
        belief /= belief.sum()
    return {str(s): float((belief @ moves) @ emits[:, s]) for s in range(3)}


SOURCES = dict(zip(RANDOM, (equal_numbers, brackets, laplace, filtered), strict=True))


def counted_shares(task: Task) -> np.ndarray[Any, Any]:
    """Count how often each target follows each symbol, in sequences of our own."""
    counts = np.full((len(task.vocab),) * 2, 0.1)
    generator = seeded_generator(12345)
    for _ in range(200):
        batch = task.sample(50, generator=generator)
        scored = batch.scored.numpy()
        np.add.at(counts, (batch.inputs.numpy()[scored], batch.targets.numpy()[scored]), 1)
    shares: np.ndarray[Any, Any] = counts / counts.sum(1, keepdims=True)
    return shares


@pytest.mark.parametrize("skill", SKILLS)
def test_model_without_memory_scores_0(skill: str) -> None:
    model = Table(counted_shares(list_skills()[skill].make_task("quick")))
    for yardstick in make_yardsticks(skill, "quick"):
        score, _ = yardstick.score(model)
        assert abs(score) <= 4 * score.standard_error + 1.5  # both proportions are estimates


def first_batches(yardstick: Yardstick, count: int) -> Yardstick:
    """Return a part of the test sequences, as the slow models of this file can't read them all."""
    return Yardstick(
        yardstick.batches[:count],
        yardstick.source[:count],
        yardstick.span[:count],
        yardstick.sizes[:count],
        yardstick.symbols,
    )


@pytest.mark.parametrize("skill", SKILLS)
def test_source_scores_100(skill: str) -> None:
    vocab = list_skills()[skill].make_task("quick").vocab
    for whole in make_yardsticks(skill, "quick"):
        yardstick = first_batches(whole, 4)
        known = Looked(yardstick.batches, len(vocab))
        model = Next(vocab, SOURCES[skill]) if skill in RANDOM else known
        score, accuracy = yardstick.score(model)
        assert score == pytest.approx(100, abs=1e-6)
        assert score.standard_error < 1e-6
        assert skill in RANDOM or accuracy == 1


@pytest.mark.parametrize("skill", ["parity", "track", "add"])
def test_score_follows_from_public_functions(skill: str) -> None:
    torch_model = Memoryless(torch.tensor(np.random.default_rng(1).integers(1, 9, (99, 99))))
    chosen = list_skills()[skill]
    recipe, task = chosen.quick, get_task(chosen.task, **chosen.quick.options)
    task.lengths, task.longer = recipe.lengths or task.lengths, (recipe.longer,)
    training, _ = task.held_out(0.1)
    size = len(task.vocab)
    torch_model.logits = torch_model.logits[:size, :size].log_softmax(1)
    model, memoryless = (
        evaluate(each, training, count=recipe.count)
        for each in (torch_model, memoryless_of(task.name))
    )
    pairs = [
        (model.unseen, memoryless.unseen),
        (model.longer[recipe.longer], memoryless.longer[recipe.longer]),
    ]
    for (one, other), yardstick in zip(pairs, make_yardsticks(skill, "quick"), strict=True):
        expected = 100 * (other.loss - one.loss) / (other.loss - 0.0)
        score, accuracy = yardstick.score(torch_model)
        assert score == pytest.approx(expected, rel=1e-9)
        assert accuracy == pytest.approx(float(one.accuracy))
        assert yardstick.memoryless == pytest.approx(float(other.loss))
        assert yardstick.optimum == 0


def test_standard_error_is_that_of_repetitions() -> None:
    task = list_skills()["track"].make_task("quick")
    model = Memoryless(torch.ones(len(task.vocab), len(task.vocab)))
    yardstick = first_batches(make_yardsticks("track", "quick")[0], 16)
    scores = list[float]()
    for seed in range(30):
        batches = draw_again(task, yardstick.batches, seed)
        again = Yardstick(batches, *measured(task, batches), len(task.vocab))
        scores.append(float(again.score(model)[0]))
    spread = float(np.std(scores))
    score, _ = yardstick.score(model)
    assert spread / 2 < score.standard_error < 2 * spread


def draw_again(task: Task, known: Sequence[Batch], seed: int) -> list[Batch]:
    """Draw other test sequences, as many and with the same lengths."""
    generator = seeded_generator(seed)
    return [
        task.sample(len(batch), length=batch.inputs.shape[1], generator=generator)
        for batch in known
    ]


@cache
def memoryless_of(name: str) -> Memoryless:
    """Return the model without memory of a skill with this task."""
    skills = list_skills().values()
    return make_memoryless(next(s for s in skills if s.task == name).make_task("quick"))


def measured(task: Task, batches: Sequence[Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of the source, that of no memory minus it, and the sizes."""
    table = memoryless_of(task.name)
    spans = [float(nn.functional.cross_entropy(
        table(b.inputs).flatten(0, 1), b.targets.flatten(), reduction="sum"
    )) for b in batches]  # fmt: skip
    sizes = torch.tensor([len(b) for b in batches], dtype=torch.float64)
    return torch.zeros(len(batches), dtype=torch.float64), torch.tensor(spans).double(), sizes


@pytest.mark.parametrize("skill", ["count", "nest", "infer", "learn in context"])
def test_memoryless_model_reaches_the_known_loss(skill: str) -> None:
    task = list_skills()[skill].make_task("quick")
    score = evaluate(make_memoryless(task), task, count=2000, longer=[]).seen
    known = Estimate(float(task.memoryless))
    assert abs(score.loss - known) < 4 * score.loss.standard_error


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("skill", SKILLS)
def test_recipes_are_possible(skill: str, level: Any) -> None:
    chosen = list_skills()[skill]
    recipe, task = chosen.recipe(level), chosen.make_task(level)
    assert isinstance(recipe, SkillRecipe)
    assert task.possible_lengths(recipe.longer)
    assert recipe.longer > max(task.possible_lengths(task.lengths))
    assert (recipe.held_out is None) == (task.optimum > 0) == (skill in RANDOM)
    assert task.sample(2).scored.any()
    assert task.sample(2, length=recipe.longer).scored.any()


def test_held_out_sequences_are_never_drawn_for_training() -> None:
    training = list_skills()["parity"].make_training_task("quick")
    rows = {tuple(row) for b in make_yardsticks("parity", "quick")[0].batches
            for row in b.inputs.tolist()}  # fmt: skip
    generator = seeded_generator(0)
    drawn = {tuple(row) for _ in range(50) for row in training.sample(
        100, generator=generator
    ).inputs.tolist()}  # fmt: skip
    assert rows
    assert not rows & drawn
