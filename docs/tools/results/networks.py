"""Tables of the page on networks and skills, from the score cards shipped with the package."""

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


def heat_table(*, longer: bool = False) -> str:
    """Return a table of all skills and networks, colored by score, as HTML.

    Args:
        longer: Whether to show the scores on longer sequences.
    """
    cards = ScoreCard.references()
    head = "".join(f"<th>{escape(card.short_name)}</th>" for card in cards)
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
        return "<td></td>"
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
    solved = [card.short_name for card in ScoreCard.references() if card[name].is_solved]
    return (
        f"### {name[0].upper()}{name[1:]} {{ #{anchor(name)} }}\n\n"
        f"{skill.question} `get_task({skill.task!r}{options})`, {lengths}, then {recipe.longer}; "
        f"at most {recipe.updates} updates. Solved by: {', '.join(solved) or 'none of them'}.\n\n"
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
            f"| {card.short_name} | {min(parameters):,} to {max(parameters):,} | "
            f"{min(states):,} to {max(states):,} |"
        )
    return "\n".join(lines)


def made() -> str:
    """Return with which versions and when the rows were made, as a sentence."""
    facts = ScoreCard.references()[0].facts
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def score(name: str, skill: str, *, longer: bool = False) -> str:
    """Return the median score of a network on a skill, rounded.

    Args:
        name: The short name of the network.
        skill: The name of the skill.
        longer: Whether to return the score on longer sequences.

    Examples:
        >>> score("GRU", "parity")
        '100'
    """
    summary = _summary(name, skill)
    found = summary.longer if longer else summary.score
    return "" if found is None else f"{round(found.value) + 0}"


def solved(name: str, skill: str) -> str:
    """Return how many seeds of a network solved a skill.

    Args:
        name: The short name of the network.
        skill: The name of the skill.

    Examples:
        >>> solved("GRU", "parity")
        '3 of 3'
    """
    rate = _summary(name, skill).solved
    return f"{rate.count} of {rate.trials}"


def _summary(name: str, skill: str) -> SkillSummary:
    return _card(name)[skill]


def _card(name: str) -> ScoreCard:
    (card,) = (card for card in ScoreCard.references() if card.short_name == name)
    return card


def states(name: str) -> str:
    """Return the number of numbers in the state of a network, on its largest task.

    Args:
        name: The short name of the network.

    Examples:
        >>> states("GRU")
        '55'
    """
    return f"{max(row.state or 0 for row in _card(name).rows):,}"


def lessons() -> str:
    """Return what the rows teach, with the numbers of the tables, as a Markdown list."""
    far = {name: score(name, "latch", longer=True) for name in ("GRU", "LSTM", "Transformer")}
    count = {name: score(name, "count", longer=True) for name in ("GRU", "LSTM", "Transformer")}
    return f"""
- **Nonlinear recurrences with gates track states.** On *track*, where each symbol permutes three
  objects, the GRU reaches {score("GRU", "track")} and the LSTM {score("LSTM", "track")}; the
  transformer, whose two layers see all symbols at once, reaches {score("Transformer", "track")}.
  For three objects a few layers would be enough, but [Liu et al.
  (2023)](https://arxiv.org/abs/2210.10749) found that transformers learn shortcuts that are
  brittle on sequences unlike those in training. For five, no fixed number of layers is enough at
  every length, if a common conjecture about circuits holds ([Merrill et al.,
  2024](https://arxiv.org/abs/2404.08819)).
- **Linear recurrences do not.** Here the LRU reaches {score("LRU", "track")}, Mamba
  {score("Mamba", "track")} and DeltaNet {score("DeltaNet", "track")}. Even on *parity*, which
  needs a single bit that flips, Mamba stays at {score("Mamba", "parity")} and DeltaNet at
  {score("DeltaNet", "parity")}: their states can be kept or shrunk, but not negated ([Grazzi
  et al., 2025](https://arxiv.org/abs/2411.12537)). The complex states of the LRU
  can rotate, and it comes nearer: {score("LRU", "parity")}.
  `DeltaNetCharModel(vocab, negative_eigenvalues=True)` lifts the restriction.
- **Recall needs an addressable memory.** The transformer solves *recall* with
  {solved("Transformer", "recall")} seeds within these few updates, the GRU (median score
  {score("GRU", "recall")}) and the LSTM ({score("LSTM", "recall")}) with none; [Arora et al.
  (2024)](https://arxiv.org/abs/2312.04927) found the same gap in larger models. A score of 33 is
  that of a model that knows which values occurred but not under which key: seeds of the
  transformer that have not yet found the lookup wait there. Two recurrent
  networks do better: DeltaNet, whose state is a table that is written to by key, solves it with
  {solved("DeltaNet", "recall")} seeds, and Mamba with {solved("Mamba", "recall")}; its state has
  {states("Mamba")} numbers rather than the {states("GRU")} of the GRU.
- **Gates hold a bit for longer than in training, attention doesn't.** All three solve *latch* at
  training lengths. On sequences twice as long, the GRU keeps {far["GRU"]} and the LSTM
  {far["LSTM"]}, but the transformer falls to {far["Transformer"]}: the "attention glitches" of
  [Liu et al. (2023)](https://arxiv.org/abs/2306.00946).
- **LSTMs count.** On longer strings of *count*, the LSTM reaches {count["LSTM"]}, the GRU
  {count["GRU"]} and the transformer {count["Transformer"]}. [Weiss et al.
  (2018)](https://doi.org/10.18653/v1/P18-2117) explain the first two: an LSTM's cell can be
  incremented without bound, a GRU's state cannot.
- **The Elman network has the memory but not the gradients.** It solves *parity* and *reverse*,
  but reaches {score("Elman", "latch")} on *latch* and {score("Elman", "copy a pattern")} on
  *copy a pattern*, which need a symbol to survive many steps ([chapter
  10](../course/10-limits/)).
- **No network extrapolates *reverse* or *add*.** Every network that solves one of them is below 0
  at twice the length: it has learned the lengths, not the algorithm, as [Delétang et al.
  (2023)](https://arxiv.org/abs/2207.02098) report for *add* with all networks that lack a tape.
"""
