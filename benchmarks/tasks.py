"""Sample a batch of each task, against one update of a small network on that batch."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import Claim, Contestant, Row, compare, share_of_time, take_turns
from seqtoys import Batch, ElmanCharModel, Task, get_task, list_tasks
from seqtoys.support.randomness import seeded_generator
from seqtoys.training.fused_adam import FusedAdam
from seqtoys.training.sources import SequencesSource
from seqtoys.training.updates import Updates

SEQUENCES, UNITS, BATCHES = 128, 32, 32
BIG_NUMBERS = ("binary_multiplication", "compute_sqrt")  # use Python's big integers, one at a time
STEP_BY_STEP = ("automata_in_context",)  # walks through another automaton for each sequence


def measure(threads: int, quick: bool) -> list[Row]:
    """Time the sampling of batches, and as many updates, for each task on one thread."""
    if threads > 1:
        return []  # tensors this small don't benefit from more
    contestants: dict[str, Contestant] = {}
    for name in list_tasks():
        task = get_task(name)
        contestants[name] = lambda task=task: lambda: draw(task)  # type: ignore[misc]
        contestants[f"train {name}"] = lambda task=task: _train(task)  # type: ignore[misc]
    seconds = take_turns(contestants, repeats=3 if quick else 7)
    share = {"our_share": 1 / BATCHES, "peer_share": 1 / BATCHES}
    return [
        compare(_claim(name), seconds[name], seconds[f"train {name}"], **share)
        for name in list_tasks()
    ]


def draw(task: Task) -> list[Batch]:
    """Sample the batches that `fit` would sample."""
    generator = seeded_generator(0)
    return [task.sample(SEQUENCES, generator=generator) for _ in range(BATCHES)]


def train(model: ElmanCharModel, batches: list[Batch]) -> Callable[[], None]:
    """Prepare one update on each batch, without the history that `fit` keeps."""
    generator = seeded_generator(0)
    sources = [SequencesSource(each, batch_size=None, generator=generator) for each in batches]
    adam = FusedAdam(model.parameters(), lr=0.01)
    updates = Updates(
        model,
        sources[0],
        adam,
        scheduler=None,
        clip_norm=None,
        stepwise=False,
        symbols=len(model.vocab),
        check=False,
    )

    def run() -> None:
        for source in sources:
            updates.source = source
            updates.run_epoch(lambda: None)
            updates.apply()

    return run


def _train(task: Task) -> Callable[[], None]:
    return train(ElmanCharModel(task.vocab, hidden_size=UNITS), draw(task))


def _claim(name: str) -> Claim:
    return share_of_time(name, 0.50 if name in BIG_NUMBERS + STEP_BY_STEP else 0.10)
