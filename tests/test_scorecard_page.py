"""The score card as text, page, figure and advice, from rows that are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scorecard as benchmark
from seqtoys import Vocab, list_skills
from seqtoys.errors import DataError, InputTypeError
from seqtoys.plotting import plot_scorecard
from seqtoys.results import CardRow, Estimate, ScoreCard, SkillSummary, Spread
from seqtoys.scorecards.advice import advise, training_score
from seqtoys.scorecards.curves import draw_curves
from seqtoys.scorecards.references import FILE, write_references
from seqtoys.scorecards.skills import RECIPES
from seqtoys.scorecards.summary import digits, spread
from seqtoys.training.options import as_written

SKILLS = list(list_skills())
SHIPPED = Path("src/seqtoys/scorecards") / FILE
VOID = {"meta", "br"}

pytestmark = pytest.mark.usefixtures("unchecked")


def row(skill: str = "add", seed: int = 0, score: float = 99.0, **facts: Any) -> CardRow:
    """Return a finished row; its training ends on the same score unless a curve is given."""
    end = facts.pop("trained", score)
    curve = [(n, 0.7 if n < 2 else 0.7 * (1 - end / 100)) for n in range(1, 11)]
    common: dict[str, Any] = {
        "lr": 0.01, "longer": Estimate(score - 1), "accuracy": 0.9, "solved": score >= 95,
        "updates": 10, "seconds": 0.5, "parameters": 9000 + len(skill), "state": 32,
        "curve": curve, "memoryless": 0.7, "optimum": 0.0,
    }  # fmt: skip
    return CardRow(skill, "quick", seed, score=Estimate(score, 0.5), **(common | facts))


def card(*rows: CardRow, model: str = "GRU<net>", seeds: int = 1, **facts: Any) -> ScoreCard:
    skills = list(dict.fromkeys(each.skill for each in rows))
    return ScoreCard(model, "quick", skills, list(range(seeds)), list(rows), **facts)


def full_card() -> ScoreCard:
    mistakes = ["inputs     1&<\ntargets    ··0"]
    rows = [row(skill, seed, -123.4 if skill == "add" else 90 + n, mistakes=mistakes * (n % 2))
            for n, skill in enumerate(SKILLS) for seed in (0, 1)]  # fmt: skip
    return card(*rows, seeds=2, facts={"date": "2026-01-01", "recipes": "1"})


class Outline(HTMLParser):
    """The elements of a page, whose tags must be closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.links = list[str](), list[str](), list[str]()
        self.images, self.texts = list[dict[str, str | None]](), list[str]()
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "svg":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            assert tag in ("path",), (tag, self.open)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def test_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    page = full_card().to_html(references=False)
    outline = Outline(page)
    assert outline.links == []
    assert not {"script", "link", "iframe", "img"} & set(outline.tags)
    assert not re.search(r"https?:|@import|url\(", page)
    for wanted in ("prefers-color-scheme: dark", "@media print", "max-width: 46rem", "viewport"):
        assert wanted in page


def test_page_says_in_words_what_it_shows() -> None:
    outline = Outline(full_card().to_html(references=False))
    text = " ".join(outline.texts)
    assert len(outline.images) == len(SKILLS)
    for image, skill in zip(outline.images, SKILLS, strict=True):
        assert image["role"] == "img"
        assert (image["aria-label"] or "").startswith(
            f"Training loss on {skill}: seed 0 from 0.7 "
        )
    for known in list_skills().values():
        assert known.question in text
    for wanted in ("GRU<net>", "1&<", "What next", "2026-01-01", "-123", "2 of 2"):
        assert wanted in text


def test_page_shows_failures_and_missing_skills() -> None:
    failed = CardRow("infer", "quick", 0, error="MemoryError: <full>")
    whole = ScoreCard("net", "quick", ["infer", "add", "count"], [0], [failed, row("add")])
    page = whole.to_html(references=False)
    text = " ".join(Outline(page).texts)
    assert "Failed: MemoryError: <full>" in text
    assert "not run" in text
    assert '<td class="none">failed</td>' in page
    assert "Fix the failures first: infer." in text


