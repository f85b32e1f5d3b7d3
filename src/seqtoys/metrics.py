"""Cross-entropy and accuracy over the scored positions."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from seqtoys.batch import UNSCORED


def cross_entropy(
    logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Average the cross-entropy over the scored positions, in nats per scored symbol.

    Args:
        logits: What the model says of each next symbol.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        Where every symbol is as likely as any other, the loss is the logarithm of their number:

        >>> import torch
        >>> cross_entropy(torch.zeros(1, 2, 5), torch.tensor([[3, -100]]))
        tensor(1.6094)
    """
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNSCORED)


def accuracy(predicted: Int[Tensor, "batch time"], targets: Int[Tensor, "batch time"]) -> float:
    """Compute the share of the scored symbols that are predicted.

    Args:
        predicted: The likeliest next symbols.
        targets: The next symbols, -100 where nothing is scored.

    Examples:
        >>> import torch
        >>> accuracy(torch.tensor([[1, 1, 1]]), torch.tensor([[1, 2, -100]]))
        0.5
    """
    hits = (predicted == targets).sum()  # no prediction is -100
    return float(hits / (targets != UNSCORED).sum())
