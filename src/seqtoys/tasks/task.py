"""Task: where sequences come from, and how well any model could predict them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import torch

from seqtoys.amounts import check_length, check_lengths
from seqtoys.arguments import check_type, checked
from seqtoys.batch import Batch
from seqtoys.devices import on_cpu
from seqtoys.errors import OptionError, quoted
from seqtoys.memory import EnoughMemory, check_room
from seqtoys.randomness import generator_for
from seqtoys.tasks.counts import estimate_chance, estimate_memoryless
from seqtoys.tasks.estimate import Estimate
from seqtoys.tasks.sides import Parting, draw_side, find_parting
from seqtoys.vocab import Vocab


class Task(ABC):
    """A source of sequences to learn: the abstract base of all tasks.

    A task of one's own says its `name`, `level`, `vocab` and `lengths`, draws batches in `draw`,
    with all randomness from the generator it is given, and knows its `optimum` and
    `optimal_loss`. All else follows. Where an answer follows an input, an `AnswerTask` is shorter.

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
        """The expected loss of the best model there can be, in nats per scored symbol."""

    @abstractmethod
    def optimal_loss(self, batch: Batch) -> float:
        """Compute the true source's loss on this very `batch`, in nats per scored symbol."""

    @cached_property
    def memoryless(self) -> Estimate:
        """The loss of the best model that sees the current symbol only."""
        return estimate_memoryless(self.sample, len(self.vocab))

    @cached_property
    def chance(self) -> Estimate:
        """The accuracy of always naming the most frequent target."""
        return estimate_chance(self.sample, len(self.vocab))

    @checked
    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this `length`; None: some have."""
        return None if length >= 1 else "a sequence has at least one symbol"

    def sample(
        self,
        batch_size: int,
        *,
        length: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Batch:
        """Draw sequences; their targets are -100 where nothing is scored.

        Args:
            batch_size: How many.
            length: Of what length; None: as they come in training.
            generator: Draws them; None: one seeded with 0, for the same batch at each call.

        Raises:
            OptionError: If the size is no positive integer, or no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> task = get_task("parity")
            >>> print(task.sample(1, length=4).show(task.vocab))
            inputs   1010=
            targets  ····0
        """
        generator = generator_for("sample") if generator is None else generator
        check_type("generator", generator, torch.Generator)
        check_length(batch_size, "batch_size")
        if length is not None:
            check_length(length, "length")
            if (refusal := self.refusal(length)) is not None:
                raise OptionError(f"{self.name} has no sequence of length {length}: {refusal}")
        least = 16 * batch_size * (length or 1)  # inputs and targets, 8 bytes a symbol
        check_room(f"{batch_size:,} sequences of {self.name}", least)
        with EnoughMemory(), on_cpu():
            batch = self.draw(batch_size, length, generator)
        return check_type(f"what draw of {self.name} gives", batch, Batch)

    def draw_length(
        self, generator: torch.Generator, lengths: tuple[int, int] | None = None
    ) -> int:
        """Draw a length, all possible ones alike.

        Args:
            generator: Draws it.
            lengths: The shortest and the longest; None: those to train on.

        Raises:
            OptionError: If no sequence has such a length.
        """
        check_type("generator", generator, torch.Generator)
        shortest, longest = self.lengths if lengths is None else check_lengths(lengths)
        known = self.__dict__.setdefault("_possible", {})  # as each batch asks for them
        if (possible := known.get((shortest, longest))) is None:
            each = range(shortest, longest + 1)
            possible = known[shortest, longest] = [n for n in each if self.refusal(n) is None]
        if not possible:
            raise OptionError(f"{self.name} has no sequence of {shortest} to {longest} symbols")
        return int(possible[torch.randint(len(possible), (), generator=generator, device="cpu")])

    @checked
    def held_out(self, fraction: float) -> tuple[Side, Side]:
        """Part the task in two, to train on and held out, that never have a sequence in common.

        A hash of each sequence decides its side, the same at any time, on any machine: the first
        of many such hashes that holds out about this share of what is drawn.

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


class Side(Task):
    """One side of a task whose sequences are parted.

    Its optimum and other numbers are those of the whole task. Where single sequences are frequent,
    a model of one side can learn that those of the other never come, and come out below the
    optimum on its own side.

    Args:
        whole: The task.
        fraction: The share of its sequences that is held out.
        parting: Decides the side of each sequence.
        is_held_out: Whether this is the side held out.
    """

    def __init__(
        self, whole: Task, fraction: float, parting: Parting, *, is_held_out: bool
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

    @property
    def complement(self) -> Side:
        """The other side."""
        return Side(self.whole, self.fraction, self.parting, is_held_out=not self.is_held_out)

    @property
    def optimum(self) -> float:
        """The optimum of the whole task."""
        return self.whole.optimum

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the loss of the whole task's true source on these very sequences."""
        return self.whole.optimal_loss(batch)

    @property
    def memoryless(self) -> Estimate:
        """The memoryless loss of the whole task."""
        return self.whole.memoryless

    @property
    def chance(self) -> Estimate:
        """The accuracy of chance on the whole task."""
        return self.whole.chance

    def refusal(self, length: int) -> str | None:
        """Say why no sequence of the whole task has this length; None: some have."""
        return self.whole.refusal(length)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences of the whole task until enough lie on this side.

        Raises:
            DataError: If none is found.
        """
        asked = "" if length is None else f" of length {length}"
        return draw_side(
            f"sequences{asked} on this side of {self.name}",
            lambda size: self.whole.draw(size, length, generator),
            lambda batch: self.parting.holds_out(batch) == self.is_held_out,
            batch_size,
            self.fraction if self.is_held_out else 1 - self.fraction,
        )
