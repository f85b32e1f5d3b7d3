"""The page of a score card: one HTML file without scripts, or files from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from seqtoys.scorecards.advice import advise, verdict
from seqtoys.scorecards.curves import draw_curves
from seqtoys.scorecards.results import MEANING, Results
from seqtoys.scorecards.skills import BATCH, CLIP, RECIPES, SkillRecipe, list_skills
from seqtoys.scorecards.style import STYLE
from seqtoys.scorecards.summary import SkillSummary, Spread, digits


def make_page(card: Results, others: Sequence[Results] = ()) -> str:
    """Return the page of a score card.

    Args:
        card: The score card.
        others: Score cards of known architectures, which are shown next to the model.

    Examples:
        >>> from seqtoys.results import ScoreCard
        >>> page = make_page(ScoreCard("GRU", "quick", ["add"], [0], []))
        >>> page[:15], "<script" in page
        ('<!doctype html>', False)
    """
    title = escape(f"Score card of {card.model}")
    body = "\n".join(
        [
            f"<h1>{title}</h1>",
            f'<p class="lead">{escape(card.head())}.</p>',
            f'<p class="dim">{escape(MEANING)} Nothing is clipped.</p>',
            *_map(card, others),
            *_notes(card),
            "<h2>What next</h2>",
            _list(advise(card, others)),
            "<h2>Skill by skill</h2>",
            *(part for each in card.summaries for part in _skill(card, each)),
            "<h2>Settings</h2>",
            *_settings(card),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _map(card: Results, others: Sequence[Results]) -> Iterator[str]:
    """Yield the heat map: a line per skill, the model first, then known architectures."""
    yield "<h2>Scores</h2>"
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in _names(others))
    yield (
        '<div class="wide" tabindex="0"><table class="map"><thead><tr><th scope="col">skill</th>'
        f'<th scope="col" class="own">this model</th><th scope="col" class="own">longer</th>'
        f'<th scope="col" class="own">solved</th>{names}</tr></thead><tbody>'
    )
    for skill in card.skills:
        own = card[skill]
        rate = f"{own.solved.count} of {own.solved.trials}" if own.rows else "not run"
        cells = "".join(
            [
                _cell(own.score, own.is_solved, failed=bool(own.failed)),
                _cell(own.longer, own.is_solved),
                f'<td class="none">{rate}</td>',
                *(_cell(other[skill].score, other[skill].is_solved) for other in others),
            ]
        )
        yield f'<tr><th scope="row">{escape(skill)}</th>{cells}</tr>'
    yield "</tbody></table></div>"
    yield '<p class="dim">Median over seeds; bold: solved by more than half of them.</p>'


def _cell(score: Spread | None, is_solved: bool, *, failed: bool = False) -> str:
    if score is None:
        return f'<td class="none">{"failed" if failed else "–"}</td>'  # noqa: RUF001
    share = min(max(score.value / 100, 0.0), 1.0)  # of the color only
    style = "solved" if is_solved else "below"
    return (
        f'<td class="{style}" style="--share:{share:.2f}" '
        f'title="{digits(score.low)} to {digits(score.high)}">{digits(score.value)}</td>'
    )


def _names(cards: Sequence[Results]) -> list[str]:
    """Return short names of models, or whole ones if the short ones are not distinct."""
    names = [card.short_name for card in cards]
    return names if len(set(names)) == len(names) else [card.model for card in cards]


def _notes(card: Results) -> Iterator[str]:
    for note in card.notes():
        style = "failed" if note.startswith("failed") else "dim"
        yield f'<p class="{style}">{escape(note)}</p>'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _skill(card: Results, summary: SkillSummary) -> Iterator[str]:
    """Yield the section of a skill: its question, result, curves and mistakes."""
    skill = list_skills()[summary.skill]
    yield (
        f'<section class="skill"><h3>{escape(skill.name)}</h3>'
        f"<p>{escape(skill.question)}</p><p>{escape(verdict(summary))}</p>"
    )
    reasons = dict.fromkeys(row.error for row in summary.failed if row.error)
    for reason in reasons:
        yield f'<p class="failed">Failed: {escape(reason)}</p>'
    yield f'<div class="columns"><div>{draw_curves(summary)}</div><div>'
    yield from _mistakes(summary)
    yield "</div></div>"
    recipe = describe_recipe(skill.recipe(card.level))
    made_with = card.facts.get("recipes", str(RECIPES))
    if made_with != str(RECIPES):  # the recipes of this version are others
        recipe = f"recipe of version {made_with}."
    yield f'<p class="dim">{escape(f"Task {skill.task}: {recipe}")}</p></section>'


def _mistakes(summary: SkillSummary) -> Iterator[str]:
    """Yield the worst mistakes of the median seed."""
    finished = sorted(summary.finished, key=lambda row: row.score or 0.0)
    if not finished:
        return
    row = finished[len(finished) // 2]
    if not row.mistakes:
        yield "<p>No serious mistakes in the sequences looked at.</p>"
        return
    yield f"<p>Worst mistakes (seed {row.seed}):</p>"
    yield from (f'<pre tabindex="0">{escape(mistake)}</pre>' for mistake in row.mistakes)


def describe_recipe(recipe: SkillRecipe) -> str:
    """Return a recipe in words.

    Args:
        recipe: The recipe.

    Examples:
        >>> describe_recipe(list_skills()["parity"].quick)
        'lengths 1 to 10, tested at 20; up to 700 updates of 64 sequences, AdamW 0.01 or 0.003, ...
    """
    options = [f"{name}={value}" for name, value in recipe.options.items()]
    lengths = "" if recipe.lengths is None else "lengths {} to {}, ".format(*recipe.lengths)
    held_out = f"{recipe.held_out:.0%} held out" if recipe.held_out else "fresh test sequences"
    rates = " or ".join(f"{rate:g}" for rate in recipe.rates)
    before = f"{', '.join(options)}; " if options else ""
    return (
        f"{before}{lengths}tested at {recipe.longer}; up to {recipe.updates:,} updates of "
        f"{BATCH} sequences, AdamW {rates}, gradients clipped to {CLIP:g}; {held_out}, "
        f"{recipe.count} test sequences of each kind."
    )


def _settings(card: Results) -> Iterator[str]:
    seconds = sum(row.total_seconds for row in card.rows)
    facts = {
        "model": card.model,
        "level": card.level,
        "seeds": ", ".join(map(str, card.seeds)),
        **card.facts,
        "time": f"{seconds:.0f} s of one core, in all",
    }
    yield '<table class="facts">'
    for name, value in facts.items():
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
    yield "</table>"
