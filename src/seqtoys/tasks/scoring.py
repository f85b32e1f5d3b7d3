"""Which positions of a sequence are scored: only the answers, or every next symbol."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from seqtoys.support.values import check_choice

Scoring: TypeAlias = Literal["answers", "all"]
"""`"answers"`: only what the task asks for; `"all"`: every position, as papers often train."""


def check_scoring(score: Scoring) -> Scoring:
    """Check the option `score` of a task, and return it.

    Raises:
        OptionError: If it is neither `"answers"` nor `"all"`.
    """
    check_choice("score", score, get_args(Scoring))
    return score
