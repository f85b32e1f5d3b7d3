"""The context-sensitive string tasks of Delétang et al. (2023), which require a tape."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.vocab import Vocab
from seqtoys.tasks.answer_probabilities import KnownProbabilities, RandomBits
from seqtoys.tasks.chomsky.levels import ContextSensitive


class DuplicateString(ContextSensitive, RandomBits):
    r"""Output a string twice.

    The input is $L$ random bits, the answer $2L$ bits.

    The optimum is 0. All strings are equally likely, so the memoryless loss is $\ln 2$, and chance
    is 1/2.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = DuplicateString()
        >>> task.vocab.decode(task.answer(task.vocab.encode_batch(["101"])))
        ['101101']
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   1010========
        targets  ····10101010
    """

    name = "duplicate_string"

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Repeat the strings."""
        return inputs.repeat(1, 2)  # (batch, 2 length)


class MissingDuplicate(ContextSensitive, KnownProbabilities):
    r"""Find the missing symbol in a duplicated string.

    The input is a string of random bits, repeated, with one uniformly chosen symbol replaced by
    `?`; if the length is odd, `#` is appended. The answer is the bit replaced by `?`. The only
    input of length 1 is 1, with the answer 1.

    The optimum is 0. A memoryless model sees only the blank. The missing bit is 0 or 1 equally
    often, but always 1 at length 1. With lengths uniform in $1 \dots n$, the proportion of 1 is
    thus $s = (n + 1) / 2n$, the memoryless loss is the entropy of $s$, and chance is $s$.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = MissingDuplicate()
        >>> for string in ("01100?10", "1011?1#"):
        ...     task.answer(task.vocab.encode_batch([string])).tolist()
        [[1]]
        [[0]]
        >>> print(task.sample(1, length=7).show(task.vocab))
        inputs   ?01101#=
        targets  ·······1
    """

    name = "missing_duplicate"
    vocab: Vocab = Vocab("01?#=")

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, repeat them, and replace one symbol."""
        half = length // 2
        if not half:
            return torch.ones(batch_size, 1, dtype=torch.int64)
        inputs = torch.randint(2, (batch_size, half), generator=generator).repeat(1, 2)
        place = torch.randint(2 * half, (batch_size, 1), generator=generator)
        inputs.scatter_(1, place, 2)  # the index of ?
        return torch.nn.functional.pad(inputs, (0, length % 2), value=3)  # the index of #

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Look up the missing symbol in the other copy."""
        half = inputs.shape[1] // 2
        if not half:
            return inputs
        first, second = inputs[:, :half], inputs[:, half : 2 * half]
        # The copies differ only where one is 2 (the index of ?); their minimum there is the bit.
        return ((first != second) * torch.minimum(first, second)).sum(1, keepdim=True)

    def answer_probabilities(self) -> list[float]:
        """Compute the proportions of 1 and 0 over the training lengths."""
        shortest, longest = self.lengths
        share = (1 + (shortest == 1) / (longest - shortest + 1)) / 2
        return [share, 1 - share]


class OddsFirst(ContextSensitive, RandomBits):
    r"""Output the symbols at odd positions of a string, then those at even positions.

    The input is random bits; the answer has the same length.

    The optimum is 0. All strings are equally likely, so the memoryless loss is $\ln 2$, and chance
    is 1/2.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy. This is the task as
    described in the paper; the published code outputs the second group first.

    Examples:
        >>> task = OddsFirst()
        >>> task.vocab.decode(task.answer(task.vocab.encode_batch(["00110101"])))
        ['01000111']
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   10100=====
        targets  ·····11000
    """

    name = "odds_first"

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Concatenate every other symbol and the remaining ones."""
        return torch.cat([inputs[:, ::2], inputs[:, 1::2]], 1)  # (batch, length)


class BucketSort(ContextSensitive, KnownProbabilities):
    r"""Sort the symbols of a string in increasing order.

    The input is random symbols 0 … 4; the answer is the same symbols, sorted.

    The optimum is 0. All symbols are equally frequent in the answers, and a blank does not reveal
    its position, so the memoryless loss is $\ln 5$, and chance is 1/5.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = BucketSort()
        >>> task.vocab.decode(task.answer(task.vocab.encode_batch(["10204112"])))
        ['00111224']
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   231014======
        targets  ······011234
    """

    name = "bucket_sort"
    vocab: Vocab = Vocab("01234=")

    def answer_probabilities(self) -> list[float]:
        """Return equal proportions: all answer symbols are equally likely."""
        return [1 / 5] * 5

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw symbols."""
        return torch.randint(5, (batch_size, length), generator=generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Sort the symbols."""
        return inputs.sort(1).values
