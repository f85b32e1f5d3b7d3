"""The tables and figures of the results page, from what the scripts stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt

from benchmarks.published.findings import Finding, read
from seqtoys.plotting import plot_dendrogram, plot_solve_rate
from seqtoys.plotting.labels import symbol_ticks
from seqtoys.plotting.style import COLOURS, FAINT, TEAL, VERMILLION, ink, new_axes
from seqtoys.results import Rate
from tools.figures import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELLED = {"anbn": 0.8, "anbncn": 0.3, "anb2n": 0.62}  # where no other curve is in the way
HEAD = ["what", "published", "here", "optimum of these", "without memory", "solved", "seconds"]


def source(script: str) -> str:
    """Say what made the numbers of a script: its command, machine, date and duration."""
    facts = read(script)
    machine = facts["machine"]
    took = _took(facts["seconds"])
    return (
        f"Made by `{facts['command']}`{took} on {facts['date']}: {machine['cpu']}, "
        f"{machine['cores']} cores, Python {machine['python']}, torch {machine['torch']}."
    )


def _took(seconds: float | None) -> str:
    """How long it took, where that is known."""
    if seconds is None:
        return ""
    return f" in {seconds:.0f} seconds" if seconds < 180 else f" in {seconds / 60:.0f} minutes"


def table(script: str) -> str:
    """Write what a script found as a Markdown table, with notes below."""
    findings = read(script)["findings"]
    notes = list(dict.fromkeys(finding.note for finding in findings if finding.note))
    rows = [_row(finding, notes) for finding in findings]
    used = [i for i in range(len(HEAD)) if any(row[i] for row in rows)]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    written = ["| " + " | ".join(line[i] for i in used) + " |" for line in lines]
    return "\n".join(['<div class="results" markdown>\n', *written, "\n</div>\n", *_listed(notes)])


def settings(script: str) -> str:
    """Write the settings of each number, folded."""
    rows = [
        f"    | {finding.what} | {', '.join(f'{k} {v}' for k, v in finding.settings.items())} |"
        for finding in read(script)["findings"]
    ]
    head = ['??? note "The settings of each number"', "", "    | what | settings |"]
    return "\n".join([*head, "    | --- | --- |", *rows])


def _listed(notes: Sequence[str]) -> Iterator[str]:
    for number, note in enumerate(notes, 1):
        yield f"<sup>{number}</sup> {note}.{'<br>' if number < len(notes) else ''}"


def _row(finding: Finding, notes: Sequence[str]) -> list[str]:
    mark = f" <sup>{notes.index(finding.note) + 1}</sup>" if finding.note else ""
    levels = (finding.published, finding.here, finding.optimum, finding.memoryless)
    numbers = [_number(level, finding.unit) for level in levels]
    if finding.unit == "guesses" and finding.solved and not finding.solved[0]:
        numbers[1] = f"none of {finding.solved[1]:,}"
    return [finding.what + mark, *numbers, _solved(finding), _seconds(finding.seconds)]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "%":
        written = f"{value:.1f} %"
        return f"{value:.2f} %" if written == "100.0 %" and value < 100 else written
    return f"{value:,.0f} {unit}" if unit == "guesses" else f"{value:.3f} {unit}"


def _solved(finding: Finding) -> str:
    if finding.solved is None:
        return ""
    rate = Rate(*finding.solved)
    if finding.unit == "guesses":
        return f"{rate.count:,} of {rate.trials:,}"
    return f"{rate.value:.0%} of {rate.trials:,}<br>({rate.low:.0%} to {rate.high:.0%})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds else ""


def seeds_of_lan() -> str:
    """Draw how the seeds of Lan et al.'s networks do, and where the paper's best is."""
    ax = new_axes(None, 7.0, 3.6)
    for (language, found), colour in zip(read("lan2022")["curves"].items(), COLOURS, strict=True):
        bits = np.array(found["bits"])
        share = np.arange(1, len(bits) + 1) / len(bits)
        ax.plot(bits, share, color=colour, linewidth=2)
        best = found["published"]
        ax.plot(best, (bits <= best).mean(), "o", color=colour)
        ax.axvline(found["optimum"], color=colour, linewidth=1, linestyle="--", alpha=FAINT)
        height = LABELLED[language]
        ax.annotate(
            language, (np.interp(height, share, bits), height), xytext=(6, -4),
            textcoords="offset points", color=colour,
        )  # fmt: skip
    ax.set(xlabel="loss on the test strings (bits per symbol)", ylabel="share of the seeds")
    ax.set(ylim=(0, 1), xlim=(0, 1.5))
    return show(ax)


def losses_of_elman(curve: str) -> str:
    """Draw the loss at each letter, marked where a syllable or word begins."""
    found = read("elman1990")["curves"][curve]
    ax, losses = new_axes(None, 7.0, 2.8), found["losses"]
    ax.plot(range(1, len(losses) + 1), losses, color=TEAL, linewidth=2)
    begins = [i for i, is_onset in enumerate(found["onsets"]) if is_onset]
    ax.plot([i + 1 for i in begins], [losses[i] for i in begins], "o", color=VERMILLION)
    symbol_ticks(ax.xaxis, found["symbols"])
    ax.set(xlabel="the letter to be predicted", ylabel="loss (nats)", ylim=(0, None))
    return show(ax)


def tree_of_words(stage: str) -> str:
    """Draw which words lie near each other in a network's mean states."""
    return show(plot_dendrogram(read("elman1990")["curves"]["states"][stage]))


