"""scorecard: measure what a model can do, skill by skill."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import torch

from seqtoys.scorecards.card import ScoreCard
from seqtoys.scorecards.factory import MakeModel, check_factory
from seqtoys.scorecards.row import CardRow
from seqtoys.scorecards.run import SkillCell, failed_rows, run_skill
from seqtoys.scorecards.skills import RECIPES, Level, choose_skills
from seqtoys.support.arguments import checked
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.values import check_choice
from seqtoys.sweeps.cells import check_seeds
from seqtoys.sweeps.code_digest import code_digest
from seqtoys.sweeps.dispatch import Work, run_cells
from seqtoys.sweeps.journal import Journal, key_of
from seqtoys.training.interrupt import postponed_interrupt
from seqtoys.training.options import as_written
from seqtoys.training.progress import is_wanted
from seqtoys.version import __version__

# A cell has one seed, and so only one part.
WORK = Work(run_skill, failed_rows, lambda cell: [run_skill(cell)], lambda cell: [cell])


@checked
def scorecard(
    make_model: MakeModel,
    *,
    seeds: Iterable[int] = range(3),
    level: Level = "quick",
    skills: Iterable[str] | None = None,
    executor: Executor | None = None,
    path: PathLike | None = None,
    progress: bool | None = None,
) -> ScoreCard:
    r"""Measure what a model can do: train it on twelve small tasks, one per skill.

    Each skill has a fixed recipe (`list_skills`): a task with its lengths, a maximum number of
    updates, and learning rates of AdamW. The first seed tries the learning rates in turn until one
    solves the skill, and the other seeds use its best one. Training stops early when the mean loss
    over 20 updates is 99% of the way from no memory to the optimum.

    **Score.** The trained model is measured on sequences that it has never seen, of training
    lengths and about twice as long. With $L$ its loss, $M$ the loss of a model that only knows how
    often each symbol follows the current one in training, and $O$ the loss of the source of the
    sequences, all on the same sequences,

    $$\text{score} = 100 \cdot \frac{M - L}{M - O} .$$

    It is 0 without memory and 100 at the optimum, and is not clipped: a model that is confidently
    wrong is below 0, as happens on sequences longer than any in training.

    A model that looks ahead or mixes the sequences of a batch, before or after training, or
    returns logits of the wrong shape or nan, fails with the reason in its row. Any other exception
    also fails only its own cell. One cell is one seed of one skill; each runs on one PyTorch
    thread, with the global random generators seeded and restored, so that the scores do not depend
    on where and in which order cells run. Ctrl-C stops cleanly and returns the finished rows.

    Args:
        make_model: Called as `make_model(vocab, seed)`; returns a `torch.nn.Module` that maps
            indices `(batch, time)` to logits `(batch, time, vocab)`. A parameter named `seed` is
            passed by name, so `ElmanCharModel` will do; set other arguments with
            `functools.partial`.
        seeds: The seeds of the models, and of their training data.
        level: `"quick"`, which takes a few minutes, or `"full"`, with longer sequences and larger
            vocabularies.
        skills: Names of skills. If None, all twelve.
        executor: Any `concurrent.futures.Executor`, with processes, threads, or a cluster. If
            None, cells run sequentially in this process.
        path: A file to append finished rows to. A score card that was stopped or killed resumes
            from it: finished rows are kept, failed ones are retried. More seeds and skills may be
            added later.
        progress: Whether to show a progress bar with the time left. If None, only in a terminal or
            notebook.

    Returns:
        The score card. Print it, or call its `to_html` and `to_json`.

    Raises:
        OptionError: If the factory cannot be called so, or an argument is invalid.
        DataError: If the file belongs to another model or level, holds results of other code, or
            is not the file of a score card.
        ModelFileError: If it can't be read or written.

    Examples:
        >>> from seqtoys.models import GRUCharModel
        >>> card = scorecard(GRUCharModel, seeds=[0], skills=["parity"])
        >>> card.solved
        ['parity']
    """
    check_factory(make_model)
    check_choice("level", level, get_args(Level))
    names = [skill.name for skill in choose_skills(skills)]
    chosen = list(check_seeds(seeds))
    name = str(as_written(make_model))
    versions = {} if path is None else {"code": code_digest(make_model)}
    about = {"scorecard": name, "level": level, "recipes": RECIPES}
    with Journal(path, about, CardRow.from_json, "score card") as journal:
        cells = [
            SkillCell(skill, level, seed, None, make_model, versions)
            for seed in chosen
            for skill in names
        ]
        for cell in cells:
            journal.check_version(_key(cell), versions)
        _run(cells, journal, executor, progress)
    rows = [journal.rows[key] for cell in cells if (key := _key(cell)) in journal.rows]
    rows.sort(key=lambda row: (names.index(row.skill), chosen.index(row.seed)))
    return ScoreCard(name, level, names, chosen, rows, _facts())


def _key(cell: SkillCell) -> tuple[str, int]:
    return key_of({"skill": cell.skill, "level": cell.level}, cell.seed)


def _run(
    cells: Sequence[SkillCell],
    journal: Journal[CardRow],
    executor: Executor | None,
    progress: bool | None,
) -> None:
    """Run the cells missing from a journal: the first seed, then the others at its rates."""
    from tqdm import tqdm  # imported here because it is slow

    first = cells[0].seed
    missing = [cell for cell in cells if not journal.has(_key(cell))]
    done = len(cells) - len(missing)
    total = len(cells)
    with tqdm(total=total, initial=done, unit="cell", disable=not is_wanted(progress)) as bar:
        try:
            for is_first in (True, False):
                left = [cell for cell in missing if (cell.seed == first) is is_first]
                if not is_first:
                    left = [_at_known_rate(cell, first, journal) for cell in left]
                with closing(run_cells(left, executor, WORK)) as finished:
                    for _, rows in finished:
                        with postponed_interrupt() as raise_if_interrupted:
                            journal.add(rows)
                            bar.update()
                            raise_if_interrupted()
        except KeyboardInterrupt:
            pass


def _at_known_rate(cell: SkillCell, first: int, journal: Journal[CardRow]) -> SkillCell:
    """Return a cell with the learning rate that the first seed chose, if it did not fail."""
    row = journal.rows.get(key_of({"skill": cell.skill, "level": cell.level}, first))
    rate = None if row is None else row.lr
    return replace(cell, lr=rate)


def _facts() -> dict[str, str]:
    """Return what the results were made with."""
    return {
        "recipes": str(RECIPES),
        "seqtoys": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
