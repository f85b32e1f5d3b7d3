"""The machine and the versions that a measurement ran on."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("seqtoys", "torch", "numpy", "jax", "optax")


def describe() -> dict[str, str | int | None]:
    """Return the processor, the number of cores, the system and the versions."""
    return {
        "cpu": _cpu(),
        "cores": count_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def has_jax() -> bool:
    """Return whether the JAX peers can run."""
    return _version("jax") is not None and _version("optax") is not None


def is_busy() -> bool:
    """Return whether the machine was busy in the last minute."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5


def _cpu() -> str:
    facts = Path("/proc/cpuinfo")
    text = facts.read_text() if facts.exists() else ""
    found = re.search(r"^model name\s*: (.+)$", text, flags=re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
