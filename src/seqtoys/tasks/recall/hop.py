"""k-hop: go to the letter after the last occurrence of this one, and repeat."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import Batch, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.values import check_count
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.memory_copy import LETTERS
from seqtoys.tasks.recall.occurrences import after_last_occurrence


class Hop(Determined):
    """Find the last earlier occurrence of a letter, step to its right, and repeat.

    A sequence is random letters, none of which follows itself. At each position, start from its
    letter: find where it last occurred before, and go to the letter after that. From there, do the
    same again, `hops` times in all. The target is the letter reached, or `~` if at some hop there
    was no earlier occurrence. One hop is what an induction head does; more hops need several
    layers of attention, one after the other.

    **Optimum, memoryless, chance.** The optimum is 0, as the letters so far determine each target.
    The memoryless loss and the accuracy of chance are estimated from samples.

    Source: Sanford et al. (2024), Transformers, parallel computation, and logarithmic depth.

    Args:
        hops: The number of hops.
        symbols: The number of letters.
        length: The number of letters in a sequence.

    Raises:
        OptionError: If hops or length are not positive, or symbols is not 2 to 26.

    Examples:
        >>> task = Hop(hops=2, symbols=4, length=20)
        >>> print(task.sample(1).show(task.vocab))
        inputs   dabcdcbcdbcadadcbcdb
        targets  ~~~~~a~cdbc~cbdbdcab
    """

    name = "hop"
    source = "Sanford et al. 2024"
    level: str | None = "in context"

    def __init__(self, hops: int = 2, symbols: int = 4, length: int = 100) -> None:
        self.hops: int = check_count("hops", hops, 1)
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.vocab: Vocab = Vocab(LETTERS[: self.symbols] + "~")
        longest = check_count("length", length, 1)
        self.lengths: tuple[int, int] = (longest, longest)
        self.longer: tuple[int, ...] = (2 * longest, 4 * longest)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw letters, and follow them from each position."""
        length = length or self.draw_length(generator)
        size = (batch_size, length)
        # Steps of 1 to symbols - 1 lead from each letter to another one.
        steps = torch.randint(1, self.symbols, size, generator=generator, device="cpu")
        steps[:, 0] = torch.randint(self.symbols, size[:1], generator=generator, device="cpu")
        letters = steps.cumsum(1) % self.symbols
        ends = F.pad(letters, (1, 0), value=self.symbols)  # (batch, 1 + length): ~, then letters
        return trusted_batch(letters, ends.gather(1, self._reach(letters)))

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the distance to the letter that is reached, `"gap"`; 0 if none is."""
        reached = self._reach(batch.inputs.cpu())
        places = torch.arange(1, 1 + reached.shape[1], device="cpu")
        return {"gap": torch.where(reached == 0, 0, places - reached)}

    def _reach(self, letters: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
        """Return the position, counted from 1, that is reached from each; 0 if there is none."""
        places = torch.arange(1, 1 + letters.shape[1], device="cpu")
        after = F.pad(after_last_occurrence(letters), (1, 0))  # from nowhere, nowhere is reached
        reached = places.expand_as(letters)
        for _ in range(self.hops):
            reached = after.gather(1, reached)
        return reached
