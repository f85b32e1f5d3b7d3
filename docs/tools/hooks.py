"""What MkDocs runs before it builds: make `docs/tools` importable from the pages' blocks."""

from __future__ import annotations

import sys
from pathlib import Path


def on_startup(**_: object) -> None:
    """Put the docs folder on the path, as pytest's `pythonpath` setting does."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
