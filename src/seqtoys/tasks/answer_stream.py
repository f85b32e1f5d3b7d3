"""AnswerStream: a stream of symbols, some of which are answers that the stream determines."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import UNSCORED, Batch, trusted_batch
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.scoring import Scoring
from seqtoys.tasks.symbol_classes import SymbolClasses
from seqtoys.tasks.task_checks import check_sequences


class AnswerStream(KnownPairs):
    """The abstract base class of streams of symbols that contain answers.

    Each symbol is predicted from those before it; the first is given. With `score="answers"`, only
    the answers are scored, which the stream determines: the optimum is 0. With `score="all"`,
    every next symbol is scored. `length` counts the symbols that a model reads: all but the last.

    A model knows which lengths are possible, but not that of the stream it reads. So if there are
    several, it expects the end of the stream with a probability that follows from all of them.

    Attributes:
        score: What is scored, `"answers"` or `"all"`.
        sizes: The number of symbols in each class of exchangeable symbols.
        answers: The class of the answers.
        shows_end: Whether a stream shows that it ends, by symbols that no longer stream has there.
            If not, its length must not matter: all symbols before the end are as in longer ones.
    """

    score: Scoring
    sizes: dict[str, int]
    answers: str
    shows_end: bool

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
        """Compute the surprise of each symbol of streams of known length, in nats.

        Returns:
            The surprise given all symbols before, inf if impossible.
        """

    @abstractmethod
    def expected_surprise(self, length: int) -> float:
        """Compute the expected surprise of all symbols of a stream of known length."""

    @abstractmethod
    def first_classes(self, length: int) -> dict[str, float]:
        """Compute the probability of each class of the first symbol."""

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
        return trusted_batch(inputs, targets)

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
        lengths = self._lengths_of(batch)
        surprise = self._surprise_over(symbols.clamp(min=0), lengths)[:, 1:]  # (batch, length)
        wrong = ~scored.all(1) | (inputs != symbols[:, :-1]).any(1) | surprise.isinf().any(1)
        check_sequences(self, batch, ~wrong.numpy(), " with every symbol scored")
        return surprise

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return self.score == "all"

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        if self.score == "answers":
            return Estimate(0.0)
        total = math.fsum(map(self.expected_surprise, lengths))
        # A stream that shows its end also shows which of the lengths it has.
        total += len(lengths) * math.log(len(lengths)) if self.shows_end else 0.0
        return Estimate((total - len(lengths) * self._first_entropy(lengths)) / sum(lengths))

    def _first_entropy(self, lengths: tuple[int, ...]) -> float:
        """Compute the expected surprise of the first symbol, which is not scored."""
        from statistics import mean  # slow to load, rarely needed

        each = [self.first_classes(length) for length in lengths]
        chances = {name: mean(part[name] for part in each) for name in each[0]}
        choice = math.fsum(chance * math.log(self.sizes[name]) for name, chance in chances.items())
        return entropy(*chances.values()) + choice

    def _lengths_of(self, batch: Batch) -> tuple[int, ...]:
        """Return the lengths that streams of a batch may have had, all equally likely."""
        length, bounds = batch.inputs.shape[1], batch.length_range
        possible = self.possible_lengths(bounds or self.lengths)
        return possible if self.shows_end and length in possible else (length,)

    def _surprise_over(
        self, symbols: Int[Tensor, "batch symbols"], lengths: tuple[int, ...]
    ) -> Float[Tensor, "batch symbols"]:
        """Compute the surprise of each symbol of streams of one of some equally likely lengths."""
        if len(lengths) == 1:
            return self.symbol_surprise(symbols)
        chances = torch.stack([self._prefix_chances(symbols, length) for length in lengths])
        after = chances.logsumexp(0)  # (batch, symbols)
        surprise = after.roll(1, 1) - after  # no stream begins with another: each shows its end
        return torch.where(after.isinf(), math.inf, surprise)

    def _prefix_chances(
        self, symbols: Int[Tensor, "batch symbols"], length: int
    ) -> Float[Tensor, "batch symbols"]:
        """Compute ln P of the symbols up to each, for streams of one length; -inf beyond them."""
        more = length + 1 - symbols.shape[1]
        # The surprise depends only on earlier symbols, so any may follow.
        surprise = self.symbol_surprise(F.pad(symbols, (0, more)))
        return F.pad(-surprise.cumsum(1), (0, -more), value=-math.inf)

    def _pairs(self, lengths: tuple[int, ...]) -> SymbolClasses:
        """Return the pairs of symbols that are scored, for equally likely lengths."""
        if self.score == "answers":
            # The class of the symbol before an answer does not matter: answers are uniform.
            return SymbolClasses(self.sizes, {(self.answers, self.answers): 1.0})
        pairs = Counter[tuple[str, str]]()
        for length in lengths:
            pairs.update(self.expected_pairs(length))
        return SymbolClasses(self.sizes, pairs)
