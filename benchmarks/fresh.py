"""Measure in a fresh process that has so many threads; this file is what that process runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any


def run_fresh(function: str, threads: int, /, **options: Any) -> Any:
    """Call a function in a fresh process and give back its plain result.

    Args:
        function: Its module and name: "benchmarks.hihello:measure".
        threads: How many threads PyTorch and JAX compute with there.
        **options: What to call it with, as plain values.
    """
    command = [sys.executable, "-m", "benchmarks.fresh", function, str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if threads == 1:
        flags = [os.environ.get("XLA_FLAGS", ""), "--xla_cpu_multi_thread_eigen=false"]
        environment["XLA_FLAGS"] = " ".join(flags).strip()
    done = subprocess.run(
        [*command, json.dumps(options)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(function: str, threads: str, options: str) -> None:
    """Call a function as `run_fresh` asks, and print its result."""
    keep_to_cores(int(threads))
    import torch  # after the cores are settled, as its pools of threads are

    torch.set_num_threads(int(threads))
    module, _, name = function.partition(":")
    result = getattr(import_module(module), name)(**json.loads(options))
    print(json.dumps(result))


def keep_to_cores(count: int) -> None:
    """Keep this process to some cores: XLA has as many threads as it sees cores."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-count:])  # the first one is the busiest with the rest


if __name__ == "__main__":
    main(*sys.argv[1:])
