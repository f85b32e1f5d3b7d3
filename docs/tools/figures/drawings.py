"""Drawings of the course: layers, the unrolled network, and the data flow."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tools.figures.svg import (
    INK,
    TEAL,
    VERMILLION,
    VIOLET,
    arrow,
    box,
    cell,
    disc,
    drawing,
    label,
    symbol,
)

INPUT, HIDDEN, OUTPUT = 250.0, 150.0, 50.0  # y coordinates of the network's rows
RADIUS = 25.0
MULTIPLIED = "\N{MULTIPLICATION SIGN}"


def unrolled(symbols: str = "hih", answers: str = "ihe") -> str:
    """Draw the Elman network, first with its loop and then unrolled over its input.

    Args:
        symbols: The three input symbols.
        answers: The target for each.
    """
    columns = [330.0, 450.0, 570.0]
    parts = [*_folded(80.0), label(190, HIDDEN, "unrolled", faint=True)]
    parts += [arrow((155, HIDDEN + 20), (225, HIDDEN + 20))]
    for step, x in enumerate(columns):
        name = ("{t-1}", "t", "{t+1}")[step]
        parts += [*_column(x, name), label(x, INPUT + 42, f"“{symbols[step]}”")]
        parts += [label(x, OUTPUT - 38, f"“{answers[step]}”")]
        parts += _recurrent(x - 120 + RADIUS if step else x - 75, x - RADIUS)
    parts += _recurrent(columns[-1] + RADIUS, columns[-1] + 75)
    title = (
        "An Elman network, once with a loop and once unrolled over three steps. In each step, the "
        "input x is multiplied by U, the previous hidden state h by V, and the hidden state by W "
        f"to give the output y. Inputs: {_spelled(symbols)}; outputs: {_spelled(answers)}."
    )
    return drawing(660, 310, title, *parts)


def _spelled(symbols: str) -> str:
    return ", ".join(symbols)


def _folded(x: float) -> list[str]:
    """Draw the network with its loop."""
    left, low = x - RADIUS * 0.7, HIDDEN + RADIUS * 0.7
    loop = (left, low), (x - 85, low + 45), (x - 85, HIDDEN - 45 - 18), (left, HIDDEN - 18)
    ends = label(x, INPUT + 42, "a symbol"), label(x, OUTPUT - 38, "the next")
    return [
        *_column(x, ""),
        arrow(*loop, colour=VERMILLION),
        symbol(x - 66, HIDDEN - 42, "V", colour=VERMILLION),
        *ends,
    ]


def _column(x: float, step: str) -> Iterator[str]:
    """Draw one step: input, hidden state, output."""
    rows = ("x", INPUT, TEAL), ("h", HIDDEN, INK), ("y", OUTPUT, VIOLET)
    for name, y, colour in rows:
        yield (
            disc(x, y, RADIUS, colour=colour) if name == "h" else box(x, y, 50, 40, colour=colour)
        )
        yield symbol(x, y - 2 * bool(step), f"{name}_{step}" if step else name)
    yield arrow((x, INPUT - 20), (x, HIDDEN + RADIUS), colour=TEAL)
    yield symbol(x + 15, (INPUT + HIDDEN) / 2 + 2, "U", colour=TEAL)
    yield arrow((x, HIDDEN - RADIUS), (x, OUTPUT + 20), colour=VIOLET)
    yield symbol(x + 18, (HIDDEN + OUTPUT) / 2, "W", colour=VIOLET)


def _recurrent(start: float, end: float) -> list[str]:
    middle = (start + end) / 2
    return [
        arrow((start, HIDDEN), (end, HIDDEN), colour=VERMILLION),
        symbol(middle, HIDDEN - 16, "V", colour=VERMILLION),
    ]


def layers() -> str:
    """Draw a deep network: templates, their squashed matches, and templates for those."""
    sizes, parts = (6, 4, 5, 3), []
    names = ("x", "z_0", "z_1", "y")
    for layer, (size, name) in enumerate(zip(sizes, names, strict=True)):
        x = 45.0 + 196 * layer
        parts += [cell(x, y, 22, _tint(row, layer)) for row, y in enumerate(_rows(size))]
        parts += [symbol(x, 190, name)]
        if layer:
            parts += _templates(x - 98, size, sizes[layer - 1], layer - 1)
            parts += [symbol(x - 34, 70, "\N{GREEK SMALL LETTER SIGMA}")] if name != "y" else []
    parts += [label(45, 225, "a picture"), label(633, 225, "the answer")]
    parts += [label(339, 225, "hidden states: which templates match, and how well", faint=True)]
    counts = ", then ".join(map(str, sizes[1:]))
    title = (
        f"A deep network: a picture x of {sizes[0]} numbers is compared with {counts} templates, "
        "the rows of three matrices. The matches of one layer, squashed by sigma, are the input "
        "of the next; the last are the answer y."
    )
    return drawing(680, 240, title, *parts)


def _templates(x: float, rows: int, columns: int, layer: int) -> Iterator[str]:
    """A matrix between two vectors, each row of it a template for the vector before it."""
    width = 16
    for row, y in enumerate(_rows(rows)):
        for column in range(columns):
            place = x + (column - (columns - 1) / 2) * width
            yield cell(place, y, width, _tint(3 * row + layer, 2 * column + 1))
    edge = columns * width / 2 + 5
    yield arrow((x - 80, 90), (x - edge, 90))
    yield arrow((x + edge, 90), (x + 80, 90))
    yield symbol(x, 190, f"W_{layer}", colour=TEAL)


def _rows(size: int) -> list[float]:
    return [90 + (row - (size - 1) / 2) * 24 for row in range(size)]


def _tint(row: int, column: int) -> float:
    """Some number between -1 and 1."""
    return math.sin(2.3 * row + 1.7 * column + 0.4)


def lookup(row: int = 2, rows: int = 5, columns: int = 3) -> str:
    """Draw a one-hot vector times a matrix, which is a row of the matrix.

    Args:
        row: The selected row.
        rows: The number of rows.
        columns: The number of columns.
    """
    size, top = 30.0, 35.0
    middle, parts = top + row * size, []
    for index in range(rows):
        parts += [cell(30 + index * size, middle, size, 0.8 * (index == row))]
        parts += [label(30 + index * size, middle, str(int(index == row)))]
        for column in range(columns):
            value = _tint(index, column) * (1.0 if index == row else 0.25)
            parts += [cell(250 + column * size, top + index * size, size, value)]
    parts += [
        cell(400 + column * size, middle, size, _tint(row, column)) for column in range(columns)
    ]
    parts += [label(203, middle, MULTIPLIED), label(350, middle, "=")]
    named = (90, "a symbol"), (280, "the table"), (430, "its row")
    parts += [label(x, top + rows * size + 10, name, faint=True) for x, name in named]
    vector = ", ".join(str(int(index == row)) for index in range(rows))
    title = (
        f"The one-hot vector ({vector}) of a symbol, times a table of {rows} rows and {columns} "
        f"columns, is row {row + 1} of the table"
    )
    return drawing(500, 210, title, *parts)


def compass() -> str:
    """Draw where each letter pulls the walker of chapter 4."""
    x, y, reach = 130.0, 120.0, 75.0
    ways = {"h": (1, 0), "e": (0, -1), "l": (-1, 0), "o": (0, 1)}
    parts = [disc(x, y, 5)]
    for letter, (right, down) in ways.items():
        start = (x + 12 * right, y + 12 * down)
        parts += [arrow(start, (x + reach * right, y + reach * down), colour=TEAL)]
        parts += [label(x + (reach + 18) * right, y + (reach + 18) * down, letter)]
    parts += [arrow((x + 60, y - 60), (x + 34, y - 34), colour=VERMILLION)]
    parts += [
        label(x + 66, y - 72, "halfway back, at every step", colour=VERMILLION, anchor="start")
    ]
    title = (
        "h pulls the walker one step east, e north, l west and o south; at every step, it also "
        "falls halfway back to the middle"
    )
    return drawing(460, 240, title, *parts)


def data_flow() -> str:
    """Draw the data flow of the library, which has one direction."""
    boxes = {
        "text": (36, 60, 60),
        "Task": (36, 180, 60),
        "Vocab": (130, 60, 66),
        "Batch": (228, 120, 64),
        "model": (366, 120, 68),
        "loss": (496, 120, 58),
        "History": (592, 60, 78),
        "Report": (592, 180, 78),
    }
    parts = [box(x, y, width, 38) + label(x, y, name) for name, (x, y, width) in boxes.items()]
    parts += [
        arrow((66, 60), (97, 60)),
        arrow((163, 60), (200, 101)),
        arrow((66, 180), (200, 139)),
    ]
    parts += [arrow((260, 120), (332, 120)), label(295, 106, "inputs", colour=TEAL)]
    parts += [arrow((400, 120), (467, 120)), label(432, 106, "logits", colour=TEAL)]
    parts += [
        arrow((228, 101), (250, 30), (460, 10), (488, 101)),
        label(366, 26, "targets", colour=TEAL),
    ]
    parts += [
        arrow((66, 190), (220, 250), (510, 262), (500, 139)),
        label(300, 246, "optimum", colour=TEAL),
    ]
    parts += [arrow((480, 139), (460, 175), (400, 175), (376, 139), dashed=True)]
    parts += [label(424, 186, "gradients", colour=VERMILLION)]
    parts += [arrow((525, 112), (558, 79)), arrow((525, 128), (558, 161))]
    parts += [label(592, 26, "from fit", faint=True), label(592, 214, "from evaluate", faint=True)]
    parts += [arrow((631, 60), (655, 100)), arrow((631, 180), (655, 140))]
    parts += [label(650, 120, "figure")]
    title = (
        "Data flows one way. A text goes through a Vocab, or a Task directly, into a Batch; its "
        "inputs go into the model, whose logits meet the targets, and the optimum of the task, in "
        "the loss. Gradients go back from the loss to the model. fit makes a History of the loss, "
        "evaluate a Report, and both become figures."
    )
    return drawing(690, 262, title, *parts)
