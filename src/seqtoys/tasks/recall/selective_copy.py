"""Selective copying: output the letters that were scattered among blanks."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.vocab import Vocab
from seqtoys.support.values import check_count
from seqtoys.tasks.answer_probabilities import KnownProbabilities
from seqtoys.tasks.memory_copy import LETTERS


class SelectiveCopy(KnownProbabilities):
    r"""Read letters at random places among blanks, then output them in order.

    The input has a fixed number of random letters at random places, and blanks `_` elsewhere; the
    answer is the letters. Unlike `copy` and `delayed_copy`, the distance from a letter to its
    output varies, so a model must store it by content and not by time.

    **Optimum, memoryless, chance.** The optimum is 0. Without memory, each of the $k$ letters is
    equally likely: the loss is $\ln k$, and chance $1 / k$.

    Source: Gu & Dao (2024), Mamba; the task is the denoising task of Jing et al. (2019), Gated
    orthogonal recurrent units. `length` counts the letters and blanks.

    Args:
        kinds: The number of different letters, $k$.
        letters: The number of letters in a sequence.
        delay: The number of blanks among them.

    Raises:
        OptionError: If kinds is not 2 to 26, letters is not positive, or delay is negative.

    Examples:
        >>> task = SelectiveCopy(letters=4, delay=8)
        >>> print(task.sample(1).show(task.vocab))
        inputs   ___b_c___e_g====
        targets  ············bceg
    """

    name = "selective_copy"
    source = "Gu & Dao 2024"
    level: str | None = "finite"

    def __init__(self, kinds: int = 8, letters: int = 10, delay: int = 100) -> None:
        self.kinds: int = check_count("kinds", kinds, 2, len(LETTERS))
        self.letters: int = check_count("letters", letters, 1)
        self.delay: int = check_count("delay", delay, 0)
        self.vocab: Vocab = Vocab(LETTERS[: self.kinds] + "_=")
        length = self.letters + self.delay
        self.lengths: tuple[int, int] = (length, length)
        self.longer: tuple[int, ...] = (2 * length, 4 * length)

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= self.letters else f"a sequence has {self.letters} letters"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw letters, and the places that they take."""
        size = (batch_size, self.letters)
        letters = torch.randint(self.kinds, size, generator=generator, device="cpu")
        drawn = torch.rand(
            batch_size, length, dtype=torch.float32, generator=generator, device="cpu"
        )
        places = drawn.topk(self.letters).indices  # in random order, as are the letters
        inputs = torch.full((batch_size, length), self.kinds, device="cpu")  # blanks
        return inputs.scatter_(1, places, letters)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Return the letters in order."""
        return inputs[inputs < self.kinds].reshape(len(inputs), self.letters)

    def answer_probabilities(self) -> list[float]:
        """Return the proportion of each letter."""
        return [1 / self.kinds] * self.kinds
