"""KnownPairs: tasks whose baselines follow from the expected pairs of inputs and targets."""

from __future__ import annotations

from abc import abstractmethod

from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.automata.expectations import ExpectedPairs
from seqtoys.tasks.symbol_classes import SymbolClasses
from seqtoys.tasks.task import Task


class KnownPairs(Task):
    """The abstract base class of tasks with known frequencies of each input and its target.

    Each batch has one of the training lengths, all equally likely.
    """

    @abstractmethod
    def _pairs(self, lengths: tuple[int, ...]) -> ExpectedPairs | SymbolClasses:
        """Compute the expected pairs at scored positions, for equally likely lengths."""

    @property
    def memoryless(self) -> Estimate:
        """The entropy of a target given the current symbol, in nats."""
        return self.memoryless_of(self.lengths)

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent target."""
        return Estimate(self._pairs(self.possible_lengths(self.lengths)).chance)

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return Estimate(self._pairs(lengths).memoryless)
