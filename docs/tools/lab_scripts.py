"""MkDocs hook: load the scripts of the lab, but only on pages that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs.utils import get_relative_url

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

# In this order: each needs those before it. Plain scripts, not modules, which browsers do not load
# from a folder that is opened without a server.
SCRIPTS = (
    "random", "network", "training", "elements", "fields", "train", "chart", "seeds", "steps",
    "map", "weights", "code", "lab",
)  # fmt: skip


def on_post_page(html: str, /, *, page: Page, **_: object) -> str:
    """Add the scripts and the style sheet to the head of a page that has a lab."""
    if '<div class="lab"' not in html:
        return html
    return html.replace("</head>", f"{tags(page.url)}</head>", 1)


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
