"""Which positions of a sequence are scored: only the answers, or every next symbol."""

from __future__ import annotations

from typing import Literal, TypeAlias

from seqtoys.errors import OptionError, quoted

Scoring: TypeAlias = Literal["answers", "all"]
"""`"answers"`: only what the task asks for; `"all"`: every position, as papers often train."""


def check_scoring(score: Scoring) -> Scoring:
    """Check the option `score` of a task, and return it.

    Raises:
        OptionError: If it is neither `"answers"` nor `"all"`.
    """
    if score not in ("answers", "all"):
        raise OptionError(f"expected score to be 'answers' or 'all', got {quoted(score)}")
    return score
