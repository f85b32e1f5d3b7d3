"""evaluate: measure a model on texts, or on seen and unseen sequences of a task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor, nn

from seqtoys.data.baselines import count_baselines
from seqtoys.data.batch import Batch, check_range
from seqtoys.data.long_text import LongText
from seqtoys.data.vocab import Vocab
from seqtoys.errors import InputTypeError, OptionError
from seqtoys.evaluation.drawing import Part, draw_parts, in_groups
from seqtoys.evaluation.labels import find_rows, surprise_by_row, tables_by_label
from seqtoys.evaluation.scoring import make_scores, sum_scores, to_tensor
from seqtoys.models.forward import Replicated, count_replicas, loss_and_accuracy_in_chunks
from seqtoys.models.vocabulary import find_vocab
from seqtoys.records.report import Report
from seqtoys.records.score import Score
from seqtoys.support.annotations import described
from seqtoys.support.arguments import checked, listed
from seqtoys.support.devices import device_of
from seqtoys.support.randomness import draw_seed, generator_for
from seqtoys.support.uncertainty import Estimate, as_estimate
from seqtoys.support.values import check_length, check_lengths
from seqtoys.tasks.given_data import GivenData, TrainingData, check_data, to_batch, to_text
from seqtoys.tasks.task import Task, TaskSplit
from seqtoys.tasks.task_checks import check_vocab

COUNT = 1000  # sequences of each kind, by default


@overload
def evaluate(
    model: Replicated,
    data: Task,
    *,
    by: str | None = ...,
    seen: Batch | None = ...,
    count: int | None = ...,
    longer: Iterable[int] | None = ...,
    generator: torch.Generator | None = ...,
) -> list[Report]: ...


@overload
def evaluate(
    model: nn.Module,
    data: Task,
    *,
    by: str | None = ...,
    seen: Batch | None = ...,
    count: int | None = ...,
    longer: Iterable[int] | None = ...,
    generator: torch.Generator | None = ...,
) -> Report: ...


@overload
def evaluate(
    model: Replicated, data: GivenData, *, chunk: int | None = ..., vocab: Vocab | None = ...
) -> list[Score]: ...


@overload
def evaluate(
    model: nn.Module, data: GivenData, *, chunk: int | None = ..., vocab: Vocab | None = ...
) -> Score: ...


@checked
def evaluate(
    model: nn.Module | Replicated,
    data: Any,
    *,
    by: str | None = None,
    seen: Batch | None = None,
    count: int | None = None,
    longer: Iterable[int] | None = None,
    chunk: int | None = None,
    vocab: Vocab | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    """Measure a model on a text or other given data, or on seen, unseen and longer sequences.

    On given data, the loss and the accuracy are exact. For a task, sequences are drawn from a
    stream of random numbers that `fit` never uses, whatever its seed. The seen sequences are those
    passed as `seen`, or fresh sequences of the training part if `data` is one part of
    `task.held_out(…)`. Otherwise, fresh sequences of the whole task are labeled "as in training".
    If each batch of a task has one length, all lengths are evaluated equally often.

    Args:
        model: An `ElmanCharModel`, an `ElmanEnsemble`, or any module that maps indices
            `(batch, time)` to logits `(batch, time, vocab)`, as for `fit`.
        data: A text, an `(input, target)` tuple, a list of either, or a `Batch`, read as by `fit`;
            or a task, or one part of its train/held-out split.
        by: The name of one of the task's `labels`, such as `"gap"`, by which the scored symbols of
            each kind of sequences are also measured separately: `report.seen.by_label`.
        seen: The sequences of a task the model was trained on; all others are unseen.
        count: The number of sequences of a task to draw of each kind. If None, 1,000.
        longer: The lengths of longer sequences of a task. If None, `task.longer`.
        chunk: Read one long text in chunks of this many symbols, to save memory. The state is
            carried over, so the results are the same, except that there are none by position.
        vocab: The vocabulary of given data, if the model has none.
        generator: Random generator for the sequences of a task. If None, every call draws the same
            ones.

    Returns:
        A `Score` on given data, a `Report` on a task; for an ensemble, a list with one of them per
        replica.

    Raises:
        OptionError: If the model has another vocabulary, the task has no label `by`, a length or
            `count` is out of range, or an option does not apply to the data.
        DataError: If the task has no unseen sequences, or there is nothing to predict.
        InputTypeError: If an argument has the wrong type.
        UnknownSymbolError: If a symbol is not in the vocabulary.

    Examples:
        >>> from seqtoys import ElmanCharModel, fit, get_task
        >>> training, held_out = get_task("first_symbol").held_out(0.2)
        >>> model = ElmanCharModel(training.vocab, hidden_size=16)
        >>> history = fit(model, training, epochs=5, lr=0.01)
        >>> report = evaluate(model, training, count=200)
        >>> report.unseen.excess == report.unseen.loss - report.unseen.optimum
        True

        How well does it predict brackets at each depth?

        >>> dyck = get_task("dyck")
        >>> report = evaluate(ElmanCharModel(dyck.vocab), dyck, by="depth", longer=[])
        >>> report.seen.by_label.name, report.seen.by_label.low
        ('depth', [0, 1, 2, 3, 4, 5, 6])

        On given texts, the loss, the accuracy and the perplexity are exact:

        >>> evaluate(ElmanCharModel(Vocab("hielo")), ["hello", "hill"]).perplexity
        Estimate(6.7..., 0.0)
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(f"expected model to be a torch.nn.Module, got {described(model)}")
    check_data(data)
    options = {"by": by, "seen": seen, "count": count, "longer": longer, "generator": generator}
    if isinstance(data, Task):
        if chunk is not None:
            raise OptionError(f"chunk=… cannot be combined with the task {data.name}; omit chunk")
        check_vocab(data, find_vocab(model, vocab))
        found: Any = _evaluate_task(model, data, by, seen, count, longer, generator)
    else:
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise OptionError(f"{given[0]}=… applies only to tasks; got {described(data)}")
        known = find_vocab(model, vocab)
        found = (
            _evaluate_given(model, data, known)
            if chunk is None
            else _evaluate_text(model, to_text(data, known), check_length(chunk, "chunk"), known)
        )
    return found if isinstance(model, Replicated) else found[0]


