"""Majority: are there more 1s than 0s?"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.scoring import Scoring, check_scoring


class Majority(Determined):
    r"""Are there more 1s than 0s in a string of random bits, yes (1) or no (0)?

    A tie counts as no. The last bit has the answer as its target; with `score="all"`, each bit has
    one, the answer for all bits up to it. One counter is enough.

    **Optimum.** The bits determine the answers: the optimum is 0.

    **Memoryless.** Let there be $m$ bits before the current one. The number of 1s among them has a
    binomial distribution, whose largest probability is
    $c_m = 2^{-m} \binom{m}{\lfloor m/2 \rfloor}$. If $m$ is even, this is the probability of a
    tie. A 1 turns a tie into a yes, and otherwise changes no answer; nor does a 0:

    $$P(\text{yes} \mid 1) = \tfrac{1}{2} (1 + c_m) , \qquad P(\text{yes} \mid 0) =
    \tfrac{1}{2} (1 - c_m) .$$

    If $m$ is odd, it is the probability that 1 is ahead by one. A 0 turns this lead into a tie,
    which counts as no, and otherwise changes no answer; nor does a 1:

    $$P(\text{yes} \mid 1) = \tfrac{1}{2} , \qquad P(\text{yes} \mid 0) = \tfrac{1}{2} - c_m .$$

    A memoryless model knows the bit, but not $m$: its loss is the entropy of the answer given the
    bit, with these probabilities averaged over all scored positions.

    **Chance.** With the same average over both bits, the answer is yes with probability
    $\tfrac{1}{2}$ at odd lengths and $\tfrac{1}{2} (1 - c_m)$ at even ones. Chance is the larger
    of the proportions of yes and no.

    **Labels.** `margin`: the difference between the counts of 1s and 0s so far, without its sign.

    Source: the language of Pérez et al. (2019), On the Turing completeness of modern neural
    network architectures.

    Args:
        score: `"answers"` scores the answer at the last bit, `"all"` at each bit.

    Raises:
        OptionError: If `score` is neither.

    Examples:
        >>> for score in ("answers", "all"):
        ...     task = Majority(score)
        ...     print(task.sample(1, length=9).show(task.vocab))
        inputs   101000111
        targets  ········1
        inputs   101000111
        targets  101000001
    """

    name = "majority"
    source = "Pérez et al. 2019"
    level: str | None = "deterministic context-free"
    vocab: Vocab = Vocab("01")
    lengths: tuple[int, int] = (1, 40)
    longer: tuple[int, ...] = (50, 100, 200, 500)

    def __init__(self, score: Scoring = "answers") -> None:
        self.score: Scoring = check_scoring(score)

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the answer given the current bit, in nats."""
        return self._memoryless_over(self.possible_lengths(self.lengths))

    @property
    def chance(self) -> Estimate:
        """The proportion of the more frequent answer."""
        yes = sum(self._yes(self.possible_lengths(self.lengths))) / 2
        return Estimate(max(yes, 1 - yes))

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw bits, and count how many more 1s than 0s there are."""
        size = (batch_size, length or self.draw_length(generator))
        bits = torch.randint(2, size, generator=generator, device="cpu")
        targets = ((2 * bits - 1).cumsum(1) > 0).long()  # (batch, time)
        if self.score == "answers":
            targets[:, :-1] = UNSCORED
        return Batch(bits, targets)

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return by how much the counts of 1s and 0s differ so far, `"margin"`."""
        ahead = (2 * batch.inputs.cpu() - 1).cumsum(1)  # (batch, time)
        return {"margin": ahead.abs()}

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return Estimate(sum(map(entropy, self._yes(lengths))) / 2)

    def _yes(self, lengths: tuple[int, ...]) -> tuple[float, float]:
        """Return the probability of yes given a 0, and given a 1, over the scored positions."""
        scored = torch.bincount(torch.tensor(lengths, device="cpu") - 1).double()  # by position
        if self.score == "all":
            scored = scored.flip(0).cumsum(0).flip(0)
        central = central_binomials(len(scored))
        is_even = torch.arange(len(scored), device="cpu") % 2 == 0  # the number of bits before
        given_0 = torch.where(is_even, (1 - central) / 2, 0.5 - central)
        given_1 = torch.where(is_even, (1 + central) / 2, 0.5)
        zero, one = (float(scored @ yes / scored.sum()) for yes in (given_0, given_1))
        return zero, one


def central_binomials(count: int) -> Float[Tensor, " count"]:
    """Return the probability of the most frequent number of heads in 0, 1, 2, … tosses of a coin.

    Args:
        count: The number of probabilities.

    Examples:
        >>> central_binomials(5)
        tensor([1.0000, 0.5000, 0.5000, 0.3750, 0.3750], dtype=torch.float64)
    """
    even = 2 * torch.arange(1, count // 2 + 1, dtype=torch.float64, device="cpu")
    # It is (m - 1) / m times that of m - 2 tosses for even m, and the same for m - 1 and m.
    probabilities = ((even - 1) / even).cumprod(0).repeat_interleave(2)
    return F.pad(probabilities, (1, 0), value=1.0)[:count]
