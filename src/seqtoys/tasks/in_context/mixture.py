"""Mixture: each sequence comes from one of several sources, which a model must recognize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqtoys.data.batch import Batch, check_range, replace_parts
from seqtoys.data.vocab import Vocab
from seqtoys.errors import DataError, OptionError, quoted
from seqtoys.support.arguments import checked
from seqtoys.support.devices import on_cpu
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.counts import estimate_mean
from seqtoys.tasks.task import Task

TRIED = 8  # sequences of each source that are drawn to check that the sources can be combined


class Mixture(Task):
    r"""Each sequence comes from one of several sources, and a model must recognize which.

    A sequence is one of the first source with the probability of its weight, or else of another;
    which one is not marked. The number of the source is `batch.latent`, so a train/held-out split
    holds out whole sources, if there are enough of them.

    **Optimum.** The best prediction is the mean of the sources' predictions, weighted by their
    posterior probabilities given the symbols so far. With $w_i$ the weight of source $i$ and
    $P_i(x_{\le t})$ the probability it gives to the first $t$ symbols, the first included, the
    surprise at symbol $t$ is

    $$\ln \sum_i w_i P_i(x_{< t}) - \ln \sum_i w_i P_i(x_{\le t}) ,$$

    where the first sum leaves out sources whose string has ended. This is exact for each sequence.
    Its mean, the optimum, is estimated from samples, and so are the memoryless loss and chance.
    The reference *knows the source* is the loss of a model that knows the source of each
    sequence.

    **Lengths.** Strings that end have the lengths of their source. If the sources have no end,
    they must have equal `lengths`, from which that of each batch is drawn. A chosen length must be
    possible for all sources.

    Args:
        tasks: The sources: tasks with the same vocabulary in which each next symbol is scored and
            its surprise is known, such as an `Automaton`.
        weights: The probability of each source. If None, all are equally likely.
        name: The name of the task.
        source: The origin of the task.

    Raises:
        OptionError: If there are no tasks, the weights are not positive or do not sum to 1, or
            the tasks cannot be combined; the message gives the reason.

    Examples:
        A fair coin, or one that shows heads nine times out of ten:

        >>> from seqtoys import Automaton
        >>> fair, bent = (
        ...     Automaton(
        ...         {"coin": [("h", "coin", p), ("t", "coin", 1 - p)]}, "coin", lengths=(20, 20)
        ...     )
        ...     for p in (0.5, 0.9)
        ... )
        >>> task = Mixture([fair, bent])
        >>> batch = Batch.from_texts(["hhhh"], task.vocab)
        >>> task.surprise(batch).neg().exp()  # rises towards 0.9
        tensor([[0.7571, 0.8057, 0.8415]], dtype=torch.float64)
        >>> print(task.sample(1, length=24).show(task.vocab))
        inputs   hhhhhhhhhhhhhhthhhhhhhhh
        targets  hhhhhhhhhhhhhthhhhhhhhhh
    """

    level: str | None = "in context"

    @checked
    def __init__(
        self,
        tasks: Sequence[Task],
        weights: Sequence[float] | None = None,
        *,
        name: str = "mixture",
        source: str = "my own",
    ) -> None:
        self.tasks: tuple[Task, ...] = tuple(tasks)
        self.weights: tuple[float, ...] = _check_weights(len(tasks), weights)
        self.name = name
        self.source = source
        self.vocab: Vocab = _common_vocab(self.tasks)
        self._latents: tuple[int, ...] = tuple(range(len(tasks)))
        self._has_no_end = _have_no_end(self.tasks)
        ranges = [task.lengths for task in self.tasks]
        self.lengths: tuple[int, int] = min(s for s, _ in ranges), max(n for _, n in ranges)
        longer = sorted({n for task in self.tasks for n in task.longer if n > self.lengths[1]})
        self.longer: tuple[int, ...] = tuple(n for n in longer if self.why_no_length(n) is None)
        self.surprise(self._draw_of_each())  # raises an error if it is unknown

    @cached_property
    def optimum(self) -> Estimate:
        """The mean surprise of samples."""
        return estimate_mean(self.optimal_loss, self._samples())

    @cached_property
    def references(self) -> dict[str, Estimate]:
        """The loss of a model that knows the source of each sequence."""
        return {"knows the source": estimate_mean(self._known_loss, self._samples())}

    def why_no_length(self, length: int) -> str | None:
        """Return why this length is impossible for one of the sources, or None if it is not."""
        reasons = ((task.name, task.why_no_length(length)) for task in self.tasks)
        return next((f"{name}: {reason}" for name, reason in reasons if reason), None)

    def draw(self, batch_size: int, length: int | None, generator: torch.Generator) -> Batch:
        """Draw a source for each sequence, then the sequences of each source together."""
        if length is None and self._has_no_end:
            length = self.draw_length(generator)
        ends = torch.tensor(self.weights, dtype=torch.float64, device="cpu").cumsum(0)
        drawn = torch.rand(batch_size, dtype=torch.float64, generator=generator)
        latent = torch.bucketize(drawn * ends[-1], ends, right=True).clamp(max=len(ends) - 1)
        sizes = latent.bincount(minlength=len(ends)).tolist()
        chosen = [(task, n) for task, n in zip(self.tasks, sizes, strict=True) if n]
        parts = Batch.join([task.draw(size, length, generator) for task, size in chosen])
        mixed = parts.take(latent.argsort().argsort())  # from the order of sources to that drawn
        numbers = torch.tensor(self._latents, device="cpu")[latent]
        return replace_parts(mixed, latent=numbers, length_range=None)

    def surprise(self, batch: Batch) -> Float[Tensor, "batch time"]:
        """Compute the surprise at each symbol but the first, in nats.

        Raises:
            DataError: If no source can generate one of the sequences.
            IndexRangeError: If an index is not in the vocabulary.
            OptionError: If the sources have different lengths within `batch.length_range`.
        """
        before, after = self._prefix_surprise(check_range(batch, len(self.vocab)))
        scored = batch.scored.cpu()
        if not _predicts_next(batch) or after[scored].isinf().any():
            raise DataError(
                f"expected sequences of {self.name}, got some that none of its sources can "
                "generate; draw sequences with task.sample"
            )
        # Rounding may give slightly less than 0.
        return (after - before).clamp(min=0).masked_fill(~scored, torch.nan)

    def _prefix_surprise(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
        bounds = batch.length_range
        if (
            bounds is not None
            and not self._has_no_end
            and len({task.possible_lengths(bounds) for task in self.tasks}) > 1
        ):
            raise OptionError(
                f"the surprise of {self.name} is unknown for lengths in {bounds}: its sources "
                "have different lengths there"
            )
        weights = torch.tensor(self.weights, dtype=torch.float64, device="cpu").log()
        sources = zip(*(task._prefix_surprise(batch) for task in self.tasks), strict=True)
        before, after = ((weights - torch.stack(each, 2)).logsumexp(2) for each in sources)
        return -before, -after  # (batch, time)

    def _known_loss(self, batch: Batch) -> float:
        """Compute the loss of a model that knows the source of each sequence."""
        assert batch.latent is not None  # as drawn
        total = 0.0
        for number, task in zip(self._latents, self.tasks, strict=True):
            rows = (batch.latent == number).nonzero().flatten()
            if len(rows):
                total += float(task.surprise(batch.take(rows)).nansum())
        return total / int(batch.scored.sum())

    def _draw_of_each(self) -> Batch:
        """Draw sequences of each source, and check that each next symbol is scored."""
        generator, parts = generator_for("sample"), list[Batch]()
        for task in self.tasks:
            length = self.draw_length(generator) if self._has_no_end else None
            with on_cpu():
                parts.append(task.draw(TRIED, length, generator))
            if not _predicts_next(parts[-1]):
                raise OptionError(
                    f"expected tasks in which each next symbol is scored, got {task.name}"
                )
        return replace_parts(Batch.join(parts), length_range=None)

    def _hidden_lengths(self) -> tuple[int, ...]:
        return self.possible_lengths(self.lengths) if self._has_no_end else ()

    def _restricted_to(self, holds: Callable[[Batch], Bool[Tensor, " batch"]]) -> Task | None:
        """Return the mixture of the sources for which `holds` is true."""
        held = holds_of_latents(self._latents, holds)
        part = [i for i, is_held in enumerate(held) if is_held]
        if not part:
            return None
        total = sum(self.weights[i] for i in part)
        weights = [self.weights[i] / total for i in part]
        tasks = [self.tasks[i] for i in part]
        mixture = Mixture(tasks, weights, name=self.name, source=self.source)
        mixture._latents = tuple(self._latents[i] for i in part)
        return mixture


def holds_of_latents(
    latents: Sequence[int], holds: Callable[[Batch], Bool[Tensor, " batch"]]
) -> list[bool]:
    """Return which sources are in a part of a split, given a function of their sequences.

    Args:
        latents: The numbers of the sources.
        holds: Returns whether each sequence of a batch is in the part.
    """
    symbols = torch.zeros(len(latents), 1, dtype=torch.int64, device="cpu")
    found: list[bool] = holds(
        Batch(symbols, symbols, latent=torch.tensor(latents, device="cpu"))
    ).tolist()
    return found


def _check_weights(count: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    if not count:
        raise OptionError("expected at least one task, got none")
    chosen = (1 / count,) * count if weights is None else tuple(weights)
    if len(chosen) != count:
        raise OptionError(f"expected one weight for each of {count} tasks, got {len(chosen)}")
    if not (min(chosen) > 0 and abs(sum(chosen) - 1) <= 1e-9):  # rejects nan, too
        raise OptionError(f"expected positive weights that sum to 1, got {quoted(chosen)}")
    return chosen


def _common_vocab(tasks: Sequence[Task]) -> Vocab:
    for task in tasks[1:]:
        if task.vocab != tasks[0].vocab:
            raise OptionError(
                f"expected tasks with one vocabulary, got {quoted(tasks[0].vocab)} of "
                f"{tasks[0].name} and {quoted(task.vocab)} of {task.name}"
            )
    return tasks[0].vocab


def _have_no_end(tasks: Sequence[Task]) -> bool:
    """Return whether sequences have no end, and check that the tasks agree in their lengths."""
    endless = [bool(task._hidden_lengths()) or _is_endless(task) for task in tasks]
    limits = set().union(*map(_limits, tasks))
    if len(limits) > 1 and not any(endless):
        raise OptionError(
            "expected automata with the same lengths=…, or all without, got "
            + " and ".join(sorted(map(str, limits)))
        )
    if any(endless) and not (all(endless) and len({task.lengths for task in tasks}) == 1):
        listed = ", ".join(
            f"{task.name} {f'with lengths {task.lengths}' if is_endless else 'with an end'}"
            for task, is_endless in zip(tasks, endless, strict=True)
        )
        raise OptionError(
            "expected tasks whose sequences all end by themselves, or endless ones with equal "
            f"lengths, got {listed}"
        )
    return any(endless)


def _limits(task: Task) -> set[tuple[int, int] | None]:
    """Return the lengths that the strings of each source are restricted to."""
    if isinstance(task, Mixture):
        return set().union(*map(_limits, task.tasks))
    return {task._bounds if isinstance(task, Automaton) else None}


def _is_endless(task: Task) -> bool:
    return isinstance(task, Automaton) and task.is_endless


def _predicts_next(batch: Batch) -> bool:
    """Return whether each next symbol is a scored target, and nothing else is."""
    inputs, targets = batch.inputs.cpu(), batch.targets.cpu()
    place = torch.arange(inputs.shape[1], device="cpu")
    inside = place < batch.count_symbols().cpu().unsqueeze(1)  # (batch, time)
    is_next = (inputs[:, 1:] == targets[:, :-1]) | ~inside[:, 1:]
    return torch.equal(inside, targets >= 0) and bool(is_next.all())
