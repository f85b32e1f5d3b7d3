"""card: measure what a model can do, skill by skill."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from seqtoys import scorecard
from seqtoys.cli.terminal import fold, note
from seqtoys.errors import ModelFileError
from seqtoys.scorecards.card import ScoreCard
from seqtoys.scorecards.factory import import_factory
from seqtoys.support.atomic_file import writing
from seqtoys.support.file_kinds import stat_regular
from seqtoys.support.values import check_count

MOST_WORKERS = 8


def run(options: Namespace) -> int:
    """Measure a model, print its score card, and write it to files."""
    make_model = import_factory(options.factory)
    seeds = range(check_count("--seeds", options.seeds, 1))
    skills = None if options.skills is None else [s.strip() for s in options.skills.split(",")]
    for path in filter(None, (options.html, options.json)):
        _check_file(path)
    with _workers(options.workers) as executor:
        card = scorecard(
            make_model,
            seeds=seeds,
            level=options.level,
            skills=skills,
            executor=executor,
            path=options.path,
        )
        # Before the workers end, which after Ctrl-C may take a while.
        print("\n".join(map(fold, str(card).split("\n"))), flush=True)
        _write(card, options)
    if not card.is_complete:
        return 130
    return 1 if all(row.error is not None for row in card) else 0


def _workers(count: int | None) -> ProcessPoolExecutor | nullcontext[Executor | None]:
    """Return the processes to run in, or nothing for this process alone."""
    cores = min(os.cpu_count() or 1, MOST_WORKERS)
    chosen = cores if count is None else check_count("--workers", count, 1)
    if chosen == 1:
        return nullcontext(None)
    # Ctrl-C reaches the workers, too, which would each print a traceback.
    quietly = (signal.SIGINT, signal.SIG_DFL)
    return ProcessPoolExecutor(chosen, initializer=signal.signal, initargs=quietly)


def _check_file(path: str) -> None:
    """Check that a file can be written, before minutes of training."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise ModelFileError(f"can't write {path}: there is no folder {folder}; create it first")
    if Path(path).is_dir():
        raise ModelFileError(f"can't write {path}: it is a folder; give the path of a file in it")
    with writing(path):
        stat_regular(path)
    if not os.access(path if Path(path).exists() else folder, os.W_OK):
        raise ModelFileError(f"can't write {path}: permission denied; use another path")


def _write(card: ScoreCard, options: Namespace) -> None:
    if options.json is not None:
        card.to_json(options.json)
        note(f"wrote {options.json}")
    if options.html is not None:
        card.to_html(options.html)
        note(f"wrote {options.html}")
