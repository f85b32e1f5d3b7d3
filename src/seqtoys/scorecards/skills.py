"""The twelve skills of the score card, each with its fixed recipes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias, get_args

from seqtoys.errors import InputTypeError, OptionError, quoted
from seqtoys.support.arguments import check_fields, checked, listed
from seqtoys.support.values import check_choice
from seqtoys.tasks.catalogue import get_task
from seqtoys.tasks.task import Task, TaskSplit

Level: TypeAlias = Literal["quick", "full"]

RECIPES = 1
"""The version of the recipes: scores of different versions can't be compared."""

BATCH, CLIP = 64, 1.0  # sequences per update, and the norm that gradients are clipped to
WINDOW, NEAR = 20, 0.01  # training stops when this many updates average 99 points
SOLVED = 95.0  # the score from which on a skill is solved


@dataclass(frozen=True)
class SkillRecipe:
    """How a skill is trained and measured.

    Attributes:
        options: The options of the task, for `get_task`.
        lengths: The shortest and longest training length. If None, those of the task.
        longer: The length of the longer test sequences, about twice that of the longest training
            sequences.
        updates: The maximum number of updates per learning rate.
        rates: The learning rates of AdamW to try, in this order, until one solves the skill.
        held_out: The proportion of the sequences that is held out from training. If None, nothing
            is held out, as the next symbols are random: the test sequences are fresh draws.
        count: The number of test sequences of each kind.

    Examples:
        >>> recipe = list_skills()["parity"].quick
        >>> recipe.lengths, recipe.longer, recipe.held_out
        ((1, 10), 20, 0.1)
    """

    options: dict[str, Any] = field(default_factory=dict[str, Any])
    lengths: tuple[int, int] | None = None
    longer: int = 0
    updates: int = 500
    rates: tuple[float, ...] = (0.01, 0.003)
    held_out: float | None = 0.1
    count: int = 1000

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Skill:
    """One skill of the score card: a task, and how it is trained and measured.

    Attributes:
        name: The name of the skill.
        question: What the skill is, as a question about the model.
        task: The name of the task, as in `get_task`.
        quick: The recipe that takes seconds.
        full: The recipe that takes minutes.

    Examples:
        >>> task = list_skills()["track"].make_task("quick")
        >>> print(task.sample(1, length=3).show(task.vocab))
        inputs   (13) (132) (123)
        targets  (13) (12)  (13)
    """

    name: str
    question: str
    task: str
    quick: SkillRecipe
    full: SkillRecipe

    def __post_init__(self) -> None:
        check_fields(self)

    def recipe(self, level: Level) -> SkillRecipe:
        """Return the recipe of a `level`.

        Raises:
            OptionError: If there is no such level.
        """
        check_choice("level", level, get_args(Level))
        return self.quick if level == "quick" else self.full

    def make_task(self, level: Level) -> Task:
        """Return the task of a `level`, with the lengths of its recipe."""
        recipe = self.recipe(level)
        task = get_task(self.task, **recipe.options)
        task.lengths = recipe.lengths or task.lengths
        task.longer = (recipe.longer,)
        return task

    def make_training_task(self, level: Level) -> Task | TaskSplit:
        """Return what a model is trained on at a `level`: the part that is not held out."""
        fraction, task = self.recipe(level).held_out, self.make_task(level)
        return task if fraction is None else task.held_out(fraction)[0]


