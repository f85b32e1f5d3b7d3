"""The drawings of chapter 10: the Chomsky hierarchy, and the Reber grammar as an automaton."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tools.svg import INK, TEAL, VERMILLION, VIOLET, arrow, box, disc, drawing, label

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

PLACES = {
    "begin": (30.0, 150.0),
    "1": (130.0, 150.0),
    "2": (255.0, 75.0),
    "3": (255.0, 225.0),
    "4": (405.0, 75.0),
    "5": (405.0, 225.0),
    "6": (530.0, 150.0),
    "end": (630.0, 150.0),
}
RADIUS, APART = 20.0, 15.0  # radius of a state, distance of a letter from its arrow
ARCS = ("begin B 1", "1 T 2", "1 P 3", "2 X 4", "3 V 5", "4 X 3", "4 S 6", "5 P 4", "5 V 6",
        "6 E end")  # fmt: skip
LOOPS = {"2": ("S", -1), "3": ("T", 1)}  # -1: above, 1: below


def hierarchy() -> str:
    """Draw the levels of the Chomsky hierarchy as nested boxes, with tasks of each."""
    height = (BAND + BELOW) * (len(LEVELS) - 1) + BAND
    parts = [part for depth, level in enumerate(LEVELS) for part in _level(depth, level, height)]
    title = "The Chomsky hierarchy: each class of languages is contained in the next larger one"
    return drawing(WIDTH + 4, height + 4, title, *parts)


def _level(depth: int, level: str, height: float) -> Iterator[str]:
    needs, colour = LEVELS[level]
    left, top = 2 + SIDE * depth, 2 + BAND * depth
    wide, high = WIDTH - 2 * SIDE * depth, height - (BAND + BELOW) * depth
    yield box(left + wide / 2, top + high / 2, wide, high, colour=colour)
    yield label(left + 16, top + 24, level, anchor="start", colour=colour)
    yield label(left + wide - 16, top + 24, f"needs {needs}", anchor="end", faint=True)
    yield label(left + 16, top + 54, ", ".join(SHOWN[level]) + ", …", anchor="start")


def reber_graph() -> str:
    """Draw the Reber grammar: its states and the letters on its transitions."""
    states = [part for name, place in PLACES.items() for part in _state(name, *place)]
    arcs = [part for arc in ARCS for part in _arc(*arc.split())]
    loops = [part for state, loop in LOOPS.items() for part in _loop(state, *loop)]
    title = "The Reber grammar: six states and the letters on the transitions between them"
    return drawing(660, 300, title, *arcs, *loops, *states)


def _state(name: str, x: float, y: float) -> Iterator[str]:
    if len(name) == 1:
        yield disc(x, y, RADIUS)
        yield label(x, y, name)
    else:
        yield disc(x, y, 5)


def _arc(start: str, letter: str, end: str) -> Iterator[str]:
    """Draw an arrow from the rim of one state to that of another, with its letter on the left."""
    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    near, far = (RADIUS + 3 if len(name) == 1 else 9 for name in (start, end))
    yield arrow((x0 + near * ux, y0 + near * uy), (x1 - far * ux, y1 - far * uy))
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    yield label(middle[0] + APART * uy, middle[1] - APART * ux, letter)


def _loop(state: str, letter: str, side: int) -> Iterator[str]:
    x, y = PLACES[state]
    rim, pull = y + side * RADIUS, y + side * 3 * RADIUS
    yield arrow((x - 9, rim), (x - 30, pull), (x + 30, pull), (x + 9, rim + 2 * side))
    yield label(x, y + side * 3.1 * RADIUS, letter)