def test_page_and_references_are_shown_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [card(row("add"), model="GRUCharModel(parameters=10000)", facts={"recipes": "1"}),
              card(row("add"), model="Old", facts={"recipes": "0"})]  # fmt: skip
    texts = [other.to_json() for other in others]
    monkeypatch.setattr("seqtoys.scorecards.card.shipped_references", lambda: texts)
    page = card(row("add", score=40.0)).to_html()
    text = " ".join(Outline(page).texts)
    assert '<th scope="col">GRU</th>' in page
    assert "Old" not in text
    assert "Add is within reach at this size and budget: GRUCharModel solved it." in text


def test_references_of_several_sizes_keep_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"GRUCharModel(parameters={size})" for size in (1000, 10000)]
    texts = [card(row(), model=name, facts={"recipes": "1"}).to_json() for name in names]
    monkeypatch.setattr("seqtoys.scorecards.card.shipped_references", lambda: texts)
    page = card(row()).to_html()
    assert all(f'<th scope="col">{name}</th>' in page for name in names)


def test_larger_reference_is_not_of_this_size() -> None:
    solved = card(row(parameters=100_000), model="Large")
    for own in (row(score=40.0), CardRow("add", "quick", 0, error="no memory left")):
        assert not any("within reach" in line for line in advise(card(own), [solved]))
    same = card(row(score=40.0, parameters=99_000))
    assert "Add is within reach at this size and budget: Large solved it." in advise(
        same, [solved]
    )


def test_recipe_of_another_version_is_not_described() -> None:
    old = card(row(), facts={"recipes": "0"}).to_html(references=False)
    new = card(row(), facts={"recipes": str(RECIPES)}).to_html(references=False)
    assert "Task binary_addition: recipe of version 0." in old
    assert "Task binary_addition: lengths 6 to 9" in new


def test_aligned_text_is_never_wrapped() -> None:
    """The mark under a mistake would no longer be under it, not even in print."""
    page = full_card().to_html(references=False)
    assert "<pre" in page
    assert "pre-wrap" not in page


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_enough_contrast() -> None:
    """WCAG 2.2 asks for a ratio of 4.5 between text and its background."""
    page = full_card().to_html(references=False)
    schemes = re.findall(r":root \{([^}]*--page[^}]*)\}", page)
    assert len(schemes) == 3  # light, dark and print
    for scheme in schemes:
        colors = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        long = {k: v if len(v) == 7 else "#" + "".join(c * 2 for c in v[1:])
                for k, v in colors.items()}  # fmt: skip
        for name in ("ink", "dim", "bad"):
            one, other = sorted((luminance(long[name]), luminance(long["page"])))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (name, scheme)


def test_remark_of_several_seeds_is_printed_once() -> None:
    rows = [row(seed=seed, remark="failed on longer sequences") for seed in (0, 1)]
    (note,) = [n for n in card(*rows, seeds=2).notes() if "longer" in n]
    assert note == "add (seed 0), add (seed 1): failed on longer sequences"


def test_repr_of_a_row_is_its_result() -> None:
    assert repr(row(score=40.0)) == "CardRow(add, seed 0: not solved, score 40.00 ± 0.50)"
    assert repr(CardRow("add", "quick", 1, error="boom")) == "CardRow(add, seed 1: failed)"


def test_files_are_written(tmp_path: Path) -> None:
    page = full_card().to_html(tmp_path / "card.html", references=False)
    assert (tmp_path / "card.html").read_text() == page


def test_table_fits_80_columns() -> None:
    text = str(full_card())
    assert max(map(len, text.split("\n"))) <= 80
    assert text.startswith("GRU<net>: 6 of 12 skills solved (quick recipes, 2 seeds)\n\n")
    assert "learn in context   99.0  98.0 to 100.0    98.0  2 of 2       10      0.5" in text
    assert re.search(r"add +-123 +-124 to -122 +-124  0 of 2\n", text)
    assert "9,003 to 9,016 parameters\n32 numbers in the state" in text
    assert repr(full_card()) == f"ScoreCard({full_card().head()})"
    html = full_card()._repr_html_()
    assert "<td>learn in context</td>" in html


