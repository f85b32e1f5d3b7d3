"""Call everything public with wild arguments: expect a valid result or a library error.

    python -m tests.fuzz --seconds 600 --seed 1

Each call begins with valid arguments; then one, two or three of them are replaced by something
wild, or damaged from within. The result is inspected in every way, and nothing global may
have changed. A call that fails is printed with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import io
import itertools
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch

import seqtoys
from seqtoys import SeqtoysError
from tests.fuzz_models import MODEL_CALLS
from tests.fuzz_shown import SHOWN_CALLS
from tests.fuzz_targets import CALLS as OTHER_CALLS
from tests.fuzz_targets import Call
from tests.fuzz_values import damage, wild

CALLS = {**OTHER_CALLS, **SHOWN_CALLS, **MODEL_CALLS}
PATIENCE = 20  # seconds after which a call counts as hanging
MEMORY = 12 * 2**30  # bytes of address space; the process itself takes about 3 GiB
MESSAGE = 2000  # maximum characters
SHOWN = 300  # characters of an argument
VALUES = str(Path(__file__).with_name("fuzz_values.py"))  # errors raised here count as a user's
SOURCE = str(Path(seqtoys.__file__).parent)


class Hanging(BaseException):
    """A call that takes too long."""


def hang(number: int, frame: FrameType | None) -> None:
    """Handle the alarm."""
    raise Hanging


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Work in a temporary folder, with warnings as errors."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        warnings.catch_warnings(),
    ):
        # Optimizers and figures import these, which adds warning filters.
        for name in ("torch._dynamo", "scipy.cluster.hierarchy"):
            importlib.import_module(name)
        warnings.simplefilter("error")
        yield Path(folder)


def _open_files() -> list[str]:
    """Return the open files but for fonts, which matplotlib keeps open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.append(os.readlink(each))
    return sorted(name for name in found if not name.endswith((".ttf", ".otf")))


def global_state() -> dict[str, Any]:
    """Return the global state that no call may change."""
    return {
        "torch's random state": torch.get_rng_state().tolist(),
        "NumPy's random state": str(np.random.get_state()),  # noqa: NPY002 - it is to stay
        "Python's random state": random.getstate(),
        "the grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "the precision of products": torch.get_float32_matmul_precision(),
        "the style of figures": dict(matplotlib.rcParams),
        "the folder": os.getcwd(),
        "the open files": _open_files(),
        "the environment": dict(os.environ),
        "the streams": (sys.stdout, sys.stderr, sys.stdin),
        "the limit of recursion": sys.getrecursionlimit(),
        "the threads": torch.get_num_threads(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "the warnings filter": list(warnings.filters),
        "NumPy's errors": np.geterr(),
        "the handlers of signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "the trace function": sys.gettrace(),
    }


def explore(value: Any, depth: int = 0) -> None:
    """Inspect a result: its text forms and its public properties."""
    if isinstance(value, Iterator):
        value = list(itertools.islice(value, 5))
    if isinstance(value, list | tuple) and depth < 2:
        for item in value[:3]:
            explore(item, depth + 1)
    if not type(value).__module__.startswith("seqtoys"):
        return
    repr(value), str(value)
    if hasattr(type(value), "__len__"):
        len(value)
    if hasattr(type(value), "__iter__"):
        list(itertools.islice(value, 5))
    for name in dir(type(value)):
        if not name.startswith("_") and not callable(getattr(type(value), name)):
            getattr(value, name)


def is_users_error(error: BaseException) -> bool:
    """Return whether an error comes from a user's model or from a wild value.

    This includes errors of `on_epoch`, and warnings that the library itself gives.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    last = frames[-1].f_code
    if last.co_filename == VALUES:
        return True
    if type(error) is UserWarning and last.co_filename.startswith(SOURCE):
        return True
    ours = [i for i, each in enumerate(frames) if each.f_code.co_filename.startswith(SOURCE)]
    names = [frame.f_code.co_name for frame in frames[max(ours, default=0) :]]
    return "_call_impl" in names or names == ["_run_epoch"]


def run(call: Call) -> str | None:
    """Make a call and return what went wrong, or None."""
    before, figures = global_state(), plt.get_fignums()
    handler = signal.signal(signal.SIGALRM, hang)
    signal.alarm(PATIENCE)
    wrong = None
    try:
        explore(call.function(*call.positional, **call.named))
    except SeqtoysError as error:
        if not 0 < len(str(error)) <= MESSAGE:
            wrong = f"an error with a message of {len(str(error)):,} characters"
        elif plt.get_fignums() != figures:
            wrong = "an error that leaves a figure open"
    except (Exception, Hanging) as error:
        wrong = None if is_users_error(error) else traceback.format_exc()
    finally:
        plt.close("all")
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    after = global_state()
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        wrong = f"{wrong or ''}\nchanged: {', '.join(changed)}"
    return wrong


@torch.random.fork_rng(devices=[])  # since PyTorch modules among the values draw weights
def make(name: str, seed: int, folder: Path) -> Call:
    """Make a call with valid arguments, and spoil some of them."""
    rng = random.Random(f"{name} {seed}")
    call = CALLS[name](rng, folder)
    places: list[Any] = [*range(len(call.positional)), *call.named]
    spoilt = rng.sample(places, min(len(places), rng.choice((0, 1, 1, 1, 2, 3))))
    for place in spoilt:
        values: Any = call.positional if isinstance(place, int) else call.named
        if rng.random() < 0.6:
            values[place] = wild(rng, str(place), call.amounts)
        else:
            values[place] = damage(rng, values[place], str(place), call.amounts)
    return call


def shown(call: Call) -> str:
    """Format a call's arguments as far as possible."""

    def brief(value: Any) -> str:
        try:
            text = repr(value)
        except Exception as error:
            text = f"<no repr: {error}>"
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

    parts = [brief(value) for value in call.positional]
    parts += [f"{name}={brief(value)}" for name, value in call.named.items()]
    return ", ".join(parts)


def fuzz(numbers: Iterable[tuple[str, int]], report: Callable[[str], None]) -> int:
    """Make calls by names and numbers, report each failure, and return their count."""
    wrong, calls, reported = 0, 0, set[str]()
    with workplace() as folder:
        for name, number in numbers:
            call = make(name, number, folder)
            arguments = shown(call)
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                trouble = run(call)
            calls += 1
            if trouble is not None:
                wrong += 1
                last = trouble.strip().splitlines()[-1]
                if (key := f"{name} {last[:60]}") not in reported:
                    reported.add(key)
                    report(f"== {name}, number {number}: {arguments}\n{trouble}")
    report(f"{calls:,} calls, {wrong} of them wrong")
    return wrong


def for_a_while(names: list[str], seed: int, seconds: float) -> Iterator[tuple[str, int]]:
    """Yield calls by name and number until the time is up."""
    end = time.monotonic() + seconds
    for number in itertools.count(seed * 10_000_000):
        for name in names:
            if time.monotonic() > end:
                return
            yield name, number


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(CALLS), help="names of calls")
    parser.add_argument("--number", type=int, help="repeat one call, with --only")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.enable()
    matplotlib.use("agg")
    torch.set_num_threads(1)
    names = [name for name in CALLS if any(part in name for part in options.only)]
    numbers: Iterable[tuple[str, int]] = for_a_while(names, options.seed, options.seconds)
    if options.number is not None:
        numbers = [(name, options.number) for name in names]
    sys.exit(min(1, fuzz(numbers, print)))


if __name__ == "__main__":
    main()
