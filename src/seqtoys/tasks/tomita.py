"""Tomita's seven languages over 0 and 1: is a string in the language?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import check_count
from seqtoys.tasks.answers import AnswerTask

ACCEPTORS: dict[int, tuple[tuple[tuple[int, int], ...], frozenset[int]]] = {
    1: (((1, 0), (1, 1)), frozenset({0})),
    2: (((2, 1), (0, 2), (2, 2)), frozenset({0})),
    3: (((0, 1), (2, 0), (3, 4), (2, 3), (4, 4)), frozenset({0, 1, 3})),
    4: (((1, 0), (2, 0), (3, 0), (3, 3)), frozenset({0, 1, 2})),
    5: (((2, 1), (3, 0), (0, 3), (1, 2)), frozenset({0})),
    6: (((1, 2), (2, 0), (0, 1)), frozenset({0})),
    7: (((0, 1), (2, 1), (2, 3), (4, 3), (4, 4)), frozenset({0, 1, 2, 3})),
}
"""The minimal acceptor of each language: the next states for 0 and 1 from each state (the first
is the start), and the accepting states."""

LONGEST = 10_000  # the longest strings that are counted: the counts have as many bits
BLOCK = 7  # symbols that are drawn, and read, per step
POWERS = 1 << np.arange(BLOCK)[::-1]
BITS = np.arange(2**BLOCK)[:, np.newaxis] // POWERS % 2  # the bits of each number, highest first
BELOW_ONE = 1 - 2**-40


@dataclass(frozen=True)
class ClassBalance:
    """The proportions of strings of one length that are in a language.

    Attributes:
        members: The proportion of members among all strings of this length.
        drawn: The proportion of members among those drawn: 1/2 if both classes exist.
    """

    members: float
    drawn: float


class Tomita(AnswerTask):
    """One of Tomita's seven languages: is this string of 0s and 1s in it (1) or not (0)?

    | number | a string is in the language if … |
    |---|---|
    | 1 | it has no 0: `1*` |
    | 2 | it repeats 10: `(10)*` |
    | 3 | no odd run of 1s has an odd run of 0s anywhere after it (runs are maximal) |
    | 4 | it has no three 0s in a row |
    | 5 | it has an even number of 0s and an even number of 1s |
    | 6 | the number of 0s minus the number of 1s is a multiple of 3 |
    | 7 | it is `0*1*0*1*` |

    Often, most strings of a given length are in one class, so the classes are balanced: the class
    is drawn with probability 1/2, then a string of that class and length, uniformly. This is done
    by a random walk through the minimal acceptor of the language, with each step proportional to
    the number of ways to continue to a string of the class. If one class is empty, all strings are
    drawn from the other. `class_balance` returns the proportions.

    The input determines the answer, so the optimum is 0. A memoryless model sees only the blank,
    so its best loss is the entropy of the proportion $s$ of members among the strings drawn
    (averaged over the training lengths), and its best accuracy is the larger of $s$ and $1 - s$.

    Source: Tomita (1982), Dynamic construction of finite automata from examples using
    hill-climbing. Its strings have up to about 20 symbols, like the training strings here; the
    empty string does not occur.

    Args:
        number: The number of the language: 1 to 7.

    Raises:
        OptionError: If there is no language with this number.

    Examples:
        >>> task = Tomita(2)
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   000000=
        targets  ······0
        >>> task.class_balance(6)
        ClassBalance(members=0.015625, drawn=0.5)
        >>> task.memoryless  # half of the lengths are odd, and have no members
        Estimate(0.5623..., 0.0)
    """

    source = "Tomita 1982"
    level: str | None = "regular"
    lengths: tuple[int, int] = (1, 20)
    longer: tuple[int, ...] = (30, 40, 60, 100)

    def __init__(self, number: int) -> None:
        self.number: int = check_count("number", number, 1, len(ACCEPTORS))
        number = self.number
        self.name: str = f"tomita_{number}"
        self.vocab: Vocab = Vocab("01=")
        arrows, accepting = ACCEPTORS[number]
        self._size = size = len(arrows)
        self._accepts = np.array([state in accepting for state in range(size)])
        # Two copies of the acceptor, one per class to draw: node = class x size + state.
        self._arrows = [(k + zero, k + one) for k in (0, size) for zero, one in arrows]
        # The number of ways from each node to a string of its class, by the number of remaining
        # symbols: Python integers, which cannot overflow.
        ends = [(state in accepting) == kind for kind in (False, True) for state in range(size)]
        self._ways = [[int(end) for end in ends]]
        # The node after a node and the next few symbols, read as a number; one table per count.
        self._leads = [np.arange(2 * size)]
        for _ in range(BLOCK):
            self._leads.append(np.array(self._arrows)[self._leads[-1]].ravel())
        self._chances: dict[tuple[int, int], Array] = {}

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length > LONGEST:
            return f"the maximum is {LONGEST:,} symbols"
        return super().why_no_length(length)

    def class_balance(self, length: int) -> ClassBalance:
        """Return the proportion of members among all strings of a length, and among those drawn.

        Args:
            length: The number of 0s and 1s.

        Raises:
            OptionError: If the length is below 1, or too long to count.

        Examples:
            >>> Tomita(4).class_balance(3), Tomita(4).class_balance(2)
            (ClassBalance(members=0.875, drawn=0.5), ClassBalance(members=1.0, drawn=1.0))
        """
        length = check_count("length", length, 1, LONGEST)
        strangers, members = self._class_sizes(length)
        drawn = 0.5 if strangers and members else float(members > 0)
        return ClassBalance(members / 2**length, drawn)

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the class, in nats."""
        return Estimate(entropy(self._share_of_members()))

    @property
    def chance(self) -> Estimate:
        """The proportion of the class that is drawn more often."""
        share = self._share_of_members()
        return Estimate(max(share, 1 - share))

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings of one length, half of them members if both classes exist."""
        length = length or self.draw_length(generator)
        return self.one_answer(*self._draw(batch_size, length, generator))

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings, half of them members if both classes exist."""
        return torch.from_numpy(self._draw(batch_size, length, generator)[0][:, :-1])

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Run the acceptor on the strings: 1 if it accepts, else 0."""
        bits, state, start = inputs.numpy(), np.zeros(len(inputs), np.int64), 0
        for size in _split(bits.shape[1]):
            block = bits[:, start : start + size] @ POWERS[-size:]  # (batch,)
            state = self._leads[size].take((state << size) + block)
            start += size
        return torch.from_numpy(self._accepts[state].astype(np.int64)).unsqueeze(1)  # (batch, 1)

    def _draw(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> tuple[Array, Array]:
        """Draw strings, with a column for the blank, and return which are members."""
        share, sizes, left = self.class_balance(length).drawn, _split(length), length
        shape = (1 + len(sizes), batch_size)
        # Stays below 1 when a node index is added: rounding must not carry into the next node.
        drawn = torch.rand(shape, dtype=torch.float64, generator=generator).numpy() * BELOW_ONE
        is_member = drawn[0] < share  # (batch,): members start in the second copy
        node = is_member * self._size
        edges = np.empty((batch_size, len(sizes)), np.int64)
        for t, size in enumerate(sizes):
            left -= size
            edges[:, t] = self._blocks(size, left).searchsorted(node + drawn[1 + t], side="right")
            node = self._leads[size].take(edges[:, t])
        bits = BITS.take(edges & (2**BLOCK - 1), axis=0)  # (batch, blocks, BLOCK)
        symbols = np.empty((batch_size, length + 1), np.int64)
        symbols[:, :-1] = bits.reshape(batch_size, -1)[:, -length:]
        return symbols, is_member

    def _blocks(self, size: int, left: int) -> Array:
        """Return the cumulative probabilities of the next symbols, for each node in turn."""
        if (size, left) not in self._chances:
            ways = self._ways[left]
            rows = self._leads[size].reshape(2 * self._size, -1).tolist()
            self._chances[size, left] = np.concatenate(
                [node + _shares([ways[end] for end in row]) for node, row in enumerate(rows)]
            )
        return self._chances[size, left]

    def _class_sizes(self, length: int) -> tuple[int, int]:
        """Return the number of strings of a length outside and inside the language."""
        while len(self._ways) <= length:
            last = self._ways[-1]
            self._ways.append([last[zero] + last[one] for zero, one in self._arrows])
        return self._ways[length][0], self._ways[length][self._size]

    def _share_of_members(self) -> float:
        shares = [self.class_balance(n).drawn for n in range(self.lengths[0], self.lengths[1] + 1)]
        return sum(shares) / len(shares)


def _split(length: int) -> list[int]:
    """Split a length into blocks, with the remainder first."""
    rest = length % BLOCK
    return [rest] * (rest > 0) + [BLOCK] * (length // BLOCK)


def _shares(ways: list[int]) -> Array:
    """Return the cumulative fractions of numbers of ways; all 1 if there are no ways."""
    total = sum(ways)
    return np.array([way / total if total else 1 for way in accumulate(ways)])
