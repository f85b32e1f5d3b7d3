"""The deterministic context-free tasks of Delétang et al. (2023), which require a stack."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.tasks.answer_probabilities import KnownProbabilities, RandomBits
from seqtoys.tasks.chomsky.expressions import (
    APPLY,
    MODULUS,
    X,
    draw_equations,
    draw_expressions,
    evaluate,
)
from seqtoys.tasks.chomsky.levels import ContextFree

_STACK_SYMBOLS = np.array([2, 3, 4, 2, 3, 4, 0, 1, 0, 1, 0, 1])  # a b P, or 0 1


class StackManipulation(ContextFree, KnownProbabilities):
    r"""Apply pushes and pops to a stack, then output it from top to bottom.

    The input is a stack of 0s and 1s, bottom first, followed by actions: P (pop), a (push 0),
    b (push 1). A pop on the empty stack does nothing. Of $L$ symbols, the number in the stack is
    uniform in $1 \dots L - 1$ (for $L = 1$, there is only a stack); its symbols and the actions
    are uniform. The answer is the final stack, top first, followed by `$`. There are $L + 1$
    blanks; those after `$` are not scored.

    The optimum is 0. The memoryless loss is the entropy of the answer symbols. 0 and 1 are equally
    frequent, and `$` occurs once per answer, so everything depends on the mean height of the final
    stack. This follows from the distribution of the height after each action: the height increases
    by one with probability 2/3 and decreases by one with probability 1/3, except that an empty
    stack stays empty. Averaged over the training lengths, this gives the memoryless loss and
    chance; both are exact.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = StackManipulation()
        >>> print(task.memoryless, f"{task.chance:.3%}")
        0.8944 46.602%
        >>> answers = task.answer(task.vocab.encode_batch(["0110bPP"]))
        >>> task.vocab.decode(answers[:, :4])
        ['110$']
        >>> print(task.sample(1, length=6).show(task.vocab))
        inputs   010aaP=======
        targets  ······0010$··
    """

    name = "stack_manipulation"
    vocab: Vocab = Vocab("01abP$=")

    def answer_probabilities(self) -> list[float]:
        """Compute the proportions of 0, 1 and `$` over the training lengths."""
        shortest, longest = self.lengths
        height = float(np.mean(_mean_heights(longest)[shortest - 1 :]))
        return [height / 2 / (height + 1)] * 2 + [1 / (height + 1)]

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw stacks, followed by actions."""
        heights = torch.randint(1, max(2, length), (batch_size, 1), generator=generator)
        # Six equally likely numbers choose between two stack symbols, or between three actions.
        drawn = torch.randint(6, (batch_size, length), generator=generator).numpy()
        is_stack = np.arange(length) < heights.numpy()  # (batch, length)
        return torch.from_numpy(_STACK_SYMBOLS.take(drawn + 6 * is_stack))

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Find the pushes that no pop undoes: those the height never falls below again."""
        symbols = inputs.numpy().T.copy()  # (length, batch)
        is_push = symbols != 4
        height = np.where(is_push, 1, -1).cumsum(0)
        # Each pop on the empty stack raises all later heights by one.
        height -= np.minimum(np.minimum.accumulate(height), 0)
        lowest = np.minimum.accumulate(height[::-1])[::-1]  # from here to the end
        time, row = np.nonzero(is_push & (height <= lowest))
        answers = np.full((len(inputs), len(symbols) + 1), UNSCORED)
        top = height[-1]  # (batch,)
        answers[row, top[row] - height[time, row]] = symbols[time, row] % 2
        answers[np.arange(len(inputs)), top] = 5  # the index of $
        return torch.from_numpy(answers)


def _mean_heights(longest: int) -> list[float]:
    """Return the mean height of the final stack, for inputs of 1 … `longest` symbols.

    Inputs of L + 1 symbols are inputs of L symbols plus one action, or a stack of L symbols with
    one action.
    """
    means, heights = [1.0], np.arange(longest + 1)
    summed = np.zeros(longest + 1)  # probability by height, summed over the initial heights
    for length in range(1, longest):
        summed[length] += 1
        summed = np.append(summed[1:], 0) / 3 + np.append(summed[0] / 3, summed[:-1] * 2 / 3)
        means.append(float(heights @ summed) / length)
    return means


class ReverseString(ContextFree, RandomBits):
    r"""Output a string in reverse.

    The input is random bits; the answer has the same length.

    The optimum is 0. All strings are equally likely, so the memoryless loss is $\ln 2$, and chance
    is 1/2.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = ReverseString()
        >>> task.vocab.decode(task.answer(task.vocab.encode_batch(["0010"])))
        ['0100']
        >>> print(task.sample(1, length=5).show(task.vocab))
        inputs   10100=====
        targets  ·····00101
    """

    name = "reverse_string"

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Reverse the strings."""
        return inputs.flip(1)


