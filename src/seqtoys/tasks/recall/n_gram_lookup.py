"""n-gram lookup: what follows these letters in the string?"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.values import check_count, check_lengths
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.memory_copy import LETTERS

COUNTED = 4096  # up to this number of n-grams, counting them is faster than sorting
ROUNDS = 100  # the rounds of sampling after which there is considered to be no question


class NGramLookup(Determined):
    """Read a string, then n consecutive letters of it: what followed them?

    A sequence is a string of random letters, the mark `?`, and one of the string's n-grams, chosen
    at random from those that occur once and are not its end. The target, at the last symbol, is
    the letter that followed the n-gram in the string.

    **Optimum, memoryless, chance.** The optimum is 0. The letter that follows is nearly, but not
    exactly, uniform: an n-gram like `aa` cannot be followed by `a`, or it would occur twice. The
    memoryless loss and the accuracy of chance are estimated from samples.

    Source: Jelassi et al. (2024), Repeat after me: transformers are better than state space models
    at copying. There, the n-gram is drawn from all of the string, so some questions have two
    answers. `length` counts the letters of the string.

    Args:
        symbols: The number of letters.
        n: The number of letters in the question.
        length: The length of the strings, or the shortest and longest.

    Raises:
        OptionError: If symbols is not 2 to 26, n is not 1 to 8, a length is not above n, or hardly
            any string of such a length has an n-gram that occurs once.

    Examples:
        >>> task = NGramLookup(n=2)
        >>> print(task.sample(1, length=12).show(task.vocab))
        inputs   hwtkaohhfqjc?hf
        targets  ··············q
    """

    name = "n_gram_lookup"
    source = "Jelassi et al. 2024"
    level: str | None = "in context"

    def __init__(
        self, symbols: int = 26, n: int = 2, length: int | tuple[int, int] = (5, 30)
    ) -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.n: int = check_count("n", n, 1, 8)
        self.vocab: Vocab = Vocab(LETTERS[: self.symbols] + "?")
        lengths = check_lengths(length if isinstance(length, tuple) else (length, length))
        if (reason := self.why_no_length(lengths[0])) is not None:
            raise OptionError(f"length {lengths[0]} is impossible: {reason}")
        self.lengths: tuple[int, int] = lengths
        self.longer: tuple[int, ...] = (2 * lengths[1], 4 * lengths[1])

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length > self.n:
            return None
        return f"a string is longer than the {self.n} letters of the question"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings that have an n-gram to ask for, and one such n-gram of each."""
        length = length or self.draw_length(generator)
        strings, place = self._draw_strings(batch_size, length, generator)
        asked = strings.gather(1, place + torch.arange(self.n, device="cpu"))  # (batch, n)
        mark = torch.full((batch_size, 1), self.symbols, device="cpu")
        inputs = torch.cat([strings, mark, asked], 1)  # (batch, length + 1 + n)
        targets = torch.full_like(inputs, UNSCORED)
        targets[:, -1:] = strings.gather(1, place + self.n)
        return trusted_batch(inputs, targets)

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the distance from the question to the same letters in the string, `"gap"`."""
        inputs = batch.inputs.cpu()
        grams = inputs.unfold(1, self.n, 1)  # (batch, places, n)
        is_same = (grams == grams[:, -1:]).all(2)
        is_same[:, -1] = False
        first = is_same.byte().argmax(1, keepdim=True)  # (batch, 1)
        return {"gap": (grams.shape[1] - 1 - first).expand_as(inputs)}

    def _draw_strings(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch 1"]]:
        """Draw strings, and the position of an n-gram that occurs once in each."""
        size = (batch_size, length)
        strings = torch.randint(self.symbols, size, generator=generator, device="cpu")
        is_once = self._occurs_once(strings)  # (batch, places)
        for _ in range(ROUNDS):
            has_any = is_once.any(1)
            if has_any.all():
                break
            rows = (~has_any).nonzero().flatten()
            size = (len(rows), length)
            strings[rows] = torch.randint(self.symbols, size, generator=generator, device="cpu")
            is_once[rows] = self._occurs_once(strings[rows])
        else:
            raise OptionError(
                f"hardly any string of {length} symbols, of {self.symbols} kinds, has {self.n} "
                "consecutive symbols that occur once; choose more symbols, a greater n or another "
                "length"
            )
        drawn = torch.rand(is_once.shape, dtype=torch.float32, generator=generator, device="cpu")
        return strings, (drawn * is_once).argmax(1, keepdim=True)

    def _occurs_once(self, strings: Int[Tensor, "batch length"]) -> Bool[Tensor, "batch places"]:
        """Return whether the n-gram at each position but the last occurs nowhere else."""
        places = strings.shape[1] - self.n  # of n-grams with a letter after them
        grams = strings[:, : places + 1]
        for later in range(1, self.n):
            grams = self.symbols * grams + strings[:, later : later + places + 1]
        if self.symbols**self.n > COUNTED:
            return _occur_once(grams)[:, :-1]
        counts = torch.zeros(len(grams), self.symbols**self.n, dtype=torch.int32, device="cpu")
        counts.scatter_add_(1, grams, torch.ones_like(grams, dtype=torch.int32))
        return counts.gather(1, grams)[:, :-1] == 1


def _occur_once(numbers: Int[Tensor, "batch places"]) -> Bool[Tensor, "batch places"]:
    """Return whether each number occurs nowhere else in its row."""
    ordered, order = numbers.sort(1)
    is_new = torch.ones(numbers.shape[0], numbers.shape[1] + 1, dtype=torch.bool, device="cpu")
    is_new[:, 1:-1] = ordered[:, 1:] != ordered[:, :-1]
    is_once = torch.empty_like(ordered, dtype=torch.bool)
    return is_once.scatter_(1, order, is_new[:, 1:] & is_new[:, :-1])
