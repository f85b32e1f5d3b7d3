"""Batches of input and target sequences: what every task yields and every model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.errors import DataError, InputTypeError, ShapeError, excerpt
from seqtoys.symbols import Symbols, legible
from seqtoys.vocab import Vocab

UNSCORED = -100
"""The target of a position that is not scored: PyTorch's own `ignore_index`."""

Pair: TypeAlias = tuple[Symbols, Symbols]
"""An input sequence and the target of each of its symbols."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Input sequences and, for each symbol of theirs, the target (or -100: not scored).

    Sequences are padded on the right; a causal model can't see the padding, and it is not scored.

    Attributes:
        inputs: Symbol indices, any valid index as padding.
        targets: Symbol indices, -100 where nothing is scored.
        lengths: The number of symbols in each input sequence; None: all fill the whole width.

    Raises:
        ShapeError: If inputs and targets are not both `(batch, time)`, or lengths not `(batch,)`.
        InputTypeError: If a tensor does not hold integers.
        DataError: If no position is scored.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> batch = Batch.from_texts(["hihello", "hello"], vocab)
        >>> print(batch.show(vocab))
        inputs   hihell
        targets  ihello
        <BLANKLINE>
        inputs   hell
        targets  ello
    """

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"] | None = None

    def __post_init__(self) -> None:
        _check_integers(self.inputs, "inputs")
        _check_integers(self.targets, "targets")
        if self.inputs.ndim != 2 or self.inputs.shape != self.targets.shape:
            raise ShapeError(
                "expected inputs and targets of one shape (batch, time), "
                f"got {tuple(self.inputs.shape)} and {tuple(self.targets.shape)}"
            )
        if self.lengths is not None and self.lengths.shape != self.inputs.shape[:1]:
            raise ShapeError(
                f"expected a length for each of the {len(self.inputs)} sequences, "
                f"got lengths of shape {tuple(self.lengths.shape)}"
            )
        if not self.scored.any():
            raise DataError("expected at least one scored position, got targets of only -100")

    @classmethod
    def from_texts(cls, texts: Sequence[Symbols], vocab: Vocab) -> Batch:
        """Pair each symbol of each text with the symbol that follows it.

        Args:
            texts: Sequences of two symbols or more, of any lengths.
            vocab: The vocabulary they are written in.

        Raises:
            DataError: If a text has fewer than two symbols.
            UnknownSymbolError: If a symbol is not in the vocabulary.

        Examples:
            >>> Batch.from_texts(["hello"], Vocab("hielo")).targets
            tensor([[2, 3, 3, 4]])
        """
        for position, text in enumerate(texts):
            if isinstance(text, Sequence) and len(text) < 2:
                raise DataError(
                    "expected texts of at least two symbols (one to read, one to predict), "
                    f"got {excerpt(text)} at position {position}"
                )
        symbols, lengths = vocab.encode_batch(texts, return_lengths=True)
        return cls(*_shift(symbols, lengths))

    @classmethod
    def from_pairs(cls, pairs: Sequence[Pair], vocab: Vocab) -> Batch:
        """Pair each symbol of each input sequence with the symbol at its place in the target.

        Args:
            pairs: Input and target sequences; the two of a pair have one length.
            vocab: The vocabulary they are written in.

        Raises:
            DataError: If the two sequences of a pair differ in length, or are empty.
            UnknownSymbolError: If a symbol is not in the vocabulary.

        Examples:
            >>> Batch.from_pairs([("hihell", "ihello")], Vocab("hielo")).inputs
            tensor([[0, 1, 0, 2, 3, 3]])
        """
        for position, (source, target) in enumerate(pairs):
            if len(source) != len(target):
                raise DataError(
                    "expected a target for each input symbol, got "
                    f"{len(source)} inputs {excerpt(source)} and {len(target)} targets "
                    f"{excerpt(target)} in the pair at position {position}"
                )
        inputs, lengths = vocab.encode_batch([source for source, _ in pairs], return_lengths=True)
        targets = vocab.encode_batch([target for _, target in pairs])
        return cls(inputs, _unscore_padding(targets, lengths), lengths)

    @classmethod
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Put batches of any widths under each other.

        Args:
            batches: One or more.

        Examples:
            >>> texts = [Batch.from_texts([text], Vocab("hielo")) for text in ("hill", "hello")]
            >>> Batch.join(texts).lengths
            tensor([3, 4])
        """
        widths = [batch.inputs.shape[1] for batch in batches]
        more = [max(widths) - width for width in widths]
        paired = list(zip(batches, more, strict=True))
        inputs = torch.cat([F.pad(batch.inputs, (0, n)) for batch, n in paired])
        targets = torch.cat([F.pad(batch.targets, (0, n), value=UNSCORED) for batch, n in paired])
        if not any(more) and all(batch.lengths is None for batch in batches):
            return cls(inputs, targets)
        return cls(inputs, targets, torch.cat([batch.count_symbols() for batch in batches]))

    def count_symbols(self) -> Int[Tensor, " batch"]:
        """The number of symbols in each input sequence, padding not counted."""
        if self.lengths is not None:
            return self.lengths
        width = self.inputs.shape[1]
        return torch.full((len(self),), width, device=self.inputs.device)

    @property
    def scored(self) -> Bool[Tensor, "batch time"]:
        """Where a target is scored."""
        return self.targets != UNSCORED

    def to(self, device: torch.device | str) -> Batch:
        """Move the batch to a device."""
        lengths = None if self.lengths is None else self.lengths.to(device)
        return Batch(self.inputs.to(device), self.targets.to(device), lengths)

    def take(self, rows: Int[Tensor, " rows"]) -> Batch:
        """Select sequences by their position.

        Examples:
            >>> batch = Batch.from_texts(["hihello", "hello"], Vocab("hielo"))
            >>> len(batch.take(torch.tensor([1])))
            1
        """
        lengths = None if self.lengths is None else self.lengths[rows]
        return Batch(self.inputs[rows], self.targets[rows], lengths)

    def show(self, vocab: Vocab, *, rows: int = 8) -> str:
        """Write inputs and targets under each other, `·` where nothing is scored.

        Args:
            vocab: The vocabulary of the symbols.
            rows: How many sequences to show at most.
        """
        shown = [self._show_row(row, vocab) for row in range(min(rows, len(self)))]
        more = [f"… and {len(self) - rows} more"] if len(self) > rows else []
        return "\n\n".join(shown + more)

    def __len__(self) -> int:
        return len(self.inputs)

    def _show_row(self, row: int, vocab: Vocab) -> str:
        end = self.inputs.shape[1] if self.lengths is None else int(self.lengths[row])
        above = [_printable(vocab, index) for index in self.inputs[row, :end].tolist()]
        below = [_printable(vocab, index) for index in self.targets[row, :end].tolist()]
        widths = [max(len(a), len(b)) for a, b in zip(above, below, strict=True)]
        gap = " " if vocab.has_words else ""
        lines = [
            gap.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in (above, below)
        ]
        return f"inputs   {lines[0]}\ntargets  {lines[1]}"


def _shift(
    symbols: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
) -> tuple[Tensor, Tensor, Tensor]:
    inputs, targets = symbols[:, :-1], symbols[:, 1:]  # (batch, time - 1)
    return inputs, _unscore_padding(targets, lengths - 1), lengths - 1


def _unscore_padding(
    targets: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
) -> Int[Tensor, "batch time"]:
    padding = torch.arange(targets.shape[1]) >= lengths.unsqueeze(1)  # (batch, time)
    return targets.masked_fill(padding, UNSCORED)


def _printable(vocab: Vocab, index: int) -> str:
    if index == UNSCORED:
        return "·"
    return legible(vocab.symbols[index])


def _check_integers(values: Tensor, name: str) -> None:
    if not isinstance(values, Tensor) or values.is_floating_point() or values.dtype == torch.bool:
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise InputTypeError(f"expected {name} to be a tensor of symbol indices, got {kind}")
