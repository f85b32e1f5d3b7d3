"""Strings of random lengths, joined by marks and cut after a number of symbols."""

from __future__ import annotations

import numpy as np
import torch

from seqtoys.data.batch import Batch
from seqtoys.support.arrays import Array
from seqtoys.tasks.in_context.pool import MARK


class StringsJoined:
    """The lengths of strings that are joined by marks, uniform in a range.

    Args:
        shortest: The fewest letters of a string, at least 1.
        longest: The most letters of a string.

    Examples:
        >>> StringsJoined(1, 2).expected_letters((4,))  # first letters, and second ones
        array([2.  , 0.75])
    """

    def __init__(self, shortest: int, longest: int) -> None:
        self.shortest = shortest
        self.longest = longest
        letters = np.arange(longest + 1)
        # The probability that a string ends after that many letters, if it has so many.
        self._ends: Array = np.where(letters < shortest, 0.0, 1 / (longest + 1.0 - letters))

    def draw_marks(self, batch_size: int, time: int, generator: torch.Generator) -> Array:
        """Draw where marks are, `(time, batch)`; the first is at the beginning.

        Args:
            batch_size: The number of sequences.
            time: The number of symbols of each.
            generator: The source of randomness.
        """
        size = (batch_size, time // (self.shortest + 1))
        drawn = torch.randint(self.shortest, self.longest + 1, size, generator=generator)
        places = (drawn + 1).cumsum(1).clamp(max=time).numpy()  # beyond the end, all in one place
        is_mark = np.zeros((batch_size, time + 1), np.bool_)
        is_mark[:, 0] = True
        np.put_along_axis(is_mark, places, True, 1)
        return np.ascontiguousarray(is_mark[:, :time].T)

    def expected_letters(self, lengths: tuple[int, ...]) -> Array:
        """Compute how many letters come after 0, 1, 2, … letters of their string.

        Args:
            lengths: The numbers of targets of a sequence, equally likely.
        """
        after = np.zeros(self.longest + 1)  # the probability of each number of letters so far
        after[0] = 1.0
        expected, known = np.zeros(self.longest + 1), np.array(lengths)
        for t in range(lengths[-1]):
            stays = after * (1 - self._ends)
            expected += stays * (known > t).mean()
            after = np.concatenate([[after @ self._ends], stays[:-1]])
        return expected[:-1]

    def fit(self, batch: Batch) -> bool:
        """Return whether sequences consist of such strings, and score their letters alone."""
        inputs, targets = batch.inputs.cpu().numpy(), batch.targets.cpu().numpy()
        place = np.arange(inputs.shape[1])
        inside = place < batch.count_symbols().cpu().numpy()[:, np.newaxis]  # (batch, time)
        is_letter = targets > MARK
        following = np.where(is_letter, targets, MARK)[:, :-1]
        fits = (inputs[:, 0] == MARK).all()
        fits &= ((inputs[:, 1:] == following) | ~inside[:, 1:]).all()
        fits &= (inside | ~batch.scored.cpu().numpy()).all()
        begins = np.maximum.accumulate(np.where(inputs == MARK, place, 0), 1)
        letters = place - begins  # of the current string, before each target
        too_long, too_short = letters >= self.longest, letters < self.shortest
        return bool(fits and not (inside & np.where(is_letter, too_long, too_short)).any())
