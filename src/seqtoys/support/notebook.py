"""The figure that a notebook shows below a result."""

from __future__ import annotations

from importlib import import_module

from seqtoys.errors import DataError, MissingPackageError

FIGURES = "seqtoys.plotting.page"
"""The module that draws figures: a name, since no lower package may depend on it."""


def html_figure(result: object) -> str:
    """Return a result's figure as HTML, or nothing if it has none or matplotlib is missing.

    The figures are loaded when the first one is shown.

    Args:
        result: A `History`, an `EnsembleHistory`, a `Report` or a `Trace`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> html_figure(ElmanCharModel(Vocab("hielo")).trace("hihell"))[:17]
        '<div><svg fill="c'
    """
    try:
        return f"<div>{import_module(FIGURES).draw_result(result)}</div>"
    except (DataError, MissingPackageError):
        return ""