class ModularArithmeticBrackets(ContextFree, KnownProbabilities):
    r"""Evaluate a fully bracketed expression modulo 5.

    Expressions of 1 to 4 symbols are `d`, `-d`, `(d)` and `(-d)`, with a digit `d` of 0 … 4.
    Longer ones, of $L$ symbols, are `(left op right)`, with the length of `left` uniform in
    $1 \dots L - 4$, the remaining symbols in `right`, and the operator uniform among `+ - *`.
    Digits are uniform. The answer is one digit.

    The optimum is 0. The memoryless loss is the entropy of the value. For up to four symbols, the
    value is uniform; for longer expressions, its distribution follows from those of all pairs of
    shorter ones. Averaging over the training lengths gives a distribution whose entropy is the
    memoryless loss, and whose maximum is chance; both are exact.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = ModularArithmeticBrackets()
        >>> for expression in ("(1+(2*3))", "(3-(-4))"):
        ...     task.answer(task.vocab.encode_batch([expression])).tolist()
        [[2]]
        [[2]]
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   ((3+2)+3)=
        targets  ·········3
        >>> task.chance
        Estimate(0.2..., 0.0)
    """

    name = "modular_arithmetic_brackets"
    vocab: Vocab = Vocab("01234+-()*=")

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw expressions of one length, each with its own structure."""
        length = length or self.draw_length(generator)
        return self.one_answer(*draw_expressions(batch_size, length, 3, generator, room=1))

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw expressions."""
        return torch.from_numpy(draw_expressions(batch_size, length, 3, generator)[0])

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Evaluate the expressions."""
        return torch.from_numpy(evaluate(inputs.numpy())).unsqueeze(1)  # (batch, 1)

    def answer_probabilities(self) -> list[float]:
        """Compute the distribution of the value over the training lengths."""
        shares = [np.full(MODULUS, 1 / MODULUS)] * 5  # by length
        for n in range(5, self.lengths[1] + 1):
            pairs = [np.outer(shares[left], shares[n - 3 - left]) for left in range(1, n - 3)]
            both = np.mean(pairs, axis=0).ravel()
            shares.append(np.bincount(APPLY.ravel(), np.tile(both, 3) / 3))
        return list(np.mean(shares[self.lengths[0] : self.lengths[1] + 1], axis=0))


class SolveEquation(ContextFree, KnownProbabilities):
    r"""Solve an equation for x modulo 5.

    The input is a fully bracketed expression, as in `modular_arithmetic_brackets` but without
    `*`, followed by `=` and its value. One digit of the expression is replaced by x: a position
    is drawn uniformly, and the first digit at or after it is replaced, wrapping around to the
    start if there is none. The answer is that digit. The solution is unique, since x occurs once
    and is added or subtracted.

    The optimum is 0. Digits are uniform, and so is the answer: the memoryless loss is $\ln 5$, and
    chance is 1/5.

    Source: Delétang et al. (2023), Neural Networks and the Chomsky Hierarchy.

    Examples:
        >>> task = SolveEquation()
        >>> task.answer(task.vocab.encode_batch(["(x+3)=1"])).tolist()
        [[3]]
        >>> print(task.sample(1, length=11).show(task.vocab))
        inputs   ((x+2)+3)=3.
        targets  ···········3
    """

    name = "solve_equation"
    vocab: Vocab = Vocab("01234+-()x=.")
    blank = "."

    def answer_probabilities(self) -> list[float]:
        """Return equal proportions: all answer symbols are equally likely."""
        return [1 / MODULUS] * MODULUS

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 3 else "the shortest is 3, as in x=2"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw equations of one length, each with its own structure."""
        length = length or self.draw_length(generator)
        return self.one_answer(*draw_equations(batch_size, length, generator, room=1))

    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw equations."""
        return torch.from_numpy(draw_equations(batch_size, length, generator)[0])

    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Solve the equations, from the values at x = 0 and x = 1."""
        equations = inputs.numpy()
        expressions, value = equations[:, :-2], equations[:, -1]
        at_0, at_1 = (evaluate(np.where(expressions == X, x, expressions)) for x in (0, 1))
        # The difference of the two is 1 or -1, so multiplying by it equals dividing by it.
        answers = (value - at_0) * (at_1 - at_0) % MODULUS
        return torch.from_numpy(answers).unsqueeze(1)  # (batch, 1)
