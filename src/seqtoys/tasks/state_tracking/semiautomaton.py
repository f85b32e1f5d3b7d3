"""Semiautomaton: follow the state of a finite-state machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.symbols import Symbols
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, excerpt, quoted
from seqtoys.support.arguments import checked
from seqtoys.support.arrays import Floats, Ints
from seqtoys.support.values import check_lengths
from seqtoys.tasks.automata.expectations import ExpectedPairs
from seqtoys.tasks.automata.graph import Graph, tabulate
from seqtoys.tasks.automata.strings import BELOW_ONE
from seqtoys.tasks.determined import Determined
from seqtoys.tasks.known_pairs import KnownPairs
from seqtoys.tasks.scoring import Scoring, check_scoring
from seqtoys.tasks.task_checks import check_tested

Moves: TypeAlias = Mapping[str, Mapping[str, str]]
"""For each state: the next state for each symbol."""

Probabilities: TypeAlias = Mapping[str, Mapping[str, float]]
"""For each state: the probability of each symbol."""


class Semiautomaton(Determined, KnownPairs):
    r"""Read the inputs of a finite-state machine; after each, which state is it in?

    A semiautomaton is an automaton without final states. The inputs are random: in each state, all
    symbols that have a transition are equally likely, or have given probabilities. The target at
    each symbol is the state after it; with `score="answers"`, only the last state is scored. A
    state may have the same name as an input symbol; they are then one symbol of the vocabulary.

    **Optimum.** The inputs determine the states: the optimum is 0.

    **Memoryless.** Let $M$ be the matrix of the probabilities to move from one state to another by
    a random symbol. Then the state before the $t$-th symbol has the distribution
    $v_t = e_\text{start} M^{t - 1}$. Let $v$ be the mean of $v_t$ over all scored positions of the
    training lengths. With $p_s(x)$ the probability of symbol $x$ in state $s$, and $\delta(s, x)$
    the next state, a scored position has symbol $x$ and target $s'$ with probability

    $$P(x, s') = \sum_{s : \, \delta(s, x) = s'} v(s) \, p_s(x) .$$

    The memoryless loss is the entropy of $s'$ given $x$ in this distribution.

    **Chance.** The probability of the most frequent target, $\max_{s'} \sum_x P(x, s')$.

    **Labels.** `position`: the number of symbols read so far.

    Source: Liu et al. (2023), Transformers learn shortcuts to automata.

    Args:
        transitions: For each state, the next state for each symbol that is possible there.
        start: The state before the first symbol.
        probabilities: For some states, the probability of each symbol that is possible there. In
            all others, the possible symbols are equally likely.
        score: `"all"` scores the state after each symbol, `"answers"` only the last one.
        lengths: The shortest and longest length to train on.
        longer: Greater lengths to test on.
        name: The name of the task.
        source: The origin of the task.
        level: Its place in the Chomsky hierarchy.

    Raises:
        OptionError: If a state is not defined or has no transition, or probabilities are given for
            an unknown state or for other symbols than its transitions, or do not sum to 1.

    Examples:
        A lamp that is switched on and off, and can break while it is on:

        >>> lamp = Semiautomaton(
        ...     {
        ...         "off": {"push": "on", "wait": "off"},
        ...         "on": {"push": "off", "wait": "on", "hit": "broken"},
        ...         "broken": {"push": "broken", "wait": "broken"},
        ...     },
        ...     start="off",
        ...     probabilities={"on": {"push": 0.5, "wait": 0.4, "hit": 0.1}},
        ... )
        >>> print(lamp.sample(1, length=6).show(lamp.vocab))
        inputs   wait push wait push push wait
        targets  off  on   on   off  on   on
        >>> lamp.follow(["push", "hit", "push"])
        ['on', 'broken', 'broken']
        >>> lamp.optimum, lamp.memoryless, lamp.chance
        (0.0, Estimate(1.0498..., 0.0), Estimate(0.4157..., 0.0))
    """

    @checked
    def __init__(
        self,
        transitions: Moves,
        start: str,
        *,
        probabilities: Probabilities | None = None,
        score: Scoring = "all",
        lengths: tuple[int, int] = (1, 40),
        longer: Sequence[int] = (50, 100, 200, 500),
        name: str = "semiautomaton",
        source: str = "my own",
        level: str = "regular",
    ) -> None:
        _check_states(transitions, start)
        arcs = _with_probabilities(transitions, probabilities or {})
        self.graph: Graph = tabulate(arcs, start)
        reached = set(self.graph.states)
        states = [state for state in transitions if state in reached]
        self.vocab: Vocab = Vocab(list(dict.fromkeys([*self.graph.symbols, *states])))
        self._targets = self.vocab.encode([str(state) for state in self.graph.states]).numpy()
        self.score: Scoring = check_scoring(score)
        self.lengths: tuple[int, int] = check_lengths(lengths)
        self.longer: tuple[int, ...] = tuple(longer)
        self.name = name
        self.source = source
        self.level: str | None = level
        check_tested(self, self.lengths, self.longer)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw inputs, and follow their states."""
        size = (length or self.draw_length(generator), batch_size)
        walk = self._walk_uniform if self._choices else self._walk_any
        arcs = walk(size, generator).T  # (batch, time)
        _, symbols, following, _ = self.graph.arcs
        inputs = torch.from_numpy(symbols.take(arcs))
        targets = torch.from_numpy(self._targets.take(following).take(arcs))
        if self.score == "answers":
            targets[:, :-1] = UNSCORED
        return Batch(inputs, targets)

    @checked
    def follow(self, symbols: Symbols) -> list[str]:
        """Return the state after each of some input symbols.

        Args:
            symbols: The inputs, from the start.

        Raises:
            DataError: If a symbol has no transition from the state in which it is read.
        """
        graph, state, states = self.graph, self.graph.start, list[str]()
        for symbol in symbols:
            column = graph.symbols.index(symbol) if symbol in graph.symbols else -1
            if column < 0 or graph.following[state, column] < 0:
                raise DataError(
                    f"expected inputs of {self.name}, got {excerpt(symbols)}: {quoted(symbol)} is "
                    f"impossible in state {quoted(graph.states[state])}"
                )
            state = int(graph.following[state, column])
            states.append(str(graph.states[state]))
        return states

    def labels(self, batch: Batch) -> dict[str, Int[Tensor, "batch time"]]:
        """Return the number of symbols read so far, `"position"`."""
        places = torch.arange(1, 1 + batch.targets.shape[1], device="cpu")
        return {"position": places.expand(batch.targets.shape)}

    @cached_property
    def _choices(self) -> int:
        """The number of transitions from each state, or 0 if they are not all equally likely."""
        count = len(self.graph.arcs[0]) // len(self.graph.states)
        return count if (self.graph.arcs[3] == 1 / count).all() else 0

    def _walk_uniform(self, size: tuple[int, int], generator: torch.Generator) -> Ints:
        """Draw transitions `(time, batch)` where all are equally likely."""
        arcs = torch.randint(self._choices, size, generator=generator, device="cpu").numpy()
        # Transitions are sorted by state, with as many from each: the first index of each state.
        first_after = self._choices * self.graph.arcs[2]
        first = np.full(size[1], self._choices * self.graph.start)
        for chosen in arcs:
            chosen += first
            first = first_after.take(chosen)
        return arcs

    def _walk_any(self, size: tuple[int, int], generator: torch.Generator) -> Ints:
        """Draw transitions `(time, batch)` by their probabilities."""
        drawn = torch.rand(size, dtype=torch.float64, generator=generator, device="cpu").numpy()
        arcs, state = np.empty(size, np.int64), np.full(size[1], self.graph.start)
        for t, place in enumerate(BELOW_ONE * drawn):
            arcs[t] = self._line.searchsorted(state + place, side="right")
            state = self.graph.arcs[2].take(arcs[t])
        return arcs

    @cached_property
    def _line(self) -> Floats:
        """Divide [i, i + 1] among the transitions of state i by probability: the upper ends."""
        at, symbols, _, _ = self.graph.arcs
        line: Floats = at + self.graph.chances.cumsum(1)[at, symbols]
        is_last = np.append(at[1:] != at[:-1], True)
        # With rounding, a number beyond i + 1 would be a transition from the next state.
        return np.where(is_last, at + 1.0, np.minimum(line, at + 1.0))

    def _pairs(self, lengths: tuple[int, ...]) -> ExpectedPairs:
        """Compute the expected pairs of a symbol and the state after it, at scored positions."""
        at, symbols, following, chances = self.graph.arcs
        scored = np.bincount(lengths)[1:]  # the number of lengths that end at each position
        if self.score == "all":
            scored = scored[::-1].cumsum()[::-1]  # … that reach it
        here = self.graph.is_start.astype(np.float64)
        visits = np.zeros_like(here)
        for count in scored:
            visits += count * here
            here = self.graph.move(here)
        shape = len(self.graph.symbols), len(self.graph.states)
        cells = symbols * shape[1] + following
        counts = np.bincount(cells, visits[at] * chances, shape[0] * shape[1])
        pairs = np.asarray(counts, np.float64).reshape(shape)
        return ExpectedPairs(pairs)


