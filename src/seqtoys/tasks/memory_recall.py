"""Memory tasks that query one earlier symbol: by its key, by its distance, or the first one."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_count, check_probability
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.memory_copy import LETTERS

DIGITS = "0123456789"


class AssociativeRecall(AnswerTask):
    r"""Read key-value pairs, then one of the keys again: what was its value?

    The input is pairs of a letter and a digit, with distinct letters, then `?` and a random one of
    the letters; the answer is the digit paired with it.

    The optimum is 0. A memoryless model sees only the blank, and all ten digits are equally
    likely: its loss is $\ln 10$, and it guesses 1 in 10 correctly.

    Source: Ba et al. (2016), Using fast weights to attend to the recent past; an earlier version
    with binary vectors is in Graves et al. (2014). With at most 26 keys, the language is finite.

    Args:
        pairs: The maximum number of pairs in training; the minimum is 1. `length` is twice the
            number of pairs, plus 2.

    Raises:
        OptionError: If it is not 1 to 26.

    Examples:
        >>> task = AssociativeRecall()
        >>> print(task.sample(1, length=10).show(task.vocab))
        inputs   h6l6k7w7?w=
        targets  ··········7
    """

    name = "associative_recall"
    source = "Ba et al. 2016"
    level: str | None = "finite"

    def __init__(self, pairs: int = 4) -> None:
        self.pairs: int = check_count("pairs", pairs, 1, len(LETTERS))
        self.vocab: Vocab = Vocab(LETTERS + DIGITS + "?=")
        self.lengths: tuple[int, int] = (4, 2 * self.pairs + 2)
        more = (self.pairs * k for k in (2, 3, 6))
        self.longer: tuple[int, ...] = tuple(2 * n + 2 for n in more if n <= len(LETTERS))

    @property
    def memoryless(self) -> Estimate:
        """All digits are equally likely: ln 10."""
        return Estimate(math.log(len(DIGITS)))

    @property
    def chance(self) -> Estimate:
        """All digits are equally likely: 1 / 10."""
        return Estimate(1 / len(DIGITS))

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length % 2 == 0 and 4 <= length <= 2 * len(LETTERS) + 2:
            return None
        return f"n pairs, a ? and a key take 2 n + 2 symbols, for n from 1 to {len(LETTERS)}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw a fixed number of pairs per sequence, and the key to query."""
        length = length or self.draw_length(generator)
        return self.one_answer(*self._draw(batch_size, length, generator))

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw pairs, and the key to query."""
        return torch.from_numpy(self._draw(batch_size, length, generator)[0][:, :-1])

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Look up the value of the queried key."""
        keys, values = inputs[:, :-2:2], inputs[:, 1:-2:2]
        place = (keys == inputs[:, -1:]).byte().argmax(1, keepdim=True)  # (batch, 1)
        return values.gather(1, place)

    def _draw(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> tuple[Array, Array]:
        """Draw inputs, with a column for the blank, and their answers."""
        pairs, letters = length // 2 - 1, len(LETTERS)
        choices = [*range(letters, letters - pairs, -1), *[len(DIGITS)] * pairs, pairs]
        drawn = torch.empty((len(choices), batch_size), dtype=torch.int32)
        numbers = drawn.random_(generator=generator).numpy() % np.array(choices, np.int32)[:, None]
        keys, values, asked = numbers[:pairs], numbers[pairs:-1], numbers[-1]  # (pairs, batch)
        # Key k was drawn as an index into the letters not used by earlier keys.
        for k in range(pairs - 2, -1, -1):
            keys[k + 1 :] += keys[k + 1 :] >= keys[k]
        values += letters  # digits come after the letters
        question = asked, np.arange(batch_size)
        symbols = np.empty((batch_size, length + 1), np.int64)
        symbols[:, :-3:2], symbols[:, 1:-3:2] = keys.T, values.T
        symbols[:, -3], symbols[:, -2] = letters + len(DIGITS), keys[question]  # ? and the key
        return symbols, values[question]


class NBack(Determined):
    r"""At each symbol: is it the same as n symbols before, yes (Y) or no (N)?

    The input is a string of random letters, with an answer at each symbol from symbol $n + 1$ on.
    Each of these symbols repeats the one $n$ before with probability `matches`, and otherwise is
    one of the others, all equally likely.

    The optimum is 0. All letters are equally likely at each position, and so is a match for each
    letter: a memoryless model only knows the probability $q$ of a match. Its loss is
    $-q \ln q - (1 - q) \ln(1 - q)$, or $\ln 2$ at $q = 1/2$, and chance is the larger of $q$ and
    $1 - q$.

    Source: Kirchner (1958), Age differences in short-term retention of rapidly changing
    information.

    Args:
        n: The distance to compare.
        symbols: The number of letters.
        matches: The probability of a match.

    Raises:
        OptionError: If n is below 1, symbols is not 2 to 26, or matches is not between 0 and 1.

    Examples:
        >>> task = NBack(n=2)
        >>> print(task.sample(1, length=12).show(task.vocab))
        inputs   hfdfefdhdhdb
        targets  ··NYNYNNYYYN
    """

    name = "n_back"
    source = "Kirchner 1958"
    level: str | None = "regular"

    def __init__(self, n: int = 2, symbols: int = 8, *, matches: float = 0.5) -> None:
        self.n: int = (n := check_count("n", n, 1))
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.matches: float = check_probability("matches", matches)
        self.vocab: Vocab = Vocab(LETTERS[:symbols] + "NY")
        self.lengths: tuple[int, int] = (n + 1, n + 20)
        self.longer: tuple[int, ...] = (n + 30, n + 50, n + 100)

    @property
    def memoryless(self) -> Estimate:
        """The entropy of whether there is a match."""
        return Estimate(entropy(self.matches))

    @property
    def chance(self) -> Estimate:
        """The proportion of the more frequent answer."""
        return Estimate(max(self.matches, 1 - self.matches))

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length > self.n else f"the first answer is at symbol {self.n + 1}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw n symbols, then the difference of each from the one n before."""
        length = length or self.draw_length(generator)
        rows = -(-length // self.n)
        size = (batch_size, rows * self.n)
        steps = torch.randint(1, self.symbols, size, generator=generator)
        drawn = torch.rand(size, dtype=torch.float32, generator=generator)
        steps *= drawn >= self.matches  # a step of 0 is a match
        steps[:, : self.n].random_(self.symbols, generator=generator)
        # Every n-th symbol forms a chain, which moves cyclically through the letters.
        chains = steps.unflatten(1, (rows, self.n)).cumsum(1) % self.symbols
        inputs = chains.flatten(1)[:, :length]  # (batch, length)
        targets = self.symbols + (steps[:, :length] == 0).long()
        targets[:, : self.n] = UNSCORED
        return Batch(inputs, targets)


class FirstSymbol(AnswerTask):
    r"""Read a string, then output its first symbol.

    The input is a string of random letters; the answer is the first one.

    The optimum is 0. A memoryless model sees only the blank, and all $k$ letters are equally
    likely: its loss is $\ln k$, and it guesses 1 in $k$ correctly.

    Source: the latch problem of Bengio et al. (1994), Learning long-term dependencies with
    gradient descent is difficult, with letters.

    Args:
        symbols: The number of letters, $k$.

    Raises:
        OptionError: If it is not 2 to 26.

    Examples:
        >>> task = FirstSymbol()
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   fcbgea=
        targets  ······f
    """

    name = "first_symbol"
    source = "Bengio et al. 1994"
    level: str | None = "regular"
    lengths: tuple[int, int] = (1, 20)
    longer: tuple[int, ...] = (30, 50, 100, 200)

    def __init__(self, symbols: int = 8) -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.vocab: Vocab = Vocab(LETTERS[:symbols] + "=")

    @property
    def memoryless(self) -> Estimate:
        """All letters are equally likely: ln k."""
        return Estimate(math.log(self.symbols))

    @property
    def chance(self) -> Estimate:
        """All letters are equally likely: 1 / k."""
        return Estimate(1 / self.symbols)

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings."""
        return torch.randint(self.symbols, (batch_size, length), generator=generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Return the first symbol of each input."""
        return inputs[:, :1]
