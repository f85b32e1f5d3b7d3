"""Find where the replicas-last layout trains faster: `python -m benchmarks.layouts`.

It prints the time of `fit` with replicas last divided by that with replicas first; below 1,
replicas last is faster. The threshold in `seqtoys.models.elman.layouts.choose_layout` comes from
these numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import torch

from benchmarks.timing import Contestant, take_turns
from seqtoys import Batch, ElmanEnsemble, Vocab, fit
from seqtoys.models.elman import ensemble
from seqtoys.models.elman.layouts import REPLICAS_FIRST, REPLICAS_LAST, Layout

REPLICAS, UNITS, SEQUENCES = (128, 256, 1000), (5, 8, 12, 16, 32), (1, 32)
VOCAB = Vocab("hielo")


def main() -> None:
    """Print one table for a single sequence, and one for 32."""
    torch.set_num_threads(1)
    for sequences in SEQUENCES:
        batch = Batch.from_texts(["hihello"] * sequences, VOCAB)
        print(f"\n{sequences} x 6 symbols; rows: units, columns: replicas")
        print(" " * 6 + "".join(f"{count:>8}" for count in REPLICAS))
        for units in UNITS:
            ratios = [compare(count, units, batch) for count in REPLICAS]
            print(f"{units:>6}" + "".join(f"{ratio:8.2f}" for ratio in ratios))


def compare(replicas: int, units: int, batch: Batch) -> float:
    """Return the time of 10 epochs with replicas last, relative to replicas first."""
    contestants: dict[str, Contestant] = {
        name: lambda layout=layout: _training(replicas, units, batch, layout)  # type: ignore[misc]
        for name, layout in (("last", REPLICAS_LAST), ("first", REPLICAS_FIRST))
    }
    seconds = take_turns(contestants, repeats=3)
    return min(seconds["last"]) / min(seconds["first"])


def _training(replicas: int, units: int, batch: Batch, layout: Layout) -> Callable[[], object]:
    with patch.object(ensemble, "choose_layout", lambda *_: layout):
        networks = ElmanEnsemble(VOCAB, range(replicas), hidden_size=units)
    return lambda: fit(networks, batch, epochs=10, progress=False)


if __name__ == "__main__":
    main()
