"""The catalog: every task by name."""

from __future__ import annotations

from collections.abc import Callable
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
from seqtoys.tasks.task import Task

CATALOGUE: dict[str, Callable[..., Task]] = {
    "hihello": text.hihello,
    "temporal_xor": elman1990.temporal_xor,
    "letters": elman1990.letters,
    "word_boundaries": elman1990.word_boundaries,
    "sentences": elman1990.sentences,
    "reber": reber.reber,
    "embedded_reber": reber.embedded_reber,
    "tomita_1": partial(tomita.Tomita, 1),
    "tomita_2": partial(tomita.Tomita, 2),
    "tomita_3": partial(tomita.Tomita, 3),
    "tomita_4": partial(tomita.Tomita, 4),
    "tomita_5": partial(tomita.Tomita, 5),
    "tomita_6": partial(tomita.Tomita, 6),
    "tomita_7": partial(tomita.Tomita, 7),
    "anbn": counting.anbn,
    "anbncn": counting.anbncn,
    "anbncndn": counting.anbncndn,
    "anb2n": counting.anb2n,
    "anbmcnm": counting.anbmcnm,
    "dyck": dyck.Dyck,
    "copy": memory_copy.Copy,
    "repeat_copy": memory_copy.RepeatCopy,
    "delayed_copy": memory_delay.DelayedCopy,
    "associative_recall": memory_recall.AssociativeRecall,
    "n_back": memory_recall.NBack,
    "first_symbol": memory_recall.FirstSymbol,
    "even_pairs": regular.EvenPairs,
    "parity": regular.Parity,
    "cycle_navigation": regular.CycleNavigation,
    "modular_arithmetic": regular.ModularArithmetic,
    "stack_manipulation": context_free.StackManipulation,
    "reverse_string": context_free.ReverseString,
    "modular_arithmetic_brackets": context_free.ModularArithmeticBrackets,
    "solve_equation": context_free.SolveEquation,
    "duplicate_string": context_sensitive.DuplicateString,
    "missing_duplicate": context_sensitive.MissingDuplicate,
    "odds_first": context_sensitive.OddsFirst,
    "binary_addition": arithmetic.BinaryAddition,
    "binary_multiplication": arithmetic.BinaryMultiplication,
    "compute_sqrt": arithmetic.ComputeSqrt,
    "bucket_sort": context_sensitive.BucketSort,
}
"""The class or function that builds each task; its keyword arguments are the task's options."""

TOMITA = {
    1: "no 0",
    2: "10 repeated",
    3: "no odd run of 0s after an odd run of 1s",
    4: "no three 0s in a row",
    5: "an even number of 0s and of 1s",
    6: "as many 0s as 1s, modulo 3",
    7: "runs of 0s, 1s, 0s and 1s, any of them empty",
}


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
    build = CATALOGUE.get(name) if isinstance(name, str) else None
    if build is None:
        near = get_close_matches(name, CATALOGUE, n=3) if isinstance(name, str) else []
        meant = " or ".join(map(repr, near))
        hint = f"did you mean {meant}?" if near else "see list_tasks() for all names"
        raise OptionError(f"no task is named {quoted(name)}; {hint}")
    known = [option for option in signature(build).parameters if option != "self"]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise OptionError(f"the task {name} has no option {quoted(option)}; {has}")
    return build(**options)


def list_tasks() -> dict[str, str]:
    """Return the names of all tasks, each with a one-line description.

    Examples:
        >>> list_tasks()["hihello"]
        'One word, "hihello": the smallest text in which the current symbol is not enough.'
    """
    return {name: _one_line(build) for name, build in CATALOGUE.items()}


def _one_line(build: Callable[..., Task]) -> str:
    if isinstance(build, partial):  # a Tomita language
        return f"Is a string in Tomita's language {build.args[0]}: {TOMITA[build.args[0]]}?"
    return (getdoc(build) or "").partition("\n")[0]
