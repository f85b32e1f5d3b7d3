"""Tables of the page "Which network can do what?", from the score cards shipped with the package."""

from __future__ import annotations

from html import escape

from seqtoys import list_skills
from seqtoys.results import ScoreCard, SkillSummary

TEAL = "0, 150, 136"
DARKEST = 0.45  # so that text can be read on it in light and dark mode


def anchor(skill: str) -> str:
    """Return the anchor of a skill on the page.

    Args:
        skill: Its name.

    Examples:
        >>> anchor("copy a pattern")
        'copy-a-pattern'
    """
    return skill.replace(" ", "-")


def network(card: ScoreCard) -> str:
    """Return the short name of the network of a score card.

    Args:
        card: The score card.

    Examples:
        >>> network(ScoreCard.references()[0])
        'Elman'
    """
    return card.model.partition("(")[0].removesuffix("CharModel")


def heat_table(*, longer: bool = False) -> str:
    """Return a table of all skills and networks, colored by score, as HTML.

    Args:
        longer: Whether to show the scores on longer sequences.
    """
    cards = ScoreCard.references()
    head = "".join(f"<th>{escape(network(card))}</th>" for card in cards)
    rows = "".join(
        f'<tr><th scope="row"><a href="#{anchor(skill)}">{escape(skill)}</a></th>'
        f"{''.join(_cell(card[skill], longer) for card in cards)}</tr>"
        for skill in list_skills()
    )
    return (
        f'<div class="results heat"><table><thead><tr><th>skill</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(summary: SkillSummary, longer: bool) -> str:
    score = summary.longer if longer else summary.score
    if score is None:
        return "<td>–</td>"
    share = DARKEST * min(max(score.value / 100, 0), 1)
    text = f"{round(score.value) + 0}"
    if not longer and 0 < summary.solved.count < summary.solved.trials:
        text += f" <small>({summary.solved.count} of {summary.solved.trials})</small>"
    return f'<td style="background: rgba({TEAL}, {share:.2f})" title="{score}">{text}</td>'


def skill_sections() -> str:
    """Return a section per skill, with its recipe and the command of its row, as Markdown."""
    return "\n\n".join(_section(name) for name in list_skills())


def _section(name: str) -> str:
    skill = list_skills()[name]
    recipe, task = skill.quick, skill.make_task("quick")
    options = "".join(f", {key}={value!r}" for key, value in recipe.options.items())
    low, high = task.lengths
    lengths = f"length {low}" if low == high else f"lengths {low} to {high}"
    solved = [network(card) for card in ScoreCard.references() if card[name].is_solved]
    return (
        f"### {name[0].upper()}{name[1:]} {{ #{anchor(name)} }}\n\n"
        f"{skill.question} `get_task({skill.task!r}{options})`, {lengths}, then {recipe.longer}; at "
        f"most {recipe.updates} updates. Solved by: {', '.join(solved) or 'none of them'}.\n\n"
        f"```python\n"
        f"scorecard(make_model, skills=[{name!r}])\n"
        f"```"
    )


def sizes() -> str:
    """Return the parameters and the state of each network on one skill, as a Markdown table."""
    lines = ["| network | parameters | numbers in the state |", "| --- | ---: | ---: |"]
    for card in ScoreCard.references():
        rows = [row for row in card.rows if row.parameters]
        parameters = [row.parameters or 0 for row in rows]
        states = [row.state or 0 for row in rows]
        lines.append(
            f"| {network(card)} | {min(parameters):,} to {max(parameters):,} | "
            f"{min(states):,} to {max(states):,} |"
        )
    return "\n".join(lines)


def made() -> str:
    """Return with which versions and when the rows were made, as a sentence."""
    facts = ScoreCard.references()[0].facts
    return ", ".join(f"{name} {value}" for name, value in facts.items())
