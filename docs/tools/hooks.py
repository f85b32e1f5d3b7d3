"""What MkDocs runs before it builds: pages can import tools, and figures suit them."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[1]


def on_startup(**_: object) -> None:
    """Put the docs and the repository on the path, as pytest's `pythonpath` does; size text."""
    import matplotlib

    sys.path[:0] = [str(DOCS), str(DOCS.parent)]
    matplotlib.use("agg")  # a page needs no window
    matplotlib.rcParams["font.size"] = 12  # points: the 16 pixels of the body's text
