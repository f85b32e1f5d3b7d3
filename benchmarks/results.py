"""Benchmark results: printed as one line per row, and stored in a file for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.timing import Row

STORED = Path(__file__).with_name("results.json")


def show(row: Row) -> str:
    """Format a row as one line.

    Examples:
        >>> from benchmarks.timing import share_of_time
        >>> row = share_of_time("fit", 0.4).judge([0.3, 0.1, 0.2], 0.02, 0.1, "s")
        >>> show({**row, "threads": 1})
        '1 thread   fit: 0.2 of its time (0.1 to 0.3), 0.02 s and 0.1 s; at most 0.4: met'
    """
    threads = "1 thread " if row["threads"] == 1 else f"{row['threads']} threads"
    spread = f"({row['low']:.3g} to {row['high']:.3g})"
    both = " and ".join(f"{row[side]:.3g} {row['scale']}" for side in ("ours", "peer"))
    line = f"{threads}  {row['name']}: {row['ratio']:.3g} {row['unit']} {spread}, {both}"
    if row["met"] is None:
        return line
    limit = "" if row["limit"] is None else f"at most {row['limit']:g} {row['scale']}"
    target = "" if row["target"] is None else f"{row['bound']} {row['target']:g}"
    required = " and ".join(filter(None, [target, limit]))
    return f"{line}; {required}: {'met' if row['met'] else 'MISSED'}"


def store(
    benchmark: str,
    rows: Sequence[Row],
    path: Path = STORED,
    order: Sequence[str] = (),
    machine: Mapping[str, Any] | None = None,
) -> None:
    """Store the rows of one benchmark, replacing its earlier ones.

    Rows from another machine or other versions are dropped, so that no table mixes them.

    Args:
        benchmark: The name of the benchmark.
        rows: The new rows.
        path: The file.
        order: The names of all benchmarks, in the order of the file.
        machine: What they were measured on. If None, what `describe` returns.
    """
    machine = describe() if machine is None else machine
    kept = _rows_of(path, machine)
    kept[benchmark] = list(rows)
    ranked = sorted(kept, key=lambda name: order.index(name) if name in order else len(order))
    results = {"machine": machine, "rows": {name: kept[name] for name in ranked}}
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rows_of(path: Path, machine: Mapping[str, Any]) -> dict[str, list[Row]]:
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return dict(stored["rows"]) if stored["machine"] == machine else {}
