"""The induction head task: what followed the mark when it was seen before?"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.support.values import check_count
from seqtoys.tasks.answer_stream import AnswerStream
from seqtoys.tasks.memory_copy import LETTERS
from seqtoys.tasks.scoring import Scoring, check_scoring


class InductionHead(AnswerStream):
    r"""Read random letters with a mark among them, then the mark again: what followed it before?

    A sequence is $L$ random letters with the mark `!` written over one of the first $L - 2$ of
    them; then the mark again, and the letter that followed it before, which is the answer. Copying
    what followed the same symbol earlier is what an *induction head* of a transformer does.

    **Optimum.** The answer is determined: 0 if only answers are scored. With `score="all"`, all
    symbols but the first are scored, $L + 1$ in all. If the mark is not among the first $t$
    symbols, the next one is the mark with probability $q_t = 1 / (L - 2 - t)$, and each of the $k$
    letters with probability $(1 - q_t) / k$; after the mark, each letter has probability $1 / k$;
    the last two symbols are certain. For $k = 18$ and $L = 30$, this is 2.7165 nats per symbol.
    It is far from 0 for a model that answers perfectly. If several lengths are possible, the
    second mark is not certain either.

    **Memoryless.** The answer can be any letter: $\ln k$. With `score="all"`, the mark is followed
    by a letter twice, and the other $L - 1$ pairs begin with a letter. The second of these is the
    mark $2 - 1 / (L - 2)$ times on average, and otherwise any letter.

    **Chance.** $1 / k$ for the answer; with `score="all"`, the proportion of one letter or of the
    mark, whichever is larger.

    Source: Olsson et al. (2022), In-context learning and induction heads; as a separate task, Fu
    et al. (2023), Hungry Hungry Hippos, and Gu & Dao (2024), Mamba. `length` includes the second
    mark: it is $L + 1$.

    Args:
        symbols: The number of letters, $k$.
        length: The number of symbols before the second mark, $L$.
        score: `"answers"` scores the last symbol, `"all"` every next symbol.

    Raises:
        OptionError: If symbols is not 2 to 26, length is below 3, or score is neither.

    Examples:
        >>> task = InductionHead(symbols=6, length=10)
        >>> print(task.sample(1).show(task.vocab))
        inputs   ed!aaffdab!
        targets  ··········a
        >>> InductionHead(18, 30, score="all").optimum
        Estimate(2.716508554528..., 0.0)
    """

    name = "induction_head"
    source = "Olsson et al. 2022"
    level: str | None = "in context"
    answers = "letter"
    shows_end = True

    def __init__(self, symbols: int = 16, length: int = 64, score: Scoring = "answers") -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.score: Scoring = check_scoring(score)
        letters = check_count("length", length, 3)
        self.vocab: Vocab = Vocab(LETTERS[: self.symbols] + "!")
        self.sizes: dict[str, int] = {"letter": self.symbols, "mark": 1}
        self.lengths: tuple[int, int] = (letters + 1, letters + 1)
        self.longer: tuple[int, ...] = (2 * letters + 1, 4 * letters + 1)

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= 4 else "the shortest is 4: the mark, two letters and the mark"

    def draw_symbols(
        self, batch_size: int, length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch symbols"]:
        """Draw letters, and write a mark over one of them."""
        size = (batch_size, length + 1)
        symbols = torch.randint(self.symbols, size, generator=generator, device="cpu")
        place = torch.randint(length - 3, (batch_size, 1), generator=generator, device="cpu")
        symbols.scatter_(1, place, self.symbols)  # the index of the mark
        symbols[:, -2] = self.symbols
        symbols[:, -1:] = symbols.gather(1, place + 1)
        return symbols

    def find_answers(self, symbols: Int[Tensor, "batch symbols"]) -> Bool[Tensor, "batch symbols"]:
        """Return True for the last symbol."""
        is_answer = torch.zeros(symbols.shape, dtype=torch.bool, device="cpu")
        is_answer[:, -1] = True
        return is_answer

    def symbol_surprise(
        self, symbols: Int[Tensor, "batch symbols"]
    ) -> Float[Tensor, "batch symbols"]:
        """Compute the surprise of letters and marks."""
        is_mark = symbols == self.symbols
        places = torch.arange(symbols.shape[1], device="cpu")
        left = (symbols.shape[1] - 4 - places).clamp(min=0)  # (symbols,): places for the mark
        is_seen = is_mark.cumsum(1) > is_mark  # (batch, symbols): before the symbol
        hazard = torch.where(is_seen, 0.0, 1 / left.clamp(min=1).double())
        marks = torch.where(is_seen | (left == 0), math.inf, -hazard.log())
        surprise = torch.where(is_mark, marks, math.log(self.symbols) - torch.log1p(-hazard))
        after = 1 + is_mark[:, :-1].byte().argmax(1, keepdim=True)  # (batch, 1): the first mark
        answer = symbols.gather(1, after)
        is_end = torch.cat([is_mark[:, -2:-1], symbols[:, -1:] == answer], 1)  # (batch, 2)
        surprise[:, -2:] = torch.where(is_end, 0.0, math.inf)
        return surprise

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the distance from the second mark to the first, `"gap"`."""
        inputs = batch.inputs.cpu()
        first = (inputs == self.symbols).byte().argmax(1, keepdim=True)  # (batch, 1)
        return {"gap": (inputs.shape[1] - 1 - first).expand_as(inputs)}

    def expected_surprise(self, length: int) -> float:
        """Compute the expected surprise of letters and marks."""
        letters, choices = length - 1, math.log(self.symbols)
        total = letters * choices  # as if the mark were a letter
        for left in range(letters - 2, 0, -1):  # the mark has this many places left
            at_mark = math.log(left) - choices
            before = (left - 1) * math.log(left / (left - 1)) if left > 1 else 0.0
            total += (at_mark + before) / (letters - 2)
        return total

    def first_classes(self, length: int) -> dict[str, float]:
        """Compute the probabilities of a mark and of a letter at the first place."""
        return {"mark": 1 / (length - 3), "letter": 1 - 1 / (length - 3)}

    def expected_pairs(self, length: int) -> dict[tuple[str, str], float]:
        """Compute the expected pairs of letters and marks."""
        letters = length - 1
        marks = 2 - 1 / (letters - 2)  # after a letter
        return {
            ("mark", "letter"): 2.0,
            ("letter", "mark"): marks,
            ("letter", "letter"): letters - 1 - marks,
        }
