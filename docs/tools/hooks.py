"""What MkDocs runs before it builds: make `docs/tools` and `benchmarks` importable from pages."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[1]


def on_startup(**_: object) -> None:
    """Put the docs and the repository on the path, as pytest's `pythonpath` setting does."""
    sys.path[:0] = [str(DOCS), str(DOCS.parent)]
