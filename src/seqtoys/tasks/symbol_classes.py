"""Exact baselines of tasks whose symbols fall into classes of exchangeable symbols."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from seqtoys.support.uncertainty import Estimate


@dataclass(frozen=True)
class SymbolClasses:
    """The expected pairs of input and target of a task, by the classes of the two symbols.

    Within a class, such as "letter" or "mark", all symbols are equally likely, whatever the other
    symbol of the pair.

    Attributes:
        sizes: The number of symbols in each class.
        pairs: The expected number of scored positions per sequence, by the class of the input and
            of the target.

    Examples:
        Two letters or a mark, each followed by a letter:

        >>> classes = SymbolClasses({"letter": 2, "mark": 1}, {("mark", "letter"): 4.0})
        >>> classes.memoryless, classes.chance
        (Estimate(0.6931..., 0.0), Estimate(0.5, 0.0))
    """

    sizes: Mapping[str, int]
    pairs: Mapping[tuple[str, str], float]

    @property
    def memoryless(self) -> Estimate:
        """The conditional entropy of the target given the input, in nats."""
        above = self._total_by(0)
        surprise = sum(
            count * math.log(above[before] * self.sizes[after] / count)
            for (before, after), count in self.pairs.items()
            if count
        )
        return Estimate(surprise / sum(self.pairs.values()))

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent target."""
        below = self._total_by(1)
        most = max(count / self.sizes[name] for name, count in below.items())
        return Estimate(most / sum(self.pairs.values()))

    def _total_by(self, side: int) -> dict[str, float]:
        totals = dict.fromkeys(self.sizes, 0.0)
        for pair, count in self.pairs.items():
            totals[pair[side]] += count
        return totals
