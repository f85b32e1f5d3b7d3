"""Many seeds: learning curves with a slider that picks one, and confidence intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from seqtoys.plotting.labels import Mark, draw_levels, label_levels
from seqtoys.plotting.style import TEAL, VERMILLION, new_axes
from seqtoys.results import EnsembleHistory, Proportion
from tools.figures.show import show
from tools.figures.svg import INK, drawing, label

LEFT, RIGHT, TOP, BOTTOM = 56.0, 640.0, 20.0, 270.0  # pixels
POINTS = 100  # per curve: more can't be seen
FAINT, CHOSEN = ("0.15", "1.5"), ("1", "3")  # opacity and width of a line
# Runs in a page and in a notebook alike, so it can't be in a file of its own.
CHOOSE = """
const all = this.closest('.seeds');
for (const line of all.querySelectorAll('polyline')) {
  const chosen = line.dataset.place === this.value;
  line.setAttribute('stroke-opacity', chosen ? 1 : 0.15);
  line.setAttribute('stroke-width', chosen ? 3 : 1.5);
  if (chosen) {
    all.querySelector('output').textContent = line.dataset.says;
    this.setAttribute('aria-valuetext', line.dataset.says);
  }
}
"""


def curves_by_seed(history: EnsembleHistory, seeds: Sequence[int], name: str = "seeds") -> str:
    """Draw the loss of some networks of an ensemble, with a slider that picks one of them.

    Without scripts the first one is shown among the others.

    Args:
        history: The history of an ensemble trained on a text or a pair.
        seeds: The seeds to draw.
        name: The name of the slider; each on a page needs its own.

    Examples:
        >>> from seqtoys import ElmanEnsemble, Vocab, fit
        >>> ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[777, 0])
        >>> figure = curves_by_seed(fit(ensemble, ("hihell", "ihello"), epochs=3), [777, 0])
        >>> figure.count("<polyline"), "seed 777: predicts" in figure
        (2, True)
    """
    places = [list(history.seeds).index(seed) for seed in seeds]
    says = [_verdict(history, place) for place in places]
    losses = history.loss[:, places].numpy()  # (epochs, seeds)
    solved = [bool(history.solved[place]) for place in places]
    lines = list(_lines(losses, solved, says))
    title = (
        f"The loss of {len(seeds)} networks over {len(losses)} epochs. They differ only in "
        f"their seed. At the end, the losses go from {losses[-1].min():.3f} to "
        f"{losses[-1].max():.3f}, and {sum(solved)} of {len(seeds)} networks predict every "
        "symbol correctly."
    )
    figure = drawing(690, 320, title, *_axes(losses), *lines)
    return f'<div class="seeds">\n{_slider(says, name)}\n{figure}\n</div>'


def _verdict(history: EnsembleHistory, place: int) -> str:
    one = history[place]
    right = "all right" if one.solved else "not all right"
    answer = one.predictions[-1]
    return f"seed {history.seeds[place]}: predicts {answer}, {right}; loss {one.loss[-1]:.3f}"


def _slider(says: Sequence[str], name: str) -> str:
    """Return the slider, and the line that describes the chosen network."""
    action = escape(" ".join(CHOOSE.split()))
    return (
        f'<p><label for="{name}">Choose a seed:</label> '
        f'<input type="range" id="{name}" min="0" max="{len(says) - 1}" value="0" '
        f'aria-valuetext="{escape(says[0])}" oninput="{action}"> '
        f'<output for="{name}">{escape(says[0])}</output></p>'
    )


def _lines(losses: np.ndarray, solved: Sequence[bool], says: Sequence[str]) -> Iterator[str]:
    """Draw a line for each seed, the first one strongly."""
    epochs = np.unique(np.linspace(0, len(losses) - 1, POINTS).round().astype(int))
    across = LEFT + (RIGHT - LEFT) * epochs / (len(losses) - 1)
    down = BOTTOM - (BOTTOM - TOP) * losses[epochs] / losses.max()
    for place, verdict in enumerate(says):
        points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(across, down[:, place], strict=True))
        opacity, width = CHOSEN if place == 0 else FAINT
        colour = TEAL if solved[place] else VERMILLION
        yield (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-opacity="{opacity}" data-place="{place}" data-says="{escape(verdict)}"/>'
        )


def _axes(losses: np.ndarray) -> Iterator[str]:
    line = f'fill="none" stroke="{INK}" stroke-opacity="0.5"'
    yield f'<path d="M{LEFT:g},{TOP:g} V{BOTTOM:g} H{RIGHT:g}" {line}/>'
    for loss in np.arange(0, losses.max(), 0.5):
        y = BOTTOM - (BOTTOM - TOP) * loss / losses.max()
        yield f'<path d="M{LEFT - 5:g},{y:.1f} H{LEFT:g}" {line}/>'
        yield label(LEFT - 10, y, f"{loss:g}", anchor="end")
    yield label(LEFT + 12, TOP - 4, "loss (nats per symbol)", anchor="start")
    yield label((LEFT + RIGHT) / 2, BOTTOM + 20, f"epochs 1 to {len(losses)}")


def intervals(solved: Sequence[bool], size: int) -> str:
    """Plot each sample's fraction of solved seeds with its 95% interval, and that of all seeds.

    Args:
        solved: Whether each seed solved it.
        size: The number of seeds per sample.
    """
    everyone, ax = Proportion(sum(solved), len(solved)).value, new_axes(None, 7.0, 3.6)
    starts = range(0, len(solved), size)
    samples = [Proportion(sum(solved[start : start + size]), size) for start in starts]
    for place, rate in enumerate(samples, 1):
        is_right = rate.low <= everyone <= rate.high
        colour = TEAL if is_right else VERMILLION
        name = f"_intervals that {'contain' if is_right else 'miss'} the rate of all seeds"
        ax.plot([place, place], [rate.low, rate.high], color=colour, linewidth=1.5, label=name)
        ax.plot(place, rate.value, "o", color=colour, markersize=3)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel=f"sample of {size} seeds", ylabel="solved", ylim=(0, 1.02))
    ax.set_xlim(0, len(samples) + 1)
    mark = Mark(everyone, f"all {len(solved):,} {everyone:.1%}")
    draw_levels(ax, [mark])
    label_levels(ax, [mark])
    return show(ax)
