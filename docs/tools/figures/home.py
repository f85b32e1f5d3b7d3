"""The figure of the home page, and its files for the README.

They are written by `PYTHONPATH=docs python -m tools.figures.home`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import rc_context

from seqtoys import ElmanEnsemble, Vocab, fit
from seqtoys.plotting.labels import Mark, draw_levels, label_levels
from seqtoys.plotting.style import TEAL, VERMILLION, ink, new_axes
from seqtoys.results import EnsembleHistory
from tools.figures.show import show

FOLDER = Path(__file__).parents[2] / "figures"
SCHEMES = {"light": "#1f2328", "dark": "#f0f6fc"}  # an <img> has no text color to follow
RESOLUTION = 200  # dots per inch for curves too numerous to draw as vectors


def thousand_curves() -> str:
    """Train a thousand networks on "hihello", and return their learning curves as HTML."""
    ensemble = ElmanEnsemble(Vocab("hielo"), seeds=range(1000))
    history = fit(ensemble, ("hihell", "ihello"), epochs=100, lr=0.05)
    return _learning_curves(history, seed=777)


def _learning_curves(history: EnsembleHistory, seed: int) -> str:
    """Plot the loss of each network of an ensemble, and the predictions of one as it learns.

    Args:
        history: The history of an ensemble trained on a text or a pair.
        seed: The seed of the network whose predictions are shown.
    """
    ax = new_axes(None, 7.0, 4.6)
    ax.set_yscale("log")
    ax.set(xlim=(0, len(history.loss)), ylim=(0.41, 1.95), xlabel="epoch")
    ax.set_ylabel("loss (nats per scored symbol)")
    ax.set_yticks([0.5, 1.0, 1.5], ["0.5", "1", "1.5"])
    ax.set_yticks([], minor=True)
    share, marks = history.solve_rate.value, []
    for solved, colour, says in ((True, TEAL, "learn it"), (False, VERMILLION, "do not")):
        losses = history.loss[:, history.solved == solved].numpy()  # (epochs, those networks)
        drawn = ax.plot(range(1, len(losses) + 1), losses, color=colour, linewidth=1)
        plt.setp(drawn, alpha=0.08, rasterized=True, label=f"_networks that {says}")
        amount = share if solved else 1 - share
        marks += [Mark(float(np.median(losses[-1])), f"{amount:.1%} {says}", colour)]
    levels = [
        Mark(history.baselines.memoryless, f"memoryless {history.baselines.memoryless:.4f}"),
        Mark(history.loss_floor, f"tanh floor {history.loss_floor:.4f}"),
    ]
    draw_levels(ax, levels)
    label_levels(ax, [*marks, *levels])
    _write_answers(ax, history, seed)
    ax.figure.set_dpi(RESOLUTION)
    return show(ax)


def _write_answers(ax: Any, history: EnsembleHistory, seed: int) -> None:
    one = history[list(history.seeds).index(seed)]
    ax.plot(range(1, len(one) + 1), one.loss, color=ink(), linewidth=2, label=f"seed {seed}")
    for epoch in _turns(one.predictions):
        place = (epoch + 1, one.loss[epoch])
        ax.plot(*place, "o", color=ink())
        ax.annotate(
            one.predictions[epoch],
            place,
            xytext=(6, 5),
            textcoords="offset points",
            family="monospace",
        )


def _turns(answers: Sequence[Any], lasting: int = 5) -> list[int]:
    """Return where each answer begins that lasts at least `lasting` epochs."""
    begins = [i for i in range(len(answers)) if i == 0 or answers[i] != answers[i - 1]]
    ends = [*begins[1:], len(answers)]
    return [begin for begin, end in zip(begins, ends, strict=True) if end - begin >= lasting]


def files(html: str) -> dict[Path, str]:
    """Return the path and the SVG of each color scheme.

    Args:
        html: A figure, as `thousand_curves` returns it.

    Examples:
        >>> for path, svg in files('<div><svg fill="currentColor"></svg>').items():
        ...     print(path.name, svg)
        thousand-curves-light.svg <svg color="#1f2328" fill="currentColor"></svg>
        thousand-curves-dark.svg <svg color="#f0f6fc" fill="currentColor"></svg>
    """
    svg = html[html.index("<svg") : html.index("</svg>") + len("</svg>")]
    return {
        FOLDER / f"thousand-curves-{name}.svg": svg.replace("<svg", f'<svg color="{colour}"', 1)
        for name, colour in SCHEMES.items()
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for path, svg in files(drawn()).items():
        path.write_text(svg + "\n", encoding="utf-8")


def drawn() -> str:
    """Return the figure with the font size of the pages."""
    with rc_context({"font.size": 12}):
        return thousand_curves()


if __name__ == "__main__":
    main()
