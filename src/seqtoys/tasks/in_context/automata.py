"""Strings of an automaton that differs for each sequence and must be inferred."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import LONGEST, check_count
from seqtoys.tasks.automata.expectations import ExpectedPairs
from seqtoys.tasks.counts import ratio
from seqtoys.tasks.in_context.mixture import holds_of_latents
from seqtoys.tasks.in_context.pool import MARK, START, Pool, draw_pool
from seqtoys.tasks.in_context.strings_joined import StringsJoined
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.memory_copy import LETTERS
from seqtoys.tasks.task import Task

MOST = 2**22  # the most cells in the tables of a pool
ENOUGH = 64  # sequences of each batch of samples, since they hardly differ in what is lost


class AutomataInContext(KnownPairs):
    r"""Each sequence consists of strings of one automaton, drawn from a pool.

    `automata_in_context` describes the sequences and derives the losses.

    Args:
        pool: The automata.
        strings: The shortest and longest string.
        length: The number of input symbols.
        name: The name of the task.
        source: The origin of the task.

    Examples:
        >>> task = AutomataInContext(draw_pool(3, (2, 3), (2, 3), (1, 2), seed=0), length=24)
        >>> print(task.sample(1).show(task.vocab))
        inputs   |babbaaaaaabbbaabbbb|ab|
        targets  babbaaaaaabbbaabbbb·ab·b
    """

    level: str | None = "in context"

    def __init__(
        self,
        pool: Pool,
        *,
        strings: tuple[int, int] = (1, 20),
        length: int = 100,
        name: str = "automata",
        source: str = "my own",
    ) -> None:
        self.pool = pool
        self.name = name
        self.source = source
        self.strings: StringsJoined = StringsJoined(*strings)
        self.vocab: Vocab = Vocab("|" + LETTERS[: pool.letters])
        self.lengths: tuple[int, int] = (length, length)
        self.longer: tuple[int, ...] = tuple(n * length for n in (2, 4) if n * length <= LONGEST)

    @cached_property
    def optimum(self) -> Estimate:
        """The loss of a model that knows the automaton, and what is lost to infer it."""
        return self._optimum_over(self.possible_lengths(self.lengths))

    @property
    def references(self) -> dict[str, Estimate]:
        """The loss of a model that knows the automaton of each sequence."""
        return {"knows the automaton": self._known_loss(self.possible_lengths(self.lengths))}

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return how many strings are complete before each target, as `"strings"`."""
        return {"strings": (batch.inputs.cpu() == MARK).cumsum(1) - 1}

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw an automaton for each sequence, the lengths of its strings, and their letters."""
        length = length or self.draw_length(generator)
        is_mark = self.strings.draw_marks(batch_size, length + 1, generator)  # (time, batch)
        chosen = torch.randint(len(self.pool), (batch_size,), generator=generator).numpy()
        drawn = torch.rand(is_mark.shape, dtype=torch.float64, generator=generator).numpy()
        text = self._write(chosen, is_mark, drawn)  # (batch, length + 1)
        targets = text[:, 1:].masked_fill(text[:, 1:] == MARK, UNSCORED)
        latent = torch.from_numpy(self.pool.numbers[chosen])
        return Batch(text[:, :-1], targets, latent=latent)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each letter, in nats.

        Raises:
            DataError: If no automaton of the pool can generate one of the sequences.
        """
        everyone = np.broadcast_to(np.arange(len(self.pool)), (len(batch), len(self.pool)))
        return self._surprise_in(batch, everyone)

    def _write(self, chosen: Array, is_mark: Array, drawn: Array) -> Int[Tensor, "batch time"]:
        """Walk through the chosen automata, with random numbers that choose the edges."""
        pool, (automata, states, edges) = self.pool, self.pool.symbols.shape
        # The edges of all automata as one table; a state is the number of its first edge.
        first = edges * states * np.arange(automata)[:, np.newaxis, np.newaxis]
        following = (first + edges * pool.following).ravel()
        degrees = pool.degrees.ravel().repeat(edges).astype(np.float64)
        state = home = edges * (states * chosen + START)
        cells = np.empty(is_mark.shape, np.int64)
        for t, number in enumerate(drawn):
            cells[t] = state + (number * degrees.take(state)).astype(np.int64)
            state = np.where(is_mark[t], home, following.take(cells[t]))
        text = np.where(is_mark, MARK, pool.symbols.ravel().take(cells))
        return torch.from_numpy(text.T.copy())

    def _surprise_in(self, batch: Batch, automata: Array) -> Float[Tensor, "batch time"]:
        """Compute the surprise if each sequence is from one of some automata, equally likely.

        Args:
            batch: The sequences.
            automata: The positions of these automata in the pool, `(batch, automata)`.
        """
        chances, after, home = self._tables
        targets = batch.targets.cpu().numpy().T
        symbols = np.where((targets > MARK) & (targets < len(self.vocab)), targets, MARK)
        totals = np.empty(symbols.shape)
        # The automata that each sequence may still be from: its position, the current row of the
        # automaton, and its posterior probability. Most are out after a few symbols.
        sequence = np.arange(len(batch)).repeat(automata.shape[1])
        row = home[automata].ravel()
        weights = np.full(row.shape, 1 / automata.shape[1])
        for t, symbol in enumerate(symbols):
            cells = row + symbol.take(sequence)
            weights = weights * chances.take(cells)
            totals[t] = np.bincount(sequence, weights, len(batch))
            fits = weights > 0
            sequence, row = sequence[fits], after.take(cells[fits])
            weights = weights[fits] / totals[t].take(sequence)
        if not (self.strings.fit(batch) and totals.all() and targets.max() < len(self.vocab)):
            raise DataError(
                f"expected sequences of {self.name}, got some that none of its automata can "
                "generate; draw sequences with task.sample"
            )
        surprise = -torch.from_numpy(totals.T.copy()).log().clamp(max=0)
        return surprise.masked_fill(~batch.scored.cpu(), torch.nan)

    @cached_property
    def _tables(self) -> tuple[Array, Array, Array]:
        """The tables of all automata as one: a row for each state, a column for each symbol.

        The probability of each symbol, the cell where the next row begins, and that of the row of
        the start of each automaton. A mark carries no information, so it counts as certain, and
        leads to the start.
        """
        automata, states, columns = self.pool.chances.shape
        home = np.arange(automata) * states * columns + START * columns
        chances = self.pool.chances.copy()
        chances[:, :, MARK] = 1.0
        after = home[:, np.newaxis, np.newaxis] + self.pool.after * columns
        after[:, :, MARK] = home[:, np.newaxis]
        return chances.ravel(), after.ravel(), home

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        """Estimate what is lost to infer the automaton, since the rest is exact."""
        lost, scored = [], []
        for drawn in self._samples(lengths):
            batch = drawn.take(torch.arange(min(ENOUGH, len(drawn)), device="cpu"))
            assert batch.latent is not None  # as drawn
            rows = self.pool.numbers.searchsorted(batch.latent.numpy())
            known = self._surprise_in(batch, rows[:, np.newaxis])
            lost.append((self.surprise(batch) - known).nansum())
            scored.append(batch.scored.sum().double())
        inferred = ratio(torch.stack(lost), torch.stack(scored))
        return Estimate(self._known_loss(lengths) + inferred, inferred.standard_error)

    def _known_loss(self, lengths: tuple[int, ...]) -> Estimate:
        expected = self.strings.expected_letters(lengths)
        surprise = np.log(self.pool.degrees)  # (automata, states)
        joints = self.pool.joints(len(expected))
        each = [(joint.sum(2) * surprise).sum(1).mean() for joint in joints]
        return Estimate(float(expected @ each / expected.sum()))

    def _pairs(self, lengths: tuple[int, ...]) -> ExpectedPairs:
        """Compute how often each symbol is followed by each letter."""
        expected = self.strings.expected_letters(lengths)
        columns, automata = len(self.vocab), len(self.pool)
        chances = self.pool.chances.reshape(-1, columns)
        joints = self.pool.joints(len(expected))
        pairs = (joint.reshape(-1, columns).T @ chances / automata for joint in joints)
        total = np.zeros((columns, columns))
        for n, each in zip(expected, pairs, strict=True):
            total += n * each
        return ExpectedPairs(total)

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return the task with the automata for which `holds` is true."""
        held = np.array(holds_of_latents(self.pool.numbers.tolist(), holds))
        if not held.any():
            return None
        strings = (self.strings.shortest, self.strings.longest)
        named = {"name": self.name, "source": self.source}
        pool = self.pool.take(held)
        return AutomataInContext(pool, strings=strings, length=self.lengths[0], **named)


def automata_in_context(
    pool: int = 64,
    *,
    states: tuple[int, int] = (4, 12),
    letters: tuple[int, int] = (4, 18),
    edges: tuple[int, int] = (1, 4),
    strings: tuple[int, int] = (1, 20),
    length: int = 100,
    seed: int = 0,
) -> AutomataInContext:
    r"""Strings of an automaton that differs for each sequence and must be inferred.

    A sequence is `|`, a string, `|`, a string, …, cut at its length. All its strings are of one
    automaton, which a model must infer from them. The automata are a pool of random ones. Each has
    a number of states and some of the letters; each of its states has edges with different letters
    to random states. All of this is uniform within the ranges below. A string begins in the first
    state, and each edge of a state is equally likely; its length is uniform. The marks `|` are not
    scored, since the lengths say nothing about the automaton.

    Given the pool, the loss of the best possible model is known, and `held_out` holds out whole
    automata: `task.held_out(0.2)` asks whether a network infers automata it has never seen. The
    optimum of a part is that of a model that knows the automata of this part.

    **Optimum.** The best prediction is the mean over the automata, weighted by their posterior
    probabilities given the symbols so far. All are followed at once, so the surprise at each
    symbol is exact, in a time proportional to the number of automata. The optimum is the loss of a
    model that knows the automaton, which is exact, plus what is lost while it is inferred: about
    the logarithm of the number of automata per sequence, estimated from samples.

    **References.** *Knows the automaton*: such a model loses the logarithm of the number of edges
    of the current state. With $N_a$ the expected number of letters per sequence that come after
    $a$ others of their string, and $p_a(s)$ the probability of state $s$ of degree $d_s$ there,

    $$\text{knows the automaton} = \frac{\sum_a N_a \sum_s p_a(s) \ln d_s}{\sum_a N_a} ,$$

    on average over the pool. $p_a$ follows step by step from the first state, and $N_a$ from the
    probability that a string with that many letters ends.

    **Memoryless, chance.** The same steps, with the last symbol as part of the state, give the
    expected number of each pair of a symbol and the letter after it, and both are exact.

    Source: Akyürek et al. (2024), In-context language learning: architectures and algorithms
    (RegBench). There, a sequence has 10 to 20 strings of up to 50 letters, and the automata are
    not from a small pool, so the loss of the best possible model is unknown. The published code
    draws from ranges that leave out their upper end, so that no state has the greatest number of
    edges, and some strings are empty.

    Args:
        pool: The number of automata.
        states: The smallest and largest number of states of an automaton.
        letters: The smallest and largest number of letters of an automaton, at most 26.
        edges: The smallest and largest number of edges from a state.
        strings: The smallest and largest number of letters in a string.
        length: The number of input symbols.
        seed: The seed of the pool.

    Raises:
        OptionError: If an option is out of range, a state may have more edges than its automaton
            has letters, or the tables of the pool would have more than 4 million numbers.

    Examples:
        >>> task = automata_in_context(pool=8, letters=(4, 8))
        >>> print(task.sample(1, length=40).show(task.vocab))
        inputs   |dfbbfdcfhhhhhhhhhh|dfhbhhhhhhhhhhhhhhh|
        targets  dfbbfdcfhhhhhhhhhh·dfhbhhhhhhhhhhhhhhh·d
        >>> training, held_out = task.held_out(0.3)
        >>> set(training.sample(50).latent.tolist()) & set(held_out.sample(50).latent.tolist())
        set()
    """
    check_count("pool", pool, 1)
    ranges = {"states": states, "letters": letters, "edges": edges}
    states, letters, edges = (_check_range(name, pair) for name, pair in ranges.items())
    check_count("the largest number of letters", letters[1], 1, len(LETTERS))
    if edges[1] > letters[0]:
        raise OptionError(
            f"up to {edges[1]} edges of a state need as many different letters, but an automaton "
            f"may have only {letters[0]}; choose letters with a larger minimum, or fewer edges"
        )
    if (cells := pool * states[1] * (letters[1] + 1)) > MOST:
        raise OptionError(
            f"expected at most {MOST:,} numbers in the tables of the pool (one per automaton, "
            f"state and symbol), got {cells:,}; choose a smaller pool"
        )
    return AutomataInContext(
        draw_pool(pool, states, letters, edges, seed),
        strings=_check_range("strings", strings),
        length=check_count("length", length, 1, LONGEST),
        name="automata_in_context",
        source="Akyürek et al. 2024",
    )


def _check_range(name: str, pair: tuple[int, int]) -> tuple[int, int]:
    if isinstance(pair, tuple | list) and len(pair) == 2:
        low, high = (check_count(name, value, 1) for value in pair)
        if low <= high:
            return low, high
    raise OptionError(f"expected {name} to be (smallest, largest), got {quoted(pair)}")
