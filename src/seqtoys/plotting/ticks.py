"""Numbers and places, formatted as the ticks of an axis are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from seqtoys.plotting.style import load

Writer: TypeAlias = Callable[[float], str]
LARGE, COUNT = 1e3, 1e9  # numbers between are written in full


def writer(axis: Any) -> Writer:
    """Return a function that formats a number as the ticks of an axis do.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
    """
    names, whole = tick_names(axis), _hundred_percent(axis.get_major_formatter())

    def write(value: float) -> str:
        if (name := names.get(round(value, 6))) is not None:
            return name
        return f"{value / whole:.1%}" if whole else number(value)

    return write


def _hundred_percent(formatter: Any) -> float:
    """Return the number that ticks show as 100%, or 0 if they don't show percentages."""
    ticker = load("matplotlib.ticker")
    if isinstance(formatter, ticker.PercentFormatter):
        return float(formatter.xmax)
    is_percent = isinstance(formatter, ticker.StrMethodFormatter) and "%" in formatter.fmt
    return float(is_percent)


def tick_names(axis: Any) -> dict[float, str]:
    """Return the labels at chosen places of an axis, such as the symbols of a text.

    Places that are labeled with their own number have no names.

    Args:
        axis: `ax.xaxis` or `ax.yaxis`.
    """
    ticker, locator = load("matplotlib.ticker"), axis.get_major_locator()
    written = axis.get_major_formatter()
    is_fixed = isinstance(locator, ticker.FixedLocator)
    if not (is_fixed and isinstance(written, ticker.FuncFormatter)):
        return {}
    places = [float(place) for place in locator.locs]
    texts = [plain(text) for text in written.format_ticks(places)]
    if texts == [number(place) for place in places]:
        return {}
    return {round(place, 6): text for place, text in zip(places, texts, strict=True)}


def number(value: float) -> str:
    """Format a number: whole and large ones without decimals, others with four digits.

    Examples:
        >>> number(12345.6), number(0.123456), number(-2.0), number(2e9)
        ('12,346', '0.1235', '-2', '2e+09')
    """
    is_whole = float(value).is_integer() or abs(value) >= LARGE
    return f"{value:,.0f}" if is_whole and abs(value) < COUNT else f"{value:.4g}"


def plain(text: str) -> str:
    r"""Return a label in one line, without escapes.

    Examples:
        >>> plain("middle\n50\\$")
        'middle 50$'
    """
    return " ".join(text.replace(r"\$", "$").split())
