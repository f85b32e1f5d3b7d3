"""Run the benchmarks and print each ratio with its target: `python -m benchmarks`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.fresh import run_fresh
from benchmarks.machine import count_cores, describe, has_jax, is_busy
from benchmarks.results import show, store
from benchmarks.timing import Row

BENCHMARKS = (
    "hihello",
    "seeds",
    "sizes",
    "ensembles",
    "text",
    "own_loop",
    "sampling",
    "memory",
    "large",
    "tasks",
    "start",
)
THREADS = (1, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The command-line arguments. If None, they are taken from `sys.argv`.
    """
    options = _read(arguments)
    _say_what_runs()
    for name in options.names or BENCHMARKS:
        print(f"\n{name}", flush=True)
        rows = [row for n in options.threads for row in _measure(name, n, quick=options.quick)]
        if options.write:
            store(name, rows, order=BENCHMARKS)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="few repeats, for a rough estimate")
    parser.add_argument("--write", action="store_true", help="store the results for the page")
    cores = [threads for threads in THREADS if threads <= count_cores()]
    parser.add_argument("--threads", type=int, nargs="+", choices=cores, default=cores)
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"expected names among {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    if options.write and (options.quick or options.threads != cores):
        parser.error("--write stores full runs: it cannot be combined with --quick or --threads")
    return options


def _say_what_runs() -> None:
    print(", ".join(f"{name} {value}" for name, value in describe().items() if value is not None))
    if not has_jax():
        print("JAX is not installed, its rows are skipped: pip install -e '.[bench]' adds them")
    if is_busy():
        print("the machine was busy in the last minute: results with two threads may be off")


def _measure(name: str, threads: int, *, quick: bool) -> list[Row]:
    rows = run_fresh(f"benchmarks.{name}:measure", threads, threads=threads, quick=quick)
    rows = [{**row, "threads": threads} for row in rows]
    for row in rows:
        print(show(row), flush=True)
    return rows


if __name__ == "__main__":
    main()
