"""The regular tasks of Delétang et al. (2023), for which finite memory is enough."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.vocab import Vocab
from seqtoys.errors import quoted
from seqtoys.support.arrays import Array
from seqtoys.tasks.answer_probabilities import KnownProbabilities, RandomBits, draw_bits
from seqtoys.tasks.chomsky.expressions import APPLY, MODULUS
from seqtoys.tasks.chomsky.levels import Regular


class EvenPairs(Regular, KnownProbabilities):
    r"""Is the number of 01 and 10 pairs in a string even (0) or odd (1)?

    Each such pair is a change of symbol, so the number is even if the first symbol equals the
    last. The input is random bits; the answer is one symbol.

    The optimum is 0. A memoryless model sees only the blank. For two or more bits, the answers 0
    and 1 are equally frequent; for one bit, the answer is always 0. With lengths uniform in
    $1 \dots n$, the proportion of 0 is thus $s = (n + 1) / 2n$, the memoryless loss is the entropy
    of $s$, and chance is $s$.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = EvenPairs()
        >>> for string in ("001110", "0101001"):
        ...     task.answer(task.vocab.encode_batch([string])).tolist()
        [[0]]
        [[1]]
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   10100=
        targets  ·····1
    """

    name = "even_pairs"
    vocab: Vocab = Vocab("01=")

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw bits."""
        return draw_bits(batch_size, length, generator)

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Compare the first bit with the last."""
        return inputs[:, :1] ^ inputs[:, -1:]

    def answer_probabilities(self) -> list[float]:
        """Compute the proportions of 0 and 1 over the training lengths."""
        shortest, longest = self.lengths
        share = (1 + (shortest == 1) / (longest - shortest + 1)) / 2
        return [share, 1 - share]


class Parity(Regular, RandomBits):
    r"""Is the number of 1s in a string even (0) or odd (1)?

    The input is random bits; the answer is one symbol.

    The optimum is 0. Flipping the last bit flips the answer, so 0 and 1 are equally likely at any
    length: the memoryless loss is $\ln 2$, and chance is 1/2.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = Parity()
        >>> task.answer(task.vocab.encode_batch(["0110", "0111"])).tolist()
        [[0], [1]]
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   1010=
        targets  ····0
    """

    name = "parity"

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Count 1s modulo 2."""
        return inputs.sum(1, keepdim=True) % 2


class CycleNavigation(Regular, KnownProbabilities):
    r"""Where on a circle of five positions does a walk end?

    The input is $L$ steps, each of them - (one back), 0 (stay) or + (one ahead) with probability
    1/3; the answer is the final position, if the walk starts at 0.

    The optimum is 0. The memoryless loss is the entropy of the final position. After $L$ steps,
    its distribution $p_L$ is not uniform: $p_0 = (1, 0, 0, 0, 0)$ and, with positions modulo 5,

    $$p_{L + 1}(k) = \tfrac{1}{3} \big( p_L(k - 1) + p_L(k) + p_L(k + 1) \big) .$$

    Averaging over the training lengths gives a distribution whose entropy is the memoryless loss,
    and whose maximum is chance; both are exact.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = CycleNavigation()
        >>> task.answer(task.vocab.encode_batch(["+-0--"])).tolist()
        [[3]]
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   +0---=
        targets  ·····3
        >>> task.chance
        Estimate(0.2099..., 0.0)
    """

    name = "cycle_navigation"
    vocab: Vocab = Vocab("01234-+=")
    places = 5
    _steps = torch.tensor([5, 0, 6], device="cpu")  # the indices of -, 0 and +
    _moves = torch.tensor([0, 0, 0, 0, 0, -1, 1, 0], device="cpu")  # by symbol

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw steps."""
        return self._steps[torch.randint(3, (batch_size, length), generator=generator)]

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Add up the steps modulo 5."""
        return self._moves[inputs].sum(1, keepdim=True) % self.places

    def answer_probabilities(self) -> list[float]:
        """Compute the distribution of the final position over the training lengths."""
        place, total = np.eye(self.places)[0], np.zeros(self.places)
        for length in range(1, self.lengths[1] + 1):
            place = (np.roll(place, 1) + place + np.roll(place, -1)) / 3
            total += place * (length >= self.lengths[0])
        return list(total / total.sum())


class ModularArithmetic(Regular, KnownProbabilities):
    """Evaluate a sum of products modulo 5, without brackets.

    Digits 0 … 4 and the operators `+ - *` alternate, all drawn uniformly; `*` binds more tightly
    than `+` and `-`, which are left-associative. The length is odd; the answer is one digit.

    The optimum is 0. Reading from left to right, it is enough to remember the sum of the completed
    terms and the current term, both modulo 5. That gives 25 states, with one transition for each
    operator and digit. Propagating the distribution over these states gives the distribution of
    the answer, and so the memoryless loss (its entropy) and chance (its maximum), both exact.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy. There, an even
    length is reduced by one; here, it is an error.

    Examples:
        >>> task = ModularArithmetic()
        >>> task.answer(task.vocab.encode_batch(["1+2*3", "1-1-1"])).tolist()
        [[2], [4]]
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   2+1*1=
        targets  ·····3
        >>> task.chance
        Estimate(0.2059..., 0.0)
    """

    name = "modular_arithmetic"
    longer: tuple[int, ...] = (41, 51, 101, 201, 501)
    vocab: Vocab = Vocab("01234+-*=")

    def __init__(self) -> None:
        self._next = _list_steps()

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length % 2:
            return super().why_no_length(length)
        below, above = quoted(length - 1), quoted(length + 1)
        return f"digits and operators alternate, so use {below} or {above}"

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw digits, and operators between them."""
        inputs = torch.randint(MODULUS, (batch_size, length), generator=generator)
        size = (batch_size, length // 2)
        inputs[:, 1::2] = MODULUS + torch.randint(3, size, generator=generator)
        return inputs

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Run the automaton of 25 states, one operator and digit per step."""
        symbols = inputs.T.numpy()  # (length, batch)
        state = symbols[0]
        for step in (symbols[1::2] - MODULUS) * MODULUS + symbols[2::2]:
            state = self._next.take(step * MODULUS**2 + state)
        return torch.from_numpy(_value(state)).unsqueeze(1)  # (batch, 1)

    def answer_probabilities(self) -> list[float]:
        """Compute the distribution of the value over the training lengths."""
        states = np.arange(MODULUS**2)
        share = (states < MODULUS) / MODULUS  # after one digit
        total = np.zeros(MODULUS)
        for length in range(1, self.lengths[1] + 1, 2):
            total += np.bincount(_value(states), share) * (length >= self.lengths[0])
            steps = [np.bincount(ends, share, MODULUS**2) for ends in self._next]
            share = np.sum(steps, 0) / len(steps)
        return list(total / total.sum())


def _list_steps() -> Array:
    """Return the next state for each operator, digit and state: `(operator x digit, state)`.

    A state is the sum of the completed terms times 5, plus the current term.
    """
    plus, minus, times = APPLY
    total, term = np.divmod(np.arange(MODULUS**2), MODULUS)
    finished = plus[total, term] * MODULUS
    added = [finished + digit for digit in range(MODULUS)]
    taken = [finished + minus[0, digit] for digit in range(MODULUS)]
    scaled = [total * MODULUS + times[term, digit] for digit in range(MODULUS)]
    return np.stack(added + taken + scaled)


def _value(state: Array) -> Array:
    """Return the sum of the completed terms and the current term."""
    total, term = np.divmod(state, MODULUS)
    return (total + term) % MODULUS
