"""The result of a sweep: rows, solve rates, a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from seqtoys.errors import DataError, MissingPackageError, OptionError, quoted
from seqtoys.support.arguments import check_fields, checked
from seqtoys.support.tables import html_table, latex_table, markdown_table, text_table
from seqtoys.support.uncertainty import Proportion
from seqtoys.support.words import counted
from seqtoys.sweeps.grid import label_of
from seqtoys.sweeps.row import SweepRow
from seqtoys.sweeps.summary import check_column, rank, summary_of
from seqtoys.sweeps.table import by_setting, notes_of, table_of
from seqtoys.training.options import Written

DEFAULT_COLUMNS = ("solved", "excess", "accuracy")  # of an exported table


@dataclass(frozen=True, repr=False)
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
        wanted = {name: label_of(value) for name, value in settings.items()}
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

    @checked
    def best(self, column: str) -> SweepResult:
        """Select the rows of the best setting.

        Settings are compared by the median of a column over their seeds, or by the solve rate for
        `"solved"`. Seeds that diverged or failed, and rows that can't be trusted, count as the
        worst. The first of equally good settings is selected.

        Args:
            column: A name of a column of the records, such as `"excess"` or `"accuracy_at_50"`.
                Accuracies and `"solved"` are best if high, all others if low.

        Raises:
            OptionError: If there is no such column of numbers.
            DataError: If there are no rows.

        Examples:
            >>> from seqtoys.results import Estimate
            >>> excess = {0.01: Estimate(0.3, 0.01), 0.02: Estimate(0.1, 0.01)}
            >>> rows = [SweepRow({"lr": lr}, 0, excess=excess[lr]) for lr in excess]
            >>> SweepResult(rows, {"lr": list(excess)}).best("excess").grid
            {'lr': [0.02]}
        """
        if not self.rows:
            raise DataError("cannot select the best setting of a sweep without rows")
        check_column(self.rows, column)
        found = min(by_setting(self.rows), key=lambda group: rank(group, column))
        settings = found[0].settings
        return replace(self, rows=found, grid={name: [settings[name]] for name in self.grid})

    @checked
    def to_markdown(self, *columns: str, across: str | None = None) -> str:
        """Return a Markdown table with a line per setting, and 95% intervals.

        Args:
            *columns: Names of columns of the records. Defaults to the solve rate, the excess and
                the accuracy.
            across: A name of the grid whose values are columns of the table, not lines.

        Returns:
            Solve rates, and medians over the seeds. Their intervals are exact; with fewer than six
            seeds, which are too few for one, it is the range of the values.

        Raises:
            OptionError: If there is no such column of numbers, or no such name of the grid.
            DataError: If there are no rows.

        Examples:
            >>> from seqtoys.results import Estimate
            >>> rows = [SweepRow({"lr": 0.1}, n, excess=Estimate(n / 10)) for n in range(1, 10)]
            >>> print(SweepResult(rows, {"lr": [0.1]}).to_markdown("excess"))
            | lr | excess |
            | --- | --- |
            | 0.1 | 0.5000 [0.2000, 0.8000] |
        """
        return markdown_table(*self._summary(columns, across))

    @checked
    def to_latex(self, *columns: str, across: str | None = None) -> str:
        r"""Return the table of `to_markdown` as a LaTeX `tabular`, which needs `booktabs`.

        Args:
            *columns: As for `to_markdown`.
            across: As for `to_markdown`.

        Raises:
            OptionError: If there is no such column of numbers, or no such name of the grid.
            DataError: If there are no rows.

        Examples:
            >>> from seqtoys.results import Estimate
            >>> rows = [SweepRow({"lr": 0.1}, n, excess=Estimate(n / 10)) for n in range(1, 10)]
            >>> print(SweepResult(rows, {"lr": [0.1]}).to_latex("excess"))
            \begin{tabular}{ll}
            ...
            0.1 & 0.5000 [0.2000, 0.8000] \\
            ...
        """
        return latex_table(*self._summary(columns, across))

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

    def __repr__(self) -> str:
        settings = counted(len(by_setting(self.rows)), "setting")
        return f"SweepResult({settings}, {counted(len(self), 'row')}, solved {self.solve_rate})"

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

    def _summary(
        self, columns: tuple[str, ...], across: str | None
    ) -> tuple[list[str], list[list[str]]]:
        if not self.rows:
            raise DataError("cannot make a table of a sweep without rows")
        wide = [] if across is None else self._values(across)
        return summary_of(self.rows, columns or DEFAULT_COLUMNS, across, wide)

    def _values(self, name: str) -> list[Written]:
        if name not in self.grid:
            raise OptionError(
                f"expected a name of the grid, {quoted(list(self.grid))}, got {quoted(name)}"
            )
        return self.grid[name]
