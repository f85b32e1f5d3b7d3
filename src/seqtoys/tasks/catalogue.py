"""The catalog: every task by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from inspect import getdoc, signature
from typing import Any

from seqtoys.errors import OptionError, quoted
from seqtoys.tasks import (
    counting,
    dyck,
    elman1990,
    memory_copy,
    memory_delay,
    memory_recall,
    reber,
    text,
    tomita,
)
from seqtoys.tasks.chomsky import arithmetic, context_free, context_sensitive, regular
from seqtoys.tasks.in_context import automata, markov, modular
from seqtoys.tasks.processes import bounded_dyck, shuffle_dyck, sources
from seqtoys.tasks.recall import (
    hop,
    in_context_recall,
    induction_head,
    mqar,
    n_gram_lookup,
    selective_copy,
)
from seqtoys.tasks.state_tracking import flip_flop, gridworld, majority, word_problem
from seqtoys.tasks.task import Task

TOMITA = {
    1: "no 0",
    2: "10 repeated",
    3: "no odd run of 0s after an odd run of 1s",
    4: "no three 0s in a row",
    5: "an even number of 0s and of 1s",
    6: "as many 0s as 1s, modulo 3",
    7: "runs of 0s, 1s, 0s and 1s, any of them empty",
}


@dataclass(frozen=True)
class Entry:
    """A task of the catalog.

    Attributes:
        build: The class or function that builds the task; its arguments are the task's options.
        page: The page in `docs/tasks` that describes the task.
        recipe: The name of the recipe that `recipe` returns for the task.
    """

    build: Callable[..., Task]
    page: str
    recipe: str = "answers"

    @property
    def source(self) -> Callable[..., Task]:
        """The class or function, without arguments that are already set."""
        return self.build.func if isinstance(self.build, partial) else self.build

    @property
    def about(self) -> str:
        """A one-line description."""
        if isinstance(self.build, partial):
            (number,) = self.build.args
            return f"Is a string in Tomita's language {number}: {TOMITA[number]}?"
        return (getdoc(self.build) or "").partition("\n")[0]


CATALOGUE: dict[str, Entry] = {
    "hihello": Entry(text.hihello, "text", "one word"),
    "temporal_xor": Entry(elman1990.temporal_xor, "elman1990", "next symbol"),
    "letters": Entry(elman1990.letters, "elman1990", "next symbol"),
    "word_boundaries": Entry(elman1990.word_boundaries, "elman1990", "next symbol"),
    "sentences": Entry(elman1990.sentences, "elman1990", "next symbol"),
    "reber": Entry(reber.reber, "reber", "next symbol"),
    "embedded_reber": Entry(reber.embedded_reber, "reber", "next symbol"),
    "tomita_1": Entry(partial(tomita.Tomita, 1), "tomita", "short strings"),
    "tomita_2": Entry(partial(tomita.Tomita, 2), "tomita", "short strings"),
    "tomita_3": Entry(partial(tomita.Tomita, 3), "tomita", "short strings"),
    "tomita_4": Entry(partial(tomita.Tomita, 4), "tomita", "short strings"),
    "tomita_5": Entry(partial(tomita.Tomita, 5), "tomita", "short strings"),
    "tomita_6": Entry(partial(tomita.Tomita, 6), "tomita", "short strings"),
    "tomita_7": Entry(partial(tomita.Tomita, 7), "tomita", "short strings"),
    "anbn": Entry(counting.anbn, "counting", "counts"),
    "anbncn": Entry(counting.anbncn, "counting", "counts"),
    "anbncndn": Entry(counting.anbncndn, "counting", "counts"),
    "anb2n": Entry(counting.anb2n, "counting", "counts"),
    "anbmcnm": Entry(counting.anbmcnm, "counting", "counts"),
    "dyck": Entry(dyck.Dyck, "counting", "counts"),
    "copy": Entry(memory_copy.Copy, "memory"),
    "repeat_copy": Entry(memory_copy.RepeatCopy, "memory"),
    "delayed_copy": Entry(memory_delay.DelayedCopy, "memory"),
    "associative_recall": Entry(memory_recall.AssociativeRecall, "memory"),
    "n_back": Entry(memory_recall.NBack, "memory"),
    "first_symbol": Entry(memory_recall.FirstSymbol, "memory"),
    "even_pairs": Entry(regular.EvenPairs, "chomsky", "long strings"),
    "parity": Entry(regular.Parity, "chomsky", "long strings"),
    "cycle_navigation": Entry(regular.CycleNavigation, "chomsky", "long strings"),
    "modular_arithmetic": Entry(regular.ModularArithmetic, "chomsky", "long strings"),
    "stack_manipulation": Entry(context_free.StackManipulation, "chomsky"),
    "reverse_string": Entry(context_free.ReverseString, "chomsky"),
    "modular_arithmetic_brackets": Entry(context_free.ModularArithmeticBrackets, "chomsky"),
    "solve_equation": Entry(context_free.SolveEquation, "chomsky"),
    "duplicate_string": Entry(context_sensitive.DuplicateString, "chomsky"),
    "missing_duplicate": Entry(context_sensitive.MissingDuplicate, "chomsky"),
    "odds_first": Entry(context_sensitive.OddsFirst, "chomsky"),
    "binary_addition": Entry(arithmetic.BinaryAddition, "chomsky"),
    "binary_multiplication": Entry(arithmetic.BinaryMultiplication, "chomsky"),
    "compute_sqrt": Entry(arithmetic.ComputeSqrt, "chomsky"),
    "bucket_sort": Entry(context_sensitive.BucketSort, "chomsky"),
    "mqar": Entry(mqar.MQAR, "recall"),
    "induction_head": Entry(induction_head.InductionHead, "recall"),
    "in_context_recall": Entry(in_context_recall.InContextRecall, "recall"),
    "n_gram_lookup": Entry(n_gram_lookup.NGramLookup, "recall"),
    "hop": Entry(hop.Hop, "recall"),
    "selective_copy": Entry(selective_copy.SelectiveCopy, "recall"),
    "word_problem": Entry(word_problem.word_problem, "state-tracking"),
    "gridworld": Entry(gridworld.gridworld, "state-tracking"),
    "flip_flop": Entry(flip_flop.FlipFlop, "state-tracking"),
    "majority": Entry(majority.Majority, "state-tracking", "long strings"),
    "in_context_markov": Entry(markov.InContextMarkov, "in-context", "next symbol"),
    "automata_in_context": Entry(automata.automata_in_context, "in-context", "next symbol"),
    "modular_table": Entry(modular.ModularTable, "in-context", "table"),
    "mess3": Entry(sources.mess3, "processes", "next symbol"),
    "rrxor": Entry(sources.rrxor, "processes", "next symbol"),
    "golden_mean": Entry(sources.golden_mean, "processes", "next symbol"),
    "even_process": Entry(sources.even_process, "processes", "next symbol"),
    "z1r": Entry(sources.z1r, "processes", "next symbol"),
    "sns": Entry(sources.sns, "processes", "next symbol"),
    "dyck_bounded": Entry(bounded_dyck.BoundedDyck, "processes", "next symbol"),
    "shuffle_dyck": Entry(shuffle_dyck.ShuffleDyck, "processes", "next symbol"),
}
"""Every task by name. The tables, the pages and the tests of every task follow from this."""


def get_task(name: str, **options: Any) -> Task:
    """Return a task by name.

    Args:
        name: Its name, as listed by `list_tasks`.
        **options: Its options, such as `kinds=2` for `"dyck"`.

    Raises:
        OptionError: If there is no such task, or it has no such option.

    Examples:
        >>> get_task("reber")
        <task reber: Reber 1967; regular>
        >>> get_task("rebber")
        Traceback (most recent call last):
        ...
        seqtoys.errors.OptionError: no task is named 'rebber'; did you mean 'reber'?
    """
    entry = CATALOGUE.get(name) if isinstance(name, str) else None
    if entry is None:
        near = get_close_matches(name, CATALOGUE, n=3) if isinstance(name, str) else []
        meant = " or ".join(map(repr, near))
        listed = "list_tasks(), or python -m seqtoys tasks, lists all names"
        hint = f"did you mean {meant}?" if near else listed
        raise OptionError(f"no task is named {quoted(name)}; {hint}")
    known = [option for option in signature(entry.build).parameters if option != "self"]
    for option in options:
        if option not in known:
            names = ", ".join(known)
            some = f"its options are {names}" if len(known) > 1 else f"its only option is {names}"
            has = some if known else "it has no options"
            raise OptionError(f"the task {name} has no option {quoted(option)}; {has}")
    return entry.build(**options)


def list_tasks() -> dict[str, str]:
    """Return the names of all tasks, each with a one-line description.

    Examples:
        >>> list_tasks()["hihello"]
        'One word, "hihello": the smallest text in which the current symbol is not enough.'
    """
    return {name: entry.about for name, entry in CATALOGUE.items()}
