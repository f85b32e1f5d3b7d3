"""The command line: `python -m benchmarks.published` derives published numbers again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import import_module

import torch

from benchmarks.published.findings import store

SCRIPTS = ("lan2022", "elman1990", "reber", "notebook", "deletang2023", "guessing")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The words after `python -m benchmarks.published`; None: those of the program.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--quick", action="store_true", help="a look, not a result")
    parser.add_argument("--write", action="store_true", help="store what is found, for the page")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(SCRIPTS)
    if unknown:
        parser.error(f"expected names among {', '.join(SCRIPTS)}, got {', '.join(unknown)}")
    if options.write and options.quick:
        parser.error("--write stores full runs only")
    torch.set_num_threads(1)  # most tensors are tiny; what is large runs in several processes
    for name in options.names or SCRIPTS:
        print(f"\n{name}", flush=True)
        started = time.perf_counter()
        study = import_module(f"benchmarks.published.{name}").measure(quick=options.quick)
        seconds = time.perf_counter() - started
        for finding in study.findings:
            print(finding)
        print(f"{seconds:.0f} s in all", flush=True)
        if options.write:
            store(name, study, seconds)


if __name__ == "__main__":
    main()
