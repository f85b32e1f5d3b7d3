"""Figures of chapter 6: the loss floor set by tanh, and the path of the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from seqtoys import ElmanCharModel
from seqtoys.plotting.style import FAINT, TEAL, VERMILLION, ink, new_axes
from tools.figures.show import show
from tools.figures.svg import INK, arrow, box, disc, drawing, symbol

FARTHEST = 7.0  # the largest difference of logits drawn
STEPS, STEP = ("t-1", "t", "t+1"), 190.0  # pixels from one step to the next
INPUT, STATE, LOSS, RADIUS = 250.0, 150.0, 50.0, 25.0
APART = 11.0  # pixels from the center line to the forward or backward arrow


def floor_of_tanh(model: ElmanCharModel, pair: tuple[str, str]) -> str:
    """Plot the loss against the margin of the right logit, and the range that tanh can reach.

    Args:
        model: A network whose state is its logits.
        pair: The input and the target.
    """
    others = len(model.vocab) - 1
    targets = model.vocab.encode(pair[1]).numpy()
    chances = model.trace(pair[0]).probabilities[np.arange(len(targets)), targets]
    ax, margins = new_axes(None, 7.0, 3.4), np.linspace(0, FARTHEST, 200)
    ax.axvspan(0, 2, color=ink(), alpha=0.08, linewidth=0)
    losses = np.log1p(others * np.exp(-margins))
    ax.plot(margins, losses, color=TEAL, linewidth=2, label="loss")
    reached = np.log(others * chances / (1 - chances))  # the margin that gives this probability
    ax.plot(reached, -np.log(chances), "o", color=VERMILLION, label="the network")
    floor = math.log1p(others * math.exp(-2))
    ax.hlines(floor, 2, FARTHEST, color=ink(), linewidth=1, linestyle="--", alpha=FAINT)
    ax.text(FARTHEST, floor + 0.04, f"tanh floor {floor:.4f}", ha="right")
    ax.text(0.1, 0.05, "within reach of tanh")
    ax.set(xlabel="right logit minus each other logit", ylabel="loss (nats)")
    ax.set(xlim=(0, FARTHEST), ylim=(0, None))
    return show(ax)


def backward_picture() -> str:
    """Draw three steps of a network: the forward pass, and the gradients going back."""
    parts = [part for place, name in enumerate(STEPS) for part in _step(place, name)]
    title = (
        "Three steps of a network. Each input x enters the state h through U, each state enters "
        "its own loss L and, through V, the next state. The gradients return along both paths: g "
        "from the loss of each step, and the gradient of the next state times the transpose of V."
    )
    return drawing(690, 290, title, *parts)


def _step(place: int, name: str) -> Iterator[str]:
    """Draw one step: its input, state and loss, with the forward and backward arrows."""
    x, low = 155 + STEP * place, f"{{{name}}}"
    yield box(x, INPUT, 50, 40) + symbol(x, INPUT - 2, f"x_{low}")
    yield disc(x, STATE, RADIUS) + symbol(x, STATE - 2, f"h_{low}")
    yield box(x, LOSS, 60, 40) + symbol(x, LOSS - 2, f"L_{low}")
    yield arrow((x, INPUT - 20), (x, STATE + RADIUS)) + symbol(x - 17, 200, "U")
    up, down = x - APART, x + APART
    yield arrow((up, STATE - 24), (up, LOSS + 20))
    yield arrow((down, LOSS + 20), (down, STATE - 24), colour=VERMILLION)
    beside = 18 + 5 * len(name)
    yield symbol(down + beside, (STATE + LOSS) / 2, f"g_{low}", colour=VERMILLION)
    yield from _between(x - STEP + RADIUS if place else x - 85, x - RADIUS)
    if place == len(STEPS) - 1:
        yield from _between(x + RADIUS, x + 85)


def _between(start: float, end: float) -> Iterator[str]:
    """Draw the forward and backward arrows between two states."""
    middle, above, below = (start + end) / 2, STATE - APART, STATE + APART
    yield arrow((start, above), (end, above), colour=INK) + symbol(middle, above - 14, "V")
    yield arrow((end, below), (start, below), colour=VERMILLION)
    yield symbol(middle, below + 20, "V\N{MODIFIER LETTER CAPITAL T}", colour=VERMILLION)
