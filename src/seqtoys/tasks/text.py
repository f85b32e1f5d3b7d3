"""Tasks from user-supplied sequences: texts with next-symbol prediction, or pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.baselines import Baselines, conditional_entropy, count_baselines, number_prefixes
from seqtoys.data.batch import Batch, Pair
from seqtoys.data.symbols import Symbols, several
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Array, Floats, Ints
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.task import Task


class Listed(Task):
    """The abstract base class of tasks with a list of equally likely sequences.

    At each position, the best possible prediction is the distribution of what follows the prefix
    in the list. The optimum is its mean surprise, which is 0 if each prefix determines what
    follows.

    Args:
        batch: The sequences.
        vocab: The vocabulary.
        name: The name of the task.
        source: The origin of the task.
    """

    level: str | None = "finite"

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
        """The mean surprise given the full prefix, over the list."""
        return self._baselines.full_past

    @property
    def memoryless(self) -> Estimate:
        """The mean surprise given only the current symbol, over the list."""
        return Estimate(self._baselines.memoryless)

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent target in the list."""
        targets = self.batch.targets[self.batch.scored]
        return Estimate(targets.bincount().max().item() / len(targets))

    def why_no_length(self, length: int) -> str | None:
        """Return why no listed sequence has this length, or None if one has it."""
        if length in self._lengths:
            return None
        return f"possible lengths are {', '.join(map(str, self._lengths))}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences uniformly from the list."""
        rows = self._rows if length is None else self._rows[self._counts == length]
        chosen = rows[torch.randint(len(rows), (batch_size,), generator=generator)]
        lengths = self._counts[chosen]
        width = int(lengths.max())
        inputs, targets = (
            part[:, :width].index_select(0, chosen)
            for part in (self.batch.inputs, self.batch.targets)
        )
        return Batch(inputs, targets, lengths)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each target of sequences of the list, in nats.

        Raises:
            DataError: If a target never follows its prefix in the list, restricted to lengths in
                `batch.length_range`.
        """
        lengths = batch.length_range
        surprise = self._beginnings(lengths).surprise(batch)
        if np.isinf(surprise).any():
            at = "" if lengths is None else f" with lengths in {lengths}"
            raise DataError(
                f"expected sequences of {self.name}{at}, got some that are not in its list"
            )
        return torch.from_numpy(surprise)

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task:
        """Return the task restricted to the listed sequences for which `holds` is true."""
        kept = self.batch.take(holds(self.batch).nonzero().flatten())
        return Listed(kept, self.vocab, name=self.name, source=self.source)

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        batch, weights = self._weighted(lengths)
        return _mean_surprise(number_prefixes(batch.inputs.numpy()), batch, weights)

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        batch, weights = self._weighted(lengths)
        return _mean_surprise(batch.inputs.numpy(), batch, weights)

    def _weighted(self, lengths: tuple[int, ...]) -> tuple[Batch, Floats]:
        """Return the sequences of some lengths, and their probabilities up to a factor."""
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


def _mean_surprise(contexts: Ints, batch: Batch, weights: Floats) -> Estimate:
    """Compute the weighted mean surprise at the targets of a batch, given their contexts."""
    scored, targets = batch.scored.numpy(), batch.targets.numpy()
    each = np.broadcast_to(weights[:, np.newaxis], scored.shape)
    return Estimate(conditional_entropy(contexts[scored], targets[scored], each[scored]))


class Text(Listed):
    """Your own texts: predict each next symbol.

    Args:
        texts: Sequences of at least two symbols each.
        vocab: The vocabulary. If None, the symbols of the texts in order of first appearance.
        name: The name of the task.
        source: The origin of the task.

    Raises:
        DataError: If there are no texts, or one has fewer than two symbols.
        UnknownSymbolError: If a symbol is not in the vocabulary.

    Examples:
        `h` is followed by `a` or `o`, which no model can predict:

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
    """Your own input and target sequences: predict the target of each input symbol.

    Args:
        pairs: Input and target sequences; both sequences of a pair have the same length.
        vocab: The vocabulary. If None, the symbols of the pairs in order of first appearance.
        name: The name of the task.
        source: The origin of the task.

    Raises:
        DataError: If there are no pairs, or the two sequences of one differ in length.
        UnknownSymbolError: If a symbol is not in the vocabulary.

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

    `h` is followed by `i` or `e`, and `l` by `l` or `o`: the memoryless loss is
    $4 \ln 2 / 6 = 0.4621$ nats per symbol, and with memory it is 0.

    Examples:
        >>> task = hihello()
        >>> print(task.sample(1).show(task.vocab))
        inputs   hihell
        targets  ihello
        >>> task.optimum, task.memoryless
        (0.0, Estimate(0.4620..., 0.0))
    """
    return Text(["hihello"], name="hihello", source="tutorial example")


WIDTH = 2**32  # the number of keys per node: more than any symbol index


class Beginnings:
    """A prefix tree of listed input sequences, with the targets at each node.

    Args:
        batch: The sequences.
        weights: The probability of each sequence, up to a factor.
    """

    def __init__(self, batch: Batch, weights: Floats) -> None:
        inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
        nodes = 1 + number_prefixes(inputs)  # (batch, time); 0 is the root
        parents = np.pad(nodes[:, :-1], ((0, 0), (1, 0)))
        self._edges, first = np.unique(parents * WIDTH + inputs, return_index=True)
        self._children = nodes.ravel()[first]
        scored = batch.scored.numpy()
        each = np.broadcast_to(weights[:, np.newaxis], scored.shape)[scored]
        self._pairs, at = np.unique((nodes * WIDTH + targets)[scored], return_inverse=True)
        together = np.bincount(at, each)
        owner = self._pairs // WIDTH
        self._surprise = np.log(np.bincount(owner, together)[owner] / together)

    def surprise(self, batch: Batch) -> Array:
        """Return the surprise at each target of given sequences.

        Returns:
            Nats, `(batch, time)`: nan where nothing is scored, inf for targets not in the list.
        """
        inputs, targets = batch.inputs.cpu().numpy(), batch.targets.cpu().numpy()
        nodes, node = np.empty(inputs.shape, np.int64), np.zeros(len(inputs), np.int64)
        for t, symbols in enumerate(inputs.T):
            place, is_listed = _find(node * WIDTH + symbols, self._edges)
            node = np.where(is_listed, self._children[place], -1)  # -1: outside the tree
            nodes[:, t] = node
        place, is_listed = _find(nodes * WIDTH + targets, self._pairs)
        surprise = np.where(is_listed, self._surprise[place], np.inf)
        return np.where(batch.scored.cpu().numpy(), surprise, np.nan)


def _find(keys: Array, known: Array) -> tuple[Array, Array]:
    """Return the positions of keys among sorted known ones, and whether each is known."""
    place = known.searchsorted(keys).clip(max=len(known) - 1)
    return place, known[place] == keys
