"""Answer tasks with a known answer distribution, and so with exact baselines."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.vocab import Vocab
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.tasks.answers import AnswerTask


class KnownProbabilities(AnswerTask):
    """The abstract base class of answer tasks with known proportions of the answer symbols.

    A memoryless model sees only the blank, which is the same everywhere. So the best it can do is
    to predict each symbol with its proportion among all answer symbols: its loss is the entropy
    of these proportions, and its accuracy the largest of them; both are exact.

    Examples:
        >>> from seqtoys.tasks.chomsky.regular import EvenPairs
        >>> task = EvenPairs()
        >>> task.answer_probabilities(), task.chance
        ([0.5125, 0.4875...], Estimate(0.5125, 0.0))
    """

    @abstractmethod
    def answer_probabilities(self) -> list[float]:
        """Compute the proportion of each answer symbol over the training lengths."""

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the answer symbols, in nats."""
        return Estimate(entropy(*self.answer_probabilities()))

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent answer symbol."""
        return Estimate(max(self.answer_probabilities()))


class RandomBits(KnownProbabilities):
    """The abstract base class of tasks on uniform bits with 0 and 1 as equally likely answers.

    Examples:
        >>> from seqtoys.tasks.chomsky.regular import Parity
        >>> Parity().sample(1, length=9).inputs.tolist(), Parity().chance
        ([[1, 0, 1, 0, 0, 0, 1, 1, 1, 2]], Estimate(0.5, 0.0))
    """

    vocab: Vocab = Vocab("01=")

    def answer_probabilities(self) -> list[float]:
        """Return equal proportions: all answer symbols are equally likely."""
        return [1 / 2] * 2

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw bits."""
        return draw_bits(batch_size, length, generator)


def draw_bits(
    batch_size: int, length: int, generator: torch.Generator
) -> Int[Tensor, "batch length"]:
    """Draw uniform strings of 0s and 1s."""
    return torch.randint(2, (batch_size, length), generator=generator)
