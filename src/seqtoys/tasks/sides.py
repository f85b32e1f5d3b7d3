"""Which side of a parted task a sequence is on: a hash of its symbols says so."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqtoys.batch import Batch

BITS = 40  # of a hash that are compared


def is_held_out(batch: Batch, fraction: float) -> Bool[Tensor, " batch"]:
    """Whether each sequence belongs to the held-out side.

    Args:
        batch: Sequences.
        fraction: The share of all sequences that belongs there.

    Examples:
        >>> from seqtoys import Vocab
        >>> texts = Batch.from_texts(["hello", "hill", "oil", "hello"], Vocab("hielo"))
        >>> is_held_out(texts, 0.5).tolist()
        [True, False, True, True]
    """
    held: Tensor = hashes(batch) < round(fraction * 2**BITS)
    return held


def hashes(batch: Batch) -> Int[Tensor, " batch"]:
    """Hash inputs and targets to 40 bits; padding does not count."""
    time = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
    is_inside = True if batch.lengths is None else time < batch.lengths.unsqueeze(1)
    pairs = batch.inputs.long() * 2**32 + batch.targets.long()  # (batch, time)
    mixed = mix(mix(pairs) + mix(time)) * is_inside
    kept: Tensor = mix(mixed.sum(1)) & (2**BITS - 1)
    return kept


def mix(values: Int[Tensor, ...]) -> Int[Tensor, ...]:
    """Scatter integers over all 64 bits, as the finalizer of SplitMix64 does (Steele, 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        values = (values ^ _shifted(values, shift)) * factor  # overflow wraps around
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift right, with zeros for the sign."""
    kept: Tensor = (values >> bits) & (2 ** (64 - bits) - 1)
    return kept
