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
BITS = 40  # the number of hash bits that are compared
BATCHES = 64  # the batches drawn to estimate the fraction that a hash holds out
MOST = 100_000  # the most sequences in these batches
SALTS = 1000  # the salts to try
ROUNDS = 100  # the rounds of sampling after which a split is considered empty
EVEN = 0.1  # the largest fraction of the smaller split that one sequence should have
NEAR = 0.25  # the tolerance of the held-out fraction, relative to the smaller split


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
        self._known = hashes(batch)

    def holds_out(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Return whether each sequence is held out."""
        return ~torch.isin(hashes(batch), self._known)


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
    best, nearest = HashSplit(limit), math.inf  # with other limits, as a fallback
    evenest, least = HashSplit(limit), math.inf
    for salt in range(SALTS):
        hashed, order = salted(drawn, salt).sort()
        sizes = counts[order]
        shares = sizes.cumsum(0) / counts.sum()  # the fraction held out up to each hash
        below = int((hashed < limit).sum())
        if below and abs(shares[below - 1] - fraction) <= NEAR * smaller:
            side = sizes[:below] if fraction <= 0.5 else sizes[below:]
            largest = float(side.max() / side.sum())
            if largest <= EVEN:
                return HashSplit(limit, salt)
            if largest < least:
                evenest, least = HashSplit(limit, salt), largest
        place = int((shares[:-1] - fraction).abs().argmin())
        if abs(shares[place] - fraction) < abs(nearest - fraction):
            best, nearest = HashSplit(int(hashed[place]) + 1, salt), float(shares[place])
    if least < math.inf:
        return evenest
    if abs(nearest - fraction) <= NEAR * smaller:
        return best
    raise OptionError(
        f"cannot hold out {fraction:g} of {name}: with {len(drawn)} distinct sequences among the "
        f"{counts.sum()} drawn, the nearest possible fraction is {nearest:.2g}"
    )


def draw_split(
    name: str,
    draw: Callable[[int], Batch],
    is_on_it: Callable[[Batch], Bool[Tensor, " batch"]],
    batch_size: int,
    share: float,
) -> Batch:
    """Draw sequences until there are enough from one split.

    Args:
        name: What to call the sequences in messages.
        draw: Draws the given number of sequences of the whole task.
        is_on_it: Returns whether each sequence is in the split.
        batch_size: The number of sequences to return.
        share: The approximate fraction of all sequences that is in the split.

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
    for _ in range(ROUNDS):
        drawn = draw(int(missing / share * 1.2) + 8)
        rows = is_on_it(drawn).nonzero().flatten()
        if len(rows):
            found.append(drawn.take(rows[:missing]))
            missing -= len(found[-1])
        if not missing:
            return Batch.join(found)
    raise DataError(
        f"expected {batch_size} {name}, found {batch_size - missing} in {ROUNDS} rounds; "
        "choose a length with more of them"
    )


def hashes(batch: Batch, salt: int = 0) -> Int[Tensor, " batch"]:
    """Hash inputs and targets to 40 bits, ignoring padding."""
    return salted(codes(batch), salt)


def codes(batch: Batch) -> Int[Tensor, " batch"]:
    """Return a 64-bit code of each sequence: the sum of its symbols mixed with their positions."""
    time = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
    is_inside = True if batch.lengths is None else time < batch.lengths.unsqueeze(1)
    pairs = batch.inputs.long() * 2**32 + batch.targets.long()  # (batch, time)
    # Without the offset, swapping a symbol and its position would give the same sum.
    mixed = mix(mix(pairs + OFFSET) + mix(time)) * is_inside
    return mixed.sum(1)


def salted(values: Int[Tensor, " batch"], salt: int) -> Int[Tensor, " batch"]:
    """Return the hashes of sequence codes for a given salt."""
    kept: Tensor = mix(values + salt) & (2**BITS - 1)
    return kept


def mix(values: Int[Tensor, ...]) -> Int[Tensor, ...]:
    """Mix integers over all 64 bits with the finalizer of SplitMix64 (Steele, 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        values = (values ^ _shifted(values, shift)) * factor  # overflow wraps around
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift right, filling with zeros (a logical shift)."""
    kept: Tensor = (values >> bits) & (2 ** (64 - bits) - 1)
    return kept


def _draw(
    sample: Callable[..., Batch], wanted: int
) -> tuple[Int[Tensor, " distinct"], Int[Tensor, " distinct"]]:
    """Draw many batches, since each may have only one length, and count the distinct codes."""
    size, generator = -(-min(wanted, MOST) // BATCHES), generator_for("split")
    drawn = torch.cat([codes(sample(size, generator=generator)) for _ in range(BATCHES)])
    distinct, counts = drawn.unique(return_counts=True)
    return distinct, counts
