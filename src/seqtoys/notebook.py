"""The figure that a notebook shows for a result."""

from __future__ import annotations

from seqtoys.errors import DataError, MissingPackageError


def html_figure(result: object) -> str:
    """Return a result as inline SVG, or "" if matplotlib is missing or there is no data.

    Args:
        result: A `History`, an `EnsembleHistory`, a `Report` or a `Trace`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> html_figure(ElmanCharModel(Vocab("hielo")).trace("hihell"))[:17]
        '<div><svg fill="c'
    """
    # Imported here, since plotting depends on results and results must not depend on plotting.
    from seqtoys.plotting.page import draw_result

    try:
        return f"<div>{draw_result(result)}</div>"
    except (DataError, MissingPackageError):
        return ""
