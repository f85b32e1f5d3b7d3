"""Tasks of one's own sequences: texts whose next symbol is learnt, or pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.baselines import Baselines, conditional_entropy, count_baselines, number_prefixes
from seqtoys.data.batch import Batch, Pair
from seqtoys.data.symbols import Symbols, several
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.support.arguments import checked
from seqtoys.support.estimate import Estimate
from seqtoys.tasks.prefix_tree import Beginnings
from seqtoys.tasks.task import Task

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


class Listed(Task):
    """The abstract base of tasks whose sequences are listed, each as likely as any other.

    Sequences agree up to some symbol and then part: at each position the best any model can do is
    to predict what follows that beginning in the list. The optimum is the mean surprise at that,
    and 0 where each beginning decides how to go on.

    Args:
        batch: The sequences.
        vocab: Their symbols.
        name: What to call the task.
        source: Where it comes from.
    """

    level = "finite"

    def __init__(self, batch: Batch, vocab: Vocab, *, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.vocab = vocab
        self.batch: Batch = batch.repeated()
        self._counts = self.batch.count_symbols()
        self._rows = torch.arange(len(self._counts), device="cpu")
        lengths = self._lengths = self._counts.unique().tolist()
        self.lengths: tuple[int, int] = (lengths[0], lengths[-1])
        self._baselines: Baselines = count_baselines(self.batch, len(vocab))
        self._trees: dict[tuple[int, int] | None, Beginnings] = {}

    @property
    def optimum(self) -> float:
        """The mean surprise at what follows each beginning in the list."""
        return self._baselines.full_past

    @property
    def memoryless(self) -> Estimate:
        """The mean surprise at what stands below each symbol in the list."""
        return Estimate(self._baselines.memoryless)

    @property
    def chance(self) -> Estimate:
        """The share of the most frequent target in the list."""
        targets = self.batch.targets[self.batch.scored]
        return Estimate(targets.bincount().max().item() / len(targets))

    def refusal(self, length: int) -> str | None:
        """Say why no sequence of the list has this length; None: some have."""
        if length in self._lengths:
            return None
        return f"those listed have {', '.join(map(str, self._lengths))}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences from the list, each as likely as any other."""
        rows = self._rows if length is None else self._rows[self._counts == length]
        chosen = rows[torch.randint(len(rows), (batch_size,), generator=generator)]
        lengths = self._counts[chosen]
        width = int(lengths.max())
        inputs, targets = (
            part[:, :width].index_select(0, chosen)
            for part in (self.batch.inputs, self.batch.targets)
        )
        return Batch(inputs, targets, lengths)

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the mean surprise of sequences of the list.

        Raises:
            DataError: If a target never follows its beginning in the list, or in those sequences
                of it that have a length in `batch.length_range`.
        """
        return self._mean_surprise(batch)

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task:
        """Return the task of those listed sequences that a function holds."""
        kept = self.batch.take(holds(self.batch).nonzero().flatten())
        return Listed(kept, self.vocab, name=self.name, source=self.source)

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        batch, weights = self._weighted(lengths)
        return _mean_surprise(number_prefixes(batch.inputs.numpy()), batch, weights)

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        batch, weights = self._weighted(lengths)
        return _mean_surprise(batch.inputs.numpy(), batch, weights)

    def _weighted(self, lengths: tuple[int, ...]) -> tuple[Batch, Floats]:
        """The sequences of some lengths, and how likely each is, up to a factor."""
        counts = self._counts.bincount()
        rows = torch.isin(self._counts, torch.tensor(lengths, device="cpu")).nonzero().flatten()
        return self.batch.take(rows), 1 / counts[self._counts[rows]].double().numpy()

    def _beginnings(self, length_range: tuple[int, int] | None) -> Beginnings:
        if length_range not in self._trees:
            if length_range is None:
                batch, weights = self.batch, np.ones(len(self.batch))
            else:
                batch, weights = self._weighted(self.possible_lengths(length_range))
            self._trees[length_range] = Beginnings(batch, weights)
        return self._trees[length_range]

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        lengths = batch.length_range
        surprise = self._beginnings(lengths).surprise(batch)  # (batch, time)
        if np.isinf(surprise).any():
            at = "" if lengths is None else f" with lengths in {lengths}"
            raise DataError(
                f"expected sequences of {self.name}{at}, got some that are not in its list"
            )
        return torch.from_numpy(surprise.sum(1))


def _mean_surprise(contexts: Ints, batch: Batch, weights: Floats) -> Estimate:
    """Compute the weighted mean surprise at the targets of a batch, given their contexts."""
    scored, targets = batch.scored.numpy(), batch.targets.numpy()
    each = np.broadcast_to(weights[:, np.newaxis], scored.shape)
    return Estimate(conditional_entropy(contexts[scored], targets[scored], each[scored]))


class Text(Listed):
    """Texts of one's own: learn each next symbol.

    Args:
        texts: Sequences of two symbols or more.
        vocab: The vocabulary; None: the symbols of the texts, in order of their first appearance.
        name: What to call the task.
        source: Where it comes from.

    Raises:
        DataError: If there is no text, or one of fewer than two symbols.
        UnknownSymbolError: If the vocabulary lacks a symbol.

    Examples:
        After `h` comes `a` or `o`, and no model can know which:

        >>> task = Text(["hat", "hot"])
        >>> task.optimum  # ln 2 for one symbol of two
        0.3465...
        >>> print(task.sample(1).show(task.vocab))
        inputs   ho
        targets  ot
    """

    @checked
    def __init__(
        self,
        texts: Sequence[Symbols],
        *,
        vocab: Vocab | None = None,
        name: str = "text",
        source: str = "my own",
    ) -> None:
        vocab = vocab or Vocab.from_text(*several(texts))
        super().__init__(Batch.from_texts(texts, vocab), vocab, name=name, source=source)


class Pairs(Listed):
    """Input and target sequences of one's own: learn the target of each input symbol.

    Args:
        pairs: Input and target sequences; the two of a pair have one length.
        vocab: The vocabulary; None: the symbols of the pairs, in order of their first appearance.
        name: What to call the task.
        source: Where it comes from.

    Raises:
        DataError: If there is no pair, or its two sequences differ in length.
        UnknownSymbolError: If the vocabulary lacks a symbol.

    Examples:
        >>> task = Pairs([("hihell", "ihello")])
        >>> task.optimum, task.memoryless
        (0.0, Estimate(0.4620..., 0.0))
    """

    @checked
    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        vocab: Vocab | None = None,
        name: str = "pairs",
        source: str = "my own",
    ) -> None:
        vocab = vocab or Vocab.from_text(*(part for pair in pairs for part in pair))
        super().__init__(Batch.from_pairs(pairs, vocab), vocab, name=name, source=source)


def hihello() -> Text:
    r"""One word, "hihello": the smallest text in which the current symbol is not enough.

    Its `h` is followed by `i` and by `e`, its `l` by `l` and by `o`: a model without memory loses
    $4 \ln 2 / 6 = 0.4621$ nats per symbol, one with memory nothing.

    Examples:
        >>> task = hihello()
        >>> print(task.sample(1).show(task.vocab))
        inputs   hihell
        targets  ihello
        >>> task.optimum, task.memoryless
        (0.0, Estimate(0.4620..., 0.0))
    """
    return Text(["hihello"], name="hihello", source="tutorial example")
