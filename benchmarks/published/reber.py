"""The Reber grammars: Cleeremans et al. (1989), and Hochreiter & Schmidhuber (1997), experiment 1.

Both report that Elman networks fail on the embedded grammar; the 1997 paper cites that of 1989.
Elman's own procedure propagates gradients back one step; here they go back to the beginning of the
string, or, in a stream of strings, to the beginning of the chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from benchmarks.published.findings import Finding, Study
from benchmarks.published.workers import spread
from seqtoys import Batch, ElmanEnsemble, Task, fit, get_task
from seqtoys.models.forward import logits_of, loss_and_accuracy
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.reber import embedded_reber, long_range

UNITS, SEEDS = 15, 10
STRINGS, TEST_STRINGS = 2000, 10_000
OPTIONS: dict[str, Any] = {"epochs": 40, "batch_size": 64, "lr": 0.01}
CHUNKS = (1, 2, 3, 4, 6, 8, 12, 16, 32)
STREAM_STRINGS = 4000
STREAM_OPTIONS: dict[str, Any] = {"epochs": 15, "batch_size": 16, "lr": 0.005}
TOLD = 0.999  # accuracy on the long-range symbol that counts as solved


def measure(quick: bool) -> Study:
    """Learn both grammars from whole strings, then the embedded one with truncated gradients.

    Args:
        quick: Use two seeds and three chunk sizes.
    """
    seeds = 2 if quick else SEEDS
    findings = [finding for name in ("reber", "embedded_reber") for finding in learn(name, seeds)]
    chunks = (1, 4, 16) if quick else CHUNKS
    cut = spread(partial(learn_stream, seeds=seeds), chunks)
    curves = {
        "chunks": list(chunks),
        "long_range": [finding.settings.pop("long range by seed") for finding in cut],
    }
    return Study([*findings, *cut], curves)


def learn(name: str, seeds: int = SEEDS) -> list[Finding]:
    """Train networks on whole strings, and test them on others.

    Args:
        name: `"reber"` or `"embedded_reber"`.
        seeds: The number of networks, trained side by side.
    """
    task = get_task(name)
    training = task.sample(STRINGS, generator=_generator(0))
    test = task.sample(TEST_STRINGS, generator=_generator(1))
    ensemble = ElmanEnsemble(task.vocab, range(seeds), hidden_size=UNITS)
    history = fit(ensemble, training, progress=False, **OPTIONS)
    losses, _ = loss_and_accuracy(ensemble, test)
    settings = {"units": UNITS, "seeds": f"0 to {seeds - 1}", "strings": STRINGS, **OPTIONS}
    best, memoryless = task.optimal_loss(test), float(task.memoryless)
    found = [
        Finding(
            f"{name}, {UNITS} units, median of {seeds} seeds",
            losses.median().item(),
            "nats",
            None,
            best,
            memoryless,
            seconds=history.seconds,
            settings=settings,
            note=f"{losses.min().item():.4f} to {losses.max().item():.4f}; "
            f"over all strings, the optimum is {task.optimum:.4f}",
        )
    ]
    if isinstance(task, Automaton) and name == "embedded_reber":
        predicted = logits_of(ensemble, test.inputs).argmax(-1)  # (replicas, batch, time)
        at = long_range(task, test)
        right = (predicted == test.targets)[:, at].double().mean(1)
        found.append(
            _long_range("embedded_reber, whole strings", right, settings, history.seconds)
        )
    return found


def learn_stream(chunk: int, seeds: int = SEEDS, **options: Any) -> Finding:
    """Train networks on a stream of strings, with gradients that stay within a chunk.

    Args:
        chunk: The number of symbols per update, and the farthest that gradients go back.
        seeds: The number of networks, trained side by side.
        **options: Options of `fit` that override those of the study.
    """
    task = embedded_reber()
    training, test = (write_strings(task, STREAM_STRINGS, seed) for seed in (0, 1))
    ensemble = ElmanEnsemble(task.vocab, range(seeds), hidden_size=UNITS)
    chosen = {**STREAM_OPTIONS, **options, "chunk": chunk}
    history = fit(ensemble, "".join(training), progress=False, **chosen)
    right = read_stream(ensemble, test)
    settings = {"units": UNITS, "seeds": f"0 to {seeds - 1}", "strings": STREAM_STRINGS, **chosen}
    settings["long range by seed"] = [round(each, 4) for each in right.tolist()]
    what = f"a stream of them, gradients over {chunk} symbol{'s' if chunk > 1 else ''}"
    return _long_range(what, right, settings, history.seconds)


def write_strings(task: Task, count: int, seed: int) -> list[str]:
    """Sample whole strings, from B to E."""
    batch = task.sample(count, generator=_generator(seed))
    rows = zip(batch.inputs, batch.targets, batch.count_symbols().tolist(), strict=True)
    return [
        "".join(task.vocab.symbols[i] for i in (*inputs[:n].tolist(), int(targets[n - 1])))
        for inputs, targets, n in rows
    ]


@torch.no_grad()
def read_stream(ensemble: ElmanEnsemble, strings: Sequence[str]) -> Tensor:
    """Return each replica's accuracy on the long-range symbols of a stream of strings."""
    batch = Batch.from_texts(["".join(strings)], ensemble.vocab)
    predicted = ensemble(batch.inputs)[0].argmax(-1)[:, 0]  # (replicas, time)
    ends = torch.tensor(list(accumulate(map(len, strings))))
    at = ends - 3  # target t is symbol t + 1; the last but one of a string is symbol end - 2
    return (predicted == batch.targets[0])[:, at].double().mean(1)


def _long_range(what: str, right: Tensor, settings: dict[str, Any], seconds: float) -> Finding:
    return Finding(
        f"{what}: last symbol but one right",
        100 * right.median().item(),
        "%",
        None,
        100.0,
        50.0,
        solved=(int((right >= TOLD).sum()), len(right)),
        seconds=seconds,
        settings=settings,
        note=f"solved: at least {TOLD:.1%} right",
    )


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
