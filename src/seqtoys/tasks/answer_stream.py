"""AnswerStream: a stream of symbols, some of which are answers that the stream determines."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.scoring import Scoring
from seqtoys.tasks.symbol_classes import SymbolClasses
from seqtoys.tasks.task_checks import check_sequences


class AnswerStream(KnownPairs):
    """The abstract base class of streams of symbols that contain answers.

    Each symbol is predicted from those before it; the first is given. With `score="answers"`, only
    the answers are scored, which the stream determines: the optimum is 0. With `score="all"`,
    every next symbol is scored. `length` counts the symbols that a model reads: all but the last.

    Attributes:
        score: What is scored, `"answers"` or `"all"`.
        sizes: The number of symbols in each class of exchangeable symbols.
        answers: The class of the answers.
    """

    score: Scoring
    sizes: dict[str, int]
    answers: str

    @abstractmethod
    def draw_symbols(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch symbols"]:
        """Draw streams of `length + 1` symbols."""

    @abstractmethod
    def find_answers(self, symbols: Int[Tensor, "batch symbols"]) -> Bool[Tensor, "batch symbols"]:
        """Return which of the `symbols` are answers."""

    @abstractmethod
    def symbol_surprise(
        self, symbols: Int[Tensor, "batch symbols"]
    ) -> Float[Tensor, "batch symbols"]:
        """Compute the surprise of each of the `symbols` given those before it, in nats.

        Returns:
            The surprise, inf if impossible; the value for the first symbol is not used.
        """

    @abstractmethod
    def expected_surprise(self, length: int) -> float:
        """Compute the expected surprise of all symbols of a stream but the first."""

    @abstractmethod
    def expected_pairs(self, length: int) -> dict[tuple[str, str], float]:
        """Compute the expected number of consecutive symbols by their classes."""

    @property
    def optimum(self) -> float:
        """The expected surprise per scored symbol: 0 if only answers are scored."""
        return self._optimum_over(self.possible_lengths(self.lengths))

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw streams, and score their answers or every next symbol."""
        symbols = self.draw_symbols(batch_size, length or self.draw_length(generator), generator)
        inputs, targets = symbols[:, :-1], symbols[:, 1:]  # (batch, length)
        if self.score == "answers":
            targets = targets.masked_fill(~self.find_answers(symbols)[:, 1:], UNSCORED)
        return Batch(inputs, targets)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each scored symbol, in nats.

        Raises:
            DataError: If every symbol is scored, and the task cannot generate a sequence.
        """
        inputs, targets, scored = batch.inputs.cpu(), batch.targets.cpu(), batch.scored.cpu()
        if self.score == "answers":
            surprise = torch.zeros(targets.shape, dtype=torch.float64, device="cpu")
            return surprise.masked_fill(~scored, torch.nan)
        symbols = torch.cat([inputs[:, :1], targets], 1)  # (batch, length + 1)
        surprise = self.symbol_surprise(symbols.clamp(min=0))[:, 1:]  # (batch, length)
        wrong = ~scored.all(1) | (inputs != symbols[:, :-1]).any(1) | surprise.isinf().any(1)
        check_sequences(self, batch, ~wrong.numpy(), " with every symbol scored")
        return surprise

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return self.score == "all"

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        if self.score == "answers":
            return Estimate(0.0)
        return Estimate(math.fsum(map(self.expected_surprise, lengths)) / sum(lengths))

    def _pairs(self, lengths: tuple[int, ...]) -> SymbolClasses:
        """Return the pairs of symbols that are scored, for equally likely lengths."""
        if self.score == "answers":
            # The class of the symbol before an answer does not matter: answers are uniform.
            return SymbolClasses(self.sizes, {(self.answers, self.answers): 1.0})
        pairs = Counter[tuple[str, str]]()
        for length in lengths:
            pairs.update(self.expected_pairs(length))
        return SymbolClasses(self.sizes, pairs)
