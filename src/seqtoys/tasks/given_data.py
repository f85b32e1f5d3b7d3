"""Conversion of training data (a text, a pair, a list of either, a batch) to one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from seqtoys.data.batch import Batch, Pair, check_range
from seqtoys.data.long_text import encode_compact
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, InputTypeError, OptionError, quoted
from seqtoys.support.annotations import BYTES, described, list_hint
from seqtoys.support.values import to_real
from seqtoys.tasks.task import Task

GivenData: TypeAlias = Symbols | Pair | Sequence[Symbols] | Sequence[Pair] | Batch
"""A text, an (input, target) pair, a list of either, or a batch."""
TrainingData: TypeAlias = GivenData | Task
"""Accepted training data: given data, or a task."""

INDICES = "; use Batch(inputs, targets) for indices"


def to_batch(data: TrainingData, vocab: Vocab | None) -> Batch:
    """Convert training data to one padded batch.

    Args:
        data: A text (next-symbol prediction), an `(input, target)` tuple, a list of texts, a list
            of such tuples, or a batch.
        vocab: The vocabulary; required unless `data` is a batch.

    Raises:
        DataError: If there is nothing to predict, as in a text of one symbol.
        InputTypeError: If the data have another type.
        OptionError: If the vocabulary is missing.
        IndexRangeError: If the indices of a batch are not in the vocabulary.
        UnknownSymbolError: If a symbol is not in the vocabulary.

    Examples:
        >>> to_batch(("hihell", "ihello"), Vocab("hielo")).targets
        tensor([[1, 0, 2, 3, 3, 4]])
    """
    if isinstance(data, Batch):
        return data if vocab is None else check_range(data, len(vocab))
    if vocab is None:
        raise OptionError("expected a vocabulary, because the model has none; pass vocab=…")
    check_data(data)
    _check_columns(data, vocab)
    sequences: Any = [data] if is_single(data, vocab) else data
    _check_symbols(sequences)
    if sequences and all(map(is_pair, sequences)):
        return Batch.from_pairs(sequences, vocab)
    _check_tuples(sequences, vocab)
    return Batch.from_texts(sequences, vocab)


def to_text(data: TrainingData, vocab: Vocab | None) -> Integer[Tensor, " time"]:
    """Convert one long text to indices, in the smallest integer type.

    Args:
        data: A text.
        vocab: The vocabulary.

    Raises:
        InputTypeError: If the data are not one text.
        OptionError: If the vocabulary is missing.
        UnknownSymbolError: If a symbol is not in the vocabulary.
    """
    if vocab is None:
        raise OptionError("expected a vocabulary, because the model has none; pass vocab=…")
    if isinstance(data, Batch) or is_pair(data) or not is_single(data, vocab):
        raise InputTypeError(
            f"expected one text for chunk=…, got a {type(data).__name__}; join several texts into "
            "one, or omit chunk"
        )
    return encode_compact(cast(Symbols, data), vocab)


def check_data(data: TrainingData) -> None:
    """Check that training data have an accepted type.

    Raises:
        InputTypeError: If they do not.
    """
    if not isinstance(data, Sequence | Batch | Task) or isinstance(data, BYTES):
        raise InputTypeError(
            "expected a text, an (input, target) tuple, a list of either, a Batch or a task, "
            f"got {described(data)}{_data_hint(data)}"
        )


def _data_hint(data: object) -> str:
    if isinstance(data, Mapping):
        return "; use list(x.items()) for (input, target) tuples, or list(x) for its keys"
    return INDICES if _are_indices(data) else list_hint(data)


def _are_indices(value: object) -> bool:
    """Whether a value is a tensor or an array of numbers."""
    is_array = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    return is_array or isinstance(value, Tensor)


def _check_symbols(sequences: Sequence[Any]) -> None:
    """Check that the first sequence does not hold indices, and is no task or batch itself."""
    first = next(iter(sequences), None)
    first = first[0] if isinstance(first, list | tuple) and first else first
    if isinstance(first, Task | Batch):
        raise InputTypeError(
            f"expected one task or Batch, got several, such as {described(first)}; pass one of "
            "them, such as one part of task.held_out(…), or Batch.join several batches"
        )
    if _are_indices(first) or to_real(first) is not None:
        raise InputTypeError(f"expected symbols, got {described(first)}{INDICES}")


def _check_columns(data: Any, vocab: Vocab) -> None:
    """Check that a pair is not a list of inputs and a list of their targets."""
    if is_pair(data) and all(
        isinstance(part, list | tuple) and part and all(_is_text(item, vocab) for item in part)
        for part in data
    ):
        raise InputTypeError(
            "expected (input, target) tuples, got a tuple of two lists of texts; use "
            "list(zip(inputs, targets)) if these are inputs and their targets"
        )


def _is_text(part: object, vocab: Vocab) -> bool:
    """Whether a part of the data is a text or a list, rather than a symbol."""
    is_string = isinstance(part, str) and not vocab.has_words and len(part) != 1
    return is_string or isinstance(part, list | tuple)


def _check_tuples(sequences: Sequence[Any], vocab: Vocab) -> None:
    """Check that texts contain no (input, target) pair, as a list or among texts."""
    for position, item in enumerate(sequences):
        is_like_pair = isinstance(item, list | tuple) and len(item) == 2
        if not is_like_pair or not all(_is_text(part, vocab) for part in item):
            continue
        if isinstance(item, list):
            raise InputTypeError(
                f"expected an (input, target) pair to be a tuple, got a list at position "
                f"{position}; write ({', '.join(map(quoted, item))}), or remove the inner "
                "brackets if these are two texts"
            )
        raise InputTypeError(
            f"expected only texts or only (input, target) tuples, got a tuple at position "
            f"{position} among texts"
        )


def is_single(data: TrainingData, vocab: Vocab | None) -> bool:
    """Return whether the data are one text or one pair, rather than a list of them.

    Examples:
        >>> vocab = Vocab("hielo")
        >>> is_single("hihello", vocab), is_single(["h", "i"], vocab), is_single(["hi"], vocab)
        (True, True, False)
    """
    if isinstance(data, str) or is_pair(data):
        return True
    if isinstance(data, Batch | Task) or not data or vocab is None:
        return False
    # Lists of symbols: words, or characters, since a text of one character can't be learned.
    return all(isinstance(item, str) and (vocab.has_words or len(item) == 1) for item in data)


def is_pair(data: object) -> bool:
    """Return whether data are one (input, target) pair."""
    return isinstance(data, tuple) and len(data) == 2


def split_rows(
    batch: Batch, fraction: float, generator: torch.Generator
) -> tuple[Int[Tensor, " training"], Int[Tensor, " held_out"]]:
    """Choose sequences to hold out; equal sequences end up in the same split.

    Args:
        batch: The sequences.
        fraction: The fraction of the distinct sequences to hold out, at least one sequence.
        generator: The source of randomness.

    Returns:
        The positions to train on, and the held-out positions.

    Raises:
        DataError: If there are fewer than two distinct sequences.

    Examples:
        >>> texts = Batch.from_texts(["hello", "hill", "hello"], Vocab("heloi"))
        >>> training, held_out = split_rows(texts, 0.5, torch.Generator().manual_seed(0))
        >>> sorted([training.tolist(), held_out.tolist()])
        [[0, 2], [1]]
    """
    # Sorting copies the rows several times, which padding can make very long: keep them small.
    is_small = max(int(batch.inputs.max()), int(batch.targets.max())) < 2**15
    parts = [batch.inputs, batch.targets]
    parts = [part.to(torch.int16) for part in parts] if is_small else parts
    rows = torch.cat(parts, dim=1).cpu()  # (batch, 2 time)
    distinct, group = rows.unique(dim=0, return_inverse=True)  # group: (batch,)
    if len(distinct) < 2:
        raise DataError(
            "expected at least two distinct sequences to hold one out, got one; "
            "to hold out the end of a long text, pass chunk=…"
        )
    count = min(max(round(fraction * len(distinct)), 1), len(distinct) - 1)
    chosen = torch.zeros(len(distinct), dtype=torch.bool, device="cpu")
    chosen[torch.randperm(len(distinct), generator=generator, device="cpu")[:count]] = True
    held_out = chosen[group]  # (batch,)
    return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()
