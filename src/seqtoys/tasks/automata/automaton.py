"""Automaton: sequences of a finite-state source, whose optimum comes out of the graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.amounts import check_lengths
from seqtoys.support.arguments import checked
from seqtoys.support.estimate import Estimate
from seqtoys.tasks.automata.expectations import Expected, expect, expect_cut, expect_known
from seqtoys.tasks.automata.graph import Graph, Transitions, read_graph
from seqtoys.tasks.automata.known_lengths import KnownLengths, equally_often, within
from seqtoys.tasks.automata.reading import Reader
from seqtoys.tasks.automata.string_lengths import StringLengths
from seqtoys.tasks.automata.strings import StringSampler
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_tested

CYCLES = 30  # how often an endless source comes back to its start in a sequence, as it comes


class Automaton(Task):
    r"""The sequences of a finite-state source: learn each next symbol.

    In each state some symbols may come, each with its probability, and each leads to a state. From
    a state where nothing may come, the string has ended; if there is no such state, the source is
    endless, and a sequence is cut where it has come back to the start 30 times. The first symbol
    of a sequence is read, and all others are scored.

    **Optimum.** A symbol leads to one state only, so the string so far tells the state, and the
    best any model can do is to know the probabilities there: a loss of the state's entropy,
    $H_s$. How often each state is visited, $v_s$, is one linear system: $v = f + v M$, with the
    first state $f$ and the moves $M$ from state to state. So

    $$\text{optimum} = \frac{\sum_s v_s H_s - H_\text{start}}{\text{expected scored symbols}} ,
    \qquad H_s = -\sum_x p_s(x) \ln p_s(x) ,$$

    as the first symbol is not scored. Of an endless source, visits are shares of the time, and
    the optimum is its entropy rate; since sequences end where they began, it is exact for them.

    **Memoryless, chance.** The visits tell how often each symbol is expected with each next one:
    `pairs`. The memoryless loss is the entropy of the next given the current one, chance the
    share of the most frequent next one.

    **Lengths.** Strings are drawn as the graph has them, or within `lengths`: then each is as
    likely as among all strings of those lengths. Knowing the lengths makes the next symbol more
    predictable: its probability is that of the graph, times the probability that the string then
    ends at a length that occurs, normalized. The optimum and all other numbers are those of this
    source, computed from place to place over all states, as is `optimum_of`, where each length is
    drawn equally often. A sequence beyond `lengths` that was not drawn at a chosen length has the
    `optimal_loss` of the graph. An endless source is cut: all sequences of a batch at one length.

    Args:
        transitions: For each state, a list of (symbol, next state, probability).
        start: The state a sequence begins in.
        symbols: The symbols in the order of the vocabulary; None: as they are first met.
        lengths: The shortest and the longest length to train on, counted without the last symbol;
            None: strings as they come.
        longer: Lengths beyond those, to test on; None: some.
        name: What to call the task.
        source: Where it comes from.
        level: Its place in the Chomsky hierarchy.

    Attributes:
        lengths: Those given; else the lengths that all but one in a hundred strings have, and of
            an endless source the mean length of its sequences.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, one symbol leads
            to two states, or some strings can never end (or come back); or if no string has such
            lengths.

    Examples:
        A coin is tossed until it shows heads; the last symbol says that it is over.

        >>> toss = {
        ...     "begin": [("b", "toss", 1.0)],
        ...     "toss": [("t", "toss", 0.5), ("h", "end", 0.5)],
        ...     "end": [],
        ... }
        >>> task = Automaton(toss, start="begin")
        >>> task.optimum, task.expected_length  # ln 2: each scored symbol is a toss
        (0.6931..., 3.0)
        >>> sorted(task.legal("bt")), task.accepts("btth"), task.accepts("bt")
        (['h', 't'], True, False)

        Two tosses at most: heads, or tails and then heads for sure, twice as rare.

        >>> task = Automaton(toss, start="begin", lengths=(1, 2), longer=(5, 10))
        >>> task.optimum  # the entropy of 2/3 and 1/3, over 4/3 symbols
        0.4773...
    """

    @checked
    def __init__(
        self,
        transitions: Transitions,
        start: Hashable,
        *,
        symbols: Sequence[str] | None = None,
        lengths: tuple[int, int] | None = None,
        longer: Sequence[int] | None = None,
        name: str = "automaton",
        source: str = "my own",
        level: str = "regular",
    ) -> None:
        self.graph: Graph = read_graph(transitions, start, symbols)
        self.vocab: Vocab = Vocab(self.graph.symbols)
        self.name = name
        self.source = source
        self.level = level
        self._strings = StringLengths(self.graph, CYCLES)
        self._known: dict[tuple[int, ...], KnownLengths] = {}
        self._sampler = StringSampler(self.graph, self._strings, CYCLES)
        self._bounds = None if lengths is None else check_lengths(lengths)
        self.lengths: tuple[int, int] = self._bounds or self._strings.usual()
        more = self._strings.longer(self.lengths[1]) if longer is None else longer
        self.longer: tuple[int, ...] = tuple(more)
        check_tested(self, self.lengths, self.longer)

    @property
    def is_endless(self) -> bool:
        """Whether no string ends."""
        return self.graph.is_endless

    @cached_property
    def expected(self) -> Expected:
        """What is expected of a sequence as drawn; of an unbounded endless one, of a symbol."""
        if self._bounds is None:
            return expect(self.graph)
        if self.is_endless:
            return expect_cut(self.graph, *self._bounds)
        return expect_known(self.graph, self._within)

    @property
    def optimum(self) -> float:
        """The mean entropy of the states that scored symbols come from."""
        return self.expected.surprise / self.expected.scored

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the next symbol given the current one."""
        return Estimate(self.expected.memoryless)

    @property
    def chance(self) -> Estimate:
        """The share of the most frequent scored symbol."""
        return Estimate(self.expected.chance)

    @property
    def best_accuracy(self) -> float:
        """The accuracy of naming the likeliest next symbol of each state: no model has more."""
        return self.expected.hits / self.expected.scored

    @property
    def expected_length(self) -> float:
        """The expected number of symbols of a string; inf for an endless source."""
        return float("inf") if self.is_endless else self.expected.scored + 1

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        if length >= 1 and self._strings.exist(length + 1, length + 1):
            return None
        return f"no string has {length} symbols and one more"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings as they come, or those of one length, each as likely as among all."""
        if length is None and self._bounds and self.is_endless:
            length = self.draw_length(generator)
        bounds = self._bounds if length is None else (length, length)
        symbols = bounds and (bounds[0] + 1, bounds[1] + 1)
        strings, counts = self._sampler.draw(batch_size, symbols, generator)
        inputs, targets = strings[:, :-1], strings[:, 1:].copy()  # (batch, time)
        if counts.min() == counts.max():
            return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))
        lengths = counts - 1
        targets[np.arange(targets.shape[1]) >= lengths[:, np.newaxis]] = UNSCORED
        return Batch(
            torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(lengths)
        )

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the mean surprise of sequences at their symbols but the first.

        Raises:
            DataError: If the source cannot have written one of them, or one has a length outside
                `batch.length_range`.
        """
        return self._mean_surprise(batch)

    @checked
    def comes_from(self, batch: Batch, state: Hashable) -> Bool[Tensor, "batch time"]:
        """Tell which targets of sequences come from a state.

        Args:
            batch: Sequences of the task.
            state: As in `transitions`.

        Raises:
            OptionError: If there is no such state.
        """
        if state not in self.graph.states:
            raise OptionError(f"expected a state of {self.name}, got {quoted(state)}")
        states, _ = self._reader.read(batch)
        is_there = (states == self.graph.states.index(state)).T  # (batch, time)
        return torch.from_numpy(is_there) & batch.scored.cpu()

    def legal(self, symbols: Symbols) -> set[str]:
        """Name the symbols that may come after a beginning; none after a whole string.

        Args:
            symbols: The beginning, perhaps empty.

        Raises:
            DataError: If no string begins so.
        """
        state = self._reader.follow(symbols)
        if state is None:
            raise DataError(
                f"expected the beginning of a string of {self.name}, got {quoted(symbols)}"
            )
        return {s for s, p in zip(self.vocab.symbols, self.graph.chances[state], strict=True) if p}

    def accepts(self, symbols: Symbols) -> bool:
        """Whether the source can write `symbols`, a string; of an endless one, a beginning."""
        state = self._reader.follow(symbols)
        return state is not None and (self.is_endless or bool(self.graph.is_end[state]))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.graph, self.vocab, self.name)

    @cached_property
    def _within(self) -> KnownLengths:
        """The strings within `lengths`."""
        assert self._bounds is not None
        return within(self.graph, self._bounds[0] + 1, self._bounds[1] + 1)

    def _at(self, lengths: tuple[int, ...]) -> KnownLengths:
        """The strings of chosen lengths, which is kept as each batch asks for it."""
        if lengths not in self._known:
            counts = tuple(n + 1 for n in lengths)
            self._known[lengths] = equally_often(self.graph, self._strings, counts)
        return self._known[lengths]

    def _expected_over(self, lengths: tuple[int, ...]) -> Expected:
        if self.is_endless:
            return expect_cut(self.graph, lengths[0], lengths[-1])
        return expect_known(self.graph, self._at(lengths))

    def _hidden_lengths(self) -> tuple[int, ...]:
        if self._bounds is None or not self.is_endless:
            return ()
        return self.possible_lengths(self._bounds)

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        chances = self.graph.chances
        if batch.length_range is not None and not self.is_endless:
            chances = self._at(self.possible_lengths(batch.length_range)).chances(0)
        elif self._bounds is not None and not self.is_endless:
            chances = self._within.chances(0)
        return -torch.from_numpy(chances)[self.graph.start, batch.inputs[:, 0]].log()

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return at_length or not self.is_endless or self._bounds is None

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        expected = self._expected_over(lengths)
        return Estimate(expected.surprise / expected.scored)

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return Estimate(self._expected_over(lengths).memoryless)

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        states, surprise = self._reader.read(batch)  # (time, batch)
        total, counts = surprise.sum(0), batch.scored.sum(1).cpu().numpy()
        if self.is_endless:
            return torch.from_numpy(total)
        if batch.length_range is not None:
            lengths = self.possible_lengths(batch.length_range)
            total += self._at(lengths).correction(states[0], counts + 1)
            if not np.isfinite(total).all():
                row = int(np.flatnonzero(~np.isfinite(total))[0])
                raise DataError(
                    f"expected sequences of {self.name} of lengths in {batch.length_range}, as "
                    f"the batch's length_range has it, got one of length {counts[row]}"
                )
        elif self._bounds is not None:
            correction = self._within.correction(states[0], counts + 1)
            total += np.where(np.isfinite(correction), correction, 0.0)
        return torch.from_numpy(total.clip(min=0.0))  # rounding may leave less than nothing
