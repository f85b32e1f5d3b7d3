"""Train 1,000 seeds of the notebook's network, against hand-written loops and JAX."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks import peers
from benchmarks.fresh import run_fresh
from benchmarks.machine import has_jax
from benchmarks.timing import Contestant, Row, compare, share_of_time, take_turns, times_as_fast
from seqtoys import ElmanEnsemble, Vocab, fit

SEEDS = 1000
LOOPS = 5  # loops that are timed
DATA = ("hihell", "ihello")
UNROLLED = 6  # all steps unrolled: the fastest for JAX once compiled

AGAINST_LOOPS = {
    "fit": times_as_fast("fit alone, against the loop by hand, per model", 500, aim=1000),
    "fit, all texts": times_as_fast("fit, every predicted text read out, per model"),
    "build and fit": times_as_fast("building and fit, against both by hand, per model", 250),
}
WARM = share_of_time("fit, against JAX once compiled", 0.90)
FIRST = share_of_time("first fit of a process, against JAX's first call", 0.15)


def measure(threads: int, quick: bool) -> list[Row]:
    """Time 100 epochs of 1,000 networks, and of 5 loops; then the first calls of `fit` and JAX."""
    jax: dict[str, Contestant] = {"jax": _jax()} if has_jax() else {}
    contestants: dict[str, Contestant] = {
        **jax,
        "fit": _fit,
        "loop": _loops,
        "fit, all texts": _fit_and_read,
        "build and fit": lambda: lambda: _train(_ensemble()),
        "build and loop": lambda: lambda: _run_loops(_rnns()),
    }
    seconds = take_turns(contestants, repeats=3 if quick else 7)
    rows = []
    for name, claim in AGAINST_LOOPS.items():
        peer = seconds["build and loop" if name == "build and fit" else "loop"]
        shares = {"our_share": 1 / SEEDS, "peer_share": 1 / LOOPS}
        rows.append(compare(claim, seconds[name], peer, **shares))
    if has_jax():
        rows.append(compare(WARM, seconds["fit"], seconds["jax"]))
        rows.append(_measure_first_calls(threads, repeats=1 if quick else 3))
    return rows


def first_fit() -> float:
    """Time the first `fit` call of this process."""
    return _timed(_fit())


def first_jax() -> float:
    """Time JAX's first call in this process, with its device already initialized."""
    from benchmarks.jax_peers import seeds_trainer

    weights = _jax_weights()
    return _timed(lambda: seeds_trainer(unroll=1)(weights))


def _measure_first_calls(threads: int, repeats: int) -> Row:
    calls = ("first_fit", "first_jax")
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name in calls:
            seconds[name].append(run_fresh(f"benchmarks.seeds:{name}", threads))
    return compare(FIRST, seconds["first_fit"], seconds["first_jax"])


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _ensemble() -> ElmanEnsemble:
    return ElmanEnsemble(Vocab(peers.SYMBOLS), seeds=range(SEEDS))


def _train(ensemble: ElmanEnsemble) -> Any:
    return fit(ensemble, DATA, epochs=100, lr=0.05, progress=False)


def _fit() -> Callable[[], object]:
    ensemble = _ensemble()
    return lambda: _train(ensemble)


def _fit_and_read() -> Callable[[], object]:
    ensemble = _ensemble()

    def run() -> object:
        history = _train(ensemble)
        return [history[replica].predictions for replica in range(SEEDS)]

    return run


def _rnns() -> list[Any]:
    return [peers.make_rnn(seed) for seed in range(LOOPS)]


def _run_loops(rnns: list[Any]) -> object:
    return [peers.learn_whole(rnn) for rnn in rnns]


def _loops() -> Callable[[], object]:
    rnns = _rnns()
    return lambda: _run_loops(rnns)


def _jax() -> Contestant:
    from benchmarks.jax_peers import seeds_trainer

    train, weights = seeds_trainer(unroll=UNROLLED), _jax_weights()
    return lambda: lambda: train(weights)


def _jax_weights() -> Any:
    from benchmarks.jax_peers import stacked

    return stacked(peers.make_rnn(seed) for seed in range(SEEDS))
