"""Train/held-out splits of tasks, based on a hash of each sequence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.errors import DataError, OptionError
from seqtoys.support.randomness import generator_for

OFFSET = 0x1E3779B97F4A7C15  # larger than any position
BITS = 40  # the number of bits of a hash
SAMPLED_BATCHES = 64  # the batches drawn to estimate the fraction that a hash holds out
MAX_SAMPLED = 100_000  # sequences in these batches
MAX_SALTS = 1000  # the salts to try
MAX_ROUNDS = 100  # the rounds of sampling after which a split is considered empty
MAX_FREQUENCY = 0.1  # the most that one sequence should contribute to the smaller split
TOLERANCE = 0.25  # the tolerance of the held-out fraction, relative to the smaller split


@dataclass(frozen=True)
class HashSplit:
    """Holds out the sequences whose hash is below a limit.

    Attributes:
        limit: The first hash, of 40 bits, that is not held out.
        salt: Selects the hash function.

    Examples:
        >>> from seqtoys import Vocab
        >>> texts = Batch.from_texts(["hello", "hill", "oil", "hello"], Vocab("hielo"))
        >>> HashSplit(limit=2**39).holds_out(texts).tolist()
        [False, True, False, False]
    """

    limit: int
    salt: int = 0

    def holds_out(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Return whether each sequence is held out."""
        held: Tensor = hashes(batch, self.salt) < self.limit
        return held