def _check_states(transitions: Moves, start: str) -> None:
    """Check that the start and all next states are defined, and that each state has a next one."""
    for state in (start, *(after for moves in transitions.values() for after in moves.values())):
        if state not in transitions:
            raise OptionError(
                f"expected transitions for each state, got none for {quoted(state)}; in a state "
                "that is never left, each symbol leads back to it"
            )
    for state, moves in transitions.items():
        if not moves:
            raise OptionError(
                f"expected at least one symbol in each state, got none in {quoted(state)}; in a "
                "state that is never left, each symbol leads back to it"
            )


def _with_probabilities(
    transitions: Moves, probabilities: Probabilities
) -> dict[str, list[tuple[str, str, float]]]:
    """Return the transitions of each state with their probabilities."""
    for state, chances in probabilities.items():
        moves = transitions.get(state, {})
        if set(chances) != set(moves):
            raise OptionError(
                f"expected the probabilities of the symbols {excerpt(sorted(moves))} in state "
                f"{quoted(state)}, got those of {excerpt(sorted(chances))}"
            )
    arcs = {}
    for state, moves in transitions.items():
        chances = probabilities.get(state, dict.fromkeys(moves, 1 / len(moves)))
        arcs[state] = [(symbol, after, chances[symbol]) for symbol, after in moves.items()]
    return arcs
