"""A memory task with one long delay between a string and its reproduction."""

from __future__ import annotations

import math

import torch

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.arguments import check_type
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_count
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.memory_copy import LETTERS


class DelayedCopy(Determined):
    r"""Remember ten symbols over a long delay, then output them.

    The input is 10 letters of 8 kinds, `_` $T - 1$ times, the go symbol `>`, and 10 blanks `.`.
    The target is `_` at the first $T + 10$ positions, and the ten letters at the last 10. All
    $T + 20$ positions are scored.

    The optimum is 0. For a memoryless model, a letter, `_` or `>` implies the target `_`, and a
    blank implies a letter, with all 8 equally likely. So its loss is that of ten guesses over
    $T + 20$ positions, $10 \ln 8 / (T + 20)$: the baseline of Arjovsky et al. Chance is the
    proportion of `_`, $(T + 10) / (T + 20)$.

    In the papers, `_` and `.` are the same symbol (`one_blank=True`), and that baseline is the
    loss of a model that forgets the letters but keeps track of time. The target of a blank is then
    `_` $T - 1$ times and a letter 10 times, and with $r = 10 / (T + 9)$ and
    $h(r) = -r \ln r - (1 - r) \ln(1 - r)$,

    $$\text{memoryless} = \frac{(T + 9) \, h(r) + 10 \ln 8}{T + 20} .$$

    Source: Arjovsky et al. (2016), Unitary evolution recurrent neural networks, after
    Hochreiter & Schmidhuber (1997), Long short-term memory.

    Args:
        delay: $T$, the number of steps from the last letter to the go symbol. `length` is
            $T + 20$, so longer lengths test longer delays.
        one_blank: Whether the last ten inputs are `_`, too.

    Raises:
        OptionError: If the delay is below 1.

    Examples:
        >>> task = DelayedCopy(delay=5)
        >>> print(task.sample(1).show(task.vocab))
        inputs   fcbgeahhda____>..........
        targets  _______________fcbgeahhda
        >>> task.memoryless  # 10 ln 8 / 25
        Estimate(0.8317..., 0.0)
    """

    name = "delayed_copy"
    source = "Arjovsky et al. 2016"
    level: str | None = "regular"
    letters = 10
    kinds = 8

    def __init__(self, delay: int = 100, *, one_blank: bool = False) -> None:
        self.delay: int = check_count("delay", delay, 1)
        self.one_blank: bool = check_type("one_blank", one_blank, bool)
        self.vocab: Vocab = Vocab(LETTERS[: self.kinds] + "_>" + "." * (not self.one_blank))
        longest = self.delay + 2 * self.letters
        self.lengths: tuple[int, int] = (longest, longest)
        self.longer: tuple[int, ...] = tuple(k * self.delay + 2 * self.letters for k in (2, 3, 5))

    @property
    def memoryless(self) -> Estimate:
        """10 ln 8 / (T + 20), plus, with one blank, the entropy of whether a letter is due."""
        loss = self.letters * math.log(self.kinds)
        if self.one_blank:
            waiting = self.delay + self.letters - 1
            loss += waiting * entropy(self.letters / waiting)
        return Estimate(loss / self.lengths[0])

    @property
    def chance(self) -> Estimate:
        """The proportion of `_`: (T + 10) / (T + 20)."""
        return Estimate(1 - self.letters / self.lengths[0])

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        shortest = 2 * self.letters + 1
        return None if length >= shortest else f"the shortest, with delay 1, is {shortest}"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw ten letters for each sequence; the length determines the delay."""
        letters = torch.randint(self.kinds, (batch_size, self.letters), generator=generator)
        wait, go, due = self.kinds, self.kinds + 1, self.kinds + 2 * (not self.one_blank)
        targets = torch.full((batch_size, length or self.lengths[0]), wait)  # (batch, time)
        inputs = targets.clone()
        inputs[:, : self.letters], targets[:, -self.letters :] = letters, letters
        inputs[:, -self.letters - 1], inputs[:, -self.letters :] = go, due
        return Batch(inputs, targets)
