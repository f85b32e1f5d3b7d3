"""Results of a script: each number next to the published one, with its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from seqtoys.results import Proportion

STORED = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Finding:
    """A measured number, and the numbers to compare it with.

    Attributes:
        what: What was measured, in a few words.
        here: The measured number.
        unit: The unit: `"bits"` or `"nats"` per scored symbol, or `"%"`.
        published: The paper's number, or None if it gives none.
        optimum: The optimum on the same sequences.
        memoryless: The memoryless baseline.
        solved: How many seeds solved it, out of how many, or None if not counted.
        seconds: The training time.
        settings: The settings of the run.
        note: A remark for the reader.
    """

    what: str
    here: float
    unit: str
    published: float | None = None
    optimum: float | None = None
    memoryless: float | None = None
    solved: tuple[int, int] | None = None
    seconds: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    note: str = ""

    def __str__(self) -> str:
        parts = [f"{self.what}: {self.here:.4g} {self.unit}"]
        if self.published is not None:
            parts.append(f"published {self.published:g}")
        if self.optimum is not None:
            parts.append(f"optimum {self.optimum:.4g}")
        if self.memoryless is not None:
            parts.append(f"without memory {self.memoryless:.4g}")
        if self.solved is not None:
            parts.append(f"solved {Proportion(*self.solved)}")
        return f"{', '.join(parts)} ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class Study:
    """All results of a script.

    Attributes:
        findings: The measured numbers.
        curves: The data of the figures, as plain values.
        went_on: Whether it resumed an interrupted run, whose total time is unknown.
    """

    findings: list[Finding]
    curves: dict[str, Any] = field(default_factory=dict[str, Any])
    went_on: bool = False


def store(name: str, study: Study, seconds: float, folder: Path = STORED) -> None:
    """Store the results of a script, with the machine it ran on.

    Args:
        name: The name of the script.
        study: The results.
        seconds: The run time of the whole script.
        folder: The folder of the files.
    """
    facts = {
        "command": f"python -m benchmarks.published {name} --write",
        "machine": describe(),
        "date": date.today().isoformat(),
        "seconds": None if study.went_on else round(seconds, 1),
        "findings": [asdict(finding) for finding in study.findings],
        "curves": study.curves,
    }
    folder.mkdir(exist_ok=True)
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read(name: str, folder: Path = STORED) -> Mapping[str, Any]:
    """Read what `store` wrote, with the findings as `Finding` objects."""
    facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    facts["findings"] = [
        Finding(**{**row, "solved": tuple(row["solved"]) if row["solved"] else None})
        for row in facts["findings"]
    ]
    return dict(facts)
