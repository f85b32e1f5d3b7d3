"""Common parts of all figures: lazy import of matplotlib, axes, and colors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from seqtoys.errors import InputTypeError, MissingPackageError, OptionError
from seqtoys.support.annotations import described

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # so that the run-time type checks need no matplotlib

# Chosen to be visible on white, black and dark gray, and distinguishable with color blindness. As
# text, they have a contrast of 4.5:1 on white; black and white text have it on the first.
TEAL, VERMILLION, VIOLET = COLOURS = ("#00857a", "#c24e00", "#6f63c9")
# From the smallest to the largest value, ever lighter: the sign is visible in gray, too.
SIGNED = ("#6b2800", "#c8642c", "#b5b0aa", "#7fd4c4", "#e8fffa")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
MARKERS = "os^Dv"
TEXT = "xtick.labelsize"  # the size of text in figures, next to that of the ticks
FAINT = 0.6  # the opacity of baselines


def load(module: str) -> Any:
    """Import a module of an optional package for figures.

    Raises:
        MissingPackageError: If the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MissingPackageError(
            f'this figure requires {package}; install it with pip install "seqtoys[plot]"'
        ) from None


def check_axes(ax: object) -> Any:
    """Check a user's axes, and return them.

    Args:
        ax: The axes.

    Raises:
        InputTypeError: If `ax` is not matplotlib axes, or not Cartesian.
        OptionError: If the axes were removed from their figure, or are empty.
    """
    figure_of(ax)
    axes: Any = ax
    if axes.name != "rectilinear":
        raise InputTypeError(f"expected Cartesian axes, got {axes.name} ones")
    if not min(axes.get_window_extent().size) > 0:
        raise OptionError("expected axes with a nonzero width and height, got empty ones")
    return axes


def figure_of(ax: object) -> Any:
    """Return the figure that axes belong to, or the root figure of a subfigure.

    Args:
        ax: The axes.

    Raises:
        InputTypeError: If `ax` is not matplotlib axes.
        OptionError: If the axes were removed from their figure.
    """
    if not isinstance(ax, load("matplotlib.axes").Axes):
        raise InputTypeError(
            f"expected ax to be axes, as created by plt.subplots(), got {described(ax)}"
        )
    figure = cast(Any, ax).get_figure(root=True)
    if figure is None:
        raise OptionError("expected axes in a figure, got axes that were removed from theirs")
    return figure


def new_axes(ax: Axes | None, width: float = 7.0, height: float = 3.8) -> Axes:
    """Check a user's axes, or create a figure.

    A figure has the size `rcParams["figure.figsize"]`, unless that is matplotlib's default. A
    layout engine leaves room for labels: a figure without one gets it.

    Args:
        ax: The axes. If None, those of a new figure.
        width: The width of a new figure, in inches; 7 is the width of a page.
        height: Its height, in inches.

    Raises:
        SeqtoysError: See `check_axes`.
    """
    if ax is None:
        pyplot, module = load("matplotlib.pyplot"), load("matplotlib")
        size = module.rcParams["figure.figsize"]
        if size == module.rcParamsDefault["figure.figsize"]:
            size = (width, height)
        ax = pyplot.subplots(figsize=size, layout="constrained")[1]
    ax = check_axes(ax)
    _leave_room(ax)
    for axis in ("x", "y"):  # reused axes may be logarithmic
        if getattr(ax, f"get_{axis}scale")() != "linear":
            getattr(ax, f"set_{axis}scale")("linear")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _leave_room(ax: Any) -> None:
    """Add a layout engine, unless the figure has one or its axes were placed by hand."""
    figure = figure_of(ax)
    placed = any(each.get_subplotspec() is None for each in figure.axes)
    if figure.get_layout_engine() is None and not placed:
        # Tight is what a later plt.tight_layout() expects, but it ignores subfigures.
        figure.set_layout_engine("tight" if ax.figure is figure else "constrained")


def settle(ax: Axes) -> None:
    """Make room for the labels so far, so that the size of the axes can be measured."""
    figure_of(ax).draw_without_rendering()


def ink() -> str:
    """Return the text color of the current style."""
    return str(load("matplotlib").rcParams["text.color"])


def text_size(setting: str = TEXT) -> float:
    """Return the size of text in points, from the name of its setting in `rcParams`."""
    size = load("matplotlib").rcParams[setting]
    properties = load("matplotlib.font_manager").FontProperties(size=size)
    return float(properties.get_size_in_points())


def text_height(setting: str = TEXT) -> float:
    """Return the height of a line of text, in points."""
    return 1.25 * text_size(setting)


def inches(lines: float, setting: str = TEXT) -> float:
    """Convert a number of lines of text to inches; the size of the text is as in `text_height`."""
    return lines * text_height(setting) / 72


def line_style(index: int) -> dict[str, Any]:
    """Return a color, dashes and a marker that differ between lines, also in gray.

    Args:
        index: The number of the line, from 0.
    """
    kinds = {"color": COLOURS, "linestyle": DASHES, "marker": MARKERS}
    return {name: values[index % len(values)] for name, values in kinds.items()}


def colour_map(*colours: Any) -> Any:
    """Create a color map through some colors; one color starts from transparent."""
    module = load("matplotlib.colors")
    # As RGBA: matplotlib 3.10 reads a pair of color and opacity as a position and a color.
    stops = colours if len(colours) > 1 else (module.to_rgba(colours[0], 0.0), colours[0])
    return module.LinearSegmentedColormap.from_list("seqtoys", stops)
