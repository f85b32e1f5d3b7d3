"""Automaton: sequences of a finite-state source, whose optimum comes out of the graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqtoys.batch import UNSCORED, Batch
from seqtoys.errors import DataError, OptionError
from seqtoys.symbols import Symbols
from seqtoys.tasks.estimate import Estimate
from seqtoys.tasks.graph import Transitions, read_graph
from seqtoys.tasks.strings import StringSampler
from seqtoys.tasks.task import Task
from seqtoys.vocab import Vocab

CYCLES = 30  # how often an endless source comes back to its start in a sequence, as it comes


class Automaton(Task):
    """The sequences of a finite-state source: learn each next symbol.

    In each state some symbols may come, each with its probability, and each leads to a state. From
    a state where nothing may come, the string has ended; if there is no such state, the source is
    endless, and a sequence is cut where it has come back to the start 30 times. The first symbol
    of a sequence is read, and all others are scored.

    **Optimum.** A symbol leads to one state only, so the string so far tells the state, and the
    best any model can do is to know the probabilities there: a loss of the state's entropy. How
    often each state is visited is one linear system, `visits = first + visits moves`. So

        optimum = (sum of visits x entropy - entropy of the start) / expected scored symbols,

    as the first symbol is not scored. Of an endless source, visits are shares of the time, and
    the optimum is its entropy rate; since sequences end where they began, it is exact for them.

    **Memoryless, chance.** The visits tell how often each symbol is expected with each next one:
    `pairs`. The memoryless loss is the entropy of the next given the current one, chance the
    share of the most frequent next one.

    Args:
        transitions: For each state, a list of (symbol, next state, probability).
        start: The state a sequence begins in.
        symbols: The symbols in the order of the vocabulary; None: as they are first met.
        name: What to call the task.
        source: Where it comes from.
        level: Its place in the Chomsky hierarchy.

    Attributes:
        lengths: The lengths that all but one in a hundred strings have, counted without the last
            symbol; of an endless source, the mean length of its sequences.

    Raises:
        OptionError: If a state is not defined, its probabilities do not sum to 1, one symbol leads
            to two states, or some strings can never end (or come back).

    Examples:
        A coin is tossed until it shows heads; the last symbol says that it is over.

        >>> task = Automaton(
        ...     {
        ...         "begin": [("b", "toss", 1.0)],
        ...         "toss": [("t", "toss", 0.5), ("h", "end", 0.5)],
        ...         "end": [],
        ...     },
        ...     start="begin",
        ... )
        >>> task.optimum, task.expected_length  # ln 2: each scored symbol is a toss
        (0.6931..., 3.0)
        >>> sorted(task.legal("bt")), task.accepts("btth"), task.accepts("bt")
        (['h', 't'], True, False)
    """

    def __init__(
        self,
        transitions: Transitions,
        start: Hashable,
        *,
        symbols: Sequence[str] | None = None,
        name: str = "automaton",
        source: str = "my own",
        level: str = "regular",
    ) -> None:
        self.graph = read_graph(transitions, start, symbols)
        self.vocab = Vocab(self.graph.symbols)
        self.name, self.source, self.level = name, source, level
        self._sampler = StringSampler(self.graph, CYCLES)
        self.lengths, self.longer = self._sampler.usual_lengths()

    @property
    def is_endless(self) -> bool:
        """Whether no string ends."""
        return not self.graph.is_end.any()

    @property
    def optimum(self) -> float:
        """The mean entropy of the states that scored symbols come from."""
        return self.graph.per_scored_symbol(self.graph.surprises())

    @property
    def memoryless(self) -> Estimate:
        """The entropy of the next symbol given the current one."""
        return Estimate(self.graph.surprise_of_pairs())

    @property
    def chance(self) -> Estimate:
        """The share of the most frequent scored symbol."""
        pairs = self.graph.pairs
        return Estimate(pairs.sum(0).max() / pairs.sum())

    @property
    def best_accuracy(self) -> float:
        """The accuracy of naming the likeliest next symbol of each state: no model has more."""
        return self.graph.per_scored_symbol(self.graph.chances.max(1))

    @property
    def expected_length(self) -> float:
        """The expected number of symbols of a string; inf for an endless source."""
        return float("inf") if self.is_endless else float(self.graph.pairs.sum() + 1)

    def refusal(self, length: int) -> str | None:
        """Say why no sequence has this length; None: some have."""
        if self._sampler.exists(length):
            return None
        return f"no string has {length} symbols and one more"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw strings as they come, or those of one length, each as likely as among all."""
        strings, lengths = self._sampler.draw(batch_size, length, generator)
        time = torch.arange(strings.shape[1] - 1)
        beyond = time >= lengths.unsqueeze(1)  # (batch, time)
        inputs = strings[:, :-1].masked_fill(beyond, 0)
        targets = strings[:, 1:].masked_fill(beyond, UNSCORED)
        return Batch(inputs, targets, lengths if beyond.any() else None)

    def optimal_loss(self, batch: Batch) -> float:
        """Compute the mean surprise of sequences at their symbols but the first.

        Raises:
            DataError: If the source cannot have written one of them.
        """
        states, scored = self._walk(batch), batch.scored.cpu().numpy()
        chances = self.graph.chances[states[scored], batch.targets.cpu().numpy()[scored]]
        return float(-np.log(chances).mean())

    def comes_from(self, batch: Batch, state: Hashable) -> Bool[Tensor, "batch time"]:
        """Tell which targets of sequences come from a state.

        Args:
            batch: Sequences of the task.
            state: As in `transitions`.

        Raises:
            OptionError: If there is no such state.
        """
        if state not in self.graph.states:
            raise OptionError(f"expected a state of {self.name}, got {state!r}")
        number = self.graph.states.index(state)
        return torch.from_numpy(self._walk(batch) == number) & batch.scored.cpu()

    def legal(self, symbols: Symbols) -> set[str]:
        """Name the symbols that may come after a beginning; none after a whole string.

        Args:
            symbols: The beginning, perhaps empty.

        Raises:
            DataError: If no string begins so.
        """
        state = self._follow(symbols)
        if state is None:
            raise DataError(f"expected the beginning of a string of {self.name}, got {symbols!r}")
        return {
            symbol
            for symbol, chance in zip(self.vocab.symbols, self.graph.chances[state], strict=True)
            if chance
        }

    def accepts(self, symbols: Symbols) -> bool:
        """Whether the source can write this string; of an endless one, this beginning.

        Args:
            symbols: A whole string.
        """
        state = self._follow(symbols)
        return state is not None and (self.is_endless or bool(self.graph.is_end[state]))

    def _follow(self, symbols: Symbols) -> int | None:
        state = self.graph.start
        for symbol in symbols:
            if symbol not in self.vocab.symbols:
                return None
            state = int(self.graph.following[state, self.vocab.symbols.index(symbol)])
            if state < 0:
                return None
        return state

    def _walk(self, batch: Batch) -> Int[np.ndarray, "batch time"]:
        """The state that each target comes from, also where none is scored."""
        inputs, following = batch.inputs.cpu().numpy(), self.graph.following
        scored, targets = batch.scored.cpu().numpy(), batch.targets.cpu().numpy()
        states = np.zeros(inputs.shape, np.int64)
        state = following[self.graph.start, inputs[:, 0]]
        fits = state >= 0
        for t in range(inputs.shape[1]):
            states[:, t] = state
            after = following[state, np.where(scored[:, t], targets[:, t], 0)]
            fits &= (after >= 0) | ~scored[:, t]
            state = np.where(scored[:, t], after, state)
        fits &= self.is_endless | self.graph.is_end[state]
        fits &= ((inputs[:, 1:] == targets[:, :-1]) | ~scored[:, 1:]).all(1)
        if not fits.all():
            row = int(np.flatnonzero(~fits)[0])
            shown = self.vocab.decode(batch.inputs[row, : int(batch.count_symbols()[row])])
            raise DataError(
                f"expected sequences of {self.name}, got {shown!r} at position {row}; "
                "task.sample draws them"
            )
        return states
