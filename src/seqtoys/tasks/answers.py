"""AnswerTask: read an input, then output the answer, one symbol per blank."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.errors import OptionError, ShapeError, quoted
from seqtoys.support.arrays import Array
from seqtoys.support.tensors import to_int64
from seqtoys.tasks.determined import Determined


class AnswerTask(Determined):
    """The abstract base class of tasks whose answer is determined by the input.

    The model reads the input, then a blank for each symbol of the answer, and is scored only at
    the blanks. The optimum is 0. To define such a task, draw inputs and compute their answers:

    Attributes:
        blank: The symbol that means "answer now"; inputs must not contain it.

    Examples:
        >>> from seqtoys import Vocab
        >>> class LastSymbol(AnswerTask):
        ...     name = "last_symbol"
        ...     level = "regular"
        ...     vocab = Vocab("01=")
        ...     lengths = (1, 40)
        ...     longer = (100,)
        ...
        ...     def draw_inputs(self, batch_size, length, generator):
        ...         return torch.randint(2, (batch_size, length), generator=generator)
        ...
        ...     def answer(self, inputs):
        ...         return inputs[:, -1:]
        >>> task = LastSymbol()
        >>> print(task.sample(1, length=4).show(task.vocab))
        inputs   1010=
        targets  ····0
    """

    blank: str = "="

    @abstractmethod
    def draw_inputs(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw inputs of one length, as symbol indices.

        Args:
            batch_size: The number of inputs.
            length: Their length.
            generator: The source of all randomness.
        """

    @abstractmethod
    def answer(self, inputs: Int[Tensor, "batch length"]) -> Int[Tensor, "batch answer"]:
        """Compute the answers to `inputs`, as symbol indices, padded on the right with -100."""

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw inputs of one length, and compute their answers."""
        length = length or self.draw_length(generator)
        drawn = self.draw_inputs(batch_size, length, generator)
        inputs = to_int64(drawn, f"the result of draw_inputs of {self.name}")
        if inputs.shape != (batch_size, length):
            raise ShapeError(
                f"expected draw_inputs of {self.name} to return shape (batch, length) = "
                f"({batch_size}, {length}), got {tuple(inputs.shape)}"
            )
        answers = to_int64(self.answer(drawn), f"the result of answer of {self.name}")
        if answers.ndim != 2 or len(answers) != batch_size:
            raise ShapeError(
                f"expected answer of {self.name} to return shape (batch, answer) = "
                f"({batch_size}, …), got {tuple(answers.shape)}"
            )
        return Batch(
            F.pad(inputs, (0, answers.shape[1]), value=self._blank()),  # (batch, length + answer)
            F.pad(answers, (length, 0), value=UNSCORED),
        )

    def one_answer(self, symbols: Array, answers: Array) -> Batch:
        """Return a batch from inputs and one-symbol answers that were drawn together.

        Args:
            symbols: The inputs with one column for the blank, `(batch, length + 1)`; modified in
                place.
            answers: The answers, `(batch,)`.
        """
        targets = np.full(symbols.shape, UNSCORED)
        symbols[:, -1], targets[:, -1] = self._blank(), answers
        return Batch(torch.from_numpy(symbols), torch.from_numpy(targets))

    def _blank(self) -> int:
        """Return the index of the blank."""
        if self.blank not in self.vocab.symbols:
            raise OptionError(
                f"expected the vocabulary of {self.name}, {quoted(self.vocab)}, to contain its "
                f"blank {quoted(self.blank)}; add it, or choose another blank"
            )
        return self.vocab.symbols.index(self.blank)
