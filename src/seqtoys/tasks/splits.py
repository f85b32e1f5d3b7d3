"""Which side of a parted task a sequence is on: a hash of its symbols says so."""

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

OFFSET = 0x1E3779B97F4A7C15  # more than any place
BITS = 40  # of a hash that are compared
BATCHES = 64  # that are drawn to see what a hash holds out
MOST = 100_000  # sequences in them
SALTS = 1000  # that are tried
ROUNDS = 100  # of drawing, before a side counts as empty
EVEN = 0.1  # of a side, the smaller: no sequence should make up more of it, if possible
NEAR = 0.25  # how far a share may be from what was asked, relative to the smaller side


@dataclass(frozen=True)
class Parting:
    """Holds out the sequences whose hash is below a limit.

    Attributes:
        limit: The first hash, of 40 bits, that is not held out.
        salt: Which of many hashes it is.

    Examples:
        >>> from seqtoys import Vocab
        >>> texts = Batch.from_texts(["hello", "hill", "oil", "hello"], Vocab("hielo"))
        >>> Parting(limit=2**39).holds_out(texts).tolist()
        [False, True, False, False]
    """

    limit: int
    salt: int = 0

    def holds_out(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Whether each sequence is held out."""
        held: Tensor = hashes(batch, self.salt) < self.limit
        return held


class NotListed:
    """Holds out all sequences but those of a list.

    Args:
        batch: The list.
    """

    def __init__(self, batch: Batch) -> None:
        self._known = hashes(batch)

    def holds_out(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Whether each sequence is held out."""
        return ~torch.isin(hashes(batch), self._known)


def find_parting(name: str, sample: Callable[..., Batch], fraction: float) -> Parting:
    """Find a hash that holds out about a share of what is drawn.

    If no sequence is frequent, that is the first of all, with the share as its limit. If a few
    make up most of what is drawn, it is the one among many that leaves the smaller side with the
    least frequent ones; if none holds out such a share, other limits are tried.

    Args:
        name: The name of the task.
        sample: Draws batches, as `Task.sample` does.
        fraction: The share to hold out.

    Raises:
        OptionError: If there is no such hash.

    Examples:
        >>> from seqtoys import get_task
        >>> for name in ("parity", "anbn"):
        ...     find_parting(name, get_task(name).sample, 0.25)
        Parting(limit=274877906944, salt=0)
        Parting(limit=274877906944, salt=447)
    """
    smaller, limit = min(fraction, 1 - fraction), round(fraction * 2**BITS)
    drawn, counts = _draw(sample, round(400 / smaller))
    if len(drawn) == 1:
        raise OptionError(
            f"expected several sequences to hold some out, got the task {name}: "
            f"all {counts.sum()} that were drawn are the same"
        )
    best, nearest = Parting(limit), math.inf  # by other limits, should none hold out such a share
    evenest, least = Parting(limit), math.inf
    for salt in range(SALTS):
        hashed, order = salted(drawn, salt).sort()
        sizes = counts[order]
        shares = sizes.cumsum(0) / counts.sum()  # held out up to each of the hashes
        below = int((hashed < limit).sum())
        if below and abs(shares[below - 1] - fraction) <= NEAR * smaller:
            side = sizes[:below] if fraction <= 0.5 else sizes[below:]
            largest = float(side.max() / side.sum())
            if largest <= EVEN:
                return Parting(limit, salt)
            if largest < least:
                evenest, least = Parting(limit, salt), largest
        place = int((shares[:-1] - fraction).abs().argmin())
        if abs(shares[place] - fraction) < abs(nearest - fraction):
            best, nearest = Parting(int(hashed[place]) + 1, salt), float(shares[place])
    if least < math.inf:
        return evenest
    if abs(nearest - fraction) <= NEAR * smaller:
        return best
    raise OptionError(
        f"expected a share that can be held out of {name}, got {fraction:g}: with {len(drawn)} "
        f"sequences among the {counts.sum()} drawn, the nearest is {nearest:.2g}"
    )


def draw_side(
    name: str,
    draw: Callable[[int], Batch],
    is_on_it: Callable[[Batch], Bool[Tensor, " batch"]],
    batch_size: int,
    share: float,
) -> Batch:
    """Draw until enough sequences lie on a side.

    Args:
        name: What to call them.
        draw: Draws so many sequences of both sides.
        is_on_it: Whether each sequence is on the side.
        batch_size: How many are enough.
        share: The share of all that are on it, about.

    Raises:
        DataError: If too few are found.

    Examples:
        >>> from seqtoys import get_task
        >>> parity, half = get_task("parity"), Parting(2**39)
        >>> len(draw_side("sequences", parity.sample, half.holds_out, 100, 0.5))
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
        "take a length that has more"
    )


def hashes(batch: Batch, salt: int = 0) -> Int[Tensor, " batch"]:
    """Hash inputs and targets to 40 bits; padding does not count."""
    return salted(codes(batch), salt)


def codes(batch: Batch) -> Int[Tensor, " batch"]:
    """Sum up the symbols of each sequence, mixed with their places; padding does not count."""
    time = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
    is_inside = True if batch.lengths is None else time < batch.lengths.unsqueeze(1)
    pairs = batch.inputs.long() * 2**32 + batch.targets.long()  # (batch, time)
    # The offset keeps symbols apart from places: else swapping the two would give the same sum.
    mixed = mix(mix(pairs + OFFSET) + mix(time)) * is_inside
    return mixed.sum(1)


def salted(values: Int[Tensor, " batch"], salt: int) -> Int[Tensor, " batch"]:
    """Turn the codes of sequences into one of many hashes."""
    kept: Tensor = mix(values + salt) & (2**BITS - 1)
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


def _draw(
    sample: Callable[..., Batch], wanted: int
) -> tuple[Int[Tensor, " distinct"], Int[Tensor, " distinct"]]:
    """Draw the codes of sequences in many batches, as each may have one length; count them."""
    size, generator = -(-min(wanted, MOST) // BATCHES), generator_for("split")
    drawn = torch.cat([codes(sample(size, generator=generator)) for _ in range(BATCHES)])
    distinct, counts = drawn.unique(return_counts=True)
    return distinct, counts
