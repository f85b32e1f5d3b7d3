"""Memory tasks that repeat a whole string once or several times."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED
from seqtoys.data.vocab import Vocab
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_count
from seqtoys.tasks.answers import AnswerTask

LETTERS = "abcdefghijklmnopqrstuvwxyz"
REPEATS = "123456789"


class Copy(AnswerTask):
    r"""Read a string up to its end marker, then output it.

    The input is a string of random letters and the marker `:`; the answer is the string.

    The optimum is 0. A memoryless model sees only the blank, and all $k$ letters are equally
    likely: its loss is $\ln k$, and it guesses 1 in $k$ correctly.

    Source: Graves et al. (2014), Neural Turing Machines, with letters instead of binary vectors.
    As in the paper, training strings have 1 to 20 symbols. `length` includes the marker.

    Args:
        symbols: The number of letters, $k$.

    Raises:
        OptionError: If it is not 2 to 26.

    Examples:
        >>> task = Copy()
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   fcbg:....
        targets  ·····fcbg
    """

    name = "copy"
    source = "Graves et al. 2014"
    level: str | None = "context-sensitive"
    lengths: tuple[int, int] = (2, 21)
    longer: tuple[int, ...] = (31, 51, 101)
    blank = "."

    def __init__(self, symbols: int = 8) -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.vocab: Vocab = Vocab(LETTERS[:symbols] + ":.")

    @property
    def memoryless(self) -> Estimate:
        """All letters are equally likely: ln k."""
        return Estimate(math.log(self.symbols))

    @property
    def chance(self) -> Estimate:
        """All letters are equally likely: 1 / k."""
        return Estimate(1 / self.symbols)

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 2 else "the shortest is 2, a letter and the end marker"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, each followed by the end marker."""
        inputs = torch.randint(self.symbols, (batch_size, length), generator=generator)
        inputs[:, -1] = self.symbols  # the index of the marker
        return inputs

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Return the strings without their markers."""
        return inputs[:, :-1]


class RepeatCopy(AnswerTask):
    r"""Read a string and a number n, then output the string n times, followed by an end marker.

    The input is a string of random letters and a digit, the number of repeats; the answer is the
    string, repeated, followed by `$`. There are enough blanks for the maximum number of repeats;
    those after `$` are not scored.

    The optimum is 0. A memoryless model sees only the blank. An answer has $KN + 1$ symbols, with
    $K$ letters in the string and $N$ repeats drawn independently; one of them is `$`. With the
    proportion of `$`, $e = 1 / (\mathrm{E}[K] \, \mathrm{E}[N] + 1)$, and $k$ letters with a
    proportion of $(1 - e) / k$ each,

    $$\text{memoryless} = h(e) + (1 - e) \ln k, \qquad h(e) = -e \ln e - (1 - e) \ln(1 - e),$$

    and chance is the larger of $e$ and $(1 - e) / k$.

    Source: Graves et al. (2014), Neural Turing Machines, with letters instead of binary vectors.
    In the paper, training strings have 1 to 10 symbols and 1 to 10 repeats; here, 1 to 9 repeats,
    a single digit. `length` includes the digit.

    Args:
        symbols: The number of letters, $k$.
        repeats: The maximum number of repeats.

    Raises:
        OptionError: If symbols is not 2 to 26, or repeats not 1 to 9.

    Examples:
        >>> task = RepeatCopy(repeats=3)
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   fcb1..........
        targets  ····fcb$······
    """

    name = "repeat_copy"
    source = "Graves et al. 2014"
    level: str | None = "context-sensitive"
    lengths: tuple[int, int] = (2, 11)
    longer: tuple[int, ...] = (16, 21, 31)
    blank = "."

    def __init__(self, symbols: int = 8, repeats: int = 9) -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.repeats: int = check_count("repeats", repeats, 1, len(REPEATS))
        self.vocab: Vocab = Vocab(LETTERS[:symbols] + REPEATS[:repeats] + "$.")

    @property
    def memoryless(self) -> Estimate:
        """The entropy of an answer symbol: `$`, or one of k letters."""
        end = self._share_of_end()
        return Estimate(entropy(end) + (1 - end) * math.log(self.symbols))

    @property
    def chance(self) -> Estimate:
        """The proportion of a letter or of `$`, whichever is larger."""
        end = self._share_of_end()
        return Estimate(max(end, (1 - end) / self.symbols))

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 2 else "the shortest is 2, a letter and the number of repeats"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, each followed by a digit."""
        inputs = torch.randint(self.symbols, (batch_size, length), generator=generator)
        digits = torch.randint(self.repeats, (batch_size,), generator=generator)
        inputs[:, -1] = self.symbols + digits  # digits come after the letters
        return inputs

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Repeat the strings and append the end marker; the rest is -100."""
        letters, digits = inputs[:, :-1], inputs[:, -1:]
        answers = torch.cat([letters.repeat(1, self.repeats), digits], 1)  # one more, for $
        end = letters.shape[1] * (digits - self.symbols + 1)  # (batch, 1)
        answers = answers.masked_fill(torch.arange(answers.shape[1]) > end, UNSCORED)
        return answers.scatter_(1, end, self.symbols + self.repeats)  # the index of $

    def _share_of_end(self) -> float:
        letters = (self.lengths[0] + self.lengths[1]) / 2 - 1
        return 1 / (letters * (1 + self.repeats) / 2 + 1)
