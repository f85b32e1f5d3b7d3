"""Words for messages and printed results."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    Examples:
        >>> counted(1, "text"), counted(1200, "text")
        ('1 text', '1,200 texts')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"
