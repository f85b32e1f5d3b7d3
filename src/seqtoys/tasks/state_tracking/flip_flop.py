"""Flip-flop: write, ignore or read one bit of memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_count, check_probability
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.scoring import Scoring, check_scoring
from seqtoys.tasks.symbol_classes import SymbolClasses
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_sequences

WRITE, READ, IGNORE, ZERO, ONE = range(5)  # the indices of w, r, i, 0 and 1
MOST = 100_000  # the most instructions; the longest test sequences have four times as many


class FlipFlop(KnownPairs):
    r"""Write bits to a memory and ignore others; at each read, which bit was written last?

    A sequence is instructions, each followed by a bit: `w` writes it, `i` ignores it, and after
    `r` comes the last bit that was written. The first instruction is `w`, the last is `r`. Between
    them, each is `i` with probability `ignore`, and otherwise `w` or `r`, equally likely. The bits
    after `w` and `i` are random. With `score="answers"`, only the bits after `r` are scored; with
    `score="all"`, every next symbol is.

    **Optimum.** What was written determines the bits after `r`, so with `score="answers"` the
    optimum is 0. With `score="all"`, a random bit costs $\ln 2$, and an instruction between the
    first and the last the entropy $H$ of `w`, `r` and `i`. With $p$ the probability of `r` and $n$
    instructions, of which the first is not scored, the last is certain,

    $$\text{optimum} = \frac{\ln 2 + (n - 2) \big( H + (1 - p) \ln 2 \big)}{2n - 1} ,$$

    which is 0.6291 at the defaults. If sequences have one of several lengths, all equally likely,
    the last instruction is not certain: if $m$ of the lengths have at least $t$ instructions, one
    of them exactly $t$, then the instruction $t$ is the last with probability $1 / m$, and `r`
    with probability $1 / m + (1 - 1 / m) \, p$. The optimum follows by summing over all $t$. The
    `optimal_loss` of sequences outside `lengths`, without a chosen length, is that of a model that
    does not know which instruction is the last.

    **Memoryless.** A bit carries no information about the next instruction, nor an instruction
    about the next bit: over all sequences, 0 and 1 are equally likely also after `r`. So the loss
    is $\ln 2$ for bits and, for instructions, the entropy of their proportions, in which the last
    one is an `r`.

    **Chance.** The proportion of the most frequent symbol: 0 and 1, which are equally frequent, or
    `i`.

    **Labels.** `gap`: the number of symbols from the last `w` to the `r` that asks for its bit.

    Source: Liu et al. (2023), Exposing attention glitches with flip-flop language modeling.

    Args:
        ignore: The probability of `i`.
        instructions: The number of instructions, $n$. `length` is $2n - 1$, since the last bit is
            only a target.
        score: `"answers"` scores the bits after `r`, `"all"` every symbol but the first.

    Raises:
        OptionError: If `ignore` is not between 0 and 1, `instructions` not 2 to 100,000, or
            `score` is neither.

    Examples:
        >>> task = FlipFlop(ignore=0.5, instructions=8)
        >>> print(task.sample(1).show(task.vocab))
        inputs   w0i1w0i0r0w0i0r
        targets  ········0·····0
        >>> FlipFlop(score="all").optimum
        0.62908...
    """

    name = "flip_flop"
    source = "Liu et al. 2023"
    level: str | None = "regular"
    vocab: Vocab = Vocab("wri01")
    _starts_alike = True

    def __init__(
        self, ignore: float = 0.8, instructions: int = 256, score: Scoring = "answers"
    ) -> None:
        self.ignore: float = check_probability("ignore", ignore)
        self.instructions: int = check_count("instructions", instructions, 2, MOST)
        self.score: Scoring = check_scoring(score)
        self.p: float = (1 - self.ignore) / 2
        longest = 2 * self.instructions - 1
        self.lengths: tuple[int, int] = (longest, longest)
        self.longer: tuple[int, ...] = (2 * longest + 1, 4 * longest + 3)

    @property
    def optimum(self) -> float:
        """The expected surprise per scored symbol: 0 if only the bits after `r` are scored."""
        return float(self._optimum_over(self.possible_lengths(self.lengths)))

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length % 2 and length >= 3:
            return None
        return "n instructions have length 2 n - 1: each has a bit, and the last is only a target"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw instructions and bits."""
        length = length or self.draw_length(generator)
        size = (batch_size, (length + 1) // 2)
        drawn = torch.rand(size, dtype=torch.float32, generator=generator, device="cpu")
        steps = torch.full(size, IGNORE, device="cpu")
        steps[drawn < 2 * self.p] = READ
        steps[drawn < self.p] = WRITE
        bits = torch.randint(ZERO, ONE + 1, size, generator=generator, device="cpu")
        return self._write(steps, bits)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each scored symbol, in nats.

        Raises:
            DataError: If the task cannot generate one of the sequences, or one has a length
                outside `batch.length_range`.
        """
        inputs, targets, counts = (
            part.cpu() for part in (batch.inputs, batch.targets, batch.count_symbols())
        )
        shape = targets.shape  # (batch, time)
        surprise = torch.full(shape, torch.nan, dtype=torch.float64, device="cpu")
        for length in counts.unique().tolist():  # usually there is only one
            known = self._known_lengths(length, batch.length_range)
            rows = counts == length
            part = Batch(inputs[rows, :length], targets[rows, :length])
            surprise[rows, :length] = self._surprise_at_length(part, known)
        return surprise

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the number of symbols from the last `w` to each `r`, `"gap"`; elsewhere 0."""
        steps = batch.inputs[:, ::2].cpu()  # (batch, instructions)
        gap = torch.zeros(batch.inputs.shape, dtype=torch.int64, device="cpu")
        places = torch.arange(steps.shape[1], device="cpu")
        gap[:, ::2] = 2 * (places - _last_write(steps)) * (steps == READ)
        return {"gap": gap}

    def _write(
        self, steps: Int[Tensor, "batch instructions"], bits: Int[Tensor, "batch instructions"]
    ) -> Batch:
        """Return sequences, with their first and last instruction and the bits after `r` set."""
        steps = steps.clone()
        steps[:, 0], steps[:, -1] = WRITE, READ
        bits = torch.where(steps == READ, bits.gather(1, _last_write(steps)), bits)
        symbols = torch.stack([steps, bits], 2).flatten(1)  # (batch, 2 instructions)
        inputs, targets = symbols[:, :-1], symbols[:, 1:]  # (batch, time)
        if self.score == "answers":
            targets = targets.masked_fill(inputs != READ, UNSCORED)
        return Batch(inputs, targets)

    def _surprise_at_length(
        self, batch: Batch, lengths: tuple[int, ...]
    ) -> Float[Tensor, "batch time"]:
        """Compute the surprise of sequences of one of some equally likely lengths."""
        symbols = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
        steps, bits = symbols[:, ::2], symbols[:, 1::2]  # (batch, instructions)
        self._check(batch, self._write(steps, bits), (steps <= IGNORE) & (bits >= ZERO))
        surprise = torch.zeros(symbols.shape, dtype=torch.float64, device="cpu")
        if self.score == "all":
            chances, _ = self._instructions(lengths)
            places = torch.arange(steps.shape[1], device="cpu")
            surprise[:, ::2] = -chances[places, steps].log()
            surprise[:, 1::2] = math.log(2) * (steps != READ).double()
        return surprise[:, 1:].masked_fill(~batch.scored, torch.nan)

    def _known_lengths(self, length: int, bounds: tuple[int, int] | None) -> tuple[int, ...]:
        """Return the lengths that a sequence of this length may have had, all equally likely."""
        reason = self.why_no_length(length)
        lengths = self.possible_lengths(bounds or self.lengths)
        if length in lengths:
            return lengths
        if reason is None and bounds is None:
            return (length + 2,)  # as if it went on: no instruction is known to be the last
        raise DataError(
            f"expected sequences of {self.name}, got one of length {length}: "
            f"{reason or f'the length_range of the batch is {bounds}'}"
        )

    def _check(
        self, batch: Batch, written: Batch, is_known: Bool[Tensor, "batch instructions"]
    ) -> None:
        """Check that sequences are as the task would write them."""
        differs = (batch.inputs != written.inputs) | (batch.targets != written.targets)
        fits = ~differs.any(1) & is_known.all(1)  # (batch,)
        check_sequences(self, batch, fits.numpy(), " with their targets")

    def _instructions(
        self, lengths: tuple[int, ...]
    ) -> tuple[Float[Tensor, "places instructions"], Float[Tensor, " places"]]:
        """Compute the probabilities of `w`, `r` and `i` at each place, by the possible lengths.

        Returns:
            The probabilities, and how many of the lengths reach each place.
        """
        last = torch.tensor(lengths, device="cpu") // 2  # the place of the last instruction
        ends = torch.bincount(last).double()  # (places,)
        reached = ends.flip(0).cumsum(0).flip(0)
        is_last = (ends / reached).unsqueeze(1)  # (places, 1)
        sure = torch.eye(3, dtype=torch.float64, device="cpu")
        usual = [self.p, self.p, self.ignore]
        chances = (1 - is_last) * torch.tensor(usual, dtype=torch.float64, device="cpu")
        chances += is_last * sure[READ]
        chances[0] = sure[WRITE]
        return chances, reached

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        if self.score == "answers":
            return Estimate(0.0)
        chances, reached = self._instructions(lengths)
        surprise = torch.special.entr(chances).sum(1) + (1 - chances[:, READ]) * math.log(2)
        return Estimate(float(reached @ surprise) / sum(lengths))

    def _pairs(self, lengths: tuple[int, ...]) -> SymbolClasses:
        """Return the expected pairs of consecutive symbols; both bits are equally likely."""
        chances, reached = self._instructions(lengths)
        write, read, ignore = (reached @ chances).tolist()  # summed over one sequence per length
        pairs = {("r", "bit"): read}
        if self.score == "all":
            pairs |= {("w", "bit"): write, ("i", "bit"): ignore}
            first = float(len(lengths))  # each is w, and not scored
            pairs |= {("bit", "w"): write - first, ("bit", "r"): read, ("bit", "i"): ignore}
        return SymbolClasses({"w": 1, "r": 1, "i": 1, "bit": 2}, pairs)

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        # The bits after r stay certain in any subset of the sequences.
        return self if self.score == "answers" else None

    def _hidden_lengths(self) -> tuple[int, ...]:
        return self.possible_lengths(self.lengths)

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return at_length


def _last_write(steps: Int[Tensor, "batch instructions"]) -> Int[Tensor, "batch instructions"]:
    """Return the place of the last `w` up to each instruction."""
    places = torch.arange(steps.shape[1], device="cpu")
    return torch.where(steps == WRITE, places, 0).cummax(1).values
