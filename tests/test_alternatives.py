"""Text alternatives: each figure is described with the numbers that were drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import ScaledTranslation
from tools.figures import drawings, through_time
from tools.figures.chomsky import hierarchy
from tools.figures.frames import learning_film
from tools.figures.seeds import curves_by_seed
from tools.figures.show import CLOUD, show

from seqtoys import ElmanEnsemble, Vocab, fit, get_task, plotting
from seqtoys.plotting import to_svg
from seqtoys.plotting.alternatives import Table, describe, set_alternative, tables
from seqtoys.plotting.style import COLOURS
from seqtoys.plotting.ticks import number
from seqtoys.results import EnsembleHistory, Proportion

DRAWINGS: dict[str, Callable[[], str]] = {
    "unrolled": drawings.unrolled,
    "layers": drawings.layers,
    "lookup": drawings.lookup,
    "compass": drawings.compass,
    "data_flow": drawings.data_flow,
    "backward_picture": through_time.backward_picture,
    "hierarchy": hierarchy,
    "learning_film": lambda: learning_film(epochs=2),
    "curves_by_seed": lambda: curves_by_seed(two_seeds(), [777, 0]),
}


def two_seeds() -> EnsembleHistory:
    ensemble = ElmanEnsemble(Vocab("hielo"), seeds=[777, 0])
    history = fit(ensemble, ("hihell", "ihello"), epochs=3)
    assert isinstance(history, EnsembleHistory)
    return history


def axes(**options: Any) -> Axes:
    ax: Axes = plt.subplots(**options)[1]
    return ax


def described(ax: Axes) -> str:
    to_svg(ax)
    return describe(ax)


def label_of(html: str) -> str:
    svg = html[html.index("<svg") : html.index("</svg>") + 6].replace("data-search-exclude ", "")
    return ElementTree.fromstring(svg).get("aria-label", "")


# --- lines and points


def test_ticks_labeled_with_their_own_number_name_no_rows() -> None:
    ax = axes()
    ax.plot([1, 2], [1.6, 0.5], label="loss")  # close to the ticks, as points are to named rows
    ax.set_yticks([0.5, 1.0, 1.5], ["0.5", "1", "1.5"])
    assert described(ax) == "loss: 1.6 at 1, 0.5 at 2."
    ax.set_yticks([0.5, 1.5], ["low", "high"])
    assert described(ax) == "loss: 2 at low, 1 at high."


def test_short_series_is_listed() -> None:
    ax = axes()
    ax.plot([1, 2, 3], [0.5, 0.25, 0.125], label="tanh")
    ax.set(xlabel="epoch", ylabel="loss")
    assert described(ax) == "loss by epoch. tanh: 0.5 at 1, 0.25 at 2, 0.125 at 3."


def test_long_line_is_summarized_by_its_ends_and_extremes() -> None:
    ax = axes()
    ax.plot(range(1, 21), [3, 1, 9, *[4] * 16, 2], label="loss")
    assert described(ax) == "loss: 3 at 1, lowest 1 at 2, highest 9 at 3, 2 at 20."


def test_extreme_at_an_end_is_not_repeated() -> None:
    ax = axes()
    ax.plot(range(20), range(20), label="line")
    assert described(ax) == "line: 0 at 0, 19 at 19."


def test_many_points_are_counted() -> None:
    ax = axes()
    ax.plot(range(30), range(30), "o")
    assert described(ax) == "points: 30 numbers from 0 to 29."


def test_lines_of_one_name_are_a_median_with_a_range() -> None:
    ax = axes()
    for seed in (1.0, 2.0, 4.0):
        ax.plot([1, 2], [seed, 10 * seed], color="#112233", label="_seeds")
    assert described(ax) == "seeds: 2 (1 to 4) at 1, 20 (10 to 40) at 2."


def test_nameless_artist_belongs_to_the_only_name_of_its_color() -> None:
    ax = axes()
    ax.plot([1, 2], [3, 4], color="#112233", label="median")
    ax.fill_between([1, 2], [2, 3], [5, 6], color="#112233", alpha=0.2)
    ax.errorbar([1], [3], [2], color="#112233", capsize=3)
    assert described(ax) == "median: 3 (1 to 5) at 1, 4 (3 to 6) at 2."


def test_two_names_of_one_color_stay_apart() -> None:
    ax = axes()
    for name in ("a", "b"):
        ax.plot([1], [2], "o", color="#112233", label=name)
    ax.plot([3], [4], "o", color="#112233")
    assert described(ax) == "a: 2 at 1. b: 2 at 1. points: 4 at 3."


def test_line_is_named_by_the_only_text_of_its_color() -> None:
    ax = axes()
    ax.plot([1, 2], [3, 4], color="#112233")
    ax.text(2, 4, "solved", color="#112233")
    assert described(ax) == "solved: 3 at 1, 4 at 2. Labels: solved at (2, 4)."


def test_places_are_named_as_on_the_axis() -> None:
    ax = axes()
    ax.plot([1, 2, 3], [0.1, 0.2, 0.3], label="loss")
    ax.set_xticks([1, 2, 3], ["h", "i", "h"])
    ax.yaxis.set_major_formatter("{x:.0%}")
    assert described(ax) == "loss: 10.0% at h, 20.0% at i, 30.0% at h."
    assert [row[0] for row in tables(ax)[0].rows] == ["h", "i", "h"]


def test_rows_with_names_are_the_places() -> None:
    ax = axes()
    ax.plot([0.5, 0.7], [1, 1], "o", label="seeds")
    ax.plot([0.9, 0.9], [1.8, 2.2], label="chance")
    ax.set_yticks([1, 2], ["parity", "reber"])
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    assert described(ax) == "seeds: 60.0% (50.0% to 70.0%) at parity. chance: 90.0% at reber."


def test_levels_and_shaded_parts_are_named() -> None:
    ax = axes()
    ax.axhline(0.5)
    ax.axhline(0.25)
    ax.axvspan(1, 40)
    ax.text(3, 0.25, "chance", transform=ax.get_yaxis_transform())
    ax.text(0.5, 0.5, "corner", transform=ax.transAxes)
    ax.plot([0, 1], [0, 1], transform=ax.transAxes)
    assert described(ax) == "Labels: chance, corner. Lines at 0.5. Shaded: 1 to 40."


def test_labels_at_points_have_coordinates_and_numbers_are_not_labels() -> None:
    ax = axes()
    ax.annotate("start", (1, 2), xytext=(5, 5), textcoords="offset points")
    ax.annotate("aside", (0.5, 0.5), xycoords="axes fraction")
    ax.text(1, 1, "12.5%")
    ax.text(1, 1, " ")
    assert described(ax) == "Labels: start at (1, 2), aside."


def test_line_moved_by_some_points_is_read_like_any_other() -> None:
    ax = axes()
    moved = ScaledTranslation(0, 0.1, ax.figure.dpi_scale_trans)
    ax.plot([1, 2], [0.5, 0.5], label="seen", transform=ax.transData + moved)
    assert described(ax) == "seen: 0.5 at 1, 0.5 at 2."


def test_invisible_and_missing_points_are_left_out() -> None:
    ax = axes()
    ax.plot([1, 2], [3, 4], alpha=0)
    ax.plot([np.nan], [1])
    ax.plot([1, 2], [np.nan, 5], label="loss")
    assert described(ax) == "loss: 5 at 2."


def test_bars_are_listed() -> None:
    ax = axes()
    ax.bar([1, 2], [3, 4], label="match")
    assert described(ax) == "match: 3 at 1, 4 at 2."
    sideways = axes()
    sideways.barh([1, 2], [3, 4])
    sideways.set_yticks([1, 2], ["h", "i"])
    assert described(sideways) == "bars: 3 at h, 4 at i."


def test_scattered_points_and_rings() -> None:
    ax = axes()
    ax.scatter([1], [2], color="#112233")
    ax.scatter([3], [4], facecolors="none", edgecolors="#112233")
    ax.quiver([0], [0], [1], [1])
    assert described(ax) == "rings: 2 at 1, 4 at 3."
    off = axes()
    off.scatter([1, 2], [2, 3])
    off.set(xlabel="x")
    off.set_axis_off()
    assert described(off) == "2 points."


def test_more_names_than_fit_are_counted() -> None:
    ax = axes()
    for place in range(45):
        ax.plot([place], [1], "o", label=f"n{place}")
        ax.text(place, 1, f"t{place}")
    assert "n39: 1 at 39. And 5 more. Labels: t0 at (0, 1)" in described(ax)
    assert described(ax).endswith("t39 at (39, 1), and 5 more.")


def test_artists_without_points_or_colors_are_left_out() -> None:
    ax = axes()
    ax.scatter([], [])
    ax.bar([], [])
    ax.fill_between([1, 2], [1, 1], [2, 2], facecolor="none", label="band")
    ax.scatter([1], [3], facecolors="none", edgecolors="none", label="hidden")
    assert described(ax) == "hidden: 3 at 1. band: 1 to 2 at 1, 1 to 2 at 2."


def test_labels_in_other_coordinates_have_no_place() -> None:
    ax = axes()
    ax.axhline(0.5)
    ax.annotate("end", (1, 0.5), xycoords=("axes fraction", "data"))
    ax.annotate("title", (0, 0), xycoords=ax.title)
    assert described(ax) == "Labels: end, title."


# --- matrices


def test_named_matrix_is_listed_if_small_and_summarized_if_large() -> None:
    ax = axes()
    ax.imshow([[0.5, np.nan], [0.125, 1]])
    ax.set_yticks([0, 1], ["h", "i"])
    assert described(ax) == "h: 0.5; i: 0.12, 1."
    large = axes()
    large.pcolormesh(np.arange(9), np.arange(4), np.arange(24.0).reshape(3, 8))
    large.set_yticks([0.5, 1.5, 2.5], ["a", "b", "c"])
    large.set_xticks(np.arange(8) + 0.5, list("hihellos"))
    assert described(large).startswith(
        "3 rows and 8 columns of numbers from 0 to 23. The highest in each column: h: c (16), i: c"
    )
    assert tables(large)[0].rows[1] == ["b", *(str(n) for n in range(8, 16))]


def test_nameless_matrix_has_only_a_range() -> None:
    ax = axes()
    ax.imshow(np.eye(2), origin="lower")
    assert described(ax) == "2 rows and 2 columns of numbers from 0 to 1."
    assert tables(ax)[0].rows == [["0", "1", "0"], ["1", "0", "1"]]


def test_pictures_and_smooth_meshes_are_no_matrices() -> None:
    ax = axes()
    ax.imshow(np.zeros((2, 2, 3)))
    ax.pcolormesh(np.zeros((2, 2)), shading="gouraud")
    assert (described(ax), tables(ax)) == ("", [])


def test_texts_in_a_grid_are_a_matrix() -> None:
    rates = [[Proportion(1, 4), Proportion(2, 4)]]
    ax = plotting.plot_solve_rate(rates, ("lr", [0.1]), ("epochs", [50, 100]))
    assert described(ax) == "lr by epochs (cells: solved, of 4 seeds). 0.1: 25%, 50%."
    (table,) = tables(ax)
    assert table.caption == "lr by epochs (cells: solved, of 4 seeds)"
    assert (table.head, table.rows) == (["lr", "50", "100"], [["0.1", "25%", "50%"]])


# --- figures


def test_panels_are_described_one_after_the_other() -> None:
    _, (left, right) = plt.subplots(1, 2)
    left.set_title("left", loc="left")
    left.plot([1], [2], "o", label="a")
    right.set_title("right")
    image = right.imshow(np.eye(2))
    plt.colorbar(image)
    plt.gcf().add_subplot(projection="polar")
    text = described(left)
    assert text == "left: a: 2 at 1. right: 2 rows and 2 columns of numbers from 0 to 1."
    assert [table.caption for table in tables(left)] == ["left", "right"]


def test_given_alternative_replaces_the_numbers_until_the_axes_are_cleared() -> None:
    ax = axes()
    ax.plot([1], [2], "o", label="a")
    table = Table("merges", ["a", "b"], [["1", "2"]])
    set_alternative(ax, "A tree.", table)
    assert (described(ax), tables(ax)) == ("A tree.", [table])
    ax.clear()
    assert described(ax) == ""


def test_long_table_is_thinned_and_keeps_its_ends() -> None:
    ax = axes()
    ax.plot(range(101), range(101), label="a")
    ax.plot([100], [7], "o", label="b")
    rows = tables(ax)[0].rows
    assert len(rows) == 25
    assert (rows[0], rows[-1]) == (["0", "0", ""], ["100", "100", "7"])


def test_automaton_is_described_by_its_arrows() -> None:
    ax = plotting.plot_automaton(get_task("tomita_1"))
    assert described(ax) == (
        "A graph of 2 states. Start: 0; ends: 0. From 0: 0 to 1, 1 to 0. From 1: 0 to 1, 1 to 1."
    )


def test_tree_is_described_by_its_merges() -> None:
    ax = plotting.plot_dendrogram({"boy": [0.0, 1.0], "sees": [3.0, 1.0], "girl": [0.0, 2.0]})
    far = (3 + np.sqrt(10)) / 2  # average linkage
    assert tables(ax)[0].rows == [["boy", "girl", "1"], ["sees", "boy, girl", number(far)]]
    assert "The nearest are boy and girl, at a distance of 1;" in described(ax)


def test_alternative_is_the_name_of_the_svg() -> None:
    ax = axes()
    ax.plot([1], [2], "o", label='a < "b"')
    root = ElementTree.fromstring(to_svg(ax))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a < "b": 2 at 1.')


def test_figure_of_a_page_has_its_numbers_folded_below() -> None:
    ax = axes()
    ax.plot([1], [2], "o", label="a<b")
    html = show(ax)
    assert label_of(html) == "a<b: 2 at 1."
    assert "<td>2</td>" in html
    assert "a&lt;b" in html
    labeled = plotting.plot_solve_rate([[Proportion(1, 4)]], ("lr", [0.1]), ("epochs", [50]))
    labeled.annotate("end", (1, 1), xycoords=labeled.get_yaxis_transform(), color="#112233")
    assert '<span style="color: #112233">end</span></p>' in show(labeled)
    empty = show(axes())
    assert "<details" not in empty


def contrast(colour: str, page: str, alpha: float = 1) -> float:
    """Return the contrast ratio of a color with some opacity on a page (WCAG 2)."""
    below = np.array(to_rgb(page))
    both = np.stack([alpha * np.array(to_rgb(colour)) + (1 - alpha) * below, below])  # (2, rgb)
    linear = np.where(both <= 0.04045, both / 12.92, ((both + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))


def test_points_that_overlap_have_contrast_on_light_and_dark_pages() -> None:
    css = Path("docs/stylesheets/extra.css").read_text()
    lighter = re.findall(r"--figure-(?:teal|vermillion|violet): (#\w{6});", css)
    assert len(lighter) == len(COLOURS)
    for colour, page in [
        *zip(COLOURS, 3 * ["#ffffff"], strict=True),
        *zip(lighter, 3 * ["#1e2129"], strict=True),
    ]:
        assert contrast(colour, page, CLOUD) >= 3
        assert contrast(colour, page) >= 4.5


def test_dark_pages_replace_every_color_of_figures() -> None:
    css = Path("docs/stylesheets/extra.css").read_text()
    for colour in COLOURS:
        for part in ("fill", "stroke"):
            assert f'[style*="{part}: {colour}"], [{part}="{colour}"]' in css


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_every_drawing_has_a_text_alternative(draw: Callable[[], str]) -> None:
    assert len(label_of(draw())) > 80


def test_every_drawing_of_a_page_is_tested() -> None:
    sources = {path: path.read_text() for path in Path("docs/tools").rglob("*.py")}
    made = r"^def (\w+)\([^)]*\) -> str:\n(?:(?!^def ).*\n)*?.*\bdrawing\("
    found = {
        name
        for path, source in sources.items()
        if path.stem != "svg"
        for name in re.findall(made, source, re.MULTILINE)
    }
    assert found <= DRAWINGS.keys()
    assert len(found) >= 8
