"""BracketLanguage: bracket strings whose shape is drawn first, and then the kinds of brackets."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import Batch, replace_parts, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_count
from seqtoys.tasks.delimited import between_marks, check_same
from seqtoys.tasks.dyck import BRACKETS, depths
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_sequences


class BracketLanguage(Task):
    r"""The abstract base class of bracket languages: strings between two `#`.

    A string has a *shape*, where brackets open and close regardless of their kinds, which is
    itself a string with one kind of bracket. Each opening bracket has one of $k$ kinds, all
    equally likely, and a closing bracket one that is open at that point. So the surprise of a
    symbol is that of the shape, plus $\ln k$ where a bracket opens, plus the surprise of the kind
    where one closes.

    Args:
        name: The name of the task.
        shape: The task that generates the shapes, with the vocabulary `#()`.
        kinds: The number of kinds of brackets: 1 to 8.
    """

    _starts_alike = True

    def __init__(self, name: str, shape: Task, kinds: int) -> None:
        self.name = name
        self.kinds: int = check_count("kinds", kinds, 1, len(BRACKETS) // 2)
        self.vocab: Vocab = Vocab("#" + BRACKETS[: 2 * self.kinds])
        self.lengths: tuple[int, int] = shape.lengths
        self.longer: tuple[int, ...] = shape.longer
        self._shape = shape

    @abstractmethod
    def _close(
        self, opens: Array, kinds: Array, lengths: Array, generator: torch.Generator
    ) -> Array:
        """Return the kinds with those of closing brackets replaced by ones that are open.

        Args:
            opens: Where brackets open, `(batch, time)`.
            kinds: The kind of each opening bracket, `(batch, time)`; arbitrary elsewhere.
            lengths: The number of symbols of each string, `(batch,)`.
            generator: The source of randomness.
        """

    @abstractmethod
    def _closing_chances(self, opens: Array, kinds: Array) -> Array:
        """Return the probability of each kind if a bracket closes, `(batch, time, kinds)`.

        Args:
            opens: Where brackets open, `(batch, time)`.
            kinds: The kind of each bracket, `(batch, time)`.
        """

    def _closing_surprise(self, lengths: tuple[int, ...]) -> float:
        """Return the expected surprise of the kinds that close, in strings of each length."""
        return 0.0

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length % 2 == 0:
            return "lengths are odd: the opening # plus pairs of brackets"
        return self._shape.why_no_length(length)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw shapes, then the kinds of brackets."""
        shapes = self._shape.draw(batch_size, length, generator)
        if self.kinds == 1:
            return shapes
        opens, lengths = shapes.targets.numpy() == 1, shapes.count_symbols().numpy()
        drawn = torch.empty(opens.shape, dtype=torch.int8).random_(self.kinds, generator=generator)
        kinds = torch.from_numpy(self._close(opens, drawn.numpy(), lengths, generator))
        targets = shapes.targets + 2 * kinds * (shapes.targets > 0)  # (batch, time)
        inputs = F.pad(targets[:, :-1].clamp(min=0), (1, 0))
        return trusted_batch(inputs, targets, shapes.lengths)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each symbol of strings, in nats.

        Raises:
            DataError: If a sequence is not `#`, a string of the language, `#`, or has a length
                outside `batch.length_range`.
        """
        opens, kinds, closing = self._read(batch)
        chances = np.take_along_axis(closing, kinds[:, :, np.newaxis], 2)[:, :, 0]  # (batch, time)
        chances = np.where(opens, 1 / self.kinds, chances)
        chances = np.where(batch.targets.cpu().numpy() > 0, chances, 1.0)
        return self._shape.surprise(self._without_kinds(batch)) - torch.from_numpy(chances).log()

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the number of brackets that are open before each target: `"depth"`."""
        return {"depth": torch.from_numpy(depths(self._read(batch)[0]))}

    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"]:
        """Return which symbols may follow, at each scored position.

        Raises:
            DataError: If a sequence is not `#`, a string of the language, `#`.
        """
        _, _, closing = self._read(batch)
        shape = self._shape.allowed(self._without_kinds(batch))
        assert shape is not None
        size = (*shape.shape[:2], len(self.vocab))
        can = torch.empty(size, dtype=torch.bool, device="cpu")  # (batch, time, vocab)
        can[:, :, 0], can[:, :, 1::2] = shape[:, :, 0], shape[:, :, 1:2]
        can[:, :, 2::2] = shape[:, :, 2:] & torch.from_numpy(closing > 0)
        return can

    def _read(self, batch: Batch) -> tuple[Array, Array, Array]:
        """Return where brackets open, their kinds, and the probability of each kind to close."""
        targets = batch.targets.cpu().numpy()  # (batch, time)
        known = targets.clip(0, 2 * self.kinds)
        check_same(self, between_marks(known, batch.scored.cpu().sum(1).numpy()), batch)
        opens, kinds = known % 2 == 1, (known.clip(1) - 1) // 2
        closing = self._closing_chances(opens, kinds)  # (batch, time, kinds)
        chosen = np.take_along_axis(closing, kinds[:, :, np.newaxis], 2)[:, :, 0]
        wrong = ((known > 0) & ~opens & (chosen <= 0)).any(1)
        check_sequences(self, batch, ~wrong, " in which only open brackets close")
        return opens, kinds, closing

    def _without_kinds(self, batch: Batch) -> Batch:
        """Return the shapes of strings, on the CPU."""
        batch = batch.to("cpu")
        inputs, targets = (
            torch.where(part > 0, 2 - part % 2, part) for part in (batch.inputs, batch.targets)
        )
        return replace_parts(batch, inputs=inputs, targets=targets)

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        pairs = sum((n - 1) // 2 for n in lengths)
        kinds = pairs * math.log(self.kinds) + self._closing_surprise(lengths)
        return Estimate(self._shape.optimum_of((lengths[0], lengths[-1])) + kinds / sum(lengths))

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return True
