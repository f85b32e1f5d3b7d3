"""Memory tasks that give back a whole string: once, several times, or after a long delay."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.amounts import check_count
from seqtoys.arguments import check_type
from seqtoys.batch import UNSCORED, Batch
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.entropy import entropy
from seqtoys.tasks.estimate import Estimate
from seqtoys.tasks.task import Task
from seqtoys.vocab import Vocab

LETTERS = "abcdefghijklmnopqrstuvwxyz"
REPEATS = "123456789"


class Copy(AnswerTask):
    r"""Read a string up to its end marker, then write it out.

    The input is a string of random letters and the marker `:`; the answer is the string.

    The optimum is 0. Without memory a model sees the blank alone, and all $k$ letters are equally
    likely: it loses $\ln k$ at each, and guesses 1 in $k$.

    Source: Graves et al. (2014), Neural Turing Machines, with letters for binary vectors. As
    there, training has strings of 1 to 20 symbols. `length` counts the marker.

    Args:
        symbols: The number of letters, $k$.

    Raises:
        OptionError: If it is not 2 to 26.

    Examples:
        >>> task = Copy()
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   ehfa:....
        targets  ·····ehfa
    """

    name, source, level = "copy", "Graves et al. 2014", "context-sensitive"
    lengths, longer = (2, 21), (31, 51, 101)
    blank = "."

    def __init__(self, symbols: int = 8) -> None:
        self.symbols = check_count("symbols", symbols, 2, len(LETTERS))
        self.vocab = Vocab(LETTERS[:symbols] + ":.")

    @property
    def memoryless(self) -> Estimate:
        """All letters are equally likely: ln k."""
        return Estimate(math.log(self.symbols))

    @property
    def chance(self) -> Estimate:
        """All letters are equally likely: 1 / k."""
        return Estimate(1 / self.symbols)

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        return None if length >= 2 else "the shortest has 2, a letter and the end marker"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, with the end marker after them."""
        inputs = torch.randint(self.symbols, (batch_size, length), generator=generator)
        inputs[:, -1] = self.symbols  # the index of the marker
        return inputs

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Give back the string without its marker."""
        return inputs[:, :-1]


class RepeatCopy(AnswerTask):
    r"""Read a string and a number, then write the string out so many times, and an end marker.

    The input is a string of random letters and a digit from 1 to the most repeats; the answer
    is the string so many times, then `$`. There are blanks for the most repeats; those after `$`
    are not scored.

    The optimum is 0. Without memory a model sees the blank alone. An answer has $KN + 1$ symbols,
    with $K$ letters in the string and $N$ repeats drawn independently, of which one is `$`. So
    with $e = 1 / (\mathrm{E}[K] \, \mathrm{E}[N] + 1)$, the share of `$`, and $k$ letters, each
    with $(1 - e) / k$,

    $$\text{memoryless} = h(e) + (1 - e) \ln k, \qquad h(e) = -e \ln e - (1 - e) \ln(1 - e),$$

    and chance is the larger of $e$ and $(1 - e) / k$.

    Source: Graves et al. (2014), Neural Turing Machines, with letters for binary vectors. There,
    training has strings of 1 to 10 symbols and 1 to 10 repeats; here 1 to 9, one digit.
    `length` counts the digit.

    Args:
        symbols: The number of letters, $k$.
        repeats: The most repeats.

    Raises:
        OptionError: If symbols is not 2 to 26, or repeats not 1 to 9.

    Examples:
        >>> task = RepeatCopy(repeats=3)
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   ehf2..........
        targets  ····ehfehf$···
    """

    name, source, level = "repeat_copy", "Graves et al. 2014", "context-sensitive"
    lengths, longer = (2, 11), (16, 21, 31)
    blank = "."

    def __init__(self, symbols: int = 8, repeats: int = 9) -> None:
        self.symbols = check_count("symbols", symbols, 2, len(LETTERS))
        self.repeats = check_count("repeats", repeats, 1, len(REPEATS))
        self.vocab = Vocab(LETTERS[:symbols] + REPEATS[:repeats] + "$.")

    @property
    def memoryless(self) -> Estimate:
        """The entropy of an answer symbol: `$`, or else one of k letters."""
        end = self._share_of_end()
        return Estimate(entropy(end) + (1 - end) * math.log(self.symbols))

    @property
    def chance(self) -> Estimate:
        """The share of a letter, or of `$` where that is larger."""
        end = self._share_of_end()
        return Estimate(max(end, (1 - end) / self.symbols))

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        return None if length >= 2 else "the shortest has 2, a letter and the number of repeats"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, with a digit after them."""
        inputs = torch.randint(self.symbols, (batch_size, length), generator=generator)
        digits = torch.randint(self.repeats, (batch_size,), generator=generator)
        inputs[:, -1] = self.symbols + digits  # digits come after the letters
        return inputs

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Repeat the strings, and mark the end; the rest is -100."""
        letters, digits = inputs[:, :-1], inputs[:, -1:]
        answers = torch.cat([letters.repeat(1, self.repeats), digits], 1)  # one more, for $
        end = letters.shape[1] * (digits - self.symbols + 1)  # (batch, 1)
        answers = answers.masked_fill(torch.arange(answers.shape[1]) > end, UNSCORED)
        return answers.scatter_(1, end, self.symbols + self.repeats)  # the index of $

    def _share_of_end(self) -> float:
        letters = (self.lengths[0] + self.lengths[1]) / 2 - 1
        return 1 / (letters * (1 + self.repeats) / 2 + 1)


class DelayedCopy(Task):
    r"""Remember ten symbols over a long delay, then write them out.

    The input is 10 letters of 8 kinds, $T - 1$ times `_`, the go symbol `>` and 10 blanks `.`. The
    target is `_` at the first $T + 10$ positions, and the ten letters at the last 10. All $T + 20$
    positions are scored.

    The optimum is 0. Without memory, a letter, `_` or `>` tells that the target is `_`, and a
    blank that it is a letter, any of 8 alike. So the loss is that of ten guesses over $T + 20$
    positions, $10 \ln 8 / (T + 20)$: the baseline of Arjovsky et al. Chance is the share of `_`,
    $(T + 10) / (T + 20)$.

    In the papers `_` and `.` are one symbol, and that baseline is of a model which forgets the
    letters but counts the time: `one_blank=True`. Seen alone, a blank then stands over $T - 1$
    times `_` and 10 letters, and with $r = 10 / (T + 9)$ and
    $h(r) = -r \ln r - (1 - r) \ln(1 - r)$,

    $$\text{memoryless} = \frac{(T + 9) \, h(r) + 10 \ln 8}{T + 20} .$$

    Source: Arjovsky et al. (2016), Unitary evolution recurrent neural networks, after
    Hochreiter & Schmidhuber (1997), Long short-term memory.

    Args:
        delay: $T$, the number of steps from the last letter to the go symbol. `length` is
            $T + 20$, so that longer delays can be tested.
        one_blank: Whether the ten last inputs are `_` too.

    Raises:
        OptionError: If the delay is below 1.

    Examples:
        >>> task = DelayedCopy(delay=5)
        >>> print(task.sample(1).show(task.vocab))
        inputs   ehfadddhbd____>..........
        targets  _______________ehfadddhbd
        >>> task.memoryless  # 10 ln 8 / 25
        Estimate(0.8317..., 0.0)
    """

    name, source, level = "delayed_copy", "Arjovsky et al. 2016", "regular"
    letters, kinds = 10, 8

    def __init__(self, delay: int = 100, *, one_blank: bool = False) -> None:
        self.delay = check_count("delay", delay, 1)
        self.one_blank = check_type("one_blank", one_blank, bool)
        self.vocab = Vocab(LETTERS[: self.kinds] + "_>" + "." * (not one_blank))
        longest = delay + 2 * self.letters
        self.lengths = (longest, longest)
        self.longer = tuple(k * delay + 2 * self.letters for k in (2, 3, 5))

    @property
    def optimum(self) -> float:
        """0: the letters come again as they came."""
        return 0.0

    def optimal_loss(self, batch: Batch) -> float:
        """0, for any sequences: the letters come again as they came."""
        return 0.0

    @property
    def memoryless(self) -> Estimate:
        """10 ln 8 / (T + 20), and with one blank the entropy of whether a letter is due."""
        loss = self.letters * math.log(self.kinds)
        if self.one_blank:
            waiting = self.delay + self.letters - 1
            loss += waiting * entropy(self.letters / waiting)
        return Estimate(loss / self.lengths[0])

    @property
    def chance(self) -> Estimate:
        """The share of `_`: (T + 10) / (T + 20)."""
        return Estimate(1 - self.letters / self.lengths[0])

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        shortest = 2 * self.letters + 1
        return None if length >= shortest else f"the shortest, of delay 1, has {shortest}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw ten letters for each sequence, and the delay that the length tells."""
        letters = torch.randint(self.kinds, (batch_size, self.letters), generator=generator)
        wait, go, due = self.kinds, self.kinds + 1, self.kinds + 2 * (not self.one_blank)
        targets = torch.full((batch_size, length or self.lengths[0]), wait)  # (batch, time)
        inputs = targets.clone()
        inputs[:, : self.letters], targets[:, -self.letters :] = letters, letters
        inputs[:, -self.letters - 1], inputs[:, -self.letters :] = go, due
        return Batch(inputs, targets)
