"""The lab: a network that runs in the page, and the scripts that run it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from mkdocs.utils import get_relative_url

Matrix = Sequence[Sequence[float]]

# In this order: each needs those before it. Plain scripts, not modules, which browsers do not load
# from a folder that is opened without a server.
SCRIPTS = (
    "random", "network", "training", "elements", "fields", "train", "chart", "seeds", "steps",
    "map", "weights", "code", "lab",
)  # fmt: skip


def lab(
    panels: str,
    figure: str,
    *,
    learn: str = "hihello",
    read: str | None = None,
    units: int | None = None,
    seed: int = 777,
    rate: float = 0.05,
    epochs: int = 0,
    weights: Mapping[str, Matrix] | None = None,
    matrices: str | None = None,
    is_linked: bool = False,
) -> str:
    """Return a network that the scripts in `javascripts/lab` run in the page.

    Args:
        panels: The names of the panels, in order, such as `"read steps"`: `learn`, `read`,
            `units`, `rate` and `seed` are fields; `train`, `chart`, `seeds` (which needs `chart`),
            `steps`, `map`, `weights` and `code` show the network or change it.
        figure: The figure to show without JavaScript.
        learn: The text to learn.
        read: The text to read at first. If None, the text to learn without its last letter.
        units: The number of hidden units. If None, one per symbol, and no readout.
        seed: The seed of the initial weights.
        rate: The learning rate.
        epochs: The number of epochs to train before the network is shown.
        weights: The matrices `U` and `V`, instead of random ones; all other weights are zero.
        matrices: The matrices to show, such as `"U V"`. If None, all.
        is_linked: Whether the address of the page keeps the settings, and panels have headings.

    Examples:
        >>> lab("read steps", "<svg></svg>", seed=3)
        '<div class="lab" data-show="read steps" ... data-seed="3" ...><svg></svg></div>'
    """
    settings = {
        "show": panels,
        "learn": learn,
        "read": read,
        "units": "" if units is None else units,
        "seed": seed,
        "rate": rate,
        "epochs": epochs,
        "weights": json.dumps(weights) if weights else None,
        "matrices": matrices,
        "linked": "" if is_linked else None,
    }
    written = [
        f'data-{name}="{escape(str(value))}"'
        for name, value in settings.items()
        if value is not None
    ]
    return f'<div class="lab" {" ".join(written)}>{figure}</div>'


def with_scripts(html: str, url: str) -> str:
    """Load the scripts and the style sheet of the lab, only on a page that has one.

    Args:
        html: The HTML of the page.
        url: Its address, relative to the site.

    Examples:
        >>> with_scripts("<head></head><p>Results</p>", "results/")
        '<head></head><p>Results</p>'
        >>> with_scripts(f"<head></head>{lab('read', '<svg></svg>')}", "lab/")
        '<head><link rel="stylesheet" ...></script></head><div class="lab" ...>'
    """
    if '<div class="lab"' not in html:
        return html
    return html.replace("</head>", f"{tags(url)}</head>", 1)


def tags(url: str) -> str:
    """Return the elements that load the lab, for the page at an address.

    Args:
        url: The address of the page, relative to the site.

    Examples:
        >>> tags("course/03-elman/").partition(">")[0]
        '<link rel="stylesheet" href="../../stylesheets/lab.css"'
    """
    style = get_relative_url("stylesheets/lab.css", url)
    sources = [get_relative_url(f"javascripts/lab/{name}.js", url) for name in SCRIPTS]
    scripts = [f'<script defer src="{source}"></script>' for source in sources]
    return "".join([f'<link rel="stylesheet" href="{style}">', *scripts])