class NotListed:
    """Holds out all sequences except those of a list.

    Args:
        batch: The listed sequences.
    """

    def __init__(self, batch: Batch) -> None:
        self._listed = hashes(batch)

    def holds_out(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Return whether each sequence is held out."""
        return ~torch.isin(hashes(batch), self._listed)


def find_hash_split(name: str, sample: Callable[..., Batch], fraction: float) -> HashSplit:
    """Find a hash that holds out about the given fraction of the sequences drawn.

    If no sequence is frequent, this is the first hash, with the fraction as its limit. If a few
    sequences are frequent, many hashes are tried, and the one whose smaller split has the least
    frequent sequences is chosen. If none holds out about this fraction, other limits are tried.

    Args:
        name: The name of the task.
        sample: Draws batches, with the signature of `Task.sample`.
        fraction: The fraction to hold out.

    Raises:
        OptionError: If there is no such hash.

    Examples:
        >>> from seqtoys import get_task
        >>> for name in ("parity", "anbn"):
        ...     find_hash_split(name, get_task(name).sample, 0.25)
        HashSplit(limit=274877906944, salt=0)
        HashSplit(limit=274877906944, salt=447)
    """
    smaller, limit = min(fraction, 1 - fraction), round(fraction * 2**BITS)
    drawn, counts = _draw(sample, round(400 / smaller))
    if len(drawn) == 1:
        raise OptionError(
            f"cannot hold out sequences of {name}: all {counts.sum()} sequences drawn are the same"
        )
    # If no hash is good enough: the one whose most frequent sequence is least frequent, and, if
    # none holds out about the fraction, the one that comes nearest with another limit.
    evenest, least = HashSplit(limit), math.inf
    other_limit, nearest = HashSplit(limit), math.inf
    for salt in range(MAX_SALTS):
        hashed, order = salted(drawn, salt).sort()
        sizes = counts[order]
        held = sizes.cumsum(0) / counts.sum()  # the fraction held out up to each hash
        below = int((hashed < limit).sum())
        if below and abs(held[below - 1] - fraction) <= TOLERANCE * smaller:
            smaller_sizes = sizes[:below] if fraction <= 0.5 else sizes[below:]
            largest = float(smaller_sizes.max() / smaller_sizes.sum())
            if largest <= MAX_FREQUENCY:
                return HashSplit(limit, salt)
            if largest < least:
                evenest, least = HashSplit(limit, salt), largest
        last = int((held[:-1] - fraction).abs().argmin())
        if abs(held[last] - fraction) < abs(nearest - fraction):
            other_limit, nearest = HashSplit(int(hashed[last]) + 1, salt), float(held[last])
    if least < math.inf:
        return evenest
    if abs(nearest - fraction) <= TOLERANCE * smaller:
        return other_limit
    raise OptionError(
        f"cannot hold out {fraction:g} of {name}: with {len(drawn)} distinct sequences among the "
        f"{counts.sum()} drawn, the nearest possible fraction is {nearest:.2g}"
    )


def draw_split(
    name: str,
    draw: Callable[[int], Batch],
    is_in_split: Callable[[Batch], Bool[Tensor, " batch"]],
    batch_size: int,
    fraction: float,
) -> Batch:
    """Draw sequences until there are enough from one split.

    Args:
        name: What to call the sequences in messages.
        draw: Draws the given number of sequences of the whole task.
        is_in_split: Returns whether each sequence is in the split.
        batch_size: The number of sequences to return.
        fraction: The approximate fraction of all sequences that is in the split.

    Raises:
        DataError: If too few are found.

    Examples:
        >>> from seqtoys import get_task
        >>> parity, half = get_task("parity"), HashSplit(2**39)
        >>> len(draw_split("sequences", parity.sample, half.holds_out, 100, 0.5))
        100
    """
    found: list[Batch] = []
    missing = batch_size
    for _ in range(MAX_ROUNDS):
        # 20% and 8 more than expected, so that one round is usually enough
        drawn = draw(int(missing / fraction * 1.2) + 8)
        rows = is_in_split(drawn).nonzero().flatten()
        if len(rows):
            found.append(drawn.take(rows[:missing]))
            missing -= len(found[-1])
        if not missing:
            return Batch.join(found)
    raise DataError(
        f"expected {batch_size} {name}, found {batch_size - missing} in {MAX_ROUNDS} rounds; "
        "choose a length with more of them"
    )


def hashes(batch: Batch, salt: int = 0) -> Int[Tensor, " batch"]:
    """Hash inputs and targets to 40 bits, ignoring padding."""
    return salted(codes(batch), salt)


def codes(batch: Batch) -> Int[Tensor, " batch"]:
    """Return a 64-bit code of each sequence: the sum of its symbols mixed with their positions.

    If the batch has several sources, the code is that of the source, so that a split divides them.
    """
    if batch.latent is not None:
        source: Tensor = mix(batch.latent + OFFSET)
        return source
    time = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
    is_inside = True if batch.lengths is None else time < batch.lengths.unsqueeze(1)
    pairs = batch.inputs.long() * 2**32 + batch.targets.long()  # (batch, time)
    # Without the offset, swapping a symbol and its position would give the same sum.
    mixed = mix(mix(pairs + OFFSET) + mix(time)) * is_inside
    return mixed.sum(1)


def salted(values: Int[Tensor, " batch"], salt: int) -> Int[Tensor, " batch"]:
    """Return the hashes of sequence codes for a given salt."""
    low_bits: Tensor = mix(values + salt) & (2**BITS - 1)
    return low_bits


def mix(values: Int[Tensor, ...]) -> Int[Tensor, ...]:
    """Mix integers over all 64 bits with the finalizer of SplitMix64 (Steele et al., 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        values = (values ^ _shifted(values, shift)) * factor  # overflow wraps around
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift right, filling with zeros (a logical shift)."""
    logical: Tensor = (values >> bits) & (2 ** (64 - bits) - 1)
    return logical


def _draw(
    sample: Callable[..., Batch], wanted: int
) -> tuple[Int[Tensor, " distinct"], Int[Tensor, " distinct"]]:
    """Draw many batches, since each may have only one length, and count the distinct codes."""
    size, generator = -(-min(wanted, MAX_SAMPLED) // SAMPLED_BATCHES), generator_for("split")
    drawn = torch.cat([codes(sample(size, generator=generator)) for _ in range(SAMPLED_BATCHES)])
    distinct, counts = drawn.unique(return_counts=True)
    return distinct, counts
