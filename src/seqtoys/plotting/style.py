"""What all figures share: matplotlib, imported late, axes to draw in, and colours."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from seqtoys.errors import InputTypeError, MissingPackageError, OptionError
from seqtoys.support.annotations import described

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # so that the run-time type checks need no matplotlib

# Each stands out on white, on black and on a dark page, all are told apart by colour-blind eyes,
# and text in the ink of either page can be read on top of the first.
TEAL, VERMILLION, VIOLET = COLOURS = ("#00897b", "#d55e00", "#6f63c9")
FAINT = 0.6  # the opacity of lines that results are compared with


def load(module: str) -> Any:
    """Import a module of a package that only figures need.

    Raises:
        MissingPackageError: If the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MissingPackageError(
            f'expected {package}, which this figure needs: pip install "seqtoys[plot]"'
        ) from None


def check_axes(ax: object) -> Any:
    """Check that something can be drawn in, and return it.

    Args:
        ax: The axes that a user gave.

    Raises:
        InputTypeError: If they are no axes of matplotlib, or not those of a plane.
        OptionError: If they were removed from their figure, or have no room.
    """
    figure_of(ax)
    axes: Any = ax
    if axes.name != "rectilinear":
        raise InputTypeError(f"expected axes of two straight directions, got {axes.name} ones")
    if not min(axes.get_window_extent().size) > 0:
        raise OptionError("expected axes with a width and a height, got some without")
    return axes


def figure_of(ax: object) -> Any:
    """Return the whole figure that axes belong to, also if they are in a part of it.

    Args:
        ax: The axes that a user gave.

    Raises:
        InputTypeError: If they are no axes of matplotlib.
        OptionError: If they were removed from their figure.
    """
    if not isinstance(ax, load("matplotlib.axes").Axes):
        raise InputTypeError(
            f"expected ax to be axes, such as plt.subplots() makes, got {described(ax)}"
        )
    figure = cast(Any, ax).get_figure(root=True)
    if figure is None:
        raise OptionError("expected axes that are in a figure, got some that were removed")
    return figure


def new_axes(ax: Axes | None, width: float = 7.0, height: float = 3.8) -> Axes:
    """Check the axes that a user gave, or make a figure.

    Args:
        ax: The axes. If None, those of a new figure.
        width: The width of a new figure, in inches; 7 is that of a page.
        height: Its height, in inches.

    Raises:
        SeqtoysError: As `check_axes` does.
    """
    if ax is None:
        pyplot = load("matplotlib.pyplot")
        ax = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    ax = check_axes(ax)
    for axis in ("x", "y"):  # axes that were drawn in before may be logarithmic
        if getattr(ax, f"get_{axis}scale")() != "linear":
            getattr(ax, f"set_{axis}scale")("linear")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def ink() -> str:
    """The colour of text, which the user's style decides."""
    return str(load("matplotlib").rcParams["text.color"])


def text_height() -> float:
    """The height of a line of text, in points."""
    return 1.25 * float(load("matplotlib").rcParams["font.size"])


def colour_map(*colours: str) -> Any:
    """Make a colour map that fades into the page: from nothing to a colour, or between two.

    Args:
        colours: One, from nothing to the colour; or two, with nothing in the middle.
    """
    module = load("matplotlib.colors")
    clear, full = ([module.to_rgba(colour, alpha) for colour in colours] for alpha in (0.0, 1.0))
    if len(colours) == 1:
        stops = [(0.0, clear[0]), (1.0, full[0])]
    else:
        stops = [(0.0, full[0]), (0.5, clear[0]), (0.5, clear[1]), (1.0, full[1])]
    return module.LinearSegmentedColormap.from_list("seqtoys", stops)