_ALL = (
    Skill(
        "keep",
        "Does it keep the letters it has read, and ignore the blanks between them?",
        "selective_copy",
        SkillRecipe({"kinds": 4, "letters": 4, "delay": 8}, longer=24, updates=500),
        SkillRecipe({"kinds": 8, "letters": 8, "delay": 24}, longer=64, updates=4000),
    ),
    Skill(
        "reverse",
        "Does it return a string in reverse, as a stack would?",
        "reverse_string",
        SkillRecipe(lengths=(3, 7), longer=14, updates=800),
        SkillRecipe(lengths=(3, 16), longer=32, updates=5000),
    ),
    Skill(
        "count",
        "Does it count the a's, and expect as many b's?",
        "anbn",
        SkillRecipe({"p": 0.2}, longer=81, updates=700, held_out=None),
        SkillRecipe({"p": 0.1}, longer=161, updates=3000, held_out=None),
    ),
    Skill(
        "nest",
        "Does it close brackets in the right order?",
        "dyck_bounded",
        SkillRecipe({"kinds": 2, "depth": 3}, longer=99, updates=500, held_out=None),
        SkillRecipe({"kinds": 4, "depth": 5}, longer=199, updates=3000, held_out=None),
    ),
    Skill(
        "parity",
        "Does it count 1s modulo 2, if only the last answer is scored?",
        "parity",
        SkillRecipe(lengths=(1, 10), longer=20, updates=700),
        SkillRecipe(lengths=(1, 24), longer=48, updates=5000),
    ),
    Skill(
        "track",
        "Does it keep track of a state that each symbol changes?",
        "word_problem",
        SkillRecipe({"group": "S3"}, lengths=(1, 16), longer=32, updates=700),
        SkillRecipe({"group": "A5"}, lengths=(1, 12), longer=24, updates=8000),
    ),
    Skill(
        "latch",
        "Does it hold one bit through many symbols that it must ignore?",
        "flip_flop",
        SkillRecipe({"ignore": 0.9, "instructions": 24}, longer=95, updates=500),
        SkillRecipe({"ignore": 0.95, "instructions": 100}, longer=399, updates=2000),
    ),
    Skill(
        "recall",
        "Does it recall the value of a key from pairs that are new in each sequence?",
        "mqar",
        SkillRecipe({"pairs": 4, "keys": 8, "values": 8, "length": 16}, longer=32, updates=700),
        SkillRecipe(
            {"pairs": 8, "keys": 32, "values": 32, "length": 64}, longer=128, updates=4000
        ),
    ),
    Skill(
        "copy a pattern",
        "Does it continue a pattern as it continued the first time?",
        "induction_head",
        SkillRecipe({"symbols": 16, "length": 40}, longer=81, updates=600),
        SkillRecipe({"symbols": 16, "length": 128}, longer=257, updates=4000),
    ),
    Skill(
        "learn in context",
        "Does it learn the rule of a sequence while it reads it?",
        "in_context_markov",
        SkillRecipe({"symbols": 2, "length": 40}, longer=80, updates=700, held_out=None),
        SkillRecipe({"symbols": 4, "length": 100}, longer=200, updates=4000, held_out=None),
    ),
    Skill(
        "infer",
        "Does it infer a hidden state from noisy symbols?",
        "mess3",
        SkillRecipe(lengths=(20, 20), longer=40, updates=600, held_out=None),
        SkillRecipe(lengths=(40, 40), longer=80, updates=3000, held_out=None),
    ),
    Skill(
        "add",
        "Does it add two binary numbers?",
        "binary_addition",
        SkillRecipe(lengths=(6, 9), longer=18, updates=2500, rates=(0.01,)),
        SkillRecipe(lengths=(3, 16), longer=32, updates=8000),
    ),
)

_BY_NAME = {skill.name: skill for skill in _ALL}


def list_skills() -> dict[str, Skill]:
    """Return the skills of the score card by name, in their order.

    Examples:
        >>> list(list_skills())[:4]
        ['keep', 'reverse', 'count', 'nest']
        >>> list_skills()["recall"].quick.longer
        32
    """
    return dict(_BY_NAME)


@checked
def choose_skills(names: Iterable[str] | None) -> list[Skill]:
    """Return the skills with some names, in their usual order; if None, all.

    Raises:
        InputTypeError: If `names` is a string.
        OptionError: If there is no such skill, or a name is given twice.

    Examples:
        >>> [skill.task for skill in choose_skills(["add", "keep"])]
        ['selective_copy', 'binary_addition']
    """
    if names is None:
        return list(_ALL)
    if isinstance(names, str):
        raise InputTypeError(f"expected skills to be a list, got a string; pass [{quoted(names)}]")
    chosen = listed("skills", names)
    for name in chosen:
        near = get_close_matches(name, _BY_NAME, n=1) if isinstance(name, str) else []
        if near and name not in _BY_NAME:
            raise OptionError(f"no skill is named {quoted(name)}; did you mean {quoted(near[0])}?")
        check_choice("skills", name, tuple(_BY_NAME))
    if not chosen or len(set(chosen)) < len(chosen):
        raise OptionError(f"expected one or more different skills, got {quoted(chosen)}")
    return [skill for skill in _ALL if skill.name in chosen]