def reach_of_gradients() -> str:
    """Draw how well the long-range symbol is told, by how far gradients go back."""
    found, ax = read("reber")["curves"], new_axes(None, 7.0, 3.4)
    for chunk, shares in zip(found["chunks"], found["long_range"], strict=True):
        ax.plot([chunk] * len(shares), shares, "o", color=TEAL, alpha=FAINT)
    medians = [float(np.median(shares)) for shares in found["long_range"]]
    ax.plot(found["chunks"], medians, color=TEAL, linewidth=2)
    ax.axhline(0.5, color=ink(), linewidth=1, linestyle="--", alpha=FAINT)
    ax.set_xscale("log", base=2)
    ax.set_xticks(found["chunks"], [str(chunk) for chunk in found["chunks"]])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="symbols that gradients go back at most", ylabel="last symbol but one right")
    return show(ax)


def solve_rates_of_the_notebook() -> str:
    """Draw the share of seeds that memorise "ihello", by learning rate and epochs."""
    found = read("notebook")["curves"]
    _, panels = plt.subplots(1, 2, figsize=(7, 4), layout="constrained")
    for ax, (name, solved) in zip(panels, found["solved"].items(), strict=True):
        rates = [[Rate(count, found["seeds"]) for count in row] for row in solved]
        grid = ("learning rate", found["rates"]), ("epochs", found["epochs"])
        plot_solve_rate(rates, *grid, mark=(0.05, 100), ax=ax)
        ax.set_title(name, loc="left", fontsize="medium")
    return show(panels[0])


def ablation(task: str) -> str:
    """Draw the accuracy beyond the training lengths, without one ingredient and another."""
    rows = [row for row in read("deletang2023")["curves"]["ablation"] if row["task"] == task]
    named = dict.fromkeys(_ingredients(row) for row in rows)
    ax = new_axes(None, 7.0, 0.9 + 0.3 * len(named))
    for place, name in enumerate(named, 1):
        shares = [row["accuracy"] for row in rows if _ingredients(row) == name]
        ax.plot(shares, [place] * len(shares), "o", color=TEAL, alpha=FAINT)
    ax.set_yticks(range(1, len(named) + 1), list(named))
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel=f"{task}: accuracy at lengths 41 to 500", xlim=(0, 1.02))
    ax.set_ylim(len(named) + 0.5, 0.5)
    return show(ax)


def _ingredients(row: Mapping[str, Any]) -> str:
    lengths = "growing lengths" if row["grow"] else "all lengths at once"
    return f"{row['nonlinearity']}, {row['recurrent_init']}, {lengths}"


def lengths_of_deletang() -> str:
    """Draw the accuracy by length of the first seed of each regular task."""
    found = read("deletang2023")["curves"]["by_length"]
    ax = new_axes(None, 7.0, 3.4)
    for name in ("parity", "even_pairs", "cycle_navigation", "modular_arithmetic"):
        _draw_lengths(ax, found[name], name)
    ax.axvspan(1, 40, color=ink(), alpha=0.1, linewidth=0)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="length", ylabel="answers right", ylim=(0, 1.05), xlim=(0, 505))
    return show(ax)


def _draw_lengths(ax: Axes, by_length: Mapping[str, float], name: str) -> None:
    ax.plot([int(n) for n in by_length], list(by_length.values()), linewidth=1.5, label=name)


def guesses() -> str:
    """Draw how many networks must be drawn until one solves a task, with 95 % intervals."""
    findings = [f for f in read("guessing")["findings"] if f.unit == "guesses" and f.solved]
    ax = new_axes(None, 7.0, 0.9 + 0.34 * len(findings))
    for place, finding in enumerate(findings, 1):
        rate = Rate(*finding.solved) if finding.solved else Rate(0, 1)
        if rate.count:
            ax.plot([1 / rate.high, 1 / rate.low], [place] * 2, color=TEAL, linewidth=2)
            ax.plot(1 / rate.value, place, "o", color=TEAL)
        else:
            ax.plot(1 / rate.high, place, ">", color=TEAL)
            ax.annotate(" or more", (1 / rate.high, place), xytext=(6, 0),
                        textcoords="offset points", va="center")  # fmt: skip
    names = [finding.what.partition(":")[0] for finding in findings]
    ax.set_yticks(range(1, len(names) + 1), names)
    ax.tick_params(axis="y", length=0)
    ax.set_xscale("log")
    ax.set(xlabel="networks drawn for one that solves it")
    ax.set_ylim(len(names) + 0.5, 0.5)
    return show(ax)
