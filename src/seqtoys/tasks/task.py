"""Task: where sequences come from, and how well any model could predict them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.amounts import check_length, check_lengths
from seqtoys.support.arguments import check_type, checked
from seqtoys.support.devices import on_cpu
from seqtoys.support.estimate import Estimate
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.randomness import generator_for
from seqtoys.tasks.counts import estimate_chance, estimate_mean, estimate_memoryless
from seqtoys.tasks.split_probabilities import SplitShares
from seqtoys.tasks.splits import NotListed, Parting, draw_side, find_parting

BATCHES, SIZE = 64, 256  # of the samples from which losses are estimated
MOST_LENGTHS = 256  # of which such samples are drawn
GOLDEN = (math.sqrt(5) - 1) / 2


class Task(ABC):
    """A source of sequences to learn: the abstract base of all tasks.

    To write a task of your own, set `name`, `level`, `vocab` and `lengths`, draw batches in `draw`
    with all randomness from the generator it is given, and define `optimum` and `optimal_loss`.
    Everything else follows. If an answer follows an input, subclass `AnswerTask` instead.

    **Optimum** means the lowest expected loss, in nats per scored symbol, of any causal model that
    knows how the sequences and their lengths are drawn. `optimum` is that for lengths as the task
    draws them, `optimum_of(lengths)` for chosen lengths, and `optimal_loss(batch)` is the loss of
    the same best model on one batch, which varies by chance.

    Attributes:
        name: What `get_task` calls it.
        vocab: Its symbols.
        source: Where it comes from: paper and year.
        level: Its place in the Chomsky hierarchy: `"finite"`, `"regular"`,
            `"deterministic context-free"` or `"context-sensitive"`.
        lengths: The shortest and the longest length to train on.
        longer: Lengths beyond those, to test on.

    Examples:
        >>> from seqtoys import get_task
        >>> get_task("reber").optimum  # of what the next symbol is, this much can't be known
        0.594...
    """

    name: str
    vocab: Vocab
    source: str = "my own"
    level: str
    lengths: tuple[int, int]
    longer: tuple[int, ...] = ()

    def __init_subclass__(cls) -> None:
        """Hold what anyone may ask a task to the annotations below, whoever made it."""
        super().__init_subclass__()
        for name in {"refusal", "optimal_loss"} & vars(cls).keys():
            setattr(cls, name, checked(vars(cls)[name], getattr(Task, name)))

    @abstractmethod
    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences; `sample` has checked the arguments.

        Args:
            batch_size: How many.
            length: Of what length; None: as they come.
            generator: Where all randomness comes from.
        """

    @property
    @abstractmethod
    def optimum(self) -> float:
        """The lowest expected loss of any causal model, in nats per scored symbol."""

    @abstractmethod
    def optimal_loss(self, batch: Batch) -> float:
        """Compute the loss of the best possible model on this `batch`, in nats per scored symbol.

        That model knows how the lengths were drawn: from `batch.length_range` where that is set.
        """

    def optimum_of(self, lengths: int | tuple[int, int]) -> Estimate:
        """Return the lowest expected loss of any causal model, for sequences of chosen lengths.

        The model knows that lengths are drawn so: in each batch one of all that are possible, each
        with equal probability. `fit(lengths=…)` and `evaluate` state this as the optimum.

        Args:
            lengths: One length, or the shortest and the longest.

        Returns:
            Nats per scored symbol; exact for all tasks of the library. For a task of your own, the
            mean of `optimal_loss` over samples, with its standard error.

        Raises:
            OptionError: If no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("anbn").optimum_of(7)  # only one string has this length
            Estimate(0.0, 0.0)
            >>> get_task("reber").optimum_of(8), get_task("reber").optimum_of((4, 8))
            (Estimate(0.29973690909979633, 0.0), Estimate(0.5189682938124044, 0.0))
        """
        return self._optimum_over(self.possible_lengths(lengths))

    def memoryless_of(self, lengths: int | tuple[int, int]) -> Estimate:
        """Return the loss of the best model without memory, for sequences of chosen lengths.

        Args:
            lengths: As for `optimum_of`.

        Raises:
            OptionError: If no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("letters").memoryless_of(5)
            Estimate(0.5..., 0.0)
        """
        return self._memoryless_over(self.possible_lengths(lengths))

    @cached_property
    def memoryless(self) -> Estimate:
        """The loss of the best model that sees the current symbol only."""
        return estimate_memoryless(self._samples(), len(self.vocab))

    @cached_property
    def chance(self) -> Estimate:
        """The accuracy of always naming the most frequent target."""
        return estimate_chance(self._samples(), len(self.vocab))

    @checked
    def refusal(self, length: int) -> str | None:
        """Return why no sequence has this `length`, or None if some have it."""
        return None if length >= 1 else "a sequence has at least one symbol"

    def possible_lengths(self, lengths: int | tuple[int, int]) -> tuple[int, ...]:
        """List the lengths in a range that sequences of this task have.

        Args:
            lengths: One length, or the shortest and the longest.

        Raises:
            OptionError: If no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("dyck").possible_lengths((2, 8))
            (3, 5, 7)
        """
        pair = lengths if isinstance(lengths, tuple | list) else (lengths, lengths)
        shortest, longest = check_lengths(pair)
        known = self.__dict__.setdefault("_possible", {})  # as each batch asks for them
        possible: tuple[int, ...] | None = known.get((shortest, longest))
        if possible is None:
            each = range(shortest, longest + 1)
            possible = tuple(n for n in each if self._has_length(n))
            known[shortest, longest] = possible
        if not possible:
            raise OptionError(f"{self.name} has no sequence of {shortest} to {longest} symbols")
        return possible

    def sample(
        self,
        batch_size: int,
        *,
        length: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Batch:
        """Draw sequences; their targets are -100 where nothing is scored.

        Args:
            batch_size: The number of sequences.
            length: The length of each. If None, lengths are drawn as in training.
            generator: The source of randomness. If None, every call returns the same batch, from
                a stream of random numbers that neither `fit` nor `evaluate` uses. For test
                sequences of your own, leave it out or use another seed than that of `fit`, which
                draws what a generator of its seed draws.

        Raises:
            OptionError: If the size is not a positive integer, or no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> task = get_task("parity")
            >>> print(task.sample(1, length=4).show(task.vocab))
            inputs   1010=
            targets  ····0
        """
        generator = generator_for("sample") if generator is None else generator
        check_type("generator", generator, torch.Generator)
        batch_size = check_length(batch_size, "batch_size")
        if length is not None:
            length = check_length(length, "length")
            if (refusal := self.refusal(length)) is not None:
                raise OptionError(f"{self.name} has no sequence of length {length}: {refusal}")
        least = 16 * (length or 1)  # inputs and targets, 8 bytes a symbol
        check_room(f"sequences of {self.name}", batch_size, least)
        with EnoughMemory(), on_cpu():
            batch = self.draw(batch_size, length, generator)
        check_type(f"what draw of {self.name} gives", batch, Batch)
        return batch if length is None else batch.with_length_range((length, length))

    def draw_length(
        self, generator: torch.Generator, lengths: tuple[int, int] | None = None
    ) -> int:
        """Draw one of the possible lengths, each with equal probability.

        Args:
            generator: The source of randomness.
            lengths: The shortest and the longest. If None, those to train on.

        Raises:
            OptionError: If no sequence has such a length.
        """
        check_type("generator", generator, torch.Generator)
        possible = self.possible_lengths(self.lengths if lengths is None else lengths)
        return int(possible[torch.randint(len(possible), (), generator=generator, device="cpu")])

    @checked
    def held_out(self, fraction: float) -> tuple[Side, Side]:
        """Split the task in two sides, to train on and held out, that never share a sequence.

        A hash of each sequence decides its side, the same at any time, on any machine. Of many
        such hashes it is one that holds out about this share of what is drawn, with no sequence
        more frequent on the held-out side than need be.

        Args:
            fraction: The share of what is drawn to hold out, 0.001 to 0.999; up to a quarter of
                it more or less.

        Raises:
            OptionError: If the fraction is out of its range, or the task has too few sequences to
                hold out such a share of them.

        Examples:
            >>> from seqtoys import get_task
            >>> training, held_out = get_task("reber").held_out(0.2)
            >>> len(held_out.sample(100))
            100
        """
        if not 0.001 <= fraction <= 0.999:
            raise OptionError(f"expected a fraction from 0.001 to 0.999, got {quoted(fraction)}")
        parting = find_parting(self.name, self.sample, fraction)
        training = Side(self, fraction, parting, is_held_out=False)
        return training, training.complement

    def __repr__(self) -> str:
        return f"<task {self.name}: {self.source}; {self.level}>"

    def _has_length(self, length: int) -> bool:
        return self.refusal(length) is None

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        """Compute the optimum where each batch has one of these lengths, all equally likely."""
        return estimate_mean(self.optimal_loss, self._samples(lengths))

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return estimate_memoryless(self._samples(lengths), len(self.vocab))

    def _samples(self, lengths: tuple[int, ...] = ()) -> Iterator[Batch]:
        """Sample many batches, of these lengths equally often; none: as the task draws them."""
        generator = generator_for("baselines")
        if not lengths:
            yield from (self.sample(SIZE, generator=generator) for _ in range(BATCHES))
            return
        chosen = _spread(lengths)
        rounds = -(-BATCHES // len(chosen))
        size = -(-BATCHES * SIZE // (rounds * len(chosen)))
        for length in chosen * rounds:
            batch = self.sample(size, length=length, generator=generator)
            yield batch.with_length_range((lengths[0], lengths[-1]))

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return the task of only those sequences that a function holds, or None if unknown."""
        return None

    def _mean_surprise(self, batch: Batch) -> float:
        """Average the nats of sequences over their scored symbols, each as often as it counts."""
        batch = batch.repeated()
        return float(self._surprise(batch).sum() / int(batch.scored.sum()))

    def _rare_lengths(self) -> tuple[int, ...]:
        """Lengths seldom drawn that have so few sequences that all are soon listed."""
        return ()

    def _hidden_lengths(self) -> tuple[int, ...]:
        """The lengths drawn by default, equally often, if no symbol says where a sequence ends."""
        return ()

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"] | None:
        """The nats of the first symbol of each sequence, which is not scored; None: unknown."""
        return None

    def _has_probabilities(self, *, at_length: bool) -> bool:
        """Whether exp(-surprise) is the probability of a sequence, given its first symbol.

        Args:
            at_length: Whether among the sequences of one length, or as the task draws them.
        """
        return False

    def _all_sequences(self, length: int | None) -> Batch | None:
        """All sequences of a length (None: of any), each once, if they can be listed."""
        return None

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        """Compute what `optimal_loss` is the mean of: the nats of each sequence of a batch."""
        rows = torch.arange(len(batch)).split(1)
        each = [(self.optimal_loss(part := batch.take(row)), part.scored.sum()) for row in rows]
        return torch.stack([loss * scored.double() for loss, scored in each])


def _spread(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Choose lengths evenly, but not in a regular step, which might miss every second one."""
    step = len(lengths) / MOST_LENGTHS
    if step <= 1:
        return lengths
    return tuple(lengths[int((at + at * GOLDEN % 1) * step)] for at in range(MOST_LENGTHS))


class Side(Task):
    """One side of a task whose sequences are split in two.

    Its optimum is that of a model that knows the split: the task's own source, given that the
    sequence is on this side. Such a model can be better than one that knows only the task, above
    all where single sequences are frequent. It is exact if the sequences can be listed, else an
    `Estimate`; and if no symbol says where a sequence ends, it is that of a model that also knows
    the length, which is a lower bound. The memoryless loss and the accuracy of chance are those of
    the whole task.

    Args:
        whole: The task.
        fraction: The share of its sequences that is held out.
        parting: Decides the side of each sequence.
        is_held_out: Whether this is the side held out.
    """

    def __init__(
        self, whole: Task, fraction: float, parting: Parting | NotListed, *, is_held_out: bool
    ) -> None:
        self.whole = whole
        self.fraction = fraction
        self.parting = parting
        self.is_held_out = is_held_out
        self.name: str = f"{whole.name} ({'held out' if is_held_out else 'training'})"
        self.vocab: Vocab = whole.vocab
        self.source: str = whole.source
        self.level: str = whole.level
        self.lengths: tuple[int, int] = whole.lengths
        self.longer: tuple[int, ...] = whole.longer

    @cached_property
    def complement(self) -> Side:
        """The other side."""
        return Side(self.whole, self.fraction, self.parting, is_held_out=not self.is_held_out)

    @property
    def optimum(self) -> Estimate:
        """The lowest expected loss of any causal model that knows the split."""
        if self._restricted is not None:
            return Estimate(self._restricted.optimum)
        return self._shares.optimum(self._hidden_lengths())

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the loss, on these sequences of this side, of the best model knowing the split.

        Raises:
            DataError: If a sequence is on the other side.
        """
        return self._mean_surprise(batch)

    @property
    def memoryless(self) -> Estimate:
        """The memoryless loss of the whole task."""
        return self.whole.memoryless

    @property
    def chance(self) -> Estimate:
        """The accuracy of chance on the whole task."""
        return self.whole.chance

    def refusal(self, length: int) -> str | None:
        """Return why no sequence of the whole task has this length, or None if some have it."""
        return self.whole.refusal(length)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences of the whole task until enough are on this side.

        Raises:
            DataError: If none is found.
        """
        asked = "" if length is None else f" of length {length}"
        return draw_side(
            f"sequences{asked} on this side of {self.name}",
            lambda size: self.whole.draw(size, length, generator),
            self._holds,
            batch_size,
            self.fraction if self.is_held_out else 1 - self.fraction,
        )

    def _has_length(self, length: int) -> bool:
        """Whether a sequence of a length is found on this side."""
        if self.whole._has_length(length):
            try:
                with on_cpu():
                    return bool(self.draw(1, length, generator_for("split")))
            except DataError:
                pass
        return False

    def _holds(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Whether each sequence is on this side."""
        return self.parting.holds_out(batch) == self.is_held_out

    @cached_property
    def _restricted(self) -> Task | None:
        return self.whole._restricted_to(self._holds)

    @cached_property
    def _shares(self) -> SplitShares:
        whole = self.whole
        rare = whole._rare_lengths()
        return SplitShares(
            whole.draw,
            whole._surprise,
            whole._first_surprise,
            self._holds,
            usual=sum(self.lengths) // 2,
            rare=rare,
            can_list=whole._has_probabilities,
            all_sequences=whole._all_sequences,
        )

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return the task that the whole becomes if both splits are known, if it can say so."""
        return None if self._restricted is None else self._restricted._restricted_to(holds)

    def _hidden_lengths(self) -> tuple[int, ...]:
        return self.whole._hidden_lengths()

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return self.whole._has_probabilities(at_length=at_length)

    def _all_sequences(self, length: int | None) -> Batch | None:
        every = self.whole._all_sequences(length)
        if every is None:
            return None
        rows = self._holds(every).nonzero().flatten()
        return every.take(rows) if len(rows) else None

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        bounds = batch.length_range
        chosen = self._hidden_lengths() if bounds is None else self.whole.possible_lengths(bounds)
        return self._shares.first_surprise(batch, chosen)

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        if self._restricted is not None:
            known = [n for n in lengths if self._restricted.refusal(n) is None]
            return self._restricted.optimum_of((known[0], known[-1]) if known else lengths[0])
        return self._shares.optimum(self.whole.possible_lengths((lengths[0], lengths[-1])))

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        if not self._holds(batch).all():
            raise DataError(
                f"expected sequences on this side of {self.name}, got some on the other side; "
                "the whole task has the optimal loss of any"
            )
        if self._restricted is not None:
            return self._restricted._surprise(batch)
        bounds = batch.length_range
        chosen = self._hidden_lengths() if bounds is None else self.whole.possible_lengths(bounds)
        total = self.whole._surprise(batch) + self._shares.correction(batch, chosen)
        return total.clamp(min=0)  # the correction may be estimated
