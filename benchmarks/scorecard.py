"""Score cards of known architectures, which are shipped with the package.

    python -m benchmarks.scorecard                     # show what is shipped
    python -m benchmarks.scorecard --write             # make it again; resumes after a stop

Finished rows are kept in benchmarks/scorecards/, one file per architecture, size and level.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import get_args

from torch import nn

import seqtoys.models
from seqtoys import scorecard
from seqtoys.results import ScoreCard
from seqtoys.scorecards.references import FILE, write_references
from seqtoys.scorecards.skills import RECIPES, Level
from seqtoys.support.atomic_file import write_whole
from seqtoys.training.options import as_written

ARCHITECTURES = (
    "ElmanCharModel",
    "GRUCharModel",
    "LSTMCharModel",
    "TransformerCharModel",
    "LRUCharModel",
    "MambaCharModel",
    "DeltaNetCharModel",
)
ROWS = Path(__file__).with_name("scorecards")
SHIPPED = Path(seqtoys.__file__).parent / "scorecards" / FILE
LARGEST = 200_000  # bytes of the shipped file


def find_architectures(parameters: int) -> list[Callable[..., nn.Module]]:
    """Return a factory for each architecture.

    Args:
        parameters: The number of parameters of each model.
    """
    return [
        partial(getattr(seqtoys.models, name), parameters=parameters) for name in ARCHITECTURES
    ]


def measure(
    make_model: Callable[..., nn.Module], level: Level, seeds: int, workers: int
) -> ScoreCard:
    """Measure one architecture, or read what is left of it from its file.

    Args:
        make_model: The factory.
        level: The level of the recipes.
        seeds: The number of seeds.
        workers: The number of processes.
    """
    name = re.sub(r"\W+", "-", f"{as_written(make_model)}{level}")
    ROWS.mkdir(exist_ok=True)
    path = ROWS / f"{name}-recipes-{RECIPES}.jsonl"
    with ProcessPoolExecutor(workers) as pool:
        return scorecard(make_model, seeds=range(seeds), level=level, executor=pool, path=path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Show the shipped score cards, or make them again.

    Args:
        arguments: The command-line arguments. If None, they are taken from `sys.argv`.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="make them, and write the file")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000], help="parameters")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each skill")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--level", choices=get_args(Level), default="quick")
    options = parser.parse_args(arguments)
    if not options.write:
        print("\n\n".join(map(str, ScoreCard.references(options.level))))
        return
    made = {
        (card.model, card.level): card
        for level in get_args(Level)
        for card in ScoreCard.references(level)
    }
    for size in options.sizes:
        for make_model in find_architectures(size):
            card = measure(make_model, options.level, options.seeds, options.workers)
            print(f"{card}\n", flush=True)
            if card.is_complete:
                made[card.model, card.level] = card
                write(list(made.values()))


def write(cards: list[ScoreCard]) -> None:
    """Write the shipped file, in the order of the architectures.

    Args:
        cards: The score cards.
    """
    order = [(name, size) for size in (10_000, 1000, 100_000) for name in ARCHITECTURES]
    places = {f"{name}(parameters={size})": at for at, (name, size) in enumerate(order)}
    cards = sorted(cards, key=lambda card: (card.level, places.get(card.model, len(places))))
    contents = write_references([card.to_json() for card in cards]).encode()
    if len(contents) > LARGEST:
        raise SystemExit(f"the file would have {len(contents):,} bytes, above {LARGEST:,}")
    write_whole(SHIPPED, contents)


if __name__ == "__main__":
    main()
