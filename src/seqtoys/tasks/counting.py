"""Counting languages, such as a^n b^n, predicted from `#` to `#`."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_probability
from seqtoys.tasks.delimited import between_marks, check_lengths_of, check_same
from seqtoys.tasks.task import Task

GERS = "Gers & Schmidhuber 2001"
LAN = "Lan et al. 2022"
STACK = "deterministic context-free"
RARE = 0.01  # the fraction of randomly drawn strings that are longer than the training range


class CountingLanguage(Task):
    r"""Strings of blocks, one for each letter, whose lengths depend on one or two counts.

    A sequence is `#`, the string, `#`; each next symbol is predicted. The counts $n$ (and $m$) are
    geometric on 1, 2, …: $P(n) = p (1 - p)^{n - 1}$.

    **Optimum.** The first `#` is always followed by `a`. In a block whose length is a free count,
    the block continues with probability $1 - p$ and ends with probability $p$, regardless of its
    length so far. Over the block, these surprises add up to $-\ln P(n)$, on average $h(p) / p$
    nats with $h(p) = -p \ln p - (1 - p) \ln(1 - p)$. Everything else is certain, and the string
    and its last `#` are scored. With $k$ counts and the expected length $c_i$ of block $i$
    ($1 / p$ for $a^n$),

    $$\text{optimum} = \frac{k \, h(p) / p}{1 + \sum_i c_i} .$$

    For $a^n b^n$ at $p = 0.3$: $2.0362 / (2 / 0.3 + 1) = 0.2656$ nats.

    **Memoryless.** Of the $c_i$ occurrences of a letter in a string, all but one are followed by
    the same letter, and one by the next letter (or `#`): a surprise of $c_i \, h(1 / c_i)$. `#` is
    always followed by `a`. Thus

    $$\text{memoryless} = \frac{\sum_i c_i \, h(1 / c_i)}{1 + \sum_i c_i} .$$

    **Chance.** The letter with the longest block: $\max_i c_i / (1 + \sum_i c_i)$.

    **Lengths.** `length` counts the input symbols, one more than the string has. It fixes $n$, or
    $n + m$ with all divisions equally likely, since $P(n) P(m) = p^2 (1 - p)^{n + m - 2}$. By
    default, strings have any length, and `lengths` is a range that contains 99% of them. For
    chosen lengths, the optimum is lower: if a string has one of $k$ equally likely lengths, and
    $s$ ways to divide it, its total surprise is $\ln k + \ln s$.

    Args:
        name: The name of the task.
        blocks: For each letter, its count per n (and per m): `((1,), (2,))` is a^n b^2n.
        p: The probability that a count ends, at each step; the mean count is 1 / p.
        source: The origin of the task.
        level: Its place in the Chomsky hierarchy.

    Raises:
        OptionError: If p is not between 0 and 1, or the blocks do not depend on one or two counts
            that each add the same number of letters.

    Examples:
        >>> task = CountingLanguage("anb3n", ((1,), (3,)))
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #aabbbbbb
        targets  aabbbbbb#
        >>> task.optimum
        0.1420...
    """

    _starts_alike = True

    def __init__(
        self,
        name: str,
        blocks: tuple[tuple[int, ...], ...],
        p: float = 0.3,
        *,
        source: str = "my own",
        level: str = "context-sensitive",
    ) -> None:
        self.p: float = check_probability("p", p, above=1e-4)
        self.name = name
        self.source = source
        self.level: str | None = level
        self.vocab: Vocab = Vocab("#" + "abcdefgh"[: len(blocks)])
        self.blocks: Tensor = _check_blocks(blocks)  # (letters, counts)
        self._counts, self._unit = len(blocks[0]), sum(block[0] for block in blocks)
        typical = self._typical_total()
        self.lengths: tuple[int, int] = (1 + self._unit * self._counts, 1 + self._unit * typical)
        self.longer: tuple[int, ...] = tuple(1 + self._unit * typical * k for k in (2, 4, 8))

    @property
    def optimum(self) -> float:
        """The entropy of the counts, divided by the expected number of scored symbols."""
        return self._counts * entropy(self.p) / self.p / self._expected_scored()

    @property
    def memoryless(self) -> Estimate:
        """The expected surprise given the current symbol, divided by the scored symbols."""
        surprise = sum(c * entropy(1 / c) for c in self._expected_blocks())
        return Estimate(surprise / self._expected_scored())

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent letter."""
        return Estimate(max(self._expected_blocks()) / self._expected_scored())

    @property
    def best_accuracy(self) -> float:
        """The highest possible accuracy: each step of a count is guessed, all else is certain."""
        misses = self._counts * min(self.p, 1 - self.p) / self.p
        return 1 - misses / self._expected_scored()

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        total, rest = divmod(length - 1, self._unit)
        if not rest and total >= self._counts:
            return None
        some = [str(self.lengths[0] + self._unit * k) for k in range(3)]
        return f"possible lengths are {', '.join(some)}, …: the opening # and the blocks"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings of random lengths, or of one length."""
        counts = torch.empty(batch_size, self._counts, dtype=torch.long)  # (batch, counts)
        if length is None:
            counts.geometric_(self.p, generator=generator)
        else:
            total = (length - 1) // self._unit
            if self._counts == 2:
                counts.random_(1, total, generator=generator)
            counts[:, -1] = total - counts[:, :-1].sum(1)
        return self._write(counts, width=1 + self._unit * int(counts.sum(1).max()))

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each symbol of strings, in nats.

        Raises:
            DataError: If a sequence is not `#`, a string of the language, `#`, or has a length
                outside `batch.length_range`.
        """
        self._surprise(batch)  # checks the strings
        targets = batch.targets.cpu()
        letters = torch.arange(1, 1 + self._counts, device="cpu")
        counts = (targets.unsqueeze(2) == letters).cumsum(1)  # (batch, time, counts)
        # The number of counts that are complete: those before the current letter.
        complete = torch.where(targets == 0, self._counts, (targets - 1).clamp(max=self._counts))
        chances = self._log_chances(batch, counts.sum(2), complete.cummax(1).values)
        before = F.pad(chances[:, :-1], (1, 0))  # the first letter is certain
        # The difference of equal logarithms may be -0.0.
        return (before - chances).abs().masked_fill(~batch.scored.cpu(), torch.nan)

    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"]:
        """Return which symbols may follow: all but one are certain, except after a free count.

        Raises:
            DataError: If a sequence is not `#`, a string of the language, `#`.
        """
        self._surprise(batch)  # checks the strings
        inputs, targets = batch.inputs.cpu(), batch.targets.cpu().clamp(min=0)
        is_free = (inputs >= 1) & (inputs <= self._counts)  # this letter again, or the next
        letters = torch.stack(
            [targets, *(torch.where(is_free, inputs + n, targets) for n in (0, 1))]
        )
        can = F.one_hot(letters, len(self.vocab)).bool().any(0)  # (batch, time, vocab)
        return can & batch.scored.cpu().unsqueeze(2)

    def _log_chances(
        self, batch: Batch, sums: Int[Tensor, "batch time"], complete: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time"]:
        """Return the logarithm of the probability of each prefix, from its counts.

        Args:
            batch: The strings.
            sums: The sum of the counts so far.
            complete: The number of counts that are known to be complete.
        """
        if batch.length_range is None:
            more = sums - (complete + 1).clamp(max=self._counts)  # each count is at least 1
            return complete.double() * math.log(self.p) + more.double() * math.log1p(-self.p)
        lengths = self.possible_lengths(batch.length_range)
        totals = torch.tensor(lengths, device="cpu").sub(1) // self._unit  # (lengths,)
        shares = 1 / (self._splits(torch.tensor(lengths, device="cpu")) * len(lengths))
        sums, complete = sums.unsqueeze(2), complete.unsqueeze(2)  # (batch, time, 1)
        # With all counts complete there is one total; with one open, any from the sum so far; with
        # two open, there are as many ways to reach each total as places for the second to begin.
        ways = torch.where(
            complete == self._counts,
            totals == sums,
            torch.where(
                complete == self._counts - 1, totals >= sums, (totals - sums).clamp(min=0)
            ),
        )  # (batch, time, lengths)
        return (ways * shares).sum(2).log()

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return True

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        surprise = (self._splits(torch.tensor(lengths, device="cpu")) * len(lengths)).log()
        return Estimate(float(surprise.sum() / sum(lengths)))

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        letters = torch.arange(1, 1 + self._counts, device=batch.targets.device)
        counts = (batch.targets.unsqueeze(2) == letters).sum(1).cpu()  # (batch, counts)
        written = self._write(counts.clamp(min=1), batch.targets.shape[1])
        check_same(self, written, batch)
        if batch.length_range is not None:
            lengths = self.possible_lengths(batch.length_range)
            scored = check_lengths_of(self, batch, lengths)
            return (self._splits(scored) * len(lengths)).log()
        total = (counts - 1).sum(1).double() * math.log1p(-self.p)  # (batch,)
        return -(self._counts * math.log(self.p) + total)

    def _rare_lengths(self) -> tuple[int, ...]:
        return self.possible_lengths((self.lengths[1], 8 * self.lengths[1]))

    def _splits(self, lengths: Int[Tensor, " lengths"]) -> Float[Tensor, " lengths"]:
        """Return the number of count combinations for each string length."""
        totals = (lengths - 1) // self._unit
        return (totals - 1 if self._counts == 2 else torch.ones_like(totals)).double()

    def _write(self, counts: Int[Tensor, "batch counts"], width: int) -> Batch:
        """Return the strings for given counts."""
        ends = (counts.unsqueeze(1) * self.blocks).sum(2).cumsum(1).numpy()  # (batch, letters)
        # The number of completed blocks, (batch, time); # (index 0) follows the last letter.
        closed = (np.arange(width) >= ends[:, :, np.newaxis]).sum(1)
        return between_marks((closed + 1) % len(self.vocab), ends[:, -1] + 1)

    def _expected_blocks(self) -> list[float]:
        return [count / self.p for count in self.blocks.sum(1).tolist()]

    def _expected_scored(self) -> float:
        return 1 + sum(self._expected_blocks())

    def _typical_total(self) -> int:
        """Return a sum of counts that only a fraction `RARE` of all strings exceed."""
        total, q = self._counts, 1 - self.p
        while q**total + (self._counts - 1) * total * self.p * q ** (total - 1) > RARE:
            total += 1
        return total


def _check_blocks(blocks: tuple[tuple[int, ...], ...]) -> Tensor:
    """Check that the first blocks are the counts, and each adds the same number of letters."""
    counts = len(blocks[0]) if blocks else 0
    shown = tuple(tuple(int(i == j) for j in range(counts)) for i in range(counts))
    totals = {sum(column) for column in zip(*blocks, strict=False)}
    same_width = {len(block) for block in blocks} == {counts}
    if counts not in (1, 2) or not same_width or blocks[:counts] != shown or len(totals) > 1:
        raise OptionError(
            "expected blocks that begin with ((1,), …) or ((1, 0), (0, 1), …), with the same "
            f"number of letters for each count, got {blocks}"
        )
    return torch.tensor(blocks, device="cpu")


def anbn(p: float = 0.3) -> CountingLanguage:
    """a^n b^n: as many b as a, the simplest language that requires a counter.

    Source: Gers & Schmidhuber (2001), LSTM recurrent networks learn simple context-free and
    context-sensitive languages; the geometric $n$ is from Lan et al. (2022). The optimum, derived
    in `CountingLanguage`, is $(h(p) / p) / (2 / p + 1)$.

    Args:
        p: The probability at each step that $n$ ends.

    Examples:
        >>> task = anbn()
        >>> print(task.sample(1, length=7).show(task.vocab))
        inputs   #aaabbb
        targets  aaabbb#
        >>> task.optimum
        0.2655...
    """
    return CountingLanguage("anbn", ((1,), (1,)), p, source=GERS, level=STACK)


def anbncn(p: float = 0.3) -> CountingLanguage:
    """a^n b^n c^n: as many b and c as a, beyond what one stack can check.

    Source: Gers & Schmidhuber (2001), with the geometric $n$ of Lan et al. (2022). The
    optimum, derived in `CountingLanguage`, is $(h(p) / p) / (3 / p + 1)$.

    Args:
        p: The probability at each step that $n$ ends.

    Examples:
        >>> anbncn().optimum
        0.1851...
    """
    return CountingLanguage("anbncn", ((1,),) * 3, p, source=GERS)


def anbncndn(p: float = 0.3) -> CountingLanguage:
    """a^n b^n c^n d^n: four blocks of the same length.

    Source: Lan et al. (2022), Minimum description length recurrent neural networks. The
    optimum, derived in `CountingLanguage`, is $(h(p) / p) / (4 / p + 1)$.

    Args:
        p: The probability at each step that $n$ ends.

    Examples:
        >>> anbncndn().optimum
        0.1420...
    """
    return CountingLanguage("anbncndn", ((1,),) * 4, p, source=LAN)


def anb2n(p: float = 0.3) -> CountingLanguage:
    """a^n b^2n: two b for each a.

    Source: Lan et al. (2022), Minimum description length recurrent neural networks. The
    optimum, derived in `CountingLanguage`, is $(h(p) / p) / (3 / p + 1)$.

    Args:
        p: The probability at each step that $n$ ends.

    Examples:
        >>> anb2n().optimum  # as many symbols are certain as in a^n b^n c^n
        0.1851...
    """
    return CountingLanguage("anb2n", ((1,), (2,)), p, source=LAN, level=STACK)


def anbmcnm(p: float = 0.3) -> CountingLanguage:
    """a^n b^m c^(n+m): as many c as a and b together, which is addition.

    Source: Lan et al. (2022), Minimum description length recurrent neural networks. The
    optimum, derived in `CountingLanguage`, is $2 (h(p) / p) / (4 / p + 1)$.

    Args:
        p: The probability at each step that $n$ ends, and likewise $m$.

    Examples:
        >>> task = anbmcnm()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #aaabcccc
        targets  aaabcccc#
        >>> task.optimum
        0.2841...
    """
    blocks = ((1, 0), (0, 1), (1, 1))
    return CountingLanguage("anbmcnm", blocks, p, source=LAN, level=STACK)
