"""Automaton: sequences of a finite-state source, with the optimum computed from its graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch, trusted_batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Bools, Floats
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import LONGEST, check_lengths
from seqtoys.tasks.automata.expectations import Expected, expect, expect_cut, expect_known
from seqtoys.tasks.automata.graph import Graph, Transitions, count_visits, read_graph
from seqtoys.tasks.automata.known_lengths import KnownLengths, equally_often, within
from seqtoys.tasks.automata.state_tracker import StateTracker
from seqtoys.tasks.automata.string_lengths import StringLengths
from seqtoys.tasks.automata.strings import StringSampler
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_tested

CYCLES = 30  # the returns to the start after which a sequence of an endless source is cut


class Automaton(Task):
    r"""The sequences of a finite-state source: predict each next symbol.

    Each state has outgoing transitions, each with a symbol, a probability and a next state. A
    state without transitions ends the string. If there is no such state, the source is endless,
    and a sequence is cut when it has returned to the start 30 times. The first symbol of a
    sequence is given, and all others are scored.

    **Optimum.** In each state, a symbol leads to only one next state, so the prefix of a string
    determines the current state. The best possible prediction is the distribution in that state,
    with an expected loss of the state's entropy $H_s$. The expected visits to each state, $v_s$,
    solve a linear system: $v = f + v M$, with the first state $f$ and the transition matrix $M$.
    Thus

    $$\text{optimum} = \frac{\sum_s v_s H_s - H_\text{start}}{\text{expected scored symbols}} ,
    \qquad H_s = -\sum_x p_s(x) \ln p_s(x) ,$$

    since the first symbol is not scored. For an endless source, visits are fractions of the time,
    and the optimum is the entropy rate. It is exact for the sequences drawn, because they end
    where they began.

    **Memoryless, chance.** The visits give the expected count of each pair of consecutive symbols,
    `pairs`. The memoryless loss is the entropy of the next symbol given the current one; chance is
    the proportion of the most frequent next symbol.

    **Lengths.** By default, strings have the length distribution of the graph. With `lengths`,
    they are drawn from the same distribution, conditioned on a length in that range. Knowing the
    range makes the next symbol more predictable: its probability in the graph is multiplied by the
    probability that the string then ends at an allowed length, and normalized. The optimum and
    all other numbers account for this, step by step over all states. So does `optimum_of`, for
    which all lengths in the range are equally likely. The `optimal_loss` of a sequence outside
    `lengths`, without a chosen length, is that of the unrestricted graph. The sequences of an
    endless source are cut, all sequences of a batch at the same length.

    Args:
        transitions: For each state, a list of (symbol, next state, probability).
        start: The state in which a sequence begins.
        symbols: The symbols in vocabulary order. If None, in order of first appearance.
        lengths: The shortest and longest length to train on, not counting the last symbol. If
            None, the length distribution of the graph.
        longer: Greater lengths to test on. If None, they are chosen automatically.
        name: The name of the task.
        source: The origin of the task.
        level: Its place in the Chomsky hierarchy.

    Attributes:
        lengths: The `lengths` argument. If that is None, a range that contains 99% of all
            strings, or the mean length of the sequences of an endless source.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, one symbol leads
            to two states, some strings can never end (or return to the start), or no string has
            such lengths.

    Examples:
        A coin is tossed until it shows heads, which ends the string.

        >>> toss = {
        ...     "begin": [("b", "toss", 1.0)],
        ...     "toss": [("t", "toss", 0.5), ("h", "end", 0.5)],
        ...     "end": [],
        ... }
        >>> task = Automaton(toss, start="begin")
        >>> task.optimum, task.expected_length  # ln 2: each scored symbol is a toss
        (0.6931..., 3.0)
        >>> task.expected_scored  # all but the first symbol, "b", which is certain
        2.0
        >>> sorted(task.legal("bt")), task.accepts("btth"), task.accepts("bt")
        (['h', 't'], True, False)

        At most two tosses: heads, or half as often tails followed by heads.

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
        self.level: str | None = level
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
        """Expectations per sequence as drawn; per symbol, if sequences are endless and not cut."""
        if self._bounds is None:
            return expect(self.graph)
        if self.is_endless:
            return expect_cut(self.graph, *self._bounds)
        return expect_known(self.graph, self._within)

    @property
    def optimum(self) -> float:
        """The mean entropy of the states before scored symbols."""
        return self.expected.surprise / self.expected.scored

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the next symbol given the current one."""
        return Estimate(self.expected.memoryless)

    @property
    def chance(self) -> Estimate:
        """The proportion of the most frequent scored symbol."""
        return Estimate(self.expected.chance)

    @property
    def best_accuracy(self) -> float:
        """The highest possible accuracy: predicting the most likely symbol of each state."""
        return self.expected.hits / self.expected.scored

    @property
    def expected_scored(self) -> float:
        """The expected number of scored symbols of a sequence as drawn: all but its first symbol.

        The optimum is the expected surprise of these symbols, divided by this number.
        """
        if self.is_endless and self._bounds is None:  # cut after its returns to the start
            return CYCLES / float(count_visits(self.graph)[self.graph.start])
        return self.expected.scored

    @property
    def expected_length(self) -> float:
        """The expected number of symbols of a string, with the first; inf for an endless source.

        The first symbol is given, not scored: see `expected_scored`.
        """
        return float("inf") if self.is_endless else self.expected.scored + 1

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length > LONGEST:
            return f"the maximum is {LONGEST:,} symbols"
        if length >= 1 and self._strings.exist(length + 1, length + 1):
            return None
        symbols = quoted(length + 1)
        return f"no string has {symbols} symbols (the length does not count the last one)"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings, conditioned on their length if one is given."""
        if length is None and self._bounds and self.is_endless:
            length = self.draw_length(generator)
        bounds = self._bounds if length is None else (length, length)
        symbols = bounds and (bounds[0] + 1, bounds[1] + 1)
        strings, counts = self._sampler.draw(batch_size, symbols, generator)
        inputs, targets = strings[:, :-1], strings[:, 1:].copy()  # (batch, time)
        if counts.min() == counts.max():
            return trusted_batch(torch.from_numpy(inputs), torch.from_numpy(targets))
        lengths = counts - 1
        targets[np.arange(targets.shape[1]) >= lengths[:, np.newaxis]] = UNSCORED
        return trusted_batch(
            torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(lengths)
        )

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each symbol of sequences but the first, in nats.

        Raises:
            DataError: If the source cannot generate one of them, or one has a length outside
                `batch.length_range`.
        """
        states, surprise = self._reader.read(batch)  # (time + 1, batch), (time, batch)
        if (known := self._known_lengths(batch)) is not None:
            counts = batch.scored.sum(1).cpu().numpy() + 1
            self._check_possible(batch, known.correction(states[0], counts))
            surprise = surprise + known.corrections(states, counts)
        scored = batch.scored.cpu()
        # Rounding may give slightly less than 0.
        return torch.from_numpy(surprise.T.clip(min=0.0)).masked_fill(~scored, torch.nan)

    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"]:
        """Return which symbols the current state can emit, at each scored position.

        Raises:
            DataError: If the source cannot generate one of the sequences.
        """
        states, _ = self._reader.read(batch)  # (time + 1, batch)
        can = np.append(self.graph.chances > 0, [[False] * len(self.vocab)], axis=0)
        each = torch.from_numpy(can[states[:-1].T])  # (batch, time, vocab)
        return each & batch.scored.cpu().unsqueeze(2)

    @checked
    def comes_from(self, batch: Batch, state: Hashable) -> Bool[Tensor, "batch time"]:
        """Return a mask of the scored targets that are generated in a given state.

        Args:
            batch: Sequences of the task.
            state: A state of `transitions`.

        Raises:
            OptionError: If there is no such state.
        """
        places = {each: at for at, each in enumerate(self.graph.states)}  # by hash: == may raise
        if state not in places:
            raise OptionError(f"expected a state of {self.name}, got {quoted(state)}")
        states, _ = self._reader.read(batch)
        is_there = (states[:-1] == places[state]).T  # (batch, time)
        return torch.from_numpy(is_there) & batch.scored.cpu()

    def legal(self, symbols: Symbols) -> set[str]:
        """Return the symbols that may follow a prefix: an empty set after a complete string.

        Args:
            symbols: The prefix, which may be empty.

        Raises:
            DataError: If no string has this prefix.
        """
        state = self._reader.follow(symbols)
        if state is None:
            raise DataError(f"expected a prefix of a string of {self.name}, got {quoted(symbols)}")
        return {s for s, p in zip(self.vocab.symbols, self.graph.chances[state], strict=True) if p}

    def accepts(self, symbols: Symbols) -> bool:
        """Return whether `symbols` is a string of the source (a prefix, if it is endless)."""
        state = self._reader.follow(symbols)
        return state is not None and (self.is_endless or bool(self.graph.is_end[state]))

    @cached_property
    def _reader(self) -> StateTracker:
        return StateTracker(self.graph, self.vocab, self.name)

    @cached_property
    def _within(self) -> KnownLengths:
        """The strings within `lengths`."""
        assert self._bounds is not None
        return within(self.graph, self._bounds[0] + 1, self._bounds[1] + 1)

    def _at(self, lengths: tuple[int, ...]) -> KnownLengths:
        """Return the strings of chosen lengths; cached, since every batch needs it."""
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

    def _prefix_surprise(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
        """Return -ln P of the symbols up to each input, and of those up to each target."""
        states, surprise = self._reader.trace(batch)  # (time + 1, batch), (time, batch)
        first = self.graph.chances[self.graph.start, batch.inputs[:, 0].cpu().numpy()]
        with np.errstate(divide="ignore"):  # log(0) = -inf is correct
            total = np.concatenate([-np.log(first)[np.newaxis], surprise]).cumsum(0)
        if (known := self._known_lengths(batch)) is not None:
            # Without a chosen length, strings of other lengths are those of the whole graph.
            outside = self._is_outside(batch)
            total -= np.where(outside, 0.0, known.log_ahead(states))
        lost = len(self.graph.states)
        total[states == lost] = np.inf
        goes_on = np.append(~self.graph.is_end, False)[states[:-1]]  # (time, batch)
        before = np.where(goes_on, total[:-1], np.inf)
        return torch.from_numpy(before.T), torch.from_numpy(total[1:].T)

    def _is_outside(self, batch: Batch) -> Bools:
        """Return which strings have a length outside `lengths`, if no other range is known."""
        counts = batch.count_symbols().cpu().numpy()
        if batch.length_range is not None or self._bounds is None:
            return np.zeros(counts.shape, np.bool_)
        outside: Bools = (counts < self._bounds[0]) | (counts > self._bounds[1])
        return outside

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return at_length or not self.is_endless or self._bounds is None

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        expected = self._expected_over(lengths)
        return Estimate(expected.surprise / expected.scored)

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        return Estimate(self._expected_over(lengths).memoryless)

    def _surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        states, surprise = self._reader.read(batch)  # (time + 1, batch), (time, batch)
        total = surprise.sum(0)  # (batch,)
        if (known := self._known_lengths(batch)) is not None:
            correction = known.correction(states[0], batch.scored.sum(1).cpu().numpy() + 1)
            self._check_possible(batch, correction)
            total += np.where(np.isfinite(correction), correction, 0.0)
        return torch.from_numpy(total.clip(min=0.0))  # rounding may give slightly less than 0

    def _known_lengths(self, batch: Batch) -> KnownLengths | None:
        """Return the strings of the lengths that are known for a batch, or None if none are."""
        if self.is_endless:
            return None
        if batch.length_range is not None:
            return self._at(self.possible_lengths(batch.length_range))
        return None if self._bounds is None else self._within

    def _check_possible(self, batch: Batch, correction: Floats) -> None:
        """Check that the lengths of a batch are in its range; without one, any length will do."""
        if batch.length_range is not None and not np.isfinite(correction).all():
            row = int(np.flatnonzero(~np.isfinite(correction))[0])
            raise DataError(
                f"expected sequences of {self.name} with lengths in {batch.length_range}, the "
                f"batch's length_range, got one of length {int(batch.scored[row].sum())}"
            )
