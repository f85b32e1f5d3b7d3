"""HiddenMarkov: sequences of a source with hidden states, with the optimum of Bayesian beliefs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import Batch, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, quoted
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Bools, Floats, Ints
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import LONGEST, check_lengths
from seqtoys.tasks.automata.expectations import entropies
from seqtoys.tasks.automata.graph import Graph
from seqtoys.tasks.automata.string_lengths import StringLengths
from seqtoys.tasks.automata.strings import StringSampler
from seqtoys.tasks.counts import estimate_mean
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.processes.beliefs import expected_losses, follow
from seqtoys.tasks.processes.matrices import (
    Matrices,
    Probabilities,
    read_matrices,
    read_start,
    stationary,
)
from seqtoys.tasks.symbol_classes import SymbolClasses
from seqtoys.tasks.task_checks import check_sequences, check_tested


class HiddenMarkov(KnownPairs):
    r"""The sequences of a hidden Markov source: predict each next symbol.

    In each state, the source emits a symbol and moves to a next state; only the symbols are
    visible. Unlike in an `Automaton`, a symbol may lead to several states, so that an observer is
    left with a *belief*, a distribution over the states. A sequence is a mark, `#`, followed by
    symbols of the source. The mark carries no information; it is there so that the first symbol is
    predicted, too, from the start distribution. The source is endless, and `length` is the number
    of its symbols, all of which are scored. All sequences of a batch have the same length.

    **Optimum.** Let $T_x$ be the matrix of symbol $x$: row $i$, column $j$ is the probability that
    state $i$ emits $x$ and moves to $j$. From belief $b$, the probability of $x$ is
    $p(x | b) = b \, T_x \mathbf 1$, and the belief afterwards is $b \, T_x / p(x | b)$: the
    forward algorithm. The best possible prediction is $p(x | b)$, so the optimum at position $t$
    is the mean entropy of the next symbol over all beliefs after $t - 1$ symbols,

    $$L_t = \sum_b P_t(b) \, H_b, \qquad H_b = -\sum_x p(x | b) \ln p(x | b) ,$$

    and the optimum at a length is the mean of $L_1, L_2, \dots$ up to that length. It is computed
    by listing all beliefs, with equal ones merged. At positions where they are too many to list
    (several hundred thousand), the mean of $H_b$ over sampled beliefs is used instead, and the
    optimum is an `Estimate` with its standard error.

    **Memoryless, chance.** After $t$ symbols, the distribution over states is
    $s_t = s_0 \left( \sum_x T_x \right)^t$, and the next two symbols are $x, y$ with probability
    $s_t \, T_x T_y \mathbf 1$. After the mark, $x$ has probability $s_0 T_x \mathbf 1$. The
    memoryless loss is the entropy of the next symbol given the current one under these
    probabilities, and chance is the proportion of the most frequent symbol.

    **Knows the state**, in `references`, is the loss of a model that sees the hidden state: the
    mean entropy of the symbol emitted in each state. The difference from the optimum is the price
    of having to infer the state.

    Args:
        matrices: The matrix $T_x$ of each symbol, as nested lists, an array or a tensor. For each
            state, the probabilities over all symbols and next states sum to 1.
        start: The probability of each state at the beginning, as a list, an array or a tensor. If
            None, the stationary distribution.
        mark: The symbol that begins each sequence.
        lengths: The shortest and longest length to train on.
        longer: Greater lengths to test on. If None, 2 and 5 times the longest of `lengths`.
        name: The name of the task.
        source: The origin of the task.
        level: Its place in the Chomsky hierarchy.

    Attributes:
        matrices: The matrices, `(symbols, states, states)`.
        start: The start distribution, `(states,)`.

    Raises:
        InputTypeError: If the matrices or the start distribution do not contain numbers.
        OptionError: If the matrices are not square, differ in size, or do not contain
            probabilities that sum to 1 for each state; the start distribution has another size or
            does not sum to 1, or is not given although there are several stationary ones; or the
            mark is one of the symbols.

    Examples:
        A coin that shows heads with probability 0.9 or 0.1, and is exchanged in one toss of ten.

        >>> task = HiddenMarkov(
        ...     {"h": [[0.81, 0.09], [0.01, 0.09]], "t": [[0.09, 0.01], [0.09, 0.81]]}
        ... )
        >>> batch = task.sample(1, length=6)
        >>> print(batch.show(task.vocab))
        inputs   #tttth
        targets  tttthh
        >>> task.beliefs(batch)[0, :, 0]  # the probability of the coin that favors heads
        tensor([0.5000, 0.1800, 0.1190, 0.1118, 0.1110, 0.5234], dtype=torch.float64)
        >>> task.optimum_of(6), task.references
        (Estimate(0.563..., 0.0), {'knows the state': Estimate(0.3250..., 0.0)})
    """

    _starts_alike = True

    @checked
    def __init__(
        self,
        matrices: Matrices,
        start: Probabilities | None = None,
        *,
        mark: str = "#",
        lengths: tuple[int, int] = (20, 20),
        longer: Sequence[int] | None = None,
        name: str = "hidden markov",
        source: str = "my own",
        level: str = "regular",
    ) -> None:
        if mark in matrices:
            raise OptionError(f"expected a mark that is not a symbol, got {quoted(mark)}")
        self.matrices: Floats = read_matrices(matrices)
        self._moves: Floats = self.matrices.sum(0)  # (states, states)
        self._emission: Floats = self.matrices.sum(2).T  # (states, symbols)
        self.start: Floats = (
            stationary(self._moves) if start is None else read_start(start, len(self._moves))
        )
        self.vocab: Vocab = Vocab([mark, *matrices])
        self.name = name
        self.source = source
        self.level: str | None = level
        self.lengths: tuple[int, int] = check_lengths(lengths)
        more = [factor * self.lengths[1] for factor in (2, 5)] if longer is None else longer
        self.longer: tuple[int, ...] = tuple(more)
        self._losses: tuple[int, list[float]] = (0, [])
        check_tested(self, self.lengths, self.longer)

    @cached_property
    def optimum(self) -> float:
        """The mean entropy of the next symbol given the belief; an `Estimate`."""
        return self.optimum_of(self.lengths)

    @property
    def references(self) -> dict[str, Estimate]:
        """The loss of a model that sees the hidden state: `"knows the state"`."""
        shares = _shares(self.possible_lengths(self.lengths))
        visits = self._visits(shares)
        return {"knows the state": Estimate(visits @ entropies(self._emission) / shares.sum())}

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        if length > LONGEST:
            return f"the maximum is {LONGEST:,} symbols"
        return super().why_no_length(length)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw sequences of one length."""
        count = 1 + (length or self.draw_length(generator))
        moves, _ = self._sampler.draw(batch_size, (count, count), generator)
        # Each move of the graph is a pair of a symbol and a next state, numbered in this order.
        symbols = torch.from_numpy(moves // len(self.start))  # (batch, time + 1)
        return trusted_batch(symbols[:, :-1], symbols[:, 1:])

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each symbol given the belief before it, in nats.

        Raises:
            DataError: If a sequence does not begin with the mark, or the source cannot emit it.
        """
        _, chances = self._follow(batch)  # (time, batch)
        # Probabilities may be rounded to slightly more than 1.
        surprise = torch.from_numpy(np.abs(np.log(chances.T).clip(max=0.0)))
        return surprise.masked_fill(~batch.scored.cpu(), torch.nan)

    @checked
    def beliefs(self, batch: Batch) -> Float[Tensor, "batch time states"]:
        """Compute the distribution over the hidden states after each input, given all before.

        The first is the start distribution, since the first input is the mark.

        Args:
            batch: Sequences of the task.

        Returns:
            The beliefs, in double precision; nan where nothing is scored.

        Raises:
            DataError: If the source cannot emit a sequence.
        """
        beliefs, _ = self._follow(batch)  # (time, states, batch)
        each = torch.from_numpy(beliefs.transpose(2, 0, 1).copy())  # (batch, time, states)
        return each.masked_fill(~batch.scored.cpu().unsqueeze(2), torch.nan)

    def allowed(self, batch: Batch) -> Bool[Tensor, "batch time vocab"]:
        """Return a mask of the symbols that the source can emit next, at each scored position.

        Raises:
            DataError: If the source cannot emit a sequence.
        """
        chances = self._next_chances(batch)  # (time, symbols, batch)
        can = np.pad(chances > 0, ((0, 0), (1, 0), (0, 0)))  # (time, vocab, batch): never the mark
        masked = torch.from_numpy(can.transpose(2, 0, 1).copy())  # (batch, time, vocab)
        return masked & batch.scored.cpu().unsqueeze(2)

    @cached_property
    def _sampler(self) -> StringSampler:
        """Draws the pairs of a symbol and a next state; first, the mark and the first state."""
        symbols, states, _ = self.matrices.shape
        chances = np.zeros((states + 1, symbols + 1, states))
        chances[:-1, 1:] = self.matrices.swapaxes(0, 1)
        chances[-1, 0] = self.start
        following = np.tile(np.arange(states), (states + 1, symbols + 1))
        names = [f"{symbol} {state}" for symbol in self.vocab for state in range(states)]
        graph = Graph(
            states=list(range(states + 1)),
            symbols=names,
            chances=chances.reshape(states + 1, -1),
            following=following,
            start=states,
        )
        return StringSampler(graph, StringLengths(graph, 1), 1)

    def _next_chances(self, batch: Batch) -> Floats:
        """Return the probability of each symbol given the belief, `(time, symbols, batch)`."""
        beliefs, _ = self._follow(batch)  # (time, states, batch)
        return self._emission.T @ beliefs

    def _follow(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return the beliefs, and the probability of each target: 1 where nothing is scored."""
        targets, scored = batch.targets.cpu().numpy(), batch.scored.cpu().numpy()
        self._check(batch, self._are_sequences(batch.inputs.cpu().numpy(), targets, scored))
        symbols = np.where(scored, targets - 1, len(self.matrices))  # (batch, time)
        # An extra symbol for padding, which keeps the belief.
        matrices = np.concatenate([self.matrices, np.eye(len(self.start))[np.newaxis]])
        beliefs, chances = follow(matrices, self.start, symbols.T)
        self._check(batch, np.all(chances > 0, axis=0))
        return beliefs, np.where(scored.T, chances, 1.0)

    def _are_sequences(self, inputs: Ints, targets: Ints, scored: Bools) -> Bools:
        """Return whether each row is the mark, symbols of the source, and padding."""
        is_symbol = (targets > 0) & (targets < len(self.vocab))
        fits: Bools = (is_symbol | ~scored).all(1) & (inputs[:, 0] == 0) & scored[:, 0]
        # This also rejects gaps: no input equals the target of a position that is not scored.
        fits &= ((inputs[:, 1:] == targets[:, :-1]) | ~scored[:, 1:]).all(1)
        return fits

    def _check(self, batch: Batch, fits: Bools) -> None:
        check_sequences(self, batch, fits, f" that start with {quoted(self.vocab.symbols[0])}")

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        shares = _shares(lengths)
        known = self._known_losses(len(shares))
        if len(known) == len(shares):
            return Estimate(shares @ known / shares.sum())
        samples = self._samples(lengths[-1:])
        return estimate_mean(lambda batch: self._expected_loss(batch, shares), samples)

    def _known_losses(self, count: int) -> list[float]:
        """Return the lowest expected loss at `count` positions, or fewer if that is not known."""
        wanted, known = self._losses
        if count > wanted:
            known = list(islice(expected_losses(self.matrices, self.start), count))
            self._losses = (count, known)  # at once, since threads may share a task
        return known[:count]

    def _expected_loss(self, batch: Batch, shares: Floats) -> float:
        """Return the mean entropy given the beliefs in a batch, where the loss is not known.

        This varies less than the surprise, and has the same mean. The losses of all positions are
        weighted by `shares`.
        """
        chances = self._next_chances(batch).transpose(0, 2, 1)  # (time, batch, symbols)
        losses = (
            entropies(chances.reshape(-1, chances.shape[2])).reshape(chances.shape[:2]).mean(1)
        )
        known = self._known_losses(len(losses))
        losses[: len(known)] = known
        return float(shares @ losses / shares.sum())

    def _pairs(self, lengths: tuple[int, ...]) -> SymbolClasses:
        """Return the expected count of each pair of an input and its target."""
        shares = _shares(lengths)
        states = self._visits(shares[1:])  # before all inputs but the mark
        pairs = np.einsum("i,xij,jy->xy", states, self.matrices, self._emission)
        after_mark = shares[0] * self.start @ self._emission
        mark, *symbols = self.vocab.symbols
        rows = zip(self.vocab.symbols, [after_mark, *pairs], strict=True)
        counts = {(x, y): float(n) for x, row in rows for y, n in zip(symbols, row, strict=True)}
        return SymbolClasses(dict.fromkeys((mark, *symbols), 1), counts)

    def _visits(self, shares: Floats) -> Floats:
        """Return the expected visits to each state, weighted by `shares` from the first on."""
        here, visits = self.start, np.zeros(len(self.start))
        for share in shares:
            visits += share * here
            here = here @ self._moves
        return visits

    def _hidden_lengths(self) -> tuple[int, ...]:
        return self.possible_lengths(self.lengths)

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return at_length


def _shares(lengths: tuple[int, ...]) -> Floats:
    """Return the proportion of sequences that have each position, if lengths are equally likely.

    Args:
        lengths: The lengths, in ascending order.
    """
    shorter = np.searchsorted(lengths, np.arange(1, lengths[-1] + 1))
    shares: Floats = 1 - shorter / len(lengths)
    return shares
