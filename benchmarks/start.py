"""How long Python takes to load the library, and to answer `python -m seqtoys --help`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.timing import Row, compare, share_of_time, take_turns

PACKAGE, NAMES = "import seqtoys", "from seqtoys import ElmanCharModel, Vocab, fit"
IMPORTS = {
    line: share_of_time(f"{line}, against import torch, numpy before it", limit=0.04)
    for line in (PACKAGE, NAMES)
}
HELP = share_of_time("python -m seqtoys --help, against python -c pass", limit=0.3)

# In one process, so that the time of PyTorch, which varies, is not part of the difference.
SCRIPT = """
from time import perf_counter
started = perf_counter()
import torch, numpy
loaded = perf_counter()
{line}
print(perf_counter() - loaded, loaded - started)
"""


def measure(threads: int, quick: bool) -> list[Row]:
    """Time fresh processes, one at a time; more threads make no difference."""
    if threads > 1:
        return []
    repeats = 3 if quick else 7
    import_seconds(NAMES)  # the first may have to compile the modules, and to read them from disk
    imports = {line: [import_seconds(line) for _ in range(repeats)] for line in IMPORTS}
    seconds = take_turns({"help": _command("-m", "seqtoys", "--help"),
                          "pass": _command("-c", "pass")}, repeats)  # fmt: skip
    return [
        *(compare(IMPORTS[line], *zip(*pairs, strict=True)) for line, pairs in imports.items()),
        compare(HELP, seconds["help"], seconds["pass"]),
    ]


def import_seconds(line: str) -> tuple[float, float]:
    """Return how long a fresh process takes for an import, and for the packages before it."""
    ours, before = map(float, run_python("-c", SCRIPT.format(line=line)).split())
    return ours, before


def run_python(*arguments: str) -> str:
    """Run Python in a fresh process, and return what it prints."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _command(*arguments: str) -> Callable[[], Callable[[], object]]:
    return lambda: partial(run_python, *arguments)
