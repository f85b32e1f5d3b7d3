"""Reproduce published numbers: `python -m benchmarks.published`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import import_module

import torch

from benchmarks.published.findings import store

SCRIPTS = (
    *("lan2022", "elman1990", "reber", "notebook", "deletang2023", "guessing"),
    *("shai2024", "edelman2024", "liu2023", "merrill2024", "hewitt2020"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The command-line arguments. If None, they are taken from `sys.argv`.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--quick", action="store_true", help="small runs, for a rough estimate")
    parser.add_argument("--write", action="store_true", help="store the results for the page")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(SCRIPTS)
    if unknown:
        parser.error(f"expected names among {', '.join(SCRIPTS)}, got {', '.join(unknown)}")
    if options.write and options.quick:
        parser.error("--write stores full runs: it cannot be combined with --quick")
    torch.set_num_threads(1)  # most tensors are tiny; larger jobs run in several processes
    for name in options.names or SCRIPTS:
        print(f"\n{name}", flush=True)
        started = time.perf_counter()
        study = import_module(f"benchmarks.published.{name}").measure(quick=options.quick)
        seconds = time.perf_counter() - started
        for finding in study.findings:
            print(finding)
        print(f"{seconds:.0f} s in total", flush=True)
        if options.write:
            store(name, study, seconds)


if __name__ == "__main__":
    main()
