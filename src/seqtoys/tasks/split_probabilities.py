"""How probable one side of a split is, and what knowing the side is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.support.devices import on_cpu
from seqtoys.support.estimate import Estimate
from seqtoys.support.randomness import generator_for
from seqtoys.tasks.splits import codes

SYMBOLS = 2**19  # that are drawn in all, about
FEWEST, MOST = 128, 2**13  # sequences of one length
SIZE = 2048  # of a batch
FEW = 8  # sequences of a rare length
NEGLIGIBLE = 1e-12  # a probability: sums of probabilities are rounded to about this


@dataclass(frozen=True)
class Draws:
    """Sequences that were drawn.

    Attributes:
        first: The first symbol of each.
        first_chance: The probability of that symbol at the length of each; nan if not known.
        code: What tells one sequence from another.
        log_chance: The logarithm of the probability of each at its length, given its first symbol;
            -inf where it is not known.
        values: Whether each is on the side; if so, also its surprise and its scored symbols.
    """

    first: Int[Tensor, " draws"]
    first_chance: Float[Tensor, " draws"]
    code: Int[Tensor, " draws"]
    log_chance: Float[Tensor, " draws"]
    values: Float[Tensor, "draws 3"]

    def where(self, rows: Tensor) -> Draws:
        """Select some of them."""
        return Draws(*(part[rows] for part in vars(self).values()))


@dataclass(frozen=True)
class Mass:
    """The sequences of a length that begin with one symbol.

    Attributes:
        first: The probability of the first symbol.
        sums: The probability of the side given the first symbol; the sum over the side of
            surprises, and of scored symbols, each times its probability.
        unlisted: The probability of the sequences that were not listed one by one.
        values: The values of some of those, `(draws, 3)`.
    """

    first: float
    sums: tuple[float, float, float]
    unlisted: float
    values: Float[Tensor, "draws 3"]

    @property
    def joint(self) -> float:
        """The probability of the first symbol and the side."""
        return self.first * self.sums[0]

    def error(self, gain: float, loss: float) -> float:
        """The standard error of `surprise + gain - loss * scored`, summed over the side."""
        # The sum over the side of p (gain + ln p) changes by gain + 1 with p.
        weights = torch.tensor([gain + 1, 1.0, -loss], dtype=torch.float64, device="cpu")
        each = self.values @ weights  # (draws, 3) -> (draws,)
        # As if two more had been drawn: one on the other side, one of the largest value. Draws
        # that are all alike would leave no uncertainty.
        each = torch.cat([each, each.new_tensor([0.0, max(float(each.abs().max()), 1.0)])])
        return self.unlisted * float(each.std(correction=0)) / math.sqrt(len(each))


Masses = dict[int | None, dict[int, Mass]]
"""By length (None: as the task draws them), then by first symbol."""


class SplitShares:
    """What a model that knows the split gains on one side of it.

    Given the side, a sequence is `1 / P(side)` times as probable, so its surprise is less by
    `-ln P(side)` in all. As first symbols are not scored, `P(side)` is that given the first
    symbol. Where lengths are chosen, this holds at each length. Frequent sequences are listed with
    their exact probabilities; of the rest, the share on the side is estimated from draws.

    Args:
        draw: Draws sequences of a length (None: as the task does), given their number.
        surprise: Computes the surprise of sequences after their first symbol, in nats.
        first_surprise: Computes the surprise of their first symbol, if that is known.
        is_on_side: Whether each sequence of a batch is on the side.
        usual: The usual length, which decides how many are drawn.
        rare: Lengths that strings seldom have, of which some are listed as well.
        can_list: Whether exp(-surprise) is the probability of a sequence, at a length or not.
        all_sequences: Gives all sequences of a length, if there are few enough.
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
        """Compute the lowest expected loss on the side, in nats per scored symbol.

        Args:
            lengths: The lengths, each drawn equally often; none: as the task draws them.
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
        """Compute the nats to add to the surprise of sequences of the side: none is above 0."""
        gains = _gains(self._masses(lengths))
        ends: list[int | None] = [*batch.count_symbols().tolist()] if lengths else [None]
        rows = zip(
            ends if lengths else ends * len(batch), batch.inputs[:, 0].tolist(), strict=True
        )
        found = [gains[n].get(first, 0.0) for n, first in rows]
        return torch.tensor(found, dtype=torch.float64, device="cpu")

    def first_surprise(self, batch: Batch, lengths: tuple[int, ...]) -> Float[Tensor, " batch"]:
        """Compute the nats of the first symbols of sequences of the side, all lengths together."""
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
        """List sequences of one of `count` lengths; draw as many, to see what is not listed."""
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
        # The first symbols of those that were drawn as often as they come.
        frequent = torch.cat([listed.first[:total], drawn.first])
        return _weigh_by_first(listed, drawn, frequent)

    def _drawn(
        self,
        wanted: list[tuple[int, int | None]],
        length: int | None,
        bounds: tuple[int, int] | None,
        generator: torch.Generator,
    ) -> Draws:
        """Draw some numbers of sequences of some lengths, for their values at one length."""
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
            chance = torch.full_like(chance, -math.inf)  # all are left to be estimated
        first = self._first_surprise(batch.with_length_range(at_length))
        first_chance = torch.full_like(chance, math.nan) if first is None else (-first).exp()
        is_on_side = self._is_on_side(batch)
        each = (torch.ones_like(surprise), surprise, batch.scored.sum(1).double())
        values = torch.stack(each, 1) * is_on_side.unsqueeze(1)  # (batch, 3)
        return Draws(batch.inputs[:, 0], first_chance, codes(batch), chance, values)


def _weigh_by_first(
    listed: Draws, drawn: Draws, frequent: Int[Tensor, " draws"] | None
) -> dict[int, Mass]:
    """Weigh the sequences of each first symbol, whose probability is known, or its frequency."""
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
    """Add up the listed sequences by their probabilities, and the others by their frequency."""
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
    """The probability of the side at each length."""
    return {n: sum(mass.joint for mass in each.values()) for n, each in masses.items()}


def _firsts_given_side(masses: Masses, sides: dict[int | None, float]) -> dict[int, float]:
    """The probability of each first symbol given the side, summed over the lengths."""
    given: dict[int, float] = {}
    for n, each in masses.items():
        for first, mass in each.items():
            share = mass.joint / sides[n] if sides[n] else 0.0  # the side may lack the length
            given[first] = given.get(first, 0.0) + share
    return given


def _gains(masses: Masses) -> dict[int | None, dict[int, float]]:
    """The nats to add to the surprise of a sequence, by its length and its first symbol."""
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
