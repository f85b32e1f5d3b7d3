"""Two ways to lay out the numbers of many networks, and what each multiplies fast."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

BLOCK = 2**20  # numbers: the most that a sum of element-wise products holds at a time


@runtime_checkable
class Layout(Protocol):
    """Where the axes of states `(time, batch, units)` lie, and products along them.

    Attributes:
        time: The axis of the steps.
        positions: The axis of the sequences of a step, or of all steps and sequences flattened.
        units: The axis of the units.
    """

    time: int
    positions: int
    units: int

    def arrange(self, tensor: Tensor) -> Tensor:
        """View `([replicas], …)` in this layout."""

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as `([replicas], …)` again."""

    def store(self, tensor: Tensor) -> Tensor:
        """Copy `([replicas], …)` so that its view in this layout is contiguous."""

    def multiply_add(
        self, total: Tensor, vectors: Tensor, weight: Tensor, *, out: Tensor | None = None
    ) -> Tensor:
        """Compute `total + vectors @ weight`, for a weight whose axes are (from, to)."""

    def sum_of_outer(self, first: Tensor, second: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Sum the outer products of two vectors over all positions."""


class UnitsLast:
    """States are `([replicas,] time, batch, units)`, products those of matrices.

    Examples:
        >>> states, weight = torch.ones(2, 3), torch.eye(3)
        >>> UnitsLast().multiply_add(states, states, weight)
        tensor([[2., 2., 2.],
                [2., 2., 2.]])
    """

    time, positions, units = -3, -2, -1

    def arrange(self, tensor: Tensor) -> Tensor:
        """View `([replicas], …)` in this layout: as it is."""
        return tensor

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as `([replicas], …)` again."""
        return tensor

    def store(self, tensor: Tensor) -> Tensor:
        """Copy `([replicas], …)` so that its view in this layout is contiguous."""
        return tensor.clone(memory_format=torch.contiguous_format)

    def multiply_add(
        self, total: Tensor, vectors: Tensor, weight: Tensor, *, out: Tensor | None = None
    ) -> Tensor:
        """Compute `total + vectors @ weight`, for a weight whose axes are (from, to)."""
        # With one matrix, addmm is 15 % faster than baddbmm (64 x 128 by 128 x 128, one thread).
        multiply = torch.addmm if weight.ndim == 2 else torch.baddbmm
        return multiply(total, vectors, weight, out=out)

    def sum_of_outer(self, first: Tensor, second: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Sum the outer products of two vectors over all positions: one matrix product."""
        return torch.matmul(first.transpose(-1, -2), second, out=out)


class ReplicasLast:
    """States are `(time, batch, units, replicas)`, products element by element.

    A thousand products of 5 x 5 matrices are a thousand small calls; here they are one long loop.

    Examples:
        >>> states, weight = torch.ones(1, 3, 4), torch.eye(3).unsqueeze(-1).expand(3, 3, 4)
        >>> ReplicasLast().multiply_add(states, states, weight).shape
        torch.Size([1, 3, 4])
    """

    time, positions, units = -4, -3, -2

    def arrange(self, tensor: Tensor) -> Tensor:
        """View `(replicas, …)` in this layout."""
        return tensor.movedim(0, -1)

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as `(replicas, …)` again."""
        return tensor.movedim(-1, 0)

    def store(self, tensor: Tensor) -> Tensor:
        """Copy `(replicas, …)` so that its view in this layout is contiguous."""
        return self.restore(self.arrange(tensor).clone(memory_format=torch.contiguous_format))

    def multiply_add(
        self, total: Tensor, vectors: Tensor, weight: Tensor, *, out: Tensor | None = None
    ) -> Tensor:
        """Compute `total + vectors @ weight`, for a weight whose axes are (from, to)."""
        products = vectors.unsqueeze(-2) * weight  # (positions, from, to, replicas)
        return torch.add(total, products.sum(-3), out=out)

    def sum_of_outer(self, first: Tensor, second: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Sum the outer products of two vectors over all positions."""
        pairs = first.unsqueeze(-2), second.unsqueeze(-3)
        rows = max(1, BLOCK // (pairs[0][0].numel() * second.shape[-2]))
        blocks = zip(pairs[0].split(rows), pairs[1].split(rows), strict=True)
        sums = [(a * b).sum(0) for a, b in blocks]  # of (from, to, replicas)
        return torch.sum(torch.stack(sums), 0, out=out)


UNITS_LAST = UnitsLast()
REPLICAS_LAST = ReplicasLast()


def choose_layout(replicas: int, units: int) -> Layout:
    """Choose the layout that trains faster."""
    # Element by element won with up to 8 units for 1,000 replicas, and lost for 100 (one thread,
    # one sequence); the thresholds lie in between.
    return REPLICAS_LAST if units <= 8 and replicas >= 128 else UNITS_LAST
