"""The context-sensitive tasks of Delétang et al. (2023) on binary numbers."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED
from seqtoys.data.vocab import Vocab
from seqtoys.support.arrays import Array
from seqtoys.tasks.answers import AnswerTask
from seqtoys.tasks.chomsky.binary import carry, draw_lowest, multiply, to_bits, to_integers
from seqtoys.tasks.chomsky.levels import ContextSensitive

OPERATOR, END = 2, 3  # symbol indices


class BinaryAddition(ContextSensitive, AnswerTask):
    r"""Add two binary numbers, written with their least significant bit first.

    The input is a number, `+` and a second number, $L$ symbols in total. The size of the first is
    uniform in $1 \dots L - 2$ bits, and the second takes the remaining ones; each number is
    uniform in $1 \dots 2^\text{bits} - 1$. The answer is the sum without trailing zeros, followed
    by `$`. There are $L + 1$ blanks; those after `$` are not scored.

    The optimum is 0. The memoryless loss and chance depend on the sizes of the sums; they are
    estimates.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy. `length` counts
    both numbers and the operator between them.

    Examples:
        >>> task = BinaryAddition()
        >>> answers = task.answer(task.vocab.encode_batch(["01001+011"]))  # 18 + 6
        >>> task.vocab.decode(answers[:, :6])
        ['00011$']
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   1010+1=======
        targets  ······011$···
    """

    name = "binary_addition"
    lengths: tuple[int, int] = (3, 40)
    vocab: Vocab = Vocab("01+$=")

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 3 else "the shortest is 3, as in 1+1"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw two numbers for each sequence."""
        return _draw_pairs(batch_size, length, generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Add the two numbers of each row."""
        first, second = _split(inputs.numpy())
        return _mark_end(carry(first + second), inputs.shape[1] + 1)


class BinaryMultiplication(ContextSensitive, AnswerTask):
    """Multiply two binary numbers, written with their least significant bit first.

    The input is drawn as in `binary_addition`, with `*` between the numbers. The answer is the
    product without trailing zeros, followed by `$`. There are as many blanks as input symbols;
    those after `$` are not scored.

    The optimum is 0. The memoryless loss and chance depend on the sizes of the products; they are
    estimates.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy. `length` counts
    both numbers and the operator between them.

    Examples:
        >>> task = BinaryMultiplication()
        >>> answers = task.answer(task.vocab.encode_batch(["01001*011"]))  # 18 times 6
        >>> task.vocab.decode(answers[:, :8])
        ['0011011$']
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   1010*1======
        targets  ······101$··
    """

    name = "binary_multiplication"
    lengths: tuple[int, int] = (3, 40)
    vocab: Vocab = Vocab("01*$=")

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 3 else "the shortest is 3, as in 1*1"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw two numbers for each sequence."""
        return _draw_pairs(batch_size, length, generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Multiply the two numbers of each row."""
        length = inputs.shape[1]
        return _mark_end(multiply(*_split(inputs.numpy()))[:, : length - 1], length)


class ComputeSqrt(ContextSensitive, AnswerTask):
    r"""Find the square root of a binary number, rounded down.

    The input is a number uniform in $1 \dots 2^L - 1$, most significant bit first. The answer is
    its root in $\lceil L / 2 \rceil$ bits, enough for any root, padded with leading zeros.

    The optimum is 0. The memoryless loss and chance are estimates.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = ComputeSqrt()
        >>> for number in ("100101", "111"):  # 37 and 7
        ...     task.vocab.decode(task.answer(task.vocab.encode_batch([number])))
        ['110']
        ['10']
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   101001===
        targets  ······110
    """

    name = "compute_sqrt"
    vocab: Vocab = Vocab("01=")

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw numbers."""
        bits = torch.randint(2, (batch_size, length), generator=generator)
        sizes = np.full(batch_size, length)
        lowest = length - 1 - torch.from_numpy(draw_lowest(sizes, generator)).unsqueeze(1)
        bits *= torch.arange(length) < lowest  # (batch, length)
        return bits.scatter_(1, lowest, 1)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Compute the square root of each number."""
        roots = [math.isqrt(n) for n in to_integers(inputs.numpy()[:, ::-1])]
        return torch.from_numpy(to_bits(roots, (inputs.shape[1] + 1) // 2)).flip(1)


def _draw_pairs(
    batch_size: int, length: int, generator: torch.Generator
) -> Int[Tensor, "batch length"]:
    """Draw two numbers with an operator between them for each row."""
    inputs = torch.randint(2, (batch_size, length), generator=generator).numpy()
    middle = torch.randint(1, length - 1, (batch_size,), generator=generator).numpy()
    lowest = draw_lowest(np.concatenate([middle, length - 1 - middle]), generator)
    first, second = lowest[:batch_size], lowest[batch_size:] + middle + 1
    rows, place = np.arange(batch_size), np.arange(length)
    is_below = (place > middle[:, None]) & (place < second[:, None])  # (batch, length)
    is_below |= place < first[:, None]
    inputs[is_below] = 0
    inputs[rows, first] = inputs[rows, second] = 1
    inputs[rows, middle] = OPERATOR
    return torch.from_numpy(inputs)


def _split(inputs: Array) -> tuple[Array, Array]:
    """Split each row at its operator into two rows of bits, padded with zeros."""
    batch, length = inputs.shape
    middle = (inputs == OPERATOR).argmax(1)[:, None]
    place = np.arange(length - 1)  # numbers have at most length - 2 bits, so a carry fits
    first = inputs[:, :-1] * (place < middle)
    # Zeros to the right of each row, to shift in the second number from any position.
    wide = np.zeros((batch, 2 * length), np.int64)
    wide[:, :length] = inputs
    start = np.arange(batch)[:, None] * (2 * length) + middle + 1
    return first, wide.take(start + place)


def _mark_end(bits: Array, width: int) -> Int[Tensor, "batch width"]:
    """Put `$` after the highest 1 of each row, and -100 after that."""
    place = np.arange(bits.shape[1])
    end = (bits * (place + 1)).max(1)  # (batch,)
    answers = np.full((len(bits), width), UNSCORED)
    answers[:, : len(place)] = np.where(place < end[:, None], bits, UNSCORED)
    answers[np.arange(len(bits)), end] = END
    return torch.from_numpy(answers)
