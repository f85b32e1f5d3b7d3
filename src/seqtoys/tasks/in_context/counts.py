"""Losses that depend on how often each symbol follows each context, and on nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

LOSSES = ("optimum", "knows the table", "counts single symbols")


def earlier(keys: Int[Tensor, "batch time"]) -> Int[Tensor, "batch time"]:
    """Count how often each key occurs before its position in the same row.

    Examples:
        >>> earlier(torch.tensor([[5, 3, 5, 5]]))
        tensor([[0, 0, 1, 2]])
    """
    ordered, order = keys.sort(dim=1, stable=True)  # (batch, time): equal keys are adjacent
    place = torch.arange(keys.shape[1], device="cpu").expand_as(keys)
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[:, 1:] = ordered.diff(dim=1) != 0
    first = (place * is_first).cummax(1).values  # where the group of each key begins
    return torch.empty_like(keys).scatter_(1, order, place - first)


def tabulate(
    contexts: Int[Tensor, "batch time"], outcomes: Int[Tensor, "batch time"], size: tuple[int, int]
) -> Float[Tensor, "batch contexts outcomes"]:
    """Count how often each outcome follows each context, in each row.

    Args:
        contexts: The contexts.
        outcomes: What follows each of them.
        size: The number of contexts and of outcomes.

    Examples:
        >>> tabulate(torch.tensor([[0, 0, 1]]), torch.tensor([[1, 1, 0]]), (2, 2)).tolist()
        [[[0.0, 2.0], [1.0, 0.0]]]
    """
    table = torch.zeros(len(contexts), size[0] * size[1], dtype=torch.float64, device="cpu")
    ones = torch.ones(contexts.shape, dtype=torch.float64, device="cpu")
    cells = contexts * size[1] + outcomes  # (batch, time)
    counts: Tensor = table.scatter_add_(1, cells, ones).unflatten(1, size)
    return counts


def add_one_loss(
    counts: Float[Tensor, "batch contexts outcomes"],
) -> Float[Tensor, " batch"]:
    """Compute the total loss of the add-one rule, in nats, on sequences with these counts.

    The rule predicts an outcome with probability (n + 1) / (N + k) if it followed its context n
    times out of N, and there are k outcomes. The order of the outcomes does not matter.

    Examples:
        Twice the same of two outcomes: a probability of 1/2, then of 2/3.

        >>> add_one_loss(torch.tensor([[[2.0, 0.0]]])).neg().exp()
        tensor([0.3333])
    """
    k = torch.full_like(counts[..., 0], counts.shape[2])  # (batch, contexts)
    total = (counts.sum(2) + k).lgamma() - k.lgamma()
    return (total - (counts + 1).lgamma().sum(2)).sum(1)


def known_table_loss(
    counts: Float[Tensor, "batch contexts outcomes"],
) -> Float[Tensor, " batch"]:
    """Compute the expected total loss of a model that knows the table, given the counts.

    Given a sequence, each row of a uniform table has a Dirichlet distribution with parameters
    n + 1, in which ln p is digamma(n + 1) - digamma(N + k) on average.

    Examples:
        After one outcome, p has the density 2p, and the mean of -ln p is 1/2:

        >>> known_table_loss(torch.tensor([[[1.0, 0.0]]]))
        tensor([0.5000])
    """
    rows = (counts.sum(2, keepdim=True) + counts.shape[2]).digamma()  # (batch, contexts, 1)
    return (counts * (rows - (counts + 1).digamma())).sum((1, 2))


@dataclass(frozen=True)
class Counts:
    """How often symbols occur in some sequences, and follow each context.

    Attributes:
        table: How often each outcome follows each context.
        symbols: How often each symbol occurs.
        first: How often each symbol occurs among the first ones, which are not scored.
        weights: The probability of sequences with these counts, or 1 for each that was drawn.
    """

    table: Float[Tensor, "rows contexts outcomes"]
    symbols: Float[Tensor, "rows symbols"]
    first: Float[Tensor, "rows symbols"]
    weights: Float[Tensor, " rows"]

    def sums(self) -> Float[Tensor, " losses"]:
        """Return the expected sums of the losses named in `LOSSES`, in nats."""
        whole, first = (part.unsqueeze(1) for part in (self.symbols, self.first))
        each = [
            add_one_loss(self.table),
            known_table_loss(self.table),
            add_one_loss(whole) - add_one_loss(first),
        ]
        return torch.stack(each) @ self.weights

    def repetitions(self) -> float:
        """Return the expected number of symbols that repeat the one before, for order 1."""
        return float(self.table.diagonal(dim1=1, dim2=2).sum(1) @ self.weights)
