"""Run a measurement in a fresh process with n threads; this file is that process's entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any


def run_fresh(function: str, threads: int, /, **options: Any) -> Any:
    """Call a function in a fresh process and return its JSON-serializable result.

    Args:
        function: The module and name, such as "benchmarks.hihello:measure".
        threads: The number of threads for PyTorch and JAX.
        **options: Keyword arguments of the function, JSON-serializable.
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
    """Call a function on behalf of `run_fresh`, and print its result as JSON."""
    keep_to_cores(int(threads))
    import torch  # after setting the affinity, which its thread pools inherit

    torch.set_num_threads(int(threads))
    module, _, name = function.partition(":")
    result = getattr(import_module(module), name)(**json.loads(options))
    print(json.dumps(result))


def keep_to_cores(count: int) -> None:
    """Pin this process to `count` cores: XLA starts one thread per visible core."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-count:])  # the first core is usually the busiest


if __name__ == "__main__":
    main(*sys.argv[1:])