def _evaluate_given(model: nn.Module, data: TrainingData, vocab: Vocab | None) -> list[Score]:
    """Measure a model on the sequences of given data, each as often as it occurs."""
    batch = to_batch(data, vocab).to("cpu")
    batches = in_groups(batch)
    sums = sum_scores(model, batches, None if vocab is None else len(vocab))
    check_range(batch, sums.symbols)
    optimum = count_baselines(batch, sums.symbols).full_past
    return make_scores(sums, batches, optimum * sums.scored, is_given=True)


def _evaluate_text(
    model: nn.Module, symbols: Tensor, chunk: int, vocab: Vocab | None
) -> list[Score]:
    """Measure a model on one long text, chunk by chunk."""
    assert vocab is not None, "the text has been encoded"
    text = LongText(symbols, streams=1, chunk=chunk, device=device_of(model))
    known = text.count_baselines(len(vocab))
    losses, hits = loss_and_accuracy_in_chunks(model, text)
    return [
        Score(
            sequences=1,
            loss=Estimate(loss),
            optimum=known.full_past,
            excess=Estimate(loss - known.full_past),
            accuracy=Estimate(right),
            whole_accuracy=Estimate(float(round(right * text.scored) == text.scored)),
            memoryless=known.memoryless,
            effective_sequences=1.0,
            is_given=True,
            scored=text.scored,
            uniform=known.uniform,
        )
        for loss, right in zip(losses.view(-1).tolist(), hits.view(-1).tolist(), strict=True)
    ]


def _evaluate_task(
    model: nn.Module,
    task: Task,
    by: str | None,
    seen: Batch | None,
    count: int | None,
    longer: Iterable[int] | None,
    generator: torch.Generator | None,
) -> list[Report]:
    count = check_length(COUNT if count is None else count, "count")
    if seen is not None:
        check_range(seen, len(task.vocab))
    # Not the generator itself: seeded with 0, it would draw the training batches of fit(seed=0).
    generator = generator_for("evaluation", 0 if generator is None else draw_seed(generator))
    whole = task.whole if isinstance(task, TaskSplit) else task
    lengths = whole.longer
    if longer is not None:
        lengths = tuple(check_lengths((n, n))[0] for n in listed("longer", longer))
    parts = list(draw_parts(task, seen, count, lengths, generator))
    scores = {part.name: _score_part(model, whole, part, by) for part in parts}
    return [
        Report(
            task=whole.name,
            scores={name: each[replica] for name, each in scores.items()},
            uniform=math.log(len(whole.vocab)),
            memoryless=as_estimate(whole.memoryless),
            chance=as_estimate(whole.chance),
            lengths=whole.lengths,
            references=whole.references,
        )
        for replica in range(count_replicas(model) or 1)
    ]


def _score_part(model: nn.Module, whole: Task, part: Part, by: str | None) -> list[Score]:
    """Measure each replica on sequences of one kind, against the optimum."""
    rows = None if by is None else find_rows(whole, part.batches, by)
    with _naming(part):
        sums = sum_scores(model, part.batches, len(whole.vocab), allowed=whole.allowed, rows=rows)
    best = to_tensor([part.source.optimal_loss(batch) for batch in part.batches])
    # The loss of the task's source, ignoring any split or chosen length: the same without either.
    is_same = part.source is whole and all(b.length_range is None for b in part.batches)
    natural = (whole.optimal_loss(b.with_length_range(None)) for b in part.batches)
    source = best if is_same else to_tensor(list(natural))
    scores = make_scores(
        sums,
        part.batches,
        best * sums.scored,
        is_given=part.is_given,
        # The optimum of a split may be an estimate.
        optimum_error=getattr(part.source.optimum, "standard_error", 0.0),
        source_loss=float(source @ sums.scored / sums.scored.sum()),
    )
    if rows is None:
        return scores
    assert sums.by_row is not None, "there are rows"
    surprise = surprise_by_row(part.source, part.batches, rows)
    tables = tables_by_label(rows, part.batches, sums.by_row, surprise, is_given=part.is_given)
    return [replace(score, by_label=table) for score, table in zip(scores, tables, strict=True)]


@contextmanager
def _naming(part: Part) -> Iterator[None]:
    """Add a note to what a model raises on sequences that may be longer than it can read."""
    try:
        yield
    except Exception as error:
        if part.is_longer:
            error.add_note(f"on longer sequences, of {part.name}; longer=[…] chooses the lengths")
        raise
