"""Cross-entropy, accuracy and predictions at the scored positions."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor
from torch.nn import functional as F

from seqtoys.data.batch import UNSCORED, Batch

HELD_LOGITS = 2**20  # the most logits that are converted to double precision at once
EXACT = 256  # every float dtype represents the integers up to here exactly


def cross_entropy(
    logits: Float[Tensor, "*replicas batch time vocab"], batch: Batch
) -> Float[Tensor, "*replicas"]:
    """Compute the mean cross-entropy over the scored positions, in nats per scored symbol.

    Args:
        logits: The logits of the next symbols, of one model or of each replica.
        batch: The sequences.

    Examples:
        With equal logits, the loss is the logarithm of the number of symbols:

        >>> batch = Batch(torch.tensor([[0, 1]]), torch.tensor([[3, -100]]))
        >>> cross_entropy(torch.zeros(1, 2, 5), batch)
        tensor(1.6094)
    """
    targets = batch.targets
    if logits.ndim == 3 and batch.counts is None:
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNSCORED)
    tally = batch.tally
    return (symbol_losses(logits, targets) * tally).sum((-2, -1)) / tally.sum()


def symbol_losses(
    logits: Float[Tensor, "*replicas batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "*replicas batch time"]:
    """Compute the cross-entropy of each position, in nats; 0 where nothing is scored.

    Args:
        logits: The logits of the next symbols, of one model or of each replica.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        >>> symbol_losses(torch.zeros(1, 2, 5), torch.tensor([[3, -100]]))
        tensor([[1.6094, 0.0000]])
    """
    expanded = targets.expand(logits.shape[:-1])  # ([replicas,] batch, time)
    classes_second = logits.movedim(-1, 1)  # the layout that cross_entropy expects
    return F.cross_entropy(classes_second, expanded, ignore_index=UNSCORED, reduction="none")


def precise_losses(
    logits: Float[Tensor, "*replicas batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "*replicas batch time"]:
    """Compute `symbol_losses` in double precision, a few positions at a time.

    Converting all logits of a large vocabulary at once would take several times their memory.

    Args:
        logits: The logits of the next symbols, of one model or of each replica.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        >>> precise_losses(torch.zeros(1, 2, 5), torch.tensor([[3, -100]]))
        tensor([[1.6094, 0.0000]], dtype=torch.float64)
    """
    held = max(1, HELD_LOGITS // logits.shape[-1])
    expected = targets.expand(logits.shape[:-1]).flatten()  # ([replicas *] batch * time,)
    losses = torch.empty_like(expected, dtype=torch.double)
    # Into one tensor: small ones between the large would keep their memory from being reused.
    parts = (x.split(held) for x in (losses, logits.flatten(0, -2), expected))
    for place, rows, each in zip(*parts, strict=True):
        place.copy_(F.cross_entropy(rows.double(), each, ignore_index=UNSCORED, reduction="none"))
    return losses.view(logits.shape[:-1])


def count_hits(
    predicted: Int[Tensor, "*replicas batch time"], batch: Batch
) -> Num[Tensor, "*replicas"]:
    """Count the scored symbols that are predicted correctly.

    Args:
        predicted: The most likely next symbols.
        batch: The sequences.
    """
    # No prediction equals -100.
    if predicted.ndim == 2 and batch.counts is None:
        return predicted.eq(batch.targets).count_nonzero()
    # Comparing floats is twice as fast with many replicas.
    right = predicted.double().eq_(batch.targets)
    if batch.counts is not None:
        right *= batch.counts.unsqueeze(1)
    counted: Tensor = right.sum((-2, -1))
    return counted


def accuracy(
    predicted: Int[Tensor, "*replicas batch time"], batch: Batch
) -> Float[Tensor, "*replicas"]:
    """Compute the fraction of the scored symbols that are predicted correctly.

    Args:
        predicted: The most likely next symbols.
        batch: The sequences.

    Examples:
        >>> batch = Batch(torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, -100]]))
        >>> accuracy(torch.tensor([[1, 1, 1]]), batch)
        tensor(0.5000, dtype=torch.float64)
    """
    return count_hits(predicted, batch).double() / batch.tally.sum()


def likeliest(logits: Tensor, axis: int) -> Tensor:
    """Return the index of the largest logit along the last axis or the second-to-last one.

    Ties go to the first index; if any logit is nan, the index is arbitrary.

    Examples:
        >>> likeliest(torch.tensor([[0.0, 2.0], [1.0, 2.0]]), -2)
        tensor([1, 0])
    """
    count = logits.shape[axis]
    if axis == -1 and logits.ndim == 2:  # twice as fast as max for six positions
        return logits.argmax(-1)
    if axis == -1 or count > EXACT:
        return logits.max(axis).indices
    # Faster than max along another axis: add the number of classes to the index of each logit that
    # is smaller than the largest, and take the smallest sum.
    indices = torch.arange(count, dtype=logits.dtype, device=logits.device).unsqueeze(-1)
    largest = logits.amax(axis, keepdim=True)
    smaller = torch.lt(logits, largest, out=torch.empty_like(logits))
    return torch.add(indices, smaller, alpha=count, out=smaller).amin(axis).long()
