"""Small automata whose strings a test can enumerate."""

from __future__ import annotations

from typing import Any

COIN: dict[Any, Any] = {
    "begin": [("b", "toss", 1.0)],
    "toss": [("t", "toss", 0.2), ("h", "last", 0.8)],
    "last": [("x", "end", 0.5), ("y", "end", 0.25), ("t", "toss", 0.25)],
    "end": [],
}
LOOP: dict[Any, Any] = {
    "s": [("a", "s", 0.9), ("b", "t", 0.1)],
    "t": [("b", "t", 0.7), ("a", "s", 0.3)],
}
"""An endless source, in which the last symbol determines the state."""
