"""The file of the known architectures that are shipped with the package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from seqtoys.support.serialization import expected

FILE = "references.json"
LEFT_OUT = ("curve", "mistakes", "tried", "versions")
"""Fields of the rows that nobody looks up, and that would make the file large."""


def write_references(cards: Sequence[str]) -> str:
    """Return the contents of the file: one card per line, without curves and mistakes.

    Args:
        cards: Score cards as JSON.

    Examples:
        >>> print(write_references(['{"scorecard": {"model": "GRU", "rows": [{"curve": []}]}}']))
        [
        {"scorecard": {"model": "GRU", "rows": [{}]}}
        ]
        <BLANKLINE>
    """
    lines = [json.dumps(_shortened(json.loads(card)), ensure_ascii=False) for card in cards]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def read_references(text: str) -> list[str]:
    """Return the score cards in the contents of the file, as JSON.

    Raises:
        DataError: If the text is not that of such a file.

    Examples:
        >>> read_references('[{"scorecard": {"rows": []}}]')
        ['{"scorecard": {"rows": []}}']
    """
    with expected("the references of score cards"):
        return [json.dumps(card, ensure_ascii=False) for card in json.loads(text)]


def shipped_references() -> list[str]:
    """Return the score cards in the file of this package, as JSON."""
    return read_references(files("seqtoys.scorecards").joinpath(FILE).read_text("utf-8"))


def _shortened(card: dict[str, Any]) -> dict[str, Any]:
    facts = card["scorecard"]
    rows = [{k: v for k, v in row.items() if k not in LEFT_OUT} for row in facts["rows"]]
    return {"scorecard": {**facts, "rows": rows}}
