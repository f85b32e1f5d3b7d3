"""Answer tasks whose answers are known well enough to tell what guessing gives, exactly."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.support.entropy import entropy
from seqtoys.support.estimate import Estimate
from seqtoys.tasks.answers import AnswerTask


class KnownShares(AnswerTask):
    """The abstract base of answer tasks that know how frequent each answer symbol is.

    A model without memory sees the blank alone, which is the same everywhere. So the best it can
    do is to predict each symbol with its share among all answer symbols: its loss is the entropy
    of the shares, and its accuracy the largest of them; both are exact.

    Examples:
        >>> from seqtoys.tasks.chomsky.regular import EvenPairs
        >>> task = EvenPairs()
        >>> task.shares(), task.chance
        ([0.5125, 0.4875...], Estimate(0.5125, 0.0))
    """

    @abstractmethod
    def shares(self) -> list[float]:
        """Compute the share of each answer symbol, over the lengths of training."""

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the shares, in nats."""
        return Estimate(entropy(*self.shares()))

    @property
    def chance(self) -> Estimate:
        """The largest share."""
        return Estimate(max(self.shares()))


def draw_bits(
    batch_size: int, length: int, generator: torch.Generator
) -> Int[Tensor, "batch length"]:
    """Draw strings of 0s and 1s, all alike."""
    return torch.randint(2, (batch_size, length), generator=generator)