def test_card_without_rows_is_printed() -> None:
    empty = ScoreCard("net", "quick", ["add"], [0], [])
    assert "not run: 1 of 1 cells" in str(empty)
    assert "score  interval" not in str(empty)
    Outline(empty.to_html(references=False))


def test_many_failures_are_abbreviated() -> None:
    rows = [CardRow("add", "quick", seed, error="no room") for seed in range(6)]
    whole = card(*rows, seeds=6)
    places = ", ".join(f"add (seed {seed})" for seed in range(4))
    assert whole.notes() == [f"failed: {places} and 2 more: no room"]
    assert list(whole) == rows
    assert draw_curves(whole["add"]) == ""


def test_interval_is_that_of_the_seeds_and_of_the_evaluation() -> None:
    scores = [Estimate(float(value), 0.5) for value in (3, 1, 2, 9, 5, 8, 7, 4, 6)]
    found = spread(scores)
    assert isinstance(found, Spread)
    assert found.value == 5.0
    assert found.low == pytest.approx(2 - 1.96 * 0.5, abs=1e-3)
    assert found.high == pytest.approx(8 + 1.96 * 0.5, abs=1e-3)
    assert spread([]) is None


def test_scores_are_rounded_and_written_without_minus_zero() -> None:
    scores = {99.96: "100.0", -0.04: "0.0", -99.94: "-99.9", -100.0: "-100", -123.4: "-123"}
    assert [digits(score) for score in scores] == list(scores.values())


def test_rate_and_medians_are_those_of_the_solved_seeds() -> None:
    rows = [row(seed=0, updates=30), row(seed=1, score=90.0, updates=99), row(seed=2, updates=10)]
    summary = SkillSummary("add", [*rows, CardRow("add", "quick", 3, error="full")])
    assert (summary.solved.count, summary.solved.trials) == (2, 4)
    assert not summary.is_solved  # two of four are not more than half
    assert (summary.updates, summary.seconds) == (20, 0.5)
    assert len(summary.finished) == 3
    assert len(summary.failed) == 1
    assert SkillSummary("add", rows).is_solved
    assert SkillSummary("add", rows[1:2]).updates is None


CURVE = [(n, 0.7 - 0.05 * n) for n in range(1, 11)]
ADVICE = {
    "Training was still improving": row(score=71.0, curve=CURVE),
    "Much better on training sequences than on unseen ones: add.": row(score=60.0, trained=98.0),
    "Solved, but not on longer sequences: add.": row(longer=Estimate(50.0)),
    "Solved, but not on longer": row(longer=None),
    "Training ended on a plateau: add.": row(score=60.0),
    "A score above 100 is impossible.": row(score=120.0, remark="impossible"),
    'Everything is solved. Try level="full"': row(),
}


@pytest.mark.parametrize("start", ADVICE)
def test_advice_follows_from_the_rows(start: str) -> None:
    lines = advise(card(ADVICE[start]))
    assert len(lines) == 1
    assert lines[0].startswith(start)


def test_advice_for_seeds_that_differ_and_rows_without_curves() -> None:
    lines = advise(card(row(seed=0), row(seed=1, score=20.0, curve=[]), seeds=2))
    assert lines == ["Some seeds solve it and others don't: add. Use more seeds."]


def test_chance_in_training_batches_is_not_memorizing() -> None:
    lines = advise(card(row("infer", score=60.0, trained=98.0, optimum=0.1)))
    assert lines[0].startswith("Training ended on a plateau: infer.")


def test_advice_lists_skills_in_words() -> None:
    rows = [row(skill, score=60.0) for skill in ("keep", "count", "add")]
    assert "a plateau: keep, count and add." in advise(card(*rows))[0]


