"""evaluate: measure how close a model is to the optimum, on seen and unseen sequences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.baselines import conditional_entropy
from seqtoys.data.batch import Batch, check_range
from seqtoys.errors import DataError, InputTypeError
from seqtoys.models.forward import Ensemble, count_replicas, in_mode, logits_of
from seqtoys.models.metrics import symbol_losses
from seqtoys.records.report import Report, Score
from seqtoys.support.annotations import described
from seqtoys.support.arguments import checked, listed
from seqtoys.support.devices import device_of
from seqtoys.support.randomness import draw_seed, generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.support.values import check_length, check_lengths
from seqtoys.tasks.counts import ratio
from seqtoys.tasks.splits import NotListed, hashes
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.tasks.task_checks import check_vocab

GROUPS = 32  # groups of sequences, whose spread gives the standard errors
ROUNDS = 100  # rounds of sampling before giving up on finding unseen sequences


@overload
def evaluate(
    model: Ensemble,
    task: Task,
    *,
    seen: Batch | None = ...,
    count: int = ...,
    longer: Iterable[int] | None = ...,
    generator: torch.Generator | None = ...,
) -> list[Report]: ...


@overload
def evaluate(
    model: nn.Module,
    task: Task,
    *,
    seen: Batch | None = ...,
    count: int = ...,
    longer: Iterable[int] | None = ...,
    generator: torch.Generator | None = ...,
) -> Report: ...


@checked
def evaluate(
    model: nn.Module | Ensemble,
    task: Task,
    *,
    seen: Batch | None = None,
    count: int = 1000,
    longer: Iterable[int] | None = None,
    generator: torch.Generator | None = None,
) -> Report | list[Report]:
    """Measure a model on seen, unseen and longer sequences of a task, against the optimum.

    The seen sequences are those passed as `seen`. If None, they are fresh sequences: of the
    training part if `task` is one part of `task.held_out(…)`, otherwise of the whole task.
    Sequences are drawn from a stream of random numbers that `fit` never uses, whatever its seed.

    Args:
        model: An `ElmanCharModel`, an `ElmanEnsemble`, or any module that maps indices
            `(batch, time)` to logits `(batch, time, vocab)`, alone or as the first of a tuple.
        task: The task, or one part of its train/held-out split.
        seen: The sequences the model was trained on; all others are unseen.
        count: The number of sequences to draw of each kind.
        longer: The lengths of longer sequences. Defaults to `task.longer`.
        generator: Random generator for the sequences. If None, every call draws the same ones.

    Returns:
        A `Report`; for an ensemble, a list with one report per replica.

    Raises:
        OptionError: If the model has another vocabulary, or a length or `count` is out of range.
        DataError: If the task has no unseen sequences.

    Examples:
        >>> from seqtoys import ElmanCharModel, fit, get_task
        >>> training, held_out = get_task("first_symbol").held_out(0.2)
        >>> model = ElmanCharModel(training.vocab, hidden_size=16)
        >>> history = fit(model, training, epochs=5, lr=0.01)
        >>> report = evaluate(model, training, count=200)
        >>> report.unseen.excess == report.unseen.loss - report.unseen.optimum
        True
    """
    count = check_length(count, "count")
    check_vocab(task, getattr(model, "vocab", None))
    if not isinstance(model, nn.Module):
        raise InputTypeError(f"expected model to be a torch.nn.Module, got {described(model)}")
    if seen is not None:
        check_range(seen, len(task.vocab))
    # Not the generator itself: seeded with 0, it would draw the training batches of fit(seed=0).
    generator = generator_for("evaluation", 0 if generator is None else draw_seed(generator))
    whole = task.whole if isinstance(task, TaskSplit) else task
    lengths = whole.longer
    if longer is not None:
        lengths = tuple(check_lengths((n, n))[0] for n in listed("longer", longer))
    parts = [*_draw_parts(task, seen, count, generator)]
    parts += [Part(f"length {n}", whole, _draw(whole, count, generator, n)) for n in lengths]
    scores = {part.name: _measure(model, whole, part) for part in parts}
    reports = [
        Report(
            task=whole.name,
            scores={name: each[replica] for name, each in scores.items()},
            uniform=math.log(len(whole.vocab)),
            memoryless=whole.memoryless,
            chance=whole.chance,
            lengths=whole.lengths,
            references=whole.references,
        )
        for replica in range(count_replicas(model) or 1)
    ]
    return reports if isinstance(model, Ensemble) else reports[0]


@dataclass(frozen=True)
class Part:
    """Sequences of one kind, in groups.

    Attributes:
        name: The name of the kind.
        source: The task, or the part of its split, that they were drawn from.
        batches: The groups.
        is_given: Whether these are the training sequences themselves rather than fresh ones.
    """

    name: str
    source: Task
    batches: list[Batch]
    is_given: bool = False


def _draw_parts(
    task: Task, seen: Batch | None, count: int, generator: torch.Generator
) -> Iterator[Part]:
    """Draw the seen and the unseen sequences."""
    if seen is not None:
        whole = task.whole if isinstance(task, TaskSplit) else task
        seen = seen.to("cpu")  # tasks and hashes are on the CPU
        yield Part("seen", whole, list(_groups(seen.repeated())), is_given=True)
        unseen = TaskSplit(whole, 1.0, NotListed(seen), is_held_out=True)
        yield Part("unseen", unseen, _draw_unseen(task, seen, count, generator))
    elif isinstance(task, TaskSplit):
        splits = (task.complement, task) if task.is_held_out else (task, task.complement)
        for name, split in zip(("seen", "unseen"), splits, strict=True):
            yield Part(name, split, _draw(split, count, generator))
    else:
        yield Part("seen", task, _draw(task, count, generator))


def _draw(
    task: Task, count: int, generator: torch.Generator, length: int | None = None
) -> list[Batch]:
    """Draw groups of sequences; a task whose batches have one length gets several lengths."""
    largest = -(-count // GROUPS)  # sequences per group
    sizes = [min(largest, count - start) for start in range(0, count, largest)]
    return [task.sample(size, length=length, generator=generator) for size in sizes]


def _draw_unseen(task: Task, seen: Batch, count: int, generator: torch.Generator) -> list[Batch]:
    known, found = hashes(seen), list[Batch]()
    for _ in range(ROUNDS):
        for batch in _draw(task, count, generator):
            rows = (~torch.isin(hashes(batch), known)).nonzero().flatten()
            if len(rows):
                found.append(batch.take(rows))
        if sum(map(len, found)) >= count:
            return found
    if found:
        return found
    raise DataError(f"expected {task.name} to have unseen sequences, found none")


def _groups(batch: Batch) -> Iterator[Batch]:
    for rows in torch.arange(len(batch), device="cpu").chunk(GROUPS):
        if batch.scored[rows].any():
            yield batch.take(rows)


def _measure(model: nn.Module, whole: Task, part: Part) -> list[Score]:
    """Measure each replica on groups of sequences; a single model is one replica."""
    device, batches = device_of(model), part.batches
    sums = [_sum_scores(model, batch.to(device), len(whole.vocab)) for batch in batches]
    losses, hits, wholes = (torch.stack(column, 1) for column in zip(*sums, strict=True))
    scored = _to_tensor(int(batch.scored.sum()) for batch in batches)
    sizes = _to_tensor(int(batch.scored.any(1).sum()) for batch in batches)
    best = _to_tensor(part.source.optimal_loss(batch) for batch in batches) * scored  # (groups,)
    source_loss = _source_loss(whole, batches, scored)
    memoryless, chance, effective = _count_baselines(batches)
    # The optimum of a split may be an estimate.
    optimum_error = getattr(part.source.optimum, "standard_error", 0.0)
    drawn = 0 if part.is_given else int(sizes.sum())
    return [
        Score(
            loss=ratio(loss, scored),
            excess=_plus_error(ratio(loss - best, scored), optimum_error),
            accuracy=_proportion(hit, scored, drawn),
            whole_accuracy=_proportion(right, sizes, drawn),
            sequences=int(sizes.sum()),
            optimum=float(best.sum() / scored.sum()),
            source_loss=source_loss,
            is_given=part.is_given,
            memoryless=memoryless,
            chance=chance,
            effective_sequences=effective,
        )
        for loss, hit, right in zip(losses, hits, wholes, strict=True)  # of (groups,)
    ]


def _source_loss(whole: Task, batches: list[Batch], scored: Float[Tensor, " groups"]) -> float:
    """Compute the loss of the task's source, ignoring any split or chosen length."""
    losses = _to_tensor(whole.optimal_loss(batch.with_length_range(None)) for batch in batches)
    return float(losses @ scored / scored.sum())


