"""The figure of the home page, and its files for the README.

They are written by `PYTHONPATH=docs python -m tools.home`.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context

from seqtoys import ElmanEnsemble, Vocab, fit
from tools.course import learning_curves

FOLDER = Path(__file__).parents[1] / "figures"
SCHEMES = {"light": "#1f2328", "dark": "#f0f6fc"}  # an <img> has no text color to follow


def thousand_curves() -> str:
    """Train a thousand networks on "hihello", and return their learning curves as HTML."""
    ensemble = ElmanEnsemble(Vocab("hielo"), seeds=range(1000))
    history = fit(ensemble, ("hihell", "ihello"), epochs=100, lr=0.05)
    return learning_curves(history, seed=777)


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
