"""The result of a sweep: rows, solve rates, a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from seqtoys.errors import MissingPackageError, OptionError, quoted
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.tables import html_table, text_table
from seqtoys.support.uncertainty import Proportion
from seqtoys.sweeps.row import SweepRow
from seqtoys.sweeps.table import notes_of, table_of
from seqtoys.training.options import Written, as_written


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep: one row for each seed of each setting, in the order of the grid.

    Printing it shows a table with one line per setting.

    Attributes:
        rows: The rows; those of settings that were not run are missing.
        grid: The values of each name of the grid, as in the rows.
        seeds: The seeds of each setting; empty if unknown.

    Examples:
        >>> pairs = [(lr, seed) for lr in (1, 2) for seed in (0, 1)]
        >>> rows = [SweepRow({"lr": lr}, seed, solved=lr > seed) for lr, seed in pairs]
        >>> result = SweepResult(rows, {"lr": [1, 2]})
        >>> result.where(lr=1).solve_rate
        Proportion(count=1, trials=2)
    """

    rows: list[SweepRow]
    grid: dict[str, list[Written]]
    seeds: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def solve_rate(self) -> Proportion:
        """The proportion of solved rows among those that did not fail."""
        verdicts = [row.solved for row in self.rows if row.solved is not None]
        return Proportion(sum(verdicts), len(verdicts))

    def where(self, **settings: Any) -> SweepResult:
        """Select the rows with the given settings.

        Args:
            **settings: Values of names of the grid.

        Raises:
            OptionError: If the grid has no such name or value.
        """
        wanted = {name: as_written(value) for name, value in settings.items()}
        for name, value in wanted.items():
            if value not in self._values(name):
                raise OptionError(
                    f"expected {name} to be one of {quoted(self.grid[name])}, got {quoted(value)}"
                )
        rows = [row for row in self.rows if {**row.settings, **wanted} == row.settings]
        grid = {**self.grid, **{name: [value] for name, value in wanted.items()}}
        return replace(self, rows=rows, grid=grid)

    @checked
    def rate_grid(self, down: str, across: str) -> list[list[Proportion]]:
        """Compute the solve rates for two names of the grid, pooled over the values of the others.

        Args:
            down: A name of the grid; there is one list of rates per value in `grid[down]`.
            across: Another name; each list has one rate per value in `grid[across]`.

        Returns:
            The rates. Where nothing was run or everything failed, the rate has 0 trials and the
            value nan.

        Raises:
            OptionError: If the grid has no such names, or both are the same.

        Examples:
            >>> rows = [SweepRow({"lr": lr, "layers": 1}, 0, solved=lr > 1) for lr in (1, 2)]
            >>> SweepResult(rows, {"lr": [1, 2], "layers": [1]}).rate_grid("lr", "layers")
            [[Proportion(count=0, trials=1)], [Proportion(count=1, trials=1)]]
        """
        if down == across:
            raise OptionError(f"expected two names of the grid, got {quoted(down)} twice")
        lines, columns = self._values(down), self._values(across)
        return [
            [self.where(**{down: line, across: column}).solve_rate for column in columns]
            for line in lines
        ]

    def to_records(self) -> list[dict[str, Any]]:
        """Return the rows as flat records, with columns for the grid's names and each fact."""
        return [row.to_record() for row in self.rows]

    def to_dataframe(self) -> Any:
        """Return a `pandas.DataFrame` of the records.

        Raises:
            MissingPackageError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingPackageError(
                "to_dataframe requires pandas; install it with pip install pandas"
            ) from None
        return pandas.DataFrame.from_records(self.to_records())

    def __iter__(self) -> Iterator[SweepRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        table = [text_table(*table_of(self.rows))] if self.rows else []
        return "\n\n".join(table + self._notes())

    def _repr_html_(self) -> str:
        from html import escape  # imported here because it is slow and rarely needed

        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        table = html_table(*table_of(self.rows)) if self.rows else ""
        return table + notes.replace("\n", "<br>")

    def _notes(self) -> list[str]:
        cells = math.prod(map(len, self.grid.values()))
        return notes_of(self.rows, cells, len(self.seeds))

    def _values(self, name: str) -> list[Written]:
        if name not in self.grid:
            raise OptionError(
                f"expected a name of the grid, {quoted(list(self.grid))}, got {quoted(name)}"
            )
        return self.grid[name]