def test_curve_leaves_no_point_outside() -> None:
    wild = row(curve=[(1, 900.0), (2, float("nan")), (3, -5.0), (4, 0.1)])
    svg = draw_curves(SkillSummary("add", [wild, row(seed=1)]))
    points = [
        tuple(map(float, pair.split(",")))
        for line in re.findall(r'points="([^"]+)"', svg)
        for pair in line.split()
    ]
    assert len(points) == 14
    assert all(40 <= x <= 360 and 0 <= y <= 200 for x, y in points)
    assert svg.count("<polyline") == 2
    assert "optimum: 0." in svg


def test_curve_without_levels_is_drawn() -> None:
    without = row(memoryless=None, optimum=None)
    assert training_score(without) is None
    svg = draw_curves(SkillSummary("add", [without]))
    assert "No memory: 1" in svg


def test_heat_map_has_a_cell_for_each_score(draw: Callable[[Any], Any]) -> None:
    other = card(row("add", score=55.5), row("count"), model="LSTMCharModel(parameters=9)")
    own = card(row("add", score=-20.4), row("count", longer=None), model="Net")
    ax = draw(plot_scorecard(own, [other]))
    assert [text.get_text() for text in ax.texts] == ["-20", "-21", "56", "99", "99"]
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["Net", "longer", "LSTM"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["add", "count"]


def test_heat_map_of_all_skills_is_legible(draw: Callable[[Any], Any]) -> None:
    draw(plot_scorecard(full_card(), [full_card()] * 3))


def test_heat_map_needs_a_card_with_skills() -> None:
    with pytest.raises(DataError, match="cannot plot a score card without skills"):
        plot_scorecard(ScoreCard("net", "quick", [], [], []))


@pytest.mark.type_checked
def test_heat_map_of_something_else_is_rejected() -> None:
    nothing: Any = [3]
    with pytest.raises(InputTypeError):
        plot_scorecard(full_card(), nothing)


def test_shipped_references_are_small_and_current() -> None:
    cards = ScoreCard.references()
    assert SHIPPED.stat().st_size < 200_000
    assert [each.model for each in cards][:1] == ["ElmanCharModel(parameters=10000)"]
    for each in cards:
        assert each.is_complete
        assert each.skills == SKILLS
        assert {"recipes", "seqtoys", "torch", "python", "date"} <= each.facts.keys()
        sizes = [r.parameters for r in each if r.parameters is not None]
        assert all(0.75 * 10_000 < size < 1.2 * 10_000 for size in sizes)
    assert write_references([each.to_json() for each in cards]) == SHIPPED.read_text()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Replace the measurement of the benchmark, and where it is written to."""
    calls = list[Any]()

    def measure(make_model: Any, level: Any, seeds: int, workers: int) -> ScoreCard:
        calls.append((make_model, level, seeds))
        return card(row("add"), model=str(as_written(make_model)), facts={"recipes": "1"})

    monkeypatch.setattr(benchmark, "measure", measure)
    monkeypatch.setattr(benchmark, "SHIPPED", tmp_path / FILE)
    monkeypatch.setattr(benchmark, "ARCHITECTURES", ("ElmanCharModel",))
    return calls


def test_benchmark_writes_what_is_shipped(measured: list[Any], tmp_path: Path) -> None:
    benchmark.main(["--write", "--sizes", "1000", "10000", "--seeds", "2"])
    assert [(level, seeds) for _, level, seeds in measured] == [("quick", 2)] * 2
    text = (tmp_path / FILE).read_text()
    first, second = text.index("parameters=10000"), text.index("parameters=1000)")
    assert first < second


@pytest.mark.parametrize("parameters", [1000, 10_000, 100_000])
def test_models_of_the_benchmark_have_the_size(parameters: int) -> None:
    for make_model in benchmark.find_architectures(parameters):
        model = make_model(Vocab("abcdefgh"), seed=0)
        size = sum(each.numel() for each in model.parameters())
        assert parameters / 2 < size < 1.1 * parameters  # widths are whole numbers of heads
