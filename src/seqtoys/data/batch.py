"""Batches of input and target sequences: what every task yields and every model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch_checks import UNSCORED as UNSCORED
from seqtoys.data.batch_checks import Pair as Pair
from seqtoys.data.batch_checks import check_pairs, check_parts, check_texts, wrong_rows
from seqtoys.data.symbols import Symbols, legible
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.support.amounts import check_count, check_lengths
from seqtoys.support.arguments import checked
from seqtoys.support.devices import find_device
from seqtoys.support.memory import check_room
from seqtoys.support.tables import align
from seqtoys.support.tensors import check_size, to_int64


@dataclass(frozen=True, eq=False)
class Batch:
    """Input sequences and, for each symbol of theirs, the target (or -100: not scored).

    Sequences are padded on the right; a causal model can't see the padding, and it is not scored.
    Integers of any type are converted to int64.

    Attributes:
        inputs: Symbol indices, any valid index as padding.
        targets: Symbol indices, -100 where nothing is scored.
        lengths: The number of symbols in each input sequence; None: all fill the whole width.
        counts: How many times each sequence counts, as if it stood there so often; None: once.
        length_range: The shortest and the longest length from which the lengths were drawn, where
            they were chosen; None: as the task draws them. A task's `optimal_loss` is that of a
            model that knows this range.

    Raises:
        ShapeError: If inputs and targets are not `(batch, time)`, or the others not `(batch,)`.
        InputTypeError: If a tensor does not hold integers.
        IndexRangeError: If an index is negative, other than a target of -100.
        DeviceError: If the tensors are on several devices.
        DataError: If no position is scored, a length is not that of a part of the width, or a
            count is not positive.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> print(Batch.from_texts(["hihello"], vocab).show(vocab))
        inputs   hihell
        targets  ihello
    """

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"] | None = None
    counts: Int[Tensor, " batch"] | None = None
    length_range: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "targets", "lengths", "counts"):
            part = getattr(self, name)
            if part is not None or name in ("inputs", "targets"):
                object.__setattr__(self, name, to_int64(part, name))
        check_parts(self.inputs, self.targets, self.lengths, self.counts)
        if self.length_range is not None:
            vars(self)["length_range"] = check_lengths(self.length_range)

    @classmethod
    @checked
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
        check_texts(texts)
        symbols, lengths = vocab.encode_batch(texts, return_lengths=True)
        inputs, targets = symbols[:, :-1], symbols[:, 1:]  # (batch, time - 1)
        return cls(inputs, _unscore_padding(targets, lengths - 1), lengths - 1)

    @classmethod
    @checked
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
        check_pairs(pairs)
        inputs, lengths = vocab.encode_batch([source for source, _ in pairs], return_lengths=True)
        targets = vocab.encode_batch([target for _, target in pairs])
        return cls(inputs, _unscore_padding(targets, lengths), lengths)

    @classmethod
    @checked
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Put `batches` of any widths under each other.

        Raises:
            DataError: If there is no batch.

        Examples:
            >>> texts = [Batch.from_texts([text], Vocab("hielo")) for text in ("hill", "hello")]
            >>> Batch.join(texts).lengths
            tensor([3, 4])
        """
        if not batches:
            raise DataError("expected at least one batch to join, got none")
        batches = [batch.repeated() for batch in batches]
        widths = [batch.inputs.shape[1] for batch in batches]
        rows = sum(map(len, batches))
        check_room(f"sequences of {max(widths):,} symbols", rows, 16 * max(widths))
        padded = [(batch, max(widths) - batch.inputs.shape[1]) for batch in batches]
        inputs = torch.cat([F.pad(batch.inputs, (0, n)) for batch, n in padded])
        targets = torch.cat([F.pad(batch.targets, (0, n), value=UNSCORED) for batch, n in padded])
        ranges = {batch.length_range for batch in batches}
        length_range = ranges.pop() if len(ranges) == 1 else None
        lengths = torch.cat([batch.count_symbols() for batch in batches])
        is_full = len(set(widths)) == 1 and all(batch.lengths is None for batch in batches)
        return cls(inputs, targets, None if is_full else lengths, length_range=length_range)

    def with_length_range(self, length_range: tuple[int, int] | None) -> Batch:
        """Return the same sequences, marked with the range that their lengths were drawn from.

        Args:
            length_range: The shortest and the longest length; None: as the task draws them.

        Examples:
            >>> batch = Batch.from_texts(["hello"], Vocab("hielo"))
            >>> batch.with_length_range((4, 4)).length_range
            (4, 4)
        """
        marked = copy(self)  # not through the checks again: tasks call this for each batch
        object.__setattr__(marked, "length_range", length_range)
        return marked

    @property
    def tensors(self) -> dict[str, Tensor | None]:
        """The tensors by their names; None where there is none."""
        names = ("inputs", "targets", "lengths", "counts")
        return {name: getattr(self, name) for name in names}

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

    @property
    def tally(self) -> Int[Tensor, "batch time"]:
        """How many times each target is scored: as often as its sequence counts, or never."""
        scored = self.scored.long()
        return scored if self.counts is None else scored * self.counts.unsqueeze(1)

    def to(self, device: torch.device | str) -> Batch:
        """Move the batch to a `device`, such as `"cuda"`.

        Raises:
            DeviceError: If PyTorch has no such device here.
        """
        where = find_device(device)
        return self._each(lambda part: part.to(where))

    def take(self, rows: Int[Tensor, " rows"]) -> Batch:
        """Select the sequences at the positions `rows`.

        Args:
            rows: Positions, counted from the end if negative.

        Raises:
            IndexRangeError: If there is no such position.

        Examples:
            >>> batch = Batch.from_texts(["hihello", "hello"], Vocab("hielo"))
            >>> len(batch.take(torch.tensor([1])))
            1
        """
        at = to_int64(rows, "rows")
        check_size(at, "rows", "rows", at.numel())
        try:
            return self._each(lambda part: part[at])
        except IndexError as error:
            raise wrong_rows(at, len(self)) from error

    def distinct(self) -> Batch:
        """Write equal sequences once, and count them, in order of first appearance.

        Examples:
            >>> batch = Batch.from_texts(["hello", "hill", "hello"], Vocab("hielo")).distinct()
            >>> len(batch), batch.counts
            (2, tensor([2, 1]))
        """
        batch = self.repeated()
        rows = torch.cat([batch.inputs, batch.targets], 1).cpu().numpy()  # (batch, 2 time)
        _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
        order = first.argsort()
        kept, counted = (torch.from_numpy(x[order]).to(self.inputs) for x in (first, counts))
        return replace(batch.take(kept), counts=counted)

    def repeated(self) -> Batch:
        """Write each sequence as often as it counts: the other way round.

        Examples:
            >>> batch = Batch.from_texts(["hihello", "hello"], Vocab("hielo"))
            >>> counted = Batch(batch.inputs, batch.targets, counts=torch.tensor([1, 2]))
            >>> len(counted), len(counted.repeated())
            (2, 3)
        """
        if self.counts is None:
            return self
        total = int(self.counts.sum())
        check_room("sequences", total, 16 * self.inputs.shape[1])
        rows = torch.arange(len(self), device=self.inputs.device)
        return replace(self, counts=None).take(rows.repeat_interleave(self.counts))

    @checked
    def show(self, vocab: Vocab, *, rows: int = 8) -> str:
        """Write inputs and targets under each other, `·` where nothing is scored.

        Args:
            vocab: The vocabulary of the symbols.
            rows: How many sequences to show at most.

        Raises:
            OptionError: If that is not a positive number.
            IndexRangeError: If an index is not in the vocabulary.
        """
        check_count("rows", rows, 1)
        shown = [self._show_row(row, vocab) for row in range(min(rows, len(self)))]
        more = [f"… and {len(self) - rows} more"] if len(self) > rows else []
        return "\n\n".join(shown + more)

    def __len__(self) -> int:
        return len(self.inputs)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        optional = (self.lengths, self.counts)
        lengths, counts = (None if part is None else change(part) for part in optional)
        changed = change(self.inputs), change(self.targets)
        return Batch(*changed, lengths, counts, self.length_range)

    def _show_row(self, row: int, vocab: Vocab) -> str:
        end = self.inputs.shape[1] if self.lengths is None else int(self.lengths[row])
        cells = [
            [_cell(index, vocab) for index in part[row, :end].tolist()]
            for part in (self.inputs, self.targets)
        ]
        lines = align(cells, gap=" " if vocab.has_words else "")
        return f"inputs   {lines[0]}\ntargets  {lines[1]}"


def _cell(index: int, vocab: Vocab) -> str:
    return "·" if index == UNSCORED else legible(*vocab.decode([index]))


def _unscore_padding(
    targets: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
) -> Int[Tensor, "batch time"]:
    padding = torch.arange(targets.shape[1], device=targets.device) >= lengths.unsqueeze(
        1
    )  # (batch, time)
    return targets.masked_fill(padding, UNSCORED)
