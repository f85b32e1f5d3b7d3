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

# Chosen to be visible on white, black and dark gray, and distinguishable with color blindness.
# Both black and white text are legible on the first.
TEAL, VERMILLION, VIOLET = COLOURS = ("#00897b", "#d55e00", "#6f63c9")
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

    Args:
        ax: The axes. If None, those of a new figure.
        width: The width of a new figure, in inches; 7 is the width of a page.
        height: Its height, in inches.

    Raises:
        SeqtoysError: See `check_axes`.
    """
    if ax is None:
        pyplot = load("matplotlib.pyplot")
        ax = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    ax = check_axes(ax)
    for axis in ("x", "y"):  # reused axes may be logarithmic
        if getattr(ax, f"get_{axis}scale")() != "linear":
            getattr(ax, f"set_{axis}scale")("linear")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def ink() -> str:
    """Return the text color of the current style."""
    return str(load("matplotlib").rcParams["text.color"])


def text_height() -> float:
    """Return the height of a line of text, in points."""
    return 1.25 * float(load("matplotlib").rcParams["font.size"])


def colour_map(*colours: str) -> Any:
    """Create a color map from transparent to a color, or between two colors.

    Args:
        colours: One color, starting from transparent; or two, with transparent in the middle.
    """
    module = load("matplotlib.colors")
    clear, full = ([module.to_rgba(colour, alpha) for colour in colours] for alpha in (0.0, 1.0))
    if len(colours) == 1:
        stops = [(0.0, clear[0]), (1.0, full[0])]
    else:
        stops = [(0.0, full[0]), (0.5, clear[0]), (0.5, clear[1]), (1.0, full[1])]
    return module.LinearSegmentedColormap.from_list("seqtoys", stops)
