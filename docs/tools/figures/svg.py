"""Building blocks for drawings: SVG in the colors and fonts of the surrounding text."""

from __future__ import annotations

import math
import re
from html import escape

from seqtoys.plotting.style import COLOURS

TEAL, VERMILLION, VIOLET = COLOURS
INK = "currentColor"
MINUS = "\N{MINUS SIGN}"
HEAD = 9.0  # pixels: length of an arrowhead
# Upright and italic, from the families that have the math fonts of Windows and macOS.
SERIF = 'font-family="Cambria, STIX Two Text, serif"'


def drawing(width: float, height: float, title: str, *parts: str) -> str:
    """Combine parts into a figure for a page.

    Args:
        width: In pixels; a page has room for 690.
        height: In pixels.
        title: The text for screen readers: what the figure shows, with its numbers.
        *parts: The SVG elements of the figure.
    """
    svg = (
        f'<svg role="img" aria-label="{escape(title)}" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-size="16" fill="{INK}" '
        f'stroke-linecap="round" stroke-linejoin="round">{"".join(parts)}</svg>'
    )
    return framed(svg, width)


def framed(svg: str, width: float) -> str:
    """Return a figure in a block that scales it, or scrolls where its text would be too small.

    Args:
        svg: The figure; its texts are left out of the search.
        width: Its width in pixels.

    Examples:
        >>> framed("<svg ></svg>", 672)
        '<div class="figure" style="--width: 672px"><svg data-search-exclude="" ></svg></div>'
    """
    # With a value, as an SVG file, unlike a page, needs one.
    svg = svg.replace("<svg ", '<svg data-search-exclude="" ', 1)
    return f'<div class="figure" style="--width: {width:.0f}px">{svg}</div>'


def label(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = INK,
    anchor: str = "middle",
    faint: bool = False,
) -> str:
    """Draw text, vertically centered at a point.

    Examples:
        >>> label(10, 20, "time")
        '<text x="10" y="25.5" text-anchor="middle" fill="currentColor">time</text>'
    """
    opacity = ' opacity="0.75"' if faint else ""
    start = f'<text x="{x:g}" y="{y + 5.5:g}" text-anchor="{anchor}" fill="{colour}"{opacity}'
    return f"{start}>{escape(text)}</text>"


def symbol(x: float, y: float, text: str, *, colour: str = INK) -> str:
    """Draw a math symbol, such as `h_t` or `h_{t-1}`, centered at a point.

    Examples:
        >>> symbol(10, 20, "h_{t-1}").count("<tspan")
        3
    """
    base, _, low = text.partition("_")
    runs = [base, *re.findall(r"[a-z]+|[^a-z{}]+", low)]
    written = "".join(
        _run(run, is_low=index > 0, is_first=index == 1) for index, run in enumerate(runs)
    )
    return f'<text x="{x:g}" y="{y + 6:g}" text-anchor="middle" fill="{colour}">{written}</text>'


def _run(text: str, *, is_low: bool, is_first: bool) -> str:
    """Format letters in math italics, digits and signs upright."""
    style = ' font-style="italic"' if text.isalpha() else ""
    lowered = ' dy="5"' if is_first else ""
    size = 16 if is_low else 21
    return f'<tspan {SERIF}{style} font-size="{size}"{lowered}>{text.replace("-", MINUS)}</tspan>'


def box(x: float, y: float, width: float, height: float, *, colour: str = INK) -> str:
    """Draw a rounded, faintly filled box, centered at a point."""
    place = f'x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="6" {_tinted(colour)}/>'


def disc(x: float, y: float, radius: float, *, colour: str = INK) -> str:
    """Draw a faintly filled circle, centered at a point."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {_tinted(colour)}/>'


def cell(x: float, y: float, size: float, value: float) -> str:
    """Draw a number between -1 and 1 as a square: teal above zero, vermillion below."""
    colour = TEAL if value > 0 else VERMILLION
    place = f'x="{x - size / 2:g}" y="{y - size / 2:g}" width="{size:g}" height="{size:g}"'
    style = f'fill="{colour}" fill-opacity="{abs(value):.2f}" stroke="{INK}" stroke-opacity="0.4"'
    return f"<rect {place} {style}/>"


def arrow(*points: tuple[float, float], colour: str = INK, dashed: bool = False) -> str:
    """Draw an arrow from the first point to the last.

    Args:
        *points: Two for a straight arrow, four for a cubic Bézier curve.
        colour: The color.
        dashed: Whether the line is dashed.

    Examples:
        >>> arrow((0, 0), (20, 0)).count("<path")
        2
        >>> " C0,9 9,9 " in arrow((0, 0), (0, 9), (9, 9), (9, 0))
        True
    """
    (x0, y0), (x, y) = points[-2:]
    length = math.hypot(x - x0, y - y0)
    ux, uy = (x - x0) / length * HEAD, (y - y0) / length * HEAD
    ends = [*points[:-1], (x - ux * 0.8, y - uy * 0.8)]
    way = "M{} L{}" if len(points) == 2 else "M{} C{} {} {}"
    line = way.format(*(f"{a:g},{b:g}" for a, b in ends))
    left, right = (x - ux - uy / 2, y - uy + ux / 2), (x - ux + uy / 2, y - uy - ux / 2)
    tip = " ".join(f"{a:g},{b:g}" for a, b in (left, right))
    dashes = ' stroke-dasharray="5 5"' if dashed else ""
    return (
        f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        f'<path d="M{x:g},{y:g} L{tip} Z" fill="{colour}"/>'
    )


def _tinted(colour: str) -> str:
    return f'fill="{colour}" fill-opacity="0.12" stroke="{colour}" stroke-width="2"'
