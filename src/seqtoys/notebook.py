"""What a notebook shows of a result: its figure."""

from __future__ import annotations

from seqtoys.errors import DataError, MissingPackageError


def html_figure(result: object) -> str:
    """Draw a result as inline SVG; nothing where matplotlib is missing, or nothing to draw.

    Args:
        result: A `History`, an `EnsembleHistory`, a `Report` or a `Trace`.

    Examples:
        >>> from seqtoys import ElmanCharModel, Vocab
        >>> html_figure(ElmanCharModel(Vocab("hielo")).trace("hihell"))[:17]
        '<div><svg fill="c'
    """
    # Here, as figures know results and not results figures: only a notebook asks for both.
    from seqtoys.plotting.page import draw_result

    try:
        return f"<div>{draw_result(result)}</div>"
    except (DataError, MissingPackageError):
        return ""
