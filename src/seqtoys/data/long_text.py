"""One long text, kept in few bytes and read in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seqtoys.data.baselines import Baselines
from seqtoys.data.batch import Batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, UnknownSymbolError, excerpt, quoted
from seqtoys.support.digest import brief

BLOCK = 2**20  # symbols: the most that are held as wide integers at a time
COUNTED_PAIRS = 2**20  # the most pairs of symbols for which a table of counts is kept


class LongText:
    """A text cut into parallel streams, and these into chunks.

    Each stream is a piece of the text; a chunk holds the next symbols of every stream. So a model
    that carries its state from chunk to chunk reads each piece from its start to its end. Of the
    last symbols, fewer than there are streams are left out.

    Args:
        symbols: The indices of the text, as `encode_compact` gives them.
        streams: How many pieces are read side by side.
        chunk: How many symbols of each are read at a time.
        device: Where the chunks are wanted.

    Raises:
        DataError: If a stream would not even hold one symbol and its successor.

    Examples:
        >>> text = LongText(encode_compact("hihello", Vocab("hielo")), streams=2, chunk=2)
        >>> [batch.inputs.tolist() for batch in text.chunks()]
        [[[0, 1], [2, 3]], [[0], [3]]]
    """

    def __init__(
        self,
        symbols: Integer[Tensor, " time"],
        *,
        streams: int,
        chunk: int,
        device: torch.device | str = "cpu",
    ) -> None:
        length = (len(symbols) - 1) // streams
        if length < 1:
            raise DataError(
                f"expected a text of at least {streams + 1} symbols for {streams} streams, "
                f"got {len(symbols)}; give a smaller batch_size"
            )
        count = streams * length
        self._inputs = symbols[:count].view(streams, length)
        self._targets = symbols[1 : count + 1].view(streams, length)
        self._chunk = min(chunk, length)
        self._device = device

    @property
    def scored(self) -> int:
        """The number of symbols that are predicted."""
        return self._targets.numel()

    def chunks(self) -> Iterator[Batch]:
        """Read all streams side by side, chunk by chunk."""
        cuts = zip(
            self._inputs.split(self._chunk, 1), self._targets.split(self._chunk, 1), strict=True
        )
        for inputs, targets in cuts:  # of (streams, chunk); only these are made wide
            yield Batch(inputs.to(self._device).long(), targets.to(self._device).long())

    def fingerprint(self) -> str:
        """Tell this text from others, and this cut of it."""
        return brief(self._inputs, self._targets[:, -1])

    def count_baselines(self, vocab_size: int) -> Baselines:
        """Compute what counting alone can predict; one text has one past, so the optimum is 0."""
        counts = _count_pairs(self._inputs, self._targets, vocab_size)
        return Baselines(math.log(vocab_size), _conditional_entropy(counts), 0.0)


def encode_compact(text: Symbols, vocab: Vocab) -> Integer[Tensor, " time"]:
    """Encode a text block by block, in the smallest integer type that holds its indices.

    Args:
        text: A string, or a list of symbols.
        vocab: Its vocabulary.

    Raises:
        UnknownSymbolError: If a symbol is not in the vocabulary; it tells which and where.

    Examples:
        >>> encode_compact("hihello", Vocab("hielo"))
        tensor([0, 1, 0, 2, 3, 3, 4], dtype=torch.uint8)
    """
    kinds = (torch.uint8, torch.int16, torch.int32)
    kind = next(kind for kind in kinds if len(vocab) - 1 <= torch.iinfo(kind).max)
    symbols = torch.empty(len(text), dtype=kind, device="cpu")
    for start in range(0, len(text), BLOCK):
        block = text[start : start + BLOCK]
        try:
            symbols[start : start + BLOCK] = vocab.encode(block)
        except UnknownSymbolError:
            at = start + next(i for i, symbol in enumerate(block) if symbol not in vocab)
            raise UnknownSymbolError(
                f"{quoted(text[at])} at position {at} of {excerpt(text, at)} "
                f"is not among the {len(vocab)} symbols of the vocabulary"
            ) from None
    return symbols


def _count_pairs(inputs: Tensor, targets: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Count which symbol follows which: pair codes in ascending order, and their counts."""
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    table = np.zeros(vocab_size**2, np.int64) if vocab_size**2 <= COUNTED_PAIRS else None
    width = max(1, BLOCK // len(inputs))
    for before, after in zip(inputs.split(width, 1), targets.split(width, 1), strict=True):
        pairs = (before.long() * vocab_size + after.long()).flatten().numpy()
        if table is not None:
            table += np.bincount(pairs, minlength=len(table))
            continue
        new, times = np.unique(pairs, return_counts=True)
        merged, at = np.unique(np.concatenate([codes, new]), return_inverse=True)
        counts = np.bincount(at, np.concatenate([counts, times])).astype(np.int64)
        codes = merged
    if table is not None:
        codes = table.nonzero()[0]
        counts = table[codes]
    return torch.from_numpy(codes // vocab_size), torch.from_numpy(counts)


def _conditional_entropy(counts: tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]) -> float:
    """The mean of log(count of the symbol / count of the pair), in nats."""
    contexts, together = counts
    totals: Float[Tensor, " symbols"] = torch.bincount(contexts, together.double())
    surprise = (totals[contexts] / together).log()
    return float(together.double() @ surprise / together.sum())
