"""Task: a source of sequences, with the lowest loss that any model can reach."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.arguments import check_type, checked
from seqtoys.support.devices import on_cpu
from seqtoys.support.memory import EnoughMemory, check_room
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_length, check_lengths
from seqtoys.tasks.counts import estimate_chance, estimate_mean, estimate_memoryless
from seqtoys.tasks.splits import HashSplit, NotListed, draw_split, find_hash_split

if TYPE_CHECKING:
    from seqtoys.tasks.split_probabilities import SplitShares

BATCHES, SEQUENCES = 64, 256  # batches, and sequences in each, from which losses are estimated
SMALL_SAMPLE = 16  # sequences that show how many positions a length has
MOST_LENGTHS = 256  # the most lengths for which samples are drawn
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples modulo 1 are evenly spread and never repeat


class Task(ABC):
    """A source of sequences: the abstract base class of all tasks.

    To define your own task, set `name`, `level`, `vocab` and `lengths`, implement `draw` with all
    randomness from its generator argument, and define `optimum` and `surprise` (or, if the loss at
    each position is unknown, `optimal_loss`). The base class provides the rest; if you know
    `memoryless` or `chance`, you may define them as plain floats. For tasks with an answer after
    an input, subclass `AnswerTask` instead. `check_task` finds most mistakes in a task.

    The **optimum** is the lowest expected loss, in nats per scored symbol, of any causal model
    that knows the distribution of the sequences and their lengths. `optimum` is its value for the
    task's own lengths, and `optimum_of(lengths)` for chosen lengths. On given sequences,
    `surprise(batch)` is the loss of the same optimal model at each position, and
    `optimal_loss(batch)` their mean, which varies by chance.

    Attributes:
        name: The name of the task, as in `get_task`.
        vocab: The vocabulary.
        source: The origin of the task: paper and year.
        level: Its place in the Chomsky hierarchy: `"finite"`, `"regular"`,
            `"deterministic context-free"`, `"context-free"` or `"context-sensitive"`;
            `"in context"` if each sequence has its own rule, which a model must infer; None if it
            has no such place.
        lengths: The shortest and longest length to train on.
        longer: Greater lengths to test on.

    Examples:
        >>> from seqtoys import get_task
        >>> get_task("reber").optimum  # no model can have a lower expected loss
        0.594...
    """

    name: str
    vocab: Vocab
    source: str = "my own"
    level: str | None = None
    lengths: tuple[int, int]
    longer: tuple[int, ...] = ()
    _starts_alike: bool = False  # whether all sequences begin with the same symbol

    def __init_subclass__(cls) -> None:
        """Add run-time type checks to overridden public methods, from the annotations below."""
        super().__init_subclass__()
        names = {"why_no_length", "surprise", "optimal_loss", "labels", "allowed"}
        for name in names & vars(cls).keys():
            setattr(cls, name, checked(vars(cls)[name], getattr(Task, name)))

    @abstractmethod
    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences; the arguments have been checked by `sample`.

        Args:
            batch_size: The number of sequences.
            length: The length of each. If None, lengths are drawn as in training.
            generator: The source of all randomness.
        """

    @property
    @abstractmethod
    def optimum(self) -> float:
        """The lowest expected loss of any causal model, in nats per scored symbol."""

    @checked
    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the loss of the best possible model at each position of a `batch`, in nats.

        That model knows how the lengths were drawn: from `batch.length_range`, if that is set.

        Returns:
            The surprise at each scored target, in double precision; nan where nothing is scored.

        Raises:
            DataError: If the task cannot generate one of the sequences.
            OptionError: If the surprise at each position is unknown: for a part of a split, and
                for user-defined tasks without this method.

        Examples:
            After `#`, a is certain; then each a is followed by another with probability 0.7.

            >>> from seqtoys import get_task
            >>> task = get_task("anbn")
            >>> task.surprise(Batch.from_texts(["#aabb#"], task.vocab))
            tensor([[0.0000, 0.3567, 1.2040, 0.0000, 0.0000]], dtype=torch.float64)
        """
        raise OptionError(
            f"the surprise of {self.name} at each position is unknown; define its method surprise"
        )

    @checked
    def optimal_loss(self, batch: Batch) -> float:
        """Compute the loss of the best possible model on this `batch`, in nats per scored symbol.

        That model knows how the lengths were drawn: from `batch.length_range`, if that is set.

        Raises:
            DataError: If the task cannot generate one of the sequences.
        """
        return self._mean_surprise(batch)

    def optimum_of(self, lengths: int | tuple[int, int]) -> Estimate:
        """Return the lowest expected loss of any causal model, for sequences of chosen lengths.

        Each batch has one of the possible lengths in the range, all equally likely, and the model
        knows this. `fit(lengths=…)` and `evaluate` report this value as the optimum.

        Args:
            lengths: One length, or the shortest and longest.

        Returns:
            Nats per scored symbol; exact for nearly all tasks of the library. Otherwise, and for
            user-defined tasks, an estimate from samples, with its standard error.

        Raises:
            OptionError: If no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("anbn").optimum_of(7)  # only one string has this length
            Estimate(0.0, 0.0)
            >>> get_task("reber").optimum_of(8), get_task("reber").optimum_of((4, 8))
            (Estimate(0.2997369..., 0.0), Estimate(0.5189682..., 0.0))
        """
        return self._optimum_over(self.possible_lengths(lengths))

    def memoryless_of(self, lengths: int | tuple[int, int]) -> Estimate:
        """Return the lowest loss of any memoryless model, for sequences of chosen lengths.

        Args:
            lengths: As in `optimum_of`.

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
        """The lowest loss of any model that sees only the current symbol."""
        return estimate_memoryless(self._samples(), len(self.vocab))

    @cached_property
    def chance(self) -> Estimate:
        """The accuracy of always predicting the most frequent target."""
        return estimate_chance(self._samples(), len(self.vocab))

    @property
    def references(self) -> dict[str, Estimate]:
        """Named losses beside the optimum, to compare a model with; most tasks have none.

        In nats per scored symbol, for the task's own lengths: for example, the loss of a model
        that knows the rule of each sequence, or of one that only counts symbols.
        """
        return {}

    @checked
    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return integers that describe what each scored target of a `batch` requires.

        `evaluate(model, task, by=…)` measures a model separately for each value: for example, by
        the distance to the symbol that must be recalled. Most tasks have no labels.

        Returns:
            The labels by name; their values at positions that are not scored mean nothing.
        """
        return {}

    @checked
    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"] | None:
        """Return which symbols are legal next at each scored position of a `batch`.

        A symbol is legal if some sequence of the task, of any length, continues with it.

        Returns:
            A mask, False where nothing is scored; None if the task does not define it.

        Raises:
            DataError: If the task cannot generate one of the sequences.

        Examples:
            After `#`, only a is legal; after an a, a and b; and then only what balances them.

            >>> from seqtoys import get_task
            >>> task = get_task("anbn")
            >>> legal = task.allowed(Batch.from_texts(["#aabb#"], task.vocab))
            >>> ["".join(task.vocab.decode(at.nonzero().flatten())) for at in legal[0]]
            ['a', 'ab', 'ab', 'b', '#']
        """
        return None

    @checked
    def why_no_length(self, length: int) -> str | None:
        """Return why this `length` is impossible, or None if it is possible."""
        return None if length >= 1 else "a sequence has at least one symbol"

    def possible_lengths(self, lengths: int | tuple[int, int]) -> tuple[int, ...]:
        """Return the lengths in a range that sequences of this task can have.

        Args:
            lengths: One length, or the shortest and longest.

        Raises:
            OptionError: If no sequence has such a length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("dyck").possible_lengths((2, 8))
            (3, 5, 7)
        """
        pair = lengths if isinstance(lengths, tuple | list) else (lengths, lengths)
        shortest, longest = check_lengths(pair)
        cache = self.__dict__.setdefault("_possible", {})  # since every batch needs the lengths
        possible: tuple[int, ...] | None = cache.get((shortest, longest))
        if possible is None:
            each = range(shortest, longest + 1)
            possible = tuple(n for n in each if self._has_length(n))
            cache[shortest, longest] = possible
        if not possible:
            raise OptionError(no_sequence(self, shortest, longest))
        return possible

    def positions(self, length: int) -> int:
        """Return the number of positions that a model reads in a sequence of a chosen length.

        This can be more than `length`, which does not count the blanks for an answer. A model with
        a limited context needs at least as many positions.

        Args:
            length: The length, as for `sample`.

        Returns:
            The number of inputs. If it varies between sequences, the most in a small sample.

        Raises:
            OptionError: If no sequence has this length.

        Examples:
            >>> from seqtoys import get_task
            >>> get_task("reverse_string").positions(40), get_task("parity").positions(40)
            (80, 41)
        """
        return self.sample(SMALL_SAMPLE, length=length).inputs.shape[1]

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
                a stream of random numbers that neither `fit` nor `evaluate` uses. To draw your own
                test sequences, leave it out or use a different seed than in `fit`, which draws
                from a generator with its own seed.

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
            if self.why_no_length(length) is not None:
                raise OptionError(no_sequence(self, length, length))
        bytes_each = 16 * (length or 1)  # at least: inputs and targets, 8 bytes per symbol
        check_room(f"sequences of {self.name}", batch_size, bytes_each)
        with EnoughMemory(), on_cpu():
            batch = self.draw(batch_size, length, generator)
        check_type(f"the result of draw of {self.name}", batch, Batch)
        return batch if length is None else batch.with_length_range((length, length))

    def draw_length(
        self, generator: torch.Generator, lengths: tuple[int, int] | None = None
    ) -> int:
        """Draw one of the possible lengths, each with equal probability.

        Args:
            generator: The source of randomness.
            lengths: The shortest and longest. If None, the training lengths.

        Raises:
            OptionError: If no sequence has such a length.
        """
        check_type("generator", generator, torch.Generator)
        possible = self.possible_lengths(self.lengths if lengths is None else lengths)
        return int(possible[torch.randint(len(possible), (), generator=generator, device="cpu")])

    @checked
    def held_out(self, fraction: float) -> tuple[TaskSplit, TaskSplit]:
        """Split the task into a training and a held-out task that never share a sequence.

        A hash of each sequence determines its split, reproducibly on any machine. The hash is
        chosen so that it holds out about the given fraction of the sequences drawn, while frequent
        sequences are avoided in the smaller split if possible.

        Args:
            fraction: The fraction of the sequences drawn to hold out, 0.001 to 0.999. The actual
                fraction may differ by up to a quarter of the smaller split.

        Raises:
            OptionError: If the fraction is out of range, or the task has too few sequences to hold
                out such a fraction.

        Examples:
            >>> from seqtoys import get_task
            >>> training, held_out = get_task("reber").held_out(0.2)
            >>> len(held_out.sample(100))
            100
        """
        if not 0.001 <= fraction <= 0.999:
            raise OptionError(f"expected a fraction from 0.001 to 0.999, got {quoted(fraction)}")
        hash_split = find_hash_split(self.name, self.sample, fraction)
        training = TaskSplit(self, fraction, hash_split, is_held_out=False)
        return training, training.complement

    def __repr__(self) -> str:
        level = "" if self.level is None else f"; {self.level}"
        return f"<task {self.name}: {self.source}{level}>"

    def _has_length(self, length: int) -> bool:
        return self.why_no_length(length) is None

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        """Compute the optimum where each batch has one of these lengths, all equally likely."""
        return estimate_mean(self.optimal_loss, self._samples(lengths))

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return estimate_memoryless(self._samples(lengths), len(self.vocab))

    def _samples(self, lengths: tuple[int, ...] = ()) -> Iterator[Batch]:
        """Yield many batches, with equally likely lengths or, if empty, as the task draws them."""
        generator = generator_for("baselines")
        if not lengths:
            yield from (self.sample(SEQUENCES, generator=generator) for _ in range(BATCHES))
            return
        chosen = _spread_out(lengths)
        rounds = -(-BATCHES // len(chosen))
        size = -(-BATCHES * SEQUENCES // (rounds * len(chosen)))
        for length in chosen * rounds:
            batch = self.sample(size, length=length, generator=generator)
            yield batch.with_length_range((lengths[0], lengths[-1]))

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return this task restricted to sequences for which `holds` is true; None if unknown."""
        return None

    def _mean_surprise(self, batch: Batch) -> float:
        """Compute the mean surprise of sequences per scored symbol, weighted by their counts."""
        batch = batch.repeated()
        return float(self._surprise(batch).sum() / int(batch.scored.sum()))

    def _rare_lengths(self) -> tuple[int, ...]:
        """Return rare lengths with so few sequences that a small sample contains them all."""
        return ()

    def _hidden_lengths(self) -> tuple[int, ...]:
        """Return the default lengths, equally likely, if no symbol marks the end of a sequence."""
        return ()

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"] | None:
        """Return the surprise of the first symbols, which are not scored, or None if unknown."""
        if not self._starts_alike:
            return None
        return torch.zeros(len(batch), dtype=torch.float64, device="cpu")

    def _prefix_surprise(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
        """Return -ln P of the symbols up to each input, and of those up to each target.

        The first symbol is included, and so is the event that the sequence goes on. Both are inf
        from the first symbol on that this task cannot generate.

        Raises:
            OptionError: If they are unknown.
        """
        first = self._first_surprise(batch)
        if first is None:
            raise OptionError(f"the probability of the first symbol of {self.name} is unknown")
        try:
            steps = self.surprise(batch).nan_to_num()
        except DataError as error:
            raise OptionError(
                f"{self.name} cannot generate one of the sequences, and it is unknown from which "
                f"symbol on: {error}"
            ) from error
        after = first.unsqueeze(1) + steps.cumsum(1)  # (batch, time)
        return after - steps, after

    def _has_probabilities(self, *, at_length: bool) -> bool:
        """Return whether exp(-surprise) is the probability of a sequence given its first symbol.

        Args:
            at_length: Whether to consider sequences of one length, or as the task draws them.
        """
        return False

    def _all_sequences(self, length: int | None) -> Batch | None:
        """Return all sequences of a length (None: of any length), or None if they are too many."""
        return None

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        """Compute the surprise of each sequence: `optimal_loss` is its mean per scored symbol."""
        if type(self).optimal_loss is Task.optimal_loss:  # defined by surprise
            return self.surprise(batch).nansum(1)
        rows = torch.arange(len(batch)).split(1)
        each = [(self.optimal_loss(part := batch.take(row)), part.scored.sum()) for row in rows]
        return torch.stack([loss * scored.double() for loss, scored in each])


def _spread_out(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Choose lengths evenly but not with a fixed step, which might skip every other length."""
    step = len(lengths) / MOST_LENGTHS
    if step <= 1:
        return lengths
    return tuple(lengths[int((at + at * GOLDEN % 1) * step)] for at in range(MOST_LENGTHS))


class TaskSplit(Task):
    """The training or held-out split of a task.

    Its optimum is that of a model that knows the split: the distribution of the whole task,
    conditioned on sequences of this split. Such a model can be better than one that knows only the
    task, especially if single sequences are frequent. The optimum is exact if the sequences can be
    listed, and an `Estimate` otherwise. If no symbol marks the end of a sequence, it is that of a
    model that also knows the length, which is a lower bound. The memoryless loss and the accuracy
    of chance are those of the whole task.

    Args:
        whole: The task.
        fraction: The fraction of its sequences that is held out.
        parting: Determines the split of each sequence.
        is_held_out: Whether this is the held-out split.
    """

    def __init__(
        self, whole: Task, fraction: float, parting: HashSplit | NotListed, *, is_held_out: bool
    ) -> None:
        self.whole = whole
        self.fraction = fraction
        self.parting = parting
        self.is_held_out = is_held_out
        self.name: str = f"{whole.name} ({'held out' if is_held_out else 'training'})"
        self.vocab: Vocab = whole.vocab
        self.source: str = whole.source
        self.level: str | None = whole.level
        self.lengths: tuple[int, int] = whole.lengths
        self.longer: tuple[int, ...] = whole.longer

    @cached_property
    def complement(self) -> TaskSplit:
        """The other split."""
        return TaskSplit(self.whole, self.fraction, self.parting, is_held_out=not self.is_held_out)

    @property
    def optimum(self) -> Estimate:
        """The lowest expected loss of any causal model that knows the split."""
        if self._restricted is not None:
            optimum = self._restricted.optimum
            return optimum if isinstance(optimum, Estimate) else Estimate(optimum)
        return self._shares.optimum(self._hidden_lengths())

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each position of sequences of this split, in nats.

        Raises:
            DataError: If a sequence is in the other split.
            OptionError: If it is unknown, because the sequences of the task cannot be listed.
        """
        self._check_holds(batch)
        if self._restricted is None:
            raise OptionError(
                f"the surprise of {self.name} at each position is unknown; that of the whole task "
                "is task.whole.surprise"
            )
        return self._restricted.surprise(batch)

    @property
    def memoryless(self) -> Estimate:
        """The memoryless loss of the whole task."""
        return self.whole.memoryless

    @property
    def chance(self) -> Estimate:
        """The accuracy of chance on the whole task."""
        return self.whole.chance

    @property
    def references(self) -> dict[str, Estimate]:
        """The references of this split if its sequences are known, or else of the whole task."""
        return (self._restricted or self.whole).references

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the labels of the whole task."""
        return self.whole.labels(batch)

    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"] | None:
        """Return the symbols that are legal next in the whole task."""
        return self.whole.allowed(batch)

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible in the whole task, or None if it is possible."""
        return self.whole.why_no_length(length)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences of the whole task until enough are in this split.

        Raises:
            DataError: If none is found.
        """
        of_length = "" if length is None else f" of length {length}"
        return draw_split(
            f"sequences{of_length} in {self.name}",
            lambda size: self.whole.draw(size, length, generator),
            self._holds,
            batch_size,
            self.fraction if self.is_held_out else 1 - self.fraction,
        )

    def _has_length(self, length: int) -> bool:
        """Return whether a sequence of a length is found in this split."""
        if self.whole._has_length(length):
            try:
                with on_cpu():
                    return bool(self.draw(1, length, generator_for("split")))
            except DataError:
                pass
        return False

    def _holds(self, batch: Batch) -> Bool[Tensor, " batch"]:
        """Return whether each sequence is in this split."""
        return self.parting.holds_out(batch) == self.is_held_out

    def _check_holds(self, batch: Batch) -> None:
        if not self._holds(batch).all():
            raise DataError(
                f"expected sequences in {self.name}, got some of the other split; for those, use "
                "optimal_loss of the whole task"
            )

    @cached_property
    def _restricted(self) -> Task | None:
        return self.whole._restricted_to(self._holds)

    @cached_property
    def _shares(self) -> SplitShares:
        from seqtoys.tasks.split_probabilities import SplitShares  # slow to load, rarely needed

        whole = self.whole
        return SplitShares(
            whole.draw,
            whole._surprise,
            whole._first_surprise,
            self._holds,
            usual=sum(self.lengths) // 2,
            rare=whole._rare_lengths(),
            can_list=whole._has_probabilities,
            all_sequences=whole._all_sequences,
        )

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return the whole task restricted to both splits, or None if unknown."""
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
            possible = [n for n in lengths if self._restricted.why_no_length(n) is None]
            return self._restricted.optimum_of(
                (possible[0], possible[-1]) if possible else lengths[0]
            )
        return self._shares.optimum(self.whole.possible_lengths((lengths[0], lengths[-1])))

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        self._check_holds(batch)
        if self._restricted is not None:
            return self._restricted._surprise(batch)
        bounds = batch.length_range
        chosen = self._hidden_lengths() if bounds is None else self.whole.possible_lengths(bounds)
        total = self.whole._surprise(batch) + self._shares.correction(batch, chosen)
        return total.clamp(min=0)  # the correction may be estimated


def no_sequence(task: Task, shortest: int, longest: int) -> str:
    """Return the message that a task has no sequence in a range of lengths.

    Examples:
        >>> from seqtoys import get_task
        >>> no_sequence(get_task("dyck"), 4, 4)
        'dyck has no sequence of length 4: lengths are odd: the opening # plus pairs of brackets'
    """
    if shortest < longest:
        return f"{task.name} has no sequence of length {shortest} to {longest}"
    # A length that is possible in general may be missing from one part of a split.
    reason = task.why_no_length(shortest) or "the other part of the split has them all"
    return f"{task.name} has no sequence of length {shortest}: {reason}"
