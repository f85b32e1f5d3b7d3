"""The probability of a train or held-out split, and the information gained by knowing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.support.devices import on_cpu
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.splits import codes

SYMBOLS = 2**19  # the approximate total number of symbols to draw
FEWEST, MOST = 128, 2**13  # bounds on the number of sequences of one length
SIZE = 2048  # sequences per batch
FEW = 8  # sequences of each rare length
NEGLIGIBLE = 1e-12  # the rounding error of sums of probabilities, approximately


@dataclass(frozen=True)
class Draws:
    """Sampled sequences.

    Attributes:
        first: The first symbol of each sequence.
        first_chance: The probability of that symbol at the length of the sequence; nan if unknown.
        code: A code that identifies each sequence.
        log_chance: The logarithm of the probability of each sequence at its length, given its
            first symbol; -inf if unknown.
        values: Whether each sequence is in the split, its surprise and its number of scored
            symbols; all 0 if it is not.
    """

    first: Int[Tensor, " draws"]
    first_chance: Float[Tensor, " draws"]
    code: Int[Tensor, " draws"]
    log_chance: Float[Tensor, " draws"]
    values: Float[Tensor, "draws 3"]

    def where(self, rows: Tensor) -> Draws:
        """Select a subset of the sequences."""
        return Draws(*(part[rows] for part in vars(self).values()))


@dataclass(frozen=True)
class Mass:
    """The sequences of one length that begin with the same symbol.

    Attributes:
        first: The probability of the first symbol.
        sums: The probability of the split given the first symbol, and the sums over the split of
            surprise and of scored symbols, weighted by probability.
        unlisted: The probability of the sequences that are not listed individually.
        values: The values of a sample of those, `(draws, 3)`.
    """

    first: float
    sums: tuple[float, float, float]
    unlisted: float
    values: Float[Tensor, "draws 3"]

    @property
    def joint(self) -> float:
        """The joint probability of the first symbol and the split."""
        return self.first * self.sums[0]

    def error(self, gain: float, loss: float) -> float:
        """Return the standard error of `surprise + gain - loss * scored` over the split."""
        # The derivative of p (gain + ln p), summed over the split, with respect to p is gain + 1.
        weights = torch.tensor([gain + 1, 1.0, -loss], dtype=torch.float64, device="cpu")
        each = self.values @ weights  # (draws, 3) -> (draws,)
        # Add two pseudo-draws: one in the other split, one of the largest value. Otherwise,
        # identical draws would give a standard error of 0.
        each = torch.cat([each, each.new_tensor([0.0, max(float(each.abs().max()), 1.0)])])
        return self.unlisted * float(each.std(correction=0)) / math.sqrt(len(each))


Masses = dict[int | None, dict[int, Mass]]
"""By length (None for the task's own distribution), then by first symbol."""


class SplitShares:
    """The loss of a model that knows the train/held-out split, on one of the two.

    Given the split, a sequence is `1 / P(split)` times as probable, so its total surprise is lower
    by `-ln P(split)`. Since first symbols are not scored, `P(split)` is conditioned on the first
    symbol. For chosen lengths, this holds at each length. Frequent sequences are listed with their
    exact probabilities; for the rest, the fraction in the split is estimated by sampling.

    Args:
        draw: Draws the given number of sequences of one length (None: as the task draws them).
        surprise: Computes the surprise of sequences after their first symbol, in nats.
        first_surprise: Computes the surprise of their first symbol, if that is known.
        is_on_side: Returns whether each sequence of a batch is in the split.
        usual: A typical length, which determines how many sequences are drawn.
        rare: Rare lengths, some sequences of which are listed as well.
        can_list: Returns whether exp(-surprise) is the probability of a sequence, at a length or
            not.
        all_sequences: Returns all sequences of a length, if there are few enough.
    """

    def __init__(
        self,
        draw: Callable[[int, int | None, torch.Generator], Batch],
        surprise: Callable[[Batch], Float[Tensor, " batch"]],
        first_surprise: Callable[[Batch], Float[Tensor, " batch"] | None],
        is_on_side: Callable[[Batch], Bool[Tensor, " batch"]],
        *,
        usual: int,
        rare: Iterable[int] = (),
        can_list: Callable[..., bool],
        all_sequences: Callable[[int | None], Batch | None],
    ) -> None:
        self._draw = draw
        self._usual, self._rare = usual, tuple(rare)
        self._can_list, self._all_sequences = can_list, all_sequences
        self._surprise = surprise
        self._first_surprise = first_surprise
        self._is_on_side = is_on_side
        self._known: dict[tuple[int, ...], Masses] = {}

    def optimum(self, lengths: tuple[int, ...] = ()) -> Estimate:
        """Compute the lowest expected loss on the split, in nats per scored symbol.

        Args:
            lengths: Equally likely lengths. If empty, as the task draws them.
        """
        masses = self._masses(lengths)
        sides = _side_by_length(masses)
        parts = [
            (mass, gain, mass.first / sides[n])
            for n, gains in _gains(masses).items()
            for first, gain in gains.items()
            for mass in [masses[n][first]]
        ]
        surprise = sum(weight * (m.sums[1] + m.sums[0] * gain) for m, gain, weight in parts)
        scored = sum(weight * mass.sums[2] for mass, _, weight in parts)
        loss = max(surprise / scored, 0.0)
        variance = sum((weight * mass.error(gain, loss)) ** 2 for mass, gain, weight in parts)
        return Estimate(loss, math.sqrt(variance) / scored)

    def correction(self, batch: Batch, lengths: tuple[int, ...]) -> Float[Tensor, " batch"]:
        """Compute the nats to add to the surprise of sequences of the split: at most 0 each."""
        gains = _gains(self._masses(lengths))
        ends: list[int | None] = [*batch.count_symbols().tolist()] if lengths else [None]
        rows = zip(
            ends if lengths else ends * len(batch), batch.inputs[:, 0].tolist(), strict=True
        )
        found = [gains[n].get(first, 0.0) for n, first in rows]
        return torch.tensor(found, dtype=torch.float64, device="cpu")

    def first_surprise(self, batch: Batch, lengths: tuple[int, ...]) -> Float[Tensor, " batch"]:
        """Compute the surprise of the first symbols in the split, over all lengths together."""
        masses = self._masses(lengths)
        sides = _side_by_length(masses)
        given, present = _firsts_given_side(masses, sides), sum(map(bool, sides.values()))
        chances = [given.get(first, 0.0) / present for first in batch.inputs[:, 0].tolist()]
        return -torch.tensor(chances, dtype=torch.float64, device="cpu").log()

    def _masses(self, lengths: tuple[int, ...]) -> Masses:
        if lengths not in self._known:
            generator = generator_for("split")
            bounds = (lengths[0], lengths[-1]) if lengths else None
            each: tuple[int | None, ...] = lengths or (None,)
            self._known[lengths] = {
                n: self._measure(n, bounds, len(each), generator) for n in each
            }
        return self._known[lengths]

    def _measure(
        self,
        length: int | None,
        bounds: tuple[int, int] | None,
        count: int,
        generator: torch.Generator,
    ) -> dict[int, Mass]:
        """Draw sequences of one of `count` lengths to list, and as many to sample the others."""
        every = self._all_sequences(length)
        if every is not None:
            rows = self._values(every, length, bounds)
            return _weigh_by_first(rows, rows, None)
        total = min(max(SYMBOLS // ((length or self._usual) * count), FEWEST), MOST)
        sizes = [len(part) for part in torch.arange(total).split(SIZE)]
        often = [(size, length) for size in sizes]
        seldom = [(FEW, n) for n in self._rare] if length is None else []
        listed, drawn = (
            self._drawn(wanted, length, bounds, generator) for wanted in (often + seldom, often)
        )
        # The first symbols of the sequences drawn without the additional rare lengths.
        frequent = torch.cat([listed.first[:total], drawn.first])
        return _weigh_by_first(listed, drawn, frequent)

    def _drawn(
        self,
        wanted: list[tuple[int, int | None]],
        length: int | None,
        bounds: tuple[int, int] | None,
        generator: torch.Generator,
    ) -> Draws:
        """Draw batches of given sizes and lengths, and compute their values at one length."""
        with on_cpu():
            batches = [self._draw(size, n, generator) for size, n in wanted]
        parts = [vars(self._values(batch, length, bounds)).values() for batch in batches]
        return Draws(*map(torch.cat, zip(*parts, strict=True)))

    def _values(self, batch: Batch, length: int | None, bounds: tuple[int, int] | None) -> Draws:
        at_length = None if length is None else (length, length)
        surprise = self._surprise(batch.with_length_range(bounds)).double()
        chance = -surprise
        if at_length != bounds:
            chance = -self._surprise(batch.with_length_range(at_length)).double()
        if not self._can_list(at_length=length is not None):
            chance = torch.full_like(chance, -math.inf)  # all are estimated by sampling
        first = self._first_surprise(batch.with_length_range(at_length))
        first_chance = torch.full_like(chance, math.nan) if first is None else (-first).exp()
        is_on_side = self._is_on_side(batch)
        each = (torch.ones_like(surprise), surprise, batch.scored.sum(1).double())
        values = torch.stack(each, 1) * is_on_side.unsqueeze(1)  # (batch, 3)
        return Draws(batch.inputs[:, 0], first_chance, codes(batch), chance, values)


def _weigh_by_first(
    listed: Draws, drawn: Draws, frequent: Int[Tensor, " draws"] | None
) -> dict[int, Mass]:
    """Group sequences by first symbol, weighted by its probability, or else by its frequency."""
    firsts = torch.cat([listed.first, drawn.first])
    chances = torch.cat([listed.first_chance, drawn.first_chance])
    masses = {}
    for first in (firsts if frequent is None else frequent).unique():
        chance = chances[firsts == first][0]
        if chance.isnan() and frequent is not None:
            chance = (frequent == first).double().mean()
        masses[int(first)] = _weigh(
            listed.where(listed.first == first), drawn.where(drawn.first == first), float(chance)
        )
    return masses


def _weigh(listed: Draws, drawn: Draws, first: float) -> Mass:
    """Sum the listed sequences by their probabilities, and the others by their frequency."""
    order = listed.code.argsort()
    is_new = torch.ones(len(order), dtype=torch.bool, device="cpu")
    is_new[1:] = listed.code[order].diff() != 0
    known = listed.where(order[is_new])
    chances = known.log_chance.exp()
    unlisted = max(1.0 - float(chances.sum()), 0.0)
    is_listed = torch.isin(drawn.code, known.code[chances > 0])
    others = drawn.where(~is_listed)
    values = next(draws.values for draws in (others, listed, drawn) if len(draws.code))
    sums = chances @ known.values  # (draws,) @ (draws, 3)
    if unlisted > NEGLIGIBLE:
        sums = sums + unlisted * values.mean(0)
    one, surprise, scored = sums.tolist()
    return Mass(first, (one, surprise, scored), unlisted * (unlisted > NEGLIGIBLE), values)


def _side_by_length(masses: Masses) -> dict[int | None, float]:
    """Return the probability of the split at each length."""
    return {n: sum(mass.joint for mass in each.values()) for n, each in masses.items()}


def _firsts_given_side(masses: Masses, sides: dict[int | None, float]) -> dict[int, float]:
    """Return the probability of each first symbol given the split, summed over the lengths."""
    given: dict[int, float] = {}
    for n, each in masses.items():
        for first, mass in each.items():
            share = mass.joint / sides[n] if sides[n] else 0.0  # the split may lack the length
            given[first] = given.get(first, 0.0) + share
    return given


def _gains(masses: Masses) -> dict[int | None, dict[int, float]]:
    """Return the nats to add to the surprise of a sequence, by length and first symbol."""
    sides = _side_by_length(masses)
    given_side, at_all = _firsts_given_side(masses, sides), dict[int, float]()
    for each in masses.values():
        for first, mass in each.items():
            at_all[first] = at_all.get(first, 0.0) + mass.first
    return {
        n: {
            first: math.log(sides[n]) + math.log(given_side[first] / at_all[first])
            for first, mass in each.items()
            if mass.joint
        }
        for n, each in masses.items()
    }
