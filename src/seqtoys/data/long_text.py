"""One long text, stored compactly and read in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seqtoys.data.baselines import Baselines
from seqtoys.data.batch import Batch, trusted_batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, UnknownSymbolError
from seqtoys.support.digest import brief

BLOCK = 2**20  # the most symbols stored as int64 at a time
COUNTED_PAIRS = 2**20  # the most symbol pairs counted in a dense table


class LongText:
    """A text split into parallel streams, which are read in chunks.

    Each stream is a contiguous piece of the text; a chunk contains the next symbols of every
    stream. A model that carries its state from chunk to chunk thus reads each piece from start to
    end. A remainder of fewer than `streams` symbols at the end of the text is dropped.

    Args:
        symbols: The indices of the text, as returned by `encode_compact`.
        streams: The number of streams, read in parallel.
        chunk: The number of symbols of each stream per chunk.
        device: The device of the chunks.

    Raises:
        DataError: If the text is too short for one symbol and its successor in each stream.

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
            use, hint = ("", "")
            if streams > 1:
                use, hint = f" for batch_size={streams}", "; use a smaller batch_size"
            raise DataError(
                f"expected a text of at least {streams + 1} symbols{use}, got {len(symbols)}{hint}"
            )
        count = streams * length
        self._inputs = symbols[:count].view(streams, length)
        self._targets = symbols[1 : count + 1].view(streams, length)
        self._chunk = min(chunk, length)
        self._device = device

    @property
    def scored(self) -> int:
        """The number of predicted symbols."""
        return self._targets.numel()

    def chunks(self) -> Iterator[Batch]:
        """Yield the chunks in order, as batches with one row per stream."""
        cuts = zip(
            self._inputs.split(self._chunk, 1), self._targets.split(self._chunk, 1), strict=True
        )
        for inputs, targets in cuts:  # (streams, chunk); only these become int64
            yield trusted_batch(inputs.to(self._device).long(), targets.to(self._device).long())

    def fingerprint(self) -> str:
        """Return a fingerprint of this text and of how it is split."""
        return brief(self._inputs, self._targets[:, -1])

    def count_baselines(self, vocab_size: int) -> Baselines:
        """Compute the baselines by counting; in one text every prefix is unique: optimum 0."""
        counts = _count_pairs(self._inputs, self._targets, vocab_size)
        return Baselines(math.log(vocab_size), _conditional_entropy(counts), 0.0)


def encode_compact(text: Symbols, vocab: Vocab) -> Integer[Tensor, " time"]:
    """Encode a text block by block, in the smallest integer type that holds its indices.

    Args:
        text: A string, or a list of symbols.
        vocab: Its vocabulary.

    Raises:
        UnknownSymbolError: If a symbol is not in the vocabulary; the message gives the symbol and
            its position.

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
            raise vocab.unknown_symbol(text, at) from None
    return symbols


def _count_pairs(inputs: Tensor, targets: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Count pairs of consecutive symbols: return the first symbol and the count of each pair."""
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
    """Return the mean of log(count of the symbol / count of the pair), in nats."""
    contexts, together = counts
    totals: Float[Tensor, " symbols"] = torch.bincount(contexts, together.double())
    surprise = (totals[contexts] / together).log()
    return float(together.double() @ surprise / together.sum())
