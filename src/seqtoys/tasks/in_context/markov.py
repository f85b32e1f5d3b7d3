"""Markov chains whose transition table is drawn anew for each sequence."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch, check_range, trusted_batch
from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError
from seqtoys.support.arguments import check_type
from seqtoys.support.arrays import Array
from seqtoys.support.uncertainty import Estimate, entropy
from seqtoys.support.values import LONGEST, check_count
from seqtoys.tasks.counts import ratio
from seqtoys.tasks.in_context.binary_chains import BinaryChains, list_chains
from seqtoys.tasks.in_context.counts import LOSSES, Counts, add_one_loss, earlier, tabulate
from seqtoys.tasks.in_context.walk import walk
from seqtoys.tasks.memory_copy import LETTERS
from seqtoys.tasks.task import Task
from seqtoys.tasks.task_checks import check_sequences

LARGEST = 2**14  # the most numbers in a table
LISTED, LISTED_LENGTH = 2**20, 1000  # the most groups of sequences to list, and their length


class InContextMarkov(Task):
    r"""A Markov chain whose transition table differs for each sequence and must be inferred.

    For each sequence, a table is drawn: for each context, the last `order` symbols, a distribution
    of the next one. Each row of the table is uniform over the simplex of all distributions. The
    first `order` symbols are uniform and not scored; all others follow the table. A model that has
    learned the task estimates the table of a sequence while it reads it: it counts.

    **Optimum.** If a symbol followed a context $n$ times out of $N$, the posterior of that row is
    a Dirichlet distribution, and its mean is the best possible prediction: the add-one rule
    $(n + 1) / (N + k)$ for $k$ symbols. So a sequence in which symbol $s$ follows context $c$
    $n_{cs}$ times, $N_c = \sum_s n_{cs}$, has the probability

    $$P = \prod_c \frac{(k - 1)! \, \prod_s n_{cs}!}{(N_c + k - 1)!} ,$$

    and the optimum is the expected $-\ln P$ over the number of scored symbols. Sequences with
    equal counts are equally likely, and for two symbols and order 1 a formula gives their number
    (Whittle, 1955), so the optimum is exact: 0.5237 nats for 60 scored symbols. In all other
    cases, and above 1,000 symbols, it is estimated from samples, and so are the memoryless loss
    and the references.

    **References.** *Knows the table*: the loss of a model that knows each table. Given the
    counts, $-\ln p$ of a row is on average $\psi(N_c + k) - \psi(n_{cs} + 1)$, with the digamma
    function $\psi$. *Counts single symbols*: the add-one rule without context, the in-context
    unigram model. With the uniform guess $\ln k$, these are the plateaus of the paper's figure.

    **Memoryless.** All symbols are alike, so a model without memory can only use the probability
    $q$ that a symbol is repeated: its loss is $-q \ln q - (1 - q) \ln((1 - q) / (k - 1))$ if the
    order is 1. It is below $\ln k$, since the symbols that a chain often repeats are also those it
    often visits.

    **Chance.** All symbols are equally likely: $1 / k$.

    **Doubly stochastic.** Then the columns of the table sum to 1 as well, and the chain visits
    all symbols equally often, so that single symbols say nothing. For two symbols, one number
    remains: the probability of a repetition, uniform from 0 to 1. The add-one rule applies to
    repetitions, of which there are $m$ in $L$ transitions with probability $1 / (L + 1)$:

    $$\text{optimum} =
    \frac{1}{L} \Big( \ln(L + 1) + \frac{1}{L + 1} \sum_m \ln \binom{L}{m} \Big) .$$

    Source: Edelman et al. (2024), The evolution of statistical induction heads: in-context
    learning Markov chains. Their chains start in the stationary distribution of the table; the
    first symbol then carries information about the table, and the add-one rule is not exact.

    Args:
        symbols: The number of symbols, $k$: 2 to 26.
        order: The number of symbols in a context.
        doubly_stochastic: Whether the columns of the table sum to 1 as well.
        length: The number of input symbols; all but the first `order - 1` predictions are scored.

    Raises:
        OptionError: If an option is out of range, the table would have more than 16,384 numbers,
            or `doubly_stochastic` is combined with more than two symbols or an order above 1.

    Examples:
        >>> task = InContextMarkov()
        >>> print(task.sample(1, length=24).show(task.vocab))
        inputs   baababaaaabaaaaaaabaaaaa
        targets  aababaaaabaaaaaaabaaaaaa
        >>> task.optimum, task.references["knows the table"]
        (Estimate(0.5237315..., 0.0), Estimate(0.4818875..., 0.0))

        In `aaa`, `a` was followed by `a` both times: (2 + 1) / (2 + 2).

        >>> task.surprise(Batch.from_texts(["aaaa"], task.vocab)).neg().exp()
        tensor([[0.5000, 0.6667, 0.7500]], dtype=torch.float64)
    """

    name = "in_context_markov"
    source = "Edelman et al. 2024"
    level: str | None = "in context"

    def __init__(
        self,
        symbols: int = 2,
        order: int = 1,
        *,
        doubly_stochastic: bool = False,
        length: int = 60,
    ) -> None:
        self.symbols: int = check_count("symbols", symbols, 2, len(LETTERS))
        self.order: int = check_count("order", order, 1)
        self.doubly_stochastic: bool = check_type("doubly_stochastic", doubly_stochastic, bool)
        if self.order + 1 > math.log(LARGEST, self.symbols) + 1e-9:
            raise OptionError(
                f"expected a table of at most {LARGEST:,} numbers, got symbols^(order + 1) = "
                f"{self.symbols}^{self.order + 1}; choose a smaller order, or fewer symbols"
            )
        if self.doubly_stochastic and (self.symbols, self.order) != (2, 1):
            raise OptionError(
                "doubly_stochastic cannot be combined with more than 2 symbols or an order above "
                f"1, got symbols={self.symbols} and order={self.order}: no formula for the best "
                "possible prediction is known"
            )
        length = check_count("length", length, self.order, LONGEST)
        self.vocab: Vocab = Vocab(LETTERS[: self.symbols])
        self.lengths: tuple[int, int] = (length, length)
        self.longer: tuple[int, ...] = tuple(n * length for n in (2, 4) if n * length <= LONGEST)
        self._contexts: int = self.symbols**self.order
        self._digits = self.symbols ** np.arange(self.order)[::-1, np.newaxis]  # (order, 1)
        self._known: dict[tuple[int, ...], dict[str, Estimate]] = {}

    @property
    def optimum(self) -> Estimate:
        """The loss of the add-one rule."""
        return self._optimum_over(self.possible_lengths(self.lengths))

    @cached_property
    def memoryless(self) -> Estimate:
        """The loss of a model that only knows how often symbols are repeated."""
        return self._memoryless_over(self.possible_lengths(self.lengths))

    @property
    def chance(self) -> Estimate:
        """All symbols are equally likely."""
        return Estimate(1 / self.symbols)

    @property
    def references(self) -> dict[str, Estimate]:
        """The loss of a model that knows each table, and of one that counts single symbols."""
        losses = self._losses(self.possible_lengths(self.lengths))
        return {name: loss for name, loss in losses.items() if name != "optimum"}

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return how often the context of each target occurred before, as `"occurrences"`."""
        return {"occurrences": earlier(self._transitions(batch)[0])}

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible, or None if it is possible."""
        return None if length >= self.order else f"a context has {self.order} symbols"

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw a table for each sequence, then its symbols."""
        length = length or self.draw_length(generator)
        size = (length + 1 - self.order, batch_size)
        start = torch.randint(self._contexts, (batch_size,), generator=generator).numpy()
        drawn = torch.rand(size, dtype=torch.float64, generator=generator).numpy()
        walked = walk(self._draw_tables(batch_size, generator), start, drawn)
        first = start // self._digits % self.symbols  # (order, batch)
        text = torch.from_numpy(np.concatenate([first, walked]).T.copy())  # (batch, length + 1)
        targets = text[:, 1:].clone()
        targets[:, : self.order - 1] = UNSCORED
        return trusted_batch(text[:, :-1], targets)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise of the add-one rule at each symbol, in nats.

        Raises:
            DataError: If the targets are not the next symbols, from symbol `order + 1` on.
            IndexRangeError: If an index is not in the vocabulary.
        """
        self._check(check_range(batch, self.symbols))
        contexts, outcomes = self._transitions(batch)  # (batch, time)
        rows, hits = earlier(contexts), earlier(contexts * self.symbols + outcomes)
        surprise = ((rows + self.symbols).double() / (hits + 1)).log()
        return surprise.masked_fill(~batch.scored.cpu(), torch.nan)

    def _draw_tables(self, batch_size: int, generator: torch.Generator) -> Array:
        """Draw the rows of a table for each sequence, up to a factor."""
        size = (self.symbols, self._contexts, batch_size)
        # In proportion to exponential numbers, a distribution is uniform over the simplex.
        tables = torch.empty(size, dtype=torch.float64, device="cpu")
        tables.exponential_(generator=generator)
        if self.doubly_stochastic:
            tables[:, 1] = tables[:, 0].flip(0)
        return tables.numpy()

    def _transitions(
        self, batch: Batch
    ) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"]]:
        """Return the context of each target and what it is; 0 where nothing is scored."""
        inputs, targets, scored = (x.cpu() for x in (batch.inputs, batch.targets, batch.scored))
        if self.doubly_stochastic:  # one context, in which a symbol is repeated or not
            return torch.zeros_like(inputs), ((inputs != targets) & scored).long()
        contexts = inputs.clone()
        for back in range(1, self.order):
            contexts[:, back:] += inputs[:, :-back] * self.symbols**back
        contexts[:, : self.order - 1] = -1  # incomplete
        return contexts, targets.clamp(min=0)

    def _check(self, batch: Batch) -> None:
        inputs, targets, scored = (x.cpu() for x in (batch.inputs, batch.targets, batch.scored))
        place = torch.arange(inputs.shape[1], device="cpu")
        inside = place < batch.count_symbols().cpu().unsqueeze(1)  # (batch, time)
        fits = scored == inside & (place >= self.order - 1)
        fits[:, 1:] &= (inputs[:, 1:] == targets[:, :-1]) | ~inside[:, 1:] | ~scored[:, :-1]
        such = f", with each next symbol as a target from symbol {self.order + 1} on"
        check_sequences(self, batch, fits.all(1).numpy(), such)

    def _losses(self, lengths: tuple[int, ...]) -> dict[str, Estimate]:
        """Return the optimum and the references: exact if all sequences can be listed."""
        if lengths not in self._known:
            if self._can_list(lengths):
                sums = torch.stack([self._list(length).sums() for length in lengths]).sum(0)
                losses = [Estimate(loss) for loss in (sums / sum(lengths)).tolist()]
            else:
                drawn = [(self._count(b).sums(), b.scored.sum()) for b in self._samples(lengths)]
                each, scored = (torch.stack(column) for column in zip(*drawn, strict=True))
                losses = [ratio(column, scored.double()) for column in each.unbind(1)]
            self._known[lengths] = dict(zip(LOSSES, losses, strict=True))
        return self._known[lengths]

    def _optimum_over(self, lengths: tuple[int, ...]) -> Estimate:
        return self._losses(lengths)["optimum"]

    def _memoryless_over(self, lengths: tuple[int, ...]) -> Estimate:
        if self.doubly_stochastic:
            return Estimate(math.log(2))
        if not self._can_list(lengths):
            return super()._memoryless_over(lengths)
        repeated = sum(self._list(length).repetitions() for length in lengths) / sum(lengths)
        return Estimate(entropy(repeated))

    def _can_list(self, lengths: tuple[int, ...]) -> bool:
        is_short = lengths[-1] <= LISTED_LENGTH and sum(n**2 for n in lengths) <= 2 * LISTED
        return is_short and (self.symbols, self.order) == (2, 1)

    def _list(self, length: int) -> Counts:
        """Group the sequences that start with the first symbol; the others mirror them."""
        chains = list_chains(length)
        table = _by_repetition(chains) if self.doubly_stochastic else chains.transitions
        log_chance = chains.log_size - add_one_loss(table)
        first = torch.eye(1, 2, dtype=torch.float64, device="cpu").expand(len(table), 2)
        return Counts(table, chains.symbols, first, log_chance.exp())

    def _count(self, batch: Batch) -> Counts:
        """Count the symbols and transitions of sequences of one length."""
        contexts, outcomes = (part[:, self.order - 1 :] for part in self._transitions(batch))
        table = tabulate(contexts, outcomes, (self._contexts, self.symbols))
        text = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)  # (batch, time + 1)
        whole, first = (
            tabulate(torch.zeros_like(part), part, (1, self.symbols)).squeeze(1)
            for part in (text, text[:, : self.order])
        )
        return Counts(table, whole, first, torch.ones_like(whole[:, 0]))

    def _hidden_lengths(self) -> tuple[int, ...]:
        return self.possible_lengths(self.lengths)

    def _first_surprise(self, batch: Batch) -> Float[Tensor, " batch"]:
        return torch.full((len(batch),), math.log(self.symbols), dtype=torch.float64, device="cpu")

    def _has_probabilities(self, *, at_length: bool) -> bool:
        return self.order == 1


def _by_repetition(chains: BinaryChains) -> Float[Tensor, "groups 1 2"]:
    """Count the transitions that repeat a symbol, and the others."""
    same = chains.transitions[:, [0, 1], [0, 1]].sum(1)
    other = chains.transitions[:, [0, 1], [1, 0]].sum(1)
    return torch.stack([same, other], 1).unsqueeze(1)  # (groups, 1, 2)
