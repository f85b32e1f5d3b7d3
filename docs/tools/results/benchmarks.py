"""The tables of the benchmarks page, from results stored by `python -m benchmarks --write`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STORED = Path(__file__).parents[3] / "benchmarks" / "results.json"
STORED_ON_GPU = STORED.with_name("gpu.json")
HEAD = "| measurement | threads | ratio | target | verdict | seqtoys | peer |"
RULE = "| --- | --- | --- | --- | --- | --- | --- |"
HEAD_ON_GPU = "| training | losses | weights | verdict | CPU | GPU |"
RULE_ON_GPU = "| --- | --- | --- | --- | --- | --- |"
NO_GPU = "No result of a GPU is stored yet."


def machine(path: Path = STORED) -> str:
    """Return a sentence on the machine and versions that the results were measured with."""
    facts = _read(path)["machine"]
    versions = [f"{name} {facts[name]}" for name in ("torch", "numpy", "jax", "optax")]
    known = [text for text in versions if not text.endswith("None")]
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, "
        f"{', '.join(known)}."
    )


def table(benchmark: str, path: Path = STORED) -> str:
    """Return the rows of one benchmark as a Markdown table, grouped by measurement.

    Args:
        benchmark: The name of the benchmark.
        path: The stored results.
    """
    rows = _read(path)["rows"].get(benchmark, [])
    if not rows:
        return "Not measured."
    names = list(dict.fromkeys(row["name"] for row in rows))
    rows = sorted(rows, key=lambda row: (names.index(row["name"]), row["threads"]))
    dates = sorted({row["date"] for row in rows})
    count = min(row["repeats"] for row in rows)
    note = f"Measured on {', '.join(dates)}; medians of at least {count} repeats."
    return "\n".join([HEAD, RULE, *map(_line, rows), "", note])


def gpu_table(path: Path = STORED_ON_GPU) -> str:
    """Return the comparison of GPU and CPU as a Markdown table, or say that there is none yet.

    Args:
        path: The results that `python -m benchmarks.gpu --write` stores.
    """
    if not path.exists():
        return NO_GPU
    stored = _read(path)
    facts, rows = stored["machine"], stored["rows"]["gpu"]
    dates = ", ".join(sorted({row["date"] for row in rows}))
    where = (
        f"{facts['gpu']} (CUDA {facts['cuda']}), against one thread of {facts['cpu']}, "
        f"Python {facts['python']}, torch {facts['torch']}"
    )
    return "\n".join([HEAD_ON_GPU, RULE_ON_GPU, *map(_gpu_line, rows), "",
                      f"Measured on {dates}: {where}."])  # fmt: skip


def _gpu_line(row: Mapping[str, Any]) -> str:
    if "error" in row:
        reason = " ".join(row["error"].replace("|", " ").split())
        return f"| {row['name']} | | | **failed**: {reason} | | |"
    verdict = "met" if row["met"] else "**missed**"
    differences = f"{row['losses']:.1e} | {row['weights']:.1e}"
    speeds = f"{number(row['cpu'])} updates/s | {number(row['gpu'])} updates/s"
    return f"| {row['name']} | {differences} | {verdict} | {speeds} |"


def _line(row: Mapping[str, Any]) -> str:
    spread = f"({number(row['low'])} to {number(row['high'])})"
    verdict = {True: "met", False: "**missed**", None: ""}[row["met"]]
    cells = [
        row["name"],
        str(row["threads"]),
        f"**{number(row['ratio'])}** {row['unit']} {spread}",
        _target(row),
        verdict,
        amount(row["ours"], row["scale"]),
        amount(row["peer"], row["scale"]),
    ]
    return f"| {' | '.join(cells)} |"


def _target(row: Mapping[str, Any]) -> str:
    parts = []
    if row["target"] is not None:
        parts.append(f"{row['bound']} {row['target']:,g}")
    if row["aim"] is not None:
        parts.append(f"aim {row['aim']:,g}")
    if row.get("limit") is not None:
        parts.append(f"at most {amount(row['limit'], row['scale'])}")
    return ", ".join(parts) or "none"


def number(value: float) -> str:
    """Format a ratio with three significant digits.

    Examples:
        >>> number(0.2345), number(7.5), number(1234.5)
        ('0.234', '7.50', '1,234')
    """
    digits = next((d for bound, d in ((1, 3), (10, 2), (100, 1)) if value < bound), 0)
    return f"{value:,.{digits}f}"


def amount(value: float, scale: str) -> str:
    """Format a measurement; choose s, ms or µs for seconds.

    Examples:
        >>> amount(0.0123, "s"), amount(0.0000456, "s"), amount(250, "MiB")
        ('12.3 ms', '45.6 µs', '250 MiB')
    """
    if scale != "s":
        return f"{number(value)} {scale}"
    factor, unit = next(
        (f, u) for low, f, u in ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs")) if value >= low
    )
    return f"{number(value * factor)} {unit}"


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
