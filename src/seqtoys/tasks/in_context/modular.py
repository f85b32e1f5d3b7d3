"""The table of a modular operation, some of whose equations are held out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from seqtoys.data.batch import UNSCORED, Batch, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.arrays import Array
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_choice, check_count, check_share
from seqtoys.tasks.splits import NotListed
from seqtoys.tasks.task import TaskSplit
from seqtoys.tasks.text import Listed

LARGEST = 257  # the largest modulus: the table lists all of its square equations
OPERATIONS: dict[str, Callable[[Array, Array, int], Array]] = {
    "+": lambda a, b, p: (a + b) % p,
    "-": lambda a, b, p: (a - b) % p,
    "*": lambda a, b, p: a * b % p,
    "/": lambda a, b, p: a * np.array([pow(n, -1, p) for n in b.tolist()]) % p,
    "x^2+xy+y^2": lambda a, b, p: (a * a + a * b + b * b) % p,
}


class ModularTable(TaskSplit):
    r"""Equations of arithmetic modulo a number: learn the operation from part of its table.

    A sequence is a number, the operation, another number and `=`; the answer is the result, scored
    at the `=`. Each number is one symbol. A random part of all equations is for training, and no
    other is ever drawn; `evaluate` reports them as unseen. Networks can fit the training part long
    before they find the rule ("grokking").

    **Optimum.** The two numbers determine the result: 0.

    **Memoryless, chance.** A model without memory sees only `=`. It can only predict the
    frequencies of the results in the training part: its loss is their entropy, and chance is the
    largest of them. In the whole table of $p^2$ sums, all $p$ results are equally frequent, which
    gives $\ln p$ and $1 / p$.

    Source: Power et al. (2022), Grokking: generalization beyond overfitting on small algorithmic
    datasets. The polynomial is one of theirs; multiplication is ours.

    Args:
        modulus: The modulus, $p$: 2 to 257, and prime for `"/"`.
        operation: `"+"`, `"-"`, `"*"`, `"/"` (the second number is not 0) or `"x^2+xy+y^2"`.
        training: The fraction of the equations that is for training.
        seed: The seed that selects them.

    Raises:
        OptionError: If an option is out of range, the modulus of a division is not prime, or one
            of the two parts would be empty.

    Examples:
        >>> task = ModularTable(modulus=7)
        >>> print(task.sample(1).show(task.vocab))
        inputs   1+4=
        targets  ···5

        The other equations are the complement:

        >>> len(task.equations), len(task.complement.sample(100).distinct()) <= 25
        (24, True)
    """

    def __init__(
        self, modulus: int = 97, operation: str = "+", training: float = 0.5, *, seed: int = 0
    ) -> None:
        self.modulus: int = check_count("modulus", modulus, 2, LARGEST)
        self.operation: str = _check_operation(operation, self.modulus)
        sign = operation if len(operation) == 1 else "∘"
        vocab = Vocab([*map(str, range(self.modulus)), sign, "="])
        table = _write_table(self.modulus, operation)
        training = check_share("training", training)
        count = round(training * len(table))
        if not 0 < count < len(table):
            raise OptionError(
                f"cannot divide {len(table)} equations so that {training:g} of them are for "
                "training: one part would be empty"
            )
        generator = generator_for("split", seed)
        order = torch.randperm(len(table), generator=generator, device="cpu")
        self.equations: Batch = table.take(order[:count])
        whole = Listed(table, vocab, name="modular_table", source="Power et al. 2022")
        super().__init__(whole, 1 - training, NotListed(self.equations), is_held_out=False)
        self.name: str = whole.name
        self._training = Listed(self.equations, vocab, name=self.name, source=self.source)

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the results of the training part."""
        return self._training.memoryless

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent result of the training part."""
        return self._training.chance

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw equations of the training part."""
        rows = torch.randint(len(self.equations), (batch_size,), generator=generator)
        return trusted_batch(self.equations.inputs[rows], self.equations.targets[rows])

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return self._training.memoryless


def _check_operation(operation: str, modulus: int) -> str:
    check_choice("operation", operation, list(OPERATIONS))
    if operation == "/" and any(modulus % n == 0 for n in range(2, modulus)):
        raise OptionError(
            f"division is impossible modulo {modulus}, which is not prime: some numbers have no "
            "inverse; choose a prime modulus"
        )
    return operation


def _write_table(modulus: int, operation: str) -> Batch:
    """Return all equations of an operation; the symbols after the numbers are its sign and `=`."""
    first = 1 if operation == "/" else 0
    a, b = np.indices((modulus, modulus - first)).reshape(2, -1)
    b += first
    inputs = np.stack([a, np.full_like(a, modulus), b, np.full_like(a, modulus + 1)], 1)
    targets = np.full_like(inputs, UNSCORED)  # (equations, 4)
    targets[:, -1] = OPERATIONS[operation](a, b, modulus)
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))
