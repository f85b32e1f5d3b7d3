"""Dyck languages: balanced brackets, predicted from `#` to `#`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqtoys.batch import Batch
from seqtoys.errors import DataError
from seqtoys.tasks.between import between_marks, check_same
from seqtoys.tasks.checks import check_count, check_probability
from seqtoys.tasks.entropy import entropy
from seqtoys.tasks.estimate import Estimate
from seqtoys.tasks.task import Task
from seqtoys.vocab import Vocab

BRACKETS = "()[]{}<>⟨⟩⟦⟧⌈⌉⌊⌋"
RARE = 0.01  # of all strings are longer than those of training, when drawn as they come


class Dyck(Task):
    """Strings of balanced brackets of one or more kinds.

    A sequence is `#`, the string, `#`; each next symbol is predicted. Strings come from the
    grammar S → ( S ) S with probability p, all kinds of brackets alike, and S → nothing else.

    **Optimum.** The grammar writes from left to right, and at each symbol decides for an S whether
    to open a bracket (p, each kind with p / kinds) or to end that S (1 - p), which writes the
    bracket that closes the innermost open one, or `#` if there is none. So each scored symbol has
    the same surprise in expectation, whatever came before:

        optimum = h(p) + p ln(kinds),    h(p) = -p ln p - (1 - p) ln(1 - p),

    which is 0.6109 nats for one kind at p = 0.3. A string of m pairs has probability
    (p / kinds)^m (1 - p)^(m + 1): all of one length are equally likely.

    **Expected length.** The number of pairs, E, is p (1 + 2 E), so E = p / (1 - 2p), and
    1 / (1 - 2p) symbols are scored. With p of 1/2 or more, strings would never end, or have no
    expected length.

    **Memoryless.** What follows `#` and an opening bracket does not depend on more: the surprise
    there is the optimum. After a closing bracket comes an opening one with p, and `#` in p strings
    for the E closing brackets of each, so with 1 - 2p; the rest, p, is another closing one, of any
    kind, as kinds are drawn independently. There are E closing brackets for 1 / (1 - 2p) scored
    symbols:

        memoryless = (1 - p) x optimum + p (h(p, 1 - 2p, p) + 2p ln(kinds)).

    **Chance.** `#` is the target with 1 - 2p, each bracket with p / kinds: the larger of the two.

    `length` counts the input symbols, 1 more than the string has, so it is odd. As they come,
    strings have any length, none among them; `lengths` reaches as far as 99 in 100 of them do.

    Source: Lan et al. (2022), Minimum description length recurrent neural networks; the languages
    are those of Chomsky & Schützenberger (1963), The algebraic theory of context-free languages.

    Args:
        kinds: How many kinds of brackets: 1 to 8.
        p: The probability to open a bracket at any symbol, below 1/2.

    Raises:
        OptionError: If an option is out of its range.

    Examples:
        >>> task = Dyck(kinds=2)
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   #()([])()
        targets  ()([])()#
        >>> Dyck().optimum, task.optimum
        (0.6108..., 0.8188...)
    """

    name = "dyck"
    source = "Lan et al. 2022"
    level = "deterministic context-free"

    def __init__(self, kinds: int = 1, p: float = 0.3) -> None:
        self.kinds = check_count("kinds", kinds, 1, len(BRACKETS) // 2)
        self.p = check_probability("p", p, below=0.5)
        self.vocab = Vocab("#" + BRACKETS[: 2 * kinds])
        pairs = self._typical_pairs()
        self.lengths = (1, 2 * pairs + 1)
        self.longer = tuple(2 * pairs * k + 1 for k in (2, 4, 8))

    @property
    def optimum(self) -> float:
        """The surprise at each symbol: h(p) + p ln(kinds)."""
        return entropy(self.p) + self.p * math.log(self.kinds)

    @property
    def memoryless(self) -> Estimate:
        """The surprise where only the symbol before is known."""
        p = self.p
        closing = entropy(p, 1 - 2 * p, p) + 2 * p * math.log(self.kinds)
        return Estimate((1 - p) * self.optimum + p * closing)

    @property
    def chance(self) -> Estimate:
        """The share of `#`, or of a bracket where that is larger."""
        return Estimate(max(1 - 2 * self.p, self.p / self.kinds))

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        if length % 2 and length > 0:
            return None
        return "lengths are odd: the opening # and pairs of brackets"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings as they come, or of one length."""
        if length is None:
            opens = walk(batch_size, self.p, generator)
        else:
            opens = shuffle(batch_size, length, generator)
        kinds = torch.zeros_like(opens, dtype=torch.long)  # (batch, time)
        if self.kinds > 1:
            kinds.random_(self.kinds, generator=generator)
        return self._write(opens, kinds)

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the mean surprise of strings, told by their number of brackets.

        Raises:
            DataError: If a sequence is not `#`, balanced brackets, `#`.
        """
        targets = batch.targets.cpu()
        opens = (targets > 0) & (targets % 2 == 1)
        if bool((heights(opens)[:, -1] >= 0).any()):
            raise DataError(f"expected sequences of {self.name} that end, got an open bracket")
        check_same(self, self._write(opens, (targets.clamp(min=1) - 1) // 2), batch)
        opened, scored = int(opens.sum()), int(batch.scored.sum())
        surprise = opened * math.log(self.kinds / self.p)
        return (surprise - (scored - opened) * math.log1p(-self.p)) / scored

    def _write(self, opens: Bool[Tensor, "batch time"], kinds: Int[Tensor, "batch time"]) -> Batch:
        """Write strings, told where brackets open and of what kinds those are."""
        height = heights(opens)
        lengths = count_scored(height)
        if self.kinds > 1:
            kinds = share_kinds(kinds, height + (~opens).int(), lengths - 1)
        targets = 1 + 2 * kinds + (~opens).long()
        targets.scatter_(1, lengths.unsqueeze(1) - 1, 0)
        return between_marks(targets, lengths)

    def _typical_pairs(self) -> int:
        """The number of pairs that all but a few strings stay within."""
        pairs, share = 0, 1 - self.p
        rest = 1 - share
        while rest > RARE:
            pairs += 1
            # Catalan numbers: from m - 1 to m pairs there are 2 (2m - 1) / (m + 1) times as many.
            share *= self.p * (1 - self.p) * 2 * (2 * pairs - 1) / (pairs + 1)
            rest -= share
        return pairs


def heights(opens: Bool[Tensor, "batch time"]) -> Int[Tensor, "batch time"]:
    """How many brackets are open after each symbol; -1 where `#` closes the string."""
    return (2 * opens.int() - 1).cumsum(1, dtype=torch.int32)


def count_scored(height: Int[Tensor, "batch time"]) -> Int[Tensor, " batch"]:
    """How many symbols there are up to the first `#`, where nothing is left to close."""
    return torch.from_numpy(1 + (height < 0).numpy().argmax(1))  # torch's own is far slower


def walk(batch_size: int, p: float, generator: torch.Generator) -> Bool[Tensor, "batch time"]:
    """Open a bracket with probability p at each symbol, until all strings have ended.

    Args:
        batch_size: How many strings.
        p: The probability.
        generator: Draws them.
    """
    opens = torch.rand(batch_size, 32, generator=generator) < p  # (batch, time)
    while bool(((height := heights(opens)).amin(1) >= 0).any()):
        more = torch.rand(opens.shape, generator=generator) < p
        opens = torch.cat([opens, more], 1)  # twice as long
    return opens[:, : int(count_scored(height).max())]


def shuffle(
    batch_size: int, length: int, generator: torch.Generator
) -> Bool[Tensor, "batch length"]:
    """Draw balanced strings of one length, all alike; the last symbol is their `#`.

    Of all rotations of m opening and m + 1 closing symbols, in any order, exactly one stays
    balanced up to its last symbol: the one that starts after the first lowest point (the cycle
    lemma of Dvoretzky & Motzkin, 1947). So shuffle them, and rotate.

    Args:
        batch_size: How many strings.
        length: The number of symbols, odd.
        generator: Draws them.
    """
    order = torch.rand(batch_size, length, dtype=torch.float64, generator=generator).argsort(1)
    opens = order < length // 2  # (batch, length)
    start = heights(opens).argmin(1, keepdim=True) + 1  # (batch, 1)
    return opens.gather(1, (start + torch.arange(length)) % length)


def share_kinds(
    kinds: Int[Tensor, "batch time"],
    level: Int[Tensor, "batch time"],
    lengths: Int[Tensor, " batch"],
) -> Int[Tensor, "batch time"]:
    """Give each closing bracket the kind of the bracket it closes.

    On each level of nesting, brackets open and close in turn: sorted by level, and by time within
    it, the two of each pair stand side by side.

    Args:
        kinds: The kind of each bracket; those of closing ones are not read.
        level: How deep each bracket is.
        lengths: The number of brackets.
    """
    beyond = torch.arange(kinds.shape[1]) >= lengths.unsqueeze(1)  # (batch, time)
    order = level.masked_fill(beyond, torch.iinfo(level.dtype).max).argsort(stable=True, dim=1)
    pairs = kinds.gather(1, order)
    even = pairs.shape[1] // 2 * 2
    pairs[:, 1:even:2] = pairs[:, 0:even:2]
    return pairs.scatter(1, order, pairs)
