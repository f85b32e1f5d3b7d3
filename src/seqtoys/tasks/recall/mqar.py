"""Multi-query associative recall: many keys with their values, each asked for once."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_choice, check_count, check_positive
from seqtoys.tasks.determined import Determined

MOST = 10**6  # keys, and values

Filler: TypeAlias = Literal["blank", "random"]


class MQAR(Determined):
    r"""Read keys with their values, then each key again somewhere later: what was its value?

    The first symbols are `pairs` distinct keys, each followed by its value; the values are
    distinct, too. The rest is cut into slots of two symbols. Each key is asked for once, in the
    first symbol of a slot, where its value is the target. Slot $g = 1, 2, \dots$ is chosen with a
    probability proportional to $g^{\text{power} - 1}$, without replacement: with a power of 1 all
    slots are equally likely, with one near 0 most questions come early. All other symbols are
    blanks `_`, or, with `filler="random"`, random values.

    **Optimum, memoryless, chance.** The optimum is 0. The value of a key is any of the $v$ values
    with equal probability: the memoryless loss is $\ln v$, and chance $1 / v$.

    Source: Arora et al. (2024), Zoology: measuring and improving recall in efficient language
    models. In the authors' code, random fillers are drawn from all symbols, which can overwrite an
    association; here they are values only. With `rebound`, some keys are bound a second time
    before the questions, to another value, and the last value counts.

    Args:
        pairs: The number of keys with a value.
        keys: The number of keys to draw from.
        values: The number of values, $v$.
        length: The number of symbols.
        power: How the questions are spread over the slots, above 0.
        filler: `"blank"` or `"random"`.
        rebound: The number of keys that are bound a second time.

    Raises:
        OptionError: If there are more pairs than keys or values, more keys are rebound than there
            are, or the length is odd or too short for all questions.

    Examples:
        >>> task = MQAR(pairs=2, keys=4, values=4, length=12, power=1.0)
        >>> print(task.sample(1).show(task.vocab))
        inputs   k2 v0 k0 v3 k2 _ k0 _ _ _ _ _
        targets  ·  ·  ·  ·  v0 · v3 · · · · ·
        >>> task.memoryless == math.log(4)
        True
    """

    name = "mqar"
    source = "Arora et al. 2024"
    level: str | None = "in context"

    def __init__(
        self,
        pairs: int = 8,
        keys: int = 32,
        values: int = 32,
        length: int = 64,
        power: float = 0.01,
        filler: Filler = "blank",
        rebound: int = 0,
    ) -> None:
        self.pairs: int = check_count("pairs", pairs, 1)
        self.keys: int = check_count("keys", keys, self.pairs, MOST)
        self.values: int = check_count("values", values, max(self.pairs, 2), MOST)
        self.power: float = check_positive("power", power)
        check_choice("filler", filler, get_args(Filler))
        self.filler: Filler = filler
        self.rebound: int = check_count("rebound", rebound, 0, self.pairs)
        names = [f"k{i}" for i in range(self.keys)] + [f"v{i}" for i in range(self.values)]
        self.vocab: Vocab = Vocab([*names, "_"] if filler == "blank" else names)
        longest = check_count("length", length, 1)
        if (reason := self.why_no_length(longest)) is not None:
            raise OptionError(f"length {longest} is impossible: {reason}")
        self.lengths: tuple[int, int] = (longest, longest)
        self.longer: tuple[int, ...] = (2 * longest, 4 * longest)

    @property
    def memoryless(self) -> Estimate:
        """All values are equally likely: ln v."""
        return Estimate(math.log(self.values))

    @property
    def chance(self) -> Estimate:
        """All values are equally likely: 1 / v."""
        return Estimate(1 / self.values)

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        least = 4 * self.pairs + 2 * self.rebound
        if length % 2 == 0 and length >= least:
            return None
        return f"lengths are even and at least {least}, for the bindings and a slot per question"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw bindings, and the slots in which the keys are asked for."""
        length = length or self.draw_length(generator)
        keys, values = (
            _draw_distinct(batch_size, self.pairs, count, generator)
            for count in (self.keys, self.values)
        )  # (batch, pairs) each
        again, other = self._rebind(values, generator)  # (batch, rebound) each
        bound = torch.stack([keys, self.keys + values], 2)  # (batch, pairs, 2)
        second = torch.stack([keys.gather(1, again), self.keys + other], 2)
        bindings = torch.cat([bound, second], 1).flatten(1)  # (batch, 2 (pairs + rebound))
        values = values.scatter(1, again, other)
        inputs = self._draw_filler(batch_size, length, generator)
        targets = torch.full_like(inputs, UNSCORED)
        begin = bindings.shape[1]
        inputs[:, :begin] = bindings
        slots = self._draw_slots(batch_size, (length - begin) // 2, generator)
        inputs.scatter_(1, begin + 2 * slots, keys)
        targets.scatter_(1, begin + 2 * slots, self.keys + values)
        return Batch(inputs, targets)

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the distance from each question to the last binding of its key, `"gap"`."""
        inputs, targets = batch.inputs.cpu(), batch.targets.cpu()
        places = torch.arange(inputs.shape[1], device="cpu").expand_as(inputs)
        asked = batch.scored.cpu()
        begin = 2 * (self.pairs + self.rebound)
        keys, values = inputs[:, :begin:2], inputs[:, 1:begin:2]  # (batch, bindings)
        is_bound = (inputs.unsqueeze(2) == keys.unsqueeze(1)) & (
            targets.unsqueeze(2) == values.unsqueeze(1)
        )  # (batch, time, bindings)
        place = 2 * is_bound.byte().argmax(2)
        return {"gap": torch.where(asked, places - place, 0)}

    def _rebind(
        self, values: Int[Tensor, "batch pairs"], generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch rebound"], Int[Tensor, "batch rebound"]]:
        """Draw which pairs are bound a second time, and to which other value."""
        again = _draw_distinct(len(values), self.rebound, self.pairs, generator)
        size = (len(values), self.rebound)
        step = torch.randint(1, self.values, size, generator=generator, device="cpu")
        return again, (values.gather(1, again) + step) % self.values

    def _draw_filler(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw the symbols of positions without a binding or a question."""
        size = (batch_size, length)
        if self.filler == "blank":
            return torch.full(size, self.keys + self.values, device="cpu")
        low, high = self.keys, self.keys + self.values
        return torch.randint(low, high, size, generator=generator, device="cpu")

    def _draw_slots(
        self, batch_size: int, slots: int, generator: torch.Generator
    ) -> Int[Tensor, "batch pairs"]:
        """Draw a slot for each key, one after the other, without replacement.

        Choosing items one by one with given weights is the same as sorting them by exponential
        random times divided by the weights (Efraimidis & Spirakis, 2006).
        """
        weights = torch.arange(1, slots + 1, dtype=torch.float64, device="cpu") ** (self.power - 1)
        times = torch.empty(batch_size, slots, dtype=torch.float64, device="cpu")
        times.exponential_(generator=generator)
        return (times / weights).topk(self.pairs, largest=False).indices


def _draw_distinct(
    batch_size: int, count: int, among: int, generator: torch.Generator
) -> Int[Tensor, "batch count"]:
    """Draw distinct numbers below a limit, in random order."""
    drawn = torch.rand(batch_size, among, dtype=torch.float64, generator=generator, device="cpu")
    return drawn.topk(count).indices
