"""The drawing of the Chomsky hierarchy in chapter 10."""

from __future__ import annotations

from collections.abc import Iterator

from tools.figures.svg import INK, TEAL, VERMILLION, VIOLET, box, drawing, label

LEVELS = {
    "context-sensitive": ("a tape as long as the string", VIOLET),
    "deterministic context-free": ("a stack", VERMILLION),
    "regular": ("a fixed number of states", TEAL),
    "finite": ("a list", INK),
}
"""The memory that a machine needs to recognize each class, from the widest to the narrowest."""

SHOWN = {
    "context-sensitive": ("anbncn", "copy", "binary_addition"),
    "deterministic context-free": ("anbn", "dyck", "reverse_string"),
    "regular": ("parity", "reber", "tomita_1"),
    "finite": ("hihello", "associative_recall"),
}
"""Some tasks of each level."""

WIDTH, BAND = 640.0, 80.0  # pixels: width of the outermost box, height of a level's text
SIDE, BELOW = 20.0, 9.0  # how far a box reaches beyond the one inside it


def hierarchy() -> str:
    """Draw the levels of the Chomsky hierarchy as nested boxes, with tasks of each."""
    height = (BAND + BELOW) * (len(LEVELS) - 1) + BAND
    parts = [part for depth, level in enumerate(LEVELS) for part in _level(depth, level, height)]
    levels = (
        f"{level}, which needs {needs}, such as {', '.join(SHOWN[level])}"
        for level, (needs, _) in LEVELS.items()
    )
    title = f"The Chomsky hierarchy, each class inside the one before: {'; '.join(levels)}"
    return drawing(WIDTH + 4, height + 4, title, *parts)


def _level(depth: int, level: str, height: float) -> Iterator[str]:
    needs, colour = LEVELS[level]
    left, top = 2 + SIDE * depth, 2 + BAND * depth
    wide, high = WIDTH - 2 * SIDE * depth, height - (BAND + BELOW) * depth
    yield box(left + wide / 2, top + high / 2, wide, high, colour=colour)
    yield label(left + 16, top + 24, level, anchor="start", colour=colour)
    yield label(left + wide - 16, top + 24, f"needs {needs}", anchor="end", faint=True)
    yield label(left + 16, top + 54, ", ".join(SHOWN[level]) + ", …", anchor="start")
