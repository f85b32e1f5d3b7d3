"""Figures of a network learning a word: a strip of frames, and an animation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt

from seqtoys import ElmanCharModel, Vocab, fit
from seqtoys.plotting.labels import Mark, draw_levels, label_levels, number, symbol_ticks
from seqtoys.plotting.style import COLOURS, FAINT, TEAL, colour_map, ink, new_axes
from seqtoys.results import History, Trace
from tools.figures.show import show
from tools.figures.svg import INK, drawing, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIR = ("hihell", "ihello")
RING = 45  # area in square points
CELL = 38.0  # pixels
LEFT, TOP = 70.0, 62.0  # offset of the cells
SECONDS = 10
# A script of the page, docs/javascripts/reading.js, starts the animation.
BEGIN = f'begin="indefinite" dur="{SECONDS}s" fill="freeze"'
CURVE = (400.0, 270.0, 660.0, 62.0)  # left, bottom, right, top


def strip(traces: Sequence[Trace], epochs: Sequence[int], pair: tuple[str, str] = PAIR) -> str:
    """Draw the predicted probabilities of each next symbol, at some epochs of training.

    Args:
        traces: The network's trace of the input after each epoch.
        epochs: The epochs to draw, counted from 1.
        pair: The input and the target.
    """
    columns = 3
    rows = -(-len(epochs) // columns)
    panels = plt.subplots(rows, columns, figsize=(7, 2.4 * rows), layout="constrained")[1]
    for ax, epoch in zip(panels.flat, epochs, strict=True):
        _draw_frame(ax, traces[epoch - 1], pair[1])
        answer = "".join(traces[epoch - 1].predictions)
        ax.set_title(f"{epoch}: {answer}", family="monospace", fontsize="medium")
    return show(panels.flat[0])


def _draw_frame(ax: Axes, trace: Trace, answer: str) -> None:
    """Draw a cell for each step and symbol, with rings around the targets."""
    steps, symbols = trace.probabilities.shape
    ax.imshow(
        trace.probabilities.T, cmap=colour_map(TEAL), vmin=0, vmax=1, aspect="auto",
        interpolation="none", extent=(0.5, steps + 0.5, symbols + 0.5, 0.5),
    )  # fmt: skip
    ax.scatter(range(1, steps + 1), trace.vocab.encode(answer) + 1, s=RING,
               facecolors="none", edgecolors=ink())  # fmt: skip
    symbol_ticks(ax.xaxis, trace.symbols)
    symbol_ticks(ax.yaxis, list(trace.vocab))
    ax.spines[:].set_visible(False)


def loss_curves(losses: Mapping[str, Sequence[float]], levels: Mapping[str, float]) -> str:
    """Plot losses over the epochs, with levels to compare them with.

    Args:
        losses: The loss of each epoch, by name.
        levels: The levels, by name.
    """
    ax, ends = new_axes(None, 7.0, 3.4), list[Mark]()
    for (name, course), colour in zip(losses.items(), COLOURS, strict=False):
        ax.plot(range(1, len(course) + 1), course, color=colour, linewidth=2, label=name)
        ends.append(Mark(course[-1], name, colour))
    ax.set(xlabel="epoch", ylabel="loss (nats per symbol)", ylim=(-0.05, 1.75))
    marks = [Mark(level, f"{name} {number(level)}") for name, level in levels.items()]
    draw_levels(ax, marks)
    label_levels(ax, [*marks, *ends])
    return show(ax)


def learning_film(epochs: int = 100, lr: float = 0.005) -> str:
    """Draw an animation of five units learning "hihello".

    Args:
        epochs: The number of epochs.
        lr: The learning rate.
    """
    model, traces = ElmanCharModel(Vocab("hielo"), seed=777), list[Trace]()
    history = fit(
        model, PAIR, epochs=epochs, lr=lr, on_epoch=lambda _: traces.append(model.trace(PAIR[0]))
    )
    parts = [*_cells(traces), *_answers(traces), *_losses(history)]
    first, last = ("".join(trace.predictions) for trace in (traces[0], traces[-1]))
    title = (
        f"Animation of the probabilities of each next letter, over {epochs} epochs. The input is "
        f"{PAIR[0]}; the prediction changes from {first} to {last}. The loss falls from "
        f"{history.loss[0]:.4f} to {history.loss[-1]:.4f} nats per symbol; the best without "
        f"memory is {history.baselines.memoryless:.4f}."
    )
    return drawing(690, 330, title, *parts)


def _cells(traces: Sequence[Trace]) -> Iterator[str]:
    """Draw the probabilities, with the letters beside and below them."""
    chances = np.stack([trace.probabilities for trace in traces])  # (epochs, time, vocab)
    _, steps, symbols = chances.shape
    targets = traces[0].vocab.encode(PAIR[1]).tolist()
    for step, symbol in product(range(steps), range(symbols)):
        x, y = LEFT + step * CELL, TOP + symbol * CELL
        place = f'x="{x:g}" y="{y:g}" width="{CELL:g}" height="{CELL:g}"'
        course = [f"{p:.2f}" for p in chances[:, step, symbol]]
        moving = _animated("fill-opacity", course)
        place += f' fill-opacity="{course[-1]}"'  # what is shown without the animation
        edge = f'stroke="{INK}" stroke-opacity="0.2"'
        yield f'<rect {place} fill="{TEAL}" {edge}>{moving}</rect>'
        if symbol == targets[step]:
            middle = f'cx="{x + CELL / 2:g}" cy="{y + CELL / 2:g}"'
            yield f'<circle {middle} r="6" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    bottom = TOP + symbols * CELL
    yield from (label(LEFT + (i + 0.5) * CELL, bottom + 18, c) for i, c in enumerate(PAIR[0]))
    yield label(LEFT + steps * CELL / 2, bottom + 46, "input", faint=True)
    for i, name in enumerate(traces[0].vocab):
        yield label(LEFT - 18, TOP + (i + 0.5) * CELL, name)


def _answers(traces: Sequence[Trace]) -> Iterator[str]:
    """Draw every predicted letter, each visible only in the epochs that predict it."""
    said = np.array([trace.predictions for trace in traces])  # (epochs, time)
    for step, target in enumerate(PAIR[1]):
        for letter in np.unique(said[:, step]):
            shown = ["1" if now == letter else "0" for now in said[:, step]]
            moving = _animated("opacity", shown, ' calcMode="discrete"')
            colour = TEAL if letter == target else INK
            written = label(LEFT + (step + 0.5) * CELL, TOP - 18, str(letter), colour=colour)
            weight = ' font-weight="bold"' if letter == target else ""
            start = f'<text{weight} opacity="{shown[-1]}"'
            yield written.replace("<text", start).replace("</text>", f"{moving}</text>")
    yield label(LEFT + len(PAIR[1]) * CELL / 2, TOP - 46, "prediction", faint=True)


def _losses(history: History) -> Iterator[str]:
    """Plot the loss over the epochs, with a dot that moves along."""
    left, bottom, right, top = CURVE
    across = np.linspace(left, right, len(history)).tolist()
    scale = (bottom - top) / history.loss[0]
    down = [bottom - scale * loss for loss in history.loss]
    wall = bottom - scale * history.baselines.memoryless
    line = f'fill="none" stroke="{INK}" stroke-opacity="{FAINT}"'
    yield f'<path d="M{left:g},{top:g} V{bottom:g} H{right:g}" {line}/>'
    yield f'<path d="M{left:g},{wall:g} H{right:g}" {line} stroke-dasharray="5 5"/>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    yield f'<polyline points="{points}" fill="none" stroke="{TEAL}" stroke-width="2"/>'
    places = (("cx", across), ("cy", down))
    moving = "".join(_animated(name, (f"{v:.1f}" for v in places)) for name, places in places)
    yield f'<circle r="6" cx="{right:g}" cy="{down[-1]:.1f}" fill="{TEAL}">{moving}</circle>'
    yield label((left + right) / 2, bottom + 18, f"{len(history)} epochs")
    yield label(left + 12, top - 8, "loss", anchor="start")
    yield label(left + 12, wall + 18, "best without memory", anchor="start", faint=True)


def _animated(name: str, values: Iterable[str], mode: str = "") -> str:
    """Animate an attribute through some values; it keeps the last."""
    return f'<animate attributeName="{name}" values="{";".join(values)}" {BEGIN}{mode}/>'
