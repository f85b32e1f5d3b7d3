"""The worst mistakes of a model, as aligned text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.batch import UNSCORED, Batch
from seqtoys.data.symbols import legible
from seqtoys.data.vocab import Vocab
from seqtoys.models.forward import in_mode, logits_of
from seqtoys.models.metrics import symbol_losses
from seqtoys.support.devices import device_of
from seqtoys.support.tables import align
from seqtoys.tasks.task import Task

SHOWN = 3  # mistakes
LEAST = 0.5  # nats above the optimum, at one position
ROOM = 60  # columns of a sequence; of a longer one, only the part around the mistake is shown


def worst_mistakes(model: nn.Module, task: Task, batches: Sequence[Batch]) -> list[str]:
    """Describe the worst mistakes of a model, at most one per sequence.

    A mistake is a position where the loss is more than half a nat above that of the source, which
    knows everything that can be known there.

    Args:
        model: The model.
        task: The task.
        batches: Sequences of the task.

    Returns:
        For each mistake, the inputs, the targets and the predictions in aligned lines, with a mark
        under the mistake and the probabilities of the right symbol.
    """
    found = [mistake for batch in batches for mistake in _mistakes(model, task, batch)]
    found.sort(reverse=True)
    different = dict.fromkeys(text for _, text in found)  # short sequences occur repeatedly
    return list(different)[:SHOWN]


@torch.no_grad()
def _mistakes(model: nn.Module, task: Task, batch: Batch) -> list[tuple[float, str]]:
    """Return the worst mistakes in a batch: the loss above that of the source, and the text."""
    batch = batch.with_length_range(None)
    with in_mode(model, training=False):
        logits = logits_of(model, batch.inputs.to(device_of(model)), symbols=len(task.vocab))
    logits = logits.cpu().double()  # (batch, time, vocab)
    losses = symbol_losses(logits, batch.targets)  # (batch, time)
    best = task.surprise(batch)
    worst, places = (losses - best).nan_to_num(nan=-1.0).max(1)  # (batch,)
    predicted = logits.argmax(-1).masked_fill(~batch.scored, UNSCORED)  # (batch, time)
    rows = [row for row in worst.argsort(descending=True)[:SHOWN].tolist() if worst[row] > LEAST]
    return [
        (
            float(worst[row]),
            _describe(batch, predicted[row], row, int(places[row]), task.vocab)
            + _compare(losses, best, row, int(places[row])),
        )
        for row in rows
    ]


def _describe(batch: Batch, predicted: Tensor, row: int, place: int, vocab: Vocab) -> str:
    """Return four aligned lines: inputs, targets, predictions, and a mark at a place."""
    end = int(batch.count_symbols()[row])
    lines = [
        [_cell(index, vocab) for index in part[:end].tolist()]
        for part in (batch.inputs[row], batch.targets[row], predicted)
    ]
    marks = ["^" if at == place else "" for at in range(end)]
    cells = [*lines, marks]
    width = sum(max(map(len, column)) + vocab.has_words for column in zip(*cells, strict=True))
    fitting = end if width <= ROOM else max(ROOM * end // width, 1)
    low = min(max(0, place - fitting // 2), end - fitting)
    high = low + fitting
    names = ("inputs", "targets", "predicted", "")
    shown = align([line[low:high] for line in cells], gap=" " if vocab.has_words else "")
    before, after = "…" if low else "", "…" if high < end else ""
    edges = [(before, after)] * 3 + [(" " * len(before), "")]
    pairs = zip(names, shown, edges, strict=True)
    return "\n".join(f"{name:9}  {left}{line}{right}" for name, line, (left, right) in pairs)


def _compare(
    losses: Float[Tensor, "batch time"], best: Float[Tensor, "batch time"], row: int, place: int
) -> str:
    right, source = (float(torch.exp(-each[row, place])) for each in (losses, best))
    return f"\nprobability of the target: model {right:.1%}, optimum {source:.1%}"


def _cell(index: int, vocab: Vocab) -> str:
    return "·" if index == UNSCORED else legible(*vocab.decode([index]))
