"""ByLabel: the loss and the accuracy by what a symbol requires, such as the gap to recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from seqtoys.records.units import Units, in_units
from seqtoys.support.arguments import check_fields
from seqtoys.support.tables import html_table, text_table
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_choice, check_columns
from seqtoys.support.words import counted


@dataclass(frozen=True, repr=False)
class ByLabel:
    """The loss and the accuracy by an integer label of the scored symbols, one row per value.

    Labels with more than 24 values are binned by powers of two: 0, 1, 2 to 3, 4 to 7 and so on.

    Attributes:
        name: The name of the label, as in `task.labels`.
        low: The lower bound of the labels in each row.
        high: The upper bound; the same as `low` if each value has its own row.
        scored: The number of scored symbols.
        loss: The mean loss over these symbols, in nats.
        accuracy: The proportion of these symbols predicted correctly.
        optimum: The mean loss of the best model on these symbols. None if the surprise of
            the task at each position is unknown.
        excess: `loss - optimum`, or None.

    Raises:
        DataError: If the columns differ in length.

    Examples:
        >>> from seqtoys import ElmanCharModel, evaluate, get_task
        >>> task = get_task("hop", length=16)
        >>> model = ElmanCharModel(task.vocab, seed=0)
        >>> report = evaluate(model, task, by="gap", count=100, longer=[])
        >>> report.seen.by_label.low[:3], report.seen.by_label.excess[1]
        ([0, 2, 3], Estimate(1.8..., 0.05...))
    """

    name: str
    low: list[int]
    high: list[int]
    scored: list[int]
    loss: list[Estimate]
    accuracy: list[Estimate]
    optimum: list[float] | None = None
    excess: list[Estimate] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_columns({name: x for name, x in vars(self).items() if isinstance(x, list)})

    def __len__(self) -> int:
        return len(self.low)

    def __str__(self) -> str:
        return text_table(*self.cells())

    def __repr__(self) -> str:
        return f"ByLabel({self.name}, {counted(len(self), 'row')})"

    def _repr_html_(self) -> str:
        return html_table(*self.cells())

    @property
    def rows(self) -> list[tuple[int, int]]:
        """The lower and the upper bound of each row."""
        return list(zip(self.low, self.high, strict=True))

    def cells(self, units: Units = "nats") -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows of a table.

        Args:
            units: The units of the losses, as in `Report.table`.

        Raises:
            OptionError: If the units are unknown.
        """
        check_choice("units", units, get_args(Units))
        columns = {
            self.name: [bounds(*row) for row in self.rows],
            "scored": list(map(str, self.scored)),
            "loss" if units == "nats" else units: [str(in_units(x, units)) for x in self.loss],
        }
        if self.optimum is not None and self.excess is not None:
            columns["optimum"] = [str(in_units(x, units)) for x in self.optimum]
            excess = "ratio" if units == "perplexity" else "excess"
            columns[excess] = [str(in_units(x, units)) for x in self.excess]
        columns["accuracy"] = list(map(percent, self.accuracy))
        return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def bounds(low: int, high: int) -> str:
    """Return the name of a row.

    Examples:
        >>> bounds(1, 1), bounds(8, 15)
        ('1', '8 to 15')
    """
    return f"{low}" if low == high else f"{low} to {high}"


def percent(share: Estimate) -> str:
    """Return a proportion in percent, with its standard error.

    Examples:
        >>> percent(Estimate(0.912, 0.013)), percent(Estimate(0.5))
        ('91.2 ± 1.3%', '50.0%')
    """
    error = share.standard_error
    known = "" if share.is_exact or error == float("inf") else f" ± {100 * error:.1f}"
    return f"{100 * share:.1f}{known}%"
