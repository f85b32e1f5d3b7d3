"""Memory layouts for the weights and states of networks, and fast products in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Layout(Protocol):
    """The order of the axes of states `(time, batch, units)`, and products along them.

    Attributes:
        time: The axis of the steps.
        positions: The axis of the sequences of a step, or of steps and sequences flattened.
        units: The axis of the units.
        has_parts: Whether the replicas are trained in parts, one after another, since products are
            faster if the states fit into the CPU cache.
    """

    time: int
    positions: int
    units: int
    has_parts: bool

    def arrange(self, tensor: Tensor) -> Tensor:
        """View `([replicas], …)` in this layout."""

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as `([replicas], …)` again."""

    def store(self, tensor: Tensor) -> Tensor:
        """Copy `([replicas], …)` so that its view in this layout is contiguous."""

    def columns(self, vectors: Tensor) -> Sequence[Tensor]:
        """Split vectors `(positions, units)` along the units, for `multiply_add`."""

    def rows(self, weight: Tensor) -> Sequence[Tensor]:
        """Split a weight with axes (from, to) along the first, for `multiply_add`."""

    def multiply_add(
        self,
        total: Tensor,
        columns: Sequence[Tensor],
        rows: Sequence[Tensor],
        *,
        scale: int = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """Compute `total + scale * vectors @ weight` as a sum of products of columns and rows."""

    def add_outer_(self, total: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Add the outer products of two vectors at all positions to a total, in place."""

    def add_rows_(self, total: Tensor, indices: Tensor, vectors: Tensor) -> Tensor:
        """Add the vectors of all positions to the rows of a total with these indices, in place."""

    def per_position(self, numbers: Tensor) -> Tensor:
        """View numbers `(positions,)` so that they broadcast over vectors and replicas."""

    def locate(self, targets: Tensor, classes: int, replicas: int) -> Tensor:
        """Prepare the targets of some positions for `pick` and `add_at_`."""

    def pick(self, logits: Tensor, located: Tensor, axis: int) -> Tensor:
        """Return the logit of each position's target; `axis` is that of the classes."""

    def add_at_(self, logits: Tensor, located: Tensor, axis: int, numbers: Tensor) -> Tensor:
        """Add numbers `per_position` to the logits of the targets, in place."""


class UnitsLast:
    """The states of one network are `(time, batch, units)`; products are matrix products.

    Examples:
        >>> layout, states, weight = UnitsLast(), torch.ones(2, 3), torch.eye(3)
        >>> layout.multiply_add(states, layout.columns(states), layout.rows(weight))
        tensor([[2., 2., 2.],
                [2., 2., 2.]])
    """

    time = -3
    positions = -2
    units = -1
    has_parts = False

    def arrange(self, tensor: Tensor) -> Tensor:
        """View a tensor in this layout: unchanged."""
        return tensor

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as it was."""
        return tensor

    def store(self, tensor: Tensor) -> Tensor:
        """Copy a tensor so that its view in this layout is contiguous."""
        return tensor.clone(memory_format=torch.contiguous_format)

    def columns(self, vectors: Tensor) -> Sequence[Tensor]:
        """Return vectors `(positions, units)` in one piece: a matrix product sums over all."""
        return (vectors,)

    def rows(self, weight: Tensor) -> Sequence[Tensor]:
        """Return a weight with axes (from, to) in one piece."""
        return (weight,)

    def multiply_add(
        self,
        total: Tensor,
        columns: Sequence[Tensor],
        rows: Sequence[Tensor],
        *,
        scale: int = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """Compute `total + scale * vectors @ weight`."""
        (vectors,), (weight,) = columns, rows
        if out is total:  # a third faster than with out, for 5 units
            return total.addmm_(vectors, weight, alpha=scale)
        return torch.addmm(total, vectors, weight, alpha=scale, out=out)

    def add_outer_(self, total: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Add the outer products of two vectors at all positions, as a matrix product."""
        return total.addmm_(first.transpose(-1, -2), second)

    def add_rows_(self, total: Tensor, indices: Tensor, vectors: Tensor) -> Tensor:
        """Add the vectors of all positions to the rows of a total with these indices."""
        return total.index_add_(self.positions, indices, vectors)

    def per_position(self, numbers: Tensor) -> Tensor:
        """View numbers `(positions,)` so that they broadcast over vectors and replicas."""
        return numbers.unsqueeze(-1)

    def locate(self, targets: Tensor, classes: int, replicas: int) -> Tensor:
        """Prepare the targets of some positions: indices along the axis of the classes."""
        return targets.unsqueeze(-1)  # (positions, 1)

    def pick(self, logits: Tensor, located: Tensor, axis: int) -> Tensor:
        """Return the logit of each position's target; `axis` is that of the classes."""
        return logits.gather(axis, located)

    def add_at_(self, logits: Tensor, located: Tensor, axis: int, numbers: Tensor) -> Tensor:
        """Add numbers `per_position` to the logits of the targets."""
        return logits.scatter_add_(axis, located, numbers.expand_as(located))


class ReplicasFirst(UnitsLast):
    """States are `(replicas, time, batch, units)`; products are batches of matrix products.

    Examples:
        >>> layout, states, weight = ReplicasFirst(), torch.ones(4, 2, 3), torch.ones(4, 3, 3)
        >>> layout.multiply_add(states, layout.columns(states), layout.rows(weight)).shape
        torch.Size([4, 2, 3])
    """

    has_parts = True

    def multiply_add(
        self,
        total: Tensor,
        columns: Sequence[Tensor],
        rows: Sequence[Tensor],
        *,
        scale: int = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """Compute `total + scale * vectors @ weight`; `out` is contiguous, or its transpose."""
        (vectors,), (weight,) = columns, rows
        if out is not None and not out.is_contiguous():
            # PyTorch batches products only if the result is contiguous: compute the transpose.
            torch.baddbmm(total.mT, weight.mT, vectors.mT, alpha=scale, out=out.mT)
            return out
        return torch.baddbmm(total, vectors, weight, alpha=scale, out=out)

    def add_outer_(self, total: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Add the outer products of two vectors at all positions, as a matrix product."""
        return total.baddbmm_(first.mT, second)

    def add_rows_(self, total: Tensor, indices: Tensor, vectors: Tensor) -> Tensor:
        """Add the vectors of all positions to the rows of a total with these indices."""
        replicas, count, units = total.shape
        if count > units:
            return super().add_rows_(total, indices, vectors)
        # index_add_ adds position by position; for few rows, a product with one-hots is faster.
        eye = torch.eye(count, dtype=total.dtype, device=total.device)
        one_hots = eye.index_select(0, indices)  # (positions, symbols)
        return total.baddbmm_(one_hots.T.expand(replicas, count, -1), vectors)

    def locate(self, targets: Tensor, classes: int, replicas: int) -> Tensor:
        """Prepare the targets of some positions: indices along the axis of the classes."""
        return targets.unsqueeze(-1).expand(replicas, -1, 1)


class ReplicasLast:
    """States are `(time, batch, units, replicas)`; products are elementwise.

    A thousand products of 5 x 5 matrices would be a thousand small calls; here they are one loop.

    Examples:
        >>> layout, states = ReplicasLast(), torch.ones(1, 3, 4)
        >>> columns, rows = layout.columns(states), layout.rows(torch.ones(3, 3, 4))
        >>> layout.multiply_add(states, columns, rows).shape
        torch.Size([1, 3, 4])
    """

    time = -4
    positions = -3
    units = -2
    has_parts = False

    def arrange(self, tensor: Tensor) -> Tensor:
        """View `(replicas, …)` in this layout."""
        return tensor.movedim(0, -1)

    def restore(self, tensor: Tensor) -> Tensor:
        """View a tensor of this layout as `(replicas, …)` again."""
        return tensor.movedim(-1, 0)

    def store(self, tensor: Tensor) -> Tensor:
        """Copy `(replicas, …)` so that its view in this layout is contiguous."""
        return self.restore(self.arrange(tensor).clone(memory_format=torch.contiguous_format))

    def columns(self, vectors: Tensor) -> Sequence[Tensor]:
        """Split vectors `(positions, units)` into their units."""
        return vectors.unsqueeze(-2).unbind(-3)

    def rows(self, weight: Tensor) -> Sequence[Tensor]:
        """Split a weight with axes (from, to) into its rows."""
        return weight.unbind(-3)

    def multiply_add(
        self,
        total: Tensor,
        columns: Sequence[Tensor],
        rows: Sequence[Tensor],
        *,
        scale: int = 1,
        out: Tensor | None = None,
    ) -> Tensor:
        """Compute `total + scale * vectors @ weight`, unit by unit."""
        for column, row in zip(columns, rows, strict=True):
            if out is total:  # faster than with out, for few numbers
                total.addcmul_(column, row, value=scale)  # (positions, to, replicas)
            else:
                total = torch.addcmul(total, column, row, value=scale, out=out)
        return total

    def add_outer_(self, total: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Add the outer products of two vectors at all positions to a total."""
        # One position at a time: all products at once would not fit into the CPU cache.
        positions = first.unsqueeze(-2).unbind(-4), second.unsqueeze(-3).unbind(-4)
        for left, right in zip(*positions, strict=True):
            total.addcmul_(left, right)  # (from, to, replicas)
        return total

    def add_rows_(self, total: Tensor, indices: Tensor, vectors: Tensor) -> Tensor:
        """Add the vectors of all positions to the rows of a total with these indices."""
        return total.index_add_(self.positions, indices, vectors)

    def per_position(self, numbers: Tensor) -> Tensor:
        """View numbers `(positions,)` so that they broadcast over vectors and replicas."""
        return numbers.unsqueeze(-1).unsqueeze(-1)  # (positions, 1, 1)

    def locate(self, targets: Tensor, classes: int, replicas: int) -> Tensor:
        """Prepare the targets of some positions: indices along positions and classes, flattened.

        Such an index selects the logits of all replicas, which gather would look up one by one.
        """
        return targets + classes * torch.arange(len(targets))

    def pick(self, logits: Tensor, located: Tensor, axis: int) -> Tensor:
        """Return the logit of each position's target; `axis` is that of the classes."""
        picked = logits.flatten(self.positions, self.units).index_select(0, located)
        return picked.unsqueeze(axis)  # (positions, replicas) -> (positions, 1, replicas)

    def add_at_(self, logits: Tensor, located: Tensor, axis: int, numbers: Tensor) -> Tensor:
        """Add numbers `per_position` to the logits of the targets."""
        flat = logits.view(-1, logits.shape[-1])  # (positions * classes, replicas)
        flat.index_add_(0, located, numbers.squeeze(axis).expand(-1, logits.shape[-1]))
        return logits


UNITS_LAST = UnitsLast()
REPLICAS_FIRST = ReplicasFirst()
REPLICAS_LAST = ReplicasLast()


def choose_layout(replicas: int, units: int) -> Layout:
    """Choose the layout in which an ensemble trains faster."""
    # Time of fit with replicas last relative to replicas first, on one thread, for one sequence
    # of 6 symbols and for 32 of them (python -m benchmarks.layouts):
    #
    #   units    128 replicas   256 replicas   1,000 replicas
    #       5    1.06   1.14    0.78   0.58    0.52   0.65
    #       8    0.84   1.43    0.72   0.90    0.51   0.70
    #      12    0.86   1.54    0.75   1.28    0.51   1.08
    #      16    1.21   1.77    0.86   1.45    0.63   1.54
    #      32    1.70   1.91    1.73   2.01    1.16   1.82
    return REPLICAS_LAST if units <= 12 and replicas >= 32 * units else REPLICAS_FIRST
