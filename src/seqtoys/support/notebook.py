"""The figure that a notebook shows below a result."""

from __future__ import annotations

from functools import singledispatch

from seqtoys.errors import DataError, MissingPackageError


@singledispatch
def draw(result: object) -> str:
    """Return the figure of a result as SVG; `seqtoys.plotting` registers one for each kind."""
    raise DataError(f"expected a result that has a figure, got {type(result).__name__}")


def html_figure(result: object) -> str:
    """Return a result's figure as HTML, or nothing if it has none or matplotlib is missing.

    Args:
        result: A `History`, an `EnsembleHistory`, a `Report` or a `Trace`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> html_figure(ElmanCharModel(Vocab("hielo")).trace("hihell"))[:17]
        '<div><svg fill="c'
    """
    try:
        return f"<div>{draw(result)}</div>"
    except (DataError, MissingPackageError):
        return ""