def _count_baselines(batches: list[Batch]) -> tuple[float, float, float]:
    """Return the memoryless loss, the chance accuracy and the effective number of sequences."""
    pairs = np.concatenate(
        [torch.stack([b.inputs[b.scored], b.targets[b.scored]]).numpy() for b in batches], 1
    )  # (2, scored)
    _, frequencies = torch.cat([hashes(batch) for batch in batches]).unique(return_counts=True)
    proportions = frequencies.double() / frequencies.sum()
    chance = float(np.bincount(pairs[1]).max() / pairs.shape[1])
    return conditional_entropy(*pairs), chance, float(1 / (proportions**2).sum())


def _proportion(
    hits: Float[Tensor, " groups"], counts: Float[Tensor, " groups"], drawn: int
) -> Estimate:
    """Compute a proportion with its standard error, also if it is 0 or 1.

    Args:
        hits: The numbers of correct items.
        counts: The numbers of all items.
        drawn: The number of random sequences, or 0 if the sequences were given: then there is no
            error if the proportion is 0 or 1.
    """
    proportion = ratio(hits, counts)
    if proportion.standard_error or not drawn:
        return proportion
    # Add two correct and two wrong sequences (Agresti & Coull, 1998).
    adjusted = (proportion * drawn + 2) / (drawn + 4)
    return Estimate(float(proportion), math.sqrt(adjusted * (1 - adjusted) / (drawn + 4)))


def _plus_error(estimate: Estimate, error: float) -> Estimate:
    """Add an independent standard error."""
    return Estimate(float(estimate), math.hypot(estimate.standard_error, error))


def _to_tensor(values: Iterable[float]) -> Float[Tensor, " groups"]:
    return torch.tensor(list(values), dtype=torch.float64, device="cpu")


@torch.no_grad()
def _sum_scores(
    model: nn.Module, batch: Batch, symbols: int
) -> tuple[Float[Tensor, " replicas"], Float[Tensor, " replicas"], Float[Tensor, " replicas"]]:
    """Sum losses, correct symbols and correct sequences over a batch, for each replica."""
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs, symbols=symbols)
    if not count_replicas(model):
        logits = logits.unsqueeze(0)  # (replicas, batch, time, vocab)
    losses = symbol_losses(logits.double(), batch.targets)
    wrong = batch.scored & (logits.argmax(-1) != batch.targets)  # (replicas, batch, time)
    right = batch.scored.sum() - wrong.sum((1, 2))
    whole = batch.scored.any(1) & ~wrong.any(2)  # (replicas, batch)
    return losses.sum((1, 2)).cpu(), right.double().cpu(), whole.sum(1).double().cpu()
