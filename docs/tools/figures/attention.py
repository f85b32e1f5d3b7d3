"""The figure of chapter 12: which positions each attention head looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from matplotlib import pyplot as plt
from torch import Tensor

from seqtoys.plotting.style import FAINT, TEAL, colour_map, ink
from tools.figures.show import show

HEIGHT = 3.9  # inches, so that the squares of two heads fit side by side
SIZE = 10.5  # points of a symbol, which is more than 9 pixels on a phone


def attention_maps(
    weights: Mapping[str, Float[Tensor, "time time"]], symbols: Sequence[str]
) -> str:
    """Draw the attention weights of some heads as heat maps, one row per attending position.

    Args:
        weights: The weights by the title of each map; a row is a position that attends.
        symbols: The symbol at each position.

    Examples:
        >>> import torch
        >>> html = attention_maps({"to itself": torch.eye(2)}, ["k0", "v1"])
        >>> figure, _, numbers = html.partition("</svg>")
        >>> figure.count(">k0<"), "to itself" in figure, "<td>1</td><td>0</td>" in numbers
        (2, True, True)
    """
    size = (7.0, HEIGHT)
    panels = plt.subplots(1, len(weights), figsize=size, layout="constrained", squeeze=False)[1][0]
    places = range(len(symbols))
    for ax, (title, each) in zip(panels, weights.items(), strict=True):
        drawn = ax.imshow(each.numpy(), cmap=colour_map(TEAL), vmin=0, vmax=1)
        ax.set_xticks(places, symbols, family="monospace", fontsize=SIZE, rotation=90)
        ax.set_yticks(places, symbols, family="monospace", fontsize=SIZE)
        ax.tick_params(length=0)
        ax.plot(places, places, color=ink(), linewidth=1, linestyle=":", alpha=FAINT)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.set_xlabel("looks at")
        ax.spines[:].set_alpha(FAINT)
    panels[0].set_ylabel("reading")
    plt.colorbar(drawn, ax=panels, label="attention weight", shrink=0.5, location="bottom")
    return show(panels[0])
