"""Sentences about stored results, generated from their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.published.findings import Finding, read
from benchmarks.shares import answer_shares
from seqtoys.results import Proportion
from tools.results.learnt import longest_of

SMALL = 4  # units: networks up to this size are compared digit by digit
DIGITS = {"bits": 3, "%": 1}  # decimal places in the paper
NEAR = 5.0  # percentage points: closer results count as guessing
WORDS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def digits_met() -> str:
    """Return how many results of small networks agree with the paper in every digit."""
    found = [f for f in _compared("lan2022") if _units(f) <= SMALL and "median" not in f.what]
    missed = [f.what for f in found if f"{f.here:.{DIGITS[f.unit]}f}" != _printed(f)]
    sizes = _joined(sorted({str(_units(f)) for f in found}), "and")
    told = f"Of the {len(found)} numbers above for networks with {sizes} units, "
    if missed:
        return f"{told}{len(found) - len(missed)} agree in every printed digit, but not {missed}."
    return f"{told}all agree with the paper in every printed digit."


def digits_moved() -> str:
    """Return how much the loss of a large network changes with one of its weights."""
    (found,) = (f for f in _compared("lan2022") if "bits with a weight moved" in f.settings)
    moved = _joined([f"{bits:.3f}" for bits in found.settings["bits with a weight moved"]], "or")
    return (
        f"One network with {_units(found)} units does not agree: {found.here:.3f} bits, compared "
        f"with {found.published:.3f} in the paper. Changing *one* of its weights by a "
        f"ten-millionth before training gives {moved} bits instead."
    )


def best_seeds() -> str:
    """Return how far the best of many seeds is from the optimum."""
    curves = read("lan2022")["curves"].values()
    times = [f"{min(each['bits']) / each['optimum']:.1f}" for each in curves]
    count = f"{len(next(iter(curves))['bits']):,}"
    return f"Even the best of {count} seeds has {_joined(times, 'and')} times the optimal loss."


def forks_told(stage: str) -> str:
    """Return in how many networks the topmost fork separates classes of words.

    Args:
        stage: The stage of training, such as `"after 1 pass"`.
    """
    found = {f.what: f.solved for f in read("elman1990")["findings"]}
    words = found[f"sentences, {stage}: nouns and verbs part"]
    things = found[f"sentences, {stage}: living and lifeless nouns part"]
    return (
        f"nouns and verbs in {_of(words)}; in a tree of nouns only, living and lifeless in "
        f"{_of(things)}"
    )


def reber_told() -> str:
    """Return how many seeds learn the embedded Reber grammar from whole strings."""
    (found,) = (f for f in read("reber")["findings"] if "whole strings" in f.what)
    return f"{_of(found.solved)} seeds learn it (95% interval {_interval(found.solved)})"


def chunks_told(short: int, long: int) -> str:
    """Return the accuracy on the long-range symbol with short and with long chunks.

    Args:
        short: The largest size of a short chunk.
        long: The smallest size of a long chunk.
    """
    found = read("reber")["curves"]
    rows = list(zip(found["chunks"], found["long_range"], strict=True))
    below = [share for chunk, shares in rows if chunk <= short for share in shares]
    above = [share for chunk, shares in rows if chunk >= long for share in shares]
    good = sum(share >= 0.98 for share in above)
    return (
        f"With chunks of up to {_word(short)} symbols, the best of {len(below)} networks predicts "
        f"{max(below):.0%} of these letters correctly; the median is {np.median(below):.0%}. With "
        f"{_word(long)} symbols or more, {good} of {len(above)} networks predict at least 98% "
        f"correctly, and the worst {min(above):.0%}."
    )


def curriculum_told(task: str) -> str:
    """Return how many networks solve a task with and without growing lengths.

    Args:
        task: `"parity"` or `"cycle_navigation"`.
    """
    rows = [row for row in read("deletang2023")["curves"]["ablation"] if row["task"] == task]
    grown = [row for row in rows if row["grow"]]
    identity = [row for row in grown if row["recurrent_init"] == "identity"]
    others = [row for row in grown if row["recurrent_init"] != "identity"]
    at_once = [row for row in rows if not row["grow"]]
    return (
        "Networks without a mistake at test lengths, 41 to 500: "
        f"{_perfect(at_once)} with all lengths at once, {_perfect(others)} with growing lengths, "
        f"and {_perfect(identity)} with growing lengths and identity initialization."
    )


def regular_told() -> str:
    """Return how many seeds solve each regular task."""
    found = [f for f in read("deletang2023")["findings"] if f.solved and f.solved[1] > 3]
    each = [f"`{_name(f)}` {_of(f.solved)}" for f in found]
    return f"Seeds without a mistake at lengths 41 to 500: {', '.join(each)}."


def others_told() -> str:
    """Return which of the other tasks are close to guessing, here and in the paper."""
    found = [f for f in read("deletang2023")["findings"] if f.solved and f.solved[1] <= 3]
    here = _apart(found, lambda f: f.here)
    paper = _apart(found, lambda f: f.published or 0.0)
    return (
        "*Without memory* is the highest accuracy of any fixed answer at test lengths. "
        f"Here, {here} In the paper, {paper}"
    )


def longest_told(names: Sequence[str]) -> str:
    """Return how many networks are better than guessing at the longest lengths.

    Args:
        names: The tasks.
    """
    above = list[bool]()
    for name in names:
        length, shares = longest_of(name)
        guessing = max(answer_shares(name, length))
        above += [100 * (share - guessing) > NEAR for share in shares]
    return (
        f"At the longest lengths, {sum(above) or 'none'} of the {len(above)} networks for these "
        f"tasks {'is' if sum(above) < 2 else 'are'} more than {NEAR:.0f} percentage points better "
        "than guessing."
    )


def _apart(found: Sequence[Finding], level: Callable[[Finding], float]) -> str:
    far = [f for f in found if abs(level(f) - (f.memoryless or 0)) > NEAR]
    each = [f"`{_name(f)}` ({level(f):.1f}% against {f.memoryless:.1f}%)" for f in far]
    near = len(found) - len(far)
    return (
        f"{_word(near)} of the {len(found)} are within {NEAR:.0f} percentage points of it; the "
        f"others are {_joined(each, 'and')}."
    )


def _compared(script: str) -> list[Finding]:
    return [f for f in read(script)["findings"] if f.published is not None]


def _units(finding: Finding) -> int:
    return int(finding.settings["units"])


def _printed(finding: Finding) -> str:
    return f"{finding.published:.{DIGITS[finding.unit]}f}"


def _name(finding: Finding) -> str:
    return finding.what.partition(":")[0]


def _of(solved: tuple[int, int] | None) -> str:
    count, trials = solved or (0, 0)
    return f"{count} of {trials}"


def _interval(solved: tuple[int, int] | None) -> str:
    rate = Proportion(*(solved or (0, 0)))
    return f"{rate.low:.0%} to {rate.high:.0%}"


def _perfect(rows: Sequence[Mapping[str, Any]]) -> str:
    return f"{sum(row['perfect'] for row in rows)} of {len(rows)}"


def _joined(parts: Iterable[str], word: str) -> str:
    """Join words with commas and a conjunction.

    Examples:
        >>> _joined(["a", "b", "c"], "or"), _joined(["a"], "or")
        ('a, b or c', 'a')
    """
    *head, last = parts
    return f"{', '.join(head)} {word} {last}" if head else last


def _word(number: int) -> str:
    return WORDS[number] if number < len(WORDS) else f"{number}"
