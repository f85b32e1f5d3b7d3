"""Cross-entropy and accuracy over the scored positions."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.batch import UNSCORED


def cross_entropy(
    logits: Float[Tensor, "*replicas batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "*replicas"]:
    """Average the cross-entropy over the scored positions, in nats per scored symbol.

    Args:
        logits: What the model, or each replica, says of each next symbol.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        Where every symbol is as likely as any other, the loss is the logarithm of their number:

        >>> import torch
        >>> cross_entropy(torch.zeros(1, 2, 5), torch.tensor([[3, -100]]))
        tensor(1.6094)
    """
    if logits.ndim == 3:
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNSCORED)
    expanded = targets.expand(logits.shape[:-1])  # (replicas, batch, time)
    losses = F.cross_entropy(
        logits.movedim(-1, 1), expanded, ignore_index=UNSCORED, reduction="none"
    )
    return losses.sum((-2, -1)) / (targets != UNSCORED).sum()


def accuracy(
    predicted: Int[Tensor, "*replicas batch time"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, "*replicas"]:
    """Compute the share of the scored symbols that are predicted.

    Args:
        predicted: The likeliest next symbols.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        >>> import torch
        >>> accuracy(torch.tensor([[1, 1, 1]]), torch.tensor([[1, 2, -100]]))
        tensor(0.5000, dtype=torch.float64)
    """
    hits = (predicted == targets).sum((-2, -1))  # no prediction is -100
    return hits.double() / (targets != UNSCORED).sum()
